"""Is a number that backward gives the derivative: right, wrong, or not to be told apart."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeAlias

import numpy as np

from legonet.arrays import Array

from .noise import EPS, jitter, natural_size
from .probe import Comparison, Fault, Probe, Variable, drop_targets, flat
from .slopes import Line, Slopes, quick_difference, slopes

FLOOR = 3e-7
"""Relative differences below this are nobody's mistake."""

Moves: TypeAlias = list[tuple[Variable, Array]]
"""Directions over arrays."""

SAMPLE = 40
"""Arrays of more entries are sampled."""


@dataclass
class Tally:
    """How many derivatives were compared, and how many of them could be told right from wrong."""

    right: int = 0
    unresolved: int = 0
    points: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def resolved(self) -> bool:
        """Whether nine in ten derivatives, and one at least, could be told right from wrong."""
        return self.right >= 9 * self.unresolved and self.right > 0

    def count(self, verdict: "Verdict") -> None:
        """Count one that is not wrong."""
        self.right += verdict.outcome == "right"
        self.unresolved += verdict.outcome == "unresolved"

    def note(self, text: str) -> None:
        """Keep what is worth knowing, once."""
        if text not in self.notes:
            self.notes.append(text)


@dataclass(frozen=True)
class Verdict:
    """What came of one comparison."""

    outcome: str
    """``"right"``, ``"wrong"`` or ``"unresolved"``."""
    numeric: float = 0.0
    error: float = 0.0
    special: bool = False
    kink: bool = False


