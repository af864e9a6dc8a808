"""Containers: bricks made of bricks."""

from .graph import Graph
from .mermaid import mermaid
from .parallel import Parallel
from .residual import Residual
from .sequential import Sequential

__all__ = ["Graph", "Parallel", "Residual", "Sequential", "mermaid"]
