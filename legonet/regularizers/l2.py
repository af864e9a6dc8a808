"""The L2 penalty (ridge), R = λ/2 Σ w²."""

from collections.abc import Iterable

from legonet.arrays import quiet
from legonet.brick import Brick
from legonet.checks import check_number, check_parameters, check_scalar, counted
from legonet.formulas import Formulas
from legonet.parameter import Parameter
from legonet.special import sum_of_squares


class L2Regularizer(Brick[None]):
    r"""A price on large weights: λ/2 times the sum of their squares.

    .. math::

        \text{forward} \quad& R = \frac{\lambda}{2} \sum_W \sum_{ij} W_{ij}^2 \\
        \text{backward} \quad& \frac{\partial R}{\partial W} = \lambda W

    Parameters
    ----------
    weights : iterable of Parameter
        What is penalized. Biases are usually left out:
        ``[p for name, p in net.named_parameters() if name.endswith("weight")]``.
    strength : float
        λ, at least 0.

    Raises
    ------
    OptionError
        If the strength is negative or not finite, or the weights are not parameters.

    Notes
    -----
    Where an article has λ/(2N) Σ w², for batches of N rows, pass ``strength=λ / N``. PyTorch has no
    such loss; the ``weight_decay`` of its ``SGD`` adds the same gradient without the value.

    References
    ----------
    Hoerl and Kennard, "Ridge regression", Technometrics 12, 1970.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import L2Regularizer, Parameter
    >>> weight = Parameter(np.array([[3.0, 4.0]]))
    >>> ridge = L2Regularizer([weight], strength=0.1)
    >>> penalty, cache = ridge.forward()
    >>> penalty
    1.25
    >>> ridge.backward(1.0, cache)
    >>> weight.grad
    array([[0.3, 0.4]])
    """

    def __init__(self, weights: Iterable[Parameter], *, strength: float) -> None:
        self.weights = check_parameters("L2Regularizer", weights)
        self.strength = check_number("L2Regularizer", "strength", strength, at_least=0)

    @property
    def formulas(self) -> Formulas:
        """Both formulas, of all weights."""
        names = {f"W{number}": weight for number, weight in enumerate(self.weights)}
        total = " + ".join(f"sum({name} ** 2)" for name in names) or "0"
        return Formulas(
            [f"R = λ / 2 * ({total})"], [f"d{name} = dR * λ * {name}" for name in names], {**names, "λ": "strength"}
        )

    @quiet
    def forward(self) -> tuple[float, None]:
        """Return R = λ/2 Σ w²; `backward` needs nothing but the weights."""
        return self.strength / 2 * sum(sum_of_squares(w.value) for w in self.weights), None

    @quiet
    def backward(self, dloss: float, cache: None) -> None:
        """Add dR/dW = λ W, times dloss, to the gradients."""
        factor = check_scalar(self, "dloss", dloss) * self.strength
        for weight in self.weights:
            weight.grad += factor * weight.value

    def __repr__(self) -> str:
        return f"L2Regularizer({counted(self.weights)}, strength={self.strength:g})"
