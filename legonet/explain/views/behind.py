"""What is behind a number: its formula with every sum written out."""

import ast
from collections.abc import Iterator
from typing import cast

import numpy as np

from legonet.explain.draw import Drawing
from legonet.explain.language import call_of
from legonet.explain.styles import Inline
from legonet.explain.trace import Formula, Term

from .figures import exact
from .frame import escaped
from .wording import entry_label, listed, names_of, numbers_leaf, worked

LINE = Inline(8)


def behind(term: Term, entry: tuple[int, ...]) -> str:
    """Return what opens where a number is chosen."""
    apart = worked(term, entry, 6)
    result = exact(np.asarray(term.value)[entry])
    lines = "".join(_lines(term, apart, result)) if apart is not None else f"<p><b>= {result}</b></p>"
    if apart is None and term.place:
        made = f"computed by {term.brick or term.place}"
        of = f", from {listed(map(str, term.operands))}" if term.operands else ""
        lines += f"<p>{escaped(made + of)}</p>"
    return f"<p><b>{entry_label(LINE, term, entry)}</b></p>{lines}{''.join(_difference(term, entry))}"


def _lines(term: Term, apart: ast.expr, result: str) -> Iterator[str]:
    symbols = Drawing(LINE, names_of(term))
    numbers = Drawing(LINE, names_of(term), numbers_leaf(term, LINE))
    summands = [*_summands(apart, False)]
    if len(summands) > 2 and any(isinstance(node, ast.BinOp | ast.Call) for _, node in summands):
        rows = []
        for place, (minus, node) in enumerate(summands):
            sign = "−" if minus else "+" if place else "="
            rows.append(f"<tr><td>{sign}</td>{_row(term, node, symbols, numbers)}</tr>")
        total = f'<tr class="sum"><td>=</td><td></td><td></td><td>{result}</td></tr>'
        yield f"<table>{''.join(rows)}{total}</table>"
        return
    drawn = [symbols.draw(apart), numbers.draw(apart)]
    yield from (f"<p>= {line}</p>" for line in dict.fromkeys(drawn))
    yield f"<p><b>= {result}</b></p>"


def _row(term: Term, node: ast.expr, symbols: Drawing, numbers: Drawing) -> str:
    if isinstance(node, ast.Call) and call_of(node) == "rest":
        count, value = (ast.literal_eval(arg) for arg in node.args)
        return f"<td>… {int(count)} more</td><td></td><td>{exact(value)}</td>"
    calculator = cast(Formula, term.formula).calculator
    with np.errstate(all="ignore"):
        value = float(np.asarray(calculator.value(node)[0]))
    return f"<td>{symbols.draw(node)}</td><td>{numbers.draw(node)}</td><td>{exact(value)}</td>"


def _summands(node: ast.expr, minus: bool) -> Iterator[tuple[bool, ast.expr]]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        yield from _summands(node.left, minus)
        yield from _summands(node.right, minus != isinstance(node.op, ast.Sub))
    else:
        yield minus, node


def _difference(term: Term, entry: tuple[int, ...]) -> Iterator[str]:
    for each in term.badge.differences if term.badge is not None else ():
        if each.entry == entry:
            mark = {"right": "✓", "wrong": "✗"}.get(each.outcome, "?")
            told = f"by finite differences {exact(each.numeric)}, {each.difference:.1g} apart"
            yield f'<p class="{each.outcome}">{mark} {told}</p>'
