"""The mean squared error, L = 1/(2N) Σ (y - t)²."""

from legonet.arrays import Array, check_array, quiet
from legonet.brick import Brick
from legonet.checks import check_scalar
from legonet.formulas import Formulas
from legonet.special import sum_of_squares


class MSELoss(Brick[Array]):
    r"""Half the squared error, summed over the outputs of a row and averaged over the N rows.

    .. math::

        \text{forward} \quad& L = \frac{1}{2N} \sum_\text{rows} \sum_\text{outputs} (y - t)^2 \\
        \text{backward} \quad& \frac{\partial L}{\partial y} = \frac{y - t}{N}

    Here t is the target. It is not differentiated. A batch of no rows has the loss 0.

    Raises
    ------
    ShapeError, DtypeError
        If y is no floating-point array of shape (batch, ...), or the target is not of the shape and dtype of y:
        (N, 1) against (N,) is an error, never a broadcast.

    Notes
    -----
    PyTorch's ``mse_loss`` has no factor 1/2 and averages over the outputs as well: for K outputs it is 2/K times
    this loss. With ``reduction="sum"`` it is 2N times this loss. The squares are taken and summed in float64.

    References
    ----------
    Bishop, *Pattern Recognition and Machine Learning*, 2006, equation 5.11, divided by N.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import MSELoss
    >>> mse = MSELoss()
    >>> loss, cache = mse.forward(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 0.0], [0.0, 4.0]]))
    >>> loss
    3.25
    >>> mse.backward(1.0, cache)
    array([[0. , 1. ],
           [1.5, 0. ]])
    """

    formulas = Formulas(["L = sum((y - t) ** 2) / (2 * N)"], ["dy = dL * (y - t) / N"], {"t": "target"})

    @quiet
    def forward(self, y: Array, target: Array) -> tuple[float, Array]:
        """Return L = 1/(2N) Σ (y - t)², and y - t for `backward`."""
        check_array(self, "y", y)
        check_array(self, "target", target, y.shape, y.dtype)
        error = y - target
        return sum_of_squares(error) / (2 * (len(error) or 1)), error

    @quiet
    def backward(self, dloss: float, error: Array) -> Array:
        """Return dL/dy = (y - t) / N, times dloss."""
        return error * (check_scalar(self, "dloss", dloss) / (len(error) or 1))
