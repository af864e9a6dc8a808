"""The Kullback-Leibler divergence, L = 1/N Σ t (log t - y)."""

import numpy as np

from legonet.arrays import Array, check_array, check_probabilities, quiet
from legonet.brick import Brick
from legonet.checks import check_scalar
from legonet.formulas import Formulas


class KLDivergenceLoss(Brick[Array]):
    r"""How far predicted probabilities are from the target's, summed over a row and averaged over the N rows.

    .. math::

        \text{forward} \quad& L = \frac{1}{N} \sum_\text{rows} \sum_\text{outputs} t \, (\log t - y) \\
        \text{backward} \quad& \frac{\partial L}{\partial y} = -\frac{t}{N}

    Here y are logarithms of probabilities, as of a softmax; t is the target, probabilities from 0 to 1, with
    0 log 0 = 0. It is not differentiated. A batch of no rows has the loss 0.

    Raises
    ------
    ShapeError, DtypeError
        If y is no floating-point array of shape (batch, ...), or the target is not of the shape and dtype of y.
    RangeError
        If a target is not from 0 to 1.

    Notes
    -----
    It is PyTorch's ``kl_div`` with ``reduction="batchmean"``; the default there averages over the outputs as well. A
    y of -infinity, a class that cannot be, costs nothing where t is 0. The sum is taken in float64.

    References
    ----------
    Kullback and Leibler, "On information and sufficiency", Annals of Mathematical Statistics 22, 1951.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import KLDivergenceLoss
    >>> kl = KLDivergenceLoss()
    >>> loss, cache = kl.forward(np.log([[0.5, 0.5], [0.25, 0.75]]), np.array([[1.0, 0.0], [0.25, 0.75]]))
    >>> loss
    0.34657359027997264
    >>> kl.backward(1.0, cache)
    array([[-0.5  , -0.   ],
           [-0.125, -0.375]])
    """

    formulas = Formulas(["L = sum(where(t > 0, t * (log(t) - y), 0)) / N"], ["dy = -dL * t / N"], {"t": "target"})

    @quiet
    def forward(self, y: Array, target: Array) -> tuple[float, Array]:
        """Return L = 1/N Σ t (log t - y), and t for `backward`."""
        check_array(self, "y", y)
        check_probabilities(self, "target", target, y.shape, y.dtype)
        never = target == 0.0
        losses = np.where(never & ~np.isnan(y), 0.0, target * (np.log(target + never) - y))
        return float(losses.sum(dtype=np.float64)) / (len(y) or 1), target

    @quiet
    def backward(self, dloss: float, target: Array) -> Array:
        """Return dL/dy = -t / N, times dloss."""
        return target * (-check_scalar(self, "dloss", dloss) / (len(target) or 1))
