"""Softmax, and its logarithm."""

import numpy as np

from legonet.arrays import Array, classes_first, rows
from legonet.special.sums import wide_sum


def softmax(x: Array) -> Array:
    """Return e^x of each entry over their sum along the last axis.

    The largest entry of each row is subtracted first, so nothing overflows. An entry of -infinity has the share 0; a
    row of nothing else, or one with +infinity or NaN in it, gives NaN.

    Parameters
    ----------
    x : numpy.ndarray
        Of shape (..., n).

    Returns
    -------
    numpy.ndarray
        Of the same shape and dtype; each row sums to 1.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet.special import softmax
    >>> softmax(np.array([[1000.0, 1000.0, -np.inf]]))
    array([[0.5, 0.5, 0. ]])
    """
    z = classes_first(rows(x))
    e = np.exp(z - np.maximum.reduce(z, 0, initial=-np.inf))
    e /= wide_sum(e.T)
    return np.ascontiguousarray(e.T).reshape(x.shape)


def log_softmax(x: Array) -> Array:
    """Return the logarithm of `softmax`, which keeps its digits where softmax is 0 or 1.

    With m the largest entry of a row, it is x - m - log(1 + sum of e^(x - m) over all others): the term of m itself,
    which is 1, is left to ``log1p``. So a share that rounds to 1 still has its logarithm: that of [0, -40] is
    [-4.2e-18, -40]. An entry of -infinity stays one; a row of nothing else, or one with +infinity or NaN in it, gives
    NaN.

    Parameters
    ----------
    x : numpy.ndarray
        Of shape (..., n).

    Returns
    -------
    numpy.ndarray
        Of the same shape and dtype.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet.special import log_softmax
    >>> log_softmax(np.array([[0.0, -40.0]]))
    array([[-4.24835426e-18, -4.00000000e+01]])
    """
    if not x.size:
        return x.copy()
    z = rows(x)
    largest, row = z.argmax(axis=1), np.arange(len(z))
    m = z[row, largest]
    y: Array = classes_first(z) - m
    e = np.exp(y)
    e[largest, row] = m - m  # 0; NaN where m is infinite or NaN
    y -= np.log1p(wide_sum(e.T))
    return np.ascontiguousarray(y.T).reshape(x.shape)
