"""Where a number comes from: the equations from one entry down to the data."""

import ast
import difflib
import html
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from legonet.arrays import brief
from legonet.errors import OptionError

from .draw import Drawing, Leaf
from .styles import Latex, MathML, Style, Text
from .trace import Step, Term
from .views.matrices import number

Entry = tuple[int, ...]

EVERY = 24
"""How many equations are shown, unless more are asked for."""


@dataclass(frozen=True)
class Equation:
    """How one number was made.

    Attributes
    ----------
    term : Term
        The term.
    entry : tuple of int
        Which number of it.
    formula : ast.expr or None
        Its formula with every sum written out; None if it is given, or nobody states it.
    """

    term: Term
    entry: Entry
    formula: ast.expr | None

    @property
    def value(self) -> float:
        """The number."""
        return float(np.asarray(self.term.value)[self.entry])

    def leaves(self) -> Iterator[tuple[Term, Entry]]:
        """Yield the numbers it is made of."""
        if self.formula is None or self.term.formula is None:
            return
        names = self.term.formula.names
        inside = {id(node.value) for node in ast.walk(self.formula) if isinstance(node, ast.Subscript)}
        for node in ast.walk(self.formula):
            if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id in names:
                yield names[node.value.id], index_of(node)
            elif isinstance(node, ast.Name) and node.id in names and id(node) not in inside:
                yield names[node.id], ()

    def draw(self, style: Style, digits: int) -> list[str]:
        """Return the left side, the formula among symbols, the same with numbers, and the number, in a style."""
        left = entry_name(style, self.term, self.entry)
        result = style.figure(number(self.value, digits))
        if self.formula is None or self.term.formula is None:
            return [left, result]
        names = self.term.formula.names
        symbols = Drawing(style, names).draw(self.formula)
        figures = Drawing(style, names, figures_of(style, names, digits)).draw(self.formula)
        middle = [symbols] if symbols == figures or figures == result else [symbols, figures]
        return [left, *middle, result]


@dataclass(frozen=True)
class Origin:
    """Where a number comes from: its equation, those of the numbers in it, and so on down to what is given.

    Attributes
    ----------
    equations : tuple of Equation
        The number's own first; each number once.
    left_out : int
        How many further numbers were left out.
    digits : int
        How many significant digits are shown.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import Linear, MSELoss
    >>> from legonet.explain import explain
    >>> net = Linear(1, 1, weight=np.array([[2.0]]), bias=False)
    >>> explanation = explain(net, MSELoss(), np.array([[1.0]]), np.array([[5.0]]))
    >>> print(explanation.explain("dL/dW1[0, 0]"))
    dL/dW1[0, 0] = x[0, 0] * dL/dz1[0, 0] = 1 * -3 = -3
    x[0, 0] = 1
    dL/dz1[0, 0] = (z1[0, 0] - t[0, 0]) / N = (2 - 5) / 1 = -3
    z1[0, 0] = x[0, 0] * W1[0, 0] = 1 * 2 = 2
    t[0, 0] = 5
    W1[0, 0] = 2
    """

    equations: tuple[Equation, ...]
    left_out: int
    digits: int

    def __str__(self) -> str:
        lines = [" = ".join(equation.draw(Text(), self.digits)) for equation in self.equations]
        lines += [f"({equation_note(equation)})" for equation in self.equations[:1] if equation_note(equation)]
        return "\n".join(lines + ([f"... and {self.left_out} more numbers"] if self.left_out else []))

    def __repr__(self) -> str:
        first = self.equations[0]
        return f"Origin({entry_name(Text(), first.term, first.entry)}, {len(self.equations)} equations)"

    def latex(self) -> str:
        """Return the equations as an ``align*`` environment."""
        lines = [equation.draw(Latex(), self.digits) for equation in self.equations]
        rows = [f"{parts[0]} &= {' = '.join(parts[1:])}" for parts in lines]
        rows += [rf"&\text{{and {self.left_out} more numbers}}"] * (self.left_out > 0)
        return "\\begin{align*}\n" + " \\\\\n".join(rows) + "\n\\end{align*}"

    def html(self) -> str:
        """Return the equations as MathML, for a page or a notebook."""
        made = []
        for equation in self.equations:
            parts = equation.draw(MathML(), self.digits)
            made.append(f"<p><math>{'<mo>=</mo>'.join(f'<mrow>{part}</mrow>' for part in parts)}</math></p>")
        rest = f"<p>… and {self.left_out} more numbers</p>" if self.left_out else ""
        return f'<div class="legonet-origin" style="overflow-x:auto">{"".join(made)}{rest}</div>'

    def _repr_html_(self) -> str:
        return self.html()

    def _repr_latex_(self) -> str:
        return self.latex()


