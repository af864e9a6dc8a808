"""Gradients that lack a term, count one twice, or have one with a wrong sign or factor."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from legonet.arrays import Array
from legonet.testing.probe import Probe

from .case import Case, matrices
from .factors import ratio, size_named
from .guesses import Guess, number
from .views import View


def term(weights: list[float], case: Case, what: str, sure: bool, views: Sequence[View] | None = None) -> Guess | None:
    """Say what it means that a term enters backward with a weight, where it should be 1; one weight for each view."""
    views = case.wrong if views is None else views
    weight = weights[0]
    if not np.isfinite(weights).all() or all(abs(value - 1) < 1e-4 for value in weights):
        return None
    if max(weights) - min(weights) <= 1e-4 * max(1.0, abs(weight)):
        if abs(weight) < 1e-4:
            return Guess("missing_path", f"{case.label} lacks {what}", sure)
        if abs(weight + 1) < 1e-4:
            return Guess("sign", f"{case.label}: {what} has the wrong sign", sure)
        if abs(weight - 2) < 1e-4:
            return Guess("extra_path", f"{case.label}: {what} is counted twice", sure)
        return Guess("constant_factor", f"{case.label}: {what} is {number(weight)} times what it should be", sure)
    named = size_named(list(views), weights, case.label) if len(weights) == len(views) else None
    if named is not None:
        return Guess(
            "size_factor", f"{case.label}: {what} is {number(weight)} times what it should be, which is {named}", sure
        )
    return None


# -- what couples the entries ------------------------------------------------------------------------------------------


def off_diagonal(case: Case) -> Iterator[Guess]:
    """What goes from an entry to the outputs at other places has a factor of its own."""
    found = case.every(lambda view: _off_ratio(view, case.label))
    if found is None:
        return
    weights = [pair[0] for pair in found]
    guess = term(weights, case, "what goes from each entry to the other outputs (off the diagonal)", case.sure)
    if guess is not None:
        yield guess


def _off_ratio(view: View, label: str) -> tuple[float] | None:
    pair = matrices(view, label)
    if pair is None or view.shape != view.entry(label) or len(view.y) < 2 or not view.full(label):
        return None
    off = ~np.eye(len(view.y), dtype=bool)
    claimed, measured = (np.where(off, matrix, 0.0) for matrix in pair)
    size = float(np.abs(measured).max(initial=0.0))
    if size < 1e-6 * float(np.abs(pair[1]).max(initial=0.0)) or np.count_nonzero(np.abs(measured) > 1e-6 * size) < 4:
        return None
    place = np.unravel_index(int(np.argmax(np.abs(measured))), measured.shape)
    factor = float(claimed[place] / measured[place])
    if abs(factor - 1) < 1e-5 or not view.same(label, claimed, factor * measured):
        return None
    return (factor,)


def coupling(case: Case) -> Iterator[Guess]:
    """Normalization-like: a multiple of the identity plus few directions, one of which has a wrong weight."""
    what = "a term through a mean or a norm of several entries"
    counts = [count for view in case.wrong if (count := _direction_counts(view, case.label)) is not None]
    if len(counts) > 1 and all(backward > forward for forward, backward in counts):
        yield Guess("extra_path", f"{case.label} has {what} too many", True)
        return
    if len(counts) > 1 and all(backward < forward for forward, backward in counts):
        yield Guess("missing_path", f"{case.label} lacks {what}", True)
        return
    weights = [weight for view in case.wrong if (weight := _direction_weight(view, case.label)) is not None]
    if len(weights) < 2 or any(max(w) - min(w) > 1e-3 * max(1.0, abs(w[0])) for w in weights):
        return
    guess = term([w[0] for w in weights], case, what, True)
    if guess is not None:
        yield guess


def _direction_counts(view: View, label: str) -> tuple[int, int] | None:
    """Return how many directions forward's and backward's matrices have beside a multiple of the identity."""
    blocks = _square_blocks(view, label)
    if not blocks:
        return None
    counts = [(_beside_identity(measured), _beside_identity(claimed)) for measured, claimed in blocks]
    forward, backward = max(one for one, _ in counts), max(other for _, other in counts)
    return (forward, backward) if max(forward, backward) <= len(blocks[0][0]) / 2 else None


def _beside_identity(matrix: Array) -> int:
    values = np.linalg.eigvals(matrix)
    size = float(np.abs(values).max(initial=0.0))
    return len(values) - max(int(np.sum(np.abs(values - value) < 1e-6 * size)) for value in values) if size else 0


def _square_blocks(view: View, label: str) -> list[tuple[Array, Array]]:
    """Return the groups of entries that depend on each other, measured and claimed, with the parameters made level."""

    def level(probe: Probe) -> None:
        for variable in probe.variables:
            if variable.parameter is not None and variable.label != label and variable.array.size:
                variable.array[...] = float(np.mean(np.abs(variable.array)))

    if view.shape != view.entry(label) or not view.full(label):
        return []
    plain = view.changed(level)
    pair = matrices(plain, label) if plain is not None else None
    if pair is None or not np.isfinite(pair[0]).all():
        return []
    groups = [group for group in _groups(pair[1]) if len(group) > 3]
    return [(pair[1][np.ix_(group, group)], pair[0][np.ix_(group, group)]) for group in groups]


def _direction_weight(view: View, label: str) -> list[float] | None:
    """Return with which weight backward has the directions in which it is wrong."""
    weights: list[float] = []
    for measured, claimed in _square_blocks(view, label):
        found = _weights_of_block(measured, claimed)
        if found is None:
            return None
        weights += found
    return weights or None


def _weights_of_block(measured: Array, claimed: Array) -> list[float] | None:
    if not np.isfinite(claimed).all():
        return None
    values = np.sort(np.real(np.linalg.eigvals(measured)))
    size = float(np.abs(values).max())
    counts = [int(np.sum(np.abs(values - value) < 1e-6 * size)) for value in values]
    most = int(np.argmax(counts))
    if counts[most] < 2 or size == 0:
        return None
    own = values[most]
    left, singular, _ = np.linalg.svd(claimed - measured)
    rank = int(np.sum(singular > 1e-6 * max(float(singular[0]), 1e-5 * size)))
    if not 0 < rank < len(values) - 1:
        return None
    weights = []
    for direction in left[:, :rank].T if rank == 1 else [left[:, 0]]:
        path, gap = direction @ measured @ direction - own, direction @ (claimed - measured) @ direction
        if abs(path) < 1e-6 * size:
            return None
        weights.append(float((path + gap) / path))
    return weights


def _groups(matrix: Array) -> Iterator[list[int]]:
    """Yield the groups of entries that depend on each other."""
    linked = np.abs(matrix) > 1e-9 * np.max(np.abs(matrix), initial=0.0)
    linked |= linked.T
    left = set(range(len(matrix)))
    while left:
        group, edge = set(), {left.pop()}
        while edge:
            group |= edge
            edge = {int(k) for one in edge for k in np.flatnonzero(linked[one])} - group
        left -= group
        yield sorted(group)


def mean_term(case: Case) -> Iterator[Guess]:
    """Backward is off by what is the same along an axis: a mean that it ought to subtract, or ought not to."""
    label = case.label
    first = case.wrong[0] if case.wrong else None
    for axis in range(len(first.entry(label)) if first is not None else 0):
        found = case.every(lambda view, a=axis: _level_gap(view, label, a))
        if found is None or len(set(found)) > 1 or found[0] == "neither":
            continue
        if found[0] == "forward":
            text = f"{label} lacks the term through the mean along axis {axis}: the derivative sums to zero there"
            yield Guess("missing_path", text)
            yield Guess("extra_path", f"{label} has a term through the mean along axis {axis} with a wrong weight")
        else:
            text = f"{label} sums to zero along axis {axis}, but the derivative does not: the term through the mean is extra"
            yield Guess("extra_path", text, case.sure)
        return


def _level_gap(view: View, label: str, axis: int) -> str | None:
    pair = matrices(view, label)
    if pair is None or not view.full(label) or len(view.entry(label)) <= axis or view.entry(label)[axis] < 2:
        return None
    place = len(view.shape) + axis
    claimed, measured = (view.shaped(label, matrix) for matrix in pair)
    gap = claimed - measured
    level = measured + gap.mean(axis=place, keepdims=True)
    if not view.same(label, pair[0], level.reshape(pair[0].shape)):
        return None
    size = float(np.abs(measured).max(initial=0.0))
    zero = [bool(np.abs(matrix.sum(axis=place)).max(initial=0.0) < 1e-6 * size) for matrix in (measured, claimed)]
    return "forward" if zero == [True, False] else "backward" if zero == [False, True] else "neither"


# -- with and without a variable ------------------------------------------------------------------------------------


def ablation(case: Case) -> Iterator[Guess]:
    """Set one variable to zero: the derivative falls into the part with it and the part without it."""
    if not case.wrong:
        return
    label = case.label
    names = [variable.name for variable in case.wrong[0].variables.values()]
    for name in names:
        for part, what in (
            ("with", f"the part that depends on {name}"),
            ("without", f"the part that does not depend on {name}"),
        ):
            found = case.every(lambda view, n=name, p=part: _weight_of_part(view, label, n, p))
            if found is None:
                continue
            guess = term([pair[0] for pair in found], case, what, case.sure)
            if guess is not None:
                yield guess
                return


def _weight_of_part(view: View, label: str, name: str, part: str) -> tuple[float] | None:
    other = filled(view, name, 0.0)
    pair = matrices(view, label)
    if other is None or pair is None or label not in other.variables:
        return None
    claimed, measured = pair
    rest = other.numeric(label)
    if rest.shape != measured.shape or not np.isfinite(claimed).all():
        return None
    piece, remainder = (measured - rest, rest) if part == "with" else (rest, measured - rest)
    size = float(np.abs(measured).max(initial=0.0))
    if np.abs(piece).max(initial=0.0) < 1e-5 * size or np.abs(remainder).max(initial=0.0) < 1e-5 * size:
        return None
    gap = claimed - measured
    place = np.unravel_index(int(np.argmax(np.abs(piece))), piece.shape)
    weight = float(gap[place] / piece[place])
    if abs(weight) < 1e-5 or not view.same(label, claimed, measured + weight * piece):
        return None
    return (1 + weight,)


def fills(case: Case) -> Iterator[Guess]:
    """Fill one operand with 0 or 1: what is left may be a multiple of the derivative, zero, or too much."""
    if not case.wrong:
        return
    label = case.label
    own = case.wrong[0].variables[label].name
    for name, array in arrays(case.wrong[0]).items():
        if name == own or array.dtype.kind != "f":
            continue
        for value in (0.0, 1.0):
            found = case.every(lambda view, n=name, v=value: _ratio_at(view, label, n, v))
            if found is None or abs(found[0][0] - 1) < 1e-5:
                continue
            weights = [pair[0] for pair in found]
            known = any(abs(weights[0] - nice) < 1e-5 for nice in (-1, 0, 2, 0.5))
            if max(weights) - min(weights) < 1e-5 and known:
                guess = term(weights, case, f"the term that is left where {name} is {value:g}", case.sure)
                if guess is not None:
                    yield guess
                    return


def arrays(view: View) -> dict[str, Array]:
    """Return every array that forward works with, by name."""
    found = dict(zip(view.probe.names, view.probe.inputs, strict=True))
    return found | {v.name: v.array for v in view.variables.values() if v.parameter is not None}


def filled(view: View, name: str, value: float) -> View | None:
    """Return a view with one array filled with a value."""

    def change(probe: Probe) -> None:
        for own, x in zip(probe.names, probe.inputs, strict=True):
            if own == name:
                x[...] = value
        for variable in probe.variables:
            if variable.name == name:
                if not variable.low <= value <= variable.high:
                    raise ValueError(name)
                variable.array[...] = value

    return view.changed(change)


def _ratio_at(view: View, label: str, name: str, value: float) -> tuple[float] | None:
    other = filled(view, name, value)
    if other is None or label not in other.variables or np.count_nonzero(np.abs(other.numeric(label)) > 1e-9) < 2:
        return None
    found = ratio(other, label)
    return None if found is None else (found,)


def dead_or_alive(case: Case) -> Iterator[Guess]:
    """With one variable at zero, one of the two sides has entries where the other has none."""
    if not case.wrong:
        return
    label = case.label
    for variable in case.wrong[0].variables.values():
        if variable.label == label:
            continue
        found = case.every(lambda view, n=variable.name: _who_is_left(view, label, n))
        if found is None or len(set(found)) > 1:
            continue
        if found[0] == "forward":
            text = f"where {variable.name} is zero, {label} lacks what the derivative has: a path that goes around it is missing"
            yield Guess("missing_path", text, case.sure)
        else:
            text = f"where {variable.name} is zero, {label} has what the derivative has not: a path that goes around it is extra"
            yield Guess("extra_path", text, case.sure)
        return


def _who_is_left(view: View, label: str, name: str) -> str | None:
    other = filled(view, name, 0.0)
    pair = matrices(other, label) if other is not None and label in other.variables else None
    if other is None or pair is None or not np.isfinite(pair[0]).all() or not np.isfinite(other.error(label)).all():
        return None
    size = float(np.abs(view.numeric(label)).max(initial=0.0))
    here, there = (np.abs(matrix) > 1e-6 * size for matrix in pair)
    agree = other.close(label, *pair)
    if not np.any(here & ~there) and np.any(there & ~here) and np.all(agree | ~here):
        return "forward"
    if not np.any(there & ~here) and np.any(here & ~there) and np.all(agree | ~there):
        return "backward"
    return None


def nothing_there(case: Case) -> Iterator[Guess]:
    """The output does not depend on the variable at all, but backward says so."""
    label = case.label
    if case.every(
        lambda view: (
            not np.any(np.abs(view.numeric(label)) > 30 * view.error(label) + 1e-12)
            and bool(np.any(view.claimed(label) != 0))
            and bool(np.isfinite(view.error(label)).all())
        )
    ):
        yield Guess("extra_path", f"{label} is not zero, but the output does not depend on it at all", case.sure)


# -- entry by entry ----------------------------------------------------------------------------------------------------


def local(view: View, label: str) -> tuple[Array, Array, dict[str, Array]] | None:
    """Return backward's and the measured derivatives of a brick that works entry by entry, and what they may be made of."""
    pair = matrices(view, label)
    if pair is None or not view.full(label):
        return None
    claimed, measured = pair
    if view.shape == view.entry(label) and len(view.y) > 1:
        off = ~np.eye(len(view.y), dtype=bool)
        size = float(np.abs(measured).max(initial=0.0))
        if np.abs(measured[off]).max(initial=0.0) > 1e-7 * size or np.any(claimed[off]):
            return None
        own, theirs = np.diag(claimed), np.diag(measured)
        y = view.y
    elif len(view.y) == 1:
        own, theirs, y = claimed[0], measured[0], np.full(claimed.shape[1], view.y[0])
    else:
        return None
    atoms: dict[str, Array] = {"y": y}
    for name, x in zip(view.probe.names, view.probe.inputs, strict=True):
        if x.size == len(own) and x.dtype.kind == "f":
            atoms[name] = x.ravel()
    return own, theirs, atoms


