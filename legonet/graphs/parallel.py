"""Bricks side by side, y = merge(f₁(x), f₂(x), ..., f_n(x))."""

from collections.abc import Callable
from typing import Any

from legonet.arrays import brief
from legonet.brick import Brick
from legonet.bricks import Add
from legonet.errors import OptionError
from legonet.graphs.gradients import by_inputs, plus
from legonet.graphs.mermaid import Draw
from legonet.graphs.outline import outline
from legonet.graphs.places import inside

_SUM = Add()


class Parallel(Brick[tuple[list[Any], Any]]):
    r"""Several bricks that all take the same x, and one that merges what they give.

    .. math::

        \text{forward} \quad& h_i = f_i(x), \quad y = m(h_1, \dots, h_n) \\
        \text{backward} \quad& \frac{\partial L}{\partial x} =
        \sum_i \frac{\partial L}{\partial h_i} \cdot \frac{\partial h_i}{\partial x} \quad \text{with} \quad
        \frac{\partial L}{\partial h_i} = \frac{\partial L}{\partial y} \cdot \frac{\partial m}{\partial h_i}

    x is used by each of the bricks, so their gradients by x are summed, into a new array.

    Parameters
    ----------
    *bricks : Brick
        One or more, f_1 to f_n. An empty `Sequential` hands x on as it is.
    merge : Brick, optional
        The brick m, of n inputs: `Add`, `Average`, `Multiply`, `Concatenate` or your own.

    Attributes
    ----------
    bricks : tuple of Brick
        The bricks side by side.
    merge : Brick
        The brick that merges.

    Raises
    ------
    OptionError
        If there is no brick, or something else than a brick is given.

    Notes
    -----
    An error in a pass carries a note that says which brick it came from.

    References
    ----------
    Szegedy et al., "Going deeper with convolutions", CVPR 2015, figure 2.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import Concatenate, Linear, Parallel, Sequential, Tanh
    >>> net = Parallel(Sequential(Linear(2, 3), Tanh()), Linear(2, 1, bias=False), merge=Concatenate())
    >>> net(np.zeros((5, 2))).shape
    (5, 4)
    >>> print(net)
    Parallel: 11 parameters
      [0] Sequential                9
          [0] Linear(2, 3)          9  weight (2, 3), bias (3,)
          [1] Tanh()                0
      [1] Linear(2, 1, bias=False)  2  weight (2, 1)
      [merge] Concatenate(axis=-1)  0
    """

    def __init__(self, *bricks: Brick[Any], merge: Brick[Any] = _SUM) -> None:
        needed = "Parallel needs bricks, as in Parallel(Linear(2, 3), Sigmoid(), merge=Add())"
        if not bricks:
            raise OptionError(f"{needed}, but got none")
        for place, brick in (*enumerate(bricks), ("merge", merge)):
            if not isinstance(brick, Brick):
                what = "merge" if place == "merge" else f"number {place}"
                raise OptionError(f"{needed}, but {what} is {brief(repr(brick))}")
        self.bricks, self.merge = bricks, merge

    def forward(self, x: Any) -> tuple[Any, tuple[list[Any], Any]]:
        """Return y = m(f_1(x), ..., f_n(x)), and the caches of the bricks and of the merge for `backward`."""
        outputs, caches = [], []
        for place, brick in enumerate(self.bricks):
            with inside(self, place, brick):
                y, cache = brick.forward(x)
            outputs.append(y)
            caches.append(cache)
        with inside(self, "merge", self.merge):
            y, merge_cache = self.merge.forward(*outputs)
        return y, (caches, merge_cache)

    def backward(self, dy: Any, caches: tuple[list[Any], Any]) -> Any:
        """Add the gradients of all parameters and return dL/dx = Σ dL/dh_i ∂h_i/∂x; None if no brick has one."""
        return self._backward(dy, caches, lambda brick, dh, cache: brick.backward(dh, cache))

    def backward_parameters(self, dy: Any, caches: tuple[list[Any], Any]) -> None:
        """Add the gradients of all parameters; dL/dx is not computed."""
        self._backward(dy, caches, lambda brick, dh, cache: brick.backward_parameters(dh, cache))

    def __call__(self, x: Any) -> Any:
        """Return y alone, as inference needs it; no cache is kept."""
        outputs: list[Any] = []
        for place, brick in enumerate(self.bricks):
            with inside(self, place, brick):
                outputs.append(brick(x))
        with inside(self, "merge", self.merge):
            return self.merge(*outputs)

    def _backward(self, dy: Any, caches: tuple[list[Any], Any], run: Callable[[Brick[Any], Any, Any], Any]) -> Any:
        """Run each brick on its share of dy, and return the sum of what comes out."""
        with inside(self, "merge", self.merge):
            shares = by_inputs(self.merge, self.merge.backward(dy, caches[1]), len(self.bricks))
        dx = None
        for place, (brick, dh, cache) in enumerate(zip(self.bricks, shares, caches[0], strict=True)):
            with inside(self, place, brick):
                dx = dx if dh is None else plus(dx, run(brick, dh, cache))
        return dx

    def sketch(self, draw: Draw, x: Any) -> Any:
        """Draw the bricks side by side and the merge, for `mermaid`."""
        return draw(self.merge, *[draw(brick, x) for brick in self.bricks])

    def __repr__(self) -> str:
        return f"Parallel({', '.join(map(repr, self.bricks))}, merge={self.merge!r})"

    def __str__(self) -> str:
        return outline(self)
