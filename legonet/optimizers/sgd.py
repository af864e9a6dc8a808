"""Stochastic gradient descent, θ ← θ - α dL/dθ."""

from collections.abc import Sequence
from operator import attrgetter

from legonet.arrays import Array
from legonet.checks import check_flag, check_number
from legonet.errors import OptionError
from legonet.formulas import Formulas
from legonet.optimizers.groups import Group, Parameters
from legonet.optimizers.optimizer import Optimizer


class SGD(Optimizer):
    r"""Stochastic gradient descent, with momentum and weight decay if wanted.

    .. math::

        g &= \frac{\partial L}{\partial \theta} + \text{weight decay} \cdot \theta \\
        v &\leftarrow \mu v + g \\
        \theta &\leftarrow \theta - \alpha v
        \quad \text{or, with Nesterov's momentum,} \quad \theta \leftarrow \theta - \alpha (g + \mu v)

    Without momentum, v is g.

    Parameters
    ----------
    parameters : iterable of Parameter or of (str, Parameter)
        What is to learn: ``net.parameters()``, or ``net.named_parameters()`` if there are groups.
    lr : float
        The learning rate α, at least 0.
    momentum : float, optional
        μ, at least 0 and below 1.
    nesterov : bool, optional
        Whether to look ahead along the velocity; needs a momentum.
    weight_decay : float, optional
        Adds ``weight_decay`` times θ to the gradient: the gradient of `L2Regularizer` on all these parameters,
        without its value in the loss.
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
    The formulas are those of PyTorch's ``SGD`` (with ``dampening=0``): the rate multiplies the velocity when it is
    applied, so a change of the rate acts at once. Sutskever's paper folds the rate into the velocity.

    References
    ----------
    Robbins and Monro, "A stochastic approximation method", 1951; Polyak, "Some methods of speeding up the
    convergence of iteration methods", 1964; Sutskever et al., "On the importance of initialization and momentum in
    deep learning", 2013.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import Parameter, SGD
    >>> weight = Parameter(np.array([1.0, 2.0]))
    >>> sgd = SGD([weight], lr=0.1)
    >>> weight.grad += np.array([1.0, -1.0])
    >>> sgd.step()
    >>> weight.value, weight.grad
    (array([0.9, 2.1]), array([0., 0.]))
    """

    shown = ("momentum", "nesterov")

    def __init__(
        self,
        parameters: Parameters,
        *,
        lr: float,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        groups: Sequence[Group] = (),
    ) -> None:
        self._momentum = check_number("SGD", "momentum", momentum, at_least=0, below=1)
        self._nesterov = check_flag("SGD", "nesterov", nesterov)
        if nesterov and not momentum:
            raise OptionError("SGD needs momentum > 0 for Nesterov's momentum, but momentum is 0")
        super().__init__(parameters, lr=lr, weight_decay=weight_decay, groups=groups, slots=1 if momentum else 0)

    momentum = property(attrgetter("_momentum"), doc="μ, how much of the velocity is kept in a step.")
    nesterov = property(attrgetter("_nesterov"), doc="Whether a step looks ahead along the velocity.")

    letters = ("v",)

    def update_formulas(self, lr: float, weight_decay: float) -> Formulas:
        """Return the formulas of `update`."""
        lines, g = ([], "g") if not weight_decay else (["d = g + λ * θ"], "d")
        step = g
        if self._momentum:
            lines.append(f"v = μ * v_old + {g}")
            step = f"({g} + μ * v)" if self._nesterov else "v"
        return Formulas([*lines, f"θ_new = θ - α * {step}"], [], {"α": lr, "λ": weight_decay, "μ": self._momentum})

    def update(self, theta: Array, g: Array, slots: list[Array], lr: float, weight_decay: float) -> None:
        """θ ← θ - α v, with v ← μ v + g; with Nesterov's momentum, θ ← θ - α (g + μ v)."""
        if weight_decay:
            g = g + weight_decay * theta
        if self._momentum:
            (v,) = slots
            v *= self._momentum
            v += g
            g = g + self._momentum * v if self._nesterov else v
        theta -= lr * g
