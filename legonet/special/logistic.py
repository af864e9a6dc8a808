"""The logistic sigmoid, its integral the softplus, and x times it, the SiLU."""

import numpy as np

from legonet.arrays import Array
from legonet.special.blocks import in_blocks, largest_exponent, mirrored, times_exp_if_negative

# The root of the slope of SiLU, as the nearest float64 and what is missing there.
_SILU_ROOT, _SILU_ROOT_REST = -1.2784645427610737, -1.0946994183093437e-16
_E_TO_SILU_ROOT = 0.2784645427610738


def sigmoid(x: Array) -> Array:
    """Return the logistic sigmoid 1 / (1 + e^-x) of each entry, within 2 ULP for every finite number.

    Written as n - n e^-abs(x) / (1 + e^-abs(x)) with n = e^min(x, 0), which never overflows and keeps the tail.

    Parameters
    ----------
    x : numpy.ndarray
        Any shape.

    Returns
    -------
    numpy.ndarray
        Of the same shape and dtype.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet.special import sigmoid
    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    e = np.exp(-np.abs(x))
    n = np.maximum(e, (x >= 0.0).astype(e.dtype))  # e^min(x, 0): 1 from 0 on
    y: Array = n - n * (e / (1.0 + e))
    return y


def softplus(x: Array) -> Array:
    """Return log(1 + e^x) of each entry, within 2 ULP for every finite number.

    Written as max(x, 0) + log(1 + e^-abs(x)), which never overflows and keeps the tail.

    Parameters
    ----------
    x : numpy.ndarray
        Any shape.

    Returns
    -------
    numpy.ndarray
        Of the same shape and dtype.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet.special import softplus
    >>> softplus(np.array([-40.0, 1000.0]))
    array([4.24835426e-18, 1.00000000e+03])
    """
    y: Array = np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))
    return y


def silu(x: Array) -> Array:
    """Return x / (1 + e^-x) of each entry, within 2 ULP for every finite number.

    Where e^-x would overflow, its exponent is cut, and what is left of it multiplies the fraction.

    Parameters
    ----------
    x : numpy.ndarray
        Any shape.

    Returns
    -------
    numpy.ndarray
        Of the same shape and dtype.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet.special import silu
    >>> silu(np.array([-np.inf, -710.2, 1.0]))
    array([-0.00000000e+000, -2.60279294e-306,  7.31058579e-001])
    """
    return in_blocks(_silu, x, np.float32)


def _silu(x: Array) -> Array:
    x = np.maximum(x, -1000.0)  # where y is 0, as at -infinity
    top = largest_exponent(x.dtype)
    return times_exp_if_negative(x / (1.0 + np.exp(np.minimum(-x, top))), x + top)


def silu_slope(x: Array) -> Array:
    """Return the derivative of `silu` by each entry, within 4 ULP for every finite number.

    At -a, with a = abs(x), it is (1 - a + e^-a) / (2 + e^a + e^-a); at a, it is 1 less that. The numerator has a root
    r = -1.278, near which its digits would cancel. With u = -a - r it is u + e^r (e^u - 1), whose terms have one sign.

    Parameters
    ----------
    x : numpy.ndarray
        Any shape.

    Returns
    -------
    numpy.ndarray
        Of the same shape and dtype.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet.special import silu_slope
    >>> silu_slope(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    return in_blocks(_silu_slope, x, np.float32)


def _silu_slope(x: Array) -> Array:
    a = np.minimum(np.abs(x), 1000.0)
    top = largest_exponent(a.dtype)
    root = a.dtype.type(_SILU_ROOT)
    u = -root - a - a.dtype.type(_SILU_ROOT - float(root) + _SILU_ROOT_REST)
    e = np.exp(np.minimum(a, top))
    below = (u + _E_TO_SILU_ROOT * np.expm1(u)) / (e + (2.0 + 1.0 / e))
    return mirrored(x, times_exp_if_negative(below, top - a))
