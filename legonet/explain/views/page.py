"""An explanation as a page: HTML and MathML, without any script."""

import ast
import hashlib
import html
from collections.abc import Iterator, Sequence
from importlib.resources import files
from itertools import count, groupby
from typing import Any

import numpy as np

from legonet.explain.draw import Drawing
from legonet.explain.entries import equation_of
from legonet.explain.evaluate import Calculator
from legonet.explain.language import call_of
from legonet.explain.styles import MathML, Text
from legonet.explain.trace import Bracket, Failure, Step, Term

from .heat import largest_of, picture, strength
from .matrices import aligned, number, shown_of
from .text import badge_text

STYLE = MathML()
SMALL = 4000
"""Up to so many numbers altogether, more of each array is shown."""
_SHADE = 42
"""How strong the strongest colour is, in percent: numbers stay readable on it."""
CHECKED = ' checked="checked"'
HINT = (
    "Point at a symbol, or step through the gradients with the Tab key, to see where it is used. Choose a number to "
    "see the sum behind it. A box marks a gradient that is computed once and used again."
)
GAP = '<td class="gap">⋮</td>'
_outputs = count(1)


def page(steps: Sequence[Step], sample: int, title: str) -> str:
    """Return a page of its own."""
    name = html.escape(title)
    body = _Writer(steps, sample, "lx").write(title)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/><title>{name}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
        "<style>body{margin:0;background:#fff}@media(prefers-color-scheme:dark){body{background:#16181d}}</style>"
        f"</head><body><main>{body}</main></body></html>\n"
    )


def fragment(steps: Sequence[Step], sample: int) -> str:
    """Return the same for a notebook, which may hold several."""
    key = hashlib.sha256(f"{next(_outputs)}{[str(term) for step in steps for term in step]}".encode()).hexdigest()
    return _Writer(steps, sample, f"lx{key[:8]}").write("")


