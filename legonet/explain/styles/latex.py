"""Formulas in LaTeX."""

import math
import re
from collections.abc import Sequence
from typing import Any

from legonet.explain.language import AXES

from .style import Style, split_name

_GREEK_NAMES = (
    *("alpha", "beta", "gamma", "delta", "varepsilon", "zeta", "eta", "theta", "iota"),
    *("kappa", "lambda", "mu", "nu", "xi", "pi", "rho", "sigma", "tau"),
    *("upsilon", "varphi", "chi", "psi", "omega", "Gamma", "Delta", "Theta", "Lambda"),
    *("Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi", "Omega", "phi"),
)
GREEK = dict(zip("αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΥΦΨΩϕ", _GREEK_NAMES, strict=True))
"""What LaTeX calls a Greek letter."""
_ESCAPED = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\n": " "}
_ESCAPED |= {character: f"\\{character}" for character in "&%$#_{}"}
_ACCENTS = {"\u0302": "hat", "\u0303": "tilde", "\u0304": "bar", "\u0305": "bar", "\u0307": "dot"}
_KNOWN = ("exp", "log", "tanh", "sin", "cos", "max", "min")

LONG = 60
"""From so many characters on, a fraction or a root is written so that it can be broken over lines."""


class Latex(Style):
    """LaTeX, for math mode with the package amsmath."""

    def letter(self, base: str, accent: str, subscript: str) -> str:
        if base == "…":
            return r"\dots"
        if base == ":":
            return "{:}"
        drawn = self._word(base)
        for each in accent:
            drawn = rf"\{_ACCENTS.get(each, 'hat')}{{{drawn}}}"
        return f"{drawn}_{{{','.join(self._word(part) for part in subscript.split(','))}}}" if subscript else drawn

    def _word(self, word: str) -> str:
        if word in GREEK:
            return rf"\{GREEK[word]}"
        return rf"\text{{{escaped(word)}}}" if _is_long(word) else escaped(word)

    def gradient(self, of: str, via: str) -> str:
        drawn = rf"\frac{{\partial L}}{{\partial {of}}}"
        return rf"\left.{drawn}\right|_{{{self.letter(*split_name(via))}}}" if via else drawn

    def local(self, of: str, by: str) -> str:
        return rf"\frac{{\partial {of}}}{{\partial {by}}}"

    def new(self, of: str) -> str:
        return f"{of}^{{*}}"

    def number(self, value: Any) -> str:
        if isinstance(value, float):
            return self.figure(
                f"{value + 0.0:.{self.digits}g}" if math.isfinite(value) else str(value).replace("nan", "NaN")
            )
        return str(value)

    def figure(self, text: str) -> str:
        if text in ("NaN", "inf", "-inf"):
            return {"NaN": r"\text{NaN}", "inf": r"\infty", "-inf": r"-\infty"}[text]
        digits, _, exponent = text.partition("e")
        return rf"{digits} \cdot 10^{{{int(exponent)}}}" if exponent else text

    def entry(self, array: str, index: Sequence[str]) -> str:
        whole = rf"\left({array}\right)" if r"\frac" in array else array
        return f"{whole}[{', '.join(index)}]"

    def joined(self, operator: str, left: str, right: str) -> str:
        signs = {"*": r"\odot", ".": r"\cdot", "@": r"\,", "//": r"\operatorname{div}", "%": r"\bmod"}
        signs |= {"≥": r"\ge", "≤": r"\le", "≠": r"\ne"}
        return f"{left} {signs.get(operator, operator)} {right}"

    def fraction(self, top: str, bottom: str) -> str | None:
        long = max(seen(top), seen(bottom)) > LONG  # a fraction cannot be broken over lines, a quotient can
        return None if long else rf"\frac{{{top}}}{{{bottom}}}"

    def power(self, base: str, exponent: str) -> str:
        return f"{{{base}}}^{{{exponent}}}"

    def transposed(self, matrix: str) -> str:
        return rf"{{{matrix}}}^{{\mathsf T}}" if r"\frac" not in matrix else rf"\left({matrix}\right)^{{\mathsf T}}"

    def inside(self, brackets: str, body: str) -> str:
        return rf"\left{brackets[0]} {body} \right{brackets[1]}"

    def call(self, name: str, arguments: Sequence[str]) -> str:
        known = rf"\{name}" if name in _KNOWN else rf"\operatorname{{{name}}}"
        return rf"{known}\left( {', '.join(arguments)} \right)"

    def reduction(self, name: str, over: Sequence[str], body: str) -> str:
        below = ",".join(rf"\text{{{axis}}}" if axis in AXES else axis for axis in over)
        sign = r"\sum" if name == "sum" else rf"\operatorname*{{{name}}}"
        return f"{sign}_{{{below}}} {body}" if below else f"{sign} {body}"

    def cases(self, condition: str, one: str, other: str) -> str:
        return rf"\begin{{cases}} {one} & \text{{if }} {condition} \\ {other} & \text{{else}} \end{{cases}}"

    def special(self, name: str, argument: str) -> str | None:
        if name == "sqrt" and seen(argument) > LONG:
            return rf"\left( {argument} \right)^{{1/2}}"
        return {"exp": f"e^{{{argument}}}", "sqrt": rf"\sqrt{{{argument}}}"}.get(name)

    def rest(self, count: int, value: str) -> str:
        return rf"\underbrace{{\dots}}_{{{count} \text{{ more: }} {value}}}" if value else r"\dots"

    def negative(self, body: str) -> str:
        return f"-{body}"


def _is_long(text: str) -> bool:
    return len(text) > 1 and not text.isdigit()


def escaped(text: str) -> str:
    """Return text that LaTeX takes as it is; what it has no letter for becomes a question mark."""
    known = "".join(_ESCAPED.get(character, character) for character in text)
    return "".join(c if ord(c) < 0x180 and c.isprintable() else "?" for c in known)


def seen(latex: str) -> int:
    """Return about how many characters of a formula are seen: one for each command, the widest row of a matrix."""
    text = re.sub(r"\\begin\{(\w+)\}(.*?)\\end\{\1\}", lambda found: _widest(found[2]), latex)
    text = re.sub(r"\\(text|operatorname|mathrm|boxed)\*?", "", text)
    text = re.sub(r"\\frac\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}", _larger, text)
    text = re.sub(r"\\(left|right)(?![a-z])", "", text)
    return len(re.sub(r"[{}^_ ]", "", re.sub(r"\\[a-zA-Z]+|\\.", "x", text)))


def _widest(matrix: str) -> str:
    return max(matrix.split(r"\\"), key=len).replace("&", "xx")


def _larger(found: "re.Match[str]") -> str:
    return max(found[1], found[2], key=len)
