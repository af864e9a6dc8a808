"""The logistic sigmoid brick, y = 1 / (1 + e^-x)."""

from legonet.arrays import Array, check_array, quiet
from legonet.brick import Brick
from legonet.formulas import Formulas
from legonet.special import sigmoid


class Sigmoid(Brick[Array]):
    r"""The logistic sigmoid of each entry, between 0 and 1.

    .. math::

        \text{forward} \quad& y = \frac{1}{1 + e^{-x}} = n - n \frac{e^{-|x|}}{1 + e^{-|x|}},
        \quad n = e^{\min(x, 0)} \\
        \text{backward} \quad& \frac{\partial L}{\partial x} = \frac{\partial L}{\partial y} \, y (1 - y)

    The second form of the forward pass never overflows; it is within 2 ULP of the true value for every finite
    float64 (a subnormal result within one smallest number). x and y have one axis or more, of any sizes.

    Raises
    ------
    ShapeError, DtypeError
        If x is no floating-point array of one axis or more, or dy is not of the shape and dtype of y.

    Notes
    -----
    The backward pass is written from the output, as in the textbook, and so is exact to one eps of the largest
    slope, 1/4, not relative to itself: beyond x = 37, y is 1 and its slope 0.

    References
    ----------
    Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors", Nature 323, 1986.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import Sigmoid
    >>> sigmoid = Sigmoid()
    >>> y, cache = sigmoid.forward(np.array([-1000.0, 0.0, 1000.0]))
    >>> y
    array([0. , 0.5, 1. ])
    >>> sigmoid.backward(np.ones(3), cache)
    array([0.  , 0.25, 0.  ])
    """

    formulas = Formulas(["y = 1 / (1 + exp(-x))"], ["dy_dx = y * (1 - y)", "dx = dy * dy_dx"])

    def forward(self, x: Array) -> tuple[Array, Array]:
        """Return y = 1 / (1 + e^-x), and y for `backward`."""
        check_array(self, "x", x)
        y = sigmoid(x)
        return y, y

    @quiet
    def backward(self, dy: Array, y: Array) -> Array:
        """Return dL/dx = dy y (1 - y)."""
        check_array(self, "dy", dy, y.shape, y.dtype)
        return dy * y * (1.0 - y)
