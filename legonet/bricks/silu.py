"""The sigmoid linear unit, y = x σ(x)."""

from legonet.arrays import Array, check_array, quiet
from legonet.brick import Brick
from legonet.formulas import Formulas
from legonet.special import silu, silu_slope


class SiLU(Brick[Array]):
    r"""The sigmoid linear unit of each entry, also called swish: the entry times its sigmoid.

    .. math::

        \text{forward} \quad& y = x \, \sigma(x) = \frac{x}{1 + e^{-x}} \\
        \text{backward} \quad& \frac{\partial L}{\partial x} =
        \frac{\partial L}{\partial y} \, (\sigma(x) + x \, \sigma(x) (1 - \sigma(x)))

    y is within 2 ULP of the true value and the slope within 4, down to the smallest numbers and at the root of the
    slope. x and y have one axis or more, of any sizes.

    Raises
    ------
    ShapeError, DtypeError
        If x is no floating-point array of one axis or more, or dy is not of the shape and dtype of x.

    Notes
    -----
    At -infinity y is 0, its limit; PyTorch's ``SiLU`` gives NaN.

    References
    ----------
    Elfwing, Uchibe and Doya, "Sigmoid-weighted linear units for neural network function approximation in
    reinforcement learning", Neural Networks 107, 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import SiLU
    >>> silu = SiLU()
    >>> y, cache = silu.forward(np.array([-1000.0, 0.0, 1.0]))
    >>> y.round(4)
    array([-0.    ,  0.    ,  0.7311])
    >>> silu.backward(np.ones(3), cache).round(4)
    array([0.    , 0.5   , 0.9277])
    """

    formulas = Formulas(["σ = 1 / (1 + exp(-x))", "y = x * σ"], ["dy_dx = σ * (1 + x * (1 - σ))", "dx = dy * dy_dx"])

    @quiet
    def forward(self, x: Array) -> tuple[Array, Array]:
        """Return y = x σ(x), and x for `backward`."""
        check_array(self, "x", x)
        return silu(x), x

    @quiet
    def backward(self, dy: Array, x: Array) -> Array:
        """Return dL/dx = dy (σ(x) + x σ(x) (1 - σ(x)))."""
        check_array(self, "dy", dy, x.shape, x.dtype)
        return dy * silu_slope(x)
