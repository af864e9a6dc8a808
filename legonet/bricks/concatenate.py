"""Several inputs side by side, y = (x₁, x₂, ..., x_n)."""

from itertools import accumulate
from typing import TypeAlias

import numpy as np

from legonet.arrays import Array, Form, check_array
from legonet.brick import Brick
from legonet.checks import check_integer
from legonet.errors import OptionError, ShapeError
from legonet.formulas import Formulas

Cache: TypeAlias = tuple[list[int], Form]
"""Where each input but the last ends, and the shape and dtype of y."""


class Concatenate(Brick[Cache]):
    r"""One input or more side by side along an axis; backward cuts the gradient at the same places.

    .. math::

        \text{forward} \quad& y = (x_1, x_2, \dots, x_n) \\
        \text{backward} \quad& \left(\frac{\partial L}{\partial x_1}, \dots, \frac{\partial L}{\partial x_n}\right) =
        \frac{\partial L}{\partial y}

    The inputs have shapes (batch, ...) that differ at most along the axis.

    Parameters
    ----------
    axis : int, optional
        Along which axis; negative numbers count from the last one, -1. Axis 0 is the batch, and stays as it is.

    Raises
    ------
    OptionError
        If `axis` is no whole number or 0; in the forward pass, if there is no input.
    ShapeError, DtypeError
        If the inputs have another shape beside the axis, have no such axis or it is the batch, or are no floating-point
        arrays of one dtype; if dy has not the shape and dtype of y.

    Notes
    -----
    ``backward`` returns a tuple with a view of dy for each input.

    References
    ----------
    Huang, Liu, van der Maaten and Weinberger, "Densely connected convolutional networks", CVPR 2017, equation 2.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import Concatenate
    >>> concatenate = Concatenate()
    >>> y, cache = concatenate.forward(np.array([[1.0, 2.0]]), np.array([[3.0]]))
    >>> y
    array([[1., 2., 3.]])
    >>> concatenate.backward(np.array([[10.0, 20.0, 30.0]]), cache)
    (array([[10., 20.]]), array([[30.]]))
    """

    def __init__(self, *, axis: int = -1) -> None:
        self.axis = check_integer("Concatenate", "axis", axis)
        if self.axis == 0:
            raise OptionError("Concatenate needs axis as another one than 0, the batch, but axis is 0")

    def formulas(self, *inputs: Array) -> Formulas:
        """Return both formulas."""
        axis, names = self._place(inputs), [f"x{number}" for number in range(len(inputs))]
        ends = [0, *accumulate(x.shape[axis] for x in inputs)]
        parts = [f"{':, ' * axis}{ends[k]}:{ends[k + 1]}" for k in range(len(inputs))]
        backward = [f"d{name} = dy[{part}]" for name, part in zip(names, parts, strict=True)]
        return Formulas([f"y = concat({', '.join(names)}, axis={axis})"], backward)

    def forward(self, *inputs: Array) -> tuple[Array, Cache]:
        """Return y = (x_1, ..., x_n), and where each input ends for `backward`."""
        axis = self._place(inputs)
        for number, x in enumerate(inputs):
            shape = (*inputs[0].shape[:axis], "any", *inputs[0].shape[axis + 1 :])
            check_array(self, f"x{number}", x, shape, inputs[0].dtype)
        y = np.concatenate(inputs, axis)
        return y, ([*accumulate(x.shape[axis] for x in inputs[:-1])], (y.shape, y.dtype))

    def backward(self, dy: Array, cache: Cache) -> tuple[Array, ...]:
        """Return dL/dx_i, the piece of dy that is at the place of x_i."""
        ends, form = cache
        check_array(self, "dy", dy, *form)
        return tuple(np.split(dy, ends, self.axis))

    def _place(self, inputs: tuple[Array, ...]) -> int:
        """Return the axis as counted from the first one."""
        if not inputs:
            raise OptionError(f"{self!r} needs one input or more, but got none")
        check_array(self, "x0", inputs[0])
        axes = inputs[0].ndim
        if self.axis % axes == 0 or not -axes <= self.axis < axes:
            needed = f"{self!r} needs x0 with an axis {self.axis} that is not the batch"
            raise ShapeError(f"{needed}, but x0 has shape {inputs[0].shape}")
        return self.axis % axes

    def __repr__(self) -> str:
        return f"Concatenate(axis={self.axis})"
