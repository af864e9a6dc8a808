"""Gradients that are a multiple of the right one."""

import itertools
import math
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from legonet.arrays import Array
from legonet.brick import Brick

from .case import Case, matrices
from .guesses import Guess, number, times
from .placement import looks_like_window
from .views import View


def proportional(case: Case) -> Iterator[Guess]:
    """Backward gives a multiple of the derivative."""
    found = case.every(lambda view: ratio(view, case.label))
    if found is None:
        return
    yield from explain_ratios(case, found, case.label)


def ratio(view: View, label: str) -> float | None:
    """Return the number c if backward gives c times the derivative."""
    pair = matrices(view, label)
    return None if pair is None else ratio_of(view, label, *pair)


def ratio_of(view: View, label: str, claimed: Array, measured: Array) -> float | None:
    """Return the number by which one matrix is a multiple of another."""
    if not np.isfinite(claimed).all() or not np.any(measured):
        return None
    place = np.unravel_index(int(np.argmax(np.abs(measured))), measured.shape)
    factor = float(claimed[place] / measured[place])
    return factor if view.same(label, claimed, factor * measured) else None


def explain_ratios(case: Case, found: list[float], what: str) -> Iterator[Guess]:
    """Say what a factor is: a fixed number, or a size."""
    if _alike(found):
        yield from _fixed(case, found[0], what)
        return
    text = size_named(case.wrong, found, case.label)
    if text is not None:
        # The report shows the failing point: tell the factor there, if it has one.
        shown = ratio(case.here, case.label) if case.here is not None and what == case.label else None
        example = found[0] if shown is None else shown
        told = text.replace("1/the", "one over the")
        advice = "" if text.startswith("half") else f": {_advice(text, found[0])}"
        yield Guess("size_factor", f"{what} is {times(example)}; {number(example)} is {told}{advice}", case.sure)
        return
    if not _varies_at_one_size(case, found):
        numbers = ", ".join(number(value) for value in found[:3])
        yield Guess("size_factor", f"{what} is off by a factor that depends on the sizes alone: {numbers}", False)


def _fixed(case: Case, factor: float, what: str) -> Iterator[Guess]:
    if abs(factor) < 1e-12:
        yield Guess("missing_gradient", f"{what}: backward gives zeros, but the derivative is not zero", case.sure)
        return
    if abs(factor + 1) < 1e-6:
        yield Guess("sign", f"{what} has the wrong sign: it is -1 times the derivative", case.sure)
        return
    named = _attribute_named(case, factor)
    reason = f"; {number(factor)} is {named}" if named else ""
    told = "" if re.fullmatch(r"-?\d+(/\d+)?", number(factor)) is None else f", a factor of {number(factor)}"
    text = f"{what} is {times(factor)}{told}{reason}, at all points that were tried"
    for name in _unvaried(case):
        view = _at_another_size(case, name)
        other = None if view is None else ratio(view, case.label)
        if view is not None and other is not None and abs(other - factor) > 1e-5 * abs(factor):
            views, found = [*case.wrong, view], [*[factor] * len(case.wrong), other]
            made = size_named(views, found, case.label) or f"made of the {name} size"
            yield Guess(
                "size_factor", f"{what} is {times(factor)}; {number(factor)} is {made}: {_advice(made, factor)}", True
            )
            return
    size = None if named else _possible_size(case, factor)
    guesses = [Guess("constant_factor", text, case.sure and size is None)]
    if size is not None:
        told = f"{what} is {times(factor)}; {number(factor)} is {size}: {_advice(size, factor)}"
        guesses.append(Guess("size_factor", told))
        plain = abs(abs(factor) - 1) <= 1 or (abs(factor) > 1e-9 and abs(abs(1 / factor) - 1) <= 1)
        if not plain or not re.fullmatch(r"-?\d+(/\d+)?", number(factor)):
            guesses.reverse()
    yield from guesses


