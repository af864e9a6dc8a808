"""Proof: is the backward method the derivative of the forward method, and if not, what is wrong with it."""

from .check import check_brick
from .inputs import Floats, Integers
from .network import check_network
from .numeric import numeric_gradient
from .property import brick_test
from .report import Report

__all__ = ["Floats", "Integers", "Report", "brick_test", "check_brick", "check_network", "numeric_gradient"]
