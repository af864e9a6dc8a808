"""Functions that several bricks are made of, in the form that keeps every digit."""

import numpy as np

from legonet.arrays import Array


def sigmoid(x: Array) -> Array:
    """Return the logistic sigmoid 1 / (1 + e^-x) of each entry, within 2 ULP for every finite number.

    Written as n - n e^-|x| / (1 + e^-|x|) with n = e^min(x, 0), which never overflows and keeps the tail.

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
    n, e = np.exp(np.minimum(x, 0.0)), np.exp(-np.abs(x))
    y: Array = n - n * (e / (1.0 + e))
    return y


def softplus(x: Array) -> Array:
    """Return log(1 + e^x) of each entry, within 2 ULP for every finite number.

    Written as max(x, 0) + log(1 + e^-|x|), which never overflows and keeps the tail.

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
    e = np.exp(x - np.max(x, axis=-1, keepdims=True, initial=-np.inf))
    y: Array = e / e.sum(axis=-1, keepdims=True)
    return y


def log_softmax(x: Array) -> Array:
    """Return the logarithm of `softmax`, which keeps its digits where softmax is 0 or 1.

    With m the largest entry of a row, it is x - m - log(1 + sum of e^(x - m) over all others): the term of m itself,
    which is 1, is left to ``log1p``. So a share that rounds to 1 still has its logarithm: that of [0, -40] is
    [-4.2e-18, -40].

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
    largest = x.argmax(axis=-1)[..., np.newaxis]
    shifted = x - np.take_along_axis(x, largest, axis=-1)
    e = np.exp(shifted)
    np.put_along_axis(e, largest, 0.0, axis=-1)
    y: Array = shifted - np.log1p(e.sum(axis=-1, keepdims=True))
    return y
