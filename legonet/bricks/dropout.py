"""Dropout: each entry is left out at random in training, y = x m."""

import numpy as np

from legonet.arrays import Array, check_array, quiet
from legonet.brick import Brick
from legonet.checks import check_number, check_rng
from legonet.formulas import Formulas


class Dropout(Brick[Array]):
    r"""Each entry is replaced by 0 with probability p in training, and the others grow so that the mean stays.

    .. math::

        \text{forward} \quad& y = x \odot m, \quad m_i = \frac{[u_i \ge p]}{1 - p}, \quad
        u_i \sim \text{uniform}(0, 1) \\
        \text{backward} \quad& \frac{\partial L}{\partial x} = \frac{\partial L}{\partial y} \odot m

    In inference, that is called, y is x itself. x and y have one axis or more, of any sizes.

    Parameters
    ----------
    rate : float
        The probability p of leaving an entry out, 0 ≤ p < 1.
    rng : numpy.random.Generator or int, optional
        The source of random numbers. Each forward goes on where the one before has ended.

    Attributes
    ----------
    rng : numpy.random.Generator
        The generator. A copy of the brick has a copy of it, and so draws the same numbers.

    Raises
    ------
    OptionError
        If `rate` is not within 0 ≤ p < 1.
    ShapeError, DtypeError
        If x is no floating-point array of one axis or more, or dy is not of the shape and dtype of x.

    Notes
    -----
    The cache is m, so `backward` sees what `forward` drew. The numbers u are drawn in float32 whatever the dtype of x:
    the same seed leaves out the same entries. At the rate 0 none are drawn. Give two Dropouts of a network one
    generator, not the same int, or they leave out the same entries.

    References
    ----------
    Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, "Dropout: a simple way to prevent neural networks from
    overfitting", JMLR 15, 2014; section 10 for the scale 1 / (1 - p) in training.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import Dropout
    >>> dropout = Dropout(0.5, rng=0)
    >>> y, mask = dropout.forward(np.array([1.0, 2.0, 3.0, 4.0]))
    >>> y
    array([2., 4., 6., 0.])
    >>> dropout.backward(np.ones(4), mask)
    array([2., 2., 2., 0.])
    >>> dropout(np.array([1.0, 2.0, 3.0, 4.0]))
    array([1., 2., 3., 4.])
    """

    formulas = Formulas(["y = m * x"], ["dy_dx = m", "dx = dy * dy_dx"], {"m": lambda passed: passed.cache})

    def __init__(self, rate: float, *, rng: np.random.Generator | int | None = None) -> None:
        self.rate = check_number("Dropout", "rate", rate, at_least=0, below=1)
        self.rng = check_rng("Dropout", rng)

    @quiet
    def forward(self, x: Array) -> tuple[Array, Array]:
        """Return y = x m, and the mask m for `backward`."""
        check_array(self, "x", x)
        # At rate 0 all is kept, and nothing drawn.
        keep = self.rng.random(x.shape, np.float32) >= self.rate if self.rate else np.broadcast_to(True, x.shape)
        mask: Array = np.divide(keep, 1.0 - self.rate, dtype=x.dtype.type)  # native byte order
        return x * mask, mask

    @quiet
    def backward(self, dy: Array, mask: Array) -> Array:
        """Return dL/dx = dy m."""
        check_array(self, "dy", dy, mask.shape, mask.dtype)
        return dy * mask

    def __call__(self, x: Array) -> Array:
        """Return x itself, as inference leaves nothing out."""
        check_array(self, "x", x)
        return x

    def __repr__(self) -> str:
        return f"Dropout({self.rate:g})"
