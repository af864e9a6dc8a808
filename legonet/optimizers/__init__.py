"""Optimizers: from gradients to better parameters."""

from .flat import FlatParameters
from .sgd import SGD

__all__ = ["SGD", "FlatParameters"]
