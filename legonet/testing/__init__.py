"""Proof: is the backward method the derivative of the forward method."""

from .check import check_brick
from .numeric import numeric_gradient

__all__ = ["check_brick", "numeric_gradient"]
