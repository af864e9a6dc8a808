"""What cannot be checked is refused, with the reason, before anything is measured."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from legonet.arrays import brief
from legonet.brick import Brick
from legonet.errors import OptionError
from legonet.parameter import Parameter


def admit(brick: Brick[Any], who: str = "check_brick") -> None:
    """Refuse a brick whose parameters are no arrays of finite numbers, overlap in memory, or cannot be found.

    Parameters
    ----------
    brick : Brick
        Looked at, never run.
    who : str, optional
        What starts the message.

    Raises
    ------
    OptionError
        If there is such a parameter.
    """
    named = list(brick.named_parameters())
    for name, parameter in named:
        value = parameter.value
        if type(value) not in (np.ndarray, np.memmap) or value.dtype.kind != "f":
            what = (
                f"an array of dtype {value.dtype}" if type(value) is np.ndarray else f"of type {type(value).__name__}"
            )
            needed = f"{who} needs {name}.value of {brief(brick, 60)} as a NumPy array of floating-point numbers"
            raise OptionError(f"{needed}, but it is {what}")
        if not np.isfinite(value).all():
            raise OptionError(
                f"{who}: {name}.value of {brief(brick, 60)} holds NaN or infinity, where no derivative can be measured"
            )
    for (one, first), (other, second) in itertools.combinations(named[:60], 2):
        if np.may_share_memory(first.value, second.value) and np.shares_memory(first.value, second.value):
            raise OptionError(
                f"{who}: {one}.value and {other}.value of {brief(brick, 60)} share their memory: "
                "let both places hold the same Parameter"
            )
    known = {id(parameter) for _, parameter in named}
    for name, parameter in parameters_anywhere(brick, brick.__class__.__name__):
        if id(parameter) not in known:
            raise OptionError(
                f"{who} finds no way to the Parameter {name}: named_parameters reads the attributes of bricks, and the "
                "lists, tuples and dictionaries in them; keep it there"
            )


def parameters_anywhere(
    value: Any, name: str, seen: set[int] | None = None, depth: int = 12
) -> Iterator[tuple[str, Parameter]]:
    """Yield every Parameter that a brick holds in any way: in slots, in its class, in sets, in plain objects."""
    seen = set() if seen is None else seen
    if not depth or id(value) in seen or isinstance(value, type | str | bytes | int | float | complex | None.__class__):
        return
    seen.add(id(value))
    if isinstance(value, Parameter):
        yield name, value
    elif isinstance(value, np.ndarray):
        if value.dtype == object:
            yield from parameters_anywhere(value.tolist(), name, seen, depth - 1)
    elif isinstance(value, dict | list | tuple | set | frozenset):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from parameters_anywhere(item, f"{name}[{key!r}]", seen, depth - 1)
    elif not type(value).__module__.startswith(("numpy", "torch", "jax", "thinc")):
        for key, item in _attributes(value):
            yield from parameters_anywhere(item, f"{name}.{key}", seen, depth - 1)


def _attributes(value: Any) -> Iterator[tuple[str, Any]]:
    yield from getattr(value, "__dict__", {}).items()
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            if hasattr(value, slot):
                yield slot, getattr(value, slot)
        if isinstance(value, Brick):
            yield from ((key, item) for key, item in kind.__dict__.items() if isinstance(item, Parameter))
