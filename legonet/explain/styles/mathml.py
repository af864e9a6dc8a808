"""Formulas in MathML."""

import html
import math
from collections.abc import Sequence
from typing import Any

from legonet.explain.language import AXES

from .style import Style, split_name


class MathML(Style):
    """MathML, what stands inside of ``<math>``."""

    def letter(self, base: str, accent: str, subscript: str) -> str:
        drawn = self._identifier(base)
        if base in ("…", ":"):
            return f"<mo>{base}</mo>"
        for each in accent:
            mark = {"\u0302": "^", "\u0303": "~", "\u0304": "¯", "\u0305": "¯"}.get(each, "^")
            drawn = f'<mover accent="true">{drawn}<mo stretchy="false">{mark}</mo></mover>'
        if subscript:
            below = "<mo>,</mo>".join(
                f"<mn>{part}</mn>" if part.isdigit() else self._identifier(part) for part in subscript.split(",")
            )
            return f"<msub>{drawn}<mrow>{below}</mrow></msub>"
        return drawn

    def _identifier(self, name: str) -> str:
        return f"<mi>{html.escape(name)}</mi>"

    def gradient(self, of: str, via: str) -> str:
        drawn = self.local("<mi>L</mi>", of)
        if not via:
            return drawn
        branch = self.letter(*split_name(via))
        return f'<msub><mrow>{drawn}<mo stretchy="true">|</mo></mrow><mrow>{branch}</mrow></msub>'

    def local(self, of: str, by: str) -> str:
        return f"<mfrac><mrow><mo>∂</mo>{of}</mrow><mrow><mo>∂</mo>{by}</mrow></mfrac>"

    def new(self, of: str) -> str:
        return f"<msup>{of}<mo>*</mo></msup>"

    def number(self, value: Any) -> str:
        if isinstance(value, float):
            return self.figure(
                f"{value + 0.0:.{self.digits}g}" if math.isfinite(value) else str(value).replace("nan", "NaN")
            )
        if isinstance(value, int) and value < 0:
            return f"<mo>−</mo><mn>{-value}</mn>"
        return f"<mn>{value}</mn>"

    def figure(self, text: str) -> str:
        sign, text = ("<mo>−</mo>", text[1:]) if text.startswith("-") else ("", text)
        if text in ("NaN", "inf"):
            return sign + ("<mi>NaN</mi>" if text == "NaN" else "<mi>∞</mi>")
        digits, _, exponent = text.partition("e")
        if not exponent:
            return f"{sign}<mn>{digits}</mn>"
        power = f"<msup><mn>10</mn><mn>{int(exponent)}</mn></msup>".replace("<mn>-", "<mn>−")
        return f"<mrow>{sign}<mn>{digits}</mn><mo>·</mo>{power}</mrow>"

    def entry(self, array: str, index: Sequence[str]) -> str:
        inside = "<mo>,</mo>".join(i if i.startswith("<") else f"<mn>{i}</mn>" for i in index)
        brackets = '<mo stretchy="false">[</mo>', '<mo stretchy="false">]</mo>'
        return f"<mrow>{array}{brackets[0]}{inside}{brackets[1]}</mrow>"

    def joined(self, operator: str, left: str, right: str) -> str:
        if operator == "@":
            return f'{left}<mspace width="0.25em"/>{right}'
        signs = {"*": "⊙", ".": "·", "-": "−", "//": "div", "%": "mod", "<": "&lt;", ">": "&gt;"}
        return f"{left}<mo>{signs.get(operator, operator)}</mo>{right}"

    def fraction(self, top: str, bottom: str) -> str | None:
        return f"<mfrac><mrow>{top}</mrow><mrow>{bottom}</mrow></mfrac>"

    def power(self, base: str, exponent: str) -> str:
        return f"<msup><mrow>{base}</mrow><mrow>{exponent}</mrow></msup>"

    def transposed(self, matrix: str) -> str:
        if matrix.startswith("<mfrac"):
            matrix = self.inside("()", matrix)
        return f"<msup><mrow>{matrix}</mrow><mi>T</mi></msup>"

    def inside(self, brackets: str, body: str) -> str:
        return f"<mrow><mo>{brackets[0]}</mo>{body}<mo>{brackets[1]}</mo></mrow>"

    def call(self, name: str, arguments: Sequence[str]) -> str:
        return f"<mi>{html.escape(name)}</mi>{self.inside('()', '<mo>,</mo>'.join(arguments))}"

    def reduction(self, name: str, over: Sequence[str], body: str) -> str:
        below = "<mo>,</mo>".join(f"<mtext>{axis}</mtext>" if axis in AXES else axis for axis in over)
        sign = "<mo>∑</mo>" if name == "sum" else f"<mi>{name}</mi>"
        if below:
            sign = f"<munder>{sign}<mrow>{below}</mrow></munder>"
        return f"{sign}{body}"

    def cases(self, condition: str, one: str, other: str) -> str:
        lines = "".join(
            f"<mtr><mtd>{value}</mtd><mtd><mtext>{when}</mtext>{what}</mtd></mtr>"
            for value, when, what in ((one, "if ", condition), (other, "else", ""))
        )
        return f"<mrow><mo>{{</mo><mtable>{lines}</mtable></mrow>"

    def special(self, name: str, argument: str) -> str | None:
        drawn = {
            "exp": f"<msup><mi>e</mi><mrow>{argument}</mrow></msup>",
            "sqrt": f"<msqrt>{argument}</msqrt>",
            "sigmoid": f"<mi>σ</mi>{self.inside('()', argument)}",
        }
        return drawn.get(name)

    def rest(self, count: int, value: str) -> str:
        if not value:
            return "<mo>…</mo>"
        return f"<munder><mo>…</mo><mrow><mn>{count}</mn><mtext> more: </mtext>{value}</mrow></munder>"

    def negative(self, body: str) -> str:
        return f"<mo>−</mo>{body}"
