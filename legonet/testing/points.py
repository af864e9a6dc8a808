"""Points: a brick, what it is fed with and how it came about; and the drawing of them."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from legonet.arrays import Array
from legonet.brick import Brick
from legonet.errors import OptionError

from .admission import admit
from .inputs import (
    LANDMARKS,
    PROFILES,
    Draw,
    Floats,
    Integers,
    draw_floats,
    draw_integers,
    names_of_axes,
    shape_of,
)
from .landmarks import landmarks
from .probe import Probe, input_names, private_copy


@dataclass
class Point:
    """A brick, what it is fed with, and how it came about."""

    brick: Brick[Any]
    inputs: Sequence[Array]
    constants: Sequence[str] = ()
    bounds: Sequence[tuple[float, float]] = ()
    call_differs: bool = False
    independent_rows: bool = False
    seed: int = 0
    sizes: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    profile: str = ""

    def probe(self) -> Probe:
        """Return a private copy of the brick and its inputs."""
        return Probe(self.brick, self.inputs, self.constants, self.bounds)


MOST = 100_000
"""No more entries are drawn for an input."""


def from_generator(rng: np.random.Generator) -> Draw:
    """Return a way to draw whole numbers that takes them from a generator."""
    return lambda low, high: int(rng.integers(low, high + 1))


def draw_sizes(
    specs: Sequence[Floats | Integers], ranges: Mapping[str, Any], draw: Draw, extra: Sequence[str]
) -> dict[str, Any]:
    """Draw a size for every name; the first axis of the inputs, or one called batch, may be 0."""
    sizes: dict[str, Any] = {}
    names = list(dict.fromkeys([*names_of_axes(specs), *extra, *ranges]))
    first = next((name for name in names_of_axes(specs)[:1]), "")
    large = draw(0, 8 * len(names)) if names else 0  # now and then, one axis is longer than people draw it
    for number, name in enumerate(names):
        if name in ranges:
            sizes[name] = _pick(ranges[name], draw)
        elif name == "...":
            sizes[name] = tuple(draw(1, 3) for _ in range(draw(1, 3)))
        else:
            least = 0 if name == "batch" or (name == first and "batch" not in names) else 1
            # 2 and 3 are the plainest sizes that tell things apart; shrinking goes to 1 and 0 by itself.
            sizes[name] = draw(least, 4) if large != 8 * len(names) - number else draw(5, 9)
    return sizes


def _is_size(value: Any) -> bool:
    """Whether this is a size, or, for "...", several."""
    whole = value if isinstance(value, tuple) else (value,)
    return all(isinstance(one, int | np.integer) and not isinstance(one, bool) and one >= 0 for one in whole)


def _pick(legal: Any, draw: Draw) -> Any:
    """Draw one of the legal sizes of an axis: a number, a list of them, or a pair (least, greatest)."""
    choices = (
        [legal]
        if isinstance(legal, int | np.integer)
        else list(legal)
        if isinstance(legal, list | tuple | range)
        else []
    )
    pair = isinstance(legal, tuple) and len(legal) == 2 and all(isinstance(end, int) for end in legal)
    if not choices or not all(_is_size(size) for size in choices) or (pair and legal[0] > legal[1]):
        raise OptionError(f"sizes are a whole number, a list of them or a pair (least, greatest), not {legal!r}")
    return draw(legal[0], legal[1]) if pair else _plain(choices[draw(0, len(choices) - 1)])


def _plain(size: Any) -> Any:
    return tuple(map(int, size)) if isinstance(size, tuple) else int(size)


def draw_point(
    build: Callable[[dict[str, Any], np.random.Generator], Brick[Any]],
    specs: Sequence[Floats | Integers],
    sizes: dict[str, Any],
    draw: Draw,
    profile: str | None = None,
    seed: int | None = None,
) -> Point:
    """Build a brick and draw its parameters and inputs."""
    seed = draw(0, 999) if seed is None else seed
    rng = np.random.default_rng(seed)
    shapes = [shape_of(spec, sizes) for spec in specs]
    if any(math.prod(shape) > MOST for shape in shapes):
        raise OptionError(f"inputs of shapes {shapes} are larger than a check needs: a few entries are enough")
    brick = build(sizes, rng)
    admit(brick)
    profiles = list(PROFILES)
    if profile is None:
        profile = profiles[draw(0, len(profiles) - 1)]
    brick = vary_parameters(brick, draw(0, 5), rng)
    marks = landmarks(brick) if profile == LANDMARKS else []
    inputs: list[Array] = []
    for number, spec in enumerate(specs):
        shape = shapes[number]
        if isinstance(spec, Integers):
            inputs.append(draw_integers(spec, shape, sizes, rng))
        else:
            own = profile if number == 0 or rng.random() < 0.6 else profiles[int(rng.integers(len(profiles)))]
            inputs.append(draw_floats(spec, shape, own, rng, marks))
    if profile == "ties" and len(inputs) > 1 and rng.random() < 0.5:
        inputs = [
            inputs[0].copy()
            if isinstance(spec, Floats) and _same_kind(spec, specs[0]) and x.shape == inputs[0].shape
            else x
            for spec, x in zip(specs, inputs, strict=True)
        ]
    names = input_names(brick, len(specs))
    constants = [name for name, spec in zip(names, specs, strict=True) if isinstance(spec, Floats) and spec.constant]
    bounds = [
        (spec.low, spec.high) if isinstance(spec, Floats) and spec.mapped is None else (-np.inf, np.inf)
        for spec in specs
    ]
    return Point(brick, inputs, constants, bounds, seed=seed, sizes=dict(sizes), profile=profile)


def _same_kind(one: Floats, other: Floats | Integers) -> bool:
    """Whether what is drawn for one input is legal for another."""
    return isinstance(other, Floats) and (one.low, one.high, one.mapped) == (other.low, other.high, other.mapped)


def vary_parameters(brick: Brick[Any], how: int, rng: np.random.Generator) -> Brick[Any]:
    """Return a copy whose parameters are away from their initial values: a constant one hides what is forgotten."""
    brick = private_copy(brick)
    for parameter in brick.parameters():
        value = np.array(parameter.value)
        constant = bool(value.size) and bool(np.all(value == value.flat[0]))
        if how == 3:
            value = value * rng.uniform(0.5, 1.5, value.shape)
        elif how == 4:
            value = np.where(rng.random(value.shape) < 0.4, 0.0, value)
        elif how == 5 and value.size:
            value = np.full(value.shape, value.flat[0])
        elif constant:
            value = value * rng.uniform(0.6, 1.4, value.shape) + np.where(
                value == 0, rng.uniform(-0.4, 0.4, value.shape), 0
            )
        parameter.value = np.array(value, dtype=parameter.value.dtype)
    return brick
