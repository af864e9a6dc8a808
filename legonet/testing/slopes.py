"""Derivatives with error bars: a ladder of finite differences that finds its own step and tolerance.

Along a line through the point, every output is differenced over many steps. Richardson extrapolation refines the
differences; rounding noise, measured at tiny steps, bounds what a difference can know; and a larger step may refine
what a smaller one says, never contradict it. Kinks show as one-sided slopes that do not approach each other.

References
----------
Ridders, "Accurate computation of F'(x) and F'(x) F''(x)", Advances in Engineering Software 4, 1982.
Press et al., *Numerical Recipes*, 3rd edition, 2007, section 5.7.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from legonet.arrays import Array

from .noise import EPS
from .probe import Probe, Variable

Bools: TypeAlias = npt.NDArray[np.bool_]

RATIO = 10**0.75
"""Each step of the ladder is this much smaller than the one before."""


@dataclass
class Slopes:
    """The derivative of every output along a line.

    At a kink, `low` and `high` are the one-sided slopes, the lesser first; elsewhere they are the same. What is not
    known has an infinite error.
    """

    low: Array
    high: Array
    error: Array
    kink: Bools
    coarse: Array
    coarse_error: Array
    """What steps of at least 0.001 of the entry's size say: tinier ones may be lost to cancellation."""
    typical: Array
    """The largest slope that any step shows."""

    def weighted(self, dy: Array) -> tuple[float, float, float]:
        """Return the least and the greatest value of Σ dy · slope, and the error of either."""
        ends = np.array([dy * self.low, dy * self.high])
        with np.errstate(invalid="ignore"):
            error = np.where(dy == 0, 0.0, np.abs(dy) * self.error)
        return float(ends.min(axis=0).sum()), float(ends.max(axis=0).sum()), float(error.sum())


class Line:
    """A straight line through the point where a probe stands, along one entry or along a direction."""

    def __init__(self, probe: Probe, moves: Sequence[tuple[Variable, tuple[int, ...] | Array]]) -> None:
        self.probe = probe
        self.moves = [
            (variable, _unit(variable.array, where) if isinstance(where, tuple) else where) for variable, where in moves
        ]
        self.bases = [variable.array.copy() for variable, _ in self.moves]
        moved = [np.abs(base[way != 0]) for base, (_, way) in zip(self.bases, self.moves, strict=True)]
        joined = np.concatenate([part.ravel() for part in moved]) if moved else np.zeros(1)
        joined = joined[np.isfinite(joined)]
        self.largest = float(joined.max(initial=0.0))
        self.whole = max((float(np.abs(base[np.isfinite(base)]).max(initial=0.0)) for base in self.bases), default=0.0)
        nonzero = joined[joined > 0]
        self.scale = float(nonzero.min(initial=np.inf)) if len(nonzero) else 0.0
        self.room = self._room()

    def _room(self) -> tuple[float, float]:
        """How far one may go back and forth within the bounds."""
        back, forth = -np.inf, np.inf
        for base, (variable, way) in zip(self.bases, self.moves, strict=True):
            if np.isfinite(variable.low) or np.isfinite(variable.high):
                with np.errstate(all="ignore"):
                    ends = np.sort([(variable.low - base) / way, (variable.high - base) / way], axis=0)
                moving = way != 0
                back = max(back, float(ends[0][moving].max(initial=-np.inf)))
                forth = min(forth, float(ends[1][moving].min(initial=np.inf)))
        return min(back, 0.0), max(forth, 0.0)

    def rounds_between(self, near: float, far: float) -> bool:
        """Whether a single entry becomes another number of float32 or float16 just there."""
        if len(self.moves) != 1 or np.count_nonzero(self.moves[0][1]) != 1:
            return False
        way = self.moves[0][1]
        base = float(self.bases[0][way != 0][0])
        for kind in (np.float32, np.float16):
            one, other = kind(base + near), kind(base + far)
            if one != other and abs(far - near) < 0.05 * float(np.spacing(np.abs(other))):
                return True
        return False

    def at(self, t: float) -> tuple[Array | None, float]:
        """Return the outputs at a distance, None if forward fails there, and the distance really gone."""
        if not self.room[0] <= t <= self.room[1]:
            return None, t
        gone = t
        try:
            for base, (variable, way) in zip(self.bases, self.moves, strict=True):
                np.add(base, t * way, out=variable.array)
                if len(self.moves) == 1 and np.count_nonzero(way) == 1:
                    index = np.unravel_index(int(np.argmax(way != 0)), way.shape)
                    gone = float((variable.array[index] - base[index]) / way[index])
            y = self.probe.outputs()
        except Exception:
            return None, gone
        finally:
            for base, (variable, _) in zip(self.bases, self.moves, strict=True):
                variable.array[...] = base
        return y, gone