class _Writer:
    def __init__(self, steps: Sequence[Step], sample: int, key: str) -> None:
        self.steps, self.sample, self.key = steps, sample, key
        terms = [term for step in steps for term in step]
        self.ids = {id(term): f"{key}-t{k}" for k, term in enumerate(terms)}
        numbers = sum(np.size(term.value) for term in terms)
        self.most = 6 if numbers <= SMALL else 5 if len(terms) <= 80 else 3
        self.more = 12 if len(terms) <= 80 else 8
        self.digits = 6
        self.popovers: list[str] = []

    def write(self, title: str) -> str:
        css = files("legonet.explain.views").joinpath("page.css").read_text(encoding="utf-8")
        parts = [f'<div class="lx" id="{self.key}"><style>{css}{"".join(self._rules())}</style>']
        if title:
            parts.append(f"<h1>{html.escape(title)}</h1>")
        parts += [
            f'<p class="hint">{HINT}</p>',
            self._controls(),
        ]
        for step in self.steps:
            parts.append(f'<div class="step-{step.number}">{"".join(self._step(step))}</div>')
        return "".join([*parts, *self.popovers, "</div>"])

    def _rules(self) -> Iterator[str]:
        """Light up what belongs together, and show the step and the view that are chosen."""
        root = f"#{self.key}"
        for step in self.steps:
            if len(self.steps) > 1:
                yield f"{root}:not(:has(#{self.key}-s{step.number}:checked)) .step-{step.number}{{display:none}}"
            for term in step:
                if term.users or term.role == "upstream gradient":
                    t = f".{self.ids[id(term)]}"
                    yield f"{root}:has({t}:hover) {t},{root}:has({t}:focus) {t}{{background:var(--lit)}}"
        yield f"{root}:has(#{self.key}-one:checked) .whole{{display:none}}"
        yield f"{root}:not(:has(#{self.key}-one:checked)) .sample{{display:none}}"

    def _controls(self) -> str:
        made = []
        if len(self.steps) > 1:
            ticks = "".join(
                f'<label>{step.number}<input type="radio" name="{self.key}-step" id="{self.key}-s{step.number}"'
                f"{CHECKED if step is self.steps[0] else ''}/></label>"
                for step in self.steps
            )
            made.append(f'<fieldset class="track steps"><legend>Step</legend>{ticks}</fieldset>')
        rows = max((len(t.value) for t in self.steps[0].given if t.batch), default=1)
        if rows > 1:
            names = (("all", f"the batch of {rows}", CHECKED), ("one", f"row {self.sample} alone", ""))
            ticks = "".join(
                f'<label>{text}<input type="radio" name="{self.key}-rows" id="{self.key}-{short}"{checked}/></label>'
                for short, text, checked in names
            )
            made.append(f'<fieldset class="track"><legend>Rows</legend>{ticks}</fieldset>')
        return f'<div class="controls">{"".join(made)}</div>' if made else ""

    def _step(self, step: Step) -> Iterator[str]:
        phases = [("Given", step.given), ("Forward", step.forward), ("Loss", step.loss)]
        for title, terms in [*phases, ("Backward", step.backward), ("Update", step.update)]:
            failed = step.failure if step.failure is not None and step.failure.phase == title.lower() else None
            if not terms and failed is None:
                continue
            yield f"<section><h2>{title}</h2>"
            for (place, brick), some in groupby(terms, lambda term: (term.place, term.brick)):
                if place or brick:
                    yield f"<h3>{html.escape(place)} <code>{html.escape(brick)}</code></h3>"
                cards = "".join(self._card(term) for term in some)
                yield f'<div class="given">{cards}</div>' if title == "Given" else cards
            if failed is not None:
                yield self._failure(failed)
            yield "</section>"

    def _failure(self, failure: Failure) -> str:
        told = html.escape(f"{type(failure.error).__name__}: {failure.error}")
        where = f"<h3>{html.escape(failure.place)} <code>{html.escape(failure.brick)}</code></h3>"
        return (
            f'{where}<div class="card failed" role="alert"><p class="wrong">The step ends here.</p><p>{told}</p></div>'
        )

    def _card(self, term: Term) -> str:
        *above, beside = [*self._formula(term)] or [""]
        pair = f'{"".join(above)}<div class="pair">{beside}<div>{self._result(term)}</div></div>'
        more = "" if shown_of(term.value, self.most, self.most).whole or not np.size(term.value) else self._more(term)
        return f'<div class="card">{pair}{more}{"".join(self._chain(term))}{"".join(self._remarks(term))}</div>'

    def symbol(self, term: Term) -> str:
        """Write the symbol of a term, which lights up with all others of it."""
        drawn = STYLE.symbol(term.symbol)
        if id(term) not in self.ids:
            return drawn
        focus = ' tabindex="0"' if term.role == "upstream gradient" else ""
        box = " box" if term.reused else ""
        return f'<mrow class="{self.ids[id(term)]}{box}"{focus}>{drawn}</mrow>'

    def _formula(self, term: Term) -> Iterator[str]:
        if term.formula is None:
            if term.place:
                inside = "<mo>,</mo>".join(map(self.symbol, term.operands))
                what = html.escape(term.brick.partition("(")[0] or term.place)
                yield _math(f"{self.symbol(term)}<mo>=</mo><mtext>{what}</mtext><mo>(</mo>{inside}<mo>)</mo>")
            return
        names, statement = term.formula.names, term.formula.statement

        def written(name: str, index: tuple[int, ...] | None) -> str | None:
            if name not in names:
                return None
            drawn = self.symbol(names[name])
            return drawn if index is None else STYLE.entry(drawn, [*map(str, index)])

        drawing = Drawing(STYLE, names, written)
        left = self.symbol(term)
        if statement.indices:
            left = STYLE.entry(left, [drawing.draw(index) for index in statement.indices])
        yield _math(f"{left}<mo>=</mo>{drawing.draw(statement.formula)}")
        entries = statement.indices or any(isinstance(node, ast.Subscript) for node in ast.walk(statement.formula))
        if not entries and not isinstance(statement.formula, ast.Name):

            def figures(name: str, index: tuple[int, ...] | None) -> str | None:
                return self._mathml(names[name]) if name in names and index is None else None

            yield _math(f"<mo>=</mo>{Drawing(STYLE, names, figures).draw(statement.formula)}")

    def _mathml(self, term: Term) -> str:
        """Write an array as a matrix of MathML; of a batch also one row, for where the page shows one."""
        value = np.asarray(term.value)
        if not value.ndim:
            return STYLE.figure(number(value, 4))
        if not term.batch or len(value) < 2:
            return self._matrix_of_mathml(value)
        one = self._matrix_of_mathml(value[self.sample : self.sample + 1])
        return f'<mrow class="whole">{self._matrix_of_mathml(value)}</mrow><mrow class="sample">{one}</mrow>'

    def _matrix_of_mathml(self, value: Any) -> str:
        shown = shown_of(value, 4, 4)
        width = max((len(row) for row in shown.rows if row is not None), default=1)
        lines = []
        for row in shown.rows:
            cells = (None,) * width if row is None else row
            drawn = "<mo>⋮</mo>" if row is None else "<mo>…</mo>"
            lines.append(
                "<mtr>"
                + "".join(
                    f"<mtd>{drawn if place is None else STYLE.figure(number(value[place], 4))}</mtd>" for place in cells
                )
                + "</mtr>"
            )
        return f"<mrow><mo>[</mo><mtable>{''.join(lines)}</mtable><mo>]</mo></mrow>"

    def _result(self, term: Term) -> str:
        whole = self._matrix(term, self.most)
        if not term.batch or not np.ndim(term.value) or len(term.value) < 2:
            share = self._share(term)
            if share is None:
                return whole
            return f'<div class="whole">{whole}</div><div class="sample">{share}</div>'
        one = np.asarray(term.value)[self.sample : self.sample + 1]
        return f'<div class="whole">{whole}</div><div class="sample">{self._matrix(term, self.most, one)}</div>'

    def _share(self, term: Term) -> str | None:
        """Show what one row of the batch gives to a parameter's gradient, if its formula is a sum over the rows."""
        if term.role != "parameter gradient" or term.formula is None:
            return None
        names, formula = term.formula.names, term.formula.statement.formula
        batches = [name for name, operand in names.items() if operand.batch and np.ndim(operand.value)]
        product = isinstance(formula, ast.BinOp) and isinstance(formula.op, ast.MatMult)
        if not batches or not (product or call_of(formula) == "sum") or term.formula.statement.indices:
            return None
        if max(len(names[name].value) for name in batches) < 2:
            return None
        row = slice(self.sample, self.sample + 1)
        operands = {name: np.asarray(each.value) for name, each in names.items()}
        operands |= {name: operands[name][row] for name in batches}
        try:
            value, _ = Calculator(operands).assigned(term.formula.statement, term.shape)
        except Exception:
            return None
        told = f"<p class='hint'>what row {self.sample} gives to the sum over the batch</p>"
        return self._matrix(term, self.most, value) + told

    def _matrix(self, term: Term, most: int, value: Any = None) -> str:
        """Write an array as a table whose numbers open the equation behind them."""
        array = np.asarray(term.value if value is None else value)
        shown = shown_of(array, most, most)
        label = STYLE.symbol(term.symbol)
        if not array.size:
            return f'<p class="hint">{_math(label, "inline")} is empty, of shape {np.shape(array)}</p>'
        table = self._table(term, array, shown.rows, choose=value is None)
        sign = _math(f"{label}<mo>=</mo>" if not term.formula and not term.place else "<mo>=</mo>", "inline")
        sign = f"<span>{sign}</span>"
        where = f' <span class="hint">{html.escape(shown.label)} of</span>' if shown.label else ""
        shape = f' <span class="hint">{" × ".join(map(str, array.shape))}</span>' if not shown.whole else ""
        own = self.ids[id(term)]
        return f'<div class="scroll"><div class="matrix {own}">{sign}{table}{where}{shape}</div></div>'

    def _table(self, term: Term, array: Any, rows: Any, choose: bool) -> str:
        largest, lines = largest_of(array), []
        widths = max((len(row) for row in rows if row is not None), default=1)
        texts: dict[tuple[int, ...], str] = {}
        for column in range(widths):
            places = [row[column] for row in rows if row is not None and row[column] is not None]
            texts.update(zip(places, aligned([number(array[place], self.digits) for place in places]), strict=True))
        for row in rows:
            if row is None:
                lines.append(f"<tr>{GAP * widths}</tr>")
                continue
            cells = []
            for place in row:
                if place is None:
                    cells.append('<td class="gap">…</td>')
                    continue
                value = array[place]
                text = texts[place]
                shade = round(_SHADE * strength(float(value), largest))
                heat = f' class="{"p" if value > 0 else "n"}" style="--v:{shade}"' if shade else ""
                inside = self._button(term, place, text) if choose else f"<span>{text}</span>"
                cells.append(f"<td{heat}>{inside}</td>")
            lines.append(f"<tr>{''.join(cells)}</tr>")
        return f"<table>{''.join(lines)}</table>"

    def _button(self, term: Term, place: tuple[int, ...], text: str) -> str:
        if term.formula is None and not term.place:
            return f"<span>{text}</span>"
        key = f"{self.ids[id(term)]}-{'-'.join(map(str, place))}"
        self.popovers.append(f'<div popover="auto" id="{key}">{self._equation(term, place)}</div>')
        return f'<button type="button" popovertarget="{key}">{text}</button>'

    def _equation(self, term: Term, place: tuple[int, ...]) -> str:
        left, *parts = equation_of(term, place).draw(Text(), 8)
        lines = [f"{left} = {parts[0]}", *(f"= {part}" for part in parts[1:])]
        if term.badge is not None:
            for each in term.badge.differences:
                if each.entry == place:
                    lines.append(f"finite differences: {each.numeric:.8g}, difference {each.difference:.1g}")
        if term.formula is None:
            lines.append(f"computed by {term.brick or term.place}; it states no formula")
        return "".join(f"<p>{html.escape(line)}</p>" for line in lines)

    def _more(self, term: Term) -> str:
        """Let more of a large array be seen, and all of it as a picture."""
        array = np.asarray(term.value)
        shown = shown_of(array, self.more, self.more)
        table = self._table(term, array, shown.rows, choose=False)
        alt = f"All numbers of {term}: blue below zero, red above."
        image = f'<img src="{picture(array)}" alt="{html.escape(alt)}"/>' if np.size(array) else ""
        return (
            f'<details><summary>more of it</summary>{image}<div class="scroll" tabindex="0">'
            f'<div class="matrix">{table}</div></div></details>'
        )

    def _chain(self, term: Term) -> Iterator[str]:
        if term.role != "parameter gradient" and len(term.chain) < 2:
            return
        products = [product for product in term.chain if len(product) > 1]
        if not products:
            return
        line = "<mo>+</mo>".join(self._product(product) for product in products)
        yield f'<div class="chain"><p class="hint">chain rule</p>{_math(f"{self.symbol(term)}<mo>=</mo>{line}")}</div>'

    def _product(self, product: Sequence[Bracket]) -> str:
        factors = []
        for factor in product:
            drawn = STYLE.symbol(factor.symbol) if factor.term is None else self.symbol(factor.term)
            if factor.reused and "box" not in drawn:
                drawn = f'<mrow class="box">{drawn}</mrow>'
            if factor.term is not None:
                drawn = f"<munder>{drawn}<mrow>{self._mathml(factor.term)}</mrow></munder>"
            factors.append(drawn)
        return "<mo>·</mo>".join(factors)

    def _remarks(self, term: Term) -> Iterator[str]:
        if term.reused:
            users = _unique([user for user in term.users if user.role != "local derivative"])
            named = ", ".join(_math(self.symbol(user), "inline") for user in users)
            yield f'<p class="uses">used again for {named}</p>'
        if term.badge is not None:
            mark = {"right": "✓", "wrong": "✗", "unknown": "?"}[term.badge.outcome]
            told = html.escape(badge_text(term.badge).removeprefix("!! "))
            yield f'<p class="badge {term.badge.outcome}">{mark} {told}</p>'
        if term.arose:
            yield '<p class="arose">Here NaN or infinity arose.</p>'
        if term.note:
            kind = "wrong" if term.agrees is False else "note"
            yield f'<p class="{kind}">{html.escape(term.note)}</p>'


def _math(body: str, display: str = "block") -> str:
    if display == "inline":
        return f"<math>{body}</math>"
    return f'<div class="scroll"><math displaystyle="true">{body}</math></div>'


def _unique(terms: Sequence[Term]) -> list[Term]:
    return [*{id(term): term for term in terms}.values()]
