"""An explanation in LaTeX."""

from itertools import groupby
from typing import TYPE_CHECKING, Any

from legonet.arrays import brief
from legonet.explain.draw import Drawing
from legonet.explain.styles import Latex
from legonet.explain.styles.latex import GREEK
from legonet.explain.styles.latex import escaped as plain
from legonet.explain.trace import Bracket, Failure, Formula, Step, Term

from . import wording
from .breaking import broken
from .matrices import number, shown_of
from .wording import PHASES, as_array, names_of

if TYPE_CHECKING:
    from legonet.explain.explanation import Explanation

WIDEST = 92
"""How many characters a line of numbers has at most."""

HEAD = r"""\documentclass[a4paper,10pt]{article}
\usepackage[utf8]{inputenc}
\usepackage[T1]{fontenc}
\usepackage{amsmath,amssymb}
\usepackage[margin=18mm]{geometry}
\setlength{\parindent}{0pt}
\setlength{\fboxsep}{2pt}
\allowdisplaybreaks
\begin{document}
"""


def latex_of(explanation: "Explanation", *, digits: int = 6, document: bool = False) -> str:
    """Return an explanation in LaTeX."""
    of = len(explanation.steps)
    body = "\n".join(line for step in explanation.steps for line in StepLatex(step, digits).lines(of))
    return f"{HEAD}{body}\n\\end{{document}}\n" if document else f"{body}\n"


class StepLatex:
    """Writes one step.

    Parameters
    ----------
    step : Step
        Which one.
    digits : int
        How many significant digits numbers have.
    """

    def __init__(self, step: Step, digits: int) -> None:
        self.step, self.digits = step, digits
        self.style = Latex(digits)

    def lines(self, of: int) -> list[str]:
        """Return all lines."""
        found = [rf"\section*{{{escaped(wording.headline(self.step, of, self.digits))}}}"]
        for phase in PHASES:
            terms: list[Term] = getattr(self.step, phase)
            failure = wording.phase_of(self.step.failure, phase)
            if terms or failure is not None:
                found.append(rf"\subsection*{{{phase.capitalize()}}}")
            for place, brick, group in wording.groups(terms):
                if place or brick:
                    found.append(_heading(place, brick))
                for term in group:
                    found += self._term(term)
            if failure is not None:
                found += self._failure(failure)
        return found

    def _failure(self, failure: Failure) -> list[str]:
        found = [_heading(failure.place, failure.brick)]
        for term in failure.operands:
            found.append(rf"given ${self.style.symbol(term.symbol)}$: {escaped(wording.size_of(term.shape))}\par")
        return [*found, rf"\textbf{{{escaped(wording.failed(failure))}}}\par"]

    def _term(self, term: Term) -> list[str]:
        left = self.style.symbol(term.symbol)
        rows = [self._matrix(term.value)]
        example: list[str] = []
        if term.formula is not None:
            drawn = self._symbols(term, term.formula)
            if wording.is_name(term.formula):
                rows = [drawn, *[row for row in rows if r"\dots" not in row and r"\vdots" not in row]]
            else:
                numbers = self._numbers(term, term.formula)
                example = [] if numbers else self._example(term)
                rows = [*broken(drawn, "& "), *numbers, *rows]
        elif term.brick and term.operands:
            rows = [*broken(wording.named(term, self.style), "& "), *rows]
        lines = _aligned([left, *(row for row, _ in groupby([*self._chain(term), *rows]))])
        said = [rf"\textbf{{{escaped(line)}}}\par" for line in wording.warnings(term)]
        said += [rf"\emph{{{escaped(line)}}}\par" for line in wording.remarks(term)]
        return [*_environment(lines + example), *said]

    def _matrix(self, value: Any) -> str:
        return matrix(value, self.digits, self.style)

    def _symbols(self, term: Term, stated: Formula) -> str:
        """Draw the formula of a term; a reused gradient stands in a box."""
        names = names_of(term)

        def leaf(name: str, index: tuple[int, ...] | None) -> str | None:
            if name not in names or not names[name].reused or index is not None:
                return None
            return rf"\boxed{{{self.style.symbol(names[name].symbol)}}}"

        statement = stated.statement
        drawn = Drawing(self.style, names, leaf).draw(statement.formula)
        each = wording.counted(statement, self.style)
        return rf"{drawn} \quad\text{{for each }} {', '.join(each)}" if each else drawn

    def _numbers(self, term: Term, stated: Formula) -> list[str]:
        """Draw the formula with the numbers of its operands, if they are few enough."""
        names, width = names_of(term), 0

        def leaf(name: str, index: tuple[int, ...] | None) -> str | None:
            nonlocal width
            if name not in names or index is not None:
                return None
            width += width_of(names[name].value, self.digits)
            value = as_array(names[name].value)
            single = value is not None and not value.ndim
            return wording.held(self.style, value[()]) if single and value is not None else self._matrix(value)

        if wording.is_whole(stated):
            drawn = wording.tidied(Drawing(self.style, names, leaf).draw(stated.statement.formula))
            if width <= WIDEST:
                return broken(drawn, "& ")
        apart = None if term.shape else wording.worked(term, (), 4)
        if apart is None:
            return []
        return [part for side in wording.entry_sides(term, (), apart, self.style)[1:-1] for part in broken(side, "& ")]

    def _chain(self, term: Term) -> list[str]:
        """Draw the chain rule, with the numbers of its factors under them."""
        products = [product for product in term.chain if product]
        if not products or max(map(len, products)) < 2 or wording.is_product(term.formula):
            return []
        under = len(products) == 1 and len(products[0]) > 2 and term.role == "parameter gradient"
        width = sum(width_of(factor.term.value, self.digits) for factor in products[0] if factor.term is not None)
        arrays = [as_array(factor.term.value) for factor in products[0] if factor.term is not None]
        under &= width <= WIDEST and all(array is not None and wording.is_short(array) for array in arrays)
        drawn = " + ".join(r" \cdot ".join(self._factor(factor, under) for factor in product) for product in products)
        return broken(drawn, "& ")

    def _factor(self, factor: Bracket, under: bool) -> str:
        drawn = self.style.symbol(factor.symbol)
        drawn = rf"\boxed{{{drawn}}}" if factor.reused else drawn
        if under and factor.term is not None:
            return rf"\underbrace{{{drawn}}}_{{{self._matrix(factor.term.value)}}}"
        return drawn

    def _example(self, term: Term) -> list[str]:
        """Work a single entry out, where all numbers would be too many."""
        entry = wording.telling(term.value)
        apart = wording.worked(term, entry, 4) if entry else None
        if apart is None or entry is None:
            return []
        label = wording.entry_label(self.style, term, entry)
        sides = wording.entry_sides(term, entry, apart, self.style)
        rows = [part for side in sides for part in broken(side, "& ")]
        if len(sides) < 2:
            return []
        return [r"&\text{for example}", *_aligned([label, *rows])]


