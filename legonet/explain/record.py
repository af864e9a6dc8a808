"""Listen to a network while it runs: what each brick was given, and what it gave."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from legonet.arrays import Array
from legonet.brick import Brick, refuse_output
from legonet.parameter import Parameter
from legonet.testing.probe import bricks_in


@dataclass
class Call:
    """One forward pass of one brick, and the backward pass that belongs to it.

    Arrays are kept twice: as they were handed over, to know them again, and as copies, since some are written into
    later.
    """

    brick: Brick[Any]
    place: str
    inputs: tuple[Any, ...]
    copies: tuple[Any, ...]
    parameters: dict[int, Any]
    output: Any = None
    output_copy: Any = None
    cache: Any = None
    done: bool = False
    inside: list["Call"] = field(default_factory=list)
    dy: Any = None
    dx: Any = None
    gradients: dict[int, Array] = field(default_factory=dict)
    error: Exception | None = None
    twin: "Call | None" = None
    """The same call of a run with other numbers."""

    def outputs(self, *, copied: bool = True) -> tuple[Any, ...]:
        """Return what came out, one or several: as it was then, or as it was handed over."""
        found = self.output_copy if copied else self.output
        return found if isinstance(found, tuple) else (found,)

    def speaks_for(self, brick: Brick[Any]) -> bool:
        """Whether what happens inside of this call is told by its brick: by its formulas, or as it calls itself."""
        return brick is self.brick or getattr(self.brick, "formulas", None) is not None


METHODS = {"forward", "backward", "backward_parameters"}
"""What is listened to."""


class Recorder:
    """Notes down every call of the bricks of some networks.

    Parameters
    ----------
    roots : mapping
        The networks, by what they are called.
    """

    def __init__(self, roots: Mapping[str, Brick[Any]]) -> None:
        self.roots = dict(roots)
        self.calls: list[Call] = []
        """In the order in which forward was entered."""
        self.finished: list[Call] = []
        """In the order in which forward was left."""
        self.backwards: list[Call] = []
        """In the order in which backward was left."""
        self.failed: Call | None = None
        self.failed_backward = False
        self._stack: list[tuple[str, Call]] = []

    @contextmanager
    def listening(self) -> Iterator["Recorder"]:
        """Listen as long as the block runs."""
        heard: list[tuple[Brick[Any], type, dict[str, Any]]] = []
        try:
            for name, root in self.roots.items():
                for place, brick in places(root, name):
                    if not any(brick is one for one, _, _ in heard):
                        heard.append((brick, type(brick), dict(getattr(brick, "__dict__", {}))))
                        self._listen(brick, place)
            yield self
        finally:
            for brick, kind, own in heard:
                brick.__class__ = kind
                for method in METHODS & own.keys():
                    vars(brick)[method] = own[method]

    def _listen(self, brick: Brick[Any], place: str) -> None:
        """Let a brick be of a class of its own, whose methods tell what they are given; what it holds stays."""
        kind: Any = type(brick)
        heard = {
            "forward": self._forward(brick, place),
            "backward": self._backward(brick, brick.backward),
            "backward_parameters": self._backward(brick, brick.backward_parameters),
        }
        methods = {name: _method(function) for name, function in heard.items()}
        named = {"__slots__": (), "__module__": kind.__module__, "__qualname__": kind.__qualname__}
        brick.__class__ = _subclass(kind, named | methods)
        for name in METHODS & getattr(brick, "__dict__", {}).keys():
            vars(brick)[name] = heard[name]

    def _forward(self, brick: Brick[Any], place: str) -> Callable[..., Any]:
        forward = brick.forward

        def heard(*inputs: Any, **options: Any) -> Any:
            if self._stack and self._stack[-1][1].speaks_for(brick):
                return forward(*inputs, **options)
            if options:
                given = inspect.signature(forward).bind(*inputs, **options)
                inputs, options = given.args, given.kwargs
            values = {id(p): p.value.copy() for p in brick.parameters()}
            call = Call(brick, place, inputs, copied(inputs), values)
            self.calls.append(call)
            with self._inside("forward", call):
                pair = forward(*inputs, **options)
                if not isinstance(pair, tuple) or len(pair) != 2:
                    refuse_output(brick, pair)
            call.output, call.cache, call.output_copy, call.done = pair[0], pair[1], copied(pair[0]), True
            self.finished.append(call)
            return pair

        return heard

    def _backward(self, brick: Brick[Any], backward: Callable[..., Any]) -> Callable[..., Any]:
        def heard(dy: Any, cache: Any) -> Any:
            call = self._call_of(brick, cache)
            if call is None or (self._stack and self._stack[-1][1].speaks_for(brick)):
                return backward(dy, cache)
            call.dy = copied(dy)
            own = own_parameters(brick) if call.inside else brick.parameters()
            before = [p.grad.copy() for p in own]
            for p in own:
                p.grad[...] = 0
            with self._inside("backward", call):
                given = backward(dy, cache)
                call.dx = copied(given)
            for p, already in zip(own, before, strict=True):
                call.gradients[id(p)] = np.array(p.grad)
                p.grad[...] = already + p.grad
            self.backwards.append(call)
            return given

        return heard

    def _call_of(self, brick: Brick[Any], cache: Any) -> Call | None:
        """Return the latest forward pass that gave this cache and whose backward pass has not been."""
        waiting = (c for c in reversed(self.calls) if c.brick is brick and c.cache is cache and c.done and c.dy is None)
        return next(waiting, None)

    @contextmanager
    def _inside(self, phase: str, call: Call) -> Iterator[None]:
        if self._stack and phase == "forward":
            self._stack[-1][1].inside.append(call)
        self._stack.append((phase, call))
        try:
            yield
        except Exception as error:
            if self.failed is None:
                self.failed, self.failed_backward, call.error = call, phase == "backward", error
            raise
        finally:
            self._stack.pop()


def _subclass(kind: Any, body: dict[str, Any]) -> Any:
    """Return a subclass that its parent is not told of, as a class may keep a list of them."""
    try:
        made: Any = type(kind)(kind.__name__, (Brick,), body)
        made.__bases__ = (kind,)
    except TypeError:  # it has slots
        made = type(kind)(kind.__name__, (kind,), body)
    return made


def _method(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function as a method, which is not given the object that it knows."""
    return lambda self, *args, **options: function(*args, **options)


def copied(value: Any) -> Any:
    """Return a copy of an array, or of each in a tuple; one that is read-only stays so."""
    if isinstance(value, tuple):
        return tuple(map(copied, value))
    if not isinstance(value, np.ndarray):
        return value
    copy = value.copy("K")
    copy.flags.writeable = value.flags.writeable
    return copy


def places(brick: Brick[Any], name: str) -> Iterator[tuple[str, Brick[Any]]]:
    """Yield a brick and all inside of it with where they stand, such as ``net[0].brick[1]``."""
    yield name, brick
    for path, part in bricks_in(brick).items():
        steps = path.split(".")
        steps = steps[1:] if steps[0] == "bricks" and len(steps) > 1 else steps
        yield from places(part, name + "".join(f"[{s}]" if s.isdigit() else f".{s}" for s in steps))


def own_parameters(brick: Brick[Any]) -> list[Parameter]:
    """Return the parameters of a brick that are not those of a brick inside of it."""
    inner = {id(p) for part in bricks_in(brick).values() for p in part.parameters()}
    return [p for p in brick.parameters() if id(p) not in inner]
