"""The L1 penalty (lasso), R = λ Σ abs(w)."""

from collections.abc import Iterable

import numpy as np

from legonet.arrays import quiet
from legonet.brick import Brick
from legonet.checks import check_number, check_parameters, check_scalar, counted
from legonet.formulas import Formulas
from legonet.parameter import Parameter


class L1Regularizer(Brick[None]):
    r"""A price on all weights alike, which drives many of them to 0: λ times the sum of their sizes.

    .. math::

        \text{forward} \quad& R = \lambda \sum_W \sum_{ij} |W_{ij}| \\
        \text{backward} \quad& \frac{\partial R}{\partial W} = \lambda \, \text{sign}(W)

    Parameters
    ----------
    weights : iterable of Parameter
        What is penalized. Biases are usually left out, as for `L2Regularizer`.
    strength : float
        λ, at least 0.

    Raises
    ------
    OptionError
        If the strength is negative or not finite, or the weights are not parameters.

    Notes
    -----
    At a weight of 0 there is no derivative; 0 is taken. PyTorch has no such loss. The sums are taken in float64.

    References
    ----------
    Tibshirani, "Regression shrinkage and selection via the lasso", Journal of the Royal Statistical Society B 58, 1996.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import L1Regularizer, Parameter
    >>> weight = Parameter(np.array([[3.0, -4.0, 0.0]]))
    >>> lasso = L1Regularizer([weight], strength=0.5)
    >>> penalty, cache = lasso.forward()
    >>> penalty
    3.5
    >>> lasso.backward(1.0, cache)
    >>> weight.grad
    array([[ 0.5, -0.5,  0. ]])
    """

    def __init__(self, weights: Iterable[Parameter], *, strength: float) -> None:
        self.weights = check_parameters("L1Regularizer", weights)
        self.strength = check_number("L1Regularizer", "strength", strength, at_least=0)

    @property
    def formulas(self) -> Formulas:
        """Both formulas, of all weights."""
        names = {f"W{number}": weight for number, weight in enumerate(self.weights)}
        total = " + ".join(f"sum(abs({name}))" for name in names) or "0"
        return Formulas(
            [f"R = λ * ({total})"], [f"d{name} = dR * λ * sign({name})" for name in names], {**names, "λ": "strength"}
        )

    @quiet
    def forward(self) -> tuple[float, None]:
        """Return R = λ Σ abs(w); `backward` needs nothing but the weights."""
        return self.strength * sum(float(np.abs(w.value).sum(dtype=np.float64)) for w in self.weights), None

    @quiet
    def backward(self, dloss: float, cache: None) -> None:
        """Add dR/dW = λ sign(W), times dloss, to the gradients."""
        factor = check_scalar(self, "dloss", dloss) * self.strength
        for weight in self.weights:
            weight.grad += factor * np.sign(weight.value)

    def __repr__(self) -> str:
        return f"L1Regularizer({counted(self.weights)}, strength={self.strength:g})"
