"""The rectified linear unit, y = max(x, 0)."""

import numpy as np

from legonet.arrays import Array, check_array, quiet
from legonet.brick import Brick
from legonet.formulas import Formulas


class ReLU(Brick[Array]):
    r"""The rectified linear unit of each entry: the greater of it and 0.

    .. math::

        \text{forward} \quad& y = \max(x, 0) \\
        \text{backward} \quad& \frac{\partial L}{\partial x} = \frac{\partial L}{\partial y} \, [y > 0]

    x and y have one axis or more, of any sizes.

    Raises
    ------
    ShapeError, DtypeError
        If x is no floating-point array of one axis or more, or dy is not of the shape and dtype of y.

    Notes
    -----
    At x = 0 there is no derivative; 0 is taken, as is usual, of all that lies between the slopes on either side.

    References
    ----------
    Nair and Hinton, "Rectified linear units improve restricted Boltzmann machines", ICML 2010.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import ReLU
    >>> relu = ReLU()
    >>> y, cache = relu.forward(np.array([-2.0, 0.0, 3.0]))
    >>> y
    array([0., 0., 3.])
    >>> relu.backward(np.array([5.0, 5.0, 5.0]), cache)
    array([0., 0., 5.])
    """

    formulas = Formulas(["y = max(x, 0)"], ["dy_dx = x > 0", "dx = dy * dy_dx"])

    def forward(self, x: Array) -> tuple[Array, Array]:
        """Return y = max(x, 0), and y for `backward`."""
        check_array(self, "x", x)
        # A row of zeros rather than the number: NumPy's maximum of two arrays is twice as fast.
        y: Array = np.maximum(x, np.zeros(x.shape[-1], x.dtype))
        return y, y

    @quiet
    def backward(self, dy: Array, y: Array) -> Array:
        """Return dL/dx = dy [y > 0]."""
        check_array(self, "dy", dy, y.shape, y.dtype)
        return dy * (y > 0.0)
