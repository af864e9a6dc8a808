"""A shortcut around a brick, y = f(x) + x."""

from typing import Any

import numpy as np

from legonet.arrays import Array, brief, check_array, quiet
from legonet.brick import Brick
from legonet.errors import OptionError, ShapeError
from legonet.graphs.mermaid import Draw
from legonet.graphs.outline import outline
from legonet.graphs.places import inside


class Residual(Brick[tuple[Any, Any]]):
    r"""A brick f with a shortcut around it: what it gives is added to its own input, or to a projection p of that.

    .. math::

        \text{forward} \quad& y = f(x) + x \quad \text{or} \quad f(x) + p(x) \\
        \text{backward} \quad& \frac{\partial L}{\partial x} =
        \frac{\partial L}{\partial y} \cdot \frac{\partial f}{\partial x} + \frac{\partial L}{\partial y}
        \quad \text{or} \quad
        \frac{\partial L}{\partial y} \cdot \frac{\partial f}{\partial x} +
        \frac{\partial L}{\partial y} \cdot \frac{\partial p}{\partial x}

    Both branches get the same upstream gradient, and their gradients are summed into a new array.

    Parameters
    ----------
    brick : Brick
        The brick f, such as a `Sequential`. f(x) has the shape and dtype of the shortcut.
    projection : Brick, optional
        The brick p of the shortcut, such as a `Linear` without bias, where f changes the shape; by default the shortcut
        is x itself.

    Attributes
    ----------
    brick, projection : Brick
        The branches; the projection may be None.

    Raises
    ------
    OptionError
        If `brick` or `projection` is no brick.
    ShapeError, DtypeError
        In the forward pass, if f(x) has another shape or dtype than the shortcut.

    References
    ----------
    He, Zhang, Ren and Sun, "Deep residual learning for image recognition", CVPR 2016, equations 1 and 2.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import Linear, Residual, Sequential, Tanh
    >>> block = Residual(Sequential(Linear(2, 2, rng=0), Tanh()))
    >>> x = np.array([[1.0, -1.0]])
    >>> np.array_equal(block(x), block.brick(x) + x)
    True
    >>> print(block)
    Residual: 6 parameters
      [0] Sequential        6
          [0] Linear(2, 2)  6  weight (2, 2), bias (2,)
          [1] Tanh()        0
    """

    def __init__(self, brick: Brick[Any], projection: Brick[Any] | None = None) -> None:
        for name, given in (("brick", brick), ("projection", projection)):
            if not isinstance(given, Brick) and not (name == "projection" and given is None):
                raise OptionError(f"Residual needs a brick as {name}, but got {brief(repr(given))}")
        self.brick, self.projection = brick, projection

    @property
    def bricks(self) -> tuple[Brick[Any], ...]:
        """The branches that hold a brick."""
        return (self.brick,) if self.projection is None else (self.brick, self.projection)

    def forward(self, x: Array) -> tuple[Array, tuple[Any, Any]]:
        """Return y = f(x) + x, and the caches of the branches for `backward`."""
        with inside(self, 0, self.brick):
            y, cache = self.brick.forward(x)
        if self.projection is None:
            return self._sum(y, x), (cache, None)
        with inside(self, 1, self.projection):
            shortcut, shortcut_cache = self.projection.forward(x)
        return self._sum(y, shortcut), (cache, shortcut_cache)

    @quiet
    def backward(self, dy: Array, caches: tuple[Any, Any]) -> Array:
        """Add the gradients of all parameters and return dL/dx = dy ∂f/∂x + dy."""
        with inside(self, 0, self.brick):
            dx: Array = self.brick.backward(dy, caches[0])
        if self.projection is None:
            return dx + dy
        with inside(self, 1, self.projection):
            dx_projected: Array = self.projection.backward(dy, caches[1])
        return dx + dx_projected

    def backward_parameters(self, dy: Array, caches: tuple[Any, Any]) -> None:
        """Add the gradients of all parameters; dL/dx is not computed."""
        for place, brick in enumerate(self.bricks):
            with inside(self, place, brick):
                brick.backward_parameters(dy, caches[place])

    def __call__(self, x: Array) -> Array:
        """Return y alone, as inference needs it; no cache is kept."""
        with inside(self, 0, self.brick):
            y = self.brick(x)
        if self.projection is None:
            return self._sum(y, x)
        with inside(self, 1, self.projection):
            shortcut = self.projection(x)
        return self._sum(y, shortcut)

    @quiet
    def _sum(self, y: Array, shortcut: Array) -> Array:
        """Return f(x) plus the shortcut, which have to be alike."""
        check_array(self, "x" if self.projection is None else "p(x)", shortcut)
        if isinstance(y, np.ndarray) and y.shape != shortcut.shape:
            needed = f"{brief(self, 60)} needs f(x) of the shape of the shortcut, {shortcut.shape}"
            hint = ": give a projection" if self.projection is None else ""
            raise ShapeError(f"{needed}, but {brief(self.brick, 60)} gives {y.shape}{hint}")
        check_array(self, "f(x)", y, shortcut.shape, shortcut.dtype)
        return y + shortcut

    def sketch(self, draw: Draw, x: Any) -> Any:
        """Draw both branches and their sum, for `mermaid`."""
        y = draw(self.brick, x)
        return draw("+", y, x if self.projection is None else draw(self.projection, x, name="projection"))

    def __repr__(self) -> str:
        return f"Residual({', '.join(map(repr, self.bricks))})"

    def __str__(self) -> str:
        return outline(self)
