"""The numbers that a brick's code speaks of: where it changes, an input should stand at some time."""

import math
from collections.abc import Iterator
from types import CodeType, FunctionType, MethodType
from typing import Any

from legonet.brick import Brick

MOST = 40
"""At most this many numbers are kept."""

FOREIGN = ("numpy", "torch", "jax", "thinc", "builtins")
"""Packages whose objects are not looked into."""


def landmarks(brick: Brick[Any]) -> list[float]:
    """Return the finite numbers among the attributes of a brick and in the code of its methods, each once.

    A threshold or a limit is one of them, as in ``np.where(x > 20, x, ...)`` or ``self.delta``. Those of functions that
    the methods call are found as well, if they are functions of the same module.

    Parameters
    ----------
    brick : Brick
        Looked at, never run.

    Returns
    -------
    list of float
        In order of their size; without 0, at most `MOST`.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import Brick
    >>> from legonet.testing.landmarks import landmarks
    >>> class Cap(Brick):
    ...     def __init__(self, limit):
    ...         self.limit = limit
    ...
    ...     def forward(self, x):
    ...         return np.minimum(x, self.limit), x
    ...
    ...     def backward(self, dy, x):
    ...         return dy * (x < 6.0)
    >>> landmarks(Cap(2.5))
    [2.5, 6.0]
    """
    found: dict[float, None] = {}
    for number in _numbers(brick, set(), 4):
        if math.isfinite(number) and number and abs(number) < 1e9:
            found[abs(number)] = None
        if len(found) == MOST:
            break
    return sorted(found)


def _numbers(value: Any, seen: set[int], depth: int) -> Iterator[float]:
    if isinstance(value, bool) or depth < 0 or id(value) in seen:
        return
    if isinstance(value, int | float):
        yield float(value)
        return
    seen.add(id(value))
    if isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _numbers(item, seen, depth - 1)
    elif isinstance(value, MethodType):
        yield from _numbers(value.__func__, seen, depth)
        yield from _numbers(value.__self__, seen, depth - 1)
    elif isinstance(value, FunctionType):
        yield from _of_function(value, seen, depth)
    elif not type(value).__module__.startswith(FOREIGN) and hasattr(value, "__dict__") and not isinstance(value, type):
        yield from _numbers(vars(value), seen, depth)
        for kind in type(value).__mro__:
            if kind is not Brick and not kind.__module__.startswith((*FOREIGN, "legonet.interop")):
                for member in vars(kind).values():
                    if isinstance(member, FunctionType | int | float):
                        yield from _numbers(member, seen, depth - 1)


def _of_function(function: FunctionType, seen: set[int], depth: int) -> Iterator[float]:
    yield from _numbers(function.__defaults__, seen, depth)
    yield from _numbers(function.__kwdefaults__, seen, depth)
    for cell in function.__closure__ or ():
        try:
            yield from _numbers(cell.cell_contents, seen, depth - 1)
        except ValueError:  # not filled in yet
            continue
    for constant, names in _constants(function.__code__):
        yield from _numbers(constant, seen, depth)
        for name in names:
            there = function.__globals__.get(name)
            if isinstance(there, int | float) or getattr(there, "__module__", "") == function.__module__:
                yield from _numbers(there, seen, depth - 1)


def _constants(code: CodeType) -> Iterator[tuple[Any, tuple[str, ...]]]:
    """Yield the constants of a code and of those inside it, each with the names that it uses."""
    yield tuple(one for one in code.co_consts if isinstance(one, int | float | tuple)), code.co_names
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield from _constants(one)
