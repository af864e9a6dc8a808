"""Gradients that lack some contributions, or have some too many."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from legonet.arrays import Array
from legonet.testing.points import Point

from .case import Case, matrices
from .guesses import Guess
from .placement import crosses_samples, has_batch, is_constant, looks_like_window
from .views import View


def upstream_part(case: Case) -> Iterator[Guess]:
    """Of the upstream gradient, only a part or the sum is used."""
    label = case.label
    if case.every(lambda view: _is_part(view, label, 0) and _whole_columns(view, label, _dropped(view, label))):
        return
    if case.every(_unused_outputs):
        yield Guess("upstream_ignored", f"{label} depends on a part of dy only: some outputs are left out", case.sure)
    elif case.every(lambda view: _sums_too_much(view, label)):
        yield Guess("wrong_axis", f"{label} sums dy over all axes, where the derivative sums over some only", case.sure)
    elif case.every(lambda view: _rows_alike(view, label)):
        yield Guess("upstream_ignored", f"{label} depends on the sum of dy only, not on each of its entries", case.sure)


def unused_part(case: Case) -> Iterator[Guess]:
    """Of several outputs, one has no part in backward."""
    if case.every(lambda view: isinstance(view.output, tuple) and _unused_outputs(view)):
        yield Guess(
            "upstream_ignored", f"{case.label}: the upstream gradient of one of the outputs is not used", case.sure
        )


def _unused_outputs(view: View) -> bool:
    """Whether there is an output that no gradient uses, although the derivative is not zero."""
    unused = np.ones(len(view.rows), dtype=bool)
    matters = np.zeros(len(view.rows), dtype=bool)
    for label in view.variables:
        pair = matrices(view, label)
        if pair is None:
            return False
        unused &= ~np.any(pair[0] != 0, axis=1)
        matters |= np.any(np.abs(pair[1]) > 30 * view.error(label) + 1e-9, axis=1)
    return bool(np.any(unused & matters))


def _sums_too_much(view: View, label: str) -> bool:
    """Whether every entry gets the sum of all of dy, and the derivative that of a part of it."""
    pair = matrices(view, label)
    if pair is None or pair[0].shape[1] < 2:
        return False
    claimed, measured = pair
    part = view.same(label, measured, np.round(measured)) and set(np.unique(np.round(measured))) == {0.0, 1.0}
    return bool(part) and view.same(label, claimed, np.ones_like(claimed))


def _rows_alike(view: View, label: str) -> bool:
    pair = matrices(view, label)
    if pair is None or len(view.rows) < 2 or not np.any(pair[0]):
        return False
    claimed, measured = pair
    return view.same(label, claimed, np.broadcast_to(claimed[:1], claimed.shape)) and not view.same(
        label, measured, np.broadcast_to(measured[:1], measured.shape)
    )


# -- some are left out -------------------------------------------------------------------------------------------------


def overwritten_contributions(case: Case) -> Iterator[Guess]:
    """Of several contributions to an entry, the last one alone is kept."""
    label = case.label
    if not case.every(lambda view: _is_part(view, label, 0)):
        return
    if case.every(lambda view: _keeps_end(view, label, -1)):
        yield from _overwriting(case)
    elif case.every(lambda view: _keeps_end(view, label, 0)):
        if case.every(lambda view: _one_row_kept(view, label)) or case.every(lambda view: is_constant(view, label)):
            yield Guess(
                "missing_sum",
                f"{label} has one of several contributions only, the first: sum over all of them",
                case.sure,
            )
        else:
            yield Guess(
                "missing_path",
                f"{label} has the first of several contributions only: later outputs depend on it too",
                case.sure,
            )


def repeated(case: Case) -> Iterator[Guess]:
    """Wrong where integers repeat, right where they are all different."""
    points = [case.plain({}, 700 + seed) for seed in range(6)] + [view.point for view in (*case.wrong, *case.right)]
    outcomes: dict[bool, list[bool]] = {True: [], False: []}
    for name, size in case.point.sizes.items():
        if isinstance(size, int) and size > 1:
            points += [case.plain({name: fewer}, 720 + fewer) for fewer in (1, 2)]
    for point in points:
        if point is None or not any(x.dtype.kind in "iu" and x.size for x in point.inputs):
            continue
        alike = [p for p in points if p is not None and p.sizes == point.sizes]
        highest = max(int(x.max()) for p in alike for x in p.inputs if x.dtype.kind in "iu" and x.size)
        for one in (point, _distinct(point, highest)):
            view = case.view(one)
            if one is not None and view is not None and case.label in view.variables:
                outcomes[_repeats(one)].append(view.wrong(case.label))
    if len(outcomes[False]) >= 2 and not any(outcomes[False]) and sum(outcomes[True]) >= 2:
        text = f"{case.label} is right if all indices differ, and wrong if one repeats: add ('+=', np.add.at), do not assign"
        yield Guess("scatter", text, True)


def _repeats(point: Point) -> bool:
    every = np.concatenate([x.ravel() for x in point.inputs if x.dtype.kind in "iu"])
    return len(np.unique(every)) < every.size


def _distinct(point: Point, highest: int) -> Point | None:
    """Return the point with integers that all differ, if there are enough of them."""
    integers = [place for place, x in enumerate(point.inputs) if x.dtype.kind in "iu"]
    count = sum(point.inputs[place].size for place in integers)
    if count > highest + 1:
        return None
    order = np.random.default_rng(count).permutation(highest + 1)[:count]
    inputs = [x.copy() for x in point.inputs]
    for place in integers:
        x = inputs[place]
        inputs[place], order = order[: x.size].reshape(x.shape).astype(x.dtype), order[x.size :]
    return replace(point, inputs=inputs)


def left_out(case: Case) -> Iterator[Guess]:
    """All numbers are right, but some are zero that should not be."""
    label = case.label
    if not case.every(lambda view: _is_part(view, label, 0)):
        return
    masks = [_dropped(view, label) for view in case.wrong]
    pairs = list(zip(case.wrong, masks, strict=True))
    if all(_whole_columns(view, label, mask) for view, mask in pairs):
        yield from _columns(case, masks)
    elif all(_across_only(view, label, mask) for view, mask in pairs):
        yield Guess(
            "missing_path",
            f"{label} lacks what goes from one sample to another, as through a mean over the batch",
            case.sure,
        )
    elif case.every(lambda view: _diagonal_only(view, label)):
        yield Guess(
            "missing_path",
            f"{label} has the diagonal of the Jacobian only: each output depends on other entries too",
            case.sure,
        )
    else:
        yield Guess(
            "missing_path",
            f"{label} is right where it is not zero, but some outputs' contributions are missing",
            case.sure,
        )


def _is_part(view: View, label: str, of: int) -> bool:
    """Whether one matrix is the other with some entries set to zero; `of` 0: backward's is the smaller."""
    pair = matrices(view, label)
    if pair is None:
        return False
    small, large = (pair[0], pair[1]) if of == 0 else (pair[1], pair[0])
    zero = np.abs(small) <= 1e-9 * np.max(np.abs(large), initial=0.0) + (30 * view.error(label) if of else 0)
    kept = view.close(label, *pair)
    return bool(np.all(kept | zero)) and not kept.all()


