"""A failing point, and the points around it that tell more."""

import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np

from legonet.arrays import Array
from legonet.testing.compare import Tally, compare
from legonet.testing.contracts import upstream
from legonet.testing.points import Point
from legonet.testing.probe import Fault, drop_targets, flat

from .views import LIMIT, Budget, View, is_generic, jittered, rows_of

Redraw = Callable[..., Point | None]
T = TypeVar("T")

WANTED = 4
"""At most this many points at which the gradient is wrong are compared."""


LONG = 10.0
"""A diagnosis takes about this many seconds where forward is slow."""


def _affordable(point: Point) -> int:
    """Return how many calls of forward a diagnosis may cost."""
    probe = point.probe()
    started = time.perf_counter()
    probe.forward()
    took = time.perf_counter() - started
    return LIMIT if took * LIMIT < LONG else max(200, int(LONG / took))


class Case:
    """What is known of a fault.

    Parameters
    ----------
    point, fault, redraw
        As in `diagnose`.
    """

    def __init__(self, point: Point, fault: Fault, redraw: Redraw | None) -> None:
        self.point, self.fault, self.redraw = point, fault, redraw
        self.label = fault.label
        self.budget = Budget(_affordable(point))
        self.wrong: list[View] = []
        """Plain points at which the gradient is wrong as well."""
        self.right: list[View] = []
        """Plain points at which it is right."""
        self.varied: list[str] = []
        self.near = False
        """Whether only points near the failing one are wrong."""
        self.here = self.view(jittered(point, 3, 1e-3))
        self._choose_label()
        self._look_around()

    # -- points ------------------------------------------------------------------------------------------------------

    def draw(self, sizes: dict[str, Any] | None = None, seed: int = 0, profile: str = "typical") -> Point | None:
        """Return a point with other values and perhaps other sizes, None if there is none."""
        if self.redraw is None:
            return self._varied(sizes or {}, seed) if profile == "typical" else None
        try:
            return self.redraw(sizes={**self.point.sizes, **(sizes or {})}, seed=seed, profile=profile)
        except Exception:
            return None

    def plain(self, sizes: dict[str, Any] | None = None, seed: int = 0) -> Point | None:
        """Return a point with ordinary values: no zeros, no equal entries."""
        found = None
        for attempt in range(6):
            drawn = self.draw(sizes, seed + 17 * attempt)
            if drawn is None:
                return found
            found = drawn
            if is_generic(found):
                break
        return found

    def _varied(self, sizes: dict[str, Any], seed: int) -> Point | None:
        """Vary the arrays of a user: other numbers, and other rows."""
        point: Point | None = self.point
        if "batch" in sizes:
            count = max((len(x) for x in self.point.inputs if x.ndim), default=0)
            point = rows_of(self.point, [row % count for row in range(sizes["batch"])]) if count else None
        return None if point is None else jittered(point, seed, 0.4, turned=seed % 2 == 1)

    def view(self, point: Point | None) -> View | None:
        """Return what forward and backward have to say at a point, None if they fail there."""
        if point is None or self.budget.spent:
            return None
        try:
            view = View(point, budget=self.budget)
            if not np.isfinite(view.y).all() or not len(view.y):
                return None
            for label in view.variables:
                view.claimed(label)
        except Exception:
            return None
        return view

    # -- looking around ----------------------------------------------------------------------------------------------

    def _choose_label(self) -> None:
        if self.here is not None and self.label not in self.here.variables:
            labels = list(self.here.variables)
            self.label = next((label for label in labels if self.here.wrong(label)), labels[0] if labels else "")

    def _look_around(self) -> None:
        tried: list[tuple[dict[str, Any], bool]] = []
        for sizes, seed in self._plans():
            view = self.view(self.plain(sizes, seed))
            if view is None or not _has(view, self.label):
                continue
            wrong = view.wrong(self.label)
            (self.wrong if wrong else self.right).append(view)
            tried.append((sizes, wrong))
            if sum(self._tells(one) for one in self.wrong) >= WANTED:
                break
        self._tell(tried)
        telling = [view for view in self.wrong if self._tells(view)]
        self.wrong = telling if len(telling) > 1 else self.wrong
        at_hand = [view.point.sizes == self.point.sizes for view in self.wrong]
        if self.right and self.is_special() and not any(at_hand):
            self.wrong = []  # what is wrong at other sizes is something else
        if len(self.wrong) == 1 and len(self.right) > 3 and not any(at_hand):
            self.wrong = []  # it takes luck to find values that are wrong
        if (
            not self.wrong
            and self.here is not None
            and self.label in self.here.variables
            and self.here.wrong(self.label)
        ):
            self._stay_near()

    def _tells(self, view: View) -> bool:
        """Whether a view shows everything, and has no axis of size 1 that hides something."""
        return view.full(self.label) and min((*view.shape, *view.entry(self.label)), default=2) > 1

    def is_special(self) -> bool:
        """Whether the gradient is right all around the point, and wrong just there."""
        comparison = self.fault.comparison
        return comparison is not None and (comparison.special or self.fault.cause == "ties")

    def _stay_near(self) -> None:
        """Where only values like those at hand are wrong, look at more of them."""
        self.near = bool(self.right)
        for seed in (3, 4, 5):
            view = self.view(jittered(self.point, seed, 1e-3 if seed == 3 else 0.05))
            if view is not None and view.wrong(self.label):
                self.wrong.append(view)

    def _plans(self) -> Iterator[tuple[dict[str, Any], int]]:
        names = [name for name, size in self.point.sizes.items() if isinstance(size, int)]
        if self.redraw is None:
            names = ["batch"]
        cycles: tuple[tuple[int, ...], ...] = ((4, 5, 3), (3,), (5, 4, 3), (3, 4, 5), (2, 3), (2, 2), (5, 6, 7, 4))
        if len(names) > 3:
            cycles = (
                (2, 3, 4, 3, 2, 2),
                (3, 2, 3, 4, 3, 2),
                (3,),
                (2, 4, 3, 2, 3, 3),
                (2, 2, 5, 4, 3, 2),
                (1, 2, 6, 6, 2, 3),
                (2,),
            )
        several = [(2, 3), (3,), (3, 2, 2)]
        for seed, cycle in enumerate(cycles):
            sizes: dict[str, Any] = {name: cycle[place % len(cycle)] for place, name in enumerate(names)}
            if "..." in self.point.sizes:
                sizes["..."] = several[seed % 3]
            yield sizes, 100 + seed
            if seed in (0, 2):
                yield {}, 200 + seed
        for name in names:
            for size in (5, 7, 4, 3):
                yield {name: size}, 300 + size

    def _tell(self, tried: list[tuple[dict[str, Any], bool]]) -> None:
        same = [wrong for sizes, wrong in tried if not sizes]
        other = [wrong for sizes, wrong in tried if sizes]
        for name, outcomes in (("other values", same), ("other sizes", other)):
            if outcomes:
                bad = sum(outcomes)
                came = (
                    "wrong as well"
                    if bad == len(outcomes)
                    else "right"
                    if not bad
                    else f"wrong at {bad} of {len(outcomes)}"
                )
                self.varied.append(f"{name}: {came}")

    # -- questions ---------------------------------------------------------------------------------------------------

    @property
    def sure(self) -> bool:
        """Whether what holds at all of the views holds at two points at least."""
        if len(self.wrong) < 2 or self.near:
            return False
        return any(np.count_nonzero(view.numeric(self.label)) > 2 for view in self.wrong)

    def every(self, question: Callable[..., T | None]) -> list[T] | None:
        """Ask the same of every view; None if there is no view, or one has no answer."""
        answers: list[T] = []
        for view in self.wrong:
            answer = question(view)
            if answer is None or (isinstance(answer, bool | np.bool_) and not answer):
                return None
            answers.append(answer)
        return answers or None


def fails(point: Point | None, label: str = "") -> Fault | None:
    """Return what is wrong with the numbers at a point; None if they are right or cannot be compared."""
    if point is None:
        return None
    try:
        rng = np.random.default_rng(point.seed)
        probe = point.probe()
        y = probe.forward()[0]
        if not np.isfinite(flat(y)).all():
            return None
        dy = upstream(y, rng)
        drop_targets(probe, y, dy)
        if label:
            probe.variables.sort(key=lambda variable: variable.label != label)
        compare(probe, dy, rng, Tally())
    except Fault as fault:
        return fault
    except Exception:
        return None
    return None


def matrices(view: View, label: str) -> tuple[Array, Array] | None:
    """Return backward's derivatives and the measured ones."""
    claimed = view.claimed(label)
    return None if claimed is None else (claimed, view.numeric(label))


def _has(view: View, label: str) -> bool:
    return label in view.variables and bool(view.columns[label].size) and view.claimed(label) is not None
