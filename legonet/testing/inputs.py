"""What a brick may be fed with: shapes by the names of their axes, and values of every kind."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from legonet.arrays import Array, brief
from legonet.errors import OptionError

Draw: TypeAlias = Callable[[int, int], int]
"""Chooses a whole number between two, both included; the lower is the simpler."""

Sizes: TypeAlias = Mapping[str, int | tuple[int, ...]]
"""The size of each named axis; ``"..."`` stands for several."""


@dataclass(frozen=True)
class Floats:
    """An input of floating-point numbers.

    Parameters
    ----------
    axes : str
        Its shape: names and whole numbers, such as ``"(batch, in)"`` or ``"(batch, 3, height, width)"``. Axes of the
        same name have the same size. ``...`` stands for one to three further axes.
    low, high : float, optional
        The least and the greatest value that the brick is made for.
    constant : bool, optional
        Whether it is data to the brick, such as a mask or a weight of each row: `backward` gives no gradient by it.
    mapped : callable, optional
        See `map`.

    Examples
    --------
    >>> from legonet.testing import Floats
    >>> Floats("(batch, classes)", low=0, high=1)
    Floats('(batch, classes)', low=0, high=1)
    """

    axes: str
    low: float = -np.inf
    high: float = np.inf
    constant: bool = False
    mapped: Callable[[Array], Array] | None = None

    def __post_init__(self) -> None:
        parse_axes(self.axes)
        if not all(isinstance(end, int | float | np.integer | np.floating) for end in (self.low, self.high)):
            raise OptionError(f"Floats needs low and high as numbers, but they are {self.low!r} and {self.high!r}")
        if self.mapped is not None and not callable(self.mapped):
            raise OptionError(f"Floats needs a function of an array to map, but got {brief(repr(self.mapped))}")
        if not self.low < self.high:
            raise OptionError(f"Floats needs low < high, but low is {self.low} and high is {self.high}")

    def map(self, function: Callable[[Array], Array]) -> "Floats":
        """Return the same input, with what is drawn passed through a function.

        Parameters
        ----------
        function : callable
            Takes an array and returns one, such as ``lambda x: x / x.sum(axis=-1, keepdims=True)``.

        Returns
        -------
        Floats
            The new input.
        """
        return replace(self, mapped=function)

    def __repr__(self) -> str:
        return _show(self, ("low", "high", "constant", "mapped"))


@dataclass(frozen=True)
class Integers:
    """An input of whole numbers, such as indices or class labels.

    Parameters
    ----------
    axes : str
        Its shape, as in `Floats`.
    low : int, optional
        The least value.
    below : int or str, optional
        Values are below this number, or below the size of that name: ``Integers("(batch,)", below="classes")``.
    dtype : dtype, optional
        Such as ``bool`` for a mask.

    Examples
    --------
    >>> from legonet.testing import Integers
    >>> Integers("(batch, time)", below="vocabulary")
    Integers('(batch, time)', below='vocabulary')
    """

    axes: str
    low: int = 0
    below: int | str = 10
    dtype: npt.DTypeLike = np.int64

    def __post_init__(self) -> None:
        parse_axes(self.axes)
        if not isinstance(self.low, int | np.integer):
            raise OptionError(f"Integers needs low as a whole number, but it is {brief(repr(self.low))}")
        if not isinstance(self.below, int | np.integer | str):
            raise OptionError(f"Integers needs below as a whole number or the name of a size, but it is {self.below!r}")
        try:
            kind = np.dtype(self.dtype)
        except TypeError:
            kind = np.dtype(object)
        if kind.kind not in "iub":
            raise OptionError(f"Integers needs a dtype of whole numbers or bool, but it is {brief(repr(self.dtype))}")
        least, most = (0, 1) if kind.kind == "b" else (np.iinfo(kind).min, np.iinfo(kind).max)
        if self.low < least or (not isinstance(self.below, str) and self.below - 1 > most):
            raise OptionError(
                f"Integers of dtype {kind} lie between {least} and {most}, but low is {self.low} and below {self.below}"
            )
        if not isinstance(self.below, str) and self.below <= self.low:
            raise OptionError(f"Integers needs low < below, but low is {self.low} and below is {self.below}")

    def __repr__(self) -> str:
        return _show(self, ("low", "below", "dtype"))


class Refused(Exception):  # noqa: N818 - a signal
    """The brick does not take these sizes, options or numbers; nothing can be said of its gradients there."""


Input: TypeAlias = str | Floats | Integers


def _show(spec: Floats | Integers, names: Sequence[str]) -> str:
    default = type(spec)(spec.axes)
    given = [f", {name}={getattr(spec, name)!r}" for name in names if getattr(spec, name) != getattr(default, name)]
    return f"{type(spec).__name__}({spec.axes!r}{''.join(given)})"


def as_spec(given: Input) -> Floats | Integers:
    """Return a specification: a text stands for floating-point numbers of that shape."""
    if isinstance(given, str):
        return Floats(given)
    if isinstance(given, Floats | Integers):
        return given
    raise OptionError(
        f'an input is given as its axes, such as "(batch, in)", as Floats or Integers, not {brief(given)}'
    )


def parse_axes(axes: str) -> tuple[str | int, ...]:
    """Split a text such as ``"(batch, 3)"`` into names and numbers.

    Raises
    ------
    OptionError
        If it is no such text.

    Examples
    --------
    >>> from legonet.testing.inputs import parse_axes
    >>> parse_axes("(batch, 3)")
    ('batch', 3)
    """
    text = axes.strip() if isinstance(axes, str) else ""
    inside = [part.strip() for part in text[1:-1].rstrip().removesuffix(",").split(",")] if text[1:-1].strip() else []
    legal = (
        all(part.isidentifier() or re.fullmatch(r"[0-9]{1,7}|\.\.\.", part) for part in inside)
        and inside.count("...") <= 1
    )
    if text[:1] + text[-1:] != "()" or not legal:
        raise OptionError(f'axes are names and numbers, such as "(batch, in)" or "(batch, 3)", not {brief(repr(axes))}')
    return tuple(int(part) if part.isdecimal() else part for part in inside)


def names_of_axes(specs: Sequence[Floats | Integers]) -> list[str]:
    """Return the names of the axes, each once, in order; a size that bounds integers is one of them."""
    names = [axis for spec in specs for axis in parse_axes(spec.axes) if isinstance(axis, str)]
    names += [spec.below for spec in specs if isinstance(spec, Integers) and isinstance(spec.below, str)]
    return list(dict.fromkeys(names))


def shape_of(spec: Floats | Integers, sizes: Sizes) -> tuple[int, ...]:
    """Return the shape for given sizes."""
    shape: list[int] = []
    for axis in parse_axes(spec.axes):
        size = axis if isinstance(axis, int) else sizes[axis]
        shape += [size] if isinstance(size, int) else size
    return tuple(shape)


def _typical(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    return rng.normal(size=shape)


def _magnitudes(low: float, high: float) -> Callable[[tuple[int, ...], np.random.Generator], Array]:
    def draw(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        return np.asarray(rng.choice([-1.0, 1.0], shape) * 10 ** rng.uniform(low, high, shape))

    return draw


def _some_special(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    values = rng.normal(size=shape)
    special = np.asarray(rng.choice([0.0, 0.0, 0.0, 1.0, -1.0, 0.5, 2.0, -2.0, 6.0], shape))
    return np.where(rng.random(shape) < 0.5, special, values)


def _same_rows(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    return np.broadcast_to(rng.normal(size=shape[1:]), shape).copy() if shape else rng.normal(size=shape)


def _same_in_rows(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    return np.broadcast_to(rng.normal(size=(*shape[:-1], 1)), shape).copy() if shape else rng.normal(size=shape)


def _around(marks: Sequence[float]) -> Callable[[tuple[int, ...], np.random.Generator], Array]:
    """Draw numbers on either side of given ones, those themselves, and zeros."""

    def draw(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        chosen = rng.choice(marks, 1 if rng.random() < 0.5 else shape) * rng.choice([-1.0, 1.0], shape)
        beside = chosen * (1 + 0.1 * rng.normal(size=shape))
        return np.choose(rng.integers(0, 5, shape), [chosen, chosen, beside, beside, np.zeros(shape)])

    return draw


LANDMARKS = "the brick's own numbers"
"""The profile of values at and around the numbers that the brick's code speaks of."""

