"""The elastic net, R = λ₁ Σ abs(w) + λ₂/2 Σ w²."""

from collections.abc import Iterable

import numpy as np

from legonet.arrays import quiet
from legonet.brick import Brick
from legonet.checks import check_number, check_parameters, check_scalar, counted
from legonet.formulas import Formulas
from legonet.parameter import Parameter
from legonet.special import sum_of_squares


class ElasticNetRegularizer(Brick[None]):
    r"""The prices of `L1Regularizer` and `L2Regularizer` together.

    .. math::

        \text{forward} \quad& R = \lambda_1 \sum_W \sum_{ij} |W_{ij}|
        + \frac{\lambda_2}{2} \sum_W \sum_{ij} W_{ij}^2 \\
        \text{backward} \quad& \frac{\partial R}{\partial W} = \lambda_1 \, \text{sign}(W) + \lambda_2 W

    Parameters
    ----------
    weights : iterable of Parameter
        What is penalized. Biases are usually left out, as for `L2Regularizer`.
    l1_strength : float
        λ₁, at least 0.
    l2_strength : float
        λ₂, at least 0.

    Raises
    ------
    OptionError
        If a strength is negative or not finite, or the weights are not parameters.

    Notes
    -----
    At a weight of 0 there is no derivative; λ₂ times 0 is taken. scikit-learn's ``alpha`` and ``l1_ratio`` are
    ``l1_strength=alpha * l1_ratio, l2_strength=alpha * (1 - l1_ratio)``. The sums are taken in float64.

    References
    ----------
    Zou and Hastie, "Regularization and variable selection via the elastic net", Journal of the Royal Statistical
    Society B 67, 2005.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import ElasticNetRegularizer, Parameter
    >>> weight = Parameter(np.array([[3.0, -4.0, 0.0]]))
    >>> net = ElasticNetRegularizer([weight], l1_strength=0.5, l2_strength=0.1)
    >>> penalty, cache = net.forward()
    >>> penalty
    4.75
    >>> net.backward(1.0, cache)
    >>> weight.grad
    array([[ 0.8, -0.9,  0. ]])
    """

    def __init__(self, weights: Iterable[Parameter], *, l1_strength: float, l2_strength: float) -> None:
        who = "ElasticNetRegularizer"
        self.weights = check_parameters(who, weights)
        self.l1_strength = check_number(who, "l1_strength", l1_strength, at_least=0)
        self.l2_strength = check_number(who, "l2_strength", l2_strength, at_least=0)

    @property
    def formulas(self) -> Formulas:
        """Both formulas, of all weights."""
        names = {f"W{number}": weight for number, weight in enumerate(self.weights)}
        sizes = " + ".join(f"sum(abs({name}))" for name in names) or "0"
        squares = " + ".join(f"sum({name} ** 2)" for name in names) or "0"
        backward = [f"d{name} = dR * (λ_1 * sign({name}) + λ_2 * {name})" for name in names]
        options = {"λ_1": "l1_strength", "λ_2": "l2_strength"}
        return Formulas([f"R = λ_1 * ({sizes}) + λ_2 / 2 * ({squares})"], backward, {**names, **options})

    @quiet
    def forward(self) -> tuple[float, None]:
        """Return R = λ₁ Σ abs(w) + λ₂/2 Σ w²; `backward` needs nothing but the weights."""
        sizes = sum(float(np.abs(w.value).sum(dtype=np.float64)) for w in self.weights)
        squares = sum(sum_of_squares(w.value) for w in self.weights)
        return self.l1_strength * sizes + self.l2_strength / 2 * squares, None

    @quiet
    def backward(self, dloss: float, cache: None) -> None:
        """Add dR/dW = λ₁ sign(W) + λ₂ W, times dloss, to the gradients."""
        dloss = check_scalar(self, "dloss", dloss)
        for weight in self.weights:
            W = weight.value
            weight.grad += dloss * (self.l1_strength * np.sign(W) + self.l2_strength * W)

    def __repr__(self) -> str:
        options = f"l1_strength={self.l1_strength:g}, l2_strength={self.l2_strength:g}"
        return f"ElasticNetRegularizer({counted(self.weights)}, {options})"