def _dropped(view: View, label: str) -> Array:
    return np.asarray(view.gap(label) != 0)


def _keeps_end(view: View, label: str, end: int) -> bool:
    """Whether of several contributions to an entry one remains, always the last or always the first."""
    dropped = _dropped(view, label)
    present = np.abs(view.numeric(label)) > 1e-7 * np.max(np.abs(view.numeric(label)), initial=0.0)
    columns = [column for column in range(present.shape[1]) if present[:, column].any()]
    ends = [np.flatnonzero(present[:, column])[end] for column in columns]
    return bool(dropped.any()) and not any(dropped[one, column] for one, column in zip(ends, columns, strict=True))


def _overwriting(case: Case) -> Iterator[Guess]:
    label = case.label
    view = case.wrong[0]
    integers = any(x.dtype.kind in "iu" for x in view.probe.inputs)
    if not integers and case.every(lambda v: _one_row_kept(v, label)):
        if case.every(_unused_outputs):
            yield Guess(
                "upstream_ignored",
                f"{label} depends on the last part of dy only: other outputs are left out",
                case.sure,
            )
        else:
            yield Guess(
                "missing_sum",
                f"{label} has the contribution of one row only: sum over all rows of the batch",
                case.sure,
            )
        return
    what = "an index that is repeated" if integers else "an entry that several outputs depend on"
    yield Guess(
        "scatter", f"{label}: {what} keeps one contribution: add them up ('+=', np.add.at), do not assign", case.sure
    )


