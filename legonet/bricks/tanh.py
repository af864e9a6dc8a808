"""The hyperbolic tangent brick, y = tanh x."""

import numpy as np

from legonet.arrays import Array, check_array, quiet
from legonet.brick import Brick
from legonet.formulas import Formulas


class Tanh(Brick[Array]):
    r"""The hyperbolic tangent of each entry, between -1 and 1.

    .. math::

        \text{forward} \quad& y = \tanh x = \frac{e^x - e^{-x}}{e^x + e^{-x}} \\
        \text{backward} \quad& \frac{\partial L}{\partial x} = \frac{\partial L}{\partial y} \, (1 - y^2)

    x and y have one axis or more, of any sizes.

    Raises
    ------
    ShapeError, DtypeError
        If x is no floating-point array of one axis or more, or dy is not of the shape and dtype of y.

    Notes
    -----
    As with `Sigmoid`, the backward pass is written from the output and is exact to one eps of the largest slope, 1.

    References
    ----------
    LeCun et al., "Efficient BackProp", 1998, section 4.4.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import Tanh
    >>> tanh = Tanh()
    >>> y, cache = tanh.forward(np.array([-50.0, 0.0, 50.0]))
    >>> y
    array([-1.,  0.,  1.])
    >>> tanh.backward(np.ones(3), cache)
    array([0., 1., 0.])
    """

    formulas = Formulas(["y = tanh(x)"], ["dy_dx = 1 - y**2", "dx = dy * dy_dx"])

    def forward(self, x: Array) -> tuple[Array, Array]:
        """Return y = tanh x, and y for `backward`."""
        check_array(self, "x", x)
        y: Array = np.tanh(x)
        return y, y

    @quiet
    def backward(self, dy: Array, y: Array) -> Array:
        """Return dL/dx = dy (1 - y²)."""
        check_array(self, "dy", dy, y.shape, y.dtype)
        return dy * (1.0 - y * y)
