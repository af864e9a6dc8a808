"""What the views say alike: numbers, groups of terms, remarks, and which entry of an array is worth a closer look."""

import ast
import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from legonet.arrays import Array, brief
from legonet.checks import check_integer
from legonet.explain.draw import Drawing, Leaf
from legonet.explain.language import Statement
from legonet.explain.styles import Style, Text
from legonet.explain.trace import Badge, Failure, Formula, Step, Term, told

from .matrices import number

PHASES = ("given", "forward", "loss", "backward", "update")
"""The phases of a step, in the order in which they are shown."""

MOST_ENTRIES = 24
"""Up to how many entries an operand is drawn among numbers; of larger ones a single entry is worked out."""


def as_array(value: Any) -> Array | None:
    """Return the numbers of a term as an array, None if they are no numbers."""
    try:
        array = np.asarray(value)
    except ValueError:
        return None
    return array if array.dtype.kind in "fiub" else None


def size_of(shape: Sequence[int]) -> str:
    """Write a shape, such as 128 × 784."""
    one = f"{shape[0]} number{'s' * (shape[0] != 1)}" if len(shape) == 1 else "a number"
    return " × ".join(map(str, shape)) if len(shape) > 1 else one


def listed(words: Iterable[str], link: str = "and") -> str:
    """Write "a, b and c"."""
    *most, last = words
    return f"{', '.join(most)} {link} {last}" if most else last


def wrapped(items: Sequence[str], lead: str, width: int) -> list[str]:
    """Write a list over several lines; no item is broken."""
    lines = [lead]
    for place, item in enumerate(items):
        piece = item + ("," if place + 1 < len(items) else "")
        if len(lines[-1]) + 1 + len(piece) > width and lines[-1].strip() not in ("", lead.strip()):
            lines.append(" " * len(lead))
        lines[-1] += piece if len(lines[-1]) == len(lead) else f" {piece}"
    return lines


def check_layout(who: str, digits: int, width: int) -> tuple[int, int]:
    """Return how many digits and columns a text has, or refuse them."""
    digits = check_integer(who, "digits", digits, at_least=1)
    width = check_integer(who, "width", width, at_least=20)
    return min(digits, 17), width


def groups(terms: Iterable[Term]) -> list[tuple[str, str, list[Term]]]:
    """Return the terms that one brick after the other computed, with its place and how it prints."""
    return [(*key, [*each]) for key, each in groupby(terms, lambda term: (term.place, term.brick))]


def readers(term: Term) -> list[str]:
    """Return what a reused gradient is used in."""
    style = Text()
    users = [user for user in term.users if user.role != "local derivative"] if term.reused else []
    return [*dict.fromkeys(style.symbol(user.symbol) for user in users)]


def verdict(badge: Badge) -> str:
    """Write what finite differences say, on one line."""
    outcomes = [each.outcome for each in badge.differences]
    told = [outcome for outcome in outcomes if outcome != "unknown"]
    if not told:
        return "finite differences: they cannot tell here"
    right, of = told.count("right"), f" of {badge.size} entries" if badge.size > len(outcomes) else ""
    line = f"finite differences: {right} of {len(told)} agree"
    if of:
        line = f"finite differences: {right} of {len(told)} compared agree ({badge.size} in all)"
    if badge.outcome == "wrong":
        worst = max((d for d in badge.differences if d.outcome == "wrong"), key=lambda each: each.difference)
        where = f" at {list(worst.entry)}" if worst.entry else ""
        return f"{line}; {number(worst.analytic, 6)}{where} should be {number(worst.numeric, 6)}"
    unknown = len(outcomes) - len(told)
    more = f", {unknown} cannot be told" if unknown else ""
    return f"{line}, largest difference {number(badge.largest, 1)}{more}"


def warnings(term: Term) -> list[str]:
    """Return what is wrong with a term."""
    found = []
    if term.agrees is False:
        found.append(term.note if term.note.startswith("its formula") else f"not what its formula says: {term.note}")
    if term.arose:
        array = as_array(term.value)
        kind = "NaN" if array is not None and np.isnan(array).any() else "infinity"
        found.append(f"{kind} first arises here")
    if term.badge is not None and term.badge.outcome == "wrong":
        found.append(verdict(term.badge))
    return found


def remarks(term: Term) -> list[str]:
    """Return what else is to be said about a term."""
    found = []
    if used := readers(term):
        found.append(f"computed once, used in {listed(used)}")
    if term.badge is not None and term.badge.outcome != "wrong":
        found.append(verdict(term.badge))
    if term.note and term.agrees is not False:
        found.append(term.note)
    return found


def failed(failure: Failure) -> str:
    """Write where a step ended early, and why."""
    said, kind = told(failure.error), f"{type(failure.error).__name__}: "
    return brief(kind + said.removeprefix(kind), 400)


def headline(step: Step, of: int, digits: int) -> str:
    """Write the first line of a step."""
    name = f"Step {step.number} of {of}" if of > 1 else "One training step"
    if step.failure is not None:
        where = step.failure.place or "the network"
        return f"{name}, up to {where}, which fails"
    losses = [term for term in step.loss if str(term.symbol) == "L"]
    return f"{name}: the loss is {number(losses[-1].value, digits)}" if losses else name