def _one_row_kept(view: View, label: str) -> bool:
    """Whether only the first or the last index of some axis of dy contributes."""
    claimed = view.claimed(label)
    if claimed is None or not view.full(label):
        return False
    used = np.any(claimed != 0, axis=1).reshape(view.shape)
    return any(
        size > 1 and np.count_nonzero(used.any(axis=tuple(a for a in range(used.ndim) if a != axis))) == 1
        for axis, size in enumerate(view.shape)
    )


def _whole_columns(view: View, label: str, dropped: Array) -> bool:
    present = np.abs(view.numeric(label)) > 1e-7 * np.max(np.abs(view.numeric(label)), initial=0.0)
    columns = dropped.any(axis=0)
    return bool(np.all(dropped[:, columns] == present[:, columns]))


def _columns(case: Case, masks: list[Array]) -> Iterator[Guess]:
    """Some entries get no gradient at all."""
    label = case.label
    for end, index in (("first", 0), ("last", -1)):
        if all(_only_index(view, label, mask, index) for view, mask in zip(case.wrong, masks, strict=True)):
            integers = any(x.dtype.kind in "iu" for x in case.point.inputs)
            cause = "window" if looks_like_window(case) else "special_value" if integers else "missing_gradient"
            yield Guess(cause, f"{label} is zero for the {end} index of an axis, and right for the others", case.sure)
            return
    if looks_like_window(case):
        yield Guess("window", f"{label} is zero for some entries, as at an edge, that outputs depend on", case.sure)
        return
    mask = masks[0]
    count = int(mask.any(axis=0).sum())
    yield Guess(
        "missing_gradient", f"{label} is zero for {count} of {mask.shape[1]} entries that the output depends on", False
    )


def _only_index(view: View, label: str, dropped: Array, index: int) -> bool:
    """Whether the columns that are dropped all have the first, or all have the last index along some axis."""
    wrong = dropped.any(axis=0)
    if not view.full(label) or not wrong.any():
        return False
    places = np.argwhere(wrong.reshape(view.entry(label)))
    return any(size > 1 and np.all(places[:, axis] == index % size) for axis, size in enumerate(view.entry(label)))


def _across_only(view: View, label: str, dropped: Array) -> bool:
    """Whether everything between samples is missing, and nothing else."""
    shape, entry = view.shape, view.entry(label)
    if not view.full(label) or not shape or not entry or shape[0] != entry[0] or shape[0] < 2:
        return False
    blocks = np.asarray(dropped.reshape(shape[0], -1, entry[0], int(np.prod(entry[1:]))).any(axis=(1, 3)))
    own = np.eye(len(blocks)) > 0
    return bool(blocks[~own].any() and not blocks[own].any())


def _diagonal_only(view: View, label: str) -> bool:
    claimed = view.claimed(label)
    return (
        claimed is not None
        and view.shape == view.entry(label)
        and not np.any(claimed[~np.eye(len(claimed), dtype=bool)])
    )


# -- some are too many -------------------------------------------------------------------------------------------------