PROFILES: dict[str, Callable[[tuple[int, ...], np.random.Generator], Array]] = {
    "typical": _typical,
    "zeros": lambda shape, rng: np.zeros(shape),
    "ties": lambda shape, rng: np.asarray(rng.choice([-1.0, 0.0, 1.0], shape)),
    "special values among others": _some_special,
    LANDMARKS: _some_special,
    "ones": lambda shape, rng: np.ones(shape),
    "positive": lambda shape, rng: np.abs(rng.normal(size=shape)) + 0.1,
    "negative": lambda shape, rng: -np.abs(rng.normal(size=shape)) - 0.1,
    "moderately large": lambda shape, rng: rng.normal(size=shape) * 8,
    "saturated": lambda shape, rng: rng.normal(size=shape) * 60,
    "whole numbers": lambda shape, rng: np.asarray(rng.integers(-4, 5, shape), dtype=np.float64),
    "equal rows": _same_rows,
    "equal within rows": _same_in_rows,
    "tiny": _magnitudes(-9, -5),
    "large": _magnitudes(1.5, 3.5),
    "of all magnitudes": _magnitudes(-6, 3),
    "huge": _magnitudes(4, 6),
    "a large offset": lambda shape, rng: rng.normal(size=shape) + 1000.0,
}
"""How values are drawn, the plainest first."""