class Judge:
    """Compares what backward gives at a point with finite differences of forward."""

    def __init__(self, probe: Probe, dy: Array, rng: np.random.Generator) -> None:
        self.probe, self.dy, self.rng = probe, dy, rng
        self.y = probe.outputs()
        self.analytic = probe.gradients(dy)
        self.kinks = False

    # -- one entry ---------------------------------------------------------------------------------------------

    def quickly(self, variable: Variable, index: tuple[int, ...]) -> bool:
        """Whether one central difference agrees already."""
        analytic = self.claimed(variable, index)
        found = quick_difference(self.probe, variable, index)
        if found is None or found.shape != self.dy.shape or not np.isfinite(analytic):
            return False
        numeric = float(self.dy @ found)
        size = abs(analytic) + abs(numeric)
        return bool(abs(analytic - numeric) <= FLOOR * size)

    def claimed(self, variable: Variable, index: tuple[int, ...]) -> float:
        """Return what backward gives for an entry: 0 if it gives no gradient at all."""
        gradient = self.analytic[variable.label]
        return 0.0 if gradient is None else float(gradient[index])

    def entry(self, variable: Variable, index: tuple[int, ...]) -> Verdict:
        """Judge one entry by the whole ladder, and by neighbouring points where that fails."""
        analytic = self.claimed(variable, index)
        found = slopes(Line(self.probe, [(variable, index)]), self.floor())
        low, high, error = found.weighted(self.dy)
        self.kinks |= bool(found.kink.any())
        kink = bool((found.kink & (self.dy != 0)).any())
        numeric = min(max(analytic, low), high) if np.isfinite(analytic) else low
        if not np.isfinite(analytic):
            settled = np.isfinite(error) and error <= 1e-3 * max(abs(low), abs(high)) + 1e-6
            return Verdict("wrong" if settled or self._finite_around(variable, index) else "unresolved", low, error)
        spread = float(self.spread()[variable.label][index])
        gap = max(low - analytic, analytic - high, 0.0)
        bar = self._bar(analytic, numeric, error, spread, variable, found)
        if gap <= bar:
            size = max(abs(analytic), abs(numeric))
            known = bar <= 1e-2 * size or size <= 1e-6 * self._scale(variable)
            return Verdict("right" if known else "unresolved", numeric, bar, kink=kink)
        if not self._doubly_sure(analytic, found, gap, variable, index):
            return Verdict("unresolved", numeric, error)
        around = [near.off_by(variable, index) for near in itertools.islice(self.neighbours(1e-3), 3)]
        if gap <= 1e-3 * max(abs(analytic), abs(numeric)) and min(around, default=0) <= 0 <= max(around, default=0):
            return Verdict("unresolved", numeric, error)  # a mistake is not now above, now below
        if sum(off != 0 for off in around) >= 2:
            return Verdict("wrong", numeric, error, kink=kink)
        if float(variable.array[index]) in (variable.low, variable.high):
            return Verdict("unresolved", numeric, error)  # at an end of the domain only one side can be seen
        low, high, slack = self._hull(variable, index, low, high, analytic)
        outside = max(low - analytic, analytic - high, 0.0)
        if outside <= bar + slack:
            return Verdict("right", numeric, bar, kink=True)
        return Verdict("wrong", numeric, error, special=True, kink=kink)

    def _doubly_sure(
        self, analytic: float, found: Slopes, gap: float, variable: Variable, index: tuple[int, ...]
    ) -> bool:
        """Whether other steps, tiny ones and large ones alone, disagree with backward as well."""
        low, high, _ = found.weighted(self.dy)
        again = slopes(Line(self.probe, [(variable, index)]), self.floor(), 0.8)
        other_low, other_high, other_error = again.weighted(self.dy)
        apart = max(abs(other_low - low), abs(other_high - high))
        if np.isfinite(other_error) and gap <= 3 * (apart + other_error):
            return False
        tiny = slopes(Line(self.probe, [(variable, index)]), self.floor(), measured=True)
        low, high, error = tiny.weighted(self.dy)
        if low - 3 * error <= analytic <= high + 3 * error and error <= 0.1 * gap:
            return False
        wide, wide_error = float(self.dy @ found.coarse), float(np.abs(self.dy) @ found.coarse_error)
        return not (wide_error <= 0.3 * abs(wide) and abs(analytic - wide) <= 3 * wide_error + FLOOR * abs(wide))

    def off_by(self, variable: Variable, index: tuple[int, ...]) -> float:
        """Return how far an entry is off here, neighbours unasked; 0 if that is within the error bars."""
        own = self.probe.variable(variable.label)
        if self.quickly(own, index):
            return 0.0
        analytic = self.claimed(own, index)
        found = slopes(Line(self.probe, [(own, index)]), self.floor())
        low, high, error = found.weighted(self.dy)
        if not np.isfinite(analytic):
            return float(np.isfinite(error))
        spread = float(self.spread()[own.label][index])
        numeric = min(max(analytic, low), high)
        off = analytic - numeric
        return off if abs(off) > self._bar(analytic, numeric, error, spread, own, found) else 0.0

    def _bar(
        self, analytic: float, numeric: float, error: float, spread: float, variable: Variable, found: Slopes
    ) -> float:
        tiny = 1e-13 * self._scale(variable) + 1e-12 * natural_size(variable, self.dy, self.y)
        # Of outputs near 1, no step shows a slope more exactly than that.
        near = 1e-12 + 1e-11 * min(1.0, float(np.max(np.abs(self.y[np.isfinite(self.y)]), initial=0.0)))
        tiny += near * float(np.max(np.abs(self.dy), initial=0.0))
        tiny += 1e-12 * float(np.abs(self.dy) @ found.typical)
        return 3 * error + 20 * spread + FLOOR * (abs(analytic) + abs(numeric)) + tiny

    def _scale(self, variable: Variable) -> float:
        """Return the largest size in this gradient."""
        gradient = self.analytic[variable.label]
        finite = np.abs(gradient[np.isfinite(gradient)]) if gradient is not None else np.zeros(0)
        return float(finite.max(initial=0.0))

    def _finite_around(self, variable: Variable, index: tuple[int, ...]) -> bool:
        """Whether the slopes stay bounded as the step shrinks, so that backward has no right to be infinite."""
        line = Line(self.probe, [(variable, index)])
        step = 1e-3 * max(line.largest, 1e-3)
        sizes = []
        for _ in range(4):
            ends = [line.at(sign * step) for sign in (1, -1)]
            apart = [np.abs(y - self.y) / abs(gone) for y, gone in ends if y is not None and gone]
            if not apart or not all(np.isfinite(one).all() for one in apart):
                return False
            sizes.append(max(float(one.max(initial=0.0)) for one in apart))
            step /= 10
        return abs(sizes[3] - sizes[2]) <= 0.5 * abs(sizes[2] - sizes[1]) + 1e-6 * sizes[3]

    # -- parts ----------------------------------------------------------------------------------------------------

    @cached_property
    def parts_right(self) -> bool:
        """Whether the brick is made of others, each is right with what it is fed with here, and one is at a kink.

        At a kink inside, the chain rule may give what is no derivative of the whole: of relu(x) - relu(-x) = x it gives
        0 at 0, with right derivatives of both.
        """
        kinks = False
        for _, brick, inputs in self.probe.parts():
            inner = Probe(brick, inputs)
            y = inner.forward()[0]
            dy = np.asarray(self.rng.choice([-1.0, 1.0], len(flat(y))) * self.rng.uniform(0.4, 1.6, len(flat(y))))
            drop_targets(inner, y, dy)
            try:
                kinks |= compare(inner, dy, self.rng, Tally())
            except Fault:
                return False
        return kinks

    # -- noise -------------------------------------------------------------------------------------------------

    @cached_property
    def _noise(self) -> tuple[Array, dict[str, Array]]:
        floor, spread = jitter(self.probe, self.dy, self.y, self.analytic)
        # What jumps under the last digit is no noise: the point lies on a jump.
        typical = float(np.mean(np.abs(self.y))) if len(self.y) else 0.0
        floor = np.where(floor < 1e-5 * (np.abs(self.y) + typical), floor, 0.0)
        for variable in self.probe.variables:
            wide = spread[variable.label]
            ones = np.maximum(np.abs(self.y), 0.1)
            least = max(1e-3 * self._scale(variable), 1e-9 * natural_size(variable, self.dy, ones))
            spread[variable.label] = np.where(wide < least, wide, 0.0)
        return floor, spread

    def floor(self) -> Array:
        """Return how far the outputs move when every number moves by its last digit."""
        return self._noise[0]

    def spread(self) -> dict[str, Array]:
        """Return how far the gradients move when every number moves by its last digit."""
        return self._noise[1]

    # -- around ------------------------------------------------------------------------------------------------

    def neighbours(self, radius: float) -> Iterator["Judge"]:
        """Yield judges at points nearby, forever; those where forward has no value are left out."""
        failed = 0
        while failed < 20:
            near = self._moved(radius)
            try:
                yield Judge(near, self.dy, self.rng)
            except Exception:
                failed += 1

    def _moved(self, radius: float) -> Probe:
        near = self.probe.again()
        for variable in near.variables:
            sizes = np.abs(variable.array)
            fallback = float(sizes.max(initial=0.0)) or 1.0
            way = self.rng.choice([-1.0, 1.0], sizes.shape) * self.rng.uniform(0.3, 1.0, sizes.shape)
            step = radius * np.where(sizes > 0, sizes, fallback) * way
            outside = (variable.array + step > variable.high) | (variable.array + step < variable.low)
            moved = variable.array + np.where(outside, -step, step)
            variable.array[...] = np.clip(moved, variable.low, variable.high)
        return near

    def _hull(
        self, variable: Variable, index: tuple[int, ...], low: float, high: float, analytic: float
    ) -> tuple[float, float, float]:
        """Return the least and greatest derivative that neighbouring points allow, and what to add for noise.

        Of many equal entries, each comes first, second or last at few of the neighbours: more of these are asked if
        backward lies outside of what the first ones allow.
        """
        lows: list[Array] = []
        highs: list[Array] = []
        for number in range(400):
            if number >= 60 and number % 20 == 0 and lows:
                ends = np.array([self.dy * np.min(lows, axis=0), self.dy * np.max(highs, axis=0)])
                if float(ends.min(axis=0).sum()) <= analytic <= float(ends.max(axis=0).sum()):
                    break
            near = self._moved((1e-4, 1e-6, 1e-5)[number % 3])
            own = near.variable(variable.label)
            base = float(own.array[index])
            step = 0.1 * abs(base - float(variable.array[index]))
            if not step:
                continue
            try:
                own.array[index] = base + step
                up = near.outputs()
                own.array[index] = base - step
                down = near.outputs()
            except Exception:  # noqa: S112 - a neighbour without a value says nothing
                continue
            if up.shape != self.y.shape or not (np.isfinite(up).all() and np.isfinite(down).all()):
                continue
            noise = (8 * EPS * (np.abs(up) + np.abs(down)) + 2 * self.floor()) / step
            slope = (up - down) / (2 * step)
            lows.append(slope - noise)
            highs.append(slope + noise)
        if not lows:
            return low, high, 0.0
        every = np.array([self.dy * np.min(lows, axis=0), self.dy * np.max(highs, axis=0)])
        least, most = float(every.min(axis=0).sum()), float(every.max(axis=0).sum())
        slack = 1e-3 * (most - least) + 1e-3 * max(abs(least), abs(most))
        return min(low, least), max(high, most), slack

    # -- directions --------------------------------------------------------------------------------------------

    def along(self, moves: Moves, trusting: bool, least: float = 1e-3) -> Verdict:
        """Judge the derivative along a direction over one array or several.

        `trusting` is for arrays too large to be checked entry by entry; otherwise the neighbours must agree that the
        function is smooth along the direction, and a mistake is at least `least` of the gradient's size.
        """
        analytic = total = spread = 0.0
        for variable, way in moves:
            gradient = self.analytic[variable.label]
            if gradient is not None:
                analytic += float(np.sum(gradient * way))
                total += float(np.sum(np.abs(gradient * way)))
                spread += float(np.sqrt(np.sum(self.spread()[variable.label] ** 2)))
        if not np.isfinite(analytic):
            return Verdict("unresolved")
        found = slopes(Line(self.probe, list(moves)), self.floor())
        low, high, error = found.weighted(self.dy)
        size = sum(self._scale(variable) + natural_size(variable, self.dy, self.y) for variable, _ in moves)
        total = max(total, abs(low), abs(high))
        numeric = min(max(analytic, low), high)
        bar = 3 * error + 20 * spread + FLOOR * (abs(analytic) + abs(numeric)) + 1e-12 * size + 1e-300
        bar += 1e-12 * float(np.abs(self.dy) @ found.typical)
        gap = max(low - analytic, analytic - high, 0.0)
        if gap <= bar:
            return Verdict("right", numeric, bar)
        if not trusting and (gap <= least * total or bar > 1e-2 * total):
            return Verdict("unresolved", numeric, bar)
        if trusting:
            wrong = 0
            for near in itertools.islice(self.neighbours(1e-3), 3):
                own = [(near.probe.variable(variable.label), way) for variable, way in moves]
                wrong += near.along(own, trusting=False, least=0.0).outcome == "wrong"
            return Verdict("wrong" if wrong >= 2 else "unresolved", numeric, error)
        return Verdict("wrong", numeric, error, special=True, kink=bool(found.kink.any()))

    def smooth_along(self, moves: Moves, numeric: float) -> bool:
        """Whether nearby points have the same derivative along a direction."""
        for number in range(6):
            near = self._moved((1e-4, 1e-6)[number % 2])
            own = [(near.variable(variable.label), way) for variable, way in moves]
            line = Line(near, own)
            step = 1e-2 * (1e-4, 1e-6)[number % 2] * (line.scale or 1.0)
            (up, gone), (down, _) = line.at(step), line.at(-step)
            if up is None or down is None or up.shape != self.y.shape:
                return False
            slope = float(self.dy @ (up - down)) / (2 * gone) if gone else np.nan
            noise = float(np.abs(self.dy) @ (8 * EPS * np.abs(up) + self.floor())) / step
            if not abs(slope - numeric) <= 1e-2 * max(abs(slope), abs(numeric)) + noise:
                return False
        return True


