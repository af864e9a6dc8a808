"""An explanation as plain text, for a terminal."""

from itertools import groupby
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from legonet.explain.draw import Drawing
from legonet.explain.styles import Text
from legonet.explain.trace import Bracket, Failure, Formula, Step, Term

from . import wording
from .blocks import FIRST_MARK, Block, equation, fitted, formula, is_shortened, matrix, room
from .matrices import number
from .wording import PHASES, names_of

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
            drawn = self._symbols(term, term.formula)
            if wording.is_name(term.formula):
                value = [drawn] if is_shortened(value) else self._with_name(drawn, value, available)
            else:
                numbers = self._numbers(term, term.formula, available)
                sides += [formula(drawn, {}, available), *numbers]
                example = [] if numbers else self._example(term)
        elif term.brick and term.operands:
            sides.append(formula(wording.named(term, self.style), {}, available))
        sides.append(value)
        sides = [side for side, _ in groupby(sides)]
        return [*equation(left, sides, self.width, 4), *example, *self._said(term, "      ")]

    def _with_name(self, name: str, value: Block, available: int) -> Block:
        mark = chr(FIRST_MARK)
        return formula(f"{name} = {mark}", {mark: value}, available)

    def _boxed(self, term: Term) -> str:
        return f"[{self.style.symbol(term.symbol)}]"

    def _symbols(self, term: Term, stated: Formula) -> str:
        """Draw the formula of a term; a reused gradient stands in a box."""
        names = names_of(term)

        def leaf(name: str, index: tuple[int, ...] | None) -> str | None:
            return self._boxed(names[name]) if name in names and names[name].reused and index is None else None

        statement = stated.statement
        drawn = Drawing(self.style, names, leaf).draw(statement.formula)
        each = wording.counted(statement, self.style)
        return f"{drawn}   for each {', '.join(each)}" if each else drawn

    def _numbers(self, term: Term, stated: Formula, available: int) -> list[Block]:
        """Lay the formula out with the numbers of its operands, if they are few enough."""
        names, blocks = names_of(term), Blocks(self.digits, available)

        def leaf(name: str, index: tuple[int, ...] | None) -> str | None:
            return blocks.mark(names[name].value) if name in names and index is None else None

        if wording.is_whole(stated):
            drawn = wording.tidied(Drawing(self.style, names, leaf).draw(stated.statement.formula))
            if blocks.whole:
                return [formula(drawn, blocks.made, available)]
        if term.shape:
            return []
        apart = wording.worked(term, (), 4)
        sides = wording.entry_sides(term, (), apart, self.style) if apart is not None else []
        return [formula(side, {}, available) for side in sides[1:-1]]

    def _chain(self, term: Term, available: int) -> list[Block]:
        """Lay out the chain rule, and the numbers of a single product under it."""
        products = [product for product in term.chain if product]
        if not products or max(map(len, products)) < 2 or wording.is_product(term.formula):
            return []
        drawn = " + ".join(" · ".join(map(self._factor, product)) for product in products)
        found = [formula(drawn, {}, available)]
        if len(products) == 1 and len(products[0]) > 2 and term.role == "parameter gradient":
            blocks = Blocks(self.digits, available)
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
        if not entry:
            return []
        apart = wording.worked(term, entry, 4)
        if apart is None:
            return []
        left = wording.entry_label(self.style, term, entry)
        available = room(left, self.width, 6)
        sides = [formula(side, {}, available) for side in wording.entry_sides(term, entry, apart, self.style)]
        return ["      for example", *equation(left, sides, self.width, 6)] if len(sides) > 1 else []


class Blocks:
    """Gives each matrix of a formula a character that stands for it."""

    def __init__(self, digits: int, width: int) -> None:
        self.digits, self.width = digits, width
        self.made: dict[str, Block] = {}
        self.whole = True

    def mark(self, value: Any) -> str:
        """Return what stands for an array; a single number stands for itself."""
        array = wording.as_array(value)
        if array is not None and not array.ndim:
            drawn = number(array[()], self.digits)
            return f"({drawn})" if drawn.startswith("-") else drawn
        block = matrix(value, self.digits, self.width - 8)
        self.whole &= not is_shortened(block)
        mark = chr(FIRST_MARK + len(self.made))
        self.made[mark] = block
        return mark
