"""The worked mathematics of a training step."""

from .entries import Entry
from .explain import explain
from .explanation import Explanation

__all__ = ["Entry", "Explanation", "explain"]
