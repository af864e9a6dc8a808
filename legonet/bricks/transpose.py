"""The axes in another order; the batch stays first."""

import numpy as np

from legonet.arrays import ROWS, Array, Form, check_array
from legonet.brick import Brick
from legonet.checks import check_size
from legonet.errors import OptionError
from legonet.formulas import Formulas


class Transpose(Brick[Form]):
    r"""The axes after the batch in another order: by default the last one first, as a matrix is transposed.

    .. math::

        \text{forward} \quad& y_{n, i_{p(1)}, \ldots, i_{p(k)}} = x_{n, i_1, \ldots, i_k} \\
        \text{backward} \quad& \frac{\partial L}{\partial x_{n, i_1, \ldots, i_k}} =
        \frac{\partial L}{\partial y_{n, i_{p(1)}, \ldots, i_{p(k)}}}

    Axis j of y is axis p(j) of x; axis 0, the batch, stays where it is. ``Transpose(2, 1)`` makes (batch, features,
    time) of (batch, time, features); ``Transpose(3, 1, 2)`` makes (batch, channels, height, width) of (batch, height,
    width, channels).

    Parameters
    ----------
    *axes : int
        The axes p(1), ..., p(k) of x in their order in y: each of 1, ..., k once. x has k axes after the batch. With
        none, the order of all axes after the batch is reversed, however many there are.

    Attributes
    ----------
    axes : tuple of int
        The axes, as they were given.

    Raises
    ------
    OptionError
        If the axes are not each of 1, ..., k once.
    ShapeError, DtypeError
        If x is no floating-point array of as many axes, or dy is not of the shape and dtype of y.

    Notes
    -----
    y shares its memory with x, and dx with dy. NumPy's ``transpose`` and PyTorch's ``permute`` also take the batch
    among the axes: ``x.transpose(0, 2, 1)`` is ``Transpose(2, 1)``.

    References
    ----------
    Petersen and Pedersen, *The Matrix Cookbook*, 2012, section 2.4: derivatives by transposed matrices.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import Transpose
    >>> transpose = Transpose(2, 1)
    >>> y, cache = transpose.forward(np.array([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]))
    >>> y
    array([[[1., 4.],
            [2., 5.],
            [3., 6.]]])
    >>> transpose.backward(y, cache)
    array([[[1., 2., 3.],
            [4., 5., 6.]]])
    """

    def __init__(self, *axes: int) -> None:
        self.axes = tuple(check_size("Transpose", "each axis", axis) for axis in axes)
        if sorted(self.axes) != list(range(1, len(axes) + 1)):
            count = f"1 to {len(axes)} once" if len(axes) > 1 else "1"
            raise OptionError(f"Transpose needs each of the axes {count}, the batch left out, but got {self.axes}")

    def formulas(self, x: Array) -> Formulas:
        """Return both formulas, with an index for each axis."""
        old = ["n", *(f"i_{axis}" for axis in range(1, x.ndim))]
        before, after = ", ".join(old), ", ".join(old[axis] for axis in _order(self.axes, x.ndim))
        return Formulas([f"y[{after}] = x[{before}]"], [f"dx[{before}] = dy[{after}]"])

    def forward(self, x: Array) -> tuple[Array, Form]:
        """Return y, x with its axes in the new order, and the shape and dtype of x for `backward`."""
        sizes = [f"size {axis}" for axis in sorted(self.axes)]
        check_array(self, "x", x, ("batch", *sizes) if sizes else ROWS)
        return x.transpose(_order(self.axes, x.ndim)), (x.shape, x.dtype)

    def backward(self, dy: Array, form: Form) -> Array:
        """Return dL/dx, dy with its axes in the old order."""
        shape, dtype = form
        order = _order(self.axes, len(shape))
        check_array(self, "dy", dy, tuple(shape[axis] for axis in order), dtype)
        return dy.transpose(np.argsort(order))

    def __repr__(self) -> str:
        return f"Transpose({', '.join(map(str, self.axes))})"


def _order(axes: tuple[int, ...], count: int) -> tuple[int, ...]:
    """Return the axis of x that each of the `count` axes of y is."""
    return 0, *(axes or range(count - 1, 0, -1))
