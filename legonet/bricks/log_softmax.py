"""The logarithm of the softmax, y = x - log Σ e^x over the last axis."""

import numpy as np

from legonet.arrays import Array, check_array, quiet
from legonet.brick import Brick
from legonet.formulas import Formulas
from legonet.special import log_softmax, wide_sum


class LogSoftmax(Brick[Array]):
    r"""The logarithm of the softmax of each row.

    .. math::

        \text{forward} \quad& y_j = x_j - \log \sum_k e^{x_k} \\
        \text{backward} \quad& \frac{\partial L}{\partial x_j} =
        \frac{\partial L}{\partial y_j} - e^{y_j} \sum_k \frac{\partial L}{\partial y_k}

    x and y have shape (batch, ..., classes); a row is what lies along the last axis. y keeps its digits where the
    softmax is 0 or 1. Where x is -infinity, so is y.

    Raises
    ------
    ShapeError, DtypeError
        If x is no floating-point array of shape (batch, ..., classes), or dy is not of the shape and dtype of y.

    Notes
    -----
    A row of nothing but -infinity gives NaN, as one with +infinity or NaN in it does. For [0, -40], y is
    [-4.2e-18, -40], where PyTorch gives [0, -40].

    References
    ----------
    Goodfellow, Bengio and Courville, *Deep Learning*, 2016, section 6.2.2.3.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import LogSoftmax
    >>> log_softmax = LogSoftmax()
    >>> y, cache = log_softmax.forward(np.array([[0.0, -40.0]]))
    >>> y
    array([[-4.24835426e-18, -4.00000000e+01]])
    >>> log_softmax.backward(np.array([[0.0, 1.0]]), cache)
    array([[-1.,  1.]])
    """

    formulas = Formulas(
        ["y[..., j] = x[..., j] - log(sum(exp(x[..., k]), k))"],
        ["dx[..., j] = dy[..., j] - exp(y[..., j]) * sum(dy[..., k], k)"],
    )

    @quiet
    def forward(self, x: Array) -> tuple[Array, Array]:
        """Return y = x - log Σ e^x, and y for `backward`."""
        check_array(self, "x", x, ("batch", ..., "classes"))
        y = log_softmax(x)
        return y, y

    @quiet
    def backward(self, dy: Array, y: Array) -> Array:
        """Return dL/dx = dy - e^y Σ dy."""
        check_array(self, "dy", dy, y.shape, y.dtype)
        return np.asarray(dy - np.exp(y) * wide_sum(dy)[..., np.newaxis], y.dtype)
