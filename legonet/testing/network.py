"""The check of a network with its loss and its penalties: the data term and each penalty apart, then their sum."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from legonet.arrays import Array, brief
from legonet.brick import Brick
from legonet.errors import OptionError

from .check import check_brick
from .inputs import Input
from .report import Report


def check_network(
    net: Brick[Any],
    loss: Brick[Any],
    x: Array | Input,
    target: Array | Input,
    *,
    regularizers: Sequence[Brick[Any]] = (),
    sizes: Mapping[str, Any] | None = None,
    rng: np.random.Generator | int | None = 0,
) -> Report:
    """Check the gradients of what is minimized: the data term first, then each penalty, then all together.

    Parameters
    ----------
    net : Brick
        The network.
    loss : Brick
        Takes what the network gives, and the target.
    x : numpy.ndarray, or str, Floats or Integers
        A few rows of inputs as the network takes them, or their shape, as in `check_brick`.
    target : numpy.ndarray, or str, Floats or Integers
        What the loss takes as the target.
    regularizers : sequence of Brick, optional
        The penalties.
    sizes : mapping, optional
        The legal sizes of named axes, if shapes are given.
    rng : numpy.random.Generator or int, optional
        The source of all that is drawn.

    Returns
    -------
    Report
        With a line for the data term and one for each penalty.

    Raises
    ------
    GradientError
        If something is wrong; it says in which term.
    OptionError, DtypeError
        As `check_brick`.

    Notes
    -----
    A penalty is much smaller than the data term as a rule, or much larger: apart, a mistake in one is not lost in the
    rounding of the other.

    References
    ----------
    Karpathy et al., *CS231n*, Stanford University, 2017, notes on gradient checks.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import L2Regularizer, Linear, MSELoss, Sequential, Sigmoid
    >>> from legonet.testing import check_network
    >>> numbers = np.random.default_rng(0)
    >>> net = Sequential(Linear(2, 3, rng=0), Sigmoid(), Linear(3, 1, rng=1))
    >>> ridge = L2Regularizer([net[0].weight, net[2].weight], strength=0.1)
    >>> x, target = numbers.normal(size=(4, 2)), numbers.normal(size=(4, 1))
    >>> check_network(net, MSELoss(), x, target, regularizers=[ridge])
    data term and penalties: 93 of 93 derivatives are right, at 5 points
      data term: 42 of 42
      L2Regularizer(2 parameters, strength=0.1): 9 of 9
      all together: 42 of 42
    """
    __tracebackhide__ = True
    if isinstance(regularizers, Brick):
        raise OptionError(f"check_network needs regularizers as a list of bricks, but got {brief(regularizers, 80)}")
    for what, brick in [("net", net), ("loss", loss), *[("regularizers", one) for one in regularizers]]:
        if not isinstance(brick, Brick):
            raise OptionError(f"check_network needs a Brick as {what}, but got {brief(repr(brick), 80)}")
    data = check_brick(Objective(net, loss, ()), x, target, rng=rng, sizes=sizes)
    terms = {"data term": data} | {brief(penalty, 80): check_brick(penalty, rng=rng) for penalty in regularizers}
    if regularizers:
        terms["all together"] = check_brick(Objective(net, loss, regularizers), x, target, rng=rng, sizes=sizes)
    lines = [f"{name}: {one.right} of {one.right + one.unresolved}" for name, one in terms.items()]
    return Report(
        "data term and penalties" if regularizers else "data term",
        sum(one.right for one in terms.values()),
        sum(one.unresolved for one in terms.values()),
        sum(one.points for one in terms.values()),
        sum(one.refused for one in terms.values()),
        notes=(*lines, *dict.fromkeys(note for one in terms.values() for note in one.notes)),
    )


class Objective(Brick[Any]):
    """L = loss(net(x), target) + Σ penalties, as one brick."""

    def __init__(self, net: Brick[Any], loss: Brick[Any], regularizers: Sequence[Brick[Any]]) -> None:
        self.net, self.loss, self.regularizers = net, loss, list(regularizers)

    def forward(self, x: Array, target: Array) -> tuple[float, Any]:
        """Return L, and the caches."""
        y, net_cache = self.net.forward(x)
        value, loss_cache = self.loss.forward(y, target)
        penalties = [penalty.forward() for penalty in self.regularizers]
        return value + sum(number for number, _ in penalties), (net_cache, loss_cache, [c for _, c in penalties])

    def backward(self, dloss: float, cache: Any) -> Any:
        """Add the gradients of all terms and return that by x."""
        net_cache, loss_cache, caches = cache
        for penalty, own in zip(self.regularizers, caches, strict=True):
            penalty.backward(dloss, own)
        return self.net.backward(self.loss.backward(dloss, loss_cache), net_cache)

    def __repr__(self) -> str:
        term = "data term and penalties" if self.regularizers else "data term"
        return f"{term} of {brief(self.net, 50)}"
