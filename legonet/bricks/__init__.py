"""Layers: one brick, one file, both passes on one screen."""

from .elu import ELU
from .embedding import Embedding
from .gru import GRU
from .leaky_relu import LeakyReLU
from .linear import Linear
from .lstm import LSTM
from .relu import ReLU
from .rnn import RNN
from .sigmoid import Sigmoid
from .sinusoidal_positions import SinusoidalPositions
from .softplus import Softplus
from .tanh import Tanh

__all__ = [
    "ELU",
    "GRU",
    "LSTM",
    "RNN",
    "Embedding",
    "LeakyReLU",
    "Linear",
    "ReLU",
    "Sigmoid",
    "SinusoidalPositions",
    "Softplus",
    "Tanh",
]