def _unvaried(case: Case) -> list[str]:
    """Return the names of the sizes that are the same at all views."""
    tables = [view.point.sizes for view in case.wrong]
    return [
        name
        for name, size in tables[0].items()
        if isinstance(size, int) and len({table.get(name) for table in tables}) == 1
    ]


def _possible_size(case: Case, factor: float) -> str | None:
    """Return a size that was the same at all views, and is the factor, or its root is."""
    tables = [sizes_of(view, case.label) for view in case.wrong]
    for name, size in tables[0].items():
        if size > 1 and all(table.get(name) == size for table in tables):
            known = {name: size, f"one over {name}": 1 / size}
            if math.isqrt(int(size)) ** 2 != size:
                known |= {f"the square root of {name}": math.sqrt(size), f"1/the square root of {name}": size**-0.5}
            for text, value in known.items():
                if abs(value - abs(factor)) <= 1e-5 * abs(factor):
                    return text
    return None


def _at_another_size(case: Case, name: str) -> View | None:
    """Return a view where one size is another one, and no other."""
    for size in (5, 4, 3, 7, 6):
        if size != case.wrong[0].point.sizes[name]:
            view = case.view(case.plain({**case.wrong[0].point.sizes, name: size}, 800 + size))
            if view is not None and case.label in view.variables:
                return view
    return None


def row_by_row(case: Case) -> Iterator[Guess]:
    """Each output, or each entry, has a factor of its own."""
    label = case.label
    for axis, what in ((1, "output"), (0, "entry")):
        found = case.every(lambda view, a=axis: _ratios(view, label, a))
        if found is None:
            continue
        every = np.concatenate(found)
        counts = max(max((*view.shape, *view.entry(label), 1)) for view in case.wrong)
        off = every[np.abs(every - 1) > 1e-5]
        if 2 * len(off) < len(every):
            continue
        example = ", ".join(list(dict.fromkeys(number(value) for value in off))[:3])
        if (
            all(any(abs(value * n - round(value * n)) < 1e-5 for n in range(1, counts + 1)) for value in every)
            and len(every) > 3
        ):
            text = f"{label} is off by a factor of its own for each {what}, a ratio of counts: {example}"
            yield Guess("window" if looks_like_window(case) else "size_factor", text, case.sure)
            return


def two_factors(case: Case) -> Iterator[Guess]:
    """Some derivatives are right, and all others are off by the same factor."""
    found = case.every(lambda view: _second_factor(view, case.label))
    if found is None or not _alike([factor for (factor,) in found]):
        return
    factor = found[0][0]
    if abs(factor + 1) < 1e-5:
        yield Guess("sign", f"{case.label} has the wrong sign for some entries, and is right for the others")
    else:
        text = f"{case.label} is right for some entries, and {number(factor)} times what it should be for the others"
        yield Guess("constant_factor", text)


def _second_factor(view: View, label: str) -> tuple[float] | None:
    pair = matrices(view, label)
    if pair is None:
        return None
    claimed, measured = pair
    wrong = view.gap(label) != 0
    present = np.abs(measured) > 1e-6 * float(np.abs(measured).max(initial=0.0))
    if np.any(wrong & ~present) or np.count_nonzero(wrong) < 2 or np.count_nonzero(present & ~wrong) < 2:
        return None
    factors = claimed[wrong] / measured[wrong]
    return (float(factors[0]),) if np.ptp(factors) < 1e-4 * abs(float(factors[0])) else None


def wrong_length(case: Case) -> Iterator[Guess]:
    """Each output has a factor of its own, which is no ratio of sizes."""
    found = case.every(lambda view: _ratios(view, case.label, 1))
    if found is not None and min(len(values) for values in found) > 1:
        example = ", ".join(list(dict.fromkeys(number(value) for value in np.concatenate(found)))[:3])
        text = f"{case.label} is off by a factor of its own for each output: {example}"
        yield Guess("wrong_formula", text, case.sure)


