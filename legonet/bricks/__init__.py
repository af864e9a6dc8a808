"""Layers: one brick, one file, both passes on one screen."""

from .elu import ELU
from .leaky_relu import LeakyReLU
from .linear import Linear
from .multi_head_attention import MultiHeadAttention
from .relu import ReLU
from .sigmoid import Sigmoid
from .softplus import Softplus
from .tanh import Tanh

__all__ = ["ELU", "LeakyReLU", "Linear", "MultiHeadAttention", "ReLU", "Sigmoid", "Softplus", "Tanh"]
