"""A chain of bricks, y = f_n(... f_2(f_1(x)))."""

from collections.abc import Iterator
from typing import Any, overload

from legonet.arrays import Array, brief
from legonet.brick import Brick, refuse_output
from legonet.errors import OptionError
from legonet.graphs.gradients import learns
from legonet.graphs.mermaid import Draw
from legonet.graphs.outline import outline
from legonet.graphs.places import note_place


class Sequential(Brick[list[Any]]):
    r"""Bricks one after the other; the output of each is the input of the next.

    .. math::

        \text{forward} \quad& h_0 = x, \quad h_k = f_k(h_{k-1}), \quad y = h_n \\
        \text{backward} \quad& \frac{\partial L}{\partial h_{k-1}} =
        \frac{\partial L}{\partial h_k} \cdot \frac{\partial h_k}{\partial h_{k-1}}

    At each joint the upstream gradient dL/dh is computed once; the brick below makes both its parameter gradients
    and the next upstream gradient from that one array.

    Parameters
    ----------
    *bricks : Brick
        In the order of the forward pass. A Sequential is a brick too, so they nest. With none, y is x.

    Attributes
    ----------
    bricks : tuple of Brick
        The bricks. ``net[0]`` is the first of them, ``net[1:]`` a Sequential of the others (the same bricks, not
        copies); ``len`` and iteration work as well. ``print(net)`` shows shapes and numbers of parameters.

    Raises
    ------
    OptionError
        If something else than a brick is given.

    Notes
    -----
    An error in a pass carries a note that says which brick it came from.

    References
    ----------
    Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors", Nature 323, 1986.

    Examples
    --------
    >>> from legonet import Linear, Sequential, Sigmoid
    >>> net = Sequential(Linear(2, 3), Sigmoid(), Linear(3, 1, bias=False))
    >>> print(net)
    Sequential: 12 parameters
      [0] Linear(2, 3)              9  weight (2, 3), bias (3,)
      [1] Sigmoid()                 0
      [2] Linear(3, 1, bias=False)  3  weight (3, 1)
    >>> net[0]
    Linear(2, 3)
    >>> net[1:]
    Sequential(Sigmoid(), Linear(3, 1, bias=False))
    """

    def __init__(self, *bricks: Brick[Any]) -> None:
        for place, brick in enumerate(bricks):
            if not isinstance(brick, Brick):
                needed = "Sequential needs bricks, as in Sequential(Linear(2, 3), Sigmoid())"
                hint = ": write Sequential(*bricks)" if isinstance(brick, list | tuple) else ""
                raise OptionError(f"{needed}, but number {place} is {brief(brick)}{hint}")
        self.bricks = bricks
        self._lowest_learner = self._find_learner(len(bricks))

    def forward(self, x: Array) -> tuple[Array, list[Any]]:
        """Return y, and the caches of the bricks for `backward`."""
        caches: list[Any] = []
        try:
            for brick in self.bricks:
                pair = brick.forward(x)
                if type(pair) is not tuple:  # two rows of an array would be taken apart without a word
                    refuse_output(brick, pair)
                x, cache = pair
                caches.append(cache)
        except Exception as error:
            note_place(error, self, len(caches), self.bricks[len(caches)])
            raise
        return x, caches

    def backward(self, dy: Array, caches: list[Any]) -> Array:
        """Add the gradients of all parameters and return dL/dx."""
        return self._backward(dy, caches, lowest=-1)

    def backward_parameters(self, dy: Array, caches: list[Any]) -> None:
        """Add the gradients of all parameters; nothing below the first parameter is computed."""
        lowest = self._lowest_learner
        if lowest > 0:  # a brick below it may have got its parameters in its first forward
            lowest = self._find_learner(lowest)
        self._backward(dy, caches, lowest)

    def __call__(self, x: Array) -> Array:
        """Return y alone, as inference needs it; no cache is kept."""
        place = -1
        try:
            for brick in self.bricks:
                place += 1
                x = brick(x)
        except Exception as error:
            note_place(error, self, place, self.bricks[place])
            raise
        return x

    def _backward(self, dy: Array, caches: list[Any], lowest: int) -> Array:
        """Go down to brick number `lowest`, which is to add the gradients of its parameters only."""
        place = len(self.bricks)
        try:
            while place - 1 > lowest:
                place -= 1
                dy = self.bricks[place].backward(dy, caches[place])
            if 0 <= lowest < place:
                place = lowest
                self.bricks[lowest].backward_parameters(dy, caches[lowest])
        except Exception as error:
            note_place(error, self, place, self.bricks[place])
            raise
        return dy

    def _find_learner(self, stop: int) -> int:
        """Return the place of the lowest brick before `stop` that has parameters, else `stop`."""
        return next((place for place in range(stop) if learns(self.bricks[place])), stop)

    def sketch(self, draw: Draw, x: Any) -> Any:
        """Draw the bricks one after the other, for `mermaid`."""
        for brick in self.bricks:
            x = draw(brick, x)
        return x

    def __len__(self) -> int:
        return len(self.bricks)

    def __iter__(self) -> Iterator[Brick[Any]]:
        return iter(self.bricks)

    @overload
    def __getitem__(self, place: int) -> Any: ...
    @overload
    def __getitem__(self, place: slice) -> "Sequential": ...
    def __getitem__(self, place: int | slice) -> Any:
        return Sequential(*self.bricks[place]) if isinstance(place, slice) else self.bricks[place]

    def __repr__(self) -> str:
        return f"Sequential({', '.join(map(repr, self.bricks))})"

    def __str__(self) -> str:
        return outline(self)
