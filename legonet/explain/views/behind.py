"""What is behind a number: its formula with every sum written out."""

import ast
from collections.abc import Iterator

import numpy as np

from legonet.explain.draw import Drawing
from legonet.explain.entries import Entry, entry_name, equation_note, equation_of, figures_of
from legonet.explain.language import call_of
from legonet.explain.trace import Formula, Term

from .figures import exact
from .frame import LINE, escaped


def behind(term: Term, entry: Entry) -> str:
    """Return what opens where a number is chosen."""
    equation = equation_of(term, entry)
    result = exact(np.asarray(term.value)[entry])
    lines = f"<p><b>= {result}</b></p>"
    if equation.formula is not None and term.formula is not None:
        lines = "".join(_lines(equation.formula, term.formula, result))
    note = equation_note(equation)
    if note:
        lines += f"<p>{escaped(note)}</p>"
    return f"<p><b>{entry_name(LINE, term, entry)}</b></p>{lines}{''.join(_difference(term, entry))}"


def _lines(apart: ast.expr, formula: Formula, result: str) -> Iterator[str]:
    """Write a formula among symbols and with numbers; a long sum with a line for each term."""
    symbols = Drawing(LINE, formula.names)
    numbers = Drawing(LINE, formula.names, figures_of(LINE, formula.names, 8))
    summands = [*_summands(apart, False)]
    if len(summands) < 3 or not any(isinstance(node, ast.BinOp | ast.Call) for _, node in summands):
        yield from (f"<p>= {line}</p>" for line in dict.fromkeys(each.draw(apart) for each in (symbols, numbers)))
        yield f"<p><b>= {result}</b></p>"
        return
    rows = []
    for place, (minus, node) in enumerate(summands):
        sign = "−" if minus else "+" if place else "="
        if call_of(node) == "rest":
            count, value = (ast.literal_eval(arg) for arg in node.args)  # type: ignore[attr-defined]
            cells = f"… {int(count)} more", "", exact(value)
        else:
            cells = symbols.draw(node), numbers.draw(node), exact(_value(formula, node))
        rows.append(f"<tr><td>{sign}</td>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    total = f'<tr class="sum"><td>=</td><td></td><td></td><td>{result}</td></tr>'
    yield f"<table>{''.join(rows)}{total}</table>"


def _value(formula: Formula, node: ast.expr) -> float:
    with np.errstate(all="ignore"):
        return float(np.asarray(formula.calculator.value(node)[0]))


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
