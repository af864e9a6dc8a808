"""Layers: one brick, one file, both passes on one screen."""

from .linear import Linear
from .sigmoid import Sigmoid
from .tanh import Tanh

__all__ = ["Linear", "Sigmoid", "Tanh"]
