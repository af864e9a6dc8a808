"""The long short-term memory, c_t = f_t c_{t-1} + i_t g_t and h_t = o_t tanh(c_t)."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from legonet.arrays import Array, Mask, quiet, rows
from legonet.bricks.recurrence import Recurrent, time_first
from legonet.formulas import Formulas
from legonet.initializers import Initializer, glorot_uniform, orthogonal
from legonet.special import sigmoid


class Cache(NamedTuple):
    """What backward needs of each step, with time as the first axis."""

    x: Array
    gates: Array
    h: Array
    c: Array
    padding: Mask


def _one_for_the_forget_gate(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Return the bias 1 for the forget gate, the second of four blocks, and 0 for all others."""
    blocks = np.zeros((4, shape[0] // 4))
    blocks[1] = 1.0
    return blocks.ravel()


class LSTM(Recurrent[Cache]):
    r"""A recurrent network whose cells keep what they hold until a gate says otherwise.

    .. math::

        \text{forward} \quad& a_t = x_t W + h_{t-1} U + b, \quad
        i, f, o = \sigma(a^i), \sigma(a^f), \sigma(a^o), \quad g = \tanh(a^g) \\
        & c_t = f_t \, c_{t-1} + i_t \, g_t, \quad h_t = o_t \tanh(c_t), \quad y_t = h_t \\
        \text{backward} \quad& \frac{\partial L}{\partial h_t} = \frac{\partial L}{\partial y_t} +
        \frac{\partial L}{\partial a_{t+1}} U^T, \quad
        \frac{\partial L}{\partial c_t} = \frac{\partial L}{\partial h_t} \, o_t \, (1 - \tanh^2 c_t) +
        \frac{\partial L}{\partial c_{t+1}} \, f_{t+1} \\
        & \frac{\partial L}{\partial a_t^i} = \frac{\partial L}{\partial c_t} \, g_t \, i_t (1 - i_t), \quad
        \frac{\partial L}{\partial a_t^f} = \frac{\partial L}{\partial c_t} \, c_{t-1} \, f_t (1 - f_t) \\
        & \frac{\partial L}{\partial a_t^g} = \frac{\partial L}{\partial c_t} \, i_t \, (1 - g_t^2), \quad
        \frac{\partial L}{\partial a_t^o} = \frac{\partial L}{\partial h_t} \tanh(c_t) \, o_t (1 - o_t) \\
        & \frac{\partial L}{\partial W} = \sum_t x_t^T \frac{\partial L}{\partial a_t}, \quad
        \frac{\partial L}{\partial U} = \sum_t h_{t-1}^T \frac{\partial L}{\partial a_t}, \quad
        \frac{\partial L}{\partial b} = \sum_{t, \, \text{rows}} \frac{\partial L}{\partial a_t}, \quad
        \frac{\partial L}{\partial x_t} = \frac{\partial L}{\partial a_t} W^T

    The states h and c start at 0. x has shape (batch, time, in_features), y (batch, time, hidden). The columns of W, U
    and b come in four blocks: input gate i, forget gate f, candidate g, output gate o.

    A mask of shape (batch, time) is False where a shorter sequence is filled up. There both states stay as they were
    and y repeats h, whatever x holds, so that ``y[:, -1]`` is the state after the last real step of each sequence.

    Parameters
    ----------
    in_features : int
        The size of x_t.
    hidden : int
        The size of each state.
    input_weight, hidden_weight : callable or numpy.ndarray, optional
        An initializer, which draws each block by itself, or the numbers themselves.
    bias : callable or numpy.ndarray, optional
        An initializer, or the numbers themselves; by default 1 for the forget gate, so that the cells remember from
        the start, and 0 for all others.
    rng : numpy.random.Generator or int, optional
        The source of random numbers.
    dtype : dtype, optional
        The floating-point dtype of the parameters, and so of x, y and their gradients.

    Attributes
    ----------
    input_weight : Parameter
        W, of shape (in_features, 4 hidden).
    hidden_weight : Parameter
        U, of shape (hidden, 4 hidden).
    bias : Parameter
        b, of shape (4 hidden,).

    Raises
    ------
    OptionError
        If a size is negative or no whole number.
    ShapeError, DtypeError
        If given numbers have another shape or dtype; in the passes, if x is not (batch, time, in_features), the mask
        not (batch, time) of bool, or dy not (batch, time, hidden).

    Notes
    -----
    PyTorch's ``LSTM`` has the blocks in the same order, holds the transposes and two biases that are summed, draws all
    of them from ``uniform(-1/sqrt(hidden), 1/sqrt(hidden))``, takes (time, batch, features) unless
    ``batch_first=True``, returns the last states as well, and knows packed sequences instead of masks: their padded
    outputs are 0, where here y repeats the state.

    References
    ----------
    Hochreiter and Schmidhuber, "Long short-term memory", 1997; Gers, Schmidhuber and Cummins, "Learning to forget",
    2000. The bias of 1: Jozefowicz, Zaremba and Sutskever, "An empirical exploration of recurrent network
    architectures", ICML 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import LSTM
    >>> lstm = LSTM(3, 2, rng=0)
    >>> y, cache = lstm.forward(np.ones((5, 7, 3)))
    >>> y.shape, lstm.backward(y, cache).shape
    ((5, 7, 2), (5, 7, 3))

    Sequences of 2 and 1 steps in one batch:

    >>> y = lstm(np.ones((2, 2, 3)), np.array([[True, True], [True, False]]))
    >>> np.array_equal(y[1, 1], y[0, 0])
    True
    """

    def __init__(
        self,
        in_features: int,
        hidden: int,
        *,
        input_weight: Initializer | Array = glorot_uniform,
        hidden_weight: Initializer | Array = orthogonal,
        bias: Initializer | Array = _one_for_the_forget_gate,
        rng: np.random.Generator | int | None = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        super().__init__(4, (in_features, hidden), (input_weight, hidden_weight, bias), rng, dtype)

    def formulas(self, x: Array, mask: Mask | None = None) -> Formulas:
        """Return the formulas, with the mask as a column m[:, t] for each step."""
        return Formulas(
            [
                "a[:, t] = x[:, t] @ W + h[:, t - 1] @ U + b",
                "i[:, t] = where(m[:, t], sigmoid(a[:, t, 0:H]), 0)",
                "f[:, t] = where(m[:, t], sigmoid(a[:, t, H:2 * H]), 1)",
                "o[:, t] = where(m[:, t], sigmoid(a[:, t, 3 * H:4 * H]), 0)",
                *("g[:, t] = tanh(a[:, t, 2 * H:3 * H])", "c[:, t] = f[:, t] * c[:, t - 1] + i[:, t] * g[:, t]"),
                "h[:, t] = where(m[:, t], o[:, t] * tanh(c[:, t]), h[:, t - 1])",
            ],
            [
                "δ[:, t] = dh[:, t] + da[:, t + 1] @ U.T + where(m[:, t + 1], 0, δ[:, t + 1])",
                "dc[:, t] = δ[:, t] * o[:, t] * (1 - tanh(c[:, t]) ** 2) + dc[:, t + 1] * f[:, t + 1]",
                *("di[:, t] = dc[:, t] * g[:, t]", "df[:, t] = dc[:, t] * c[:, t - 1]"),
                *("dg[:, t] = dc[:, t] * i[:, t]", "do[:, t] = where(m[:, t], δ[:, t] * tanh(c[:, t]), 0)"),
                "da[:, t] = concat(di[:, t] * i[:, t] * (1 - i[:, t]), df[:, t] * f[:, t] * (1 - f[:, t]),"
                " dg[:, t] * (1 - g[:, t] ** 2), do[:, t] * o[:, t] * (1 - o[:, t]), axis=1)",
                *("dW = sum(x[:, t].T @ da[:, t], t)", "dU = sum(h[:, t - 1].T @ da[:, t], t)"),
                *("db = sum(rows(da), rows)", "dx[:, t] = da[:, t] @ W.T"),
            ],
            self._names(mask),
        )

    @quiet
    def forward(self, x: Array, mask: Mask | None = None) -> tuple[Array, Cache]:
        """Return y, which is h_t = o_t tanh(c_t) at each step, and x, gates, h, c and padding for `backward`."""
        W, U, b = self.input_weight.value, self.hidden_weight.value, self.bias.value
        x, padding = time_first(self, x, mask, W)
        time, batch, hidden = *x.shape[:2], len(U)
        gates = (rows(x).dot(W) + b).reshape(time, batch, 4 * hidden)
        i, f, g, o = np.split(gates, 4, axis=2)
        i[padding], f[padding], o[padding] = -np.inf, np.inf, -np.inf  # there the gates are 0, 1, 0 and keep c
        (h, c), padding = np.zeros((2, time + 1, batch, hidden), W.dtype), padding[:, :, np.newaxis]
        for t in range(time):
            a = gates[t] + h[t].dot(U)
            gates[t] = sigmoid(a)
            g[t] = np.tanh(a[:, 2 * hidden : 3 * hidden])
            c[t + 1] = f[t] * c[t] + i[t] * g[t]
            h[t + 1] = o[t] * np.tanh(c[t + 1])
            np.copyto(h[t + 1], h[t], where=padding[t])
        return h[1:].swapaxes(0, 1), Cache(x, gates, h, c, padding)

    def _back_in_time(self, dy: Array, cache: Cache) -> tuple[Array, Array]:
        (_, gates, h, c, padding), U = cache, self.hidden_weight.value
        i, f, g, o = np.split(gates, 4, axis=2)
        tanh_c = np.tanh(c[1:])
        dc_dh = o * (1.0 - tanh_c * tanh_c)
        slopes = gates * (1.0 - gates)  # of i, f and o; 0 at padding, where these are 0 or 1
        slopes[:, :, 2 * len(U) : 3 * len(U)] = 1.0 - g * g
        slopes *= np.concatenate([g, c[:-1], i, tanh_c], axis=2)
        da, dh, dc = np.empty_like(gates), np.zeros_like(h[0]), np.zeros_like(c[0])
        for t in reversed(range(len(dy))):
            dh_t = dh + dy[t]
            dc_t = dc + dh_t * dc_dh[t]
            da[t] = slopes[t] * np.concatenate([dc_t, dc_t, dc_t, dh_t], axis=1)
            dh, dc = da[t].dot(U.T), dc_t * f[t]
            np.copyto(dh, dh_t, where=padding[t])
        return da, da
