"""The right formula with another operand: a parameter forgotten, one variable for another."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from legonet.arrays import Array
from legonet.testing.probe import Probe

from .case import Case, matrices
from .factors import attributes, ratio_of
from .guesses import Guess
from .views import View

Setter = Callable[[Probe], None]


def forgotten(case: Case) -> Iterator[Guess]:
    """Backward equals the derivative that would hold if a parameter, mask or option had a plain value."""
    if not case.wrong:
        return
    label = case.label
    for name, kind in _operands(case.wrong[0]):
        for value in (1.0, 0.0):
            if name == case.wrong[0].variables[label].name:
                continue

            def holds(view: View, name: str = name, value: float = value) -> bool:
                return _equals_at(view, label, _filled(name, value))

            if case.every(holds):
                yield _forgotten(case, name, kind, value)
                return
    for name in _masks(case.wrong[0]):
        for text, setter in (("applied", _all_true(name)), ("inverted", _inverted(name))):
            if case.every(lambda view, s=setter: _equals_at(view, label, s)):
                told = "is not applied" if text == "applied" else "is used the wrong way round"
                yield Guess("mask", f"{label} is the derivative for other values of {name}: the mask {told}", case.sure)
                return


def forgotten_option(case: Case) -> Iterator[Guess]:
    """Backward equals the derivative that would hold if an option had a plain value."""
    label = case.label
    for name, own in attributes(case.point.brick).items():
        for value in (1.0, 0.0):
            if (
                own != value
                and "." not in name
                and case.every(lambda v, n=name, x=value: _equals_at(v, label, attribute_change(n, x)))
            ):
                cause = "epsilon" if abs(own) < 1e-2 and value == 0 else "forgotten_parameter"
                yield Guess(
                    cause,
                    f"{label} is the derivative for {name} = {value:g}, not for {own:g}: {name} is forgotten",
                    case.sure,
                )
                return


def ignored(case: Case) -> Iterator[Guess]:
    """Backward does not change with a parameter that the derivative changes with."""
    if not case.wrong:
        return
    for variable in case.wrong[0].variables.values():
        if variable.label != case.label and case.every(lambda view, n=variable.name: _ignores(view, case.label, n)):
            text = f"{case.label} does not change with {variable.name}, but the derivative does"
            factor = bool(case.every(lambda view, n=variable.name: _is_factor(view, case.label, n)))
            own = variable.parameter is not None
            yield Guess("forgotten_parameter" if own else "missing_path", text, case.sure and own and factor)
            return


def _is_factor(view: View, label: str, name: str) -> bool:
    """Whether the derivative vanishes with a variable."""
    other = view.changed(_filled(name, 0.0))
    size = float(np.abs(view.numeric(label)).max(initial=0.0))
    return (
        other is not None
        and label in other.variables
        and bool(np.abs(other.numeric(label)).max(initial=0.0) < 1e-7 * size)
    )


def _ignores(view: View, label: str, name: str) -> bool:
    def change(probe: Probe) -> None:
        for variable in probe.variables:
            if variable.name == name:
                variable.array[...] = np.clip(variable.array * 1.2 + 0.05, variable.low, variable.high)

    other = view.changed(change)
    if other is None or label not in other.variables:
        return False
    one, two = matrices(view, label), matrices(other, label)
    return (
        one is not None
        and two is not None
        and view.same(label, one[0], two[0])
        and not view.same(label, one[1], two[1])
    )


def _forgotten(case: Case, name: str, kind: str, value: float) -> Guess:
    sentence = f"{case.label} is the derivative for {name} = {value:g}, whatever {name} is: {name} is forgotten"
    if kind == "data":
        binary = all(np.all(np.isin(_array(view.probe, name), (0.0, 1.0))) for view in case.wrong)
        return Guess("mask" if binary else "missing_path", sentence, case.sure)
    if value == 0 and all(_is_mask(view, case.label) for view in case.wrong):
        return Guess(
            "mask", f"{case.label} has the mask of {name} = 0: {name} is forgotten in the condition", case.sure
        )
    weight = kind == "parameter" and _array(case.wrong[0].probe, name).ndim > 1
    if value == 0 and weight and case.every(lambda view: _is_proportional(view, case.label, name)):
        text = f"{case.label} lacks the part that goes through {name}: it is the derivative for {name} = 0"
        return Guess("missing_path", text, case.sure)
    cause = "forgotten_parameter" if kind == "parameter" else "missing_path"
    return Guess(cause, sentence, case.sure)


def _is_proportional(view: View, label: str, name: str) -> bool:
    """Whether the part of the derivative that comes with a variable doubles with it, as what goes through a weight."""

    def double(probe: Probe) -> None:
        _array(probe, name)[...] *= 2

    twice, without = view.changed(double), view.changed(_filled(name, 0.0))
    if twice is None or without is None or label not in twice.variables or label not in without.variables:
        return False
    return twice.matches(label, 2 * view.numeric(label) - without.numeric(label))


def _is_mask(view: View, label: str) -> bool:
    """Whether the derivative is made of zeros and of one other number."""
    values = np.abs(view.numeric(label))
    largest = float(values.max(initial=0.0))
    return largest > 0 and bool(np.all((values < 1e-6 * largest) | (values > (1 - 1e-6) * largest)))


def _operands(view: View) -> list[tuple[str, str]]:
    found = [(variable.name, "parameter") for variable in view.variables.values() if variable.parameter is not None]
    for name, x in zip(view.probe.names, view.probe.inputs, strict=True):
        if x.dtype.kind == "f":
            found.append((name, "data" if name in view.probe.constants else "input"))
    return found


def _masks(view: View) -> list[str]:
    return [name for name, x in zip(view.probe.names, view.probe.inputs, strict=True) if x.dtype.kind in "iub"]


def _array(probe: Probe, name: str) -> Array:
    for own, x in zip(probe.names, probe.inputs, strict=True):
        if own == name:
            return x
    return next(variable.array for variable in probe.variables if variable.name == name)


def _filled(name: str, value: float) -> Setter:
    def change(probe: Probe) -> None:
        array = _array(probe, name)
        limits = [(v.low, v.high) for v in probe.variables if v.name == name]
        if any(not low <= value <= high for low, high in limits):
            raise ValueError(name)
        array[...] = value

    return change


def _all_true(name: str) -> Setter:
    def change(probe: Probe) -> None:
        array = _array(probe, name)
        if set(np.unique(array)) - {0, 1}:
            raise ValueError(name)
        array[...] = 1

    return change


def _inverted(name: str) -> Setter:
    def change(probe: Probe) -> None:
        array = _array(probe, name)
        if set(np.unique(array)) - {0, 1}:
            raise ValueError(name)
        array[...] = 1 - array.astype(int)

    return change


def _equals_at(view: View, label: str, setter: Setter) -> bool:
    """Whether backward equals the derivative at changed operands."""
    claimed = view.claimed(label)
    if claimed is None or not np.any(claimed):
        return False
    other = view.changed(setter)
    return other is not None and label in other.variables and other.matches(label, claimed)


def attribute_change(name: str, value: float) -> Setter:
    """Return a change that gives an attribute of the brick another number."""

    def change(probe: Probe) -> None:
        old: Any = getattr(probe.brick, name)
        setattr(probe.brick, name, type(old)(value))

    return change


# -- one variable for another ------------------------------------------------------------------------------------------


def wrong_variable(case: Case) -> Iterator[Guess]:
    """Backward equals the derivative at another variable."""
    if not case.wrong:
        return
    label = case.label
    for description, setter in _swaps(case.wrong[0]):
        if case.every(lambda view, s=setter: _equals_at(view, label, s)):
            yield Guess("wrong_variable", f"{label} is the derivative {description}", case.sure)
            return
    if case.every(lambda view: _one_step_back(view, label)):
        yield Guess(
            "wrong_variable",
            f"{label} is the derivative with x in place of y: the formula for y is used with x",
            case.sure,
        )
        return
    for factor, text in ((2.0, "twice"), (0.5, "half"), (-1.0, "minus")):
        if case.every(lambda view, f=factor: _scaled(view, label, f)):
            if factor < 0 and case.every(lambda view: _scale_free(view, label)):
                yield Guess(
                    "mask", f"{label} is the derivative at minus the input: the condition is inverted", case.sure
                )
            else:
                yield Guess("wrong_variable", f"{label} is the derivative at {text} the input", case.sure)
            return
    yield from _wrong_operand(case)


def _swaps(view: View) -> Iterator[tuple[str, Setter]]:
    names = view.probe.names
    floats = [(n, x.shape) for n, x in zip(names, view.probe.inputs, strict=True) if x.dtype.kind == "f"]
    floats += [(v.name, v.array.shape) for v in view.variables.values() if v.parameter is not None]
    for name, shape in floats:
        if shape == view.shape and name in names:
            yield f"at y instead of {name}: y is put into the formula for {name}", _to_output(name)
        for other, other_shape in floats:
            if other == name:
                continue
            if other_shape == shape:
                yield f"with {other} in place of {name}", _replaced(name, other)
                if name < other:
                    yield f"with {name} and {other} exchanged", _exchanged(name, other)


def _to_output(name: str) -> Setter:
    def change(probe: Probe) -> None:
        y = probe.forward()[0]
        _array(probe, name)[...] = np.array(y)

    return change


def _replaced(name: str, other: str) -> Setter:
    def change(probe: Probe) -> None:
        _array(probe, name)[...] = _array(probe, other)

    return change


def _exchanged(name: str, other: str) -> Setter:
    def change(probe: Probe) -> None:
        one, two = _array(probe, name), _array(probe, other)
        one[...], two[...] = two.copy(), one.copy()

    return change


def _one_step_back(view: View, label: str) -> bool:
    """Whether backward at f(z) has the derivative at z: it uses x where it ought to use y."""
    names = [name for name, x in zip(view.probe.names, view.probe.inputs, strict=True) if x.shape == view.shape]
    for name in (name for name in names if name == view.variables[label].name):
        after = view.changed(_to_output(name))
        if after is None or label not in after.variables:
            continue
        claimed = after.claimed(label)
        measured = view.numeric(label)
        if claimed is not None and view.same(label, claimed, measured) and np.any(measured):
            return True
    return False


def _scaled(view: View, label: str, factor: float) -> bool:
    def change(probe: Probe) -> None:
        for x in probe.inputs:
            if x.dtype.kind == "f":
                x *= factor

    return _equals_at(view, label, change)


def _scale_free(view: View, label: str) -> bool:
    """Whether the derivative is the same for half the input, as that of a piecewise linear function."""

    def change(probe: Probe) -> None:
        for x in probe.inputs:
            if x.dtype.kind == "f":
                x *= 0.5

    other = view.changed(change)
    return other is not None and label in other.variables and other.matches(label, view.numeric(label))


def _wrong_operand(case: Case) -> Iterator[Guess]:
    """A parameter's gradient is made with another array than it ought to be."""
    label = case.label
    for name in ("y", *case.wrong[0].probe.names):
        if case.every(lambda view, n=name: _made_of(view, label, n)):
            yield Guess(
                "wrong_variable", f"{label} is dy times {name}, but {name} is not what belongs there", case.sure
            )
            return


