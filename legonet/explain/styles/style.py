"""What a style can write, and how names are taken apart."""

import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, cast

from legonet.explain.trace import Symbol

GREEK = {
    **{
        name: chr(0x3B1 + k)
        for k, name in enumerate(["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta"])
    },
    "mu": "μ",
    "sigma": "σ",
    "rho": "ρ",
    "lam": "λ",
    "lambda_": "λ",
    "eps": "ε",
    "tau": "τ",
    "phi": "φ",
}
"""Names that are drawn as a letter."""


class Style(ABC):
    """How the parts of a formula are written.

    Parameters
    ----------
    digits : int, optional
        How many significant digits the numbers have.
    """

    def __init__(self, digits: int = 6) -> None:
        self.digits = digits

    @abstractmethod
    def letter(self, base: str, accent: str, subscript: str) -> str:
        """Write a letter with an accent and a subscript, both perhaps empty."""

    @abstractmethod
    def gradient(self, of: str, via: str) -> str:
        """Write dL/d of, or the share of it that comes by a branch."""

    @abstractmethod
    def local(self, of: str, by: str) -> str:
        """Write d of / d by."""

    @abstractmethod
    def new(self, of: str) -> str:
        """Write of*."""

    @abstractmethod
    def number(self, value: Any) -> str:
        """Write a number of a formula, such as 2."""

    @abstractmethod
    def entry(self, array: str, index: Sequence[str]) -> str:
        """Write an entry of an array."""

    @abstractmethod
    def joined(self, operator: str, left: str, right: str) -> str:
        """Write two parts with an operator or a comparison between them; ``.`` is the product with a number."""

    @abstractmethod
    def fraction(self, top: str, bottom: str) -> str | None:
        """Write a fraction, None if it is written with a slash."""

    @abstractmethod
    def power(self, base: str, exponent: str) -> str:
        """Write a power."""

    @abstractmethod
    def transposed(self, matrix: str) -> str:
        """Write a transpose."""

    @abstractmethod
    def inside(self, brackets: str, body: str) -> str:
        """Write something in brackets, such as ``()`` or ``[]`` or ``||``."""

    @abstractmethod
    def call(self, name: str, arguments: Sequence[str]) -> str:
        """Write a function."""

    @abstractmethod
    def reduction(self, name: str, over: Sequence[str], body: str) -> str:
        """Write a sum, mean, maximum or minimum over indices or axes, perhaps none."""

    @abstractmethod
    def cases(self, condition: str, one: str, other: str) -> str:
        """Write one where a condition holds, else another."""

    @abstractmethod
    def special(self, name: str, argument: str) -> str | None:
        """Write exp and sqrt as the medium can; None if as a function."""

    @abstractmethod
    def rest(self, count: int, value: str) -> str:
        """Write what is left out of a sum; `value` is what it adds up to, empty among symbols."""

    def figure(self, text: str) -> str:
        """Write a number that has been made a text already."""
        return text

    @abstractmethod
    def negative(self, body: str) -> str:
        """Write a minus sign before something."""

    def symbol(self, symbol: Symbol) -> str:
        """Write what a term is called."""
        if symbol.kind == "gradient":
            return self.gradient(self.symbol(cast(Symbol, symbol.of)), symbol.via)
        if symbol.kind == "local":
            return self.local(self.symbol(cast(Symbol, symbol.of)), self.symbol(cast(Symbol, symbol.by)))
        if symbol.kind == "new":
            return self.new(self.symbol(cast(Symbol, symbol.of)))
        return self.letter(*split_name(symbol.letter, symbol.number))

    def name(self, name: str) -> str:
        """Write a name that is no term, such as an index."""
        return self.letter(*split_name(name))


def split_name(name: str, number: str = "") -> tuple[str, str, str]:
    """Return the letter, the accent and the subscript of a name such as ``W_i`` or x with a circumflex."""
    base, _, subscript = name.partition("_") if not name.startswith("_") else (name, "", "")
    accent = "".join(c for c in unicodedata.normalize("NFD", base) if unicodedata.combining(c))
    base = "".join(c for c in unicodedata.normalize("NFD", base) if not unicodedata.combining(c))
    if base[-1:].isdigit() and base[:1].isalpha() and not number:
        stem = base.rstrip("0123456789")
        base, number = stem, base[len(stem) :]
    return GREEK.get(base, base), accent, ",".join(filter(None, (GREEK.get(subscript, subscript), number)))
