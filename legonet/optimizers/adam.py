"""Adam, θ ← θ - α m / (√v + ε): means of the gradient and of its square, of the recent steps."""

import math
from collections.abc import Sequence
from operator import attrgetter

import numpy as np

from legonet.arrays import Array
from legonet.checks import check_number
from legonet.formulas import Formulas
from legonet.optimizers.groups import Group, Parameters
from legonet.optimizers.optimizer import Optimizer, squarable


class Adam(Optimizer):
    r"""Adam: steps of about the size α in each direction, however large the gradients are.

    .. math::

        g &= \frac{\partial L}{\partial \theta} + \text{weight decay} \cdot \theta \\
        m &\leftarrow \beta_1 m + (1 - \beta_1) g \\
        v &\leftarrow \beta_2 v + (1 - \beta_2) g^2 \\
        \theta &\leftarrow \theta - \alpha \, \frac{m / (1 - \beta_1^t)}{\sqrt{v / (1 - \beta_2^t)} + \varepsilon}

    in step t = 1, 2, ...; all operations are elementwise.

    Parameters
    ----------
    parameters : iterable of Parameter or of (str, Parameter)
        What is to learn: ``net.parameters()``, or ``net.named_parameters()`` if there are groups.
    lr : float, optional
        The learning rate α, at least 0.
    beta1, beta2 : float, optional
        How much of the means β₁ of the gradient and β₂ of its square is kept in a step, at least 0 and below 1.
    eps : float, optional
        ε, at least 1e-20: what keeps the step small where the gradient is nearly zero.
    weight_decay : float, optional
        Adds ``weight_decay`` times θ to the gradient. Mostly `AdamW`, which does not divide it by √v, does better.
    groups : sequence of Group, optional
        Options of some parameters, by their names.

    Attributes
    ----------
    lr : float
        The learning rate. Set it between steps to follow a schedule.
    steps : int
        t, how many steps were made.

    Raises
    ------
    OptionError
        If a number is out of its bounds, the parameters are not a list of parameters, each once, or a group matches
        none of them.

    Notes
    -----
    The formulas are the paper's algorithm 1 and those of PyTorch's ``Adam``: ε is added to the root of the corrected
    v, not put under the root nor added before the correction. With v = 0 there is no gradient, and no step. It is at
    least 1e-20, so that a gradient whose square vanishes in float32 makes a small step and not a huge one. The
    corrections 1 - βᵗ are computed in Python floats also for float32 parameters, and drawn together as the end of the
    paper's section 2 has it.

    A finite gradient too large to be squared (above 6e153 in float64, 9e18 in float32) counts as one that just can
    be; PyTorch's v becomes infinite there, and the parameter stands still from then on.

    References
    ----------
    Kingma and Ba, "Adam: a method for stochastic optimization", 2015, https://arxiv.org/abs/1412.6980.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import Adam, Parameter
    >>> weight = Parameter(np.array([1.0, 2.0]))
    >>> adam = Adam([weight], lr=0.1)
    >>> weight.grad += np.array([0.001, -1000.0])
    >>> adam.step()
    >>> weight.value.round(4)
    array([0.9, 2.1])
    """

    shown = ("beta1", "beta2", "eps")

    def __init__(
        self,
        parameters: Parameters,
        *,
        lr: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        groups: Sequence[Group] = (),
    ) -> None:
        who = type(self).__name__
        self._beta1 = check_number(who, "beta1", beta1, at_least=0, below=1)
        self._beta2 = check_number(who, "beta2", beta2, at_least=0, below=1)
        self._eps = check_number(who, "eps", eps, at_least=1e-20)
        super().__init__(parameters, lr=lr, weight_decay=weight_decay, groups=groups, slots=2)

    beta1 = property(attrgetter("_beta1"), doc="β₁, how much of the mean gradient is kept in a step.")
    beta2 = property(attrgetter("_beta2"), doc="β₂, how much of the mean square is kept in a step.")
    eps = property(attrgetter("_eps"), doc="ε, what keeps the step small where the gradient is nearly zero.")

    letters = ("m", "v")

    def update_formulas(self, lr: float, weight_decay: float) -> Formulas:
        """Return the formulas of `update`."""
        lines, g = ([], "g") if not weight_decay else (["d = g + λ * θ"], "d")
        return self._stated([*lines, *self._means(g)], "θ_new = θ - α * m̂ / (sqrt(v̂) + ε)", lr, weight_decay)

    def _means(self, g: str) -> list[str]:
        means = [f"m = β_1 * m_old + (1 - β_1) * {g}", f"v = β_2 * v_old + (1 - β_2) * {g} ** 2"]
        return [*means, "m̂ = m / (1 - β_1**step)", "v̂ = v / (1 - β_2**step)"]

    def _stated(self, means: list[str], step: str, lr: float, weight_decay: float) -> Formulas:
        names = {
            "α": lr,
            "λ": weight_decay,
            "β_1": self._beta1,
            "β_2": self._beta2,
            "ε": self._eps,
            "step": self.steps + 1,
        }
        return Formulas([*means, step], [], names)

    def update(self, theta: Array, g: Array, slots: list[Array], lr: float, weight_decay: float) -> None:
        """θ ← θ - α m̂ / (√v̂ + ε), with m̂ = m / (1 - β₁ᵗ) and v̂ = v / (1 - β₂ᵗ), the corrections drawn together."""
        m, v = slots
        if weight_decay:
            g = g + weight_decay * theta
        g = squarable(g)
        m *= self._beta1
        m += (1 - self._beta1) * g
        v *= self._beta2
        v += (1 - self._beta2) * (g * g)
        root = math.sqrt(1 - self._beta2**self.steps)
        theta -= lr * root / (1 - self._beta1**self.steps) * m / (np.sqrt(v) + root * self._eps)
