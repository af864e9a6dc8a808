"""A brick at a point: what forward gives there, and what backward claims."""

import copy
import inspect
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import get_state, set_state

from legonet.arrays import Array, brief
from legonet.brick import Brick
from legonet.errors import OptionError
from legonet.graphs.wiring import Wiring
from legonet.parameter import Parameter


class Fault(Exception):  # noqa: N818 - it is caught inside, and becomes a GradientError
    """Something is wrong with a brick at a point.

    Attributes
    ----------
    message : str
        What is wrong, in one sentence.
    cause : str
        Its class, such as ``"mutation"``; empty if only a wrong number is known.
    label : str
        The gradient meant, such as ``"dx"`` or ``"weight.grad"``; empty if none.
    comparison : Comparison or None
        The numbers, if the gradient is a wrong number.
    promise : str
        Which check failed, where the diagnosis looks closer: ``"adding"``, ``"second backward"``, ``"coarse"``,
        ``"float32"``, ``"linear"`` or the name of a layout.
    """

    def __init__(
        self,
        message: str,
        cause: str = "",
        label: str = "",
        comparison: "Comparison | None" = None,
        promise: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.cause = cause
        self.label = label
        self.comparison = comparison
        self.promise = promise


@dataclass(frozen=True)
class Comparison:
    """One derivative that was found wrong."""

    label: str
    entry: tuple[int, ...]
    analytic: float
    numeric: float
    error: float
    special: bool
    """Whether it is right all around the point and wrong just there."""
    wrong: int
    """How many derivatives of this gradient are wrong at the point, of those compared."""
    compared: int


@dataclass
class Variable:
    """An array that the output may depend on: an input or a parameter."""

    name: str
    array: Array
    parameter: Parameter | None = None
    low: float = -np.inf
    high: float = np.inf

    @property
    def label(self) -> str:
        """What its gradient is called."""
        return f"d{self.name}" if self.parameter is None else f"{self.name}.grad"


def input_names(brick: Brick[Any], count: int) -> list[str]:
    """Return what `forward` calls its inputs; a graph has names for them."""
    wiring = getattr(brick, "wiring", None)
    if isinstance(wiring, Wiring) and len(wiring.inputs) == count:
        return list(wiring.inputs)
    try:
        parameters = list(inspect.signature(brick.forward).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    plain = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if len(plain) >= count:
        return plain[:count]
    return ["x"] if count == 1 else [f"x{number}" for number in range(count)]


def private_copy(brick: Brick[Any]) -> Brick[Any]:
    """Return a copy of a brick, or say why there is none."""
    try:
        made = copy.deepcopy(brick)
    except Exception as error:
        told = f"the check works on copies, but copy.deepcopy of {brief(type(brick).__name__)} fails"
        raise OptionError(f"{told}: {type(error).__name__}: {brief(str(error), 120)}") from error
    if made is brick:
        raise OptionError("the check works on copies, but copy.deepcopy gives the brick itself")
    return made


@contextmanager
def undisturbed() -> Iterator[None]:
    """Leave the global generators of NumPy and Python as they were, whatever a brick draws from them."""
    state, of_python = get_state(), random.getstate()  # noqa: NPY002 - bricks may draw from it
    try:
        yield
    finally:
        set_state(state)  # noqa: NPY002
        random.setstate(of_python)


def check_inputs(brick: Brick[Any], count: int) -> None:
    """Refuse fewer or more inputs than `forward` takes."""
    try:
        parameters = list(inspect.signature(brick.forward).parameters.values())
    except (TypeError, ValueError):
        return
    plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = [p.name for p in parameters if p.kind in plain and p.default is p.empty]
    if len(needed) > count:
        missing = ", ".join(needed[count:])
        raise OptionError(f"forward of {brief(brick, 80)} also needs {missing}: give an array or a shape for each")
    if not any(p.kind is p.VAR_POSITIONAL for p in parameters) and count > sum(p.kind in plain for p in parameters):
        raise OptionError(f"forward of {brief(brick, 80)} takes fewer than {count} inputs")


def generators_in(value: object, seen: set[int] | None = None) -> Iterator[np.random.Generator | np.random.RandomState]:
    """Yield the random generators among the attributes of a brick and of the bricks inside it."""
    seen = set() if seen is None else seen
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, np.random.Generator | np.random.RandomState):
        yield value
    inside = vars(value) if isinstance(value, Brick) else value
    if isinstance(inside, dict | list | tuple):
        for item in list(inside.values()) if isinstance(inside, dict) else inside:
            yield from generators_in(item, seen)


def bricks_in(brick: Brick[Any]) -> dict[str, Brick[Any]]:
    """Return the bricks among the attributes of a brick by their dotted names, each once; not those inside of these."""
    found: dict[int, tuple[str, Brick[Any]]] = {}

    def walk(value: object, name: str) -> None:
        if isinstance(value, Brick):
            found.setdefault(id(value), (name, value))
        elif isinstance(value, dict | list | tuple):
            for key, item in value.items() if isinstance(value, dict) else enumerate(value):
                walk(item, f"{name}.{key}" if name else str(key))

    walk(vars(brick), "")
    return dict(found.values())


class Probe:
    """A private copy of a brick and its inputs, in float64 unless another dtype is asked for.

    Parameters
    ----------
    brick : Brick
        Copied.
    inputs : sequence of numpy.ndarray
        Copied.
    constants : sequence of str, optional
        The names of inputs that are data to the brick.
    bounds : sequence of pairs, optional
        The least and greatest value of each input.
    dtype : dtype, optional
        Of the floating-point arrays.
    """

    def __init__(
        self,
        brick: Brick[Any],
        inputs: Sequence[Array],
        constants: Sequence[str] = (),
        bounds: Sequence[tuple[float, float]] = (),
        dtype: Any = np.float64,
    ) -> None:
        self.original, self.constants, self.bounds = brick, tuple(constants), tuple(bounds)
        self.brick = brick = private_copy(brick)
        self.inputs = [np.array(x, dtype=dtype) if x.dtype.kind == "f" else x.copy() for x in inputs]
        self.variables: list[Variable] = []
        self.names = input_names(brick, len(inputs))
        limits = [*self.bounds, *[(-np.inf, np.inf)] * len(inputs)]
        for name, x, (low, high) in zip(self.names, self.inputs, limits, strict=False):
            if x.dtype.kind == "f" and name not in self.constants:
                self.variables.append(Variable(name, x, None, low, high))
        for name, parameter in brick.named_parameters():
            if parameter.value.dtype != dtype:
                parameter.value = parameter.value.astype(dtype)
            parameter.grad = np.zeros(parameter.value.shape, dtype)
            self.variables.append(Variable(name, parameter.value, parameter))
        self._states = [(g, _state(g)) for g in generators_in(brick)]

    def variable(self, label: str) -> Variable:
        """Return the variable whose gradient is called so."""
        return next(variable for variable in self.variables if variable.label == label)

    def again(self, dtype: Any = np.float64) -> "Probe":
        """Return a new probe of the brick as it is now in this one."""
        self.rewind()
        return Probe(self.brick, self.inputs, self.constants, self.bounds, dtype)

    def unused(self, inputs: Sequence[Array]) -> "Probe":
        """Return a probe of the brick as it was given, before any pass."""
        return Probe(self.original, inputs, self.constants, self.bounds)

    def rewind(self) -> None:
        """Set the random generators back to where they were."""
        for generator, state in self._states:
            if isinstance(generator, np.random.Generator):
                generator.bit_generator.state = state
            else:
                generator.set_state(state)

    def forward(self) -> tuple[Any, Any]:
        """Return the output and the cache."""
        self.rewind()
        pair: tuple[Any, Any] = self.brick.forward(*self.inputs)
        return pair

    def outputs(self) -> Array:
        """Return the output as a new vector of float64."""
        return flat(self.forward()[0])

    def gradients(self, dy: Array) -> dict[str, Array | None]:
        """Return what backward gives for a flat upstream gradient: copies by label."""
        y, cache = self.forward()
        self.zero_grad()
        return self.collect(self.brick.backward(like(y, dy), cache))

    def collect(self, result: Any) -> dict[str, Array | None]:
        """Sort what backward returned and added by the labels of the variables."""
        by_input = dict(zip(self.names, self.by_inputs(result), strict=True))
        found: dict[str, Array | None] = {}
        for variable in self.variables:
            gradient = by_input[variable.name] if variable.parameter is None else variable.parameter.grad
            try:
                found[variable.label] = None if gradient is None else np.array(gradient)
            except ValueError:
                given = f"{variable.label} as a {type(gradient).__name__} of unequal parts"
                raise Fault(f"backward gives {given}, but it must be a NumPy array", "shape", variable.label) from None
        return found

    def by_inputs(self, result: Any) -> list[Any]:
        """Return what backward returned as one gradient, or None, for each input."""
        return by_inputs(result, self.inputs, self.names, self.constants)

    def parts(self) -> list[tuple[str, Brick[Any], list[Array]]]:
        """Return the bricks inside this one by name, with what a forward pass feeds each of them with."""
        fresh = self.again()
        fed: list[tuple[str, Brick[Any], list[Array]]] = []

        def listen(name: str, part: Brick[Any]) -> None:
            forward = part.forward
            unheard = copy.deepcopy(part)

            def heard(*inputs: Any) -> Any:
                fed.append((name, unheard, [np.array(x) for x in inputs]))
                return forward(*inputs)

            vars(part)["forward"] = heard

        for name, part in bricks_in(fresh.brick).items():
            listen(name, part)
        fresh.forward()
        return fed

    def zero_grad(self) -> None:
        """Give each parameter a gradient of zeros, a new array."""
        for variable in self.variables:
            if variable.parameter is not None:
                variable.parameter.grad = np.zeros(variable.array.shape, variable.array.dtype)


def drop_targets(probe: Probe, y: Any, dy: Array) -> None:
    """Let a loss give a gradient by its first input only: the others are targets."""
    inputs = [variable for variable in probe.variables if variable.parameter is None]
    if isinstance(y, np.ndarray | tuple) or len(inputs) < 2:
        return
    fresh = probe.again()
    y, cache = fresh.forward()
    try:
        result = fresh.brick.backward(type(y)(dy[0]), cache)
    except Exception:
        return
    given = list(result) if isinstance(result, tuple | list) else [result]
    names = {name for name, g in zip(probe.names, given, strict=False) if g is not None} | {inputs[0].name}
    probe.variables = [v for v in probe.variables if v.parameter is not None or v.name in names]
    probe.constants = (*probe.constants, *(v.name for v in inputs if v.name not in names))


def by_inputs(
    result: Any, inputs: Sequence[Array], names: Sequence[str] = (), constants: Sequence[str] = ()
) -> list[Any]:
    """Return what backward returned as one gradient, or None, for each input.

    Where there are as many as inputs of floats that are no constants, they belong to those.
    """
    given = list(result) if isinstance(result, tuple | list) else [result] if inputs else []
    if len(given) > len(inputs):
        raise Fault(f"backward returns {len(given)} gradients, but forward has {len(inputs)} inputs", "shape")
    named = list(names) or [""] * len(inputs)
    learning = [place for place, x in enumerate(inputs) if x.dtype.kind == "f" and named[place] not in constants]
    places = learning if len(given) == len(learning) else range(len(given))
    found: list[Any] = [None] * len(inputs)
    for place, gradient in zip(places, given, strict=True):
        found[place] = gradient
    return found


def flat(y: Any) -> Array:
    """Return an output, or a tuple of outputs, as a new vector of float64."""
    if isinstance(y, tuple):
        return np.concatenate([np.zeros(0)] + [np.array(part, dtype=np.float64).ravel() for part in y])
    return np.array(y, dtype=np.float64).ravel()


def like(y: Any, dy: Array) -> Any:
    """Return a flat upstream gradient in the form of an output: an array, a number, or a tuple of them."""
    if isinstance(y, tuple):
        ends = np.cumsum([np.size(part) for part in y])
        return tuple(like(part, piece) for part, piece in zip(y, np.split(dy, ends[:-1]), strict=True))
    if np.size(y) != len(dy):
        raise Fault("forward gives an output of another shape when it runs again", "stale_state")
    if isinstance(y, np.ndarray):
        return dy.astype(y.dtype).reshape(y.shape)
    return type(y)(dy[0])


def _state(generator: np.random.Generator | np.random.RandomState) -> Any:
    if isinstance(generator, np.random.Generator):
        return generator.bit_generator.state
    return generator.get_state()
