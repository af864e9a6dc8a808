"""Layers: one brick, one file, both passes on one screen."""

from .elu import ELU
from .gelu import GELU
from .leaky_relu import LeakyReLU
from .linear import Linear
from .log_softmax import LogSoftmax
from .prelu import PReLU
from .relu import ReLU
from .sigmoid import Sigmoid
from .silu import SiLU
from .softmax import Softmax
from .softplus import Softplus
from .tanh import Tanh

__all__ = [
    "ELU",
    "GELU",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "PReLU",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
]
