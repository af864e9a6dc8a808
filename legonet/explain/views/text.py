"""An explanation as plain text, for a terminal."""

import ast
import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from legonet.explain.draw import Drawing
from legonet.explain.styles import Text
from legonet.explain.trace import Badge, Formula, Step, Term

from .matrices import number, table

STYLE = Text()
_HOLE = 0xE000
"""Characters from here on stand for matrices in a line that is being laid out."""


class TextView:
    """Writes explanations.

    Parameters
    ----------
    digits : int
        Significant digits.
    width : int
        Columns.
    """

    def __init__(self, digits: int, width: int) -> None:
        self.digits, self.width = digits, width

    def steps(self, steps: Sequence[Step]) -> str:
        """Write steps one after the other."""
        return "\n".join(line.rstrip() for step in steps for line in self._step(step, len(steps) > 1)) + "\n"

    def _step(self, step: Step, several: bool) -> Iterator[str]:
        if several:
            yield from (f"Step {step.number}", "=" * len(f"Step {step.number}"), "")
        yield "Given"
        for term in step.given:
            yield from self._given(term)
        failed = step.failure
        for title, terms in (
            ("Forward", step.forward),
            ("Loss", step.loss),
            ("Backward", step.backward),
            ("Update", step.update),
        ):
            here = failed is not None and failed.phase == title.lower()
            if terms or here:
                yield from ("", title)
                yield from self._phase(terms)
            if here:
                yield from self._failure(step)

    def _phase(self, terms: Sequence[Term]) -> Iterator[str]:
        for (place, brick), some in groupby(terms, lambda term: (term.place, term.brick)):
            if place or brick:
                yield from self._wrapped(f"{place}  {brick}".strip(), "  ")
            for term in some:
                yield from self._term(term)

    def _failure(self, step: Step) -> Iterator[str]:
        failure = step.failure
        assert failure is not None  # noqa: S101
        yield from self._wrapped(f"{failure.place}  {failure.brick}".strip(), "  ")
        yield from self._wrapped(f"!! fails here: {type(failure.error).__name__}: {failure.error}", "    ")

    def _wrapped(self, text: str, indent: str) -> list[str]:
        return textwrap.wrap(
            text, self.width, initial_indent=indent, subsequent_indent=indent + "  ", break_on_hyphens=False
        )

    def _given(self, term: Term) -> Iterator[str]:
        yield from self._equation(str(term), [self._matrix(term.value)], "  ")
        yield from self._remarks(term)

    def _term(self, term: Term) -> Iterator[str]:
        name = STYLE.symbol(term.symbol)
        pad = " " * len(name)
        if term.formula is None:
            inside = ", ".join(map(self._name, term.operands))
            what = term.brick.partition("(")[0] or term.place or "computed"
            yield from self._wrapped(f"{name} = {what}({inside})", "    ")
        else:
            drawing = Drawing(STYLE, term.formula.names, lambda n, i: self._symbol_in(term.formula, n, i))
            left = name
            if term.formula.statement.indices:
                left = STYLE.entry(name, [drawing.draw(index) for index in term.formula.statement.indices])
            yield from self._wrapped(f"{left} = {drawing.draw(term.formula.statement.formula)}", "    ")
            numbers = self._numbers(term.formula)
            if numbers is not None and 6 + len(pad) + max(map(len, numbers), default=0) <= self.width:
                yield from self._equation(pad, [numbers], "    ")
        yield from self._equation(pad, [self._matrix(term.value)], "    ")
        yield from self._chain(term)
        yield from self._remarks(term)

    def _name(self, term: Term) -> str:
        drawn = STYLE.symbol(term.symbol)
        return f"[{drawn}]" if term.reused else drawn

    def _symbol_in(self, formula: Formula | None, name: str, index: tuple[int, ...] | None) -> str | None:
        if formula is None or name not in formula.names or not formula.names[name].reused:
            return None
        drawn = self._name(formula.names[name])
        return drawn if index is None else STYLE.entry(drawn, [*map(str, index)])

    def _numbers(self, formula: Formula) -> list[str] | None:
        """Return the formula with numbers in the place of symbols; None if it speaks of single entries."""
        inner = formula.statement.formula
        if (
            formula.statement.indices
            or isinstance(inner, ast.Name)
            or any(isinstance(node, ast.Subscript) for node in ast.walk(inner))
        ):
            return None
        held: list[list[str]] = []

        def leaf(name: str, index: tuple[int, ...] | None) -> str | None:
            term = formula.names.get(name)
            if term is None or index is not None:
                return None
            held.append(self._matrix(term.value))
            return chr(_HOLE + len(held) - 1)

        line = Drawing(STYLE, formula.names, leaf).draw(formula.statement.formula)
        return laid_out(line, held)

    def _chain(self, term: Term) -> Iterator[str]:
        """Write the chain rule behind a gradient, with the numbers of its factors."""
        if not term.chain or (term.role != "parameter gradient" and len(term.chain) < 2) or len(term.chain[0]) < 2:
            return
        name = STYLE.symbol(term.symbol)
        products, numbers, held = [], [], []
        for product in term.chain:
            symbols = [STYLE.symbol(each.symbol) for each in product]
            products.append(" * ".join(f"[{s}]" if b.reused else s for s, b in zip(symbols, product, strict=True)))
            holes = []
            for each in product:
                if each.term is None:
                    holes.append(STYLE.symbol(each.symbol))
                    continue
                held.append(self._matrix(each.term.value))
                holes.append(chr(_HOLE + len(held) - 1))
            numbers.append(" * ".join(holes))
        yield from self._wrapped(f"chain rule: {name} = {' + '.join(products)}", "    ")
        lines = laid_out(" + ".join(numbers), held)
        if held and max(map(len, lines)) + 8 <= self.width:
            yield from (f"        {line}" for line in lines)
        elif held:
            yield from self._stacked(term)

    def _stacked(self, term: Term) -> Iterator[str]:
        """Write the factors of the chain rule below each other."""
        for first, product in enumerate(term.chain):
            for place, factor in enumerate(product):
                sign = "*" if place else "+" if first else " "
                lines = [STYLE.symbol(factor.symbol)] if factor.term is None else self._matrix(factor.term.value)
                for number_, line in enumerate(lines):
                    yield f"      {sign if number_ == 0 else ' '} {line}"

    def _remarks(self, term: Term) -> Iterator[str]:
        if term.reused:
            users = [STYLE.symbol(user.symbol) for user in term.users if user.role != "local derivative"]
            yield from self._wrapped(f"used again for {', '.join(dict.fromkeys(users))}", "    ")
        if term.badge is not None:
            yield from self._wrapped(badge_text(term.badge), "    ")
        if term.arose:
            yield from self._wrapped("!! here NaN or infinity arose", "    ")
        if term.agrees is False:
            yield from self._wrapped(f"!! {term.note}", "    ")
        elif term.note:
            yield from self._wrapped(f"({term.note})", "    ")

    def _equation(self, left: str, parts: list[list[str]], indent: str) -> Iterator[str]:
        for number_, line in enumerate(parts[0]):
            yield f"{indent}{left} = {line}" if number_ == 0 else f"{indent}{' ' * len(left)}   {line}"

    def _matrix(self, value: Any) -> list[str]:
        """Write an array in brackets, one line for each row shown."""
        if not np.ndim(value):
            return [number(value, self.digits)]
        for columns in (6, 5, 4, 3):
            cells, shown = table(value, self.digits, columns=columns)
            lines = [f"[{'  '.join(row)}]" for row in cells]
            if max(map(len, lines), default=0) <= self.width - 24:
                break
        if not lines:
            return [f"[] {np.shape(value)}"]
        if not shown.whole:
            label = f" {shown.label}" if shown.label else ""
            lines[0] += f" {np.shape(value)}{label}"
        return lines


