"""A transformer block, attention and a small network for each position, each with a shortcut around it."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from legonet.arrays import Array, Mask, quiet
from legonet.brick import Brick
from legonet.bricks.dropout import Dropout
from legonet.bricks.gelu import GELU
from legonet.bricks.layer_norm import LayerNorm
from legonet.bricks.linear import Linear
from legonet.bricks.multi_head_attention import MultiHeadAttention
from legonet.checks import check_dtype, check_flag, check_rng, check_size
from legonet.graphs.mermaid import Draw
from legonet.graphs.outline import outline
from legonet.graphs.places import note_place
from legonet.graphs.sequential import Sequential

Run: TypeAlias = Callable[..., Any]


class TransformerBlock(Brick[list[Any]]):
    r"""Attention, by which positions learn of each other, then a small network for each position by itself.

    .. math::

        \text{forward} \quad& h = x + \text{Dropout}(\text{Attention}(\text{LayerNorm}(x))), \quad
        y = h + \text{Dropout}(f(\text{LayerNorm}(h))) \\
        & f(z) = \text{GELU}(z W_1 + b_1) \, W_2 + b_2 \\
        \text{backward} \quad& \frac{\partial L}{\partial h} = \frac{\partial L}{\partial y} +
        \frac{\partial L}{\partial y} \cdot \frac{\partial (y - h)}{\partial h}, \quad
        \frac{\partial L}{\partial x} = \frac{\partial L}{\partial h} +
        \frac{\partial L}{\partial h} \cdot \frac{\partial (h - x)}{\partial x}

    It is made of other bricks, whose backward passes it calls in turn; each shortcut hands on the upstream gradient as
    it is. The norms come before attention and network, so that the way of the shortcuts from y to x is free of them.
    x and y have shape (batch, time, features).

    Parameters
    ----------
    features : int
        Columns of x and of y.
    heads : int
        The heads of the attention; it divides `features`.
    hidden : int
        Columns between the two linear layers, often 4 features.
    causal : bool, optional
        Whether a position sees itself and what is before it only.
    dropout : float, optional
        The probability with which an entry is left out at the end of both halves, in training.
    rng : numpy.random.Generator or int, optional
        The source of the initial weights, and of what dropout draws.
    dtype : dtype, optional
        The floating-point dtype of the parameters, and so of x, y and their gradients.

    Attributes
    ----------
    attention_norm, attention, attention_dropout : LayerNorm, MultiHeadAttention, Dropout
        The first half.
    network_norm, network, network_dropout : LayerNorm, Sequential, Dropout
        The second half; the network is f.

    Raises
    ------
    OptionError
        If a size or the rate of dropout is out of its bounds, or `heads` does not divide `features`.
    ShapeError, DtypeError
        If x or dy is not (batch, time, features), or the mask is no array of bool of shape (batch, time).

    Notes
    -----
    The optional ``mask``, of shape (batch, time), is handed to the attention: True where there is real data. Called,
    the block leaves nothing out.

    PyTorch's ``TransformerEncoderLayer`` with ``batch_first=True``, ``norm_first=True`` and ``activation="gelu"`` is
    the same without ``causal``, but with dropout in two more places: on the weights of the attention, and after the
    GELU.

    References
    ----------
    Vaswani et al., "Attention is all you need", NeurIPS 2017, section 3.1; Xiong et al., "On layer normalization in the
    transformer architecture", ICML 2020, for the place of the norms.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import TransformerBlock
    >>> block = TransformerBlock(4, 2, 8, causal=True, dropout=0.1, rng=0)
    >>> block(np.ones((2, 3, 4))).shape
    (2, 3, 4)
    >>> print(block)
    TransformerBlock: 172 parameters
      [attention_norm] LayerNorm(4, eps=1e-05)            8  gain (4,), bias (4,)
      [attention] MultiHeadAttention(4, 2, causal=True)  80  qkv.weight (4, 12) and 3 more
      [attention_dropout] Dropout(0.1)                    0
      [network_norm] LayerNorm(4, eps=1e-05)              8  gain (4,), bias (4,)
      [network] Sequential                               76
          [0] Linear(4, 8)                               40  weight (4, 8), bias (8,)
          [1] GELU()                                      0
          [2] Linear(8, 4)                               36  weight (8, 4), bias (4,)
      [network_dropout] Dropout(0.1)                      0
    """

    def __init__(
        self,
        features: int,
        heads: int,
        hidden: int,
        *,
        causal: bool = False,
        dropout: float = 0.0,
        rng: np.random.Generator | int | None = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        who = "TransformerBlock"
        features, hidden = check_size(who, "features", features), check_size(who, "hidden", hidden)
        causal, rng, dtype = check_flag(who, "causal", causal), check_rng(who, rng), check_dtype(who, dtype)
        self.attention_norm = LayerNorm(features, dtype=dtype)
        self.attention = MultiHeadAttention(features, heads, causal=causal, rng=rng, dtype=dtype)
        self.attention_dropout = Dropout(dropout, rng=rng)
        self.network_norm = LayerNorm(features, dtype=dtype)
        inwards, outwards = (Linear(*sizes, rng=rng, dtype=dtype) for sizes in ((features, hidden), (hidden, features)))
        self.network = Sequential(inwards, GELU(), outwards)
        self.network_dropout = Dropout(dropout, rng=rng)

    @property
    def bricks(self) -> dict[str, Brick[Any]]:
        """The six bricks by their names, in the order of the forward pass."""
        return {name: value for name, value in vars(self).items() if isinstance(value, Brick)}

    @quiet
    def forward(self, x: Array, mask: Mask | None = None) -> tuple[Array, list[Any]]:
        """Return y = h + Dropout(f(LayerNorm(h))) with h = x + Dropout(Attention(LayerNorm(x))), and the caches."""
        caches: list[Any] = []

        def run(brick: Brick[Any], *inputs: Any) -> Any:
            y, cache = brick.forward(*inputs)
            caches.append(cache)
            return y

        return self._formula(_noting(self, run), x, mask), caches

    @quiet
    def backward(self, dy: Array, caches: list[Any]) -> Array:
        """Add the gradients of all parameters and return dL/dx: through each half, plus what its shortcut hands on."""
        from_last = reversed(caches)
        run = _noting(self, lambda brick, dy: brick.backward(dy, next(from_last)))
        dh = dy + run(self.network_norm, run(self.network, run(self.network_dropout, dy)))
        dx: Array = dh + run(self.attention_norm, run(self.attention, run(self.attention_dropout, dh)))
        return dx

    @quiet
    def __call__(self, x: Array, mask: Mask | None = None) -> Array:
        """Return y alone, as inference needs it: nothing is left out, and no cache is kept."""
        return self._formula(_noting(self, lambda brick, *inputs: brick(*inputs)), x, mask)

    def _formula(self, run: Run, x: Array, mask: Mask | None) -> Array:
        """Return y; `run` gives what a brick makes of its inputs."""
        h = x + run(self.attention_dropout, run(self.attention, run(self.attention_norm, x), mask))
        y: Array = h + run(self.network_dropout, run(self.network, run(self.network_norm, h)))
        return y

    def sketch(self, draw: Draw, x: Any, mask: Any = None) -> Any:
        """Draw both halves with their shortcuts, for `mermaid`."""
        h = draw("+", x, draw(self.attention_dropout, draw(self.attention, draw(self.attention_norm, x), mask)))
        return draw("+", h, draw(self.network_dropout, draw(self.network, draw(self.network_norm, h))))

    def __repr__(self) -> str:
        attention, weight = self.attention, self.attention.output.weight.value
        hidden = self.network[0].weight.value.shape[1]
        options = f"{', causal=True' if attention.causal else ''}, dropout={self.attention_dropout.rate:g}"
        options += "" if weight.dtype == np.float64 else f", dtype={weight.dtype}"
        return f"TransformerBlock({len(weight)}, {attention.heads}, {hidden}{options})"

    def __str__(self) -> str:
        return outline(self)


def _noting(block: TransformerBlock, run: Run) -> Run:
    """Return `run`, but for a note on each error that says which brick it came from."""

    def noting(brick: Brick[Any], *inputs: Any) -> Any:
        try:
            return run(brick, *inputs)
        except Exception as error:
            note_place(error, block, next(name for name, one in block.bricks.items() if one is brick), brick)
            raise

    return noting
