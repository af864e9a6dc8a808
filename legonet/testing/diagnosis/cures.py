"""Changes of the operands that make a wrong gradient right: what they level out is what is wrong."""

import itertools
from collections.abc import Callable, Iterator

import numpy as np

from legonet.arrays import Array
from legonet.testing.probe import Probe

from .case import Case
from .guesses import Guess
from .views import Change, View

Level = Callable[..., Array]


def cures(case: Case) -> Iterator[Guess]:
    """Make operands symmetric, or all ones, and see whether the gradient becomes right."""
    label = case.label
    if not case.wrong:
        return
    for name, array in _operands(case.wrong[0], label):
        owned = any(v.name == name and v.parameter is not None for v in case.wrong[0].variables.values())
        for cause, text, level, counter in _levels(array.ndim):
            if not owned and (cause == "forgotten_parameter" or (array.ndim < 3 and case.wrong[0].has_parameters)):
                continue  # the rows of an input are samples, not the rows of a matrix
            if _cured(case, name, level) and not (counter is not None and _cured(case, name, counter)):
                case.varied.append(f"{name} made {text[0]}: right")
                yield Guess(cause, f"{label} is right if {name} is {text[0]}, else wrong: {text[1]}", case.sure)
                return


def equal_operands(case: Case) -> Iterator[Guess]:
    """Make two parameters of one shape equal: what exchanges them becomes right."""
    if not case.wrong:
        return
    arrays = [
        (v.name, v.array.shape)
        for v in case.wrong[0].variables.values()
        if v.parameter is not None and v.array.size > 1
    ]
    for (one, shape), (two, other) in itertools.combinations(arrays, 2):
        if shape == other and len(shape) > 1 and _cured_by(case, _equalized(one, two)):
            case.varied.append(f"{one} made equal to {two}: right")
            text = (
                f"{case.label} is right if {one} equals {two}, else wrong: they, or what comes of them, are exchanged"
            )
            yield Guess("transposed", text)
            yield Guess("exchanged", text)
            return


def _equalized(one: str, two: str) -> Change:
    def change(probe: Probe) -> None:
        arrays = {variable.name: variable.array for variable in probe.variables}
        arrays[two][...] = arrays[one]

    return change


def _levels(ndim: int) -> Iterator[tuple[str, tuple[str, str], Level, Level | None]]:
    """Yield a cause, what is told of it, the change that cures it, and one that must not."""
    if ndim > 1:
        yield "transposed", ("symmetric", "use its transpose"), _symmetric, None
        yield "transposed", ("a multiple of the identity", "its operands are exchanged"), _identity, None
    yield "forgotten_parameter", ("1", "it is forgotten"), _all(1.0), _all(1.7)
    for axis in range(ndim):
        yield (
            "wrong_axis",
            (f"the same forwards and backwards along axis {axis}", "it is turned round"),
            lambda array, a=axis: (array + np.flip(array, a)) / 2,
            None,
        )


def _all(value: float) -> Level:
    return lambda array: np.full(array.shape, value)


def _symmetric(array: Array) -> Array:
    if array.shape[-1] != array.shape[-2] or array.shape[-1] < 2:
        raise ValueError(array.shape)
    return (array + np.swapaxes(array, -1, -2)) / 2


def _identity(array: Array) -> Array:
    if array.shape[-1] != array.shape[-2] or array.shape[-1] < 2:
        raise ValueError(array.shape)
    return np.broadcast_to(1.3 * np.eye(array.shape[-1]), array.shape)


def _operands(view: View, label: str) -> list[tuple[str, Array]]:
    own = view.variables[label].name
    found = [(v.name, v.array) for v in view.variables.values() if v.parameter is not None]
    found += [(name, x) for name, x in zip(view.probe.names, view.probe.inputs, strict=True) if x.dtype.kind == "f"]
    return [(name, array) for name, array in found if name != own]


def _change(name: str, level: Level) -> Change:
    def change(probe: Probe) -> None:
        for own, x in zip(probe.names, probe.inputs, strict=True):
            if own == name:
                x[...] = level(x)
        for variable in probe.variables:
            if variable.name == name and variable.parameter is not None:
                variable.array[...] = level(variable.array)
            if variable.name == name and not (
                np.all(variable.array >= variable.low) and np.all(variable.array <= variable.high)
            ):
                raise ValueError(name)

    return change


def _cured(case: Case, name: str, level: Level) -> bool:
    return _cured_by(case, _change(name, level))


def _cured_by(case: Case, change: Change) -> bool:
    """Whether the change makes the gradient right wherever it can be made, and leaves something to be right."""
    tried = 0
    for view in case.wrong:
        other = view.changed(change)
        if other is None or case.label not in other.variables:
            continue
        if other.wrong(case.label):
            return False
        size = float(np.max(np.abs(view.numeric(case.label)), initial=0.0))
        if (
            not np.any(np.abs(other.numeric(case.label)) > 1e-6 * size)
            or not np.isfinite(other.error(case.label)).all()
        ):
            return False
        tried += 1
    return tried >= min(2, len(case.wrong))
