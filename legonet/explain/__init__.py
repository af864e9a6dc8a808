"""The worked mathematics of a training step."""

from .explain import explain
from .explanation import Explanation

__all__ = ["Explanation", "explain"]
