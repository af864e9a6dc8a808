"""Multi-head self-attention, softmax(Q Kᵀ / √d) V in several heads."""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from legonet.arrays import Array, Mask, check_array, quiet
from legonet.brick import Brick
from legonet.bricks.attention import attention_weights, in_heads
from legonet.bricks.linear import Linear
from legonet.checks import check_dtype, check_flag, check_integer, check_rng, check_size
from legonet.errors import OptionError
from legonet.formulas import Formulas
from legonet.initializers import Initializer, glorot_uniform, zeros


class Cache(NamedTuple):
    """What backward needs; all but x and the mixture have an axis of heads, (batch, heads, time, ...)."""

    x: Array
    q: Array  # divided by √d
    k: Array
    v: Array
    weights: Array
    mixture: Array


class MultiHeadAttention(Brick[Cache]):
    r"""Self-attention: each position of a sequence gets a mixture of all positions, weighted by how well they match.

    .. math::

        \text{forward} \quad& [Q \; K \; V] = x W + b, \quad
        A = \text{softmax}\left(\frac{Q K^T}{\sqrt d}\right), \quad
        M = A V, \quad y = M W_\text{out} + b_\text{out} \\
        \text{backward} \quad& \frac{\partial L}{\partial M} = \frac{\partial L}{\partial y} W_\text{out}^T, \quad
        \frac{\partial L}{\partial A} = \frac{\partial L}{\partial M} V^T, \quad
        \frac{\partial L}{\partial V} = A^T \frac{\partial L}{\partial M} \\
        & \frac{\partial L}{\partial S} = A \odot \left(\frac{\partial L}{\partial A} -
        \sum_\text{features} \frac{\partial L}{\partial M} \odot M\right), \quad
        \frac{\partial L}{\partial Q} = \frac{\partial L}{\partial S} \frac{K}{\sqrt d}, \quad
        \frac{\partial L}{\partial K} = \frac{\partial L}{\partial S}^T \frac{Q}{\sqrt d} \\
        & \frac{\partial L}{\partial x} = \left[\frac{\partial L}{\partial Q} \;
        \frac{\partial L}{\partial K} \; \frac{\partial L}{\partial V}\right] W^T

    Q, K, V and M have d = features / heads columns for each head; the lines from A to dL/dK hold for each head of each
    sequence by itself, with S the scores, the argument of softmax. x and y have shape (batch, time, features).

    Parameters
    ----------
    features : int
        Columns of x and of y.
    heads : int
        How many mixtures are made side by side; it divides `features`.
    causal : bool, optional
        Whether a position sees itself and what is before it only.
    weight : callable, optional
        The initializer of both weights.
    bias : callable or bool, optional
        The initializer of both biases. False for no biases; True is zeros.
    rng : numpy.random.Generator or int, optional
        The source of random numbers.
    dtype : dtype, optional
        The floating-point dtype of the parameters, and so of x, y and their gradients.

    Attributes
    ----------
    qkv : Linear
        Gives Q, K and V; its weight W has shape (features, 3 features), the columns of Q first, those of V last.
    output : Linear
        Gives y; its weight has shape (features, features).
    heads, causal : int, bool
        As given.

    Raises
    ------
    OptionError
        If a size is negative or no whole number, `heads` does not divide `features`, or `causal` is not True or False.
    ShapeError, DtypeError
        If x or dy is not (batch, time, features), or the mask is no array of bool of shape (batch, time).

    Notes
    -----
    The optional ``mask``, of shape (batch, time), is True where there is real data; nothing sees a position where it is
    False. What x holds there must be finite all the same, as 0 times NaN is NaN: fill up with zeros, say. A position
    that sees none at all has the mixture 0, so that y is the output's bias, where PyTorch gives NaN.

    The attention weights A of a pass are in its cache, ``cache.weights``, of shape (batch, heads, time, time).

    PyTorch's ``MultiheadAttention`` with ``batch_first=True`` holds the transposes of both weights, and its masks say
    True where a key is hidden. By default it draws the output's weight differently.

    References
    ----------
    Vaswani et al., "Attention is all you need", NeurIPS 2017, equation 1 and section 3.2.2.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import MultiHeadAttention
    >>> attention = MultiHeadAttention(2, 1, causal=True)
    >>> attention.qkv.weight.value = np.array([[9.0, 0.0, 9.0, 0.0, 1.0, 0.0], [0.0, 9.0, 0.0, 9.0, 0.0, 1.0]])
    >>> attention.output.weight.value = np.eye(2)
    >>> x = np.array([[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]])
    >>> attention(x).round(2)
    array([[[1., 0.],
            [0., 1.],
            [1., 1.]]])
    >>> attention(x, mask=np.array([[True, True, False]])).round(2)
    array([[[1. , 0. ],
            [0. , 1. ],
            [0.5, 0.5]]])
    """

    def __init__(
        self,
        features: int,
        heads: int,
        *,
        causal: bool = False,
        weight: Initializer = glorot_uniform,
        bias: Initializer | bool = zeros,
        rng: np.random.Generator | int | None = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        who = type(self).__name__
        features = check_size(who, "features", features)
        self.heads = check_integer(who, "heads", heads, at_least=1)
        self.causal = check_flag(who, "causal", causal)
        if features % self.heads:
            raise OptionError(f"{who} needs heads as a divisor of features, {features}, but heads is {heads}")
        rng, dtype = check_rng(who, rng), check_dtype(who, dtype)
        self.qkv = Linear(features, 3 * features, weight=weight, bias=bias, rng=rng, dtype=dtype)
        self.output = Linear(features, features, weight=weight, bias=bias, rng=rng, dtype=dtype)

    def formulas(self, x: Array, mask: Mask | None = None) -> Formulas:
        """Return the formulas: of the F columns, each head h has D; e // D is the head of column e."""
        features = x.shape[2]
        size = max(features // self.heads, 1)
        seen = " * (j <= i)" * self.causal + " * mask[n, j]" * (mask is not None)
        share = "E[n, h, i, j] / sum(E[n, h, i, k], k)"
        return Formulas(
            [
                *("a = x @ W + b", "Q = a[:, :, 0:F]", "K = a[:, :, F:2 * F]", "V = a[:, :, 2 * F:3 * F]"),
                "S[n, h, i, j] = sum(Q[n, i, h * D + d] * K[n, j, h * D + d], d) / sqrt(D)",
                f"E[n, h, i, j] = exp(S[n, h, i, j]){seen}",
                "A[n, h, i, j] = " + (share if mask is None else f"where(E[n, h, i, j] > 0, {share}, 0)"),
                *("M[n, i, e] = sum(A[n, e // D, i, j] * V[n, j, e], j)", "y = M @ W_out + b_out"),
            ],
            [
                *("dM = dy @ W_out.T", "dV[n, j, e] = sum(A[n, e // D, i, j] * dM[n, i, e], i)"),
                "dA[n, h, i, j] = sum(dM[n, i, h * D + d] * V[n, j, h * D + d], d)",
                "dS[n, h, i, j] = A[n, h, i, j] * (dA[n, h, i, j] - sum(dA[n, h, i, k] * A[n, h, i, k], k))",
                "dQ[n, i, e] = sum(dS[n, e // D, i, j] * K[n, j, e], j) / sqrt(D)",
                "dK[n, j, e] = sum(dS[n, e // D, i, j] * Q[n, i, e], i) / sqrt(D)",
                *("da = concat(dQ, dK, dV, axis=2)", "dx = da @ W.T"),
                *("dW = rows(x).T @ rows(da)", "db = sum(rows(da), rows)"),
                *("dW_out = rows(M).T @ rows(dy)", "db_out = sum(rows(dy), rows)"),
            ],
            {"W": "qkv.weight", "b": "qkv.bias", "W_out": "output.weight", "b_out": "output.bias"}
            | {"F": features, "D": size, "d": range(size), "h": range(self.heads)},
        )

    @quiet
    def forward(self, x: Array, mask: Mask | None = None) -> tuple[Array, Cache]:
        """Return y = M W_out + b_out with M = softmax(Q Kᵀ / √d) V in each head, and what made it for `backward`."""
        W = self.output.weight.value
        check_array(self, "x", x, ("batch", "time", len(W)), W.dtype)
        if mask is not None:
            check_array(self, "mask", mask, x.shape[:2], np.bool_)
        q, k, v = in_heads(self.qkv(x), self.heads, parts=3)
        q = q / math.sqrt(q.shape[-1])
        a = attention_weights(q @ k.mT, causal=self.causal, mask=mask)
        m = np.empty(x.shape, x.dtype)
        np.matmul(a, v, out=in_heads(m, self.heads)[0])
        return self.output(m), Cache(x, q, k, v, a, m)

    @quiet
    def backward(self, dy: Array, cache: Cache) -> Array:
        """Add the gradients of weights and biases and return dL/dx = [dQ dK dV] Wᵀ."""
        x, q, k, v, a, m = cache
        check_array(self, "dy", dy, x.shape, x.dtype)
        dm = self.output.backward(dy, m)
        (m,), (dm,) = in_heads(m, self.heads), in_heads(dm, self.heads)
        dqkv = np.empty((*x.shape[:2], 3 * x.shape[2]), x.dtype)
        dq, dk, dv = in_heads(dqkv, self.heads, parts=3)
        np.matmul(a.mT, dm, out=dv)
        ds = dm @ v.mT
        ds -= np.vecdot(dm, m)[..., np.newaxis]  # that is Σ dA A over the positions, since M = A V
        ds *= a
        np.matmul(ds, k / math.sqrt(k.shape[-1]), out=dq)
        np.matmul(ds.mT, q, out=dk)
        return self.qkv.backward(dqkv, x)

    def __call__(self, x: Array, mask: Mask | None = None) -> Array:
        """Return y alone, as inference needs it."""
        return self.forward(x, mask)[0]

    def __repr__(self) -> str:
        W, bias = self.output.weight.value, self.output.bias
        options = f"{', causal=True' if self.causal else ''}{'' if bias else ', bias=False'}"
        options += "" if W.dtype == np.float64 else f", dtype={W.dtype}"
        return f"MultiHeadAttention({len(W)}, {self.heads}{options})"
