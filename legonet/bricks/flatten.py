"""All axes after the batch as one."""

import math

from legonet.arrays import Array, Form, check_array
from legonet.brick import Brick
from legonet.formulas import Formulas


class Flatten(Brick[Form]):
    r"""One row of numbers for each row of the batch, as a dense layer needs it after a convolution.

    .. math::

        \text{forward} \quad& y_{n, (i, j, \ldots)} = x_{n, i, j, \ldots} \\
        \text{backward} \quad& \frac{\partial L}{\partial x_{n, i, j, \ldots}} =
        \frac{\partial L}{\partial y_{n, (i, j, \ldots)}}

    x has shape (batch, ...), y has shape (batch, features); the last axis of x is the one that runs fastest.

    Raises
    ------
    ShapeError, DtypeError
        If x is no floating-point array of one axis or more, or dy is not of the shape and dtype of y.

    Notes
    -----
    y shares its memory with x, and dx with dy, where their layout in memory allows it. PyTorch's ``Flatten`` also takes
    the first and the last of the axes to be joined; `Reshape` does that.

    References
    ----------
    LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition", Proceedings of the
    IEEE 86, 1998, section II.B.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import Flatten
    >>> flatten = Flatten()
    >>> y, cache = flatten.forward(np.array([[[1.0, 2.0], [3.0, 4.0]]]))
    >>> y
    array([[1., 2., 3., 4.]])
    >>> flatten.backward(np.array([[5.0, 6.0, 7.0, 8.0]]), cache)
    array([[[5., 6.],
            [7., 8.]]])
    """

    formulas = Formulas(["y = reshape(x)"], ["dx = reshape(dy)"])

    def forward(self, x: Array) -> tuple[Array, Form]:
        """Return y, the numbers of x in rows, and the shape and dtype of x for `backward`."""
        check_array(self, "x", x)
        return x.reshape(len(x), math.prod(x.shape[1:])), (x.shape, x.dtype)

    def backward(self, dy: Array, form: Form) -> Array:
        """Return dL/dx = dy in the shape of x."""
        shape, dtype = form
        check_array(self, "dy", dy, (shape[0], math.prod(shape[1:])), dtype)
        return dy.reshape(shape)
