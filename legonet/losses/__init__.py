"""Losses: how far an output is from its target, as one number."""

from .binary_cross_entropy import BinaryCrossEntropyLoss
from .cross_entropy import CrossEntropyLoss
from .huber import HuberLoss
from .kl_divergence import KLDivergenceLoss
from .l1 import L1Loss
from .mse import MSELoss

__all__ = ["BinaryCrossEntropyLoss", "CrossEntropyLoss", "HuberLoss", "KLDivergenceLoss", "L1Loss", "MSELoss"]