def compare(probe: Probe, dy: Array, rng: np.random.Generator, tally: Tally) -> bool:
    """Compare every gradient at a point, or a sample of a large one, with finite differences.

    Returns
    -------
    bool
        Whether a kink was met.

    Raises
    ------
    Fault
        If one is wrong: the first gradient that is, and its first wrong entry.
    """
    judge = Judge(probe, dy, rng)
    tally.points += 1
    for variable in probe.variables:
        _entries(judge, variable, tally)
        if variable.array.size > SAMPLE:
            _directions(judge, variable, tally)
    if judge.kinks:
        _joint(judge)
    return judge.kinks


def _entries(judge: Judge, variable: Variable, tally: Tally) -> None:
    """Compare the entries of one gradient, or some of them."""
    shape, size = variable.array.shape, variable.array.size
    chosen = np.arange(size) if size <= SAMPLE else np.sort(judge.rng.choice(size, SAMPLE, replace=False))
    wrong: Verdict | None = None
    where: tuple[int, ...] = ()
    count = 0
    for number in chosen:
        index = tuple(int(i) for i in np.unravel_index(number, shape))
        if judge.quickly(variable, index):
            tally.right += 1
        elif wrong is not None:
            count += 1  # one is proven; the quick difference counts the others
        else:
            verdict = judge.entry(variable, index)
            if verdict.special and judge.parts_right:
                verdict = replace(verdict, outcome="right")
            tally.count(verdict)
            if verdict.outcome == "wrong":
                wrong, where, count = verdict, index, 1
    if wrong is None:
        return
    missing = judge.analytic[variable.label] is None
    analytic = float("nan") if missing else judge.claimed(variable, where)
    comparison = Comparison(
        variable.label, where, analytic, wrong.numeric, wrong.error, wrong.special, count, len(chosen)
    )
    cause = "missing_gradient" if missing else "" if np.isfinite(analytic) else "nonfinite"
    raise Fault(_sentence(comparison, missing), cause, variable.label, comparison)


