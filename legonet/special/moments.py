"""Means and roots of mean squares of rows, for the normalisations."""

from functools import lru_cache
from typing import Any

import numpy as np

from legonet.arrays import Array, quiet


@lru_cache(maxsize=8)
def _equal_weights(n: int, dtype: np.dtype[Any]) -> Array:
    """Return the column (1/n, ..., 1/n), read-only, the same one for the same arguments."""
    weights = np.full((n, 1), 1 / max(n, 1), np.result_type(dtype, np.float32))
    weights.flags.writeable = False
    return weights


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
    if n > 4096:  # there NumPy's sum by halves keeps digits that a product does not
        return np.add.reduce(x / n, 1, np.promote_types(x.dtype, np.float32), keepdims=True)
    means: Array = x.dot(_equal_weights(n, x.dtype))
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


def normalised_backward(h: Array, x_hat: Array, root: Array) -> Array:
    """Return the gradient (h - x̂ mean(h x̂)) / r by each row of c, from the gradient h by x̂ = c / r.

    r is the root of mean(c²) + ε. In one line, it would take up to half as much time again for large arrays.

    Parameters
    ----------
    h, x_hat : numpy.ndarray
        Of shape (rows, n).
    root : numpy.ndarray
        Of shape (rows, 1).

    Returns
    -------
    numpy.ndarray
        A new array of the shape of h.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet.special import normalised_backward
    >>> normalised_backward(np.array([[5.0, 1.0]]), np.array([[1.0, -1.0]]), np.array([[10.0]]))
    array([[0.3, 0.3]])
    """
    dc = h * x_hat
    np.multiply(x_hat, row_means(dc), out=dc)
    np.subtract(h, dc, out=dc)
    dc /= root
    return dc
