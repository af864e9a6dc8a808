"""AdamW, θ ← θ - α (m / (√v + ε) + λ θ): Adam with a weight decay of its own."""

from collections.abc import Sequence

from legonet.arrays import Array
from legonet.formulas import Formulas
from legonet.optimizers.adam import Adam
from legonet.optimizers.groups import Group, Parameters


class AdamW(Adam):
    r"""Adam, with a weight decay that is not mixed into the gradient.

    .. math::

        g &= \frac{\partial L}{\partial \theta} \\
        m &\leftarrow \beta_1 m + (1 - \beta_1) g \\
        v &\leftarrow \beta_2 v + (1 - \beta_2) g^2 \\
        \theta &\leftarrow \theta - \alpha \left(
        \frac{m / (1 - \beta_1^t)}{\sqrt{v / (1 - \beta_2^t)} + \varepsilon} + \text{weight decay} \cdot \theta \right)

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
        By this times α, each step shrinks θ. Biases are usually left out, by ``Group("*bias", weight_decay=0.0)``.
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
    The formulas are those of PyTorch's ``AdamW``, whose decay is multiplied by the learning rate. The paper's is
    multiplied by the factor of its schedule alone.

    References
    ----------
    Loshchilov and Hutter, "Decoupled weight decay regularization", 2019, https://arxiv.org/abs/1711.05101.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import AdamW, Parameter
    >>> weight = Parameter(np.array([1.0, 2.0]))
    >>> adamw = AdamW([weight], lr=0.1, weight_decay=0.5)
    >>> adamw.step()
    >>> weight.value
    array([0.95, 1.9 ])
    """

    def __init__(
        self,
        parameters: Parameters,
        *,
        lr: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        groups: Sequence[Group] = (),
    ) -> None:
        super().__init__(parameters, lr=lr, beta1=beta1, beta2=beta2, eps=eps, weight_decay=weight_decay, groups=groups)

    def update_formulas(self, lr: float, weight_decay: float) -> Formulas:
        """Return the formulas of `update`."""
        decay = " + λ * θ" if weight_decay else ""
        return self._stated(self._means("g"), f"θ_new = θ - α * (m̂ / (sqrt(v̂) + ε){decay})", lr, weight_decay)

    def update(self, theta: Array, g: Array, slots: list[Array], lr: float, weight_decay: float) -> None:
        """θ ← θ - α λ θ, then Adam's θ ← θ - α m̂ / (√v̂ + ε), which does not depend on θ."""
        if weight_decay:
            theta -= lr * weight_decay * theta
        super().update(theta, g, slots, lr, weight_decay=0.0)
