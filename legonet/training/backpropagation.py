"""Forward, loss, penalties and backward in one call."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from legonet.arrays import Array
from legonet.brick import Brick


class Backpropagated(NamedTuple):
    """What one call of `backpropagate` computed; the gradients are in the parameters."""

    loss: float
    """The loss of the data."""
    penalty: float
    """The sum of the regularizers."""
    y: Array
    """The output of the network, before the step."""


def backpropagate(
    net: Brick[Any], loss: Brick[Any], x: Array, target: Array, *, regularizers: Iterable[Brick[Any]] = ()
) -> Backpropagated:
    """Add the gradients of loss + penalties to the parameters of a network.

    It is these lines of the protocol, and nothing else::

        y, net_cache = net.forward(x)
        value, loss_cache = loss.forward(y, target)
        dy = loss.backward(1.0, loss_cache)
        net.backward_parameters(dy, net_cache)
        for regularizer in regularizers:
            penalty, cache = regularizer.forward()
            regularizer.backward(1.0, cache)

    An optimizer's step then uses the gradients up. The gradient by x is not computed; call ``net.backward``
    instead of ``net.backward_parameters`` to have it.

    Parameters
    ----------
    net : Brick
        The network.
    loss : Brick
        The loss, such as `MSELoss`.
    x : numpy.ndarray
        The inputs, batch first.
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
    y, net_cache = net.forward(x)
    value, loss_cache = loss.forward(y, target)
    net.backward_parameters(loss.backward(1.0, loss_cache), net_cache)
    total = 0.0
    for regularizer in regularizers:
        penalty, cache = regularizer.forward()
        regularizer.backward(1.0, cache)
        total += penalty
    return Backpropagated(value, total, y)
