"""Where a number comes from: the equations from one entry of a term down to what is given."""

import ast
import html
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from textwrap import wrap

import numpy as np

from legonet.arrays import brief
from legonet.checks import check_integer
from legonet.errors import OptionError

from .draw import Drawing
from .styles import Latex, MathML, Style, Text
from .trace import Step, Term
from .views import wording
from .views.blocks import equation, fitted, formula, room
from .views.breaking import broken
from .views.wording import as_array, entry_label, names_of, size_of, worked

GIVEN = ("data", "target", "parameter", "constant", "state")
"""Roles of terms at which the search ends if nothing says what they are made of."""

Place = tuple[int, ...]

EVERY = 24
"""How many equations are shown, unless more are asked for."""


@dataclass(frozen=True)
class Equation:
    """What one number is equal to.

    Attributes
    ----------
    term : Term
        Whose entry it is.
    entry : tuple of int
        Which one.
    apart : ast.expr or None
        Its formula, with every sum written out; None where the brick states none.
    """

    term: Term
    entry: Place
    apart: ast.expr | None

    @property
    def operands(self) -> list[tuple[Term, Place]]:
        """The entries that it is computed from."""
        found: list[tuple[Term, Place]] = []
        if self.apart is None:
            return found
        names = names_of(self.term)

        def leaf(name: str, index: Place | None) -> None:
            if name in names:
                found.append((names[name], index or ()))

        Drawing(Text(), names, leaf).draw(self.apart)
        return [*{(id(term), entry): (term, entry) for term, entry in found}.values()]

    def draw(self, style: Style, digits: int) -> list[str]:
        """Return its name and what it is equal to: among symbols, in numbers, the result; each if it says more."""
        style = type(style)(digits)
        sides = wording.entry_sides(self.term, self.entry, self.apart, style)
        return [entry_label(style, self.term, self.entry), *sides]

    def source(self) -> str:
        """Return which brick gave the number, where no formula says more."""
        term = self.term
        of = [f"{Text().symbol(o.symbol)} ({size_of(o.shape)})" for o in term.operands]
        who = " ".join(filter(None, [term.brick, f"at {term.place}" if term.brick and term.place else term.place]))
        if term.role in GIVEN:
            return f"given: {term.role}"
        made = f"computed by {who}" if who else "computed by a container itself"
        return f"{made}, from {wording.listed(of)}" if of else made


class Entry:
    """Where one number of a step comes from: equations down to the data and the parameters, each number once.

    `Explanation.explain` makes it. It prints as text and shows itself in notebooks.

    Parameters
    ----------
    step : Step
        The step.
    term : Term
        The term.
    entry : tuple of int
        Which of its numbers.
    most : int, optional
        How many terms of a sum are written out.
    equations : int, optional
        How many equations there are at most.
    digits : int, optional
        How many significant digits numbers have.

    Attributes
    ----------
    equations : list of Equation
        The number itself first, then what it is made of.
    given : list of tuple of (Term, tuple of int)
        The entries of data and parameters at which the equations end.
    left_out : int
        How many numbers more would have an equation.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import Linear, MSELoss
    >>> from legonet.explain import explain
    >>> net = Linear(1, 1, weight=np.array([[2.0]]), bias=False)
    >>> explanation = explain(net, MSELoss(), np.array([[1.0]]), np.array([[5.0]]))
    >>> print(explanation.explain("dL/dW1[0, 0]"))
    dL/dW1[0, 0] = x[0, 0] * dL/dz1[0, 0] = 1 * (-3) = -3
    <BLANKLINE>
    dL/dz1[0, 0] = (z1[0, 0] - t[0, 0]) / N = (2 - 5) / 1 = -3
    <BLANKLINE>
    z1[0, 0] = x[0, 0] * W1[0, 0] = 1 * 2 = 2
    <BLANKLINE>
    given: x[0, 0] = 1, t[0, 0] = 5, N = 1, W1[0, 0] = 2
    """

    def __init__(
        self, step: Step, term: Term, entry: Place, most: int = 6, equations: int = EVERY, digits: int = 6
    ) -> None:
        self.step, self.term, self.entry, self.digits = step, term, entry, digits
        self.equations: list[Equation] = []
        self.given: list[tuple[Term, Place]] = []
        waiting = deque([(term, entry)])
        seen = {(id(term), entry)}
        while waiting and len(self.equations) < equations:
            one, place = waiting.popleft()
            if one.formula is None and one.role in GIVEN and (one is not term):
                self.given.append((one, place))
                continue
            made = equation_of(one, place, most)
            self.equations.append(made)
            for operand in made.operands:
                key = (id(operand[0]), operand[1])
                if key not in seen:
                    seen.add(key)
                    waiting.append(operand)
        rest = [pair for pair in waiting if pair[0].formula is None and pair[0].role in GIVEN]
        self.given += rest
        self.left_out = len(waiting) - len(rest)

    def text(self, *, width: int = 80) -> str:
        """Return the equations as text.

        Parameters
        ----------
        width : int, optional
            How wide a line can be, at least 20.

        Returns
        -------
        str
            An equation or several lines for each number, then what is given.
        """
        width = check_integer("Entry.text", "width", width, at_least=20)
        found: list[str] = []
        for each in self.equations:
            left, *sides = each.draw(Text(), self.digits)
            told = f"({each.source()})" if each.apart is None else ""
            line = "   ".join(filter(None, [" = ".join([left, *sides]), told]))
            if len(line) <= width:
                found.append(line)
            else:
                available = room(left, width, 0)
                found += equation(left, [formula(side, {}, available) for side in sides], width, 0)
                found += wrap(told, width, initial_indent="  ", subsequent_indent="  ")
        if self.given:
            every = [" = ".join(Equation(*one, None).draw(Text(), self.digits)) for one in self.given]
            every = [f"{line}{self._whose(term)}" for line, (term, _) in zip(every, self.given, strict=True)]
            found += wording.wrapped(every, "given: ", width)
        if self.left_out:
            found.append(self._left_out())
        return fitted(found, width)

    def _whose(self, term: Term) -> str:
        """Say whose number it is if another one is called the same."""
        same = [one for one, _ in self.given if one.role == "constant" and str(one) == str(term)]
        alike = all(np.array_equal(one.value, term.value) for one in same)
        return "" if alike or term.role != "constant" else f" ({term.brick})"

    def _left_out(self) -> str:
        more = "number on the way is" if self.left_out == 1 else "numbers on the way are"
        return f"{self.left_out} more {more} not shown"

    def latex(self) -> str:
        """Return the equations in LaTeX.

        Returns
        -------
        str
            An environment ``align*`` of the package amsmath.
        """
        lines = []
        for each in self.equations:
            left, *sides = each.draw(Latex(), self.digits)
            for side in sides:
                first, *more = broken(side)
                lines += [f"{left} &= {first}", *[rf"&\quad {part}" for part in more]]
                left = ""
        if self.left_out:
            lines.append(rf"&\text{{{self._left_out()}}}")
        body = " \\\\\n".join(lines)
        return f"\\begin{{align*}}\n{body}\n\\end{{align*}}"

    def html(self) -> str:
        """Return the equations as a piece of a page, in MathML.

        Returns
        -------
        str
            An element ``div``.
        """
        found = []
        for each in self.equations:
            source = f" <small>{html.escape(each.source())}</small>" if each.apart is None else ""
            found.append(f"<p>{_math(each.draw(MathML(), self.digits))}{source}</p>")
        if self.given:
            every = [
                f"{_math(Equation(*one, None).draw(MathML(), self.digits))}{html.escape(self._whose(one[0]))}"
                for one in self.given
            ]
            found.append(f"<p>given: {', '.join(every)}</p>")
        if self.left_out:
            found.append(f"<p>{self._left_out()}</p>")
        return f'<div class="legonet-entry" style="overflow-x:auto">{"".join(found)}</div>'

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        left, *_, result = self.equations[0].draw(Text(), self.digits)
        count = len(self.equations)
        return f"Entry({left} = {result}, {count} equation{'s' * (count != 1)})"

    def _repr_html_(self) -> str:
        return self.html()

    def _repr_latex_(self) -> str:
        return self.latex()