def _directions(judge: Judge, variable: Variable, tally: Tally) -> None:
    """Compare a large gradient along random directions as well."""
    tally.note(f"arrays of more than {SAMPLE} entries were sampled: {SAMPLE} entries and 4 random directions each")
    for _ in range(4):
        moves: Moves = [(variable, judge.rng.choice([-1.0, 1.0], variable.array.shape))]
        verdict = judge.along(moves, trusting=True)
        tally.count(verdict)
        if verdict.outcome == "wrong":
            raise _direction_fault(judge, moves, verdict)


def _joint(judge: Judge) -> None:
    """At a kink, move all entries alike: what was counted twice at a tie shows."""
    inputs = [variable for variable in judge.probe.variables if variable.parameter is None and variable.array.size]
    groups = [[variable] for variable in judge.probe.variables if variable.array.size > 1]
    if len(inputs) > 1:
        groups.append(inputs)
    for group in groups:
        moves: Moves = [(variable, np.ones(variable.array.shape)) for variable in group]
        verdict = judge.along(moves, trusting=False)
        if verdict.outcome == "wrong" and not verdict.kink and judge.smooth_along(moves, verdict.numeric):
            if judge.parts_right:
                continue
            raise _direction_fault(judge, moves, verdict, "ties")


def _direction_fault(judge: Judge, moves: Moves, verdict: Verdict, cause: str = "") -> Fault:
    names = " and ".join(variable.label for variable, _ in moves)
    analytic = sum(
        float(np.sum(gradient * way)) for v, way in moves if (gradient := judge.analytic[v.label]) is not None
    )
    comparison = Comparison(names, (), analytic, verdict.numeric, verdict.error, verdict.special, 1, 1)
    how = "if all entries move alike" if cause else "along a random direction of signs"
    message = f"{names}: {how}, backward gives {analytic:.6g}, but finite differences give {verdict.numeric:.6g}"
    return Fault(message, cause, moves[0][0].label, comparison)


def _sentence(found: Comparison, missing: bool) -> str:
    place = f"{found.label}[{', '.join(map(str, found.entry))}]"
    if missing:
        return f"backward gives no {found.label}, but the derivative is {place} = {found.numeric:.6g}"
    return f"backward gives {place} = {found.analytic:.6g}, but finite differences of forward give {found.numeric:.6g}"
