"""The sum of several inputs, y = x₁ + x₂ + ... + x_n."""

from functools import reduce
from typing import TypeAlias

import numpy as np

from legonet.arrays import Array, Form, check_alike, check_array, quiet
from legonet.brick import Brick
from legonet.formulas import Formulas

Cache: TypeAlias = tuple[int, Form]
"""How many inputs there were, and their shape and dtype."""


class Add(Brick[Cache]):
    r"""The sum of one input or more, all of the same shape: where the branches of a network meet.

    .. math::

        \text{forward} \quad& y = \sum_i x_i \\
        \text{backward} \quad& \frac{\partial L}{\partial x_i} = \frac{\partial L}{\partial y}

    The inputs have one axis or more, of any sizes. Nothing is broadcast.

    Raises
    ------
    OptionError
        If there is no input.
    ShapeError, DtypeError
        If an input is no floating-point array of one axis or more, or not of the shape and dtype of the first; if dy
        is not.

    Notes
    -----
    ``backward`` returns a tuple with dy itself for each input.

    References
    ----------
    Goodfellow, Bengio and Courville, *Deep Learning*, 2016, section 6.5.6.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import Add
    >>> add = Add()
    >>> y, cache = add.forward(np.array([1.0, 2.0]), np.array([10.0, 20.0]), np.array([0.0, 5.0]))
    >>> y
    array([11., 27.])
    >>> add.backward(np.array([1.0, -1.0]), cache)
    (array([ 1., -1.]), array([ 1., -1.]), array([ 1., -1.]))
    """

    def formulas(self, *inputs: Array) -> Formulas:
        """Return both formulas."""
        names = [f"x{number}" for number in range(len(inputs))]
        return Formulas([f"y = {' + '.join(names)}"], [f"d{name} = dy" for name in names])

    @quiet
    def forward(self, *inputs: Array) -> tuple[Array, Cache]:
        """Return y = Σ x_i, and the number, shape and dtype of the inputs for `backward`."""
        check_alike(self, inputs)
        y = reduce(np.add, inputs[1:], +inputs[0])
        return y, (len(inputs), (y.shape, y.dtype))

    def backward(self, dy: Array, cache: Cache) -> tuple[Array, ...]:
        """Return dL/dx_i = dy for each input."""
        count, form = cache
        check_array(self, "dy", dy, *form)
        return (dy,) * count  # itself, as nobody writes into an array that was handed to him
