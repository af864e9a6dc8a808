"""Huber's loss, quadratic for small errors and linear for large ones."""

import numpy as np

from legonet.arrays import Array, check_array, quiet
from legonet.brick import Brick
from legonet.checks import check_number, check_scalar
from legonet.formulas import Formulas


class HuberLoss(Brick[Array]):
    r"""Half the squared error up to δ and a straight line from there on, so that outliers pull no harder than δ.

    .. math::

        \text{forward} \quad& L = \frac{1}{N} \sum_\text{rows} \sum_\text{outputs} c \, (e - c / 2), \quad
        e = y - t, \quad c = \min(\max(e, -\delta), \delta) \\
        \text{backward} \quad& \frac{\partial L}{\partial y} = \frac{c}{N}

    So an error costs e²/2 within ±δ and δ times (its size - δ/2) beyond. Here t is the target. It is not
    differentiated. A batch of no rows has the loss 0.

    Parameters
    ----------
    delta : float, optional
        δ > 0, where the parabola becomes a line.

    Raises
    ------
    OptionError
        If `delta` is no positive number.
    ShapeError, DtypeError
        If y is no floating-point array of shape (batch, ...), or the target is not of the shape and dtype of y.

    Notes
    -----
    PyTorch's ``huber_loss`` averages over the outputs as well: for K outputs it is 1/K times this loss. Its
    ``smooth_l1_loss`` is that divided by δ. The sum is taken in float64.

    References
    ----------
    Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics 35, 1964.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import HuberLoss
    >>> huber = HuberLoss()
    >>> loss, cache = huber.forward(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 1.5], [0.0, 4.0]]))
    >>> loss
    1.3125
    >>> huber.backward(1.0, cache)
    array([[0.  , 0.25],
           [0.5 , 0.  ]])
    """

    formulas = Formulas(
        ["e = y - t", "c = max(min(e, δ), -δ)", "L = sum(c * (e - c / 2)) / N"],
        ["dy = dL * c / N"],
        {"t": "target", "δ": "delta"},
    )

    def __init__(self, *, delta: float = 1.0) -> None:
        self.delta = check_number("HuberLoss", "delta", delta, above=0)

    @quiet
    def forward(self, y: Array, target: Array) -> tuple[float, Array]:
        """Return L = 1/N Σ c (e - c/2), and c, the error cut to ±δ, for `backward`."""
        check_array(self, "y", y)
        check_array(self, "target", target, y.shape, y.dtype)
        e = y - target
        c = np.minimum(np.maximum(e, -self.delta), self.delta)
        return float((c * (e - 0.5 * c)).sum(dtype=np.float64)) / (len(e) or 1), c

    @quiet
    def backward(self, dloss: float, c: Array) -> Array:
        """Return dL/dy = c / N, times dloss."""
        return c * (check_scalar(self, "dloss", dloss) / (len(c) or 1))

    def __repr__(self) -> str:
        return f"HuberLoss(delta={self.delta:g})"
