"""Layers: one brick, one file, both passes on one screen."""

from .elu import ELU
from .leaky_relu import LeakyReLU
from .linear import Linear
from .relu import ReLU
from .sigmoid import Sigmoid
from .softplus import Softplus
from .tanh import Tanh

__all__ = ["ELU", "LeakyReLU", "Linear", "ReLU", "Sigmoid", "Softplus", "Tanh"]
