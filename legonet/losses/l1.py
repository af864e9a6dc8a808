"""The absolute error, L = 1/N Σ |y - t|."""

import numpy as np

from legonet.arrays import Array, check_array, quiet
from legonet.brick import Brick
from legonet.checks import check_scalar
from legonet.formulas import Formulas


class L1Loss(Brick[Array]):
    r"""The absolute error, summed over the outputs of a row and averaged over the N rows.

    .. math::

        \text{forward} \quad& L = \frac{1}{N} \sum_\text{rows} \sum_\text{outputs} |y - t| \\
        \text{backward} \quad& \frac{\partial L}{\partial y} = \frac{\text{sign}(y - t)}{N}

    Here t is the target. It is not differentiated. A batch of no rows has the loss 0.

    Raises
    ------
    ShapeError, DtypeError
        If y is no floating-point array of shape (batch, ...), or the target is not of the shape and dtype of y.

    Notes
    -----
    PyTorch's ``l1_loss`` averages over the outputs as well: for K outputs it is 1/K times this loss. Where y is the
    target there is no derivative; 0 is taken. The sum is taken in float64.

    References
    ----------
    Hastie, Tibshirani and Friedman, *The Elements of Statistical Learning*, 2009, section 10.6.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import L1Loss
    >>> l1 = L1Loss()
    >>> loss, cache = l1.forward(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 0.0], [0.0, 4.0]]))
    >>> loss
    2.5
    >>> l1.backward(1.0, cache)
    array([[0. , 0.5],
           [0.5, 0. ]])
    """

    formulas = Formulas(["L = sum(abs(y - t)) / N"], ["dy = dL * sign(y - t) / N"], {"t": "target"})

    @quiet
    def forward(self, y: Array, target: Array) -> tuple[float, Array]:
        """Return L = 1/N Σ abs(y - t), and y - t for `backward`."""
        check_array(self, "y", y)
        check_array(self, "target", target, y.shape, y.dtype)
        error = y - target
        return float(np.abs(error).sum(dtype=np.float64)) / (len(error) or 1), error

    @quiet
    def backward(self, dloss: float, error: Array) -> Array:
        """Return dL/dy = sign(y - t) / N, times dloss."""
        dy: Array = np.sign(error) * (check_scalar(self, "dloss", dloss) / (len(error) or 1))
        return dy
