"""Layer normalisation, y = (x - mean) / std · gain + bias along the last axis."""

import numpy as np
import numpy.typing as npt

from legonet.arrays import Array, check_array, ones, quiet, rows
from legonet.brick import Brick
from legonet.checks import check_dtype, check_number, check_size
from legonet.formulas import Formulas
from legonet.parameter import Parameter
from legonet.special import centred, normalised_backward, root_mean_square, row_means


class LayerNorm(Brick[tuple[Array, Array]]):
    r"""Each row is shifted and scaled to the mean 0 and the standard deviation 1, then by what is learned.

    .. math::

        \text{forward} \quad& y = g \odot \hat{x} + b, \quad \hat{x} = \frac{x - \mu}{\sigma}, \quad
        \mu = \overline{x}, \quad \sigma = \sqrt{\overline{(x - \mu)^2} + \varepsilon} \\
        \text{backward} \quad& \frac{\partial L}{\partial g} = \sum_\text{rows} \frac{\partial L}{\partial y} \odot
        \hat{x}, \quad \frac{\partial L}{\partial b} = \sum_\text{rows} \frac{\partial L}{\partial y}, \quad
        \frac{\partial L}{\partial x} = \frac{h - \overline{h} - \hat{x} \, \overline{h \odot \hat{x}}}{\sigma},
        \quad h = \frac{\partial L}{\partial y} \odot g

    A bar is the mean of a row along the last axis. x and y have shape (batch, ..., features).

    The gradient by x follows from two steps. Through σ alone, with c = x - μ and ∂σ/∂c = c / (n σ), n the number of
    features:

    .. math::

        \frac{\partial L}{\partial c} = \frac{h}{\sigma} - \frac{\sum h \odot c}{\sigma^2} \, \frac{c}{n \sigma} =
        \frac{h - \hat{x} \, \overline{h \odot \hat{x}}}{\sigma}

    Through μ each entry loses the mean of them all; the mean of x̂ is 0, so only that of h is left.

    Parameters
    ----------
    features : int
        The size of the last axis of x.
    eps : float, optional
        ε ≥ 1e-30, which keeps a row of equal numbers from being divided by 0.
    dtype : dtype, optional
        The floating-point dtype of the parameters, and so of x, y and their gradients.

    Attributes
    ----------
    gain : Parameter
        g, of shape (features,); ones at the start.
    bias : Parameter
        b, of shape (features,); zeros at the start.

    Raises
    ------
    OptionError
        If `features` is negative or no whole number, or `eps` no number of at least 1e-30.
    ShapeError, DtypeError
        If x is not of shape (batch, ..., features) and the dtype of the parameters, or dy is not of the shape and dtype
        of x.

    Notes
    -----
    The mean is subtracted before squaring, and what rounding left of it once more, so a large offset costs no digits
    beyond those that x has lost itself. float16 is computed in float32 inside. PyTorch calls the gain ``weight``.

    References
    ----------
    Ba, Kiros and Hinton, "Layer normalization", 2016, equation 4.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import LayerNorm
    >>> norm = LayerNorm(2)
    >>> y, cache = norm.forward(np.array([[1.0, 3.0], [5.0, 5.0]]))
    >>> y.round(4)
    array([[-1.,  1.],
           [ 0.,  0.]])
    >>> norm.backward(np.array([[1.0, 0.0], [0.01, 0.0]]), cache).round(4)
    array([[ 0.    , -0.    ],
           [ 1.5811, -1.5811]])
    >>> norm.gain.grad.round(4), norm.bias.grad
    (array([-1.,  0.]), array([1.01, 0.  ]))
    """

    formulas = Formulas(
        ["μ = mean(x, columns)", "σ = sqrt(mean((x - μ) ** 2, columns) + ε)", "x̂ = (x - μ) / σ", "y = g * x̂ + b"],
        [
            "dx̂ = dy * g",
            "dx = (dx̂ - mean(dx̂, columns) - x̂ * mean(dx̂ * x̂, columns)) / σ",
            *("dg = sum(rows(dy * x̂), rows)", "db = sum(rows(dy), rows)"),
        ],
        {"g": "gain", "b": "bias", "ε": "eps"},
    )

    def __init__(self, features: int, *, eps: float = 1e-5, dtype: npt.DTypeLike = np.float64) -> None:
        features, dtype = check_size("LayerNorm", "features", features), check_dtype("LayerNorm", dtype)
        self.eps = check_number("LayerNorm", "eps", eps, at_least=1e-30)  # it is not 0 in float32, nor is its root
        self.gain, self.bias = Parameter(np.ones(features, dtype)), Parameter(np.zeros(features, dtype))

    @quiet
    def forward(self, x: Array) -> tuple[Array, tuple[Array, Array]]:
        """Return y = g x̂ + b with x̂ = (x - μ) / σ, and x̂ and σ for `backward`."""
        g, b = self.gain.value, self.bias.value
        check_array(self, "x", x, ("batch", ..., len(g)), g.dtype)
        c, _ = centred(rows(x))
        std, _ = root_mean_square(c, self.eps)
        x_hat = np.divide(c, std, out=c)
        y = g * x_hat + b
        return np.asarray(y, x.dtype).reshape(x.shape), (x_hat.reshape(x.shape), std)

    @quiet
    def backward(self, dy: Array, cache: tuple[Array, Array]) -> Array:
        """Add dL/dg = Σ dy x̂ and dL/db = Σ dy, and return dL/dx = (h - mean(h) - x̂ mean(h x̂)) / σ with h = dy g."""
        (x_hat, std), g = cache, self.gain.value
        check_array(self, "dy", dy, x_hat.shape, g.dtype)
        dy, x_hat, each = rows(np.asarray(dy, std.dtype)), rows(x_hat), ones(len(std), std.dtype)
        self.gain.grad += each.dot(dy * x_hat)
        self.bias.grad += each.dot(dy)
        h = dy * g
        h -= row_means(h)  # which leaves mean(h x̂) as it is: the mean of x̂ is 0
        dx = normalised_backward(h, x_hat, std)
        return np.asarray(dx, g.dtype).reshape(cache[0].shape)

    def __repr__(self) -> str:
        features, dtype = len(self.gain.value), self.gain.value.dtype
        return f"LayerNorm({features}, eps={self.eps:g}{'' if dtype == np.float64 else f', dtype={dtype}'})"
