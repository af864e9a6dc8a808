"""Gradients that are wrong for some values only: special ones, beyond a threshold, large or tiny ones."""

import copy
import itertools
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from legonet.arrays import Array
from legonet.testing.points import Point
from legonet.testing.probe import Probe, Variable

from .case import Case, fails, matrices
from .factors import attributes
from .guesses import Guess, number
from .operands import attribute_change
from .promises import arrays_in
from .scan import region
from .views import View, jittered

# -- slightly wrong ----------------------------------------------------------------------------------------------------


def slight(case: Case) -> Iterator[Guess]:
    """A small relative error: an epsilon, a coarser dtype, cancellation."""
    yield from _epsilon_attribute(case)
    yield from _coarse_cache(case)
    sizes = case.every(lambda view: relative_gap(view, case.label))
    if sizes is None or min(sizes) > 0.02:
        return
    view = case.wrong[int(np.argmin(sizes))]
    gaps = sweep(case, view.current())
    if decays(gaps):
        yield Guess(
            "epsilon",
            f"{case.label} is off by {min(sizes):.1g} of its size, less for larger inputs: an epsilon has another place than in forward",
            case.sure,
        )
    elif erratic(case, view):
        text = f"{case.label} is off by up to {max(sizes):.1g} of its size, now more, now less"
        if _right_if_centred(view, case.label) or not _flat(gaps):
            yield Guess("overflow", f"{text}: numbers cancel", case.sure)
        else:
            yield Guess("dtype", f"{text}, at all scales: it is rounded in between, as by a coarser dtype", case.sure)


def _coarse_cache(case: Case) -> Iterator[Guess]:
    kinds = case.every(lambda view: {array.dtype for array in arrays_in(view.probe.forward()[1])})
    coarse = {str(kind) for kind in (kinds or [set()])[0] if kind.kind == "f" and kind.itemsize < 8}
    if coarse:
        yield Guess("dtype", f"the cache holds {coarse.pop()}, which is coarser than the inputs", case.sure)


def _epsilon_attribute(case: Case) -> Iterator[Guess]:
    for name, value in attributes(case.point.brick).items():
        if not 0 < abs(value) < 0.1 or "." in name:
            continue
        changed = [view.changed(attribute_change(name, 0.0)) for view in case.wrong]
        if all(
            view is not None and case.label in view.variables and not view.wrong(case.label) for view in changed
        ) and any(view is not None and np.any(view.numeric(case.label)) for view in changed):
            yield Guess(
                "epsilon",
                f"{case.label} is right if {name} is 0, wrong if it is {value:g}: it is placed differently than in forward",
                case.sure,
            )


def relative_gap(view: View, label: str) -> float | None:
    """Return the largest difference, compared with the largest derivative."""
    pair = matrices(view, label)
    if pair is None:
        return None
    gap, size = float(np.abs(view.gap(label)).max(initial=0.0)), float(np.abs(pair[1]).max(initial=0.0))
    if gap == 0:
        return 0.0
    if not np.isfinite(gap):
        return np.inf
    return gap / size if size else None


def sweep(case: Case, point: Point, powers: range = range(-6, 7)) -> dict[int, float]:
    """Scale all inputs by powers of ten, and return the relative error for each."""
    found: dict[int, float] = {}
    for power in powers:
        view = case.view(scaled(point, 10.0**power))
        gap = relative_gap(view, case.label) if view is not None and case.label in view.variables else None
        if gap is not None:
            found[power] = gap
    return found


def decays(gaps: dict[int, float]) -> bool:
    """Whether the error falls by the same power of ten, one, two or four, each time that the inputs grow tenfold."""
    known = [(power, float(np.log10(gap))) for power, gap in gaps.items() if 1e-8 < gap < 1e-2]
    falls = [(a[1] - b[1]) / (b[0] - a[0]) for a, b in itertools.pairwise(known) if b[0] == a[0] + 1]
    return (
        bool(falls)
        and all(min(abs(fall - wanted) for wanted in (1, 2, 4)) < 0.2 for fall in falls)
        and np.ptp(falls) < 0.4
    )


def _flat(gaps: dict[int, float]) -> bool:
    near = [gaps.get(power, 0.0) for power in (-1, 0, 1)]
    return min(near) > 0 and max(near) < 30 * min(near)


def erratic(case: Case, view: View) -> bool:
    """Whether the error jumps when the values move a little."""
    label = case.label
    gaps = []
    for seed in range(4):
        near = case.view(jittered(view.current(), seed, 1e-4))
        pair = matrices(near, label) if near is not None and label in near.variables else None
        if pair is None:
            return False
        gaps.append(pair[0] - pair[1])
    scale = float(np.abs(gaps).max(initial=0.0))
    error = float(np.max(view.error(label)[np.isfinite(view.error(label))], initial=0.0))
    return float(np.ptp(gaps, axis=0).max(initial=0.0)) > 0.1 * scale + 30 * error


