"""Containers: bricks made of bricks."""

from .bidirectional import Bidirectional
from .residual import Residual
from .sequential import Sequential
from .transformer_block import TransformerBlock

__all__ = ["Bidirectional", "Residual", "Sequential", "TransformerBlock"]
