"""Containers: bricks made of bricks."""

from .bidirectional import Bidirectional
from .residual import Residual
from .sequential import Sequential

__all__ = ["Bidirectional", "Residual", "Sequential"]
