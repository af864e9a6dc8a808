"""The leaky rectifier, y = max(x, slope x)."""

import numpy as np

from legonet.arrays import Array, check_array, quiet
from legonet.brick import Brick
from legonet.checks import check_number
from legonet.formulas import Formulas


class LeakyReLU(Brick[Array]):
    r"""The rectified linear unit of each entry, with a small slope a below 0 in the place of none.

    .. math::

        \text{forward} \quad& y = \max(x, a x), \quad 0 < a \le 1 \\
        \text{backward} \quad& \frac{\partial L}{\partial x} =
        \frac{\partial L}{\partial y} \, ([x > 0] + a \, [x \le 0])

    x and y have one axis or more, of any sizes.

    Parameters
    ----------
    slope : float, optional
        The slope a below 0, with 0 < a ≤ 1.

    Raises
    ------
    OptionError
        If `slope` is no number above 0 and up to 1.
    ShapeError, DtypeError
        If x is no floating-point array of one axis or more, or dy is not of the shape and dtype of x.

    Notes
    -----
    At x = 0 the slope a is taken.

    References
    ----------
    Maas, Hannun and Ng, "Rectifier nonlinearities improve neural network acoustic models", ICML 2013.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import LeakyReLU
    >>> leaky = LeakyReLU(slope=0.1)
    >>> y, cache = leaky.forward(np.array([-2.0, 0.0, 3.0]))
    >>> y
    array([-0.2,  0. ,  3. ])
    >>> leaky.backward(np.array([5.0, 5.0, 5.0]), cache)
    array([0.5, 0.5, 5. ])
    """

    formulas = Formulas(["y = max(x, α * x)"], ["dy_dx = (x > 0) + α * (x <= 0)", "dx = dy * dy_dx"], {"α": "slope"})

    def __init__(self, *, slope: float = 0.01) -> None:
        self.slope = check_number("LeakyReLU", "slope", slope, above=0, at_most=1)

    @quiet
    def forward(self, x: Array) -> tuple[Array, Array]:
        """Return y = max(x, slope x), and x for `backward`."""
        check_array(self, "x", x)
        y: Array = np.maximum(x, self.slope * x)
        return y, x

    @quiet
    def backward(self, dy: Array, x: Array) -> Array:
        """Return dL/dx = dy ([x > 0] + slope [x ≤ 0])."""
        check_array(self, "dy", dy, x.shape, x.dtype)
        above = x > 0.0
        return dy * (above + x.dtype.type(self.slope) * ~above)

    def __repr__(self) -> str:
        return f"LeakyReLU(slope={self.slope:g})"
