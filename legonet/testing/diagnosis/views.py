"""Forward's derivative and backward's claim at a point, every output by every entry."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from legonet.arrays import Array
from legonet.testing.points import Point
from legonet.testing.probe import Probe, Variable, drop_targets, flat, like

MOST = 100
"""Of larger arrays, so many outputs and so many entries are looked at."""

LIMIT = 6000
"""A diagnosis costs at most this many calls of forward."""

Bools: TypeAlias = npt.NDArray[np.bool_]
Change = Callable[[Probe], None]
Indices = npt.NDArray[np.signedinteger[Any]]


class Budget:
    """How often forward may still be called: counted, so that every run finds the same."""

    def __init__(self, calls: int = LIMIT) -> None:
        self.calls = calls

    def spend(self, calls: int) -> None:
        """Take calls from the budget."""
        self.calls -= calls

    @property
    def spent(self) -> bool:
        """Whether nothing is left."""
        return self.calls <= 0


class View:
    """All derivatives of a brick at a point: measured, and as backward has them.

    Parameters
    ----------
    point : Point
        Where to look.
    change : callable, optional
        Changes the arrays of the probe in place before anything is measured.
    budget : Budget, optional
        What the measurements are paid from.
    """

    def __init__(self, point: Point, change: Change | None = None, budget: Budget | None = None) -> None:
        self.point = point
        self.budget = Budget() if budget is None else budget
        self.probe = point.probe()
        if change is not None:
            change(self.probe)
        pair = self.probe.forward()
        self.output = pair[0]
        self.y = flat(pair[0])
        drop_targets(self.probe, pair[0], np.linspace(0.6, 1.4, len(self.y)))
        self.shape = np.shape(pair[0]) if not isinstance(pair[0], tuple) else (len(self.y),)
        self.variables: dict[str, Variable] = {v.label: v for v in self.probe.variables}
        rng = np.random.default_rng(11)
        self.rows = _some(len(self.y), rng)
        self.columns = {label: _some(v.array.size, rng) for label, v in self.variables.items()}
        self._measured: dict[str, dict[int, tuple[Array, Array]]] = {label: {} for label in self.variables}
        self._whole: dict[str, tuple[Array, Array]] = {}
        self._claimed: dict[str, Array | None] | None = None

    def full(self, label: str) -> bool:
        """Whether all outputs and all entries are looked at, not some of them only."""
        return len(self.rows) == len(self.y) and len(self.columns[label]) == self.variables[label].array.size

    @property
    def has_parameters(self) -> bool:
        """Whether the brick has parameters."""
        return any(variable.parameter is not None for variable in self.variables.values())

    # -- both sides ------------------------------------------------------------------------------------------------

    def numeric(self, label: str) -> Array:
        """Return the measured derivatives, one row for each output."""
        return self._all(label)[0]

    def error(self, label: str) -> Array:
        """Return how far off they may be."""
        return self._all(label)[1]

    def claimed(self, label: str) -> Array | None:
        """Return backward's derivatives, one row for each output; None if they have another shape or are missing."""
        if self._claimed is None:
            self._claimed = self._claims()
        return self._claimed.get(label)

    def _all(self, label: str) -> tuple[Array, Array]:
        if label not in self._whole:
            pairs = [self._column(label, place) for place in range(len(self.columns[label]))]
            shape = (len(self.rows), len(pairs))
            self._whole[label] = (
                np.array([pair[0] for pair in pairs]).T.reshape(shape),
                np.array([pair[1] for pair in pairs]).T.reshape(shape),
            )
        return self._whole[label]

    def _column(self, label: str, place: int) -> tuple[Array, Array]:
        known = self._measured[label]
        if place not in known:
            self.budget.spend(6)
            known[place] = difference(self.probe, self.variables[label], int(self.columns[label][place]), self.rows)
        return known[place]

    def _claims(self) -> dict[str, Array | None]:
        found: dict[str, list[Array] | None] = {label: [] for label in self.variables}
        for row in self.rows:
            dy = np.zeros(len(self.y))
            dy[row] = 1.0
            y, cache = self.probe.forward()
            self.probe.zero_grad()
            gradients = self.probe.collect(self.probe.brick.backward(like(y, dy), cache))
            for label, gradient in gradients.items():
                kept = found[label]
                if gradient is None or gradient.shape != self.variables[label].array.shape:
                    found[label] = None
                elif kept is not None:
                    kept.append(gradient.ravel()[self.columns[label]])
        return {
            label: None if rows is None else np.array(rows, dtype=np.float64).reshape(len(self.rows), -1)
            for label, rows in found.items()
        }

    # -- what follows ----------------------------------------------------------------------------------------------

    def gap(self, label: str) -> Array:
        """Return backward's derivatives minus the measured ones, zero where they agree."""
        claimed, measured = self.claimed(label), self.numeric(label)
        if claimed is None:
            return -measured
        apart = claimed - measured
        return np.where(self.close(label, claimed, measured), 0.0, apart)

    def wrong(self, label: str) -> bool:
        """Whether backward is wrong here."""
        claimed = self.claimed(label)
        return bool(np.any(self.gap(label) != 0)) if claimed is None else not self.matches(label, claimed, unknown=True)

    def matches(self, label: str, matrix: Array, unknown: bool = False) -> bool:
        """Whether a matrix agrees with the measured derivatives; no more is measured than it takes.

        `unknown` is what to say of derivatives that cannot be measured.
        """
        if matrix.shape != (len(self.rows), len(self.columns[label])):
            return False
        scale = float(np.abs(matrix[np.isfinite(matrix)]).max(initial=0.0))
        for place in np.random.default_rng(matrix.shape[1]).permutation(matrix.shape[1]):
            values, errors = self._column(label, int(place))
            if not np.all(_close(values, matrix[:, place], errors, scale)):
                return False
            if not unknown and not np.isfinite(errors).all():
                return False
        return True

    def close(self, label: str, one: Array, other: Array) -> Bools:
        """Where two matrices agree as well as can be measured."""
        error = self.error(label)
        finite = np.abs(other[np.isfinite(other) & np.isfinite(error)])
        return _close(one, other, error, float(finite.max(initial=0.0)))

    def same(self, label: str, one: Array | None, other: Array | None) -> bool:
        """Whether two matrices agree everywhere."""
        if one is None or other is None or one.shape != other.shape or one.shape != self.error(label).shape:
            return False
        return bool(self.close(label, one, other).all())

    def entry(self, label: str) -> tuple[int, ...]:
        """Return the shape of a variable."""
        return tuple(self.variables[label].array.shape)

    def shaped(self, label: str, matrix: Array) -> Array:
        """Return a matrix with the axes of the output, then those of the variable."""
        return matrix.reshape(*self.shape, *self.entry(label))

    def changed(self, change: Change) -> "View | None":
        """Return the view after a change of its arrays, None if that cannot be."""
        if self.budget.spent:
            return None
        try:
            other = View(self.current(), change, self.budget)
        except Exception:
            return None
        inside = all(np.all((v.array >= v.low) & (v.array <= v.high)) for v in other.probe.variables)
        return other if inside and np.isfinite(other.y).all() else None

    def current(self) -> Point:
        """Return the point with the arrays as they are in the probe."""
        return replace(self.point, brick=self.probe.brick, inputs=[x.copy() for x in self.probe.inputs])


