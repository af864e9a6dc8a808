"""What the gallery holds: bricks with a known fault, or with none that ought to be seen."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from legonet import Brick
from legonet.testing.inputs import Input


@dataclass(frozen=True)
class Case:
    """A brick of the gallery: how to build it and what to feed it with.

    `build` is called with keyword arguments: the sizes that it names (axis names of `inputs`, or others in `sizes`),
    the options that it names, and ``rng`` (a numpy.random.Generator) if it names that.
    """

    name: str
    build: Callable[..., Brick[Any]]
    inputs: Sequence[Input]
    sizes: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """Legal sizes by name, simplest first; by default 0 to 4 for the first axis "batch", 1 to 4 for others."""
    options: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """Legal values of each option."""
    cause: str = ""
    """One of CAUSES; empty for a brick that is right."""
    also: tuple[str, ...] = ()
    """Other causes that name the same fault as well."""
    call_differs: bool = False
    """Called, the brick is meant to do something else than in forward (Dropout)."""
