"""Move one entry along the number line, and see where its gradient is wrong."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from legonet.arrays import Array
from legonet.testing.contracts import upstream

from .case import Case
from .guesses import Guess, number
from .views import View, difference

GRID = np.array(
    [
        0.0311,
        0.107,
        0.23,
        0.37,
        0.57,
        0.83,
        1.13,
        1.57,
        2.27,
        3.13,
        4.37,
        5.57,
        6.73,
        8.3,
        11.3,
        17.3,
        31.7,
        67.3,
        137.0,
        310.0,
    ]
)
JUMP = 1e-4
"""Errors beyond this, beside a place where there is none, are no gradual ones."""


@dataclass
class Scan:
    """Where an entry was put, and the relative error of its gradient there: NaN where it cannot be told."""

    places: Array
    errors: Array
    borders: list[tuple[float, bool, float]]
    """Each place where right turns into wrong: the place, whether what lies above is wrong, and the error beside it."""
    ratios: Array
    """Where it is wrong: what backward gives, as a multiple of the derivative."""


class Runner:
    """One entry of a variable in a view, to be moved."""

    def __init__(self, view: View, label: str, index: tuple[int, ...]) -> None:
        self.view, self.label, self.index = view, label, index
        self.variable = view.variables[label]
        self.column = int(np.ravel_multi_index(index, self.variable.array.shape)) if index else 0
        self.dy = upstream(view.output, np.random.default_rng(5))
        self.scale = float(np.max(np.abs(view.numeric(label)), initial=0.0))
        self.ratio = np.nan
        """What backward gave at the last place, as a multiple of the derivative."""

    def error(self, place: float) -> float:
        """Return the relative error of the gradient with the entry at a place."""
        return self.errors(place)[0]

    def errors(self, place: float) -> tuple[float, float]:
        """Return the relative error with the entry at a place, and the error compared with the whole gradient."""
        array, index = self.variable.array, self.index
        held = array[index].copy()
        unknown = np.nan, np.nan
        try:
            array[index] = place
            slope, doubt = difference(self.view.probe, self.variable, self.column, np.arange(len(self.dy)))
            gradient = self.view.probe.gradients(self.dy)[self.label]
            if gradient is None or gradient.shape != array.shape:
                return unknown
            claimed = float(gradient[index])
        except Exception:
            return unknown
        finally:
            array[index] = held
        measured, error = float(self.dy @ slope), float(np.abs(self.dy) @ doubt)
        self.ratio = claimed / measured if measured else np.inf
        size = abs(claimed) + abs(measured)
        if not np.isfinite(error) or not np.isfinite(measured) or error > 1e-6 * size + 1e-8 * self.scale:
            return unknown
        if np.isnan(claimed):
            return np.inf, np.inf
        apart = abs(claimed - measured)
        if apart <= 1e-6 * size + 30 * error + 1e-9 * self.scale:
            return 0.0, 0.0
        return apart / size, apart / max(self.scale, 1e-300)


def scan(view: View, label: str, index: tuple[int, ...]) -> Scan | None:
    """Put one entry to many places."""
    runner = Runner(view, label, index)
    low, high = runner.variable.low, runner.variable.high
    places = np.concatenate([-GRID[::-1], GRID])
    if np.isfinite(low) and np.isfinite(high):
        places = low + (high - low) * np.linspace(0.0113, 0.9887, 33)
    places = np.unique([*places, *runner.variable.array.ravel()[:20], runner.variable.array[index]])
    places = places[(places > low) & (places < high)]
    found = [(runner.error(float(place)), runner.ratio) for place in places]
    errors, ratios = np.array(found).reshape(-1, 2).T
    known = ~np.isnan(errors)
    places, errors, ratios = places[known], errors[known], ratios[known]
    borders = []
    for before, after in zip(range(len(places) - 1), range(1, len(places)), strict=True):
        if (errors[before] > 0) != (errors[after] > 0):
            borders.append(_border(runner, float(places[before]), float(places[after]), bool(errors[after] > 0)))
    return Scan(places, errors, borders, ratios[errors > 0]) if len(places) >= 8 else None


def _border(runner: Runner, below: float, above: float, wrong_above: bool) -> tuple[float, bool, float]:
    """Halve the distance between a right and a wrong place."""
    gap = above - below
    for _ in range(18):
        middle = (below + above) / 2
        found = runner.error(middle)
        if np.isnan(found):
            middle += 0.07 * (above - below)
            found = runner.error(middle)
            if np.isnan(found):
                break
        if (found > 0) == wrong_above:
            above = middle
        else:
            below = middle
    place = (below + above) / 2
    return place, wrong_above, min(runner.errors(place + (0.01 if wrong_above else -0.01) * gap))


def region(case: Case) -> Iterator[Guess]:
    """Wrong on one side of a threshold, right on the other."""
    scans = [
        (view, index, found) for view, index in _entries(case) if (found := scan(view, case.label, index)) is not None
    ]
    with_borders = [one for one in scans if one[2].borders]
    if len(with_borders) < 2 or len(with_borders) < len(scans) / 2:
        return
    if not all(_sharp(*one, case.label) for one in with_borders):
        return
    name = case.label.removeprefix("d").removesuffix(".grad")
    where, known = _told(with_borders, name, case.label)
    if not where:
        return
    if where in (f"where {name} is above 0", f"where {name} is below 0") and all(
        _silent(view, case.label) for view in case.wrong
    ):
        yield Guess(
            "mask", f"{case.label} is wrong {where}, where the derivative is zero: the mask is not applied", True
        )
        return
    ratios = np.concatenate([found.ratios for _, _, found in with_borders])
    factor = float(np.median(ratios)) if len(ratios) and np.isfinite(ratios).all() else np.nan
    if np.ptp(ratios) > 1e-4 * max(abs(factor), 1e-3) or not np.isfinite(factor):
        yield Guess("threshold", f"{case.label} is wrong {where}, and right elsewhere", known)
    elif abs(factor + 1) < 1e-4:
        yield Guess("sign", f"{case.label} has the wrong sign {where}, and is right elsewhere", known)
    else:
        there = "zero" if abs(factor) < 1e-4 else f"{number(factor)} times the derivative"
        yield Guess("threshold", f"{case.label} is wrong {where}, and right elsewhere: there it is {there}", known)


def _silent(view: View, label: str) -> bool:
    """Whether the derivative is zero wherever backward is wrong."""
    wrong = view.gap(label) != 0
    return not np.any(np.abs(view.numeric(label)[wrong]) > 1e-9)


def _entries(case: Case) -> Iterator[tuple[View, tuple[int, ...]]]:
    """Yield a few entries of a few views, the failing one first."""
    comparison = case.fault.comparison
    views = [case.here, *case.wrong[:2], *case.right[:2]] if not case.wrong else [*case.wrong[:3], *case.right[:1]]
    for view in views[:4]:
        if view is None or case.label not in view.variables or not view.full(case.label):
            continue
        shape = view.entry(case.label)
        if view is case.here and comparison is not None and len(comparison.entry) == len(shape):
            yield view, comparison.entry
        else:
            wrong = (view.gap(case.label) != 0).any(axis=0)
            column = int(np.argmax(wrong)) if wrong.any() else 0
            yield view, tuple(int(i) for i in np.unravel_index(column, shape))


def _sharp(view: View, index: tuple[int, ...], found: Scan, label: str) -> bool:
    """Whether the error jumps at every border, and no border is just another entry's value."""
    own = view.variables[label].array
    others = np.delete(own.ravel(), np.ravel_multi_index(index, own.shape)) if index else np.zeros(0)
    for place, _, error in found.borders:
        if not error >= JUMP or np.any(np.abs(others - place) < 1e-3 * abs(place)):
            return False
    return True


