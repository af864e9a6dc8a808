"""Losses: how far an output is from its target, as one number."""

from .mse import MSELoss

__all__ = ["MSELoss"]
