"""Stochastic gradient descent, θ ← θ - α dL/dθ."""

from collections.abc import Iterable

import numpy as np

from legonet.arrays import quiet
from legonet.checks import check_number
from legonet.errors import OptionError
from legonet.parameter import Parameter

from .flat import FlatParameters


class SGD:
    r"""Stochastic gradient descent, with momentum and weight decay if wanted.

    .. math::

        g &= \frac{\partial L}{\partial \theta} + \text{weight decay} \cdot \theta \\
        v &\leftarrow \mu v + g \\
        \theta &\leftarrow \theta - \alpha v
        \quad \text{or, with Nesterov's momentum,} \quad \theta \leftarrow \theta - \alpha (g + \mu v)

    Without momentum, v is g.

    Parameters
    ----------
    parameters : iterable of Parameter
        What is to learn, such as ``net.parameters()``.
    lr : float
        The learning rate α, above 0.
    momentum : float, optional
        μ, at least 0 and below 1.
    nesterov : bool, optional
        Whether to look ahead along the velocity; needs a momentum.
    weight_decay : float, optional
        Adds ``weight_decay`` times θ to the gradient: the gradient of `L2Regularizer` on all these parameters,
        without its value in the loss.

    Attributes
    ----------
    lr : float
        The learning rate. Set it between steps to follow a schedule.

    Raises
    ------
    OptionError
        If a number is out of its bounds, or the parameters are not a list of parameters, each once.

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

    def __init__(
        self,
        parameters: Iterable[Parameter],
        *,
        lr: float,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        self.lr = lr
        self.momentum = check_number("SGD", "momentum", momentum, at_least=0, below=1)
        self.nesterov = nesterov
        self.weight_decay = check_number("SGD", "weight_decay", weight_decay, at_least=0)
        if nesterov and not momentum:
            raise OptionError("SGD needs momentum > 0 for Nesterov's momentum, but momentum is 0")
        self._flat = FlatParameters("SGD", parameters)
        self._velocities = [np.zeros_like(theta) for theta, _ in self._flat.vectors()]

    @property
    def lr(self) -> float:
        """The learning rate α."""
        return self._lr

    @lr.setter
    def lr(self, lr: float) -> None:
        self._lr = check_number("SGD", "lr", lr, above=0)

    @quiet
    def step(self) -> None:
        """Move every parameter against its gradient, and leave the gradient zero.

        Gradients of several backward passes before a step add up.
        """
        for number, (theta, g) in enumerate(self._flat.vectors()):
            update = g
            if self.weight_decay:
                update = update + self.weight_decay * theta
            if self.momentum:
                v = self._velocities[number]
                v *= self.momentum
                v += update
                update = update + self.momentum * v if self.nesterov else v
            theta -= self._lr * update
            g.fill(0.0)

    def __repr__(self) -> str:
        options = f"momentum={self.momentum:g}, nesterov={self.nesterov}, weight_decay={self.weight_decay:g}"
        return f"SGD(lr={self.lr:g}, {options})"
