"""What all parts of a page share: names of its terms, and how much is shown."""

import html
from collections.abc import Sequence
from dataclasses import dataclass, field

from legonet.explain.styles import Inline, MathML
from legonet.explain.trace import Step, Symbol, Term

MATH = MathML()
LINE = Inline()

KINDS = {
    "data": "data",
    "target": "data",
    "parameter": "weight",
    "update": "weight",
    "state": "weight",
    "upstream gradient": "gradient",
    "parameter gradient": "wish",
    "local derivative": "local",
}
"""Which colour a role has; all others are values."""


@dataclass(frozen=True)
class Amount:
    """How much is shown of an array.

    Attributes
    ----------
    side : int
        Rows and columns of a result.
    operand : int
        The same in a formula with numbers.
    more : int
        The same of a large array, on demand; none of it if 0.
    behind : bool
        Whether the sum behind each number can be seen.
    numbers : bool
        Whether formulas are shown with numbers, too.
    """

    side: int
    operand: int
    more: int
    behind: bool = True
    numbers: bool = True


AMOUNTS = (
    *(Amount(6, 6, 12), Amount(5, 4, 10), Amount(4, 3, 8), Amount(3, 3, 6)),
    *(Amount(3, 3, 0, False), Amount(3, 2, 0, False, False)),
)
"""From small networks to large ones, or many steps."""


@dataclass
class Frame:
    """The parts of one page.

    Attributes
    ----------
    key : str
        The name of the root element, that no other output in a notebook has.
    sample : int
        Which row of the batch is shown alone.
    amount : Amount
        How much is shown.
    numbers : dict
        The number of each term, by its identity.
    behind : dict
        What opens where a number is chosen, by its name.
    """

    key: str
    sample: int
    amount: Amount
    numbers: dict[int, int]
    behind: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, steps: Sequence[Step], key: str, sample: int, amount: Amount) -> "Frame":
        """Return the frame of some steps."""
        return cls(key, sample, amount, {id(term): k for k, term in enumerate(term for s in steps for term in s)})

    def anchor(self, term: Term) -> str:
        """Return the name of the place where a term is computed."""
        return f"{self.key}-{self.numbers[id(term)]}"

    def lights(self, term: Term) -> str:
        """Return the class of all places where a term appears, empty for a constant."""
        return f"t{self.numbers[id(term)]}" if id(term) in self.numbers else ""

    def classes(self, term: Term) -> str:
        """Return all classes of a symbol."""
        return " ".join(filter(None, (self.lights(term), kind(term), "box" if term.reused else "")))

    def symbol(self, term: Term, focus: bool = True) -> str:
        """Draw the symbol of a term, which lights up with all others of it."""
        drawn = MATH.symbol(term.symbol)
        if id(term) not in self.numbers:
            return drawn
        inside = f' tabindex="0" aria-label="{spoken(term)}"' if focus and is_gradient(term) else ""
        return f'<mrow class="{self.classes(term)}"{inside}>{drawn}</mrow>'


def kind(term: Term) -> str:
    """Return the colour of a term."""
    return KINDS.get(term.role, "value")


def is_gradient(term: Term) -> bool:
    """Whether a term is a gradient, which the Tab key stops at."""
    return term.role in ("upstream gradient", "parameter gradient")


def spoken(term: Term) -> str:
    """Return what a term is called, for a reading voice."""
    return html.escape(str(term.symbol))


def named(symbol: Symbol) -> str:
    """Write a symbol in a line of text."""
    return LINE.symbol(symbol)


def escaped(text: object) -> str:
    """Return text for a page."""
    return html.escape(str(text).encode("utf-8", "backslashreplace").decode())


def math(body: str) -> str:
    """Return a formula of its own."""
    return f'<math displaystyle="true">{body}</math>'


def scrolling(body: str, wide: bool, what: str) -> str:
    """Return a box that scrolls if it is too narrow; one that may be is reached by the keyboard."""
    reach = f' tabindex="0" role="group" aria-label="{escaped(what)}"' if wide else ""
    return f'<div class="scroll"{reach}>{body}</div>'
