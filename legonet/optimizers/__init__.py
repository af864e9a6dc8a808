"""Optimizers: from gradients to better parameters."""

from .adam import Adam
from .adamw import AdamW
from .flat import Flat, FlatParameters
from .groups import Group, Options
from .optimizer import Optimizer
from .rmsprop import RMSProp
from .sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Flat", "FlatParameters", "Group", "Optimizer", "Options", "RMSProp"]
