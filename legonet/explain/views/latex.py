"""An explanation in LaTeX."""

import ast
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from legonet.explain.draw import Drawing
from legonet.explain.styles import Latex
from legonet.explain.trace import Bracket, Step, Term

from .matrices import number, shown_of
from .text import badge_text

STYLE = Latex()
_WIDEST = 88
"""How many characters of numbers a line holds."""
_HEAD = r"""\documentclass[a4paper,10pt]{article}
\usepackage[utf8]{inputenc}
\usepackage[T1]{fontenc}
\usepackage{amsmath,amssymb}
\usepackage[margin=18mm]{geometry}
\setlength{\parindent}{0pt}
\allowdisplaybreaks
\begin{document}
"""


def latex_of(steps: Sequence[Step], digits: int, document: bool) -> str:
    """Return steps in LaTeX."""
    body = "\n".join(line for step in steps for line in _step(step, digits, len(steps) > 1))
    return f"{_HEAD}{body}\n\\end{{document}}\n" if document else body + "\n"


def _step(step: Step, digits: int, several: bool) -> Iterator[str]:
    if several:
        yield rf"\section*{{Step {step.number}}}"
    phases = [("Given", step.given), ("Forward", step.forward), ("Loss", step.loss)]
    phases += [("Backward", step.backward), ("Update", step.update)]
    for title, terms in phases:
        failed = step.failure if step.failure is not None and step.failure.phase == title.lower() else None
        if not terms and failed is None:
            continue
        yield rf"\subsection*{{{title}}}"
        for (place, brick), some in groupby(terms, lambda term: (term.place, term.brick)):
            if place or brick:
                yield _heading(place, brick)
            for term in some:
                yield "\\begin{align*}\n" + " \\\\\n".join(_rows(term, digits)) + "\n\\end{align*}"
                yield from (rf"\emph{{{escape(remark)}}}\par" for remark in _remarks(term))
        if failed is not None:
            yield _heading(failed.place, failed.brick)
            yield rf"\textbf{{fails here: {escape(f'{type(failed.error).__name__}: {failed.error}')}}}\par"


def _heading(place: str, brick: str) -> str:
    return rf"\textbf{{{escape(place)}}} \texttt{{{escape(brick)}}}\par"


def _rows(term: Term, digits: int) -> Iterator[str]:
    name = STYLE.symbol(term.symbol)
    if term.formula is None:
        if term.place:
            inside = ", ".join(STYLE.symbol(operand.symbol) for operand in term.operands)
            what = escape(term.brick.partition("(")[0] or term.place)
            yield rf"{name} &= \text{{{what}}}\left({inside}\right)"
            name = ""
        yield f"{name} &= {matrix(term.value, digits)}"
        return
    formula, names = term.formula.statement.formula, term.formula.names

    def symbol(key: str, index: tuple[int, ...] | None) -> str | None:
        if key not in names:
            return None
        drawn = boxed(names[key])
        return drawn if index is None else STYLE.entry(drawn, [*map(str, index)])

    drawing = Drawing(STYLE, names, symbol)
    left = (
        STYLE.entry(name, [drawing.draw(i) for i in term.formula.statement.indices])
        if term.formula.statement.indices
        else name
    )
    yield f"{left} &= {drawing.draw(formula)}"
    widths: list[int] = []

    def figures(key: str, index: tuple[int, ...] | None) -> str | None:
        if key not in names or index is not None:
            return None
        value = names[key].value
        widths.append(_width(value, digits))
        return matrix(value, digits)

    single = term.formula.statement.indices or any(isinstance(node, ast.Subscript) for node in ast.walk(formula))
    if not single and not isinstance(formula, ast.Name):
        numbers = Drawing(STYLE, names, figures).draw(formula)
        if sum(widths) <= _WIDEST:
            yield f"&= {numbers}"
    yield f"&= {matrix(term.value, digits)}"
    if term.role == "parameter gradient" or len(term.chain) > 1:
        products = [product for product in term.chain if len(product) > 1]
        if products:
            yield rf"\text{{chain rule: }} {name} &= {' + '.join(_product(product, digits) for product in products)}"


def _product(product: Sequence[Bracket], digits: int) -> str:
    width = sum(_width(each.term.value, digits) for each in product if each.term is not None)
    factors = []
    for each in product:
        drawn = STYLE.symbol(each.symbol)
        drawn = rf"\boxed{{{drawn}}}" if each.reused else drawn
        if each.term is not None and width <= _WIDEST:
            drawn = rf"\underbrace{{{drawn}}}_{{{matrix(each.term.value, digits)}}}"
        factors.append(drawn)
    return r" \cdot ".join(factors)


def _remarks(term: Term) -> Iterator[str]:
    if term.reused:
        users = [str(user) for user in term.users if user.role != "local derivative"]
        yield f"used again for {', '.join(dict.fromkeys(users))}"
    if term.badge is not None:
        yield badge_text(term.badge).removeprefix("!! ")
    if term.arose:
        yield "here NaN or infinity arose"
    if term.note:
        yield term.note


def boxed(term: Term) -> str:
    """Write the symbol of a term, in a box if it is a gradient that is reused."""
    drawn = STYLE.symbol(term.symbol)
    return rf"\boxed{{{drawn}}}" if term.reused else drawn


def matrix(value: Any, digits: int) -> str:
    """Write an array as a matrix, a large one shortened."""
    array = np.asarray(value)
    if not array.ndim:
        return STYLE.figure(number(array, digits))
    shown = shown_of(array, 6, 6 if digits <= 8 else 4)
    rows = []
    for row in shown.rows:
        cells = (
            [r"\vdots"]
            if row is None
            else [r"\cdots" if place is None else STYLE.figure(number(array[place], digits)) for place in row]
        )
        rows.append(" & ".join(cells))
    made = r"\begin{bmatrix} " + r" \\ ".join(rows) + r" \end{bmatrix}"
    shape = r" \times ".join(map(str, array.shape))
    return made if shown.whole else rf"{made}_{{({shape})}}"


def _width(value: Any, digits: int) -> int:
    array = np.asarray(value)
    return (min(array.shape[-1], 6) if array.ndim else 1) * (digits + 4)


def escape(text: str) -> str:
    """Return text that LaTeX takes as it is."""
    special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\n": " "}
    special |= {c: f"\\{c}" for c in "&%$#_{}"}
    known = "".join(special.get(c, c) for c in text)
    return "".join(c if ord(c) < 0x250 else f"$\\{name}$" if (name := _GREEK.get(c)) else "?" for c in known)


_GREEK = {"α": "alpha", "β": "beta", "ε": "varepsilon", "λ": "lambda", "μ": "mu", "σ": "sigma", "δ": "delta"}
