"""The average of several inputs, y = (x₁ + x₂ + ... + x_n) / n."""

from functools import reduce
from typing import TypeAlias

import numpy as np

from legonet.arrays import Array, Form, check_alike, check_array, quiet
from legonet.brick import Brick
from legonet.formulas import Formulas

Cache: TypeAlias = tuple[int, Form]
"""How many inputs there were, and their shape and dtype."""


class Average(Brick[Cache]):
    r"""The average of n inputs, all of the same shape, entry by entry: as of the members of an ensemble.

    .. math::

        \text{forward} \quad& y = \sum_i \frac{x_i}{n} \\
        \text{backward} \quad& \frac{\partial L}{\partial x_i} = \frac{1}{n} \, \frac{\partial L}{\partial y}

    The inputs have one axis or more, of any sizes. Nothing is broadcast. Each input is divided before it is added, so
    that the sum of large numbers does not overflow.

    Raises
    ------
    OptionError
        If there is no input.
    ShapeError, DtypeError
        If an input is no floating-point array of one axis or more, or not of the shape and dtype of the first; if dy
        is not.

    Notes
    -----
    ``backward`` returns a tuple with the same array for each input.

    References
    ----------
    Perrone and Cooper, "When networks disagree: ensemble methods for hybrid neural networks", in *Neural Networks for
    Speech and Image Processing*, 1993.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import Average
    >>> average = Average()
    >>> y, cache = average.forward(np.array([1.0, 2.0]), np.array([3.0, 8.0]))
    >>> y
    array([2., 5.])
    >>> average.backward(np.array([1.0, -1.0]), cache)
    (array([ 0.5, -0.5]), array([ 0.5, -0.5]))
    """

    def formulas(self, *inputs: Array) -> Formulas:
        """Return both formulas."""
        n, names = len(inputs), [f"x{number}" for number in range(len(inputs))]
        return Formulas([f"y = ({' + '.join(names)}) / {n}"], [f"d{name} = dy / {n}" for name in names])

    @quiet
    def forward(self, *inputs: Array) -> tuple[Array, Cache]:
        """Return y = Σ x_i / n, and the number, shape and dtype of the inputs for `backward`."""
        check_alike(self, inputs)
        y = reduce(np.add, [x / len(inputs) for x in inputs])
        return y, (len(inputs), (y.shape, y.dtype))

    @quiet
    def backward(self, dy: Array, cache: Cache) -> tuple[Array, ...]:
        """Return dL/dx_i = dy / n for each of the n inputs."""
        count, form = cache
        check_array(self, "dy", dy, *form)
        return (dy / count,) * count
