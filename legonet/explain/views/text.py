"""An explanation as plain text, for a terminal."""

import re
from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from legonet.explain.draw import Drawing
from legonet.explain.styles import Text
from legonet.explain.trace import Bracket, Failure, Step, Term

from . import wording
from .blocks import FIRST_MARK, Block, equation, fitted, formula, matrix, room
from .wording import PHASES, names_of, numbers_leaf, written

if TYPE_CHECKING:
    from legonet.explain.explanation import Explanation


def text_of(explanation: "Explanation", *, digits: int = 6, width: int = 80) -> str:
    """Return an explanation as text."""
    lines: list[str] = []
    for step in explanation.steps:
        view = StepText(step, digits, width)
        lines += [*([""] if lines else []), *view.lines(len(explanation.steps))]
    return fitted(lines, width)


class StepText:
    """Writes one step.

    Parameters
    ----------
    step : Step
        Which one.
    digits, width : int
        How many significant digits numbers have, and how wide a line can be.
    """

    def __init__(self, step: Step, digits: int, width: int) -> None:
        self.step, self.digits, self.width = step, digits, width
        self.style = Text(digits)

    def lines(self, of: int) -> list[str]:
        """Return all lines."""
        title = wording.headline(self.step, of, self.digits)
        found = [title, "═" * min(len(title), self.width)]
        for phase in PHASES:
            terms: list[Term] = getattr(self.step, phase)
            failure = wording.phase_of(self.step.failure, phase)
            if not terms and failure is None:
                continue
            found += ["", phase.capitalize(), "─" * len(phase)]
            if phase == "given":
                for term in terms:
                    found += ["", *self._given(term)]
                continue
            for place, brick, group in wording.groups(terms):
                heading = "  ".join(filter(None, [place, brick]))
                found += ["", *self._wrapped(heading, "  ", "    ")] if heading else []
                for term in group:
                    found += ["", *self._term(term)]
            if failure is not None:
                found += ["", *self._failure(failure)]
        return found

    def _wrapped(self, text: str, first: str, later: str) -> list[str]:
        return wrap(text, self.width, initial_indent=first, subsequent_indent=later)

    def _failure(self, failure: Failure) -> list[str]:
        found = self._wrapped("  ".join(filter(None, [failure.place, failure.brick])), "  ", "    ")
        for term in failure.operands:
            shape = wording.size_of(term.shape)
            found += self._wrapped(f"given {self.style.symbol(term.symbol)}: {shape}", "    ", "      ")
        return found + self._wrapped(f"✗ {wording.failed(failure)}", "    ", "      ")

    def _given(self, term: Term) -> list[str]:
        left = self.style.symbol(term.symbol)
        lines = equation(left, [self._matrix(term.value, room(left, self.width, 2))], self.width, 2)
        return [*lines, *self._said(term, "  ")]

    def _said(self, term: Term, indent: str) -> list[str]:
        found = []
        for line in wording.warnings(term):
            found += self._wrapped(f"✗ {line}", indent, f"{indent}  ")
        for line in wording.remarks(term):
            found += self._wrapped(line, indent, f"{indent}  ")
        return found

    def _matrix(self, value: Any, width: int) -> Block:
        return matrix(value, self.digits, max(width, 12))

    # One term

    def _term(self, term: Term) -> list[str]:
        left = self.style.symbol(term.symbol)
        available = room(left, self.width, 4)
        sides: list[Block] = self._chain(term, available)
        example: list[str] = []
        value = self._matrix(term.value, available)
        if term.formula is not None:
            drawn = self._symbols(term)
            if wording.is_name(term.formula) and len(drawn) + 3 + len(value[0]) <= available:
                sides.append(formula(f"{drawn} = {chr(FIRST_MARK)}", {chr(FIRST_MARK): value}, available))
                return [*equation(left, sides, self.width, 4), *self._said(term, "      ")]
            sides.append(formula(drawn, {}, available))
            numbers = self._numbers(term, available)
            if numbers:
                sides.append(numbers)
            elif not wording.is_name(term.formula):
                example = self._example(term)
        sides.append(value)
        return [*equation(left, sides, self.width, 4), *example, *self._said(term, "      ")]

    def _boxed(self, term: Term) -> str:
        return f"[{self.style.symbol(term.symbol)}]"

    def _symbols(self, term: Term) -> str:
        """Draw the formula of a term; a reused gradient stands in a box."""
        assert term.formula is not None  # noqa: S101
        names = names_of(term)

        def leaf(name: str, index: tuple[int, ...] | None) -> str | None:
            return self._boxed(names[name]) if name in names and names[name].reused and index is None else None

        statement = term.formula.statement
        drawn = Drawing(self.style, names, leaf).draw(statement.formula)
        if statement.indices:  # the left side of the equation is without them
            drawing = Drawing(self.style, names)
            drawn = f"{drawn}   for each {', '.join(map(drawing.draw, statement.indices))}"
        return drawn

    def _numbers(self, term: Term, available: int) -> Block:
        """Lay the formula out with the numbers of its operands, if they are few enough."""
        assert term.formula is not None  # noqa: S101
        if wording.is_name(term.formula) or not wording.is_whole(term.formula):
            return []
        names, blocks = names_of(term), _Blocks(self.digits, available)

        def leaf(name: str, index: tuple[int, ...] | None) -> str | None:
            return blocks.mark(names[name].value) if name in names and index is None else None

        drawn = Drawing(self.style, names, leaf).draw(term.formula.statement.formula)
        return formula(drawn, blocks.made, available) if blocks.whole else []

    def _chain(self, term: Term, available: int) -> list[Block]:
        """Lay out the chain rule, and the numbers of a single product under it."""
        products = [product for product in term.chain if product]
        if not products or max(map(len, products)) < 2 or wording.is_product(term.formula):
            return []
        drawn = " + ".join(" · ".join(map(self._factor, product)) for product in products)
        found = [formula(drawn, {}, available)]
        if len(products) == 1 and len(products[0]) > 2 and term.role == "parameter gradient":
            blocks = _Blocks(self.digits, available)
            values = [factor.term.value if factor.term else None for factor in products[0]]
            arrays = [wording.as_array(value) for value in values if value is not None]
            if len(arrays) == len(values) and all(a is not None and wording.is_short(a) for a in arrays):
                marks = [blocks.mark(value) for value in values]
                if blocks.whole:
                    found.append(formula(" · ".join(marks), blocks.made, available))
        return found

    def _factor(self, factor: Bracket) -> str:
        drawn = self.style.symbol(factor.symbol)
        return f"[{drawn}]" if factor.reused else drawn

    def _example(self, term: Term) -> list[str]:
        """Work a single entry out, where all numbers would be too many."""
        entry = wording.telling(term.value)
        if entry is None:
            return []
        left = f"{self.style.symbol(term.symbol)}{list(entry) if entry else ''}"
        sides = [*entry_sides(term, entry, self.style, 4)]
        if not entry and len(sides) == 3:
            sides = sides[1:2]
        if not sides:
            return []
        available = room(left, self.width, 6)
        drawn = [formula(side, {}, available) for side in sides]
        return [*self._wrapped("for example" if entry else "in numbers", "      ", ""), *equation(left, drawn, self.width, 6)]


