"""The same numbers in another shape; the batch stays."""

import math

from legonet.arrays import Array, Form, brief, check_array
from legonet.brick import Brick
from legonet.checks import check_integer
from legonet.errors import OptionError, ShapeError
from legonet.formulas import Formulas


class Reshape(Brick[Form]):
    r"""The numbers of each row of the batch, in the same order, in another shape.

    .. math::

        \text{forward} \quad& y = \text{reshape}(x) \\
        \text{backward} \quad& \frac{\partial L}{\partial x} =
        \text{reshape}^{-1} \left( \frac{\partial L}{\partial y} \right)

    x has shape (batch, ...), y has shape (batch, \*shape); the last axis is the one that runs fastest.

    Parameters
    ----------
    *shape : int
        The sizes of the axes after the batch. One may be -1: it is whatever the numbers fill. With none, each row is
        one number, and y has shape (batch,).

    Attributes
    ----------
    shape : tuple of int
        The sizes, as they were given.

    Raises
    ------
    OptionError
        If a size is no whole number of at least -1, or -1 comes twice or beside 0.
    ShapeError, DtypeError
        If x is no floating-point array whose rows fill the shape, or dy is not of the shape and dtype of y.

    Notes
    -----
    y shares its memory with x, and dx with dy, where their layout in memory allows it. PyTorch's
    ``Unflatten(1, shape)`` is the same for x of shape (batch, features).

    References
    ----------
    Goodfellow, Bengio and Courville, *Deep Learning*, 2016, section 6.5.2: gradients by tensors.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import Reshape
    >>> reshape = Reshape(2, -1)
    >>> y, cache = reshape.forward(np.array([[1.0, 2.0, 3.0, 4.0]]))
    >>> y
    array([[[1., 2.],
            [3., 4.]]])
    >>> reshape.backward(np.array([[[5.0, 6.0], [7.0, 8.0]]]), cache)
    array([[5., 6., 7., 8.]])
    """

    formulas = Formulas(["y = reshape(x)"], ["dx = reshape(dy)"])

    def __init__(self, *shape: int) -> None:
        self.shape = tuple(check_integer("Reshape", "each size", size, at_least=-1) for size in shape)
        if -1 in self.shape and (self.shape.count(-1) > 1 or 0 in self.shape):
            raise OptionError(f"Reshape needs -1 at most once and not beside 0, but the shape is {self.shape}")

    def forward(self, x: Array) -> tuple[Array, Form]:
        """Return y = reshape(x), and the shape and dtype of x for `backward`."""
        check_array(self, "x", x)
        return x.reshape(self._filled(x.shape)), (x.shape, x.dtype)

    def backward(self, dy: Array, form: Form) -> Array:
        """Return dL/dx = dy in the shape of x."""
        shape, dtype = form
        check_array(self, "dy", dy, self._filled(shape), dtype)
        return dy.reshape(shape)

    def _filled(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of y for that of x; -1 stands for what the other sizes leave."""
        row, known = math.prod(shape[1:]), math.prod(size for size in self.shape if size != -1)
        free = -1 in self.shape
        if row % known if free else row != known:
            needed = f"rows of a size divisible by {known}" if free else f"rows of size {known}"
            raise ShapeError(f"{brief(self, 80)} needs {needed}, but x has shape {brief(repr(shape))}: {row} a row")
        return shape[0], *(row // known if size == -1 else size for size in self.shape)

    def __repr__(self) -> str:
        return f"Reshape({', '.join(map(str, self.shape))})"
