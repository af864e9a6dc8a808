"""Right numbers in the wrong places: transposed, rolled, exchanged, in the wrong rows."""

import itertools
import re
from collections.abc import Callable, Iterator

import numpy as np

from legonet.arrays import Array
from legonet.testing.probe import Probe

from .case import Case, matrices
from .guesses import Guess
from .views import View


def exchanged(case: Case) -> Iterator[Guess]:
    """Two gradients are exchanged."""
    for other in _others(case):
        if case.every(lambda view, o=other: _is_other(view, case.label, o) and _is_other(view, o, case.label)):
            text = f"{case.label} and {other} are exchanged: each equals the derivative by the other"
            yield Guess("exchanged", text, case.sure)
            return


def of_another(case: Case) -> Iterator[Guess]:
    """The gradient of another variable."""
    for other in _others(case):
        if case.every(lambda view, o=other: _is_other(view, case.label, o)):
            yield Guess("exchanged", f"{case.label} equals the derivative by the variable of {other}", case.sure)
            return


def _others(case: Case) -> list[str]:
    return [label for label in (case.wrong[0].variables if case.wrong else ()) if label != case.label]


def _is_other(view: View, one: str, two: str) -> bool:
    """Whether backward gives for one variable what belongs to another."""
    claimed = view.claimed(one)
    return (
        claimed is not None
        and two in view.variables
        and view.entry(one) == view.entry(two)
        and bool(np.any(claimed))
        and view.matches(two, claimed)
    )


# -- moved as a whole --------------------------------------------------------------------------------------------------


def rearranged(case: Case) -> Iterator[Guess]:
    """The right matrix with axes exchanged, turned round or rolled."""
    if not case.wrong:
        return
    label = case.label
    for view in case.wrong:
        if not view.full(label):
            return
    views = [view for view in case.wrong if max(view.numeric(label).shape) > 1]
    views = [
        view
        for view in views
        if len(view.shape) == len(views[0].shape) and len(view.entry(label)) == len(views[0].entry(label))
    ]
    for description, cause, make in _rearrangements(views, label):
        applied = [make(view) for view in views]
        usable = [
            view.same(label, view.claimed(label), one)
            for view, one in zip(views, applied, strict=True)
            if one is not None
        ]
        if usable and all(usable):
            yield Guess(cause, f"{label} {description}", len(usable) > 1)
            return


def _rearrangements(views: list[View], label: str) -> Iterator[tuple[str, str, Callable[..., Array | None]]]:
    if not views:
        return
    first = views[0]
    outputs, entries = len(first.shape), len(first.entry(label))
    for one, two in itertools.combinations(range(entries), 2):
        yield (
            f"is equal to the transpose: axes {one} and {two} are exchanged"
            if entries > 2
            else "is equal to the transpose",
            "transposed",
            lambda view, a=outputs + one, b=outputs + two: _swapped(view, label, a, b),
        )
    yield (
        "is the product with the Jacobian, not with its transpose",
        _kind(views, label),
        lambda view: _jacobian_transposed(view, label),
    )
    for one, two in itertools.combinations(range(outputs), 2):
        summed = entries < outputs
        yield (
            f"uses dy with axes {one} and {two} exchanged" + (": it is summed over the wrong axis" if summed else ""),
            "wrong_axis" if summed else "transposed",
            lambda view, a=one, b=two: _swapped(view, label, a, b),
        )
    for axis in range(outputs, outputs + entries):
        for parts, one, two in (
            (2, 0, 1),
            (3, 0, 1),
            (3, 0, 2),
            (3, 1, 2),
            (4, 0, 1),
            (4, 0, 2),
            (4, 1, 2),
            (4, 2, 3),
            (4, 1, 3),
            (4, 0, 3),
        ):
            yield (
                f"has two of {parts} parts along axis {axis - outputs} exchanged",
                "exchanged",
                lambda view, a=axis, p=parts, i=one, k=two: _parts_swapped(view, label, a, p, i, k),
            )
    for axis in range(outputs + entries):
        of = f"axis {axis} of dy" if axis < outputs else f"axis {axis - outputs}"
        cause = "wrong_axis"
        yield (
            f"is turned round along {of}",
            cause,
            lambda view, a=axis: np.flip(view.shaped(label, view.numeric(label)), a).reshape(view.numeric(label).shape),
        )
        for by in (1, -1, 2, -2):
            yield (
                f"is rolled by {by} along {of}",
                _rolled_cause(views, label, axis),
                lambda view, a=axis, k=by: np.roll(view.shaped(label, view.numeric(label)), k, a).reshape(
                    view.numeric(label).shape
                ),
            )