def _ratios(view: View, label: str, axis: int) -> Array | None:
    """Return by what each row, or column, is off; None if it is not by a factor."""
    pair = matrices(view, label)
    if pair is None or not np.isfinite(pair[0]).all():
        return None
    claimed, measured = pair if axis else (pair[0].T, pair[1].T)
    several = np.count_nonzero(np.abs(measured) > 1e-9, axis=1) > 1
    if np.count_nonzero(several) < 2:
        return None
    places = np.argmax(np.abs(measured), axis=1)
    largest = np.take_along_axis(measured, places[:, None], 1)
    with np.errstate(all="ignore"):
        factors = np.where(largest == 0, 1.0, np.take_along_axis(claimed, places[:, None], 1) / largest)
    fitted = factors * measured
    if not view.same(label, pair[0], fitted if axis else fitted.T):
        return None
    return np.asarray(factors[several[:, None] & (largest != 0)])


def _alike(found: list[float]) -> bool:
    return max(found) - min(found) <= 1e-5 * max(abs(value) for value in found) + 1e-12


def _varies_at_one_size(case: Case, found: list[float]) -> bool:
    by_size: dict[Any, list[float]] = {}
    for view, value in zip(case.wrong, found, strict=True):
        by_size.setdefault((view.shape, tuple(sorted((k, str(v)) for k, v in view.point.sizes.items()))), []).append(
            value
        )
    return not all(_alike(values) for values in by_size.values()) or all(len(values) < 2 for values in by_size.values())


def _advice(text: str, factor: float) -> str:
    if "batch" in text and abs(factor) > 1:
        return "divide by the batch, or do not average in the loss"
    if "batch" in text:
        return "do not divide by the batch, or average in the loss"
    return "divide by it" if abs(factor) > 1 and not text.startswith("1/") else "do not divide by it"


# -- sizes -------------------------------------------------------------------------------------------------------------


def sizes_of(view: View, label: str) -> dict[str, float]:
    """Return every size that a factor may have been made of, by what it is called."""
    found: dict[str, float] = {}
    for name, size in view.point.sizes.items():
        if isinstance(size, int):
            found[f"the {name} size" if name != "batch" else "the batch size"] = size
    rows = [len(x) for x in view.point.inputs if x.ndim]
    if rows and "the batch size" not in found:
        found["the batch size, the rows of the input"] = rows[0]
    for name, shape in (("y", view.shape), (view.variables[label].name, view.entry(label)), *_input_shapes(view)):
        for axis, size in enumerate(shape):
            found.setdefault(f"the size of axis {axis} of {name}", size)
        found.setdefault(f"the number of entries of {name}", math.prod(shape))
        if len(shape) > 1:
            found.setdefault(f"the number of entries in a row of {name}", math.prod(shape[1:]))
        if len(shape) > 2:
            found.setdefault(f"the number of entries in a channel of {name}", math.prod(shape[2:]))
            found.setdefault(f"the number of rows of the last axis of {name}", math.prod(shape[:-1]))
    for name, value in attributes(view.point.brick).items():
        if value == int(value) and value > 1:
            found.setdefault(name, value)
    for option, value in view.point.options.items():
        if isinstance(value, int) and value > 1:
            found.setdefault(option, value)
    return found


def _input_shapes(view: View) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield from ((name, x.shape) for name, x in zip(view.probe.names, view.probe.inputs, strict=True))


def size_named(views: list[View], found: list[float], label: str, simple: bool = False) -> str | None:
    """Return what the factors found at several views are: a size, or made of sizes."""
    tables = [sizes_of(view, label) for view in views]
    names = [name for name in tables[0] if all(name in table for table in tables)]
    for terms in _expressions(names, simple or len(views) < 3):
        for text, function in terms:
            values = [function(table) for table in tables]
            for sign in ("", "-"):
                signed = [-value if sign else value for value in values]
                fits = all(abs(one - other) <= 1e-5 * abs(other) for one, other in zip(found, signed, strict=True))
                if fits and (max(values) != min(values) or simple):
                    return sign + text
    return None


