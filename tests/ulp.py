"""How exact an elementwise function is, in units of the last place, against mpmath."""

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np

from legonet import Array

_EDGES = [
    *(0.0, 5e-324, 1e-310, 2.2250738585072014e-308, 1e-300, 1e-20, 2.0**-53, 2.0**-52, 1e-8, 1e-3),
    *(1.132279488185969, 1.1697217061200873, 4.148887378534622, 4.850484154450964, 5.54466693377921),
    *(0.5363533966628796, 18.7, 19.06, 20.0, 36.04, 36.74, 37.0, 40.0, 88.72, 100.0, 103.97, 600.0),
    *(708.4, 709.78, 709.79, 710.0, 745.13, 745.14, 746.0, 1e3, 1e10, 1e308, np.finfo(np.float64).max),
]
WORST_POINTS: Array = np.array([*_EDGES, *(-edge for edge in _EDGES)])
"""Where exponentials overflow, underflow or saturate, where errors were found largest, and the ends of the range."""

EVERY_FLOAT16: Array = np.arange(2**16, dtype=np.uint16).view(np.float16)


def points(dtype: Any, seed: int = 0) -> Array:
    """Draw numbers of both signs with every exponent, and more where sigmoid and tanh bend."""
    rng, limits = np.random.default_rng(seed), np.finfo(dtype)
    exponents = np.arange(np.log2(limits.smallest_subnormal), limits.maxexp - 1)
    spread = np.ldexp(rng.uniform(1, 2, exponents.shape), exponents.astype(int))
    bent = rng.uniform(-1, 1, (4, 500)) * np.array([[5.0], [20.0], [100.0], [750.0]])
    return np.concatenate([spread, -spread, bent.ravel()]).astype(dtype)


def unit_in_the_last_place(y: Any) -> Any:
    """Return the spacing of numbers; the one after the largest is infinity, which is no spacing."""
    return np.spacing(np.minimum(y, y.dtype.type(0.75) * np.finfo(y.dtype).max))


def error_in_ulp(function: Callable[[Array], Array], exact: Callable[[Any], Any], x: Array) -> float:
    """Return the largest error; one of a subnormal result counts double, so that 2 means one smallest number."""
    y, limits, largest = function(x), np.finfo(x.dtype), 0.0
    assert y.dtype == x.dtype
    with mpmath.workprec(200):
        for argument, value in zip(x.tolist(), y.tolist(), strict=True):
            true = exact(mpmath.mpf(argument))
            unit = float(unit_in_the_last_place(x.dtype.type(abs(float(true)))))
            weight = 2 if abs(true) < float(limits.smallest_normal) else 1
            largest = max(largest, weight * float(abs(value - true) / unit))
    return largest


def absolute_error(function: Callable[[Array], Array], exact: Callable[[Any], Any], x: Array) -> float:
    """Return the largest error in eps."""
    with mpmath.workprec(200):
        pairs = zip(x.tolist(), function(x).tolist(), strict=True)
        error = max(abs(value - exact(mpmath.mpf(argument))) for argument, value in pairs)
    return float(error / float(np.finfo(x.dtype).eps))


def float16_error_in_ulp(function: Callable[[Array], Array]) -> float:
    """Return the largest error over every finite float16, against the same function in float64."""
    x = EVERY_FLOAT16[np.isfinite(EVERY_FLOAT16)]
    y, true = function(x), function(x.astype(np.float64))
    assert y.dtype == np.float16
    return float(np.max(np.abs(y - true) / unit_in_the_last_place(np.abs(true).astype(np.float16)).astype(np.float64)))