def _unit(array: Array, index: tuple[int, ...]) -> Array:
    way = np.zeros(array.shape)
    way[index] = 1.0
    return way


def steps_for(scale: float, largest: float) -> Array:
    """Return the steps of the ladder, from large to tiny, for an entry of a given size."""
    top = 0.1 * max(largest, 1.0)
    bottom = 1e-9 * max(largest, 1.0)
    if largest > 1e3:
        bottom = max(1e-6, 3e-14 * largest)
    if 1e-200 < scale < 0.1:
        bottom = min(bottom, 1e-7 * scale)
    count = int(np.ceil(np.log(top / bottom) / np.log(RATIO))) + 1
    return np.asarray(top * RATIO ** -np.arange(count))


def slopes(line: Line, floor: Array | None = None, stretch: float = 1.0, measured: bool = False) -> Slopes:
    """Return the derivative of every output along a line, with error bars.

    Parameters
    ----------
    line : Line
        Where to go.
    floor : numpy.ndarray, optional
        Noise of the outputs that is known already.
    stretch : float, optional
        Makes all steps longer or shorter: for a second opinion.
    measured : bool, optional
        Whether an output has the noise alone that is measured on it, and not that of the larger ones beside it: then
        tiny steps are believed rather than long ones.
    """
    middle = line.probe.outputs()
    count = len(middle)
    up: list[Array] = []
    down: list[Array] = []
    h_up: list[float] = []
    h_down: list[float] = []
    for step in stretch * steps_for(line.scale, line.largest):
        above, gone_up = line.at(step)
        below, gone_down = line.at(-step)
        for one, ys, hs, gone in ((above, up, h_up, gone_up), (below, down, h_down, -gone_down)):
            fine = one is not None and one.shape == middle.shape and gone > 0
            ys.append(one if fine and one is not None else np.full(count, np.nan))
            hs.append(gone if fine else step)
    with np.errstate(all="ignore"):
        ladder = _Ladder(
            middle,
            np.array(up),
            np.array(down),
            np.array(h_up)[:, None],
            np.array(h_down)[:, None],
            line,
            floor,
            measured,
        )
        return ladder.slopes(line)