def _expressions(names: list[str], simple: bool) -> Iterator[list[tuple[str, Any]]]:
    for name in names:
        yield [
            (name, lambda t, n=name: t[n]),
            (f"1/{name}", lambda t, n=name: 1 / t[n] if t[n] else math.nan),
        ]
    if simple:
        return
    for name in names:
        yield [
            (text.format(name), lambda t, n=name, f=function: f(t[n]) if t[n] else math.nan)
            for text, function in _SHAPES.items()
        ]
    for one, two in itertools.combinations(names, 2):
        yield [
            (f"{one} times {two}", lambda t, a=one, b=two: t[a] * t[b]),
            (f"1/({one} times {two})", lambda t, a=one, b=two: 1 / (t[a] * t[b]) if t[a] * t[b] else math.nan),
            (f"{one} by {two}", lambda t, a=one, b=two: t[a] / t[b] if t[b] else math.nan),
            (f"{two} by {one}", lambda t, a=one, b=two: t[b] / t[a] if t[a] else math.nan),
        ]


_SHAPES = {
    "2 times {}": lambda n: 2 * n,
    "half of {}": lambda n: n / 2,
    "2/{}": lambda n: 2 / n,
    "1/(2 {})": lambda n: 1 / (2 * n),
    "the square of {}": lambda n: n**2,
    "1/the square of {}": lambda n: 1 / n**2,
    "the square root of {}": lambda n: math.sqrt(n),
    "1/the square root of {}": lambda n: 1 / math.sqrt(n),
    "(n - 1)/n for n {}": lambda n: (n - 1) / n,
    "n/(n - 1) for n {}": lambda n: n / (n - 1) if n != 1 else math.nan,
    "1 less than {}": lambda n: n - 1,
    "1/(n - 1) for n {}": lambda n: 1 / (n - 1) if n != 1 else math.nan,
    "1 more than {}": lambda n: n + 1,
    "1/(n + 1) for n {}": lambda n: 1 / (n + 1),
    "√((n - 1)/n) for n {}": lambda n: math.sqrt((n - 1) / n),
    "√(n/(n - 1)) for n {}": lambda n: math.sqrt(n / (n - 1)) if n != 1 else math.nan,
    "the cube root of {}": lambda n: n ** (1 / 3),
    "the logarithm of {}": lambda n: math.log(n),
}


# -- attributes --------------------------------------------------------------------------------------------------------


def attributes(brick: object, depth: int = 3, prefix: str = "") -> dict[str, float]:
    """Return the plain numbers among the attributes of a brick and of the bricks inside it, by name."""
    found: dict[str, float] = {}
    own = vars(brick) if hasattr(brick, "__dict__") else {}
    inherited = {n: v for kind in type(brick).__mro__ if issubclass(kind, Brick) for n, v in vars(kind).items()}
    for name, value in {**inherited, **own}.items():
        if isinstance(value, bool) or name.startswith("__"):
            continue
        if isinstance(value, int | float | np.number) and math.isfinite(float(value)):
            found[prefix + name] = float(value)
        elif depth and isinstance(value, Brick):
            found |= attributes(value, depth - 1, f"{prefix}{name}.")
    return found


def _attribute_named(case: Case, factor: float) -> str | None:
    if abs(factor - round(factor)) < 1e-9 and abs(factor) <= 3:
        return None
    found: list[str] = []
    for name, value in attributes(case.point.brick).items():
        if not value:
            continue
        for text, candidate in (
            (name, value), (f"1/{name}", 1 / value), (f"{name}²", value**2), (f"1/{name}²", 1 / value**2),
            (f"1 - {name}", 1 - value), (f"1/(1 - {name})", 1 / (1 - value) if value != 1 else math.nan),
        ):  # fmt: skip
            if abs(candidate - factor) <= 1e-6 * abs(factor):
                found.append(text)
    return " or ".join(found[:2]) or None
