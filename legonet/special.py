"""Functions that several bricks are made of, in the form that keeps every digit."""

import numpy as np

from legonet.arrays import Array, quiet, rows


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
    z = classes_first(rows(x))
    largest, columns = z.argmax(axis=0), np.arange(z.shape[1])
    shifted = z - z[largest, columns]
    e = np.exp(shifted)
    e[largest, columns] = 0.0
    y: Array = shifted - np.log1p(e.sum(axis=0))
    return y.T.reshape(x.shape)


def row_means(x: Array) -> Array:
    """Return the mean of each row, as a column.

    Written as the product x (1/n): a BLAS product takes a fraction of the time of ``x.mean(axis=1)``, and no sum on
    the way is larger than the largest entry.

    Parameters
    ----------
    x : numpy.ndarray
        Of shape (rows, n).

    Returns
    -------
    numpy.ndarray
        Of shape (rows, 1); of the dtype of x, but float32 for float16, whose sums end at 65504.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet.special import row_means
    >>> row_means(np.array([[1.0, 2.0, 6.0], [0.0, 0.0, 0.0]]))
    array([[3.],
           [0.]])
    """
    n = x.shape[1]
    means: Array = x.dot(np.full((n, 1), 1 / max(n, 1), np.result_type(x.dtype, np.float32)))
    return means


def centred(x: Array) -> tuple[Array, Array]:
    """Return each row less its mean, and the means as a column.

    What rounding has left of the mean is subtracted in a second step: of [1e8, 1e8 + 1] in float64 every digit of the
    differences is kept.

    Parameters
    ----------
    x : numpy.ndarray
        Of shape (rows, n).

    Returns
    -------
    centred : numpy.ndarray
        A new array of the shape of x.
    means : numpy.ndarray
        Of shape (rows, 1). Both have the dtype of x, but float32 for float16.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet.special import centred
    >>> centred(np.array([[1.0, 2.0, 6.0]]))[0]
    array([[-2., -1.,  3.]])
    """
    means = row_means(x)
    less: Array = x - means
    rest = row_means(less)
    less -= rest
    return less, means + rest


@quiet
def root_mean_square(x: Array, eps: float) -> tuple[Array, Array]:
    """Return sqrt(mean of x² + eps) of each row, and the mean of x², as columns.

    Squares that overflow are computed anew of numbers scaled down by a power of two, which is exact; the root is then
    right, while the mean of the squares stays infinite.

    Parameters
    ----------
    x : numpy.ndarray
        Of shape (rows, n).
    eps : float
        What is added to the mean, so that the root of a row of zeros is not 0.

    Returns
    -------
    root, square : numpy.ndarray
        Of shape (rows, 1), and of the dtype of x, but float32 for float16.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet.special import root_mean_square
    >>> root_mean_square(np.array([[3.0, -3.0], [3e300, 3e300], [0.0, 0.0]]), 1e-6)[0]
    array([[3.00000017e+000],
           [3.00000000e+300],
           [1.00000000e-003]])
    """
    x = x.astype(np.result_type(x.dtype, np.float32), copy=False)
    square = row_means(x * x)
    root: Array = np.sqrt(square + eps)
    large = np.isinf(root[:, 0])
    if large.any():
        power = np.finfo(x.dtype).maxexp * 5 // 8
        small = np.ldexp(x[large], -power)
        root[large] = np.ldexp(np.sqrt(row_means(small * small)), power)
    return root, square


def classes_first(x: Array) -> Array:
    """Return the transpose of a matrix: a copy if that makes reductions over its columns faster.

    NumPy reduces short rows one by one. Laid out anew, so that all first columns come first, then all second ones, few
    columns are reduced by a few operations on long vectors, in a third of the time.

    Parameters
    ----------
    x : numpy.ndarray
        Of shape (n, classes).

    Returns
    -------
    numpy.ndarray
        The same numbers, of shape (classes, n).

    Examples
    --------
    >>> import numpy as np
    >>> from legonet.special import classes_first
    >>> classes_first(np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])).max(axis=0)
    array([3., 6.])
    """
    return x.T.copy() if x.shape[1] < 32 else x.T
