"""Forward, loss, penalties and backward in one call."""

import inspect
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy.typing as npt

from legonet.arrays import Array, brief
from legonet.brick import Brick
from legonet.errors import OptionError


class Backpropagated(NamedTuple):
    """What one call of `backpropagate` computed; the gradients are in the parameters.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import Linear, MSELoss
    >>> from legonet.training import backpropagate
    >>> net = Linear(1, 1, weight=np.array([[2.0]]))
    >>> loss, penalty, y = backpropagate(net, MSELoss(), np.array([[1.0]]), np.array([[5.0]]))
    >>> loss
    4.5
    """

    loss: float
    """The loss of the data."""
    penalty: float
    """The sum of the regularizers."""
    y: Array
    """The output of the network, before the step."""


def backpropagate(
    net: Brick[Any],
    loss: Brick[Any],
    x: npt.NDArray[Any] | tuple[Any, ...],
    target: npt.NDArray[Any],
    *,
    regularizers: Iterable[Brick[Any]] = (),
) -> Backpropagated:
    """Add the gradients of loss + penalties to the parameters of a network.

    It is these lines of the protocol, and nothing else::

        y, net_cache = net.forward(x)  # net.forward(*x) if x is a tuple
        value, loss_cache = loss.forward(y, target)
        penalties = [(regularizer, *regularizer.forward()) for regularizer in regularizers]
        net.backward_parameters(loss.backward(1.0, loss_cache), net_cache)
        for regularizer, _, cache in penalties:
            regularizer.backward(1.0, cache)

    All forward passes come first, so that bad input leaves every gradient as it was. An optimizer's step then uses
    the gradients up. The gradient by x is not computed; call ``net.backward`` instead of ``net.backward_parameters``
    to have it.

    Parameters
    ----------
    net : Brick
        The network.
    loss : Brick
        The loss, such as `MSELoss`.
    x : numpy.ndarray or tuple of numpy.ndarray
        The inputs, batch first; a tuple for a network that takes several, such as a `Graph`.
    target : numpy.ndarray
        What the outputs should be, in the shape that the loss needs.
    regularizers : iterable of Brick, optional
        Penalties, such as `L2Regularizer`.

    Returns
    -------
    Backpropagated
        ``loss``, ``penalty`` and the output ``y``.

    Raises
    ------
    LegonetError
        What the bricks raise; a note says which brick of a container it was.

    Examples
    --------
    A training step is three lines:

    >>> import numpy as np
    >>> from legonet import Linear, MSELoss, SGD
    >>> from legonet.training import backpropagate
    >>> net, mse = Linear(1, 1, weight=np.array([[0.0]])), MSELoss()
    >>> sgd = SGD(net.parameters(), lr=0.5)
    >>> x = np.array([[1.0], [2.0]])
    >>> for step in range(3):
    ...     result = backpropagate(net, mse, x, target=3 * x)
    ...     sgd.step()
    ...     print(f"{result.loss:.4f}")
    11.2500
    5.7656
    2.9707
    """
    try:
        y, net_cache = net.forward(*x) if isinstance(x, tuple) else net.forward(x)
        value, loss_cache = loss.forward(y, target)
        penalties, total = [], 0.0
        for regularizer in regularizers:
            penalty, cache = regularizer.forward()
            penalties.append((regularizer, cache))
            total += penalty
        net.backward_parameters(loss.backward(1.0, loss_cache), net_cache)
        for regularizer, cache in penalties:
            regularizer.backward(1.0, cache)
    except Exception:
        _check_bricks(net, loss, regularizers)
        _check_count(net, x)
        raise
    return Backpropagated(value, total, y)


def _check_bricks(net: object, loss: object, regularizers: Any) -> None:
    """Refuse what is no brick; asked only once something went wrong, so that a good step does not pay for it."""
    for name, brick in (("net", net), ("loss", loss)):
        if not isinstance(brick, Brick):
            raise OptionError(f"backpropagate needs {name} as a Brick, but {name} is {brief(brick, 80)}") from None
    is_list = isinstance(regularizers, Iterable) and not isinstance(regularizers, Brick)
    if not is_list or not all(isinstance(regularizer, Brick) for regularizer in regularizers):
        needed = "regularizers as a list of bricks"
        raise OptionError(f"backpropagate needs {needed}, but regularizers is {brief(regularizers, 80)}") from None


def _check_count(net: Brick[Any], x: object) -> None:
    """Refuse a tuple of more or fewer inputs than the network takes."""
    if isinstance(x, tuple):
        try:
            inspect.signature(net.forward).bind(*x)
        except TypeError:
            needed = "x as an array, or as a tuple of the arrays that the network takes"
            raise OptionError(f"backpropagate needs {needed}, but x is a tuple of {len(x)}") from None
