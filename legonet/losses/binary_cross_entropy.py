"""The cross-entropy of yes and no, L = -1/N Σ (t log σ(y) + (1 - t) log σ(-y))."""

import numpy as np

from legonet.arrays import Array, check_array, check_probabilities, quiet
from legonet.brick import Brick
from legonet.checks import check_scalar
from legonet.formulas import Formulas


class BinaryCrossEntropyLoss(Brick[tuple[Array, Array]]):
    r"""How surprised σ(y) is by a yes or no, summed over the outputs of a row and averaged over the N rows.

    .. math::

        \text{forward} \quad& L = \frac{1}{N} \sum_\text{rows} \sum_\text{outputs}
        \left( \max(y, 0) - y t + \log(1 + e^{-|y|}) \right) \\
        \text{backward} \quad& \frac{\partial L}{\partial y} = \frac{\sigma(y) - t}{N}

    Here y are logits, so no `Sigmoid` comes before; t is the target, 1 for yes and 0 for no, or a probability between.
    It is not differentiated. A batch of no rows has the loss 0.

    Raises
    ------
    ShapeError, DtypeError
        If y is no floating-point array of shape (batch, ...), or the target is not of the shape and dtype of y.
    RangeError
        If a target is not from 0 to 1.

    Notes
    -----
    PyTorch's ``binary_cross_entropy_with_logits`` averages over the outputs as well: for K outputs it is 1/K times
    this loss; and it takes any number as a target. The sum is taken in float64. All digits of small losses and
    derivatives are kept: y = -40 and t = 0 give 4.2e-18. An infinite y costs
    nothing where it is right.

    References
    ----------
    Bishop, *Pattern Recognition and Machine Learning*, 2006, equations 4.90 and 4.91.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import BinaryCrossEntropyLoss
    >>> loss = BinaryCrossEntropyLoss()
    >>> value, cache = loss.forward(np.array([[0.0, -40.0], [0.0, 1000.0]]), np.array([[1.0, 0.0], [0.5, 1.0]]))
    >>> value
    0.6931471805599453
    >>> loss.backward(1.0, cache)
    array([[-2.50000000e-01,  2.12417713e-18],
           [ 0.00000000e+00,  0.00000000e+00]])
    """

    formulas = Formulas(
        ["L = sum(log(1 + exp(-abs(y))) + max(y, 0) - y * t) / N"],
        ["σ = 1 / (1 + exp(-y))", "dy = dL * (σ - t) / N"],
        {"t": "target"},
    )

    @quiet
    def forward(self, y: Array, target: Array) -> tuple[float, tuple[Array, Array]]:
        """Return L = 1/N Σ (max(y, 0) - y t + log(1 + e^-abs(y))), and y and t for `backward`."""
        check_array(self, "y", y)
        check_probabilities(self, "target", target, y.shape, y.dtype)
        # max(y, 0) - y t is |y| times how far the target is from the nearer end, [y > 0]: no digits cancel.
        far = np.abs((y > 0.0) - target)
        losses = np.where(far == 0.0, 0.0, np.abs(y) * far) + np.log1p(np.exp(-np.abs(y)))
        return float(losses.sum(dtype=np.float64)) / (len(y) or 1), (y, target)

    @quiet
    def backward(self, dloss: float, cache: tuple[Array, Array]) -> Array:
        """Return dL/dy = (σ(y) - t) / N, times dloss."""
        y, target = cache
        e = np.exp(-np.abs(y))
        tail = e / (1.0 + e)  # σ(y) is [y > 0] less or plus this
        error = (y > 0.0) - target + np.where(y > 0.0, -tail, tail)
        return error * (check_scalar(self, "dloss", dloss) / (len(y) or 1))