def phase_of(failure: Failure | None, phase: str) -> Failure | None:
    """Return the failure if it belongs to a phase."""
    return failure if failure is not None and failure.phase == phase else None


# Formulas


def named(term: Term, style: Style) -> str:
    """Write what a brick without formulas was given, as a function of its name."""
    return style.call(term.brick.partition("(")[0], [style.symbol(each.symbol) for each in term.operands])


def names_of(term: Term) -> dict[str, Term]:
    """Return the terms that a term's formula speaks of; one that is taken step by step speaks of itself."""
    return {term.formula.statement.target: term} | term.formula.names if term.formula else {}


def is_name(formula: Formula) -> bool:
    """Whether a formula only says that something is something else."""
    return isinstance(formula.statement.formula, ast.Name) and not formula.statement.indices


def is_product(formula: Formula | None) -> bool:
    """Whether a formula is the product of two names, which the chain rule would only say again."""
    node = formula.statement.formula if formula is not None else None
    return (
        isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.Mult)
        and isinstance(node.left, ast.Name)
        and isinstance(node.right, ast.Name)
    )


def is_short(array: Array) -> bool:
    """Whether an array is small enough to stand beside others in the chain rule."""
    return array.ndim <= 2 and 0 < array.size <= MOST_ENTRIES and (array.ndim < 2 or len(array) <= 3)


def is_whole(formula: Formula) -> bool:
    """Whether a formula can be drawn with the numbers of its arrays in the places of their names."""
    statement: Statement = formula.statement
    if statement.indices or any(isinstance(node, ast.Subscript) for node in ast.walk(statement.formula)):
        return False
    arrays = [as_array(term.value) for term in formula.names.values()]
    return all(
        a is not None and a.ndim <= 2 and 0 < a.size <= MOST_ENTRIES and max(a.shape, default=1) <= 6 for a in arrays
    )


def counted(statement: Statement, style: Style) -> list[str]:
    """Return the indices that a formula goes through; the left side of an equation is drawn without them."""
    return [style.name(index.id) for index in statement.indices if isinstance(index, ast.Name)]


def telling(value: Any) -> tuple[int, ...] | None:
    """Return the entry to look at: the first that is NaN or infinite, else the largest; None if there is none."""
    array = as_array(value)
    if array is None or not array.size or not array.ndim:
        return () if array is not None and array.size else None
    numbers = np.asarray(array, float)
    if not np.isfinite(numbers).all():
        return tuple(int(i) for i in np.argwhere(~np.isfinite(numbers))[0])
    return tuple(int(i) for i in np.unravel_index(int(np.abs(numbers).argmax()), array.shape))


def worked(term: Term, entry: tuple[int, ...], most: int) -> ast.expr | None:
    """Return the formula of one entry, None if it cannot be given."""
    if term.formula is None:
        return None
    try:
        return term.formula.at(entry, term.shape, most)
    except Exception:
        return None  # a formula that cannot be taken apart is shown as a whole


def number_at(term: Term, name: str, index: tuple[int, ...] | None) -> Any:
    """Return the number that a name of a term's formula stands for, None if it is not known."""
    names = names_of(term)
    value = names[name].value if name in names else None
    if value is None and term.formula is not None:
        value = term.formula.calculator.operands.get(name)
    array = None if value is None else as_array(value)
    if array is None:
        return None
    if index is None:
        return array[()] if not array.ndim else None
    return array[index] if len(index) == array.ndim else None


def numbers_leaf(term: Term, style: Style) -> Leaf:
    """Return a leaf that writes the number of an entry; negative ones and powers of ten in brackets."""

    def leaf(name: str, index: tuple[int, ...] | None) -> str | None:
        if not name:
            return ""
        found = number_at(term, name, index)
        return None if found is None else held(style, found)

    return leaf


def held(style: Style, value: Any) -> str:
    """Write a number so that it can stand anywhere in a formula."""
    drawn = style.figure(number(value, style.digits))
    loose = bool(value < 0) or "10^" in drawn or "<msup>" in drawn
    return style.inside("()", drawn) if loose else drawn


def entry_label(style: Style, term: Term, entry: tuple[int, ...]) -> str:
    """Write what an entry is called."""
    drawn = style.symbol(term.symbol)
    return style.entry(drawn, [str(i) for i in entry]) if entry else drawn


def entry_sides(term: Term, entry: tuple[int, ...], apart: ast.expr | None, style: Style) -> list[str]:
    """Return what an entry is equal to: among symbols, in numbers, and the result; each only if it says more."""
    array = as_array(term.value)
    result = style.figure(number(array[entry], style.digits)) if array is not None else brief(term.value, 20)
    if apart is None:
        return [result]
    names = names_of(term)
    symbols = Drawing(style, names).draw(apart)
    numbers = tidied(Drawing(style, names, numbers_leaf(term, style)).draw(apart))
    return [*dict.fromkeys([symbols, numbers, result])]


def tidied(drawn: str) -> str:
    """Leave out brackets that stand twice, or around the whole of one number."""
    once = re.sub(r"\(\((-[\w.+-]+)\)\)", r"(\1)", drawn)
    once = re.sub(r"\\left\( (\\left\( -[^()]* \\right\)) \\right\)", r"\1", once)
    once = re.sub(r"^\((-[\w.+-]+)\)$", r"\1", once)
    return re.sub(r"^\\left\( (-[^()]*) \\right\)$", r"\1", once)
