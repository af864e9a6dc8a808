"""Regularizers: a price on the parameters themselves."""

from .l2 import L2Regularizer

__all__ = ["L2Regularizer"]