def other_factor(case: Case) -> Iterator[Guess]:
    """A weight's gradient is an outer product of which one factor is right, and the other one is not."""
    for side, told in ((0, "first"), (1, "second")):
        if case.every(lambda view, s=side: _one_factor_right(view, case.label, s)):
            text = f"{case.label} is an outer product, of which the {told} factor is another array than it should be"
            yield Guess("wrong_variable", text, False)
            return


def _one_factor_right(view: View, label: str, side: int) -> bool:
    pair, entry = matrices(view, label), view.entry(label)
    if (
        view.variables[label].parameter is None
        or pair is None
        or len(entry) != 2
        or min(entry) < 2
        or not view.full(label)
    ):
        return False
    seen = 0
    for own, theirs in zip(*pair, strict=True):
        one, other = own.reshape(entry), theirs.reshape(entry)
        left = _direction(one), _direction(other)
        right = _direction(one.T), _direction(other.T)
        if left[0] is None or left[1] is None or right[0] is None or right[1] is None:
            return False
        alike = [_among(a, b[None]) for a, b in (left, right) if a is not None and b is not None]
        if alike != [side == 1, side == 0]:
            return False
        seen += 1
    return seen > 1


def _made_of(view: View, label: str, name: str) -> bool:
    """Whether each output's contributions are the entry of an array, and ought to be something else."""
    if view.variables[label].parameter is None or not view.full(label) or isinstance(view.output, tuple):
        return False
    array = (
        np.asarray(view.output) if name == "y" else dict(zip(view.probe.names, view.probe.inputs, strict=True))[name]
    )
    pair = matrices(view, label)
    if pair is None or array.dtype.kind != "f":
        return False
    claimed, measured = pair
    if ratio_of(view, label, claimed, measured) is not None:
        return False
    if array.shape == view.shape:
        wanted = array.reshape(-1, 1)
        present = np.abs(measured) > 1e-9
        if (
            np.all(present.sum(axis=1) <= 1)
            and present.any()
            and view.same(label, claimed, np.where(present, wanted, 0.0))
        ):
            return True
    return len(view.entry(label)) == 2 and _outer(claimed, measured, view.entry(label), array)


