"""How to build a brick, what it takes, and points made from both."""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from legonet.arrays import brief
from legonet.brick import Brick
from legonet.errors import OptionError

from .inputs import PROFILES, Draw, Floats, Input, Integers, Refused, as_spec, names_of_axes, parse_axes
from .points import Point, draw_point, draw_sizes, from_generator

Build = Callable[..., Brick[Any]]


class Recipe:
    """How to build a brick, and what it takes.

    Parameters
    ----------
    build, inputs, sizes, options, call_differs, independent_rows
        As in `brick_test`.
    who : str, optional
        What starts an error message.
    name : str, optional
        What is built; by default the name of `build`.
    """

    def __init__(
        self,
        build: Build,
        inputs: Sequence[Input],
        sizes: Mapping[str, Any],
        options: Mapping[str, Any],
        call_differs: bool = False,
        independent_rows: bool = False,
        who: str = "brick_test",
        name: str | None = None,
    ) -> None:
        self.who = who
        self.built_as = ""
        if not callable(build) or isinstance(build, Brick):
            hint = ": for a ready brick there is check_brick" if isinstance(build, Brick) else ""
            raise OptionError(f"{who} needs a class or a function that builds the brick{hint}")
        for what, given in (("sizes", sizes), ("options", options)):
            if not isinstance(given, Mapping):
                raise OptionError(f"{who} needs {what} as a dictionary by name, but got {brief(repr(given), 60)}")
        self.build, self.options = build, dict(options)
        self.call_differs, self.independent_rows = call_differs, independent_rows
        self.specs: list[Floats | Integers] = [as_spec(given) for given in inputs]
        self.sizes = {str(name).rstrip("_"): legal for name, legal in sizes.items()}
        self.name = str(name or getattr(build, "__name__", type(build).__name__))
        self.arguments = self._arguments()
        axes = names_of_axes(self.specs)
        unknown = sorted(set(self.sizes) - set(axes) - {a.rstrip("_") for a in self.arguments})
        if unknown:
            raise OptionError(
                f"{self.who}: {unknown[0]!r} in sizes is no axis of the inputs and no argument of {self.name}"
            )

        known = {axis for spec in self.specs for axis in parse_axes(spec.axes)} | set(self.sizes)
        known |= {argument.rstrip("_") for argument in self.arguments}
        bounds = [spec.below for spec in self.specs if isinstance(spec, Integers) and isinstance(spec.below, str)]
        for bound in bounds:
            if bound not in known:
                raise OptionError(f"{self.who}: {bound!r}, the bound of an input, is the name of no size")

    def _arguments(self) -> dict[str, str]:
        """Return for each argument of `build` where it comes from: "rng", "option" or "size"."""
        axes = set(names_of_axes(self.specs)) | set(self.sizes)
        found: dict[str, str] = {}
        try:
            parameters = inspect.signature(self.build).parameters
        except (TypeError, ValueError):
            raise OptionError(
                f"{self.who} cannot see the arguments of {self.name}: give it a function of your own"
            ) from None
        any_name = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
        for name, parameter in parameters.items():
            if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
                continue
            if name in self.options:
                found[name] = "option"
            elif name == "rng":
                found[name] = "rng"
            elif name.rstrip("_") in axes or parameter.default is parameter.empty:
                found[name] = "size"
        for name in self.options:
            if name not in found:
                if not any_name:
                    raise OptionError(f"{self.who}: {self.name} has no argument {name!r}")
                found[name] = "option"
        return found

    def point(self, draw: Draw, profile: str | None = None, sizes: Mapping[str, Any] | None = None) -> Point:
        """Draw sizes, options, a brick and its inputs."""
        extra = [name.rstrip("_") for name, kind in self.arguments.items() if kind == "size"]
        drawn = draw_sizes(self.specs, self.sizes, draw, extra) | dict(sizes or {})
        options = {name: self._choose(name, legal, draw) for name, legal in self.options.items()}
        return self.point_at(drawn, options, draw, profile)

    def point_at(
        self,
        sizes: dict[str, Any],
        options: dict[str, Any],
        draw: Draw,
        profile: str | None = None,
        seed: int | None = None,
    ) -> Point:
        """Draw a brick of given sizes and options, and its inputs."""

        def build(sizes: dict[str, Any], rng: np.random.Generator) -> Brick[Any]:
            try:
                brick = self.build(**self._given(sizes, options, rng))
            except Exception as error:
                raise Refused(f"{self.name} raises {type(error).__name__} when it is built: {error}") from error
            if not isinstance(brick, Brick):
                raise OptionError(
                    f"{self.who}: {self.name} builds no Brick, but something of type {type(brick).__name__}"
                )
            return brick

        point = draw_point(build, self.specs, sizes, draw, profile, seed)
        point.options = options
        point.call_differs, point.independent_rows = self.call_differs, self.independent_rows
        return point

    def _given(self, sizes: dict[str, Any], options: dict[str, Any], rng: object) -> dict[str, Any]:
        return {
            name: rng if kind == "rng" else options[name] if kind == "option" else sizes[name.rstrip("_")]
            for name, kind in self.arguments.items()
        }

    def _choose(self, name: str, legal: Any, draw: Draw) -> Any:
        if isinstance(legal, str | bytes) or not isinstance(legal, Sequence) or not len(legal):
            raise OptionError(f"{self.who} needs the legal values of {name} as a list, but got {legal!r}")
        return legal[draw(0, len(legal) - 1)]

    def points(self, seed: int | list[int], count: int) -> Iterator[Point]:
        """Yield points that go through all kinds of values in turn; what cannot be built is left out."""
        draw = from_generator(np.random.default_rng(seed))
        profiles = list(PROFILES)
        refused: Refused | None = None
        built: set[tuple[str, str]] = set()
        for number in range(count):
            try:
                point = self.point(draw, profiles[number % len(profiles)])
            except Refused as refusal:
                refused = refusal
                continue
            built |= {("", ""), *((name, repr(value)) for name, value in point.options.items())}
            yield point
        if refused is None:
            return
        if not built:
            sizes = [name for name, kind in self.arguments.items() if kind == "size"]
            hint = f" (sizes were drawn for {', '.join(sizes)}; state other values as options)" if sizes else ""
            raise OptionError(f"{refused}{hint}") from refused.__cause__
        for name, legal in self.options.items():
            for value in legal if count >= 10 * len(legal) else ():
                if (name, repr(value)) not in built:
                    raise OptionError(f"{self.who}: {self.name} cannot be built with {name}={value!r}: {refused}")

    def redraw(self, failing: Point) -> Callable[..., Point | None]:
        """Return a way to build the brick of a failing point again: at other sizes, from another seed."""

        def again(
            sizes: Mapping[str, Any] | None = None, seed: int = 0, profile: str = "typical", **options: Any
        ) -> Point | None:
            own = from_generator(np.random.default_rng(seed))
            try:
                return self.point_at(failing.sizes | dict(sizes or {}), failing.options | options, own, profile, seed)
            except Refused:
                return None

        return again

    def constructor(self, point: Point) -> str:
        """Return the code that builds the brick of a point; empty if it has no name."""
        if self.built_as:
            return self.built_as
        given = self._given(point.sizes, point.options, "np.random.default_rng(0)")
        inside = ", ".join(f"{name}={value if name == 'rng' else repr(value)}" for name, value in given.items())
        return f"{self.name}({inside})" if self.name.isidentifier() else ""
