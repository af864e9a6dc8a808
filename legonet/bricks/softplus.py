"""The softplus, y = log(1 + e^x)."""

from legonet.arrays import Array, check_array, quiet
from legonet.brick import Brick
from legonet.formulas import Formulas
from legonet.special import sigmoid, softplus


class Softplus(Brick[Array]):
    r"""A smooth rectifier of each entry.

    .. math::

        \text{forward} \quad& y = \log(1 + e^x) = \max(x, 0) + \log(1 + e^{-|x|}) \\
        \text{backward} \quad& \frac{\partial L}{\partial x} = \frac{\partial L}{\partial y} \, \sigma(x),
        \quad \sigma(x) = \frac{1}{1 + e^{-x}} = n - n \frac{e^{-|x|}}{1 + e^{-|x|}}, \quad n = e^{\min(x, 0)}

    The last forms never overflow and keep the tails: there is no threshold from which on y is
    taken to be x. y is within 2 ULP of the true value for every finite float64. x and y have one axis or more, of any
    sizes.

    Raises
    ------
    ShapeError, DtypeError
        If x is no floating-point array of one axis or more, or dy is not of the shape and dtype of x.

    References
    ----------
    Dugas, Bengio, Bélisle, Nadeau and Garcia, "Incorporating second-order functional knowledge for better option
    pricing", NIPS 2000.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import Softplus
    >>> softplus = Softplus()
    >>> y, cache = softplus.forward(np.array([-1000.0, 0.0, 1000.0]))
    >>> y.round(4)
    array([0.000e+00, 6.931e-01, 1.000e+03])
    >>> softplus.backward(np.ones(3), cache)
    array([0. , 0.5, 1. ])
    """

    formulas = Formulas(["y = max(x, 0) + log(1 + exp(-abs(x)))"], ["dy_dx = 1 / (1 + exp(-x))", "dx = dy * dy_dx"])

    def forward(self, x: Array) -> tuple[Array, Array]:
        """Return y = log(1 + e^x), and x for `backward`."""
        check_array(self, "x", x)
        return softplus(x), x

    @quiet
    def backward(self, dy: Array, x: Array) -> Array:
        """Return dL/dx = dy σ(x)."""
        check_array(self, "dy", dy, x.shape, x.dtype)
        return dy * sigmoid(x)
