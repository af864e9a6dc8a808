"""RMSProp, θ ← θ - α g / (√v + ε): each gradient divided by the root of its recent mean square."""

from collections.abc import Sequence
from operator import attrgetter

import numpy as np

from legonet.arrays import Array
from legonet.checks import check_number
from legonet.formulas import Formulas
from legonet.optimizers.groups import Group, Parameters
from legonet.optimizers.optimizer import Optimizer, squarable


class RMSProp(Optimizer):
    r"""RMSProp: the gradient divided by its root mean square of the recent steps, with momentum if wanted.

    .. math::

        g &= \frac{\partial L}{\partial \theta} + \text{weight decay} \cdot \theta \\
        v &\leftarrow \rho v + (1 - \rho) g^2 \\
        b &\leftarrow \mu b + \frac{g}{\sqrt{v} + \varepsilon} \\
        \theta &\leftarrow \theta - \alpha b

    All operations are elementwise; without momentum, b is the quotient alone.

    Parameters
    ----------
    parameters : iterable of Parameter or of (str, Parameter)
        What is to learn: ``net.parameters()``, or ``net.named_parameters()`` if there are groups.
    lr : float, optional
        The learning rate α, at least 0.
    rho : float, optional
        ρ, how much of the mean square is kept in a step, at least 0 and below 1.
    eps : float, optional
        ε, at least 1e-20: what keeps the step small where the gradient is nearly zero.
    momentum : float, optional
        μ, at least 0 and below 1.
    weight_decay : float, optional
        Adds ``weight_decay`` times θ to the gradient.
    groups : sequence of Group, optional
        Options of some parameters, by their names.

    Attributes
    ----------
    lr : float
        The learning rate. Set it between steps to follow a schedule.
    steps : int
        How many steps were made.

    Raises
    ------
    OptionError
        If a number is out of its bounds, the parameters are not a list of parameters, each once, or a group matches
        none of them.

    Notes
    -----
    The formulas are those of PyTorch's ``RMSprop``, whose ``alpha`` is ρ: ε is added to the root, not put under it.
    As v begins at zero, the first step is 1 / √(1 - ρ) times the learning rate, 10 times by default. A finite gradient
    too large to be squared counts as one that just can be.

    References
    ----------
    Tieleman and Hinton, "Lecture 6.5: rmsprop", Coursera: Neural networks for machine learning, 2012.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import Parameter, RMSProp
    >>> weight = Parameter(np.array([1.0, 2.0]))
    >>> rmsprop = RMSProp([weight], lr=0.01)
    >>> weight.grad += np.array([0.001, -1000.0])
    >>> rmsprop.step()
    >>> weight.value.round(4)
    array([0.9, 2.1])
    """

    shown = ("rho", "eps", "momentum")

    def __init__(
        self,
        parameters: Parameters,
        *,
        lr: float = 0.01,
        rho: float = 0.99,
        eps: float = 1e-8,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        groups: Sequence[Group] = (),
    ) -> None:
        self._rho = check_number("RMSProp", "rho", rho, at_least=0, below=1)
        self._eps = check_number("RMSProp", "eps", eps, at_least=1e-20)
        self._momentum = check_number("RMSProp", "momentum", momentum, at_least=0, below=1)
        super().__init__(parameters, lr=lr, weight_decay=weight_decay, groups=groups, slots=2 if momentum else 1)

    rho = property(attrgetter("_rho"), doc="ρ, how much of the mean square is kept in a step.")
    eps = property(attrgetter("_eps"), doc="ε, what keeps the step small where the gradient is nearly zero.")
    momentum = property(attrgetter("_momentum"), doc="μ, how much of the steps before is kept.")

    letters = ("v", "b")

    def update_formulas(self, lr: float, weight_decay: float) -> Formulas:
        """Return the formulas of `update`."""
        lines, g = ([], "g") if not weight_decay else (["d = g + λ * θ"], "d")
        lines.append(f"v = ρ * v_old + (1 - ρ) * {g} ** 2")
        step = f"{g} / (sqrt(v) + ε)"
        if self._momentum:
            lines, step = [*lines, f"b = μ * b_old + {step}"], "b"
        names = {"α": lr, "λ": weight_decay, "ρ": self._rho, "ε": self._eps, "μ": self._momentum}
        return Formulas([*lines, f"θ_new = θ - α * {step}"], [], names)

    def update(self, theta: Array, g: Array, slots: list[Array], lr: float, weight_decay: float) -> None:
        """θ ← θ - α b, with b ← μ b + g / (√v + ε)."""
        v = slots[0]
        if weight_decay:
            g = g + weight_decay * theta
        g = squarable(g)
        v *= self._rho
        v += (1 - self._rho) * (g * g)
        quotient: Array = g / (np.sqrt(v) + self._eps)
        if self._momentum:
            b = slots[1]
            b *= self._momentum
            b += quotient
            quotient = b
        theta -= lr * quotient
