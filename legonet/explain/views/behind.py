"""What is behind a number: its formula with every sum written out."""

import ast
from collections.abc import Iterator

import numpy as np

from legonet.explain.draw import Drawing
from legonet.explain.entries import Entry, Equation, entry_name, equation_note, equation_of, figures_of
from legonet.explain.language import call_of
from legonet.explain.trace import Term

from .figures import exact
from .frame import LINE, escaped


def behind(term: Term, entry: Entry) -> str:
    """Return what opens where a number is chosen."""
    equation = equation_of(term, entry)
    lines = "".join(_lines(equation)) if equation.formula is not None else ""
    note = equation_note(equation)
    if note:
        lines += f"<p>{escaped(note)}</p>"
    result = f"<p><b>= {exact(np.asarray(term.value)[entry])}</b></p>"
    return f"<p><b>{entry_name(LINE, term, entry)}</b></p>{lines}{result}{''.join(_difference(term, entry))}"


def _lines(equation: Equation) -> Iterator[str]:
    assert equation.formula is not None and equation.term.formula is not None  # noqa: S101, PT018
    names = equation.term.formula.names
    symbols = Drawing(LINE, names)
    numbers = Drawing(LINE, names, figures_of(LINE, names, 8))
    summands = [*_summands(equation.formula, False)]
    if len(summands) > 2 and any(isinstance(node, ast.BinOp | ast.Call) for _, node in summands):
        rows = []
        for place, (minus, node) in enumerate(summands):
            sign = "−" if minus else "+" if place else "="
            rows.append(f"<tr><td>{sign}</td>{_row(equation, node, symbols, numbers)}</tr>")
        yield f"<table>{''.join(rows)}</table>"
        return
    drawn = [symbols.draw(equation.formula), numbers.draw(equation.formula)]
    yield from (f"<p>= {line}</p>" for line in dict.fromkeys(drawn))


def _row(equation: Equation, node: ast.expr, symbols: Drawing, numbers: Drawing) -> str:
    if isinstance(node, ast.Call) and call_of(node) == "rest":
        count, value = (ast.literal_eval(arg) for arg in node.args)
        return f"<td>… {int(count)} more</td><td></td><td>{exact(value)}</td>"
    assert equation.term.formula is not None  # noqa: S101
    with np.errstate(all="ignore"):
        value = float(np.asarray(equation.term.formula.calculator.value(node)[0]))
    return f"<td>{symbols.draw(node)}</td><td>{numbers.draw(node)}</td><td>{exact(value)}</td>"


def _summands(node: ast.expr, minus: bool) -> Iterator[tuple[bool, ast.expr]]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        yield from _summands(node.left, minus)
        yield from _summands(node.right, minus != isinstance(node.op, ast.Sub))
    else:
        yield minus, node


def _difference(term: Term, entry: Entry) -> Iterator[str]:
    for each in term.badge.differences if term.badge is not None else ():
        if each.entry == entry:
            mark = {"right": "✓", "wrong": "✗"}.get(each.outcome, "?")
            told = f"by finite differences {exact(each.numeric)}, {each.difference:.1g} apart"
            yield f'<p class="{each.outcome}">{mark} {told}</p>'
