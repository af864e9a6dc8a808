"""Layers: one brick, one file, both passes on one screen."""

from .add import Add
from .average import Average
from .avg_pool2d import AvgPool2d
from .batch_norm import BatchNorm
from .concatenate import Concatenate
from .conv1d import Conv1d
from .conv2d import Conv2d
from .conv_transpose2d import ConvTranspose2d
from .dropout import Dropout
from .elu import ELU
from .embedding import Embedding
from .flatten import Flatten
from .gaussian_noise import GaussianNoise
from .gelu import GELU
from .global_avg_pool1d import GlobalAvgPool1d
from .global_avg_pool2d import GlobalAvgPool2d
from .gru import GRU
from .last_step import LastStep
from .layer_norm import LayerNorm
from .leaky_relu import LeakyReLU
from .linear import Linear
from .log_softmax import LogSoftmax
from .lstm import LSTM
from .max_pool2d import MaxPool2d
from .multi_head_attention import MultiHeadAttention
from .multiply import Multiply
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
    "Add",
    "Average",
    "AvgPool2d",
    "BatchNorm",
    "Concatenate",
    "Conv1d",
    "Conv2d",
    "ConvTranspose2d",
    "Dropout",
    "Embedding",
    "Flatten",
    "GaussianNoise",
    "GlobalAvgPool1d",
    "GlobalAvgPool2d",
    "LastStep",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "MaxPool2d",
    "MultiHeadAttention",
    "Multiply",
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
