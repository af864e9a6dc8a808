"""The exponential linear unit, y = x above 0 and α (e^x - 1) below."""

import numpy as np

from legonet.arrays import Array, check_array, quiet
from legonet.brick import Brick
from legonet.checks import check_number
from legonet.formulas import Formulas


class ELU(Brick[Array]):
    r"""The exponential linear unit of each entry: the entry itself above 0, a saturating exponential below.

    .. math::

        \text{forward} \quad& y = \max(x, 0) + \alpha \, (e^{\min(x, 0)} - 1) \\
        \text{backward} \quad& \frac{\partial L}{\partial x} =
        \frac{\partial L}{\partial y} \, ([x > 0] + \alpha e^x \, [x \le 0])

    The bracket is computed as one function, ``expm1``, which keeps all digits near 0. x and y have one axis or more, of
    any sizes.

    Parameters
    ----------
    alpha : float, optional
        The distance α > 0 between 0 and what y falls to.

    Raises
    ------
    OptionError
        If `alpha` is no positive number.
    ShapeError, DtypeError
        If x is no floating-point array of one axis or more, or dy is not of the shape and dtype of x.

    Notes
    -----
    At x = 0 the slope α is taken; with α = 1 it is the derivative.

    References
    ----------
    Clevert, Unterthiner and Hochreiter, "Fast and accurate deep network learning by exponential linear units",
    ICLR 2016, equation 14.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import ELU
    >>> elu = ELU()
    >>> y, cache = elu.forward(np.array([-1000.0, 0.0, 3.0]))
    >>> y
    array([-1.,  0.,  3.])
    >>> elu.backward(np.array([5.0, 5.0, 5.0]), cache)
    array([0., 5., 5.])
    """

    formulas = Formulas(
        ["y = where(x > 0, x, α * (exp(x) - 1))"],
        ["dy_dx = where(x > 0, 1, α * exp(x))", "dx = dy * dy_dx"],
        {"α": "alpha"},
    )

    def __init__(self, *, alpha: float = 1.0) -> None:
        self.alpha = check_number("ELU", "alpha", alpha, above=0)

    @quiet
    def forward(self, x: Array) -> tuple[Array, Array]:
        """Return y = max(x, 0) + α expm1(min(x, 0)), and x for `backward`."""
        check_array(self, "x", x)
        y: Array = np.maximum(x, 0.0) + self.alpha * np.expm1(np.minimum(x, 0.0))
        return y, x

    @quiet
    def backward(self, dy: Array, x: Array) -> Array:
        """Return dL/dx = dy, times α e^x where x ≤ 0."""
        check_array(self, "dy", dy, x.shape, x.dtype)
        above = x > 0.0
        return dy * (above + self.alpha * np.exp(np.minimum(x, 0.0)) * ~above)

    def __repr__(self) -> str:
        return f"ELU(alpha={self.alpha:g})"
