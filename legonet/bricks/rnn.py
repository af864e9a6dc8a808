"""The simple recurrent brick, h_t = tanh(x_t W + h_{t-1} U + b)."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from legonet.arrays import Array, Mask, quiet, rows
from legonet.bricks.recurrence import Recurrent, time_first
from legonet.formulas import Formulas
from legonet.initializers import Initializer, glorot_uniform, orthogonal, zeros


class Cache(NamedTuple):
    """What backward needs of each step, with time as the first axis."""

    x: Array
    h: Array
    padding: Mask


class RNN(Recurrent[Cache]):
    r"""A simple recurrent network: at each step, its state is made from the input and the state before.

    .. math::

        \text{forward} \quad& h_0 = 0, \quad h_t = \tanh(x_t W + h_{t-1} U + b), \quad y_t = h_t \\
        \text{backward} \quad& \frac{\partial L}{\partial a_t} = \Big(\frac{\partial L}{\partial y_t} +
        \frac{\partial L}{\partial a_{t+1}} U^T\Big) (1 - h_t^2), \quad
        \frac{\partial L}{\partial x_t} = \frac{\partial L}{\partial a_t} W^T \\
        & \frac{\partial L}{\partial W} = \sum_t x_t^T \frac{\partial L}{\partial a_t}, \quad
        \frac{\partial L}{\partial U} = \sum_t h_{t-1}^T \frac{\partial L}{\partial a_t}, \quad
        \frac{\partial L}{\partial b} = \sum_{t, \, \text{rows}} \frac{\partial L}{\partial a_t}

    where a is what the tanh is taken of. x has shape (batch, time, in_features), y (batch, time, hidden).

    A mask of shape (batch, time) is False where a shorter sequence is filled up. There the state stays as it was and y
    repeats it, whatever x holds, so that ``y[:, -1]`` is the state after the last real step of each sequence.

    Parameters
    ----------
    in_features : int
        The size of x_t.
    hidden : int
        The size of the state.
    input_weight, hidden_weight, bias : callable or numpy.ndarray, optional
        An initializer, or the numbers themselves.
    rng : numpy.random.Generator or int, optional
        The source of random numbers.
    dtype : dtype, optional
        The floating-point dtype of the parameters, and so of x, y and their gradients.

    Attributes
    ----------
    input_weight : Parameter
        W, of shape (in_features, hidden).
    hidden_weight : Parameter
        U, of shape (hidden, hidden).
    bias : Parameter
        b, of shape (hidden,).

    Raises
    ------
    OptionError
        If a size is negative or no whole number.
    ShapeError, DtypeError
        If given numbers have another shape or dtype; in the passes, if x is not (batch, time, in_features), the mask
        not (batch, time) of bool, or dy not (batch, time, hidden).

    Notes
    -----
    PyTorch's ``RNN`` holds the transposes, has two biases that are summed, takes (time, batch, features) unless
    ``batch_first=True``, returns the last state as well, and knows packed sequences instead of masks: their padded
    outputs are 0, where here y repeats the state.

    References
    ----------
    Elman, "Finding structure in time", 1990; Goodfellow, Bengio and Courville, *Deep Learning*, 2016, section 10.2.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import RNN
    >>> rnn = RNN(1, 1, input_weight=np.array([[1.0]]), hidden_weight=np.array([[2.0]]))
    >>> x = np.array([[[1.0], [0.0], [0.0]]])
    >>> y, cache = rnn.forward(x, np.array([[True, True, False]]))
    >>> y.round(3).tolist()
    [[[0.762], [0.909], [0.909]]]
    >>> rnn.backward(np.array([[[0.0], [0.0], [1.0]]]), cache).round(3).tolist()
    [[[0.146], [0.173], [0.0]]]
    """

    def __init__(
        self,
        in_features: int,
        hidden: int,
        *,
        input_weight: Initializer | Array = glorot_uniform,
        hidden_weight: Initializer | Array = orthogonal,
        bias: Initializer | Array = zeros,
        rng: np.random.Generator | int | None = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        super().__init__(1, (in_features, hidden), (input_weight, hidden_weight, bias), rng, dtype)

    def formulas(self, x: Array, mask: Mask | None = None) -> Formulas:
        """Return the formulas, with the mask as a column m[:, t] for each step."""
        return Formulas(
            [
                "a[:, t] = x[:, t] @ W + h[:, t - 1] @ U + b",
                "h[:, t] = where(m[:, t], tanh(a[:, t]), h[:, t - 1])",
            ],
            [
                "δ[:, t] = dh[:, t] + da[:, t + 1] @ U.T + where(m[:, t + 1], 0, δ[:, t + 1])",
                "da[:, t] = where(m[:, t], δ[:, t] * (1 - h[:, t] ** 2), 0)",
                *("dW = sum(x[:, t].T @ da[:, t], t)", "dU = sum(h[:, t - 1].T @ da[:, t], t)"),
                *("db = sum(rows(da), rows)", "dx[:, t] = da[:, t] @ W.T"),
            ],
            self._names(mask),
        )

    @quiet
    def forward(self, x: Array, mask: Mask | None = None) -> tuple[Array, Cache]:
        """Return y, which is h_t = tanh(x_t W + h_{t-1} U + b) at each step, and x, h and padding for `backward`."""
        W, U, b = self.input_weight.value, self.hidden_weight.value, self.bias.value
        x, padding = time_first(self, x, mask, W)
        time, batch, hidden = *x.shape[:2], len(U)
        a = (rows(x).dot(W) + b).reshape(time, batch, hidden)
        h, padding = np.zeros((time + 1, batch, hidden), W.dtype), padding[:, :, np.newaxis]
        for t in range(time):
            h[t + 1] = np.tanh(a[t] + h[t].dot(U))
            np.copyto(h[t + 1], h[t], where=padding[t])
        return h[1:].swapaxes(0, 1), Cache(x, h, padding)

    def _back_in_time(self, dy: Array, cache: Cache) -> tuple[Array, Array]:
        (_, h, padding), U = cache, self.hidden_weight.value
        da = np.where(padding, 0.0, 1.0 - h[1:] * h[1:])  # that is dh_t/da_t, still to be multiplied by dL/dh_t
        dh = np.zeros_like(h[0])
        for t in reversed(range(len(dy))):
            dh_t = dh + dy[t]
            da[t] *= dh_t
            dh = da[t].dot(U.T)
            np.copyto(dh, dh_t, where=padding[t])
        return da, da
