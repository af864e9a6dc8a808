"""Root mean square normalisation, y = x / rms · gain along the last axis."""

import numpy as np
import numpy.typing as npt

from legonet.arrays import Array, check_array, ones, quiet, rows
from legonet.brick import Brick
from legonet.checks import check_dtype, check_number, check_size
from legonet.formulas import Formulas
from legonet.parameter import Parameter
from legonet.special import normalised_backward, root_mean_square


class RMSNorm(Brick[tuple[Array, Array]]):
    r"""Each row is divided by the root of the mean of its squares, then scaled by what is learned.

    .. math::

        \text{forward} \quad& y = g \odot \hat{x}, \quad \hat{x} = \frac{x}{r}, \quad
        r = \sqrt{\overline{x^2} + \varepsilon} \\
        \text{backward} \quad& \frac{\partial L}{\partial g} = \sum_\text{rows} \frac{\partial L}{\partial y} \odot
        \hat{x}, \quad
        \frac{\partial L}{\partial x} = \frac{h - \hat{x} \, \overline{h \odot \hat{x}}}{r},
        \quad h = \frac{\partial L}{\partial y} \odot g

    A bar is the mean of a row along the last axis. x and y have shape (batch, ..., features). The gradient by x follows
    from ∂r/∂x = x / (n r), n the number of features:

    .. math::

        \frac{\partial L}{\partial x} = \frac{h}{r} - \frac{\sum h \odot x}{r^2} \, \frac{x}{n r}

    Parameters
    ----------
    features : int
        The size of the last axis of x.
    eps : float, optional
        ε ≥ 1e-30, which keeps a row of zeros from being divided by 0.
    dtype : dtype, optional
        The floating-point dtype of the parameter, and so of x, y and their gradients.

    Attributes
    ----------
    gain : Parameter
        g, of shape (features,); ones at the start.

    Raises
    ------
    OptionError
        If `features` is negative or no whole number, or `eps` no number of at least 1e-30.
    ShapeError, DtypeError
        If x is not of shape (batch, ..., features) and the dtype of the parameter, or dy is not of the shape and dtype
        of x.

    Notes
    -----
    float16 is computed in float32 inside. PyTorch calls the gain ``weight``, and its ε is the spacing of numbers at 1
    unless it is given.

    References
    ----------
    Zhang and Sennrich, "Root mean square layer normalization", NeurIPS 2019, equation 4.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import RMSNorm
    >>> norm = RMSNorm(2)
    >>> y, cache = norm.forward(np.array([[1.0, 7.0], [0.0, 0.0]]))
    >>> y.round(4)
    array([[0.2, 1.4],
           [0. , 0. ]])
    >>> norm.backward(np.array([[1.0, 0.0], [0.001, 0.0]]), cache).round(4)
    array([[ 0.196, -0.028],
           [ 1.   ,  0.   ]])
    >>> norm.gain.grad.round(4)
    array([0.2, 0. ])
    """

    formulas = Formulas(
        ["r = sqrt(mean(x ** 2, columns) + ε)", "x̂ = x / r", "y = g * x̂"],
        ["dx̂ = dy * g", "dx = (dx̂ - x̂ * mean(dx̂ * x̂, columns)) / r", "dg = sum(rows(dy * x̂), rows)"],
        {"g": "gain", "ε": "eps"},
    )

    def __init__(self, features: int, *, eps: float = 1e-6, dtype: npt.DTypeLike = np.float64) -> None:
        features, dtype = check_size("RMSNorm", "features", features), check_dtype("RMSNorm", dtype)
        self.eps = check_number("RMSNorm", "eps", eps, at_least=1e-30)  # it is not 0 in float32, nor is its root
        self.gain = Parameter(np.ones(features, dtype))

    @quiet
    def forward(self, x: Array) -> tuple[Array, tuple[Array, Array]]:
        """Return y = g x̂ with x̂ = x / r, and x̂ and r for `backward`."""
        g = self.gain.value
        check_array(self, "x", x, ("batch", ..., len(g)), g.dtype)
        root, _ = root_mean_square(rows(x), self.eps)
        x_hat = rows(x) / root
        return np.asarray(g * x_hat, x.dtype).reshape(x.shape), (x_hat.reshape(x.shape), root)

    @quiet
    def backward(self, dy: Array, cache: tuple[Array, Array]) -> Array:
        """Add dL/dg = Σ dy x̂ and return dL/dx = (h - x̂ mean(h x̂)) / r with h = dy g."""
        (x_hat, root), g = cache, self.gain.value
        check_array(self, "dy", dy, x_hat.shape, g.dtype)
        dy, x_hat = rows(np.asarray(dy, root.dtype)), rows(x_hat)
        self.gain.grad += ones(len(root), root.dtype).dot(dy * x_hat)
        dx = normalised_backward(dy * g, x_hat, root)
        return np.asarray(dx, g.dtype).reshape(cache[0].shape)

    def __repr__(self) -> str:
        features, dtype = len(self.gain.value), self.gain.value.dtype
        return f"RMSNorm({features}, eps={self.eps:g}{'' if dtype == np.float64 else f', dtype={dtype}'})"