def _math(sides: Sequence[str]) -> str:
    return f"<math>{'<mo>=</mo>'.join(f'<mrow>{side}</mrow>' for side in sides)}</math>"


def equation_of(term: Term, entry: Place, most: int = 6) -> Equation:
    """Return what an entry is equal to."""
    return Equation(term, entry, worked(term, entry, most))


def find_entry(step: Step, name: str) -> tuple[Term, Place]:
    """Return the term and the place that a text such as ``"dL/dW1[0, 2]"`` speaks of."""
    if not isinstance(name, str):
        raise OptionError(f"explain needs an entry as text, such as 'dL/dW1[0, 2]', but it is {brief(name)}")
    symbol, bracket, inside = name.strip().partition("[")
    if bool(bracket) != inside.endswith("]"):
        raise OptionError(f"explain needs an entry with its brackets closed, such as 'dL/dW1[0, 2]', not {brief(name)}")
    inside = inside.removesuffix("]")
    term = find_term(step, symbol.strip())
    try:
        entry = tuple(map(int, inside.split(","))) if inside.strip() else ()
    except ValueError:
        raise OptionError(f"explain needs whole numbers in the brackets of {brief(name)}") from None
    array = as_array(term.value)
    symbol, shape = Text().symbol(term.symbol), term.shape
    if array is None or not array.size:
        raise OptionError(f"{symbol} has no numbers to explain: it is {brief(term.value, 40)}")
    if len(entry) != len(shape):
        example = f", such as {symbol}{list(wording.telling(array) or ())}" if shape else ""
        wanted = f"has the shape {shape}, so an entry of it needs {len(shape)} numbers in brackets" if shape else ""
        raise OptionError(f"{symbol} {wanted}{example}" if shape else f"{symbol} is one number, so it has no entries")
    if not all(-n <= i < n for i, n in zip(entry, shape, strict=True)):
        raise OptionError(f"{symbol} has the shape {shape}, so there is no entry {symbol}{list(entry)}")
    return term, tuple(i % n for i, n in zip(entry, shape, strict=True))


def find_term(step: Step, symbol: str) -> Term:
    """Return the term with a symbol, as printed or as `Symbol` writes it."""
    if not isinstance(symbol, str):
        raise OptionError(f"a term is found by its symbol, such as 'dL/dW1', not by {brief(symbol)}")
    style = Text()
    known: dict[str, Term] = {}
    for term in step.terms:
        known.setdefault(style.symbol(term.symbol), term)
    for term in step.terms:
        known.setdefault(str(term.symbol), term)
    if symbol in known:
        return known[symbol]
    near = get_close_matches(symbol, known, 3, 0.5)
    hint = f": did you mean {wording.listed(near, 'or')}?" if near else f": there are {brief(', '.join(known), 120)}"
    raise OptionError(f"there is no term {brief(symbol, 40)} in step {step.number}{hint}")
