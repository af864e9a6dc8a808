"""A term on a page: its formula, the numbers in it, the result, and what there is to say."""

import ast
from collections.abc import Iterator
from typing import Any, cast

import numpy as np

from legonet.explain.draw import Drawing
from legonet.explain.language import WHOLE, call_of
from legonet.explain.trace import Bracket, Formula, Term

from .frame import LINE, MATH, Frame, escaped, math, scrolling, spoken
from .grid import Grid
from .rows import row_follows, share_of
from .wording import as_array, verdict

WIDE = 3
"""From so many columns on, a formula with numbers may be wider than a phone."""
BATCH = ' class="whole"'
"""What shows only where the page is switched to the batch."""
LONG = 28
"""From so many characters on, one among symbols may be."""


class Cards:
    """Writes the terms of a page.

    Parameters
    ----------
    frame : Frame
        What the page shares.
    """

    def __init__(self, frame: Frame) -> None:
        self.frame, self.grid = frame, Grid(frame)

    def given(self, term: Term) -> str:
        """Write what is given: a symbol and its numbers."""
        body = self._line(self._left(term), self._whole_or_row(term)) + self._more(term)
        return self._card(term, body + "".join(self._remarks(term)), term.role)

    def computed(self, term: Term) -> str:
        """Write what is computed."""
        share = share_of(term, self.frame.sample)
        alone = share is not None or row_follows(term, self.frame.sample)
        stated, value = [self._formula(term), self._numbers(term, alone)], self._whole_or_row(term, share)
        if term.formula is not None and isinstance(term.formula.statement.formula, ast.Constant):
            stated = []
        first, *others = [side for side in (*stated, value) if side]
        lines = [self._line(self._left(term), first), *(self._line("", side) for side in others), self._more(term)]
        if not alone and any(map(_has_rows, term.operands)):
            lines.append('<p class="note one">over all rows of the batch</p>')
        return self._card(term, "".join([*lines, *self._remarks(term)]), _caption(term), "".join(self._chain(term)))

    def _card(self, term: Term, body: str, caption: str, chain: str = "") -> str:
        wrong = " off" if term.agrees is False or (term.badge and term.badge.outcome == "wrong") else ""
        wide = " wide" if chain else ""
        return (
            f'<div class="term{wrong}{wide}" id="{self.frame.anchor(term)}"><div><p class="cap">{caption}</p>'
            f'<div class="eq">{body}</div></div>{chain}</div>'
        )

    def _line(self, left: str, right: str) -> str:
        return f'<div class="l">{left}</div><div class="is">=</div><div class="r">{right}</div>'

    def _left(self, term: Term) -> str:
        """Draw the symbol of a term where it is computed."""
        users = ", ".join(dict.fromkeys(escaped(str(user.symbol)) for user in term.users))
        told = f"{spoken(term)}{f', used by {users}' if users else ''}"
        drawn = MATH.symbol(term.symbol)
        statement = term.formula.statement if term.formula else None
        if statement is not None and statement.indices:
            drawing = Drawing(MATH, term.formula.names)  # type: ignore[union-attr]
            drawn = MATH.entry(drawn, [drawing.draw(index) for index in statement.indices])
        classes = self.frame.classes(term)
        return f'<span class="sym {classes}" tabindex="0" role="group" aria-label="{told}">{math(drawn)}</span>'

    # The formula, among symbols and with numbers

    def _formula(self, term: Term) -> str:
        if term.formula is None:
            inside = "<mo>,</mo>".join(map(self.frame.symbol, term.operands))
            what = escaped(term.brick.partition("(")[0] or term.place or "computed")
            named = math(f"<mtext>{what}</mtext><mo>(</mo>{inside}<mo>)</mo>")
            return scrolling(named, len(what) + 4 * len(term.operands) > LONG, f"what {term.symbol} is made of")
        names = term.formula.names

        def symbols(name: str, index: tuple[int, ...] | None) -> str | None:
            if name not in names:
                return None
            drawn = self.frame.symbol(names[name])
            return drawn if index is None else MATH.entry(drawn, [f"<mn>{i}</mn>" for i in index])

        drawn = Drawing(MATH, names, symbols).draw(term.formula.statement.formula)
        long = len(Drawing(LINE, names).draw(term.formula.statement.formula)) > LONG
        return scrolling(math(drawn), long, f"formula of {term.symbol}")

    def _numbers(self, term: Term, alone: bool) -> str:
        """Draw the formula with numbers; nothing if it is one symbol, or speaks of single entries."""
        if term.formula is None or not self.frame.amount.numbers:
            return ""
        formula = term.formula.statement.formula
        entries = term.formula.statement.indices or any(isinstance(n, ast.Subscript) for n in ast.walk(formula))
        turned = any(call_of(node) in WHOLE for node in ast.walk(formula))  # a part of it would not lead to the result
        if entries or isinstance(formula, ast.Name | ast.Constant) or turned:
            return ""
        shown = [node.id for node in ast.walk(formula) if isinstance(node, ast.Name) and node.id in term.formula.names]
        columns = sum(_columns(term.formula.names[name].value) for name in shown)
        what = f"{term.symbol} with numbers"
        whole = scrolling(math(self._figures(term, None)), columns >= WIDE, what)
        if not alone or not any(_has_rows(each) for each in term.formula.names.values()):
            return whole
        one = scrolling(math(self._figures(term, self.frame.sample)), columns >= WIDE, what)
        return _both(whole, one)

    def _figures(self, term: Term, row: int | None) -> str:
        formula = cast(Formula, term.formula)
        names = formula.names

        def leaf(name: str, index: tuple[int, ...] | None) -> str | None:
            if name not in names or index is not None:
                return None
            drawn = self._small(names[name], row)
            lights = self.frame.lights(names[name])
            return f'<mrow class="{lights}">{drawn}</mrow>' if lights and names[name].shape else drawn

        return Drawing(MATH, names, leaf).draw(formula.statement.formula)

    def _small(self, term: Term, row: int | None) -> str:
        value = np.asarray(term.value)
        if row is not None and _has_rows(term):
            value = value[row : row + 1]
        return self.grid.small(value, self.frame.amount.operand)

    def _whole_or_row(self, term: Term, share: Any = None) -> str:
        whole = self.grid.result(term)
        if share is not None:
            told = f"what row {self.frame.sample} gives to the sum over the batch"
            return _both(whole, self.grid.part(term, share, told))
        if _has_rows(term):
            return _both(whole, self.grid.row(term))
        return whole

    def _more(self, term: Term) -> str:
        more = self.grid.more(term)
        return f'<div class="more whole">{more}</div>' if more else ""

    # The chain rule

    def _chain(self, term: Term) -> Iterator[str]:
        if term.role != "parameter gradient" and len(term.chain) < 2:
            return
        products = [product for product in term.chain if len(product) > 1 or len(term.chain) > 1]
        if not products:
            return
        numbered = self.frame.amount.numbers
        share = share_of(term, self.frame.sample) if numbered else None
        alone = term.batch or share is not None
        columns = [(math(self.frame.symbol(term)), self._column(term, share) if numbered else "")]
        for place, product in enumerate(products):
            for first, factor in enumerate(product):
                sign = f'<span class="sign">{"·" if first else "+" if place else "="}</span>'
                drawn, numbers = self._factor(factor)
                columns += [(sign, sign if numbers else ""), (drawn, numbers)]
        upper = "".join(f"<td>{top}</td>" for top, _ in columns)
        lower = "".join(f"<td>{bottom}</td>" for _, bottom in columns if numbered)
        title = "chain rule" if len(products) == 1 else "chain rule, the sum over the branches"
        table = f"<table><tr>{upper}</tr><tr{'' if alone else BATCH}>{lower}</tr></table>"
        inside = scrolling(table, True, f"chain rule of {term.symbol}")
        yield f'<div class="chain"><p class="cap">{title}</p>{inside}</div>'

    def _factor(self, factor: Bracket) -> tuple[str, str]:
        if factor.term is None:
            return math(MATH.symbol(factor.symbol)), ""
        drawn = self.frame.symbol(factor.term)
        if factor.reused and not factor.term.reused:
            drawn = f'<mrow class="box">{drawn}</mrow>'
        return math(drawn), self._column(factor.term) if self.frame.amount.numbers else ""

    def _column(self, term: Term, share: Any = None) -> str:
        whole = f"<math>{self._small(term, None)}</math>"
        if share is not None:
            whole = _both(whole, f"<math>{self.grid.small(share, self.frame.amount.operand)}</math>", "span")
        elif _has_rows(term):
            whole = _both(whole, f"<math>{self._small(term, self.frame.sample)}</math>", "span")
        return f'<span class="{self.frame.lights(term)}">{whole}</span>'

    # What else there is to say

    def _remarks(self, term: Term) -> Iterator[str]:
        if term.reused:
            users = {id(user): user for user in term.users if user.role != "local derivative"}
            drawn = ", ".join(f"<math>{self.frame.symbol(user)}</math>" for user in users.values())
            yield f'<p class="uses">computed once, reused by {drawn}</p>'
        if term.badge is not None:
            mark = {"right": "✓", "wrong": "✗"}.get(term.badge.outcome, "?")
            told = escaped(verdict(term.badge))
            yield f'<p class="badge {term.badge.outcome}">{mark} {told}</p>'
        if term.arose:
            told = "arises here, from finite numbers" if term.operands else "stands in what is given"
            yield f'<p class="badge wrong">! NaN or ∞ {told}</p>'
        if term.agrees is False:
            yield f'<p class="badge wrong">✗ {escaped(term.note)}</p>'
        elif term.note:
            yield f'<p class="note">{escaped(term.note)}</p>'


def _both(whole: str, one: str, tag: str = "div") -> str:
    """Show the batch, or one row of it, as the page is switched."""
    return f'<{tag} class="whole">{whole}</{tag}><{tag} class="one">{one}</{tag}>'


def _has_rows(term: Term) -> bool:
    return term.batch and as_array(term.value) is not None and term.shape[0] > 1


def _columns(value: Any) -> int:
    return np.shape(value)[-1] if np.ndim(value) else 1


def _caption(term: Term) -> str:
    told = {"activation": "", "update": "new value", "loss": "loss", "upstream gradient": "gradient"}
    return told.get(term.role, term.role)
