"""Explanation: the worked mathematics of a training step, every formula with its numbers and its result."""

from .entries import Entry
from .explain import explain
from .explanation import Explanation
from .trace import Badge, Bracket, Difference, Failure, Formula, Step, Symbol, Term

__all__ = [
    "Badge",
    "Bracket",
    "Difference",
    "Entry",
    "Explanation",
    "Failure",
    "Formula",
    "Step",
    "Symbol",
    "Term",
    "explain",
]