def _rolled_cause(views: list[View], label: str, axis: int) -> str:
    return (
        "batch_mixed"
        if axis in (0, len(views[0].shape)) and all(has_batch(view, label) for view in views)
        else "wrong_axis"
    )


def _parts_swapped(view: View, label: str, axis: int, parts: int, one: int, two: int) -> Array | None:
    whole = view.shaped(label, view.numeric(label))
    if whole.shape[axis] % parts or whole.shape[axis] < 2 * parts:
        return None
    pieces = np.split(whole, parts, axis)
    pieces[one], pieces[two] = pieces[two], pieces[one]
    return np.concatenate(pieces, axis).reshape(view.numeric(label).shape)


def _swapped(view: View, label: str, one: int, two: int) -> Array | None:
    whole = view.shaped(label, view.numeric(label))
    if whole.shape[one] != whole.shape[two] or whole.shape[one] < 2:
        return None
    return whole.swapaxes(one, two).reshape(view.numeric(label).shape)


def _jacobian_transposed(view: View, label: str) -> Array | None:
    measured = view.numeric(label)
    if view.shape != view.entry(label) or np.array_equal(measured, measured.T):
        return None
    return np.ascontiguousarray(measured.T)


def _kind(views: list[View], label: str) -> str:
    """A Jacobian that is always the same moves or sums entries along an axis; another one multiplies them."""
    if all(coupled_axes(view, label, view.numeric(label)) == {0} and len(view.shape) > 1 for view in views):
        return "batch_mixed"
    return "wrong_axis" if all(is_constant(view, label) for view in views[:2]) else "transposed"


def is_constant(view: View, label: str) -> bool:
    """Whether the derivative does not depend on any value."""

    def change(probe: Probe) -> None:
        for variable in probe.variables:
            variable.array[...] = np.clip(variable.array * 1.2 + 0.05, variable.low, variable.high)

    other = view.changed(change)
    return (
        other is not None and label in other.variables and view.same(label, view.numeric(label), other.numeric(label))
    )


def coupled_axes(view: View, label: str, matrix: Array | None) -> set[int]:
    """Return the axes along which entries and outputs of the same shape depend on each other."""
    if matrix is None or view.shape != view.entry(label):
        return set()
    outputs, entries = np.nonzero(np.abs(matrix) > 1e-9 * np.max(np.abs(matrix), initial=0.0))
    one, other = np.unravel_index(outputs, view.shape), np.unravel_index(entries, view.shape)
    return {axis for axis, (a, b) in enumerate(zip(one, other, strict=True)) if np.any(a != b)}


# -- moved one by one --------------------------------------------------------------------------------------------------


def misplaced(case: Case) -> Iterator[Guess]:
    """The contributions are right, but go to other entries, or come from other outputs."""
    label = case.label
    for axis, what in (
        (1, "each output's contributions go to the wrong entries"),
        (0, "each entry takes dy from the wrong outputs"),
    ):
        if case.every(lambda view, a=axis: _same_values(view, label, a)):
            yield Guess(misplacement(case), f"{label}: the numbers are right, but {what}", case.sure)
            return


def same_sums(case: Case) -> Iterator[Guess]:
    """What each output adds to a vector is right in all, but spread over its entries wrongly."""
    label = case.label
    if case.every(lambda view: _sums_agree(view, label)):
        text = (
            f"{label}: what each output adds is right in sum, but goes to the wrong entries: summed over the wrong axis"
        )
        yield Guess("wrong_axis", text, case.sure)


def _sums_agree(view: View, label: str) -> bool:
    pair = matrices(view, label)
    if pair is None or len(view.entry(label)) != 1 or pair[0].shape[1] < 2 or len(view.y) < 2:
        return False
    sums = [matrix.sum(axis=1) for matrix in pair]
    size = float(np.abs(pair[1]).max(initial=0.0))
    return bool(np.allclose(sums[0], sums[1], rtol=1e-6, atol=1e-7 * size) and np.any(np.abs(sums[1]) > 1e-6 * size))


