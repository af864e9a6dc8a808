"""The same numbers in another shape; the batch stays."""

import math
import sys

import numpy as np

from legonet.arrays import Array, brief, check_array
from legonet.brick import Brick
from legonet.errors import OptionError, ShapeError


class Reshape(Brick[Array]):
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
        If a size is neither -1 nor a whole number of at least 0, or -1 comes twice or beside 0.
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

    def __init__(self, *shape: int) -> None:
        self.shape = tuple(map(_size, shape))
        if -1 in self.shape and (self.shape.count(-1) > 1 or 0 in self.shape):
            raise OptionError(f"Reshape needs -1 at most once and not beside 0, but the shape is {self.shape}")

    def forward(self, x: Array) -> tuple[Array, Array]:
        """Return y = reshape(x), and x for `backward`."""
        check_array(self, "x", x)
        return x.reshape(len(x), *_sizes(self, x)), x

    def backward(self, dy: Array, x: Array) -> Array:
        """Return dL/dx = dy in the shape of x."""
        check_array(self, "dy", dy, (len(x), *_sizes(self, x)), x.dtype)
        return dy.reshape(x.shape)

    def __repr__(self) -> str:
        return f"Reshape({', '.join(map(str, self.shape))})"


def _size(size: int) -> int:
    """Return a size as an int, or refuse it."""
    whole = isinstance(size, int | np.integer) and not isinstance(size, bool)
    if not whole or not -1 <= size <= sys.maxsize:
        needed = "Reshape needs each size as a whole number >= 0, or one as -1"
        raise OptionError(f"{needed}, but it is {brief(repr(size))}")
    return int(size)


def _sizes(reshape: Reshape, x: Array) -> tuple[int, ...]:
    """Return the sizes of y after the batch; -1 stands for what the others leave."""
    row, known = math.prod(x.shape[1:]), math.prod(size for size in reshape.shape if size >= 0)
    free = -1 in reshape.shape
    if row % known if free else row != known:
        needed = f"rows of a size divisible by {known}" if free else f"rows of size {known}"
        raise ShapeError(f"{brief(reshape, 80)} needs {needed}, but x has shape {brief(repr(x.shape))}: {row} a row")
    return tuple(row // known if size == -1 else size for size in reshape.shape)
