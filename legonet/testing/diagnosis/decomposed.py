"""Take the derivative apart into terms that are made of known arrays, and find the one that is wrong."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from legonet.arrays import Array

from .case import Case, matrices
from .guesses import Guess
from .promises import arrays_in
from .terms import local, term
from .views import View

MOST_ATOMS = 9

TOLD = {
    "1": "the term that is the same for all entries, as of a mean",
    "the entry itself": "the term of the entry itself",
}


@dataclass
class Row:
    """A row of both matrices, and the vectors that it may be made of."""

    claimed: Array
    measured: Array
    vectors: dict[str, Array]


def row_terms(case: Case) -> Iterator[Guess]:
    """Each row is a sum of two or three known vectors: which of them has a wrong weight."""
    for axis in (1, 0):
        tables = [_rows(view, case.label, axis) for view in case.wrong]
        pairs = [(view, rows) for view, rows in zip(case.wrong, tables, strict=True) if rows]
        guess = _wrong_term(case, pairs)
        if guess is not None:
            yield guess
            return


def _wrong_term(case: Case, pairs: list[tuple[View, list[Row]]]) -> Guess | None:
    """Find two or three vectors that all rows are sums of, but for the weight of one."""
    if len(pairs) < 2:
        return None
    names = [name for name in pairs[0][1][0].vectors if all(name in row.vectors for _, rows in pairs for row in rows)]
    for count in (2, 3):
        usable = [(view, rows) for view, rows in pairs if len(rows[0].measured) > count]
        if len(usable) < 2:
            return None
        for chosen in itertools.combinations(names[:MOST_ATOMS], count):
            found = [_weights(rows, chosen) for _, rows in usable]
            known = [one for one in found if one is not None]
            if len(known) < len(found) or len({name for name, _ in known}) > 1:
                continue
            weights, views = [weight for _, weight in known], [view for view, _ in usable]
            guess = term(weights, case, TOLD.get(known[0][0], f"the term along {known[0][0]}"), True, views)
            if guess is not None:
                return guess
    return None


def _weights(rows: list[Row], chosen: tuple[str, ...]) -> tuple[str, float] | None:
    """Return the one term whose weight is wrong, and by what factor; None if the terms do not explain the rows."""
    factors: dict[str, list[float]] = {name: [] for name in chosen}
    for row in rows:
        basis = np.array([row.vectors[name] for name in chosen]).T
        if np.linalg.matrix_rank(basis, tol=1e-6 * float(np.abs(basis).max(initial=0.0))) < len(chosen):
            return None
        fits = [np.linalg.lstsq(basis, vector, rcond=None)[0] for vector in (row.claimed, row.measured)]
        for fit, vector in zip(fits, (row.claimed, row.measured), strict=True):
            if not np.allclose(
                basis @ fit, vector, rtol=1e-6, atol=1e-7 * float(np.abs(row.measured).max(initial=0.0))
            ):
                return None
        size = float(np.abs(fits[1] * np.abs(basis).max(axis=0)).max(initial=0.0))
        for name, own, right, vector in zip(chosen, *fits, basis.T, strict=True):
            if abs(right) * float(np.abs(vector).max()) > 1e-6 * size:
                factors[name].append(float(own / right))
            elif abs(own) * float(np.abs(vector).max()) > 1e-6 * size:
                return None
    wrong = {name: values for name, values in factors.items() if any(abs(value - 1) > 1e-5 for value in values)}
    if len(wrong) != 1 or not all(factors.values()):
        return None
    name, values = next(iter(wrong.items()))
    return (name, values[0]) if max(values) - min(values) < 1e-4 * max(1.0, abs(values[0])) else None


def _rows(view: View, label: str, axis: int) -> list[Row]:
    """Return the rows of samples: what an output, or the loss, has to do with the entries along an axis."""
    pair = matrices(view, label)
    shape, entry = view.shape, view.entry(label)
    if pair is None or not view.full(label) or len(entry) != 2 or min(entry) < 2 or not np.isfinite(pair[0]).all():
        return []
    if axis == 0 and shape != entry:
        return []
    if len(shape) and shape[0] != entry[0]:
        return []
    known = _arrays(view, entry)
    claimed, measured = (matrix.reshape(len(view.y), *entry) for matrix in pair)
    if axis == 0:
        claimed, measured = claimed.swapaxes(1, 2), measured.swapaxes(1, 2)
        known = {name: array.T for name, array in known.items() if array.ndim == 2}
    length = entry[axis]
    rows = []
    for output in range(len(view.y)):
        place: tuple[Any, ...] = np.unravel_index(output, shape) if shape else ()
        for sample in [int(place[1 - axis])] if shape else range(entry[0]):
            vectors: dict[str, Array] = {"1": np.ones(length)}
            if len(shape) == 2 and shape[axis] == length:
                vectors = {"the entry itself": np.eye(length)[int(place[axis])], **vectors}
            vectors |= {name: array[sample] if array.ndim == 2 else array for name, array in known.items()}
            if np.any(measured[output, sample]):
                rows.append(Row(claimed[output, sample], measured[output, sample], vectors))
    return rows


def _arrays(view: View, entry: tuple[int, ...]) -> dict[str, Array]:
    """Return the arrays, one row for each sample or one for all, that terms may be made of."""
    found: dict[str, Array] = {}
    for name, x in zip(view.probe.names, view.probe.inputs, strict=True):
        if x.shape in (entry, entry[1:]) and x.dtype.kind == "f":
            found[name] = x
        elif x.dtype.kind in "iu" and x.shape == entry[:1] and x.size and x.min() >= 0 and x.max() < entry[1]:
            found[f"one-hot {name}"] = np.eye(entry[1])[x]
    if view.shape == entry:
        found["y"] = view.y.reshape(entry)
    for count, array in enumerate(cached(view)):
        if array.shape == entry and not any(_same(array, other) for other in found.values()):
            found[f"array {count} of the cache"] = array
    for variable in view.variables.values():
        if variable.array.shape == entry[1:]:
            found[variable.name] = variable.array
    found |= {f"{name}²": array**2 for name, array in list(found.items())[:4]}
    return found


def _same(one: Array, other: Array) -> bool:
    return one.shape == other.shape and np.allclose(one, other)


def cached(view: View) -> list[Array]:
    """Return the floating-point arrays of the cache."""
    return [np.array(array) for array in arrays_in(view.probe.forward()[1]) if array.dtype.kind == "f"]


# -- entry by entry ----------------------------------------------------------------------------------------------------


def local_sum(case: Case) -> Iterator[Guess]:
    """Entry by entry, backward is off by a multiple of a product of known arrays."""
    found = case.every(lambda view: _known(view, case.label))
    if found is None or any(len(piece[0]) < 3 for piece in found) or sum(len(piece[0]) for piece in found) < 8:
        return
    names = [name for name in found[0][2] if all(name in piece[2] for piece in found)][:7]
    tables = [dict(_products({name: atoms[name] for name in names})) for _, _, atoms in found]
    texts = [text for text in tables[0] if all(text in table for table in tables)]

    def scales(parts: Sequence[Array], text: str) -> list[float] | None:
        """Return by what number each part is a multiple of a product."""
        several = [
            _multiple(part, table[text], float(np.abs(piece[1]).max(initial=0.0)))
            for part, table, piece in zip(parts, tables, found, strict=True)
        ]
        known = [scale for scale in several if scale is not None]
        return known if len(known) == len(several) else None

    for parts, told in (
        ([(own + theirs) / 2 for own, theirs, _ in found], "all but the term with {} has the wrong sign"),
        ([(theirs - own) / 2 for own, theirs, _ in found], "the term with {} has the wrong sign"),
    ):
        text = next((text for text in texts if scales(parts, text) is not None), None)
        single = any(
            scales(sides, other) is not None
            for sides in ([own for own, _, _ in found], [theirs for _, theirs, _ in found])
            for other in texts
        )
        if text is not None and not single:
            yield Guess("sign", f"{case.label}: {told.format(text)}", case.sure)
            return
    for text in texts:
        if scales([own - theirs for own, theirs, _ in found], text) is None:
            continue
        if any(scales([theirs for _, theirs, _ in found], other) is not None for other in texts):
            yield Guess("extra_path", f"{case.label} has an extra term with {text}", False)
        elif any(scales([own for own, _, _ in found], other) is not None for other in texts):
            yield Guess("missing_path", f"{case.label} lacks a term with {text}", False)
        return


def _known(view: View, label: str) -> tuple[Array, Array, dict[str, Array]] | None:
    found = local(view, label)
    if found is None:
        return None
    own, theirs, atoms = found
    entry = view.entry(label)
    for count, array in enumerate(cached(view)):
        if array.shape == entry and not any(np.allclose(array.ravel(), other) for other in atoms.values()):
            atoms[f"array {count} of the cache"] = array.ravel()
    for variable in view.variables.values():
        if variable.name not in atoms and variable.label != label and variable.array.shape in ((), (1,), entry[1:]):
            atoms[variable.name] = np.broadcast_to(variable.array, entry).ravel()
    return own, theirs, atoms


def _products(atoms: dict[str, Array]) -> Iterator[tuple[str, Array]]:
    """Yield 1, powers of arrays, and products of two of them."""
    powers: list[tuple[str, Array]] = []
    for name, values in atoms.items():
        powers += [(name, values), (f"{name}²", values**2)]
        if np.all(np.abs(values) > 1e-9):
            powers += [(f"1/{name}", 1 / values), (f"1/{name}²", values**-2)]
        if np.all((values > 0) & (values < 1)):
            powers += [(f"(1 - {name})", 1 - values), (f"1/(1 - {name})", 1 / (1 - values))]
    yield "1", np.ones(len(next(iter(atoms.values()))))
    yield from powers
    for (one, first), (two, second) in itertools.combinations(powers, 2):
        if one.strip("1/²-() ") != two.strip("1/²-() "):
            yield f"{one} · {two}", first * second


def _multiple(vector: Array, of: Array, size: float) -> float | None:
    """Return the number by which one vector is a multiple of another, None if it is not."""
    length = float(of @ of)
    if not np.isfinite(length) or length == 0:
        return None
    scale = float(vector @ of) / length
    if (
        not np.allclose(vector, scale * of, rtol=1e-5, atol=1e-7 * size)
        or abs(scale) * float(np.abs(of).max()) < 1e-5 * size
    ):
        return None
    return scale
