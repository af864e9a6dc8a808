"""Layers: one brick, one file, both passes on one screen."""

from .add import Add
from .concatenate import Concatenate
from .elu import ELU
from .leaky_relu import LeakyReLU
from .linear import Linear
from .mean import Mean
from .multiply import Multiply
from .relu import ReLU
from .sigmoid import Sigmoid
from .softplus import Softplus
from .tanh import Tanh

__all__ = [
    "ELU",
    "Add",
    "Concatenate",
    "LeakyReLU",
    "Linear",
    "Mean",
    "Multiply",
    "ReLU",
    "Sigmoid",
    "Softplus",
    "Tanh",
]
