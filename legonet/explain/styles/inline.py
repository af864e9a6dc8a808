"""Formulas as a line of HTML, much shorter than MathML."""

import html
from collections.abc import Sequence
from typing import Any

from .text import Text

_BELOW = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


class Inline(Text):
    """A line of HTML."""

    def letter(self, base: str, accent: str, subscript: str) -> str:
        if subscript.isdigit():
            return html.escape(base + accent) + subscript.translate(_BELOW)
        return html.escape(base + accent) + (f"<sub>{html.escape(subscript)}</sub>" if subscript else "")

    def gradient(self, of: str, via: str) -> str:
        return f"∂L/∂{of}{f'<sub>{html.escape(via)}</sub>' if via else ''}"

    def local(self, of: str, by: str) -> str:
        return f"∂{of}/∂{by}"

    def number(self, value: Any) -> str:
        return self.figure(super().number(value))

    def figure(self, text: str) -> str:
        return html.escape(text.replace("-", "−").replace("inf", "∞"))

    def joined(self, operator: str, left: str, right: str) -> str:
        signs = {"*": "·", ".": "·", "@": " ", "-": "−", "<": "&lt;", ">": "&gt;"}
        return f"{left} {signs.get(operator, operator)} {right}".replace("   ", " ")

    def power(self, base: str, exponent: str) -> str:
        return f"{base}<sup>{exponent}</sup>"

    def call(self, name: str, arguments: Sequence[str]) -> str:
        return super().call(html.escape(name), arguments)

    def special(self, name: str, argument: str) -> str | None:
        return {"exp": f"e<sup>{argument}</sup>", "sqrt": f"√({argument})"}.get(name)

    def negative(self, body: str) -> str:
        return f"−{body}"
