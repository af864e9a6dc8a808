"""The one protocol: forward gives an output and a cache, backward turns an upstream gradient into a downstream one."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Generic, NoReturn, TypeVar

from legonet.arrays import brief
from legonet.errors import OptionError
from legonet.parameter import Parameter

Cache = TypeVar("Cache")


class Brick(ABC, Generic[Cache]):
    """A function with a derivative: the base class of every layer, container, loss and regularizer.

    Write `forward` and `backward`, and check them with `legonet.testing.check_brick`. All else is there already.
    A brick keeps no memory of a pass: what `backward` needs, `forward` returns as the cache. So a brick may be
    used twice in a network, by several threads, or for a validation in between, and nothing gets mixed up.

    ==============  =====================================  ========================================
    kind            forward                                backward
    ==============  =====================================  ========================================
    layer           ``forward(x) -> (y, cache)``           ``backward(dy, cache) -> dx``
    loss            ``forward(y, target) -> (L, cache)``   ``backward(dloss, cache) -> dy``
    regularizer     ``forward() -> (R, cache)``            ``backward(dloss, cache) -> None``
    ==============  =====================================  ========================================

    Here dy stands for dL/dy, the gradient of the final loss L by y.

    See Also
    --------
    legonet.testing.check_brick : does `backward` hold the derivative of `forward`?

    Examples
    --------
    A brick that scales each column by a factor that it learns, y = x s:

    >>> import numpy as np
    >>> from legonet import Brick, Parameter
    >>> class Scale(Brick):
    ...     def __init__(self, features):
    ...         self.scale = Parameter(np.ones(features))
    ...
    ...     def forward(self, x):
    ...         return x * self.scale.value, x
    ...
    ...     def backward(self, dy, x):
    ...         self.scale.grad += (dy * x).sum(axis=0)
    ...         return dy * self.scale.value
    >>> from legonet.testing import check_brick
    >>> check_brick(Scale(3), np.random.default_rng(0).normal(size=(4, 3)))
    Scale(): 30 of 30 derivatives are right, at 2 points
    """

    # Layers, losses and regularizers differ in their inputs. Type checkers let a subclass state its own only if this
    # takes (*args: Any, **kwargs: Any).
    @abstractmethod
    def forward(self, *inputs: Any, **options: Any) -> tuple[Any, Cache]:
        """Return the output and the cache: exactly what `backward` needs, and nothing else.

        Parameters
        ----------
        *inputs : numpy.ndarray
            The inputs, batch first. They are never written into.
        **options : object
            Keyword inputs, if the brick has any.

        Returns
        -------
        y : numpy.ndarray
            The output.
        cache : object
            To be handed to `backward`.
        """

    @abstractmethod
    def backward(self, dy: Any, cache: Cache, /) -> Any:
        """Add dL/dθ to the ``grad`` of each parameter θ and return dL/dx.

        Parameters
        ----------
        dy : numpy.ndarray
            The upstream gradient dL/dy, in the shape of y. It is never written into.
        cache : object
            What `forward` returned beside y.

        Returns
        -------
        dx : numpy.ndarray
            The gradient by the input, in its shape; None if there is no input.
        """

    def backward_parameters(self, dy: Any, cache: Cache, /) -> None:
        """Add dL/dθ to the ``grad`` of each parameter θ, and leave dL/dx out.

        This is what training asks of a network, whose data need no gradient. A brick whose dL/dx is costly
        overrides it.

        Parameters
        ----------
        dy : numpy.ndarray
            The upstream gradient dL/dy.
        cache : object
            What `forward` returned beside y.
        """
        if self.parameters():
            self.backward(dy, cache)

    def __call__(self, *inputs: Any) -> Any:
        """Return the output alone, as inference needs it."""
        pair = self.forward(*inputs)
        if type(pair) is not tuple:
            refuse_output(self, pair)
        return pair[0]

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Yield every parameter in this brick and the bricks inside it, with its dotted name.

        They are found by reading the attributes, through lists, tuples and dictionaries; a parameter that is
        shared comes once, under its first name.

        Yields
        ------
        name : str
            Such as ``"bricks.0.weight"``.
        parameter : Parameter
            The parameter itself.
        """
        seen: set[int] = set()
        todo: list[tuple[str, Any]] = [("", self)]
        while todo:  # a loop, since networks may be nested deeper than Python lets functions call themselves
            name, value = todo.pop()
            if isinstance(value, Parameter | Brick | list | tuple | dict):
                if id(value) in seen:
                    continue
                seen.add(id(value))
            if isinstance(value, Parameter):
                yield name, value
                continue
            inside: list[tuple[Any, Any]]
            own_names = isinstance(value, Brick) and type(value).named_parameters is not Brick.named_parameters
            if own_names and value is not self:
                inside = list(value.named_parameters())  # under the names that it has for them
            elif isinstance(value, Brick | dict):
                inside = list((vars(value) if isinstance(value, Brick) else value).items())
            else:
                inside = list(enumerate(value)) if isinstance(value, list | tuple) else []
            todo += [(f"{name}.{key}" if name else str(key), item) for key, item in reversed(inside)]

    def parameters(self) -> list[Parameter]:
        """Return every parameter in this brick and the bricks inside it, each once.

        Returns
        -------
        list of Parameter
            In the order of `named_parameters`.
        """
        return [parameter for _, parameter in self.named_parameters()]

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def refuse_output(brick: Brick[Any], given: object) -> NoReturn:
    """Say that `forward` has to return two things.

    Parameters
    ----------
    brick : Brick
        The brick.
    given : object
        What its `forward` returned.

    Raises
    ------
    OptionError
        Always.
    """
    needed = "forward to return the output and the cache, as in return y, cache"
    raise OptionError(f"{brief(brick, 80)} needs {needed}, but it returns a {type(given).__name__}")
