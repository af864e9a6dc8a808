"""Two bricks for a sequence: one reads it forwards, the other backwards."""

from typing import Any, TypeAlias

import numpy as np

from legonet.arrays import Array, Mask, brief, check_array
from legonet.brick import Brick
from legonet.errors import OptionError
from legonet.graphs.gradients import plus
from legonet.graphs.mermaid import Draw
from legonet.graphs.outline import outline
from legonet.graphs.places import inside

Cache: TypeAlias = tuple[Any, Any, tuple[int, ...], "np.dtype[Any]", int]


class Bidirectional(Brick[Cache]):
    r"""A brick f that reads a sequence forwards and a brick g that reads it backwards; their outputs side by side.

    .. math::

        \text{forward} \quad& y = \big(f(x), \; R \, g(R x)\big) \\
        \text{backward} \quad& \frac{\partial L}{\partial x} =
        \frac{\partial L}{\partial f} \cdot \frac{\partial f}{\partial x} +
        R \Big( R \frac{\partial L}{\partial g} \cdot \frac{\partial g}{\partial (R x)} \Big)

    where R turns time around. So at each step y knows what came before and what comes after. x has shape (batch, time,
    ...); f and g each give (batch, time, features), and y has the features of both.

    A mask of shape (batch, time), False where a shorter sequence is filled up, is handed on to both bricks, turned
    around for g. If the padding is at the end, g meets it first, and a recurrent brick passes over it in its zero
    state.

    Parameters
    ----------
    forward_brick : Brick
        The brick f, such as an `LSTM`. If masks are to be used, it takes one as its second input.
    backward_brick : Brick
        The brick g, made like f, with numbers of its own.

    Attributes
    ----------
    forward_brick, backward_brick : Brick
        The two.

    Raises
    ------
    OptionError
        If one of the two is no brick.
    ShapeError, DtypeError
        If x is no floating-point array of shape (batch, time, ...) or dy not of the shape and dtype of y; if f and g
        do not give (batch, time, features).

    Notes
    -----
    PyTorch has ``bidirectional=True`` as an option of its recurrent layers. At padding its outputs are 0; here y
    repeats the last state of f, and that of g before its first step, which is zero. So `LastStep` after it sees next to
    nothing of g; `GlobalAvgPool1d` with the mask sees all.

    References
    ----------
    Schuster and Paliwal, "Bidirectional recurrent neural networks", 1997.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import Bidirectional, GRU
    >>> both = Bidirectional(GRU(3, 2, rng=0), GRU(3, 2, rng=1))
    >>> x = np.ones((5, 7, 3))
    >>> both(x).shape
    (5, 7, 4)
    >>> np.array_equal(both(x)[:, :, 2:], both.backward_brick(x[:, ::-1])[:, ::-1])
    True
    >>> print(both)
    Bidirectional: 72 parameters
      [0] GRU(3, 2)  36  input_weight (3, 6), hidden_weight (2, 6), bias (6,)
      [1] GRU(3, 2)  36  input_weight (3, 6), hidden_weight (2, 6), bias (6,)
    """

    def __init__(self, forward_brick: Brick[Any], backward_brick: Brick[Any]) -> None:
        for name, given in (("forward_brick", forward_brick), ("backward_brick", backward_brick)):
            if not isinstance(given, Brick):
                raise OptionError(f"Bidirectional needs a brick as {name}, but got {brief(repr(given))}")
        self.forward_brick, self.backward_brick = forward_brick, backward_brick

    @property
    def bricks(self) -> tuple[Brick[Any], Brick[Any]]:
        """The two, f and g."""
        return self.forward_brick, self.backward_brick

    def forward(self, x: Array, mask: Mask | None = None) -> tuple[Array, Cache]:
        """Return y = (f(x), R g(R x)), and both caches and how y is made up for `backward`."""
        inputs, turned = self._both_ways(x, mask)
        with inside(self, 0, self.forward_brick):
            f, f_cache = self.forward_brick.forward(*inputs)
        with inside(self, 1, self.backward_brick):
            g, g_cache = self.backward_brick.forward(*turned)
        y = self._join(x, f, g)
        return y, (f_cache, g_cache, y.shape, y.dtype, f.shape[-1])

    def backward(self, dy: Array, cache: Cache) -> Any:
        """Add the gradients of all parameters and return dL/dx = df ∂f/∂x + R (R dg ∂g/∂(R x))."""
        f_cache, g_cache, df, dg = self._cut(dy, cache)
        with inside(self, 0, self.forward_brick):
            dx = self.forward_brick.backward(df, f_cache)
        with inside(self, 1, self.backward_brick):
            dx_turned = self.backward_brick.backward(dg, g_cache)
        return plus(dx, dx_turned[:, ::-1])

    def backward_parameters(self, dy: Array, cache: Cache) -> None:
        """Add the gradients of all parameters; dL/dx is not computed."""
        f_cache, g_cache, df, dg = self._cut(dy, cache)
        with inside(self, 0, self.forward_brick):
            self.forward_brick.backward_parameters(df, f_cache)
        with inside(self, 1, self.backward_brick):
            self.backward_brick.backward_parameters(dg, g_cache)

    def __call__(self, x: Array, mask: Mask | None = None) -> Array:
        """Return y alone, as inference needs it; no cache is kept."""
        inputs, turned = self._both_ways(x, mask)
        with inside(self, 0, self.forward_brick):
            f = self.forward_brick(*inputs)
        with inside(self, 1, self.backward_brick):
            g = self.backward_brick(*turned)
        return self._join(x, f, g)

    def _both_ways(self, x: Array, mask: Mask | None) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Return what f takes, and what g takes."""
        check_array(self, "x", x, ("batch", "time", ...))
        if mask is None:
            return (x,), (x[:, ::-1],)
        check_array(self, "mask", mask, x.shape[:2], np.bool_)
        return (x, mask), (x[:, ::-1], mask[:, ::-1])

    def _join(self, x: Array, f: Array, g: Array) -> Array:
        """Return f and g, the latter turned around, side by side."""
        for name, part in (("f(x)", f), ("g(R x)", g)):
            check_array(self, name, part, (*x.shape[:2], "features"), x.dtype)
        return np.concatenate((f, g[:, ::-1]), axis=2)

    def _cut(self, dy: Array, cache: Cache) -> tuple[Any, Any, Array, Array]:
        """Return both caches, and what of dy belongs to each output."""
        f_cache, g_cache, shape, dtype, width = cache
        check_array(self, "dy", dy, shape, dtype)
        return f_cache, g_cache, dy[:, :, :width], dy[:, ::-1, width:]

    def sketch(self, draw: Draw, x: Any, mask: Any = None) -> Any:
        """Draw both bricks, with R where time is turned around, for `mermaid`."""
        f, g = draw(self.forward_brick, x, mask), draw(self.backward_brick, draw("R", x, mask))
        return draw("side by side", f, draw("R", g))

    def __repr__(self) -> str:
        return f"Bidirectional({self.forward_brick!r}, {self.backward_brick!r})"

    def __str__(self) -> str:
        return outline(self)