def draw_floats(
    spec: Floats, shape: tuple[int, ...], profile: str, rng: np.random.Generator, marks: Sequence[float] = ()
) -> Array:
    """Draw an array of a profile within the bounds of a specification; `marks` are the brick's own numbers."""
    low, high = spec.low, spec.high
    values = (_around(marks) if profile == LANDMARKS and len(marks) else PROFILES[profile])(shape, rng)
    if np.isfinite(low) and np.isfinite(high):
        if profile in ("typical", "positive", "negative", "moderately large", "a large offset"):
            values = low + (high - low) * rng.uniform(0.02, 0.98, shape)
        elif profile in ("equal rows", "equal within rows"):
            values = low + (high - low) / (1 + np.exp(-values))
    elif np.isfinite(low):
        values = np.where(values < low, low + np.abs(values), values)
    elif np.isfinite(high):
        values = np.where(values > high, high - np.abs(values), values)
    values = np.clip(values, low, high)
    if spec.mapped is None:
        return values
    mapped = spec.mapped(values)
    if not isinstance(mapped, np.ndarray) or mapped.shape != shape or mapped.dtype.kind != "f":
        needed = f"the function given to map needs to return an array of floats of shape {shape}"
        raise OptionError(f"{needed}, but it returned {brief(repr(mapped))}")
    return np.array(mapped, dtype=np.float64)


def draw_integers(spec: Integers, shape: tuple[int, ...], sizes: Sizes, rng: np.random.Generator) -> npt.NDArray[Any]:
    """Draw an array of whole numbers; half of the time from two values only, so that some repeat."""
    below = sizes[spec.below] if isinstance(spec.below, str) else int(spec.below)
    if not isinstance(below, int | np.integer):
        raise OptionError(f"Integers needs below as a number or the name of one axis, but it is {spec.below!r}")
    if below <= spec.low:
        if math.prod(shape):
            raise Refused(f"there is no whole number from {spec.low} to below {spec.below} = {below}")
        return np.zeros(shape, spec.dtype)
    few = rng.integers(spec.low, below, 2)
    drawn = rng.choice(few, shape) if rng.random() < 0.5 else rng.integers(spec.low, below, shape)
    return np.asarray(drawn).astype(spec.dtype)
