"""Optimizers: from gradients to better parameters, at a rate that follows a schedule."""

from .adam import Adam
from .adamw import AdamW
from .averaging import MovingAverage
from .clipping import clip_norm, clip_values
from .flat import FlatParameters
from .groups import Group
from .optimizer import Optimizer
from .rmsprop import RMSProp
from .schedules import (
    Constant,
    CosineDecay,
    ExponentialDecay,
    LinearDecay,
    OneCycle,
    ReduceOnPlateau,
    Schedule,
    StepDecay,
    WarmUp,
)
from .sgd import SGD

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Constant",
    "CosineDecay",
    "ExponentialDecay",
    "FlatParameters",
    "Group",
    "LinearDecay",
    "MovingAverage",
    "OneCycle",
    "Optimizer",
    "RMSProp",
    "ReduceOnPlateau",
    "Schedule",
    "StepDecay",
    "WarmUp",
    "clip_norm",
    "clip_values",
]
