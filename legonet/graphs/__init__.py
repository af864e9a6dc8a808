"""Containers: bricks made of bricks."""

from .residual import Residual
from .sequential import Sequential

__all__ = ["Residual", "Sequential"]
