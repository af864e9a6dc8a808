"""The rectifier with a learned slope, y = max(x, 0) + a min(x, 0)."""

import numpy as np
import numpy.typing as npt

from legonet.arrays import ROWS, Array, check_array, quiet
from legonet.brick import Brick
from legonet.checks import check_dtype, check_number, check_size
from legonet.formulas import Formulas
from legonet.parameter import Parameter


class PReLU(Brick[Array]):
    r"""The rectified linear unit with a learned slope a below 0: one for all entries, or one for each feature.

    .. math::

        \text{forward} \quad& y = \max(x, 0) + a \, \min(x, 0) \\
        \text{backward} \quad& \frac{\partial L}{\partial a} = \sum \frac{\partial L}{\partial y} \, \min(x, 0), \quad
        \frac{\partial L}{\partial x} = \frac{\partial L}{\partial y} \, ([x > 0] + a \, [x \le 0])

    The sum runs over all entries that share the slope. With one slope, x has one axis or more, of any sizes; with
    several, x has shape (batch, features, ...), as rows and images have. Axis 1 of a sequence, (batch, time, features),
    is the time: put the brick between two `Transpose` (2, 1) for slopes of its features.

    Parameters
    ----------
    features : int, optional
        How many slopes: 1 for all entries together, else the size of axis 1 of x.
    slope : float, optional
        What the slopes start with.
    dtype : dtype, optional
        The floating-point dtype of the slopes, and so of x, y and their gradients.

    Attributes
    ----------
    slope : Parameter
        a, of shape (features,).

    Raises
    ------
    OptionError
        If `features` is negative or no whole number, or `slope` no finite number.
    ShapeError, DtypeError
        If x is not of that shape and dtype, or dy is not of the shape and dtype of x.

    Notes
    -----
    At x = 0 the slope a is taken. Leave the slopes out of weight decay, which would pull them to 0.

    References
    ----------
    He, Zhang, Ren and Sun, "Delving deep into rectifiers: surpassing human-level performance on ImageNet
    classification", ICCV 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import PReLU
    >>> prelu = PReLU(2, slope=0.5)
    >>> y, cache = prelu.forward(np.array([[-2.0, 3.0], [-4.0, -6.0]]))
    >>> y
    array([[-1.,  3.],
           [-2., -3.]])
    >>> prelu.backward(np.array([[1.0, 1.0], [1.0, 10.0]]), cache)
    array([[0.5, 1. ],
           [0.5, 5. ]])
    >>> prelu.slope.grad
    array([ -6., -60.])
    """

    def __init__(self, features: int = 1, *, slope: float = 0.25, dtype: npt.DTypeLike = np.float64) -> None:
        size, start = check_size("PReLU", "features", features), check_number("PReLU", "slope", slope)
        self.slope = Parameter(np.full(size, start, check_dtype("PReLU", dtype)))

    def formulas(self, x: Array) -> Formulas:
        """Return both formulas; each feature, along axis 1, has its own slope if there are several."""
        shared = len(self.slope.value) == 1
        k, each, over = ("", "", "") if shared else ("[k]", "[n, k, ...]", ", n, ...")
        forward = f"y{each} = max(x{each}, 0) + a{k} * min(x{each}, 0)"
        slope = f"dy_dx{each} = (x{each} > 0) + a{k} * (x{each} <= 0)"
        backward = [f"da{k} = sum(dy{each} * min(x{each}, 0){over})", f"dx{each} = dy{each} * dy_dx{each}"]
        return Formulas([forward], [slope, *backward], {"a": "slope"})

    @quiet
    def forward(self, x: Array) -> tuple[Array, Array]:
        """Return y = max(x, 0) + a min(x, 0), and x for `backward`."""
        a = self.slope.value
        check_array(self, "x", x, ROWS if len(a) == 1 else ("batch", len(a), ...), a.dtype)
        y: Array = np.maximum(x, 0.0) + _along_axis_1(a, x) * np.minimum(x, 0.0)
        return y, x

    @quiet
    def backward(self, dy: Array, x: Array) -> Array:
        """Add dL/da = Σ dy min(x, 0) to the gradient and return dL/dx = dy ([x > 0] + a [x ≤ 0])."""
        check_array(self, "dy", dy, x.shape, x.dtype)
        a = _along_axis_1(self.slope.value, x)
        shared = tuple(axis for axis in range(x.ndim) if axis != 1 or a.size == 1)
        wide = np.promote_types(x.dtype, np.float64)  # many rows are summed one after the other
        self.slope.grad += np.add.reduce(dy * np.minimum(x, 0.0), shared, wide)
        above = x > 0.0
        return dy * (above + a * ~above)

    def __repr__(self) -> str:
        size, dtype = len(self.slope.value), self.slope.value.dtype
        return f"PReLU({size}{'' if dtype == np.float64 else f', dtype={dtype}'})"


def _along_axis_1(a: Array, x: Array) -> Array:
    return np.expand_dims(a, tuple(range(1, x.ndim - 1)))
