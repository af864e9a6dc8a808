"""Batch normalisation, y = (x - mean) / std · gain + bias of each channel over the batch."""

import math

import numpy as np
import numpy.typing as npt

from legonet.arrays import Array, check_array, quiet
from legonet.brick import Brick
from legonet.checks import check_dtype, check_number, check_size
from legonet.formulas import Formulas
from legonet.parameter import Parameter
from legonet.special import centred, root_mean_square, row_means


class BatchNorm(Brick[tuple[Array, Array]]):
    r"""Each channel is shifted and scaled to the mean 0 and the standard deviation 1, then by what is learned.

    .. math::

        \text{forward} \quad& y = g \odot \hat{x} + b, \quad \hat{x} = \frac{x - \mu}{\sigma}, \quad
        \mu = \overline{x}, \quad \sigma = \sqrt{\overline{(x - \mu)^2} + \varepsilon} \\
        \text{backward} \quad& \frac{\partial L}{\partial g} = \sum \frac{\partial L}{\partial y} \odot \hat{x},
        \quad \frac{\partial L}{\partial b} = \sum \frac{\partial L}{\partial y}, \quad
        \frac{\partial L}{\partial x} = \frac{g}{\sigma} \odot \left( \frac{\partial L}{\partial y} -
        \overline{\frac{\partial L}{\partial y}} - \hat{x} \, \overline{\frac{\partial L}{\partial y} \odot \hat{x}}
        \right)

    x and y have shape (batch, channels) or (batch, channels, ...). Sums and means, the latter with a bar, are over all
    axes but that of the channels, which is axis 1: of a sequence, (batch, time, features), that is the time. Put it
    between two `Transpose` (2, 1) for its features, or use `LayerNorm`.

    The gradient by x follows from two steps. Through σ alone, with h = g ∂L/∂y, c = x - μ and ∂σ/∂c = c / (n σ), n the
    numbers of a channel:

    .. math::

        \frac{\partial L}{\partial c} = \frac{h}{\sigma} - \frac{\sum h \odot c}{\sigma^2} \, \frac{c}{n \sigma} =
        \frac{h - \hat{x} \, \overline{h \odot \hat{x}}}{\sigma}

    Through μ each entry loses the mean of them all; the mean of x̂ is 0, so only that of h is left.

    In inference, that is called, running statistics take the place of μ and σ², so a row does not depend on the
    others of its batch. Each forward moves them by

    .. math::

        \mu_\text{running} \leftarrow (1 - m) \, \mu_\text{running} + m \, \mu, \qquad
        \sigma^2_\text{running} \leftarrow (1 - m) \, \sigma^2_\text{running} + m \, \frac{n}{n - 1} \,
        \overline{(x - \mu)^2}

    Parameters
    ----------
    channels : int
        The size of axis 1 of x.
    momentum : float, optional
        m, how far the running statistics move in each forward, 0 ≤ m ≤ 1.
    eps : float, optional
        ε ≥ 1e-30, which keeps a channel of equal numbers from being divided by 0.
    dtype : dtype, optional
        The floating-point dtype of the parameters, and so of x, y and their gradients.

    Attributes
    ----------
    gain : Parameter
        g, of shape (channels,); ones at the start.
    bias : Parameter
        b, of shape (channels,); zeros at the start.
    running_mean, running_var : numpy.ndarray
        The running statistics, of shape (channels,); zeros and ones at the start. `forward` writes into them.

    Raises
    ------
    OptionError
        If `channels` is negative or no whole number, `momentum` is not within 0 and 1, or `eps` no number of at least
        1e-30.
    ShapeError, DtypeError
        If x is not of shape (batch, channels, ...) and the dtype of the parameters, or dy is not of the shape and dtype
        of x.

    Notes
    -----
    The running statistics are plain arrays and no parameters: no optimizer moves them, and ``parameters()`` does not
    list them. A deep copy and a pickle of the brick keep them; who saves the numbers of a network by hand saves these
    two arrays with them. For float16 they are kept in float32, in which all is computed inside.

    A batch of no rows leaves them alone. One number a channel has the variance 0; PyTorch refuses it. As `forward`
    moves them, let only one thread at a time train the brick. PyTorch calls the gain ``weight``.

    References
    ----------
    Ioffe and Szegedy, "Batch normalization: accelerating deep network training by reducing internal covariate shift",
    ICML 2015, algorithms 1 and 2.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import BatchNorm
    >>> norm = BatchNorm(1)
    >>> y, cache = norm.forward(np.array([[1.0], [3.0]]))
    >>> y.round(4)
    array([[-1.],
           [ 1.]])
    >>> norm.backward(np.array([[2.0], [0.0]]), cache).round(4)
    array([[ 0.],
           [-0.]])
    >>> norm.running_mean, norm.running_var
    (array([0.2]), array([1.1]))
    >>> norm(np.array([[0.2]]))
    array([[0.]])
    """

    def __init__(
        self, channels: int, *, momentum: float = 0.1, eps: float = 1e-5, dtype: npt.DTypeLike = np.float64
    ) -> None:
        channels, dtype = check_size("BatchNorm", "channels", channels), check_dtype("BatchNorm", dtype)
        self.momentum = check_number("BatchNorm", "momentum", momentum, at_least=0, at_most=1)
        self.eps = check_number("BatchNorm", "eps", eps, at_least=1e-30)  # it is not 0 in float32, nor is its root
        self.gain, self.bias = Parameter(np.ones(channels, dtype)), Parameter(np.zeros(channels, dtype))
        wide = np.result_type(dtype, np.float32)
        self.running_mean: Array = np.zeros(channels, wide)
        self.running_var: Array = np.ones(channels, wide)

    def formulas(self, x: Array) -> Formulas:
        """Return the formulas of training; M is how many numbers a channel has."""
        return Formulas(
            [
                "μ[c] = mean(x[n, c, ...], n, ...)",
                "σ[c] = sqrt(mean((x[n, c, ...] - μ[c]) ** 2, n, ...) + ε)",
                "x̂[n, c, ...] = (x[n, c, ...] - μ[c]) / σ[c]",
                "y[n, c, ...] = g[c] * x̂[n, c, ...] + b[c]",
            ],
            [
                *("dg[c] = sum(dy[n, c, ...] * x̂[n, c, ...], n, ...)", "db[c] = sum(dy[n, c, ...], n, ...)"),
                "dx[n, c, ...] = g[c] / σ[c] * (dy[n, c, ...] - db[c] / M - x̂[n, c, ...] * dg[c] / M)",
            ],
            {"g": "gain", "b": "bias", "ε": "eps", "M": x.size // max(x.shape[1], 1)},
        )

    @quiet
    def forward(self, x: Array) -> tuple[Array, tuple[Array, Array]]:
        """Return y = g x̂ + b with x̂ = (x - μ) / σ, and x̂ and σ for `backward`; move the running statistics."""
        g, b = self.gain.value[:, np.newaxis], self.bias.value[:, np.newaxis]
        check_array(self, "x", x, ("batch", len(g), ...), g.dtype)
        c, mean = centred(_channels(x))
        std, variance = root_mean_square(c, self.eps)
        x_hat = np.divide(c, std, out=c)
        if n := c.shape[1]:
            for running, now in ((self.running_mean, mean), (self.running_var, variance * (n / max(n - 1, 1)))):
                running *= 1.0 - self.momentum
                running += self.momentum * now[:, 0]
        y = g * x_hat + b
        return _batch_first(np.asarray(y, x.dtype), x.shape), (_batch_first(x_hat, x.shape), std)

    @quiet
    def backward(self, dy: Array, cache: tuple[Array, Array]) -> Array:
        """Add dL/dg = Σ dy x̂ and dL/db = Σ dy, and return dL/dx = g / σ (dy - mean(dy) - x̂ mean(dy x̂))."""
        (x_hat, std), g = cache, self.gain.value[:, np.newaxis]
        check_array(self, "dy", dy, x_hat.shape, g.dtype)
        dy, x_hat = _channels(dy), _channels(x_hat)
        mean_dy, mean_dy_x_hat, n = row_means(dy), row_means(dy * x_hat), dy.shape[1]
        self.gain.grad += n * mean_dy_x_hat[:, 0]
        self.bias.grad += n * mean_dy[:, 0]
        dx = g / std * (dy - mean_dy - x_hat * mean_dy_x_hat)
        return _batch_first(np.asarray(dx, g.dtype), cache[0].shape)

    @quiet
    def __call__(self, x: Array) -> Array:
        """Return y = g (x - μ) / σ + b with the running statistics for μ and σ²."""
        check_array(self, "x", x, ("batch", len(self.gain.value), ...), self.gain.value.dtype)
        shape = -1, *(1,) * (x.ndim - 2)
        g, b, mean = (a.reshape(shape) for a in (self.gain.value, self.bias.value, self.running_mean))
        std = np.sqrt(self.running_var + self.eps).reshape(shape)
        return np.asarray(g * ((x - mean) / std) + b, x.dtype)

    def __repr__(self) -> str:
        channels, dtype = len(self.gain.value), self.gain.value.dtype
        options = f"momentum={self.momentum:g}, eps={self.eps:g}"
        return f"BatchNorm({channels}, {options}{'' if dtype == np.float64 else f', dtype={dtype}'})"


def _channels(x: Array) -> Array:
    """Return (batch, channels, ...) as a matrix with a row for each channel."""
    return x.swapaxes(0, 1).reshape(x.shape[1], len(x) * math.prod(x.shape[2:]))


def _batch_first(matrix: Array, shape: tuple[int, ...]) -> Array:
    """Return the matrix of channels as an array of its own shape again."""
    return matrix.reshape(shape[1], shape[0], *shape[2:]).swapaxes(0, 1)
