"""The gated recurrent unit, h_t = (1 - z_t) n_t + z_t h_{t-1}."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from legonet.arrays import Array, Mask, quiet, rows
from legonet.bricks.recurrence import Recurrent, time_first
from legonet.formulas import Formulas
from legonet.initializers import Initializer, glorot_uniform, orthogonal, zeros
from legonet.special import sigmoid


class Cache(NamedTuple):
    """What backward needs of each step, with time as the first axis."""

    x: Array
    gates: Array
    m: Array
    h: Array


class GRU(Recurrent[Cache]):
    r"""A recurrent network whose update gate mixes the state before with a new candidate.

    .. math::

        \text{forward} \quad& r_t = \sigma(x_t W_r + h_{t-1} U_r + b_r), \quad
        z_t = \sigma(x_t W_z + h_{t-1} U_z + b_z) \\
        & m_t = h_{t-1} U_n, \quad n_t = \tanh(x_t W_n + b_n + r_t \, m_t), \quad
        h_t = (1 - z_t) \, n_t + z_t \, h_{t-1}, \quad y_t = h_t \\
        \text{backward} \quad& \frac{\partial L}{\partial h_t} = \frac{\partial L}{\partial y_t} +
        \frac{\partial L}{\partial h_{t+1}} \, z_{t+1} + \frac{\partial L}{\partial u_{t+1}} U^T \\
        & \frac{\partial L}{\partial a^n_t} = \frac{\partial L}{\partial h_t} (1 - z_t) (1 - n_t^2), \quad
        \frac{\partial L}{\partial a^r_t} = \frac{\partial L}{\partial a^n_t} \, m_t \, r_t (1 - r_t), \quad
        \frac{\partial L}{\partial a^z_t} = \frac{\partial L}{\partial h_t} (h_{t-1} - n_t) \, z_t (1 - z_t) \\
        & \frac{\partial L}{\partial u_t} =
        \Big(\frac{\partial L}{\partial a^r_t}, \frac{\partial L}{\partial a^z_t},
        \frac{\partial L}{\partial a^n_t} \, r_t\Big) \\
        & \frac{\partial L}{\partial W} = \sum_t x_t^T \frac{\partial L}{\partial a_t}, \quad
        \frac{\partial L}{\partial U} = \sum_t h_{t-1}^T \frac{\partial L}{\partial u_t}, \quad
        \frac{\partial L}{\partial b} = \sum_{t, \, \text{rows}} \frac{\partial L}{\partial a_t}, \quad
        \frac{\partial L}{\partial x_t} = \frac{\partial L}{\partial a_t} W^T

    where a is what sigmoid and tanh are taken of, and u = h U. The state h starts at 0. x has shape (batch, time,
    in_features), y (batch, time, hidden). The columns of W, U and b come in three blocks: reset gate r, update gate z,
    candidate n.

    A mask of shape (batch, time) is False where a shorter sequence is filled up. There z is 1: the state stays as it
    was and y repeats it, whatever x holds, so that ``y[:, -1]`` is the state after the last real step of each
    sequence.

    Parameters
    ----------
    in_features : int
        The size of x_t.
    hidden : int
        The size of the state.
    input_weight, hidden_weight : callable or numpy.ndarray, optional
        An initializer, which draws each block by itself, or the numbers themselves.
    bias : callable or numpy.ndarray, optional
        An initializer, or the numbers themselves.
    rng : numpy.random.Generator or int, optional
        The source of random numbers.
    dtype : dtype, optional
        The floating-point dtype of the parameters, and so of x, y and their gradients.

    Attributes
    ----------
    input_weight : Parameter
        W, of shape (in_features, 3 hidden).
    hidden_weight : Parameter
        U, of shape (hidden, 3 hidden).
    bias : Parameter
        b, of shape (3 hidden,).

    Raises
    ------
    OptionError
        If a size is negative or no whole number.
    ShapeError, DtypeError
        If given numbers have another shape or dtype; in the passes, if x is not (batch, time, in_features), the mask
        not (batch, time) of bool, or dy not (batch, time, hidden).

    Notes
    -----
    In the paper the reset gate multiplies the state before it meets the weight, (r h) U; here, as in PyTorch and
    cuDNN, it multiplies after, r (h U), so that one product serves all gates. PyTorch's ``GRU`` has the blocks in the
    same order, holds the transposes, and adds a second bias to h U, which for the candidate stands inside of
    r (h U + b); here there is none, as if it were 0. It takes (time, batch, features) unless ``batch_first=True``,
    returns the last state as well, and knows packed sequences instead of masks: their padded outputs are 0, where
    here y repeats the state.

    References
    ----------
    Cho et al., "Learning phrase representations using RNN encoder-decoder for statistical machine translation", EMNLP
    2014, equations 5 to 8.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import GRU
    >>> gru = GRU(3, 2, rng=0)
    >>> y, cache = gru.forward(np.ones((5, 7, 3)))
    >>> y.shape, gru.backward(y, cache).shape
    ((5, 7, 2), (5, 7, 3))

    Sequences of 2 and 1 steps in one batch:

    >>> y = gru(np.ones((2, 2, 3)), np.array([[True, True], [True, False]]))
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
        bias: Initializer | Array = zeros,
        rng: np.random.Generator | int | None = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        super().__init__(3, (in_features, hidden), (input_weight, hidden_weight, bias), rng, dtype)

    def formulas(self, x: Array, mask: Mask | None = None) -> Formulas:
        """Return the formulas, with the mask as a column m[:, t] for each step."""
        return Formulas(
            [
                *("a[:, t] = x[:, t] @ W + b", "u[:, t] = h[:, t - 1] @ U"),
                "r[:, t] = sigmoid(a[:, t, 0:H] + u[:, t, 0:H])",
                "z[:, t] = where(m[:, t], sigmoid(a[:, t, H:2 * H] + u[:, t, H:2 * H]), 1)",
                "n[:, t] = tanh(a[:, t, 2 * H:3 * H] + r[:, t] * u[:, t, 2 * H:3 * H])",
                "h[:, t] = (1 - z[:, t]) * n[:, t] + z[:, t] * h[:, t - 1]",
            ],
            [
                "δ[:, t] = dh[:, t] + δ[:, t + 1] * z[:, t + 1] + du[:, t + 1] @ U.T",
                *("dn[:, t] = δ[:, t] * (1 - z[:, t])", "dz[:, t] = δ[:, t] * (h[:, t - 1] - n[:, t])"),
                "dr[:, t] = dn[:, t] * (1 - n[:, t] ** 2) * u[:, t, 2 * H:3 * H]",
                "da[:, t] = concat(dr[:, t] * r[:, t] * (1 - r[:, t]), dz[:, t] * z[:, t] * (1 - z[:, t]),"
                " dn[:, t] * (1 - n[:, t] ** 2), axis=1)",
                "du[:, t] = concat(da[:, t, 0:2 * H], da[:, t, 2 * H:3 * H] * r[:, t], axis=1)",
                *("dW = sum(x[:, t].T @ da[:, t], t)", "dU = sum(h[:, t - 1].T @ du[:, t], t)"),
                *("db = sum(rows(da), rows)", "dx[:, t] = da[:, t] @ W.T"),
            ],
            self._names(mask),
        )

    @quiet
    def forward(self, x: Array, mask: Mask | None = None) -> tuple[Array, Cache]:
        """Return y, which is h_t = (1 - z_t) n_t + z_t h_{t-1} at each step, and x, gates, m and h for `backward`."""
        W, U, b = self.input_weight.value, self.hidden_weight.value, self.bias.value
        x, padding = time_first(self, x, mask, W)
        time, batch, hidden = *x.shape[:2], len(U)
        gates = (rows(x).dot(W) + b).reshape(time, batch, 3 * hidden)
        rz, (r, z, n) = gates[:, :, : 2 * hidden], np.split(gates, 3, axis=2)
        z[padding] = np.inf  # there z is 1 and keeps h
        m, h = np.empty((time, batch, hidden), W.dtype), np.zeros((time + 1, batch, hidden), W.dtype)
        for t in range(time):
            u = h[t].dot(U)
            rz[t] = sigmoid(rz[t] + u[:, : 2 * hidden])
            m[t] = u[:, 2 * hidden :]
            n[t] = np.tanh(n[t] + r[t] * m[t])
            h[t + 1] = (1.0 - z[t]) * n[t] + z[t] * h[t]
        return h[1:].swapaxes(0, 1), Cache(x, gates, m, h)

    def _back_in_time(self, dy: Array, cache: Cache) -> tuple[Array, Array]:
        (_, gates, m, h), U = cache, self.hidden_weight.value
        r, z, n = np.split(gates, 3, axis=2)
        dn_dh, dz_dh, dr_dn = (1.0 - z) * (1.0 - n * n), (h[:-1] - n) * z * (1.0 - z), m * r * (1.0 - r)
        da, du = np.empty_like(gates), np.empty_like(gates)
        dr, dz, dn = np.split(da, 3, axis=2)
        dh = np.zeros_like(h[0])
        for t in reversed(range(len(dy))):
            dh = dh + dy[t]
            dn[t] = dh * dn_dh[t]
            dz[t] = dh * dz_dh[t]
            dr[t] = dn[t] * dr_dn[t]
            du[t] = da[t]
            du[t, :, 2 * len(U) :] *= r[t]
            dh = dh * z[t] + du[t].dot(U.T)
        return da, du
