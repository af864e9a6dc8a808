"""Gaussian noise in training, y = x + σ n."""

import numpy as np

from legonet.arrays import Array, Form, check_array, quiet
from legonet.brick import Brick
from legonet.checks import check_number, check_rng
from legonet.formulas import Formulas


class GaussianNoise(Brick[Form]):
    r"""Normal random numbers are added to each entry in training.

    .. math::

        \text{forward} \quad& y = x + \sigma n, \quad n_i \sim \text{normal}(0, 1) \\
        \text{backward} \quad& \frac{\partial L}{\partial x} = \frac{\partial L}{\partial y}

    In inference, that is called, y is x itself. x and y have one axis or more, of any sizes.

    Parameters
    ----------
    std : float
        The standard deviation σ ≥ 0 of the noise.
    rng : numpy.random.Generator or int, optional
        The source of random numbers. Each forward goes on where the one before has ended.

    Attributes
    ----------
    rng : numpy.random.Generator
        The generator. A copy of the brick has a copy of it, and so draws the same numbers.

    Raises
    ------
    OptionError
        If `std` is negative or no number.
    ShapeError, DtypeError
        If x is no floating-point array of one axis or more, or dy is not of the shape and dtype of x.

    Notes
    -----
    dx is dy itself. The numbers n are drawn in float64 and rounded to the dtype of x: the same seed gives the same
    noise.

    References
    ----------
    Bishop, "Training with noise is equivalent to Tikhonov regularization", Neural Computation 7, 1995.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import GaussianNoise
    >>> noise = GaussianNoise(0.1, rng=0)
    >>> y, cache = noise.forward(np.array([1.0, 2.0, 3.0]))
    >>> y.round(3)
    array([1.013, 1.987, 3.064])
    >>> noise.backward(np.array([5.0, 6.0, 7.0]), cache)
    array([5., 6., 7.])
    >>> noise(np.array([1.0, 2.0, 3.0]))
    array([1., 2., 3.])
    """

    formulas = Formulas(["y = x + e"], ["dx = dy"], {"e": lambda passed: passed.output - passed.inputs[0]})

    def __init__(self, std: float, *, rng: np.random.Generator | int | None = None) -> None:
        self.std = check_number("GaussianNoise", "std", std, at_least=0)
        self.rng = check_rng("GaussianNoise", rng)

    @quiet
    def forward(self, x: Array) -> tuple[Array, Form]:
        """Return y = x + σ n, and the shape and dtype of x for `backward`."""
        check_array(self, "x", x)
        return x + self.rng.normal(0.0, self.std, x.shape).astype(x.dtype), (x.shape, x.dtype)

    def backward(self, dy: Array, form: Form) -> Array:
        """Return dL/dx = dy."""
        check_array(self, "dy", dy, *form)
        return dy

    def __call__(self, x: Array) -> Array:
        """Return x itself, as inference adds no noise."""
        check_array(self, "x", x)
        return x

    def __repr__(self) -> str:
        return f"GaussianNoise({self.std:g})"
