"""Losses: how far an output is from its target, as one number."""

from .cross_entropy import CrossEntropyLoss
from .mse import MSELoss

__all__ = ["CrossEntropyLoss", "MSELoss"]