def _outer(claimed: Array, measured: Array, entry: tuple[int, ...], array: Array) -> bool:
    """Whether backward's part of each output is an outer product with a row of an array, and the measured one is not."""
    if not array.ndim or array.shape[-1] != entry[0] or entry[0] < 2:
        return False
    rows = array.reshape(-1, array.shape[-1])
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    rows = rows[lengths[:, 0] > 0] / lengths[lengths[:, 0] > 0]
    seen = differs = 0
    for own, theirs in zip(claimed, measured, strict=True):
        direction = _direction(own.reshape(entry))
        if direction is None:
            continue
        seen += 1
        if not _among(direction, rows):
            return False
        right = _direction(theirs.reshape(entry))
        differs += right is None or not _among(right, rows)
    return seen >= 2 and differs == seen


def _direction(matrix: Array) -> Array | None:
    """Return the left factor of an outer product, None if the matrix is zero or none."""
    left, singular, _ = np.linalg.svd(matrix)
    if singular[0] < 1e-9 or (len(singular) > 1 and singular[1] > 1e-6 * singular[0]):
        return None
    return np.asarray(left[:, 0])


def _among(direction: Array, rows: Array) -> bool:
    return bool(np.any(np.abs(np.abs(rows @ direction) - 1) < 1e-6))