class _Ladder:
    def __init__(
        self,
        middle: Array,
        up: Array,
        down: Array,
        h_up: Array,
        h_down: Array,
        line: Line,
        floor: Array | None,
        measured: bool,
    ) -> None:
        self.middle, self.up, self.down, self.h_up, self.h_down = middle, up, down, h_up, h_down
        self.gap = np.abs(up - 2 * middle + down)
        """Second differences: curvature, kink or noise."""
        self.noise = self._noise(measured)
        if floor is not None and floor.shape == self.noise.shape:
            self.noise = np.maximum(self.noise, floor)
        self.scale = line.scale
        # A step along many entries is rounded in each.
        self.slip = EPS * line.largest / h_up

    def _noise(self, measured: bool) -> Array:
        middle, gap = self.middle, self.gap
        among = np.abs(middle[np.isfinite(middle)])
        typical = float(np.mean(among)) if len(among) and not measured else 0.0
        noise = np.maximum(8 * EPS * np.abs(middle), 4 * EPS * typical)
        near = np.nanmax(np.abs(np.concatenate([self.up[-4:], self.down[-4:]])), axis=0, initial=0.0)
        noise = np.maximum(noise, 4 * EPS * near)
        # Rounding stays as large when the step shrinks; curvature and kinks do not.
        tail = np.nan_to_num(gap[-5:])
        if len(tail) == 5:
            falling = (tail[3] < tail[2] / 3) & (tail[4] < tail[3] / 3)
            settled = (np.max(tail[:2], axis=0) < 3 * np.max(tail[2:], axis=0)) & ~falling
            noise = np.maximum(noise, np.where(settled, np.max(tail[1:], axis=0), 0.0))
        return np.asarray(np.maximum(noise, self._grain(typical)))

    def _grain(self, typical: float) -> Array:
        """Return the noise of a function that is coarser inside, and so a flight of stairs."""
        size = np.abs(self.middle) + typical
        grain: Array = np.zeros(len(self.middle))
        every = np.concatenate([self.middle[None], self.up[:4], self.down[:4]])
        for dtype in (np.float32, np.float16):
            coarse = np.where(np.isfinite(every), every, self.middle)
            whole = np.all(coarse == np.round(coarse), axis=0)
            fits = np.all(coarse == coarse.astype(dtype), axis=0)
            exact = fits & ~whole & (coarse != coarse[0]).any(axis=0)
            if dtype is np.float32 and np.any(fits & ~whole & (self.middle != self.middle.astype(np.float16))):
                exact = fits  # numbers with all the digits of float32: the others may be saturated in it
            grain = np.where(exact, np.maximum(grain, 8 * np.finfo(dtype).eps * size), grain)
        return np.asarray(grain)

    def _treads(self, line: Line, value: Array, error: Array) -> Array:
        """Return twice the height of the first stair where an output leaves its slope by a jump; 0 elsewhere.

        What is coarser inside is a flight of stairs, and its slope on one of them is not its derivative. A rectifier or
        a sorted row leaves its slope as well, but without a jump. A jump counts as rounding if it is small, or if it is
        where the entry becomes another number of float32.
        """
        treads: Array = np.zeros(len(self.middle))
        error = np.where(np.isfinite(error), error, 0.0)
        sides = ((1, self.up, self.h_up), (-1, self.down, self.h_down))
        bars = [3 * (self.noise + (error + np.abs(value) * self.slip) * h) for _, _, h in sides]
        rest = [np.nan_to_num(np.abs(y - self.middle - sign * value * h)) for sign, y, h in sides]
        off = [one > bar for one, bar in zip(rest, bars, strict=True)]
        left = off[0] | off[1]
        waiting = left.any(axis=0) & ~left[-1]
        last = len(left) - 1 - np.argmax(left[::-1], axis=0)
        # Stairs climb as the step grows; curvature, and what begins at a kink, climb faster.
        climb, every = np.maximum(*rest), np.arange(len(last))
        waiting &= (last == 0) | (climb[last - 1, every] < 31 * climb[last, every])
        away = [np.nan_to_num(np.abs(y - self.middle)) for _, y, _ in sides]
        steep = np.maximum(away[0] / self.h_up, away[1] / self.h_down)
        small = np.maximum(4e-7 * (np.abs(self.middle) + away[0][0]), 1000 * EPS * (1 + line.whole))
        for _ in range(8):
            if not waiting.any():
                break
            output = int(np.argmax(waiting))
            step = int(last[output])
            sign, _, steps = sides[0 if off[0][step, output] else 1]
            bar = bars[0 if sign > 0 else 1][step]
            near, far = sign * float(steps[step + 1, 0]), sign * float(steps[step, 0])
            for _ in range(16):
                between = (near + far) / 2
                y = line.at(between)[0]
                if y is None or y.shape != self.middle.shape:
                    break
                if abs(y[output] - self.middle[output] - value[output] * between) <= bar[output]:
                    near = between
                else:
                    far = between
            before, after = line.at(near)[0], line.at(far)[0]
            waiting[output] = False
            if before is None or after is None or not before.shape == after.shape == self.middle.shape:
                continue
            jump = np.abs(after - before)
            rounded = (jump <= small) | line.rounds_between(near, far)
            steepest = np.max(steep[max(step - 2, 0) : step + 1], axis=0)
            stair = left.any(axis=0) & rounded & (jump > 100 * steepest * abs(far - near))
            treads = np.where(stair, 2 * jump, treads)
            waiting &= ~stair
        return treads

    def slopes(self, line: Line) -> Slopes:
        forward, backward = (self.up - self.middle) / self.h_up, (self.middle - self.down) / self.h_down
        h = (self.h_up + self.h_down) / 2
        central = (self.up - self.down) / (self.h_up + self.h_down)
        rounding = 1.5 * self.noise / h
        value, error = _best(central, rounding + np.abs(central) * self.slip, 2)
        treads = self._treads(line, value, error)
        if treads.any():
            self.noise = np.maximum(self.noise, treads)
            rounding = 1.5 * self.noise / h
            value, error = _best(central, rounding + np.abs(central) * self.slip, 2)
        low, high = value.copy(), value.copy()

        kink = self._kinks(forward, backward, h)
        one_sided = kink | ~np.isfinite(error)
        if one_sided.any():
            right, right_error = _best(forward, 2 * self.noise / self.h_up + np.abs(forward) * self.slip, 1)
            left, left_error = _best(backward, 2 * self.noise / self.h_down + np.abs(backward) * self.slip, 1)
            both = np.isfinite(right_error) & np.isfinite(left_error)
            at_kink = kink & both
            low = np.where(at_kink, np.minimum(left, right), low)
            high = np.where(at_kink, np.maximum(left, right), high)
            error = np.where(at_kink, np.maximum(left_error, right_error), error)
            # At an end of the domain there is one side only.
            ended = np.isnan(self.down).all(axis=0) ^ np.isnan(self.up).all(axis=0)
            for side, side_error in ((right, right_error), (left, left_error)):
                alone = ended & np.isfinite(side_error)
                low, high = np.where(alone, side, low), np.where(alone, side, high)
                error = np.where(alone, side_error, error)
            kink = at_kink
        # Noise as large as all that happens, and larger than rounding: there is nothing to be seen.
        reach = np.max(
            np.nan_to_num(np.abs([self.up - self.middle, self.down - self.middle])), axis=(0, 1), initial=0.0
        )
        lost = ~np.isfinite(self.middle) | (
            (self.noise > 0.05 * reach) & (self.noise > 1e-4 * np.abs(self.middle)) & (reach > 0)
        )
        typical = np.max(np.where(np.isfinite(central), np.abs(central), 0.0), axis=0, initial=0.0)
        wide = h[:, 0] >= 1e-3 * self.scale
        coarse: Array = np.zeros(len(value))
        coarse_error: Array = np.full(len(value), np.inf)
        if self.scale and wide.sum() >= 3:
            coarse, coarse_error = _best(central[wide], rounding[wide], 2)
        return Slopes(low, high, np.where(lost, np.inf, error), kink & ~lost, coarse, coarse_error, typical)

    def _kinks(self, forward: Array, backward: Array, h: Array) -> Bools:
        """Where the one-sided slopes keep their distance as the step shrinks."""
        apart = np.abs(forward - backward)
        reliable = (self.gap > 30 * self.noise) & np.isfinite(apart)
        count = len(h)
        last = count - 1 - np.argmax(reliable[::-1], axis=0)

        def at(rows: Any, back: int) -> Any:
            """Return for each output its value so many steps before the smallest reliable one."""
            return np.take_along_axis(rows, np.maximum(last - back, 0)[None], axis=0)[0]

        # Curvature halves the distance and more at each of the smallest steps that can still see it.
        kink = (last >= 2) & reliable.any(axis=0) & (at(np.broadcast_to(h, apart.shape), 0) < h[0, 0] * 1e-3)
        for back in range(3):
            kept = (last > back) & at(reliable, back + 1) & (at(apart, back) > 0.6 * at(apart, back + 1))
            kink &= kept if back < 2 else kept | (reliable.sum(axis=0) < 4)
        size = np.maximum(np.abs(at(forward, 0)), np.abs(at(backward, 0)))
        return np.asarray(kink & (at(apart, 0) > 1e-6 * size))


