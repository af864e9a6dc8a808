"""Listen to a network while it runs: what each brick was given, and what it gave."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from legonet.arrays import Array
from legonet.brick import Brick
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

    def speaks_for(self, brick: Brick[Any]) -> bool:
        """Whether what happens inside of this call is told by its brick: by its formulas, or as it calls itself."""
        return brick is self.brick or getattr(self.brick, "formulas", None) is not None


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
        self.backwards: list[Call] = []
        """In the order in which backward was left."""
        self.failed: Call | None = None
        self.failed_backward = False
        self._stack: list[tuple[str, Call]] = []

    @contextmanager
    def listening(self) -> Iterator["Recorder"]:
        """Listen as long as the block runs."""
        heard: list[Brick[Any]] = []
        try:
            for name, root in self.roots.items():
                for place, brick in places(root, name):
                    if hasattr(brick, "__dict__") and not any(brick is one for one in heard):
                        self._listen(brick, place)
                        heard.append(brick)
            yield self
        finally:
            for brick in heard:
                for method in ("forward", "backward", "backward_parameters"):
                    vars(brick).pop(method, None)

    def _listen(self, brick: Brick[Any], place: str) -> None:
        forward = brick.forward

        def heard(*inputs: Any) -> Any:
            if self._stack and self._stack[-1][1].speaks_for(brick):
                return forward(*inputs)
            values = {id(p): p.value.copy() for p in brick.parameters()}
            call = Call(brick, place, inputs, copied(inputs), values)
            self.calls.append(call)
            with self._inside("forward", call):
                pair = forward(*inputs)
            if isinstance(pair, tuple) and len(pair) == 2:
                call.output, call.cache, call.output_copy, call.done = pair[0], pair[1], copied(pair[0]), True
            return pair

        vars(brick)["forward"] = heard
        for method in ("backward", "backward_parameters"):
            vars(brick)[method] = self._backward(brick, getattr(brick, method))

    def _backward(self, brick: Brick[Any], backward: Callable[..., Any]) -> Callable[..., Any]:
        def heard(dy: Any, cache: Any) -> Any:
            call = self._call_of(brick, cache)
            if call is None or (self._stack and self._stack[-1][1].speaks_for(brick)):
                return backward(dy, cache)
            call.dy = dy
            own = own_parameters(brick) if call.inside else brick.parameters()
            before = [p.grad.copy() for p in own]
            for p in own:
                p.grad[...] = 0
            with self._inside("backward", call):
                call.dx = backward(dy, cache)
            for p, already in zip(own, before, strict=True):
                call.gradients[id(p)] = np.array(p.grad)
                p.grad[...] = already + p.grad
            self.backwards.append(call)
            return call.dx

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


def copied(value: Any) -> Any:
    """Return a copy of an array, or of each in a tuple."""
    if isinstance(value, tuple):
        return tuple(map(copied, value))
    return np.array(value) if isinstance(value, np.ndarray) else value


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