def misplacement(case: Case) -> str:
    """Return the class of what is in the wrong place."""
    views = case.wrong
    if any(crosses_samples(view, case.label) for view in views):
        return "batch_mixed"
    if looks_like_window(case):
        return "window"
    return "transposed" if all(_permutes_axes(view, case.label) for view in views) else "wrong_axis"


def _permutes_axes(view: View, label: str) -> bool:
    """Whether the output is the variable with its axes in another order."""
    array, output = view.variables[label].array, view.y.reshape(view.shape)
    orders = [order for order in itertools.permutations(range(array.ndim)) if order != tuple(range(array.ndim))]
    return array.ndim < 6 and any(
        array.size == output.size and np.array_equal(array.transpose(order).ravel(), output.ravel()) for order in orders
    )


def _same_values(view: View, label: str, axis: int) -> bool:
    pair = matrices(view, label)
    if pair is None or not view.full(label) or pair[0].shape[axis] < 2:
        return False
    one, other = (np.sort(np.where(np.abs(m) < 1e-9, 0.0, m), axis=axis) for m in pair)
    return view.same(label, one, other)


WINDOW = re.compile(r"strid|pad|dilat|kernel|pool|window|patch|upsampl|crop", re.IGNORECASE)


def looks_like_window(case: Case) -> bool:
    """Whether the brick moves a window over its input, by the names of its sizes, options and attributes."""
    names = [*case.point.sizes, *case.point.options, *dir(case.point.brick)]
    return any(WINDOW.search(str(name)) for name in names) or any(_is_banded(view, case.label) for view in case.wrong)


def _is_banded(view: View, label: str) -> bool:
    """Whether outputs depend on a few neighbouring entries of the last axis, each on the next ones."""
    if not view.full(label) or len(view.shape) < 2 or len(view.entry(label)) < 2:
        return False
    support = np.abs(view.shaped(label, view.numeric(label))) > 1e-9
    last_out, last_in = len(view.shape) - 1, support.ndim - 1
    others = tuple(axis for axis in range(support.ndim) if axis not in (last_out, last_in))
    plane = np.asarray(support.any(axis=others))
    if min(plane.shape) < 2 or max(plane.shape) < 4 or plane.all() or not plane.any(axis=1).all():
        return False
    starts, counts = plane.argmax(axis=1), plane.sum(axis=1)
    ends = starts + counts
    moves = np.all(np.diff(starts) >= 0) and np.all(np.diff(ends) >= 0) and starts[-1] > starts[0]
    whole = all(plane[row, starts[row] : ends[row]].all() for row in range(len(plane)))
    return bool(moves and whole and 1 < counts.max() < plane.shape[1])


# -- samples -----------------------------------------------------------------------------------------------------------


def has_batch(view: View, label: str) -> bool:
    """Whether the first axes of output and variable are the batch, each sample by itself."""
    shape, entry = view.shape, view.entry(label)
    if not shape or not entry or shape[0] != entry[0] or shape[0] < 2 or not view.full(label):
        return False
    if view.variables[label].parameter is not None:
        return False
    return not _across(view, label, view.numeric(label))


def _across(view: View, label: str, matrix: Array) -> bool:
    """Whether a matrix has entries from one sample to another."""
    blocks = matrix.reshape(view.shape[0], -1, view.entry(label)[0], int(np.prod(view.entry(label)[1:])))
    sizes = np.abs(np.nan_to_num(blocks)).max(axis=(1, 3), initial=0.0)
    off = sizes[~np.eye(len(sizes), dtype=bool)]
    return bool(off.max(initial=0.0) > 1e-7 * max(float(sizes.max(initial=0.0)), 1e-12))


def crosses_samples(view: View, label: str) -> bool:
    """Whether forward keeps samples apart, and backward does not."""
    claimed = view.claimed(label)
    return claimed is not None and has_batch(view, label) and _across(view, label, claimed)


