"""What the kernels of SiLU and GELU share: blocks that fit the cache, slopes by their symmetry, ends of the range."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from legonet.arrays import Array

_BLOCK = 16384


def in_blocks(function: Callable[[Array], Array], x: Array, least: npt.DTypeLike) -> Array:
    """Return an elementwise function, computed in a dtype of so many digits at least, in blocks that fit the cache."""
    dtype = np.promote_types(x.dtype, least)
    flat, y = x.ravel(), np.empty(x.size, x.dtype.newbyteorder("="))
    for start in range(0, x.size, _BLOCK):
        block = slice(start, start + _BLOCK)
        y[block] = function(flat[block].astype(dtype, copy=False))
    return y.reshape(x.shape)


def mirrored(x: Array, below: Array) -> Array:
    """Return a slope from that at -abs(x): the slopes at -a and a sum to 1."""
    above = (x > 0.0).astype(below.dtype)
    return above + (1.0 - 2.0 * above) * below


def times_exp_if_negative(y: Array, exponent: Array) -> Array:
    """Multiply y by e^exponent where that is less than 1: the part of an exponential that would be too small alone."""
    far = exponent < 0.0
    if far.any():
        y[far] *= np.exp(exponent[far])
    return y


def largest_exponent(dtype: np.dtype[Any]) -> Any:
    """Return an exponent just below the one from which on an exponential overflows."""
    return dtype.type(709.0 if dtype.itemsize > 4 else 88.0)
