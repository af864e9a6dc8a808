"""The softmax, y = e^x / Σ e^x over the last axis."""

import numpy as np

from legonet.arrays import Array, check_array, quiet
from legonet.brick import Brick
from legonet.formulas import Formulas
from legonet.special import softmax, wide_sum


class Softmax(Brick[Array]):
    r"""The softmax of each row: positive shares that sum to 1.

    .. math::

        \text{forward} \quad& y_j = \frac{e^{x_j}}{\sum_k e^{x_k}} \\
        \text{backward} \quad& \frac{\partial L}{\partial x_j} =
        y_j \left( \frac{\partial L}{\partial y_j} - \sum_k \frac{\partial L}{\partial y_k} \, y_k \right)

    x and y have shape (batch, ..., classes); a row is what lies along the last axis. Its largest entry is subtracted
    first, so nothing overflows. Where x is -infinity, y and its gradient are 0.

    Raises
    ------
    ShapeError, DtypeError
        If x is no floating-point array of shape (batch, ..., classes), or dy is not of the shape and dtype of y.

    Notes
    -----
    A row of nothing but -infinity has no softmax and gives NaN, as one with +infinity or NaN in it does. Before a loss,
    prefer one that takes x itself: the logarithm of a share that is 0 or 1 has lost its digits.

    References
    ----------
    Bridle, "Probabilistic interpretation of feedforward classification network outputs, with relationships to
    statistical pattern recognition", 1990.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import Softmax
    >>> softmax = Softmax()
    >>> y, cache = softmax.forward(np.array([[1000.0, 1000.0, -np.inf]]))
    >>> y
    array([[0.5, 0.5, 0. ]])
    >>> softmax.backward(np.array([[4.0, 0.0, 5.0]]), cache)
    array([[ 1., -1.,  0.]])
    """

    formulas = Formulas(
        ["y = exp(x) / sum(exp(x), columns)"],
        ["dx = y * (dy - sum(dy * y, columns))"],
    )

    @quiet
    def forward(self, x: Array) -> tuple[Array, Array]:
        """Return y = e^x / Σ e^x, and y for `backward`."""
        check_array(self, "x", x, ("batch", ..., "classes"))
        y = softmax(x)
        return y, y

    @quiet
    def backward(self, dy: Array, y: Array) -> Array:
        """Return dL/dx = y (dy - Σ dy y)."""
        check_array(self, "dy", dy, y.shape, y.dtype)
        return np.asarray(y * (dy - wide_sum(dy * y)[..., np.newaxis]), y.dtype)
