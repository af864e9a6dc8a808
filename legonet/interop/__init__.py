"""Adapters: bricks made of what was written elsewhere, so that `legonet.testing` can check it.

A foreign library is imported only when its adapter is called.
"""

from .functions import from_functions
from .jax import from_jax
from .objects import from_object
from .thinc import from_thinc
from .torch import from_torch
from .value_and_gradient import from_value_and_gradient

__all__ = [
    "from_functions",
    "from_jax",
    "from_object",
    "from_thinc",
    "from_torch",
    "from_value_and_gradient",
]
