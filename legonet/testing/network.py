"""The check of a network with its loss and its penalties: the data term and each penalty apart, then their sum."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from legonet.arrays import Array, brief
from legonet.brick import Brick
from legonet.errors import OptionError
from legonet.graphs.gradients import by_inputs, floats_among
from legonet.graphs.wiring import Wiring

from .check import check_brick
from .inputs import Input
from .probe import check_inputs, input_names
from .report import Report


def check_network(
    net: Brick[Any],
    loss: Brick[Any],
    x: Array | Input | tuple[Array | Input, ...],
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
    x : numpy.ndarray, or str, Floats or Integers, or a tuple of these
        A few rows of inputs as the network takes them, or their shape, as in `check_brick`; a tuple for a network that
        takes several, such as a `Graph`.
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
    xs = x if isinstance(x, tuple) else (x,)
    check_inputs(net, len(xs))
    data = check_brick(Objective(net, loss, (), len(xs)), *xs, target, rng=rng, sizes=sizes)
    terms = {"data term": data} | {brief(penalty, 80): check_brick(penalty, rng=rng) for penalty in regularizers}
    if regularizers:
        together = Objective(net, loss, regularizers, len(xs))
        terms["all together"] = check_brick(together, *xs, target, rng=rng, sizes=sizes)
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
    """L = loss(net(*x), target) + Σ penalties, as one brick of `count` + 1 inputs."""

    def __init__(self, net: Brick[Any], loss: Brick[Any], regularizers: Sequence[Brick[Any]], count: int) -> None:
        self.net, self.loss, self.regularizers = net, loss, list(regularizers)
        names = input_names(net, count)
        self.wiring = Wiring((*names, "target" if "target" not in names else "target of the loss"), (), ())

    def forward(self, *inputs: Any) -> tuple[float, Any]:
        """Return L, and the caches."""
        *x, target = inputs
        y, net_cache = self.net.forward(*x)
        value, loss_cache = self.loss.forward(y, target)
        penalties = [penalty.forward() for penalty in self.regularizers]
        caches = [cache for _, cache in penalties]
        return value + sum(number for number, _ in penalties), (net_cache, loss_cache, caches, floats_among(x))

    def backward(self, dloss: float, cache: Any) -> Any:
        """Add the gradients of all terms and return those by x, and None for the target."""
        net_cache, loss_cache, caches, floats = cache
        for penalty, own in zip(self.regularizers, caches, strict=True):
            penalty.backward(dloss, own)
        dx = self.net.backward(self.loss.backward(dloss, loss_cache), net_cache)
        return *by_inputs(self.net, dx, len(self.wiring.inputs) - 1, floats), None

    def __repr__(self) -> str:
        term = "data term and penalties" if self.regularizers else "data term"
        return f"{term} of {brief(self.net, 50)}"
