"""Batch normalisation, y = (x - mean) / std · gain + bias of each channel over the batch."""

import math

import numpy as np
import numpy.typing as npt

from legonet.arrays import Array, check_array, quiet
from legonet.brick import Brick
from legonet.checks import check_dtype, check_number, check_size
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
    axes but that of the channels.

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
    features : int
        The number of channels: the size of axis 1 of x.
    momentum : float, optional
        m, how far the running statistics move in each forward, 0 ≤ m ≤ 1.
    eps : float, optional
        ε > 0, which keeps a channel of equal numbers from being divided by 0.
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
        If `features` is negative or no whole number, `momentum` is not within 0 and 1, or `eps` is no positive number.
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
        self, features: int, *, momentum: float = 0.1, eps: float = 1e-5, dtype: npt.DTypeLike = np.float64
    ) -> None:
        features, dtype = check_size("BatchNorm", "features", features), check_dtype("BatchNorm", dtype)
        self.momentum = check_number("BatchNorm", "momentum", momentum, at_least=0, at_most=1)
        self.eps = check_number("BatchNorm", "eps", eps, above=0)
        self.gain, self.bias = Parameter(np.ones(features, dtype)), Parameter(np.zeros(features, dtype))
        wide = np.result_type(dtype, np.float32)
        self.running_mean: Array = np.zeros(features, wide)
        self.running_var: Array = np.ones(features, wide)

    @quiet
    def forward(self, x: Array) -> tuple[Array, tuple[Array, Array]]:
        """Return y = g x̂ + b with x̂ = (x - μ) / σ, and x̂ and σ for `backward`; move the running statistics."""
        g, b = self.gain.value[:, np.newaxis], self.bias.value[:, np.newaxis]
        check_array(self, "x", x, ("batch", len(g), ...), g.dtype)
        normal, mean = centred(_channels(x))
        std, variance = root_mean_square(normal, self.eps)
        normal /= std
        if n := normal.shape[1]:
            self.running_mean += self.momentum * (mean[:, 0] - self.running_mean)
            self.running_var += self.momentum * (variance[:, 0] * (n / max(n - 1, 1)) - self.running_var)
        y = normal * g
        y += b
        return _batch_first(np.asarray(y, x.dtype), x.shape), (_batch_first(normal, x.shape), std)

    @quiet
    def backward(self, dy: Array, cache: tuple[Array, Array]) -> Array:
        """Add dL/dg = Σ dy x̂ and dL/db = Σ dy, and return dL/dx = g / σ (dy - mean(dy) - x̂ mean(dy x̂))."""
        (normal, std), g = cache, self.gain.value
        check_array(self, "dy", dy, normal.shape, g.dtype)
        dy, normal = _channels(dy), _channels(normal)
        n, product = normal.shape[1], dy * normal
        mean, along = row_means(dy), row_means(product)
        self.gain.grad += n * along[:, 0]
        self.bias.grad += n * mean[:, 0]
        dx = dy - mean
        dx -= np.multiply(normal, along, out=product)
        dx *= g[:, np.newaxis] / std
        return _batch_first(np.asarray(dx, g.dtype), cache[0].shape)

    @quiet
    def __call__(self, x: Array) -> Array:
        """Return y = g (x - μ) / σ + b with the running statistics for μ and σ²."""
        check_array(self, "x", x, ("batch", len(self.gain.value), ...), self.gain.value.dtype)
        shape = -1, *(1,) * (x.ndim - 2)
        std = np.sqrt(self.running_var + self.eps).reshape(shape)
        normal = (x - self.running_mean.reshape(shape)) / std
        return np.asarray(normal * self.gain.value.reshape(shape) + self.bias.value.reshape(shape), x.dtype)

    def __repr__(self) -> str:
        features, dtype = len(self.gain.value), self.gain.value.dtype
        options = f"momentum={self.momentum:g}, eps={self.eps:g}"
        return f"BatchNorm({features}, {options}{'' if dtype == np.float64 else f', dtype={dtype}'})"


def _channels(x: Array) -> Array:
    """Return (batch, channels, ...) as a matrix with a row for each channel."""
    return x.swapaxes(0, 1).reshape(x.shape[1], len(x) * math.prod(x.shape[2:]))


def _batch_first(matrix: Array, shape: tuple[int, ...]) -> Array:
    """Return the matrix of channels as an array of its own shape again."""
    return matrix.reshape(shape[1], shape[0], *shape[2:]).swapaxes(0, 1)