def _close(one: Array, other: Array, error: Array, scale: float) -> Bools:
    near = np.abs(one - other) <= 1e-6 * (np.abs(one) + np.abs(other)) + 30 * error + 1e-9 * scale
    return np.asarray(near | ~np.isfinite(error) | ~np.isfinite(other))


def _some(count: int, rng: np.random.Generator) -> Indices:
    return np.arange(count) if count <= MOST else np.sort(rng.choice(count, MOST // 2, replace=False))


def difference(probe: Probe, variable: Variable, column: int, rows: Indices) -> tuple[Array, Array]:
    """Return the derivative of the outputs by one entry, and its error, by Richardson's extrapolation."""
    array = variable.array
    index = np.unravel_index(column, array.shape)
    middle = float(array[index])
    largest = float(np.max(np.abs(array), initial=0.0)) or 1.0
    step = 5e-4 * max(abs(middle), min(0.1 * largest, 0.1))
    room = min(variable.high - middle, middle - variable.low)
    if room < 4 * step:
        step = 0.2 * room
    best = np.zeros(len(rows)), np.full(len(rows), np.inf)
    for _ in range(3):
        if not step > 1e-15 * abs(middle):
            break
        found = _quotients(probe, array, index, middle, step, rows)
        if found is None:
            break
        better = found[1] < best[1]
        best = np.where(better, found[0], best[0]), np.where(better, found[1], best[1])
        if np.all(best[1] <= 1e-6 * np.max(np.abs(best[0]), initial=0.0) + 1e-12):
            break
        step /= 30
    return best


def _quotients(
    probe: Probe, array: Array, index: tuple[Any, ...], middle: float, step: float, rows: Indices
) -> tuple[Array, Array] | None:
    outputs: list[Array] = []
    places: list[float] = []
    try:
        for factor in (-4, -2, -1, 1, 2, 4):
            array[index] = middle + factor * step
            places.append(float(array[index]))
            outputs.append(probe.outputs())
    except Exception:
        return None
    finally:
        array[index] = middle
    if any(y.shape != outputs[0].shape for y in outputs) or len(outputs[0]) <= np.max(rows, initial=-1):
        return None
    y = np.array(outputs)[:, rows]
    near, far, farther = ((y[5 - k] - y[k]) / (places[5 - k] - places[k]) for k in (2, 1, 0))
    value = (4 * near - far) / 3
    apart, further = np.abs(near - far), np.abs(far - farther)
    noise = 4e-16 * np.max(np.abs(y), axis=0, initial=0.0) / step
    # Of a smooth function, the differences grow with the square of the step; at a kink they do not.
    smooth = (apart <= 10 * noise) | ((further > 3 * apart) & (further < 5.5 * apart))
    error = np.where(smooth, 1e-4 * apart, apart + further) + noise
    return value, np.where(np.isfinite(value), error, np.inf)


# -- points -----------------------------------------------------------------------------------------------------------


def jittered(point: Point, seed: int, radius: float, turned: bool = False) -> Point:
    """Return a point nearby: every float moved by a part of its size, zeros by a part of the largest.

    `turned` also gives some of them the other sign, where that is legal and forward has a value.
    """
    rng = np.random.default_rng(seed)
    probe = point.probe()
    for variable in probe.variables:
        sizes = np.abs(variable.array)
        fallback = float(sizes.max(initial=0.0)) or 1.0
        way = rng.choice([-1.0, 1.0], sizes.shape) * rng.uniform(0.3, 1.0, sizes.shape)
        moved = variable.array + radius * np.where(sizes > 1e-3 * fallback, sizes, fallback) * way
        if turned and not (np.isfinite(variable.low) or np.isfinite(variable.high)):
            moved *= rng.choice([-1.0, 1.0], sizes.shape)
        variable.array[...] = np.clip(moved, variable.low, variable.high)
    try:
        fine = not turned or bool(np.isfinite(probe.outputs()).all())
    except Exception:
        fine = False
    return replace(point, brick=probe.brick, inputs=probe.inputs) if fine else jittered(point, seed, radius)


def rows_of(point: Point, keep: Sequence[int]) -> Point | None:
    """Return a point with some rows of its batch, perhaps repeated; None if no input has rows."""
    count = max((len(x) for x in point.inputs if x.ndim), default=0)
    if not count or max(keep, default=0) >= count:
        return None
    inputs = [x[list(keep)].copy() if x.ndim and len(x) == count else x.copy() for x in point.inputs]
    sizes = {name: len(keep) if name == "batch" else size for name, size in point.sizes.items()}
    return replace(point, inputs=inputs, sizes=sizes)


def is_generic(point: Point) -> bool:
    """Whether a point has nothing special: no zeros, no equal entries, nothing huge or tiny."""
    arrays = [x for x in point.inputs if x.dtype.kind == "f"] + [p.value for p in point.brick.parameters()]
    for array in arrays:
        values = np.abs(np.asarray(array, dtype=np.float64)).ravel()
        if not values.size:
            continue
        if not (np.isfinite(values).all() and values.min() > 1e-6 and 0.05 < values.max() < 30):
            return False
        if len(np.unique(array)) < values.size:
            return False
    return True
