"""Layers: one brick, one file, both passes on one screen."""

from .batch_norm import BatchNorm
from .dropout import Dropout
from .elu import ELU
from .embedding import Embedding
from .flatten import Flatten
from .gaussian_noise import GaussianNoise
from .gelu import GELU
from .gru import GRU
from .last_step import LastStep
from .layer_norm import LayerNorm
from .leaky_relu import LeakyReLU
from .linear import Linear
from .log_softmax import LogSoftmax
from .lstm import LSTM
from .multi_head_attention import MultiHeadAttention
from .prelu import PReLU
from .relu import ReLU
from .reshape import Reshape
from .rms_norm import RMSNorm
from .rnn import RNN
from .sigmoid import Sigmoid
from .silu import SiLU
from .sinusoidal_positions import SinusoidalPositions
from .softmax import Softmax
from .softplus import Softplus
from .tanh import Tanh
from .transpose import Transpose

__all__ = [
    "ELU",
    "GELU",
    "GRU",
    "LSTM",
    "RNN",
    "BatchNorm",
    "Dropout",
    "Embedding",
    "Flatten",
    "GaussianNoise",
    "LastStep",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "MultiHeadAttention",
    "PReLU",
    "RMSNorm",
    "ReLU",
    "Reshape",
    "SiLU",
    "Sigmoid",
    "SinusoidalPositions",
    "Softmax",
    "Softplus",
    "Tanh",
    "Transpose",
]