def inverted(case: Case) -> Iterator[Guess]:
    """The derivative has two values, and backward has the one where the other belongs."""
    if case.every(lambda view: _swapped_values(view, case.label)):
        yield Guess(
            "mask",
            f"{case.label} has the two values of the derivative the wrong way round: the condition is inverted",
            case.sure,
        )


def _swapped_values(view: View, label: str) -> bool:
    found = local(view, label)
    if found is None:
        return False
    own, theirs, _ = found
    if np.all((own == 0) != (np.abs(theirs) < 1e-9 * np.abs(theirs).max())) and 0 < np.count_nonzero(own) < len(own):
        return True
    low, high = float(theirs.min()), float(theirs.max())
    size = max(abs(low), abs(high))
    lower, upper = np.isclose(theirs, low, rtol=0, atol=1e-6 * size), np.isclose(theirs, high, rtol=0, atol=1e-6 * size)
    return bool(
        high - low > 1e-3 * size
        and np.all(lower | upper)
        and np.allclose(own, np.where(lower, high, low), rtol=0, atol=1e-6 * size)
    )


def local_terms(case: Case) -> Iterator[Guess]:
    """Entry by entry, a product rule of which one half is missing, or a term of which the sign is wrong."""
    found: Any = case.every(lambda view: local(view, case.label))
    if found is None:
        return
    own, theirs = (np.concatenate([piece[k] for piece in found]) for k in (0, 1))
    names = set.intersection(*(set(piece[2]) for piece in found))
    atoms = {name: np.concatenate([piece[2][name] for piece in found]) for name in names}
    if len(own) < 4:
        return
    x = case.label.removeprefix("d")
    size = float(np.abs(theirs).max())

    def equal(one: Array, other: Array) -> bool:
        return bool(np.allclose(one, other, rtol=1e-5, atol=1e-7 * size))

    for power, told in ((2, "square"), (3, "cube"), (0.5, "square root"), (-1, "inverse")):
        with np.errstate(all="ignore"):
            if equal(np.abs(own) ** power, np.abs(theirs)) and not equal(np.abs(own), np.abs(theirs)):
                yield Guess(
                    "wrong_formula", f"{case.label} would be right as its {told}: a power is missing", case.sure
                )
                return
    if x in atoms and not np.any(np.abs(atoms[x]) < 1e-6):
        quotient = atoms["y"] / atoms[x]
        if equal(own, quotient) or equal(own, theirs - quotient):
            yield Guess(
                "missing_path",
                f"{case.label} has one half of the product rule: the factors of y = {x} · g({x}) both depend on {x}",
                case.sure,
            )
            return