def _told(scans: list[tuple[View, tuple[int, ...], Scan]], name: str, label: str) -> tuple[str, bool]:
    """Say where it is wrong, and whether that is so for all entries."""
    place, wrong_above, _ = min(scans[0][2].borders, key=lambda border: abs(border[0]))
    others = [[border[0] for border in found.borders] for _, _, found in scans]
    side = "above" if wrong_above else "below"
    if all(any(_near(place, other) for other in borders) for borders in others):
        if all(any(_near(-place, other) for other in borders) for borders in others) and abs(place) > 1e-2:
            beyond = (place > 0) == wrong_above
            return f"where |{name}| is {'above' if beyond else 'below'} {_rounded(abs(place))}", True
        return f"where {name} is {side} {_rounded(place)}", True
    for other in scans[0][0].probe.names:
        gaps = [_less(view, index, borders, other) for (view, index, _), borders in zip(scans, others, strict=True)]
        if other != name and all(gap is not None for gap in gaps):
            first = min(gaps[0] or [0.0], key=abs)
            if all(any(_near(first, value) or _near(-first, value) for value in gap or []) for gap in gaps):
                return f"on one side of {name} - {other} = {_rounded(first)}", True
    return "", False  # a place that is another one each time is where a number is lost, not a threshold


def _less(view: View, index: tuple[int, ...], borders: list[float], other: str) -> list[float] | None:
    array = dict(zip(view.probe.names, view.probe.inputs, strict=True)).get(other)
    if (
        array is None
        or array.dtype.kind != "f"
        or len(index) != array.ndim
        or any(i >= n for i, n in zip(index, array.shape, strict=True))
    ):
        return None
    return [border - float(array[index]) for border in borders]


def _near(one: float, other: float) -> bool:
    return abs(one - other) <= 2e-3 * max(abs(one), 0.02)


def _rounded(place: float) -> str:
    if abs(place) < 1e-3:
        return "0"
    for digits in (0, 1, 2, 3):
        if abs(place - round(place, digits)) < 2e-4 * max(abs(place), 1):
            return number(round(place, digits)) if digits < 2 else f"{round(place, digits):g}"
    return f"{place:.3g}"