class _Blocks:
    """Gives each matrix of a formula a character that stands for it."""

    def __init__(self, digits: int, width: int) -> None:
        self.digits, self.width = digits, width
        self.made: dict[str, Block] = {}
        self.whole = True

    def mark(self, value: Any) -> str:
        """Return what stands for an array; a single number stands for itself."""
        array = wording.as_array(value)
        if array is not None and not array.ndim:
            number = written(array[()], self.digits)
            return f"({number})" if number.startswith("-") else number
        block = matrix(value, self.digits, self.width - 8)
        self.whole &= not any("…" in line or "⋮" in line for line in block)
        mark = chr(FIRST_MARK + len(self.made))
        self.made[mark] = block
        return mark


def entry_sides(term: Term, entry: Sequence[int], style: Text, most: int) -> list[str]:
    """Return what an entry is equal to: among symbols, in numbers, and the result."""
    place = tuple(entry)
    apart = wording.worked(term, place, most)
    if apart is None:
        return []
    names = names_of(term)
    symbols = Drawing(style, names).draw(apart)
    numbers = tidied(Drawing(style, names, numbers_leaf(term, style)).draw(apart))
    array = wording.as_array(term.value)
    assert array is not None  # noqa: S101
    result = written(array[place], style.digits)
    return [side for k, side in enumerate([symbols, numbers, result]) if not k or side != symbols and (k == 2 or side != result)]


def tidied(drawn: str) -> str:
    """Leave out brackets that stand twice, or around the whole of one number."""
    once = re.sub(r"\(\((-?[\w.+-]+)\)\)", r"(\1)", drawn)
    return re.sub(r"^\((-?[\w.+-]+)\)$", r"\1", once)