def _right_if_centred(view: View, label: str) -> bool:
    def centre(probe: Probe) -> None:
        for x in probe.inputs:
            if x.dtype.kind == "f" and x.size:
                x -= x.mean()

    other = view.changed(centre)
    return other is not None and label in other.variables and not other.wrong(label)


# -- only some values --------------------------------------------------------------------------------------------------


def rare(case: Case) -> Iterator[Guess]:
    """Plain values are right; find what is special about those at hand."""
    comparison = case.fault.comparison
    near = [fails(jittered(case.point, seed, 1e-3), case.label) for seed in (1, 2)]
    if not any(near):
        case.varied.append("values moved by a thousandth: right")
        yield from special(case)
        return
    finite = comparison is None or np.isfinite(comparison.analytic)
    if finite:
        yield from region(case)
    yield from _by_scale(case, finite)


def _by_scale(case: Case, finite: bool) -> Iterator[Guess]:
    """Scale all inputs, and see how the error grows or falls."""
    label = case.label
    gaps = sweep(case, jittered(case.point, 5, 0.05), range(-8, 9))
    bad = {power for power, gap in gaps.items() if gap > 1e-9}
    good = set(gaps) - bad
    large = bool(bad and good) and max(bad) > max(good)
    largest = max((float(np.abs(x).max(initial=0.0)) for x in case.point.inputs if x.dtype.kind == "f"), default=0.0)
    if bad and good:
        case.varied.append(f"inputs scaled: wrong for {'large' if large else 'small'} ones only")
    if not finite or not all(np.isfinite(gaps[power]) for power in bad):
        if largest > 15 or large:
            yield Guess(
                "overflow",
                f"{label} is not finite for inputs as large as {largest:.3g}, and right for small ones: it overflows",
                bool(good),
            )
        else:
            yield Guess("nonfinite", f"{label} is not finite, although the derivative is")
            yield Guess("overflow", f"{label} overflows")
        return
    if not bad or not good:
        yield from _by_size(case, largest)
        return
    gradual = any(1e-8 < gaps[power] < 1e-3 for power in bad)
    if decays(gaps) or (gradual and not large):
        yield Guess(
            "epsilon",
            f"{label} is wrong for small inputs only, the more the smaller: an epsilon, placed differently",
            decays(gaps),
        )
        yield Guess("overflow", f"{label} loses its digits for small inputs: cancellation")
    elif gradual:
        yield Guess("overflow", f"{label} loses its digits as the inputs grow: cancellation")
        yield Guess("threshold", f"{label} is wrong for large inputs only")
    else:
        kind = "large" if large else "small"
        first, second = ("overflow", "threshold") if large and largest > 30 else ("threshold", "overflow")
        told = {
            "threshold": f"{label} is wrong for {kind} inputs only",
            "overflow": f"{label} overflows or cancels for {kind} inputs",
        }
        yield Guess(first, told[first])
        yield Guess(second, told[second])


def _by_size(case: Case, largest: float) -> Iterator[Guess]:
    """Plain values are right, the ones at hand are wrong: what is it about their size."""
    comparison = case.fault.comparison
    if comparison is None or not case.right:
        return
    gap = abs(comparison.analytic - comparison.numeric) / max(abs(comparison.analytic), abs(comparison.numeric), 1e-300)
    small = largest < 0.05
    told = (
        f"{case.label} is wrong for inputs as {'small' if small else 'large'} as {largest:.2g} and right for plain ones"
    )
    cancels = Guess("overflow", f"{told}: numbers cancel")
    if small:
        yield from (cancels, Guess("epsilon", told)) if gap < 0.1 else (Guess("epsilon", told), cancels)
    elif largest > 10:
        yield from (
            (cancels, Guess("threshold", told)) if gap < 0.1 or largest > 100 else (Guess("threshold", told), cancels)
        )


def scaled(point: Point, factor: float) -> Point:
    """Return a point with all float inputs times a factor, within their bounds."""
    bounds = [*point.bounds, *[(-np.inf, np.inf)] * len(point.inputs)]
    inputs = [
        np.clip(x * factor, low, high).astype(x.dtype) if x.dtype.kind == "f" else x.copy()
        for x, (low, high) in zip(point.inputs, bounds, strict=False)
    ]
    return replace(point, inputs=inputs)


# -- special points ----------------------------------------------------------------------------------------------------