def equation_note(equation: Equation) -> str:
    """Say why there is no formula where one is expected."""
    if equation.formula is None and equation.term.place:
        inside = ", ".join(str(operand) for operand in equation.term.operands)
        return f"{equation.term.brick or equation.term.place} computes it from {inside}, by no formula that is stated"
    return ""


def equation_of(term: Term, entry: Entry, most: int = 6) -> Equation:
    """Return the equation of an entry."""
    if term.formula is None:
        return Equation(term, entry, None)
    try:
        return Equation(term, entry, term.formula.at(entry, term.shape, most))
    except Exception:  # a formula that does not fit its numbers has been noted at its term
        return Equation(term, entry, None)


def origin(term: Term, entry: Entry, most: int, every: int, digits: int) -> Origin:
    """Follow an entry down to what is given."""
    found: list[Equation] = []
    seen = {(id(term), entry)}
    waiting = deque([(term, entry)])
    while waiting and len(found) < every:
        equation = equation_of(*waiting.popleft(), most)
        found.append(equation)
        for leaf, place in equation.leaves():
            if (id(leaf), place) not in seen and leaf.role != "constant":
                seen.add((id(leaf), place))
                waiting.append((leaf, place))
    return Origin(tuple(found), len(waiting), digits)


def figures_of(style: Style, names: dict[str, Term], digits: int) -> Leaf:
    """Return what writes the number of an entry in the place of its symbol."""

    def leaf(name: str, index: tuple[int, ...] | None) -> str | None:
        if name == "":
            return ""
        term = names.get(name)
        if term is None or (index is None and term.shape):
            return None
        return style.figure(number(np.asarray(term.value)[index or ()], digits))

    return leaf


def index_of(node: ast.Subscript) -> Entry:
    """Return the whole numbers in the brackets of an entry."""
    inside = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    return tuple(int(ast.literal_eval(each)) for each in inside)


def entry_name(style: Style, term: Term, entry: Entry) -> str:
    """Write what an entry is called."""
    drawn = style.symbol(term.symbol)
    return style.entry(drawn, [style.figure(str(i)) for i in entry]) if entry else drawn


def find(step: Step, spelled: str) -> tuple[Term, Entry]:
    """Return the term and the entry that are spelled like ``dL/dW1[0, 2]``, or say what is wrong."""
    match = re.fullmatch(r"\s*(.+?)\s*(?:\[\s*([-\d\s,]*)\])?\s*", str(spelled))
    symbols: Sequence[str] = [str(term) for term in step.terms]
    name = match[1] if match else str(spelled)
    if name not in symbols:
        near = difflib.get_close_matches(name, symbols, 3, 0.4)
        hint = f": did you mean {' or '.join(near)}?" if near else f": there are {brief(', '.join(symbols), 120)}"
        raise OptionError(f"step {step.number} has no term {brief(name)}{hint}")
    term = step[name]
    inside = match[2] if match and match[2] else ""
    entry = tuple(int(part) for part in inside.split(",") if part.strip())
    shape = term.shape
    fits = len(entry) == len(shape) and all(-n <= i < n for i, n in zip(entry, shape, strict=True))
    if not fits:
        example = ", ".join("0" * len(shape))
        needed = f"an entry of {name}, which has shape {shape}, such as {name}[{example}]" if shape else f"{name} alone"
        raise OptionError(f"explain needs {needed}, but got {brief(str(spelled))}")
    return term, tuple(i % n for i, n in zip(entry, shape, strict=True))


def escaped(text: str) -> str:
    """Return text for a page."""
    return html.escape(text, quote=True)
