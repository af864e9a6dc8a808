"""The product of several inputs, y = x₁ x₂ ... x_n."""

from functools import reduce
from itertools import accumulate

import numpy as np

from legonet.arrays import Array, check_alike, check_array, quiet
from legonet.brick import Brick
from legonet.formulas import Formulas


class Multiply(Brick[tuple[Array, ...]]):
    r"""The product of one input or more, all of the same shape, entry by entry: as of a signal and its gate.

    .. math::

        \text{forward} \quad& y = \prod_i x_i \\
        \text{backward} \quad& \frac{\partial L}{\partial x_i} = \frac{\partial L}{\partial y} \,
        \prod_{j < i} x_j \, \prod_{j > i} x_j

    The products of the inputs before and after each are built up in one sweep from either end: n inputs take about 3n
    products, and zeros need no care, as nothing is divided. The inputs have one axis or more, of any sizes. Nothing is
    broadcast.

    Raises
    ------
    OptionError
        If there is no input.
    ShapeError, DtypeError
        If an input is no floating-point array of one axis or more, or not of the shape and dtype of the first; if dy
        is not.

    Notes
    -----
    ``backward`` returns a tuple, with a new array for each input.

    References
    ----------
    Dauphin, Fan, Auli and Grangier, "Language modeling with gated convolutional networks", ICML 2017, equation 1.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import Multiply
    >>> multiply = Multiply()
    >>> y, cache = multiply.forward(np.array([2.0, 0.0]), np.array([3.0, 5.0]), np.array([10.0, 7.0]))
    >>> y
    array([60.,  0.])
    >>> multiply.backward(np.array([1.0, 1.0]), cache)
    (array([30., 35.]), array([20.,  0.]), array([6., 0.]))
    """

    def formulas(self, *inputs: Array) -> Formulas:
        """Return both formulas."""
        names = [f"x{number}" for number in range(len(inputs))]
        if len(names) == 1:
            return Formulas(["y = x0"], ["dx0 = dy"])
        slopes = [f"dy_d{name} = {' * '.join(other for other in names if other != name)}" for name in names]
        return Formulas([f"y = {' * '.join(names)}"], slopes + [f"d{name} = dy * dy_d{name}" for name in names])

    @quiet
    def forward(self, *inputs: Array) -> tuple[Array, tuple[Array, ...]]:
        """Return y = Π x_i, and the inputs for `backward`."""
        check_alike(self, inputs)
        return reduce(np.multiply, inputs[1:], +inputs[0]), inputs

    @quiet
    def backward(self, dy: Array, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        """Return dL/dx_i = dy Π x_j over all j but i, for each input."""
        check_array(self, "dy", dy, inputs[0].shape, inputs[0].dtype)
        before = accumulate(inputs[:-1], np.multiply, initial=dy)  # dy, dy x₁, dy x₁ x₂, ...
        after = [*accumulate(inputs[:0:-1], np.multiply, initial=np.ones_like(dy))]  # 1, x_n, x_n x_n-1, ...
        return tuple(map(np.multiply, before, reversed(after)))