def special(case: Case) -> Iterator[Guess]:
    """Right all around the point: a value is special, or entries are equal."""
    label, comparison = case.label, case.fault.comparison
    finite = comparison is None or bool(np.isfinite(comparison.analytic))
    name = label.removeprefix("d").removesuffix(".grad")
    value = _value_at(case)
    if value is not None and comparison is not None:
        alone = fails(_all_moved_but(case.point, {name: comparison.entry}), label)
        if alone or _fails_with_value(case, value):
            yield from _of_value(label, f"{name} is {number(value) if value else '0'}", finite, True)
            return
        together = _partners(case, comparison.entry)
        for partner, other in together.items():
            if fails(_all_moved_but(case.point, {name: comparison.entry, partner: comparison.entry}), label):
                if value == other and finite and comparison.special:
                    yield Guess("ties", f"{label} is wrong only where {name} and {partner} are equal", True)
                else:
                    gap = number(value - other) if value != other else "0"
                    yield from _of_value(label, f"{name} - {partner} is {gap}", finite, True)
                return
    plain = case.plain({}, 40)
    for text, tied in _ties(plain) if plain is not None else ():
        if fails(tied, label):
            yield Guess("ties" if finite else "nonfinite", f"{label} is wrong only where {text}", True)
            return
    for text, varied in _ties_broken(case.point):
        if finite and not fails(varied, label):
            yield Guess("ties", f"{label} is wrong only where entries are equal: {text}, it is right")
            yield Guess("special_value", f"{label} is wrong only at special values")
            return
    yield from _of_value(label, "entries have special values", finite, False)
    yield Guess("ties", f"{label} is wrong only where entries are equal")


def _of_value(label: str, where: str, finite: bool, sure: bool) -> Iterator[Guess]:
    if finite:
        yield Guess("special_value", f"{label} is wrong only where {where}, and right all around", sure)
    else:
        yield Guess("nonfinite", f"{label} is not finite where {where}, although the derivative is", sure)


def _own(probe: Probe, label: str) -> Variable | None:
    return next((variable for variable in probe.variables if variable.label == label), None)


def _value_at(case: Case) -> float | None:
    """Return the number at the failing entry."""
    comparison = case.fault.comparison
    variable = _own(case.point.probe(), case.label)
    if comparison is None or variable is None or len(comparison.entry) != variable.array.ndim:
        return None
    return float(variable.array[comparison.entry])


def _partners(case: Case, entry: tuple[int, ...]) -> dict[str, float]:
    """Return what other arrays have at the same place."""
    probe = case.point.probe()
    own = _own(probe, case.label)
    arrays = dict(zip(probe.names, probe.inputs, strict=True))
    return {
        name: float(array[entry])
        for name, array in arrays.items()
        if own is not None and name != own.name and array.shape == own.array.shape and array.dtype.kind == "f"
    }


def _all_moved_but(point: Point, kept: dict[str, tuple[int, ...]]) -> Point:
    """Return a point with all entries moved at random, but for some."""
    held = point.probe()
    moved = jittered(point, 9, 0.2)
    probe = moved.probe()
    arrays = [(name, now, then) for name, now, then in zip(probe.names, probe.inputs, held.inputs, strict=True)]
    arrays += [
        (now.name, now.array, then.array)
        for now, then in zip(probe.variables, held.variables, strict=True)
        if now.parameter is not None
    ]
    for name, now, then in arrays:
        if name in kept:
            now[kept[name]] = then[kept[name]]
    return replace(moved, brick=probe.brick, inputs=probe.inputs)


def _fails_with_value(case: Case, value: float) -> bool:
    """Whether a plain point is wrong as soon as one entry has the value."""
    plain = case.plain({}, 40)
    if plain is None:
        return False
    probe = plain.probe()
    variable = _own(probe, case.label)
    if variable is None or not variable.array.size or not variable.low <= value <= variable.high:
        return False
    variable.array[(0,) * variable.array.ndim] = value
    return fails(replace(plain, brick=probe.brick, inputs=probe.inputs), case.label) is not None


def _ties(point: Point) -> Iterator[tuple[str, Point]]:
    """Yield the same point with entries made equal, at a value that is not special."""
    floats = [place for place, x in enumerate(point.inputs) if x.dtype.kind == "f" and x.size]
    for place in floats:
        x = point.inputs[place]
        for axis in range(x.ndim - 1, -1, -1):
            if x.shape[axis] > 1:
                tied = np.broadcast_to(x.max(axis=axis, keepdims=True), x.shape).copy()
                yield f"entries along axis {axis} are equal", _put(point, {place: tied})
        if x.size > 1:
            yield "all entries are equal", _put(point, {place: np.full(x.shape, x.flat[0])})
    for one in floats:
        for other in floats:
            if one < other and point.inputs[one].shape == point.inputs[other].shape:
                yield "two inputs are equal", _put(point, {other: point.inputs[one].copy()})


def _put(point: Point, arrays: dict[int, Array]) -> Point:
    inputs = [arrays.get(place, x).copy() for place, x in enumerate(point.inputs)]
    return replace(point, brick=copy.deepcopy(point.brick), inputs=inputs)


def _ties_broken(point: Point) -> Iterator[tuple[str, Point]]:
    """Yield the point with all non-zero entries made different."""
    inputs = []
    for x in point.inputs:
        if x.dtype.kind == "f" and x.size:
            rank = np.linspace(0.5, 1.0, x.size).reshape(x.shape)
            inputs.append((x * (1 + 0.01 * rank)).astype(x.dtype))
        else:
            inputs.append(x.copy())
    yield "with different ones", replace(point, inputs=inputs)