def too_many(case: Case) -> Iterator[Guess]:
    """Right numbers, and others where the derivative is zero."""
    label = case.label
    if not case.every(lambda view: _is_part(view, label, 1)):
        return
    if all(crosses_samples(view, label) for view in case.wrong if has_batch(view, label)) and has_batch(
        case.wrong[0], label
    ):
        yield Guess("batch_mixed", f"{label}: dy of one sample goes into the gradient of another", case.sure)
    elif looks_like_window(case):
        yield Guess("window", f"{label} has contributions of outputs that do not depend on the entry", case.sure)
    elif case.every(lambda view: _dead_columns(view, label)):
        yield Guess(
            "mask", f"{label} is not zero for entries that the output does not depend on: apply the mask", case.sure
        )
    else:
        yield Guess("extra_path", f"{label} has contributions of outputs that do not depend on the entry", case.sure)


def _dead_columns(view: View, label: str) -> bool:
    """Whether all wrong entries have no influence at all."""
    measured = view.numeric(label)
    dead = np.all(np.abs(measured) <= 30 * view.error(label) + 1e-9 * np.max(np.abs(measured), initial=0.0), axis=0)
    wrong = (view.gap(label) != 0).any(axis=0)
    rows = (view.gap(label) != 0).any(axis=1)
    silent = np.all(np.abs(measured) <= 30 * view.error(label) + 1e-9 * np.max(np.abs(measured), initial=0.0), axis=1)
    return bool(np.all(dead[wrong]) or np.all(silent[rows]))


# -- right for some outputs --------------------------------------------------------------------------------------------


def some_outputs(case: Case) -> Iterator[Guess]:
    """Right for the first or last index along an axis of the output, wrong for the others, or the contrary."""
    label = case.label
    first = case.wrong[0] if case.wrong else None
    if first is None or not first.full(label) or isinstance(first.output, tuple):
        return
    for axis in range(1, len(first.shape)):
        patterns = [
            _pattern(view, label, axis)
            for view in case.wrong
            if len(view.shape) > axis and view.shape[axis] > 2 and view.full(label)
        ]
        if not patterns or any(len(p) < 3 for p in patterns):
            continue
        if all(not p[0] and p[1:].all() for p in patterns) or all(not p[-1] and p[:-1].all() for p in patterns):
            end = "first" if not patterns[0][0] else "last"
            yield Guess(
                "missing_path",
                f"{label} is right for the {end} index along axis {axis} of y only: what one step hands on to the next is wrong",
                False,
            )
            return
        if all(p[0] and p[-1] and not p[1:-1].any() for p in patterns):
            cause = "window" if looks_like_window(case) else "wrong_axis"
            yield Guess(
                cause,
                f"{label} is wrong for the outputs at both ends of axis {axis} only, as where a window is cut",
                False,
            )
            return
        if all(p[0] and not p[1:].any() for p in patterns) or all(p[-1] and not p[:-1].any() for p in patterns):
            cause = "window" if looks_like_window(case) else "wrong_axis"
            end = "first" if patterns[0][0] else "last"
            yield Guess(cause, f"{label} is wrong for the {end} index along axis {axis} of y only", False)
            return


def _pattern(view: View, label: str, axis: int) -> Array:
    wrong = (view.gap(label) != 0).any(axis=1).reshape(view.shape)
    return np.asarray(wrong.any(axis=tuple(a for a in range(wrong.ndim) if a != axis)))


def partly_negative(case: Case) -> Iterator[Guess]:
    """Some entries have the wrong sign, others are right or a mixture."""
    if case.every(lambda view: _some_negative(view, case.label)):
        yield Guess("sign", f"{case.label} has the wrong sign for some entries: one of its terms has")


def _some_negative(view: View, label: str) -> bool:
    pair = matrices(view, label)
    if pair is None:
        return False
    claimed, measured = pair
    present = np.abs(measured).max(axis=0) > 1e-6 * np.abs(measured).max(initial=0.0)
    return bool(np.any(view.close(label, claimed, -measured).all(axis=0) & present))