def laid_out(line: str, held: Sequence[list[str]]) -> list[str]:
    """Put matrices of several lines where a line has holes."""
    height = max((len(lines) for lines in held), default=1)
    made = [""] * height
    piece = ""
    for character in [*line, ""]:
        hole = ord(character) - _HOLE if character else -1
        if character and not 0 <= hole < len(held):
            piece += character
            continue
        made = [row + (piece if k == 0 else " " * len(piece)) for k, row in enumerate(made)]
        piece = ""
        if character:
            lines = held[hole]
            wide = max(map(len, lines))
            made = [row + (lines[k] if k < len(lines) else "").ljust(wide) for k, row in enumerate(made)]
    return [row.rstrip() for row in made]


def badge_text(badge: Badge) -> str:
    """Say what finite differences say, in one line."""
    compared = len(badge.differences)
    right = sum(each.outcome == "right" for each in badge.differences)
    some = f"{'all' if compared == badge.size else f'{compared} of'} {badge.size} entries compared"
    if not compared:
        return "finite differences: no entry"
    if badge.outcome == "wrong":
        wrong = next(each for each in badge.differences if each.outcome == "wrong")
        place = f" at {list(wrong.entry)}" if wrong.entry else ""
        return f"!! finite differences disagree{place}: {wrong.numeric:.6g}, not {wrong.analytic:.6g} ({some})"
    if badge.outcome == "unknown":
        return f"finite differences cannot tell here ({some})"
    rest = "" if right == compared else f", {compared - right} cannot be told"
    return f"finite differences agree: {some}{rest}, largest difference {badge.largest:.1g}"
