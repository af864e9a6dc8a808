"""Formulas as plain text."""

import math
from collections.abc import Sequence
from typing import Any

from .style import Style


class Text(Style):
    """Plain text, in the notation of Python where it has one."""

    def letter(self, base: str, accent: str, subscript: str) -> str:
        plain = subscript.replace(",", "")
        return f"{base}{accent}{'_' if plain[:1].isalpha() else ''}{plain}"

    def gradient(self, of: str, via: str) -> str:
        return f"dL/d{of}{'|' if via else ''}{via}"

    def local(self, of: str, by: str) -> str:
        return f"d{of}/d{by}"

    def new(self, of: str) -> str:
        return f"{of}*"

    def number(self, value: Any) -> str:
        if isinstance(value, float):
            return "NaN" if math.isnan(value) else f"{value:.{self.digits}g}" if value else "0"
        return str(value)

    def entry(self, array: str, index: Sequence[str]) -> str:
        return f"{array}[{', '.join(index)}]"

    def joined(self, operator: str, left: str, right: str) -> str:
        return f"{left} {'*' if operator == '.' else operator} {right}"

    def fraction(self, top: str, bottom: str) -> str | None:
        return None

    def power(self, base: str, exponent: str) -> str:
        return f"{base}²" if exponent == "2" else f"{base}^{exponent if exponent.isalnum() else f'({exponent})'}"

    def transposed(self, matrix: str) -> str:
        return f"({matrix})ᵀ" if "/" in matrix else f"{matrix}ᵀ"

    def inside(self, brackets: str, body: str) -> str:
        return f"{brackets[0]}{body}{brackets[1]}"

    def call(self, name: str, arguments: Sequence[str]) -> str:
        return f"{name}({', '.join(arguments)})"

    def reduction(self, name: str, over: Sequence[str], body: str) -> str:
        sign = {"sum": "Σ"}.get(name, name)
        return (
            f"{sign}{'_' if over else ''}{','.join(over)} {body}"
            if name == "sum"
            else (
                f"{sign}{'_' if over else ''}{','.join(over)}({body.removeprefix('(').removesuffix(')')})"
                if body.startswith("(") and body.endswith(")") and body.count("(") == 1
                else f"{sign}{'_' if over else ''}{','.join(over)}({body})"
            )
        )

    def cases(self, condition: str, one: str, other: str) -> str:
        return f"({one} if {condition.strip('[]')} else {other})"

    def special(self, name: str, argument: str) -> str | None:
        return None

    def rest(self, count: int, value: str) -> str:
        return f"({count} more: {value})" if value else f"({count} more)"

    def negative(self, body: str) -> str:
        return f"-{body}"