def mixed(case: Case) -> Iterator[Guess]:
    """Entries that have nothing to do with each other are mixed in backward."""
    label = case.label
    views = [
        view
        for view in case.wrong
        if view.full(label) and view.shape == view.entry(label) and min(view.shape, default=0) > 1
    ]
    axes = [
        (coupled_axes(view, label, view.numeric(label)), coupled_axes(view, label, view.claimed(label)))
        for view in views
    ]
    if axes and all(forward and backward - forward for forward, backward in axes):
        forward, backward = ({f"axis {axis}" for axis in set.union(*sides)} for sides in zip(*axes, strict=True))
        text = f"{label} mixes entries along {' and '.join(sorted(backward))}, forward along {' and '.join(sorted(forward))}"
        yield Guess("wrong_axis", text, len(views) > 1)
        return
    views = [view for view in case.wrong if has_batch(view, label)]
    if views and all(crosses_samples(view, label) for view in views):
        if any(_few_directions(view, label) for view in views):
            text = f"{label} has a term through a mean or norm over the batch, which forward has not"
            yield Guess("extra_path", text, len(views) > 1)
            return
        text = f"{label}: backward lets one sample's dy into the gradient of another; forward keeps them apart"
        yield Guess("batch_mixed", text, len(views) > 1)
    elif views and all(_of_another_sample(view, label) for view in views):
        yield Guess(
            "batch_mixed", f"{label}: samples have the derivative of another sample of the batch", len(views) > 1
        )
    elif case.every(lambda view: _foreign_values(view, label)):
        text = f"{label}: a sample's gradient changes with the values of other samples, its output does not"
        yield Guess("batch_mixed", text, case.sure)


def _few_directions(view: View, label: str) -> bool:
    """Whether between all samples backward has added a term of low rank to the right derivative."""
    pair = matrices(view, label)
    if pair is None or view.shape != view.entry(label) or view.shape[0] < 4:
        return False
    gap = (pair[0] - pair[1]).reshape(view.shape[0], -1, view.shape[0], len(view.y) // view.shape[0])
    kept = np.einsum("abcb->bac", gap)
    if np.any(np.abs(kept) <= 1e-9 * np.abs(kept).max(initial=0.0)):
        return False  # a mean or a norm reaches all samples
    if not view.same(
        label, pair[0] - pair[1], np.einsum("bac,bd->abcd", kept, np.eye(kept.shape[0])).reshape(pair[0].shape)
    ):
        return False
    return all(np.linalg.matrix_rank(block, tol=1e-6 * max(float(np.abs(block).max()), 1e-12)) <= 2 for block in kept)


def _of_another_sample(view: View, label: str) -> bool:
    """Whether every sample has the derivative that belongs to some sample."""
    pair = matrices(view, label)
    if pair is None:
        return False
    claimed, measured = _blocks(view, label, pair[0]), _blocks(view, label, pair[1])
    size = float(np.abs(measured).max(initial=0.0))
    return all(any(np.allclose(one, other, rtol=1e-5, atol=1e-7 * size) for other in measured) for one in claimed)


def _blocks(view: View, label: str, matrix: Array) -> Array:
    """Return the block of every sample."""
    count = view.shape[0]
    blocks = matrix.reshape(count, -1, count, int(np.prod(view.entry(label)[1:])))
    return np.array([blocks[sample, :, sample] for sample in range(count)])


def _foreign_values(view: View, label: str) -> bool:
    """Whether backward's rows of one sample depend on the inputs of another, while forward's do not."""
    inputs = view.probe.inputs
    rows = {len(x) for x in inputs if x.ndim}
    if len(rows) != 1 or not view.shape or view.shape[0] not in rows or view.shape[0] < 2 or not view.full(label):
        return False

    def change(probe: object) -> None:
        for x in probe.inputs:  # type: ignore[attr-defined]
            if x.dtype.kind == "f" and x.ndim:
                x[0] = x[0] * 0.7 + 0.05 * x[-1]

    other = view.changed(change)
    if other is None:
        return False
    mine, theirs = matrices(view, label), matrices(other, label)
    if mine is None or theirs is None:
        return False
    claimed, measured = (_rest_differs(view, label, a, b) for a, b in zip(mine, theirs, strict=True))
    return claimed and not measured


def _rest_differs(view: View, label: str, one: Array, other: Array) -> bool:
    """Whether two matrices differ in what belongs to samples after the first."""
    if has_batch(view, label):
        one, other = _blocks(view, label, one), _blocks(view, label, other)
    else:
        one, other = (m.reshape(view.shape[0], -1) for m in (one, other))
    size = float(np.abs(one).max(initial=0.0))
    return not np.allclose(one[1:], other[1:], rtol=1e-5, atol=1e-7 * size)