def matrix(value: Any, digits: int, style: Latex) -> str:
    """Write an array as a matrix, a large one shortened."""
    array = as_array(value)
    if array is None:
        return rf"\text{{{escaped(brief(value, 60))}}}"
    if not array.ndim:
        return style.figure(number(array, digits))
    shape = r" \times ".join(map(str, array.shape))
    if not array.size:
        return rf"[\;]_{{{shape}}}"
    shown = shown_of(array, 6, 4 if digits > 8 else 6 if array.ndim <= 2 else 5)
    rows = []
    for row in shown.rows:
        cells = [r"\vdots"] if row is None else [_cell(array, place, digits, style) for place in row]
        rows.append(" & ".join(cells))
    inside = r" \\ ".join(rows)
    made = rf"\begin{{bmatrix}} {inside} \end{{bmatrix}}"
    label = rf"\text{{{shown.label} of }} " if shown.label else ""
    return made if shown.whole else rf"{made}_{{{label}{shape}}}"


def _cell(array: Any, place: tuple[int, ...] | None, digits: int, style: Latex) -> str:
    return r"\dots" if place is None else style.figure(number(array[place], digits))


def width_of(value: Any, digits: int) -> int:
    """Return about how many characters wide a matrix is."""
    array = as_array(value)
    return (min(array.shape[-1], 6) if array is not None and array.ndim else 1) * (digits + 4)


def _heading(place: str, brick: str) -> str:
    return rf"\medskip\textbf{{{escaped(place)}}} \texttt{{{escaped(brick)}}}\par"


def _aligned(rows: list[str]) -> list[str]:
    """Put the first row to the left of the equals sign of the second, and one before each of the others."""
    left, *sides = rows
    lines = []
    for side in sides:
        lines.append(rf"&\quad {side[2:]}" if side.startswith("& ") else f"{left} &= {side}".strip())
        left = ""
    return lines


def _environment(lines: list[str]) -> list[str]:
    body = " \\\\\n".join(lines)
    return ["\\begin{align*}", body, "\\end{align*}"]


_MATH = {"×": "times", "→": "to", "≤": "le", "≥": "ge", "·": "cdot"} | GREEK


def escaped(text: str) -> str:
    """Return text that LaTeX takes as it is, with letters of formulas in it."""
    return "".join(f"$\\{_MATH[c]}$" if c in _MATH else plain(c) for c in text)
