"""Arrays as matrices of a page, coloured by size."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from legonet.arrays import Array, brief
from legonet.explain.trace import Term

from .behind import behind
from .figures import exact, figures, size_of, sized
from .frame import Frame, escaped, scrolling
from .heat import picture, strength
from .matrices import Shown, shown_of
from .wording import as_array

SHADES = 8
"""How many strengths a colour has."""
PIXELS, FEW = 48, 16
"""Of the picture of an array, each way: usually, and where there are very many."""


class Grid:
    """Draws the arrays of a page.

    Parameters
    ----------
    frame : Frame
        What the page shares.
    """

    def __init__(self, frame: Frame) -> None:
        self.frame = frame

    def result(self, term: Term) -> str:
        """Draw what a term is, with what is behind each number."""
        array = as_array(term.value)
        side = self.frame.amount.side
        if array is None:
            return f"<code>{escaped(brief(term.value, 80))}</code>"
        shown = shown_of(array, side, side)
        if not array.size:
            return f'<p class="note">no numbers: its shape is {sized(array.shape)}</p>'
        return self._drawn(term, array, shown)

    def row(self, term: Term) -> str:
        """Draw the row of the batch that is shown alone."""
        array, sample = np.asarray(term.value), self.frame.sample
        shown = shown_of(array[sample : sample + 1], self.frame.amount.side, self.frame.amount.side)
        label = f", {[sample, *[0] * (array.ndim - 3)]} of it" if shown.label else ""
        return self._drawn(term, array, _moved(shown, sample), f"row {sample} of {sized(array.shape)}{label}")

    def part(self, term: Term, array: Any, told: str) -> str:
        """Draw numbers that are only a part of a term."""
        array = np.asarray(array)
        side = self.frame.amount.side
        table = self._table(term, array, shown_of(array, side, side), choose=False, whole=False)
        return scrolling(f'<span class="grid">{table}</span> <span class="shape">{told}</span>', True, told)

    def small(self, value: Any, most: int) -> str:
        """Draw an array as a matrix of MathML, or a single number."""
        array = as_array(value)
        if array is None:
            return f"<mtext>{escaped(brief(value, 20))}</mtext>"
        if not array.ndim:
            return mn(figures([array[()]], 6)[0])
        if not array.size:
            return "<mtext>[ ]</mtext>"
        if max(array.shape[-2:]) > most:
            most = min(most, 5)
        shown = shown_of(array, most, most)
        texts = _texts(array, shown, 4 if array.size > 12 else 5)
        lines = (
            "<mtr>" + "".join(f"<mtd>{_gap(row) if place is None else mn(texts[place])}</mtd>" for place in cells)
            for row, cells in ((row, _cells(shown, row)) for row in shown.rows)
        )
        label = "" if not shown.label else f"<mtext>{shown.label}</mtext>"
        return f'<mrow><mtable class="m">{"</mtr>".join(lines)}</mtr></mtable>{label}</mrow>'

    def _drawn(self, term: Term, array: Array, shown: Shown, told: str = "", choose: bool = True) -> str:
        table = self._table(term, array, shown, choose)
        if not told and not shown.whole:
            told = sized(array.shape) if not shown.label else f"{shown.label} of {sized(array.shape)}"
        caption = f' <span class="shape">{told}</span>' if told else ""
        inside = f'<span class="grid {self.frame.lights(term)}">{table}</span>{caption}'
        return scrolling(inside, "<button" not in table, f"numbers of {term.symbol}")

    def _table(self, term: Term, array: Array, shown: Shown, choose: bool, whole: bool = True) -> str:
        largest, texts, lines = size_of(array), _texts(array, shown, 6), []
        for row in shown.rows:
            cells = []
            for place in _cells(shown, row):
                if place is None:
                    cells.append(f'<td class="gap">{"⋮" if row is None else "…"}</td>')
                else:
                    title = exact(array[place])
                    if whole:
                        title = f"{escaped(str(term.symbol))}{list(place) if place else ''} = {title}"
                    heat = _heat(array, place, largest)
                    cells.append(self._cell(term, place, texts[place], heat, title, choose))
            lines.append(f"<tr>{''.join(cells)}</tr>")
        return f'<table class="{"m" if array.ndim else "s"}">{"".join(lines)}</table>'

    def _cell(self, term: Term, place: tuple[int, ...], text: str, heat: str, title: str, choose: bool) -> str:
        if not choose or not self.frame.amount.behind or (term.formula is None and not term.place):
            return f'<td{heat} title="{title}">{text}</td>'
        key = "-".join((self.frame.anchor(term), "at", *map(str, place)))
        self.frame.behind.setdefault(key, behind(term, place))
        return f'<td{heat}><button type="button" popovertarget="{key}" title="{title}">{text}</button></td>'

    def more(self, term: Term) -> str:
        """Let more of a large array be seen, and all of it as a picture; nothing if all is shown already."""
        array, side = as_array(term.value), self.frame.amount.side
        if array is None or not array.size or shown_of(array, side, side).whole:
            return ""
        side = self.frame.amount.more
        table = self._drawn(term, array, shown_of(array, side, side), choose=False) if side else ""
        alt = f"all {array.size} numbers of {escaped(str(term.symbol))}: red above zero, blue below"
        image = f'<img src="{picture(array, PIXELS if side else FEW)}" alt="{alt}"/>'
        return f"<details><summary>all of {sized(array.shape)}</summary>{image}{table}</details>"


def _heat(array: Array, place: tuple[int, ...], largest: float) -> str:
    """Return the class of a number's colour."""
    value = float(array[place])
    shade = round(SHADES * strength(value, largest)) if array.dtype.kind == "f" else 0
    colour = "x" if not np.isfinite(value) else f"{'p' if value > 0 else 'n'}{shade}" if shade else ""
    return f' class="{colour}"' if colour else ""


def mn(text: str) -> str:
    """Write a number in MathML; a minus sign stands apart, as it may need brackets."""
    return f"<mo>−</mo><mn>{text[1:]}</mn>" if text.startswith("−") else f"<mn>{text}</mn>"


def _gap(row: object) -> str:
    return "<mo>⋮</mo>" if row is None else "<mo>…</mo>"


def _cells(shown: Shown, row: Any) -> Sequence[tuple[int, ...] | None]:
    width = max(len(each) for each in shown.rows if each is not None)
    return [None] * width if row is None else row


def _texts(array: Array, shown: Shown, digits: int) -> dict[tuple[int, ...], str]:
    places = [place for row in shown.rows if row is not None for place in row if place is not None]
    if array.dtype.kind in "biu":
        return {place: str(int(array[place])) for place in places}
    return dict(zip(places, figures([array[place] for place in places], digits), strict=True))


def _moved(shown: Shown, sample: int) -> Shown:
    """Return places in the whole batch for places in one row of it."""
    rows = tuple(
        None if row is None else tuple(None if p is None else (p[0] + sample, *p[1:]) for p in row)
        for row in shown.rows
    )
    return Shown(rows, shown.label, shown.whole)
