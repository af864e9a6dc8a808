"""Break long formulas of LaTeX over several lines."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from legonet.explain.styles.latex import seen

LONGEST = 70
"""About how many characters of a formula a line of a page holds."""

_SIGNS = r" [+-] | \\odot | \\, | \\cdot | \\quad"
_TOKENS = re.compile(
    rf"({_SIGNS}|, |\\left(?![a-z])|\\right(?![a-z])|\\begin|\\end|(?<!\\left)\[|(?<!\\right)\]|[{{}}])"
)
_OPENS = {"{": 1, "}": -1, "\\begin": 1, "\\end": -1, "[": 1, "]": -1}


class Piece(NamedTuple):
    """A part of a formula in which no line ends.

    Attributes
    ----------
    text : str
        The part, with the sign before it.
    level : int
        How many brackets are open before it.
    """

    text: str
    level: int


def broken(latex: str, mark: str = "", most: int = LONGEST) -> list[str]:
    """Return a formula in lines of about so many characters, at most; `mark` begins all but the first.

    A line ends before a sign or after a comma, rather outside of brackets than within.
    """
    pieces, lines, start = _pieces(latex), [], 0
    while start < len(pieces):
        end = _end(pieces, start, most)
        reopened = (mark if start else "") + "\\left." * pieces[start].level
        body = "".join(piece.text for piece in pieces[start:end]).strip()
        closed = " \\right." * (pieces[end].level if end < len(pieces) else 0)
        lines.append(reopened + body + closed)
        start = end
    return lines


def _end(pieces: Sequence[Piece], start: int, most: int) -> int:
    """Return where a line ends: as late as it can, but rather outside of brackets."""
    length, ends = 0, []
    for place in range(start, len(pieces)):
        length += seen(pieces[place].text)
        if length > most and place > start:
            break
        ends.append((place + 1, length))
    else:
        return len(pieces)
    late = [place for place, size in ends if 2 * size >= most] or [ends[-1][0]]
    return min(late, key=lambda place: (pieces[place].level, -place))


def _pieces(latex: str) -> list[Piece]:
    found = [Piece("", 0)]
    brackets = depth = 0
    for part in _TOKENS.split(latex):
        brackets += {"\\left": 1, "\\right": -1}.get(part, 0)
        depth += _OPENS.get(part, 0)
        if not depth and re.fullmatch(_SIGNS, part):
            found.append(Piece("", brackets))
        found[-1] = Piece(found[-1].text + part, found[-1].level)
        if not depth and part == ", ":
            found.append(Piece("", brackets))
    return [piece for piece in found if piece.text]
