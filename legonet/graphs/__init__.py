"""Containers: bricks made of bricks."""

from .bidirectional import Bidirectional
from .graph import Graph
from .mermaid import mermaid
from .parallel import Parallel
from .residual import Residual
from .sequential import Sequential
from .transformer_block import TransformerBlock

__all__ = [
    "Bidirectional",
    "Graph",
    "Parallel",
    "Residual",
    "Sequential",
    "TransformerBlock",
    "mermaid",
]