def _best(differences: Array, rounding: Array, order: int) -> tuple[Array, Array]:
    """Return per output the difference quotient with the smallest error bar that no smaller step contradicts.

    `order` is the power of the step in the leading error: 2 for central differences, 1 for one-sided ones.
    """
    count, width = differences.shape
    candidates: list[Array] = []
    errors: list[Array] = []
    places: list[int] = []
    gain = RATIO**order
    refined = differences.copy()
    refined[1:] = (gain * differences[1:] - differences[:-1]) / (gain - 1)
    for k in range(1, count):
        candidates.append(differences[k])
        errors.append(np.abs(differences[k] - differences[k - 1]) + rounding[k])
        places.append(k)
        if k > 1:
            candidates.append(refined[k])
            errors.append(np.abs(refined[k] - refined[k - 1]) + 1.2 * rounding[k])
            places.append(k)
    value, error = np.zeros(width), np.full(width, np.inf)
    all_candidates, all_errors, at = np.array(candidates), np.array(errors), np.array(places)
    for k in range(count):
        # What step k says, and how sure it is of it by rounding alone.
        against = np.abs(all_candidates - differences[k]) > 3 * (all_errors + rounding[k])
        all_errors[against & (at < k)[:, None]] = np.inf
    all_errors[~np.isfinite(all_candidates)] = np.inf
    all_errors = np.where(np.isnan(all_errors), np.inf, all_errors)
    if len(all_errors):
        best = np.argmin(all_errors, axis=0)
        columns = np.arange(width)
        error = all_errors[best, columns]
        value = np.where(np.isfinite(error), all_candidates[best, columns], 0.0)
    return value, error


def quick_difference(probe: Probe, variable: Variable, index: tuple[int, ...]) -> Array | None:
    """Return one central difference of the outputs; None where forward has no value."""
    array = variable.array
    middle = float(array[index])
    step = 6e-6 * max(1.0, abs(middle))
    above, below = middle + step, middle - step
    if above > variable.high or below < variable.low:
        return None
    try:
        array[index] = above
        up = probe.outputs()
        array[index] = below
        down = probe.outputs()
    except Exception:
        return None
    finally:
        array[index] = middle
    return (up - down) / (above - below) if up.shape == down.shape else None
