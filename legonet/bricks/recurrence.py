"""What the recurrent bricks share: how they draw their parameters, take a sequence, and sum up gradients."""

from abc import abstractmethod
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from legonet.arrays import Array, Mask, check_array, ones, quiet, rows
from legonet.brick import Brick
from legonet.checks import check_dtype, check_rng, check_size
from legonet.initializers import Initializer, initialize
from legonet.parameter import Parameter


class Steps(Protocol):
    """What the cache of every recurrent brick has: its inputs and states, with time as the first axis."""

    @property
    def x(self) -> Array:
        """The inputs x_1, ..., x_T."""

    @property
    def h(self) -> Array:
        """The states h_0, ..., h_T."""


Cache = TypeVar("Cache", bound=Steps)


class Recurrent(Brick[Cache]):
    """A recurrent brick without its steps: it has three parameters, sums up their gradients, and prints with its sizes.

    The columns of W and U come in blocks, one for each gate, and an initializer draws each block by itself.

    With a = x W + b and u = h U, what is left to the brick is `forward`, and dL/da and dL/du from the last step to the
    first.

    Parameters
    ----------
    blocks : int
        The number of blocks.
    sizes : tuple of int
        in_features and hidden.
    initial : tuple
        For each of the parameters an initializer, or the numbers themselves.
    rng, dtype
        As in `Linear`.

    Attributes
    ----------
    input_weight : Parameter
        W, of shape (in_features, blocks * hidden).
    hidden_weight : Parameter
        U, of shape (hidden, blocks * hidden).
    bias : Parameter
        b, of shape (blocks * hidden,).

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import GRU
    >>> from legonet.bricks.recurrence import Recurrent
    >>> gru = GRU(2, 4)
    >>> isinstance(gru, Recurrent)
    True
    >>> U = gru.hidden_weight.value[:, :4]
    >>> np.allclose(U.T @ U, np.eye(4))
    True
    """

    def __init__(
        self,
        blocks: int,
        sizes: tuple[int, int],
        initial: tuple[Initializer | Array, Initializer | Array, Initializer | Array],
        rng: np.random.Generator | int | None,
        dtype: npt.DTypeLike,
    ) -> None:
        who = type(self).__name__
        inputs, hidden = check_size(who, "in_features", sizes[0]), check_size(who, "hidden", sizes[1])
        dtype, rng = check_dtype(who, dtype), check_rng(who, rng)

        def draw(name: str, numbers: Initializer | Array, rows: int) -> Parameter:
            if not callable(numbers):
                return initialize(who, name, numbers, rng, (rows, blocks * hidden), dtype)
            drawn = [initialize(who, name, numbers, rng, (rows, hidden), dtype).value for _ in range(blocks)]
            return Parameter(np.concatenate(drawn, axis=1))

        W, U, b = initial
        self.input_weight = draw("input_weight", W, inputs)
        self.hidden_weight = draw("hidden_weight", U, hidden)
        self.bias = initialize(who, "bias", b, rng, (blocks * hidden,), dtype)

    @abstractmethod
    def _back_in_time(self, dy: Array, cache: Cache) -> tuple[Array, Array]:
        """Return dL/da and dL/du at each step; dy has time as its first axis, and so have they."""

    @quiet
    def backward(self, dy: Array, cache: Cache) -> Array:
        """Add dL/dW = Σ x_tᵀ da_t, dL/dU = Σ h_{t-1}ᵀ du_t and dL/db = Σ da_t, and return dL/dx_t = da_t Wᵀ."""
        da = self._add_gradients(dy, cache)
        dx: Array = rows(da).dot(self.input_weight.value.T).reshape(cache.x.shape)
        return dx.swapaxes(0, 1)

    @quiet
    def backward_parameters(self, dy: Array, cache: Cache) -> None:
        """Add dL/dW = Σ x_tᵀ da_t, dL/dU = Σ h_{t-1}ᵀ du_t and dL/db = Σ da_t."""
        self._add_gradients(dy, cache)

    def _add_gradients(self, dy: Array, cache: Cache) -> Array:
        x, h = cache.x, cache.h
        time, batch, hidden = h[1:].shape
        check_array(self, "dy", dy, (batch, time, hidden), h.dtype)
        da, du = self._back_in_time(dy.swapaxes(0, 1), cache)
        self.input_weight.grad += rows(x).T.dot(rows(da))
        self.hidden_weight.grad += rows(h[:-1]).T.dot(rows(du))
        self.bias.grad += ones(time * batch, h.dtype).dot(rows(da))
        return da

    def _names(self, mask: Mask | None) -> dict[str, Any]:
        """Return what the names in formulas stand for: m[:, t] is the mask of a step, a column."""
        parameters = {"W": "input_weight", "U": "hidden_weight", "b": "bias"}
        return parameters | {"H": len(self.hidden_weight.value), "m": None if mask is None else mask[:, :, np.newaxis]}

    def __repr__(self) -> str:
        inputs, hidden, dtype = len(self.input_weight.value), len(self.hidden_weight.value), self.bias.value.dtype
        return f"{type(self).__name__}({inputs}, {hidden}{'' if dtype == np.float64 else f', dtype={dtype}'})"


def time_first(who: object, x: Array, mask: Mask | None, W: Array) -> tuple[Array, Mask]:
    """Check a sequence and its mask, and return them with time as the first axis.

    Parameters
    ----------
    who : object
        The brick that asks.
    x : numpy.ndarray
        Of shape (batch, time, in_features).
    mask : numpy.ndarray or None
        Of shape (batch, time): True where there is data.
    W : numpy.ndarray
        The weight that x is to be multiplied by.

    Returns
    -------
    x : numpy.ndarray
        Of shape (time, batch, in_features); where the mask is False, 0, whatever was there.
    padding : numpy.ndarray
        Of shape (time, batch): True where the mask is False, so nowhere without a mask.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet.bricks.recurrence import time_first
    >>> x, padding = time_first("GRU(1, 2)", np.ones((1, 2, 1)), np.array([[True, False]]), np.ones((1, 6)))
    >>> x.tolist(), padding.tolist()
    ([[[1.0]], [[0.0]]], [[False], [True]])
    """
    check_array(who, "x", x, ("batch", "time", len(W)), W.dtype)
    if mask is None:
        return x.swapaxes(0, 1), np.zeros(x.shape[1::-1], np.bool_)
    check_array(who, "mask", mask, x.shape[:2], np.bool_)
    return np.where(mask[:, :, np.newaxis], x, W.dtype.type(0.0)).swapaxes(0, 1), ~mask.T
