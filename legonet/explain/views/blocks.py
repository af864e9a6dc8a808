"""Lay numbers and formulas out as text of several lines: matrices, side by side, within a width."""

import math
import re
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np

from legonet.arrays import Array, brief

from .matrices import number
from .wording import as_array, size_of

FIRST_MARK = 0xE000
"""Matrices stand in a drawn formula as one character each, from this one on."""

MOST_ROWS, MOST_COLUMNS = 6, 8
"""How many rows and columns of a matrix are drawn at most."""

Block = list[str]
"""Lines of one length."""


def matrix(value: Any, digits: int, width: int) -> Block:
    """Draw the numbers of an array, as many of them as the width has room for."""
    array = as_array(value)
    if array is None:
        return [brief(value, max(width, 4)).replace("\n", " ")]
    if not array.ndim:
        return [number(array[()], digits)]
    if not array.size:
        return [f"[ ] {size_of(array.shape)}"] if len(array.shape) > 1 else ["[ ]"]
    if array.ndim <= 2:
        rows, whole = _bracketed(array.reshape(1, -1) if array.ndim == 1 else array, digits, width)
        return rows if whole else beside([rows, [f" {size_of(array.shape)}"]], width, 0)
    return _slices(array, digits, width)


def _slices(array: Array, digits: int, width: int) -> Block:
    """Draw the first matrices of an array of more than two axes, one below the other."""
    places = islice(np.ndindex(array.shape[:-2]), 2)
    count = math.prod(array.shape[:-2])
    lines: Block = []
    for place in places:
        label = f" [{', '.join(map(str, place))}]"
        rows, _ = _bracketed(array[place], digits, width - len(label))
        lines += beside([rows, [label]], width, 0)
    if count > 2:
        lines.append("…")
    shape = f"{size_of(array.shape)} in all" if count > 2 else size_of(array.shape)
    return squared([*lines, shape])


def _bracketed(array: Array, digits: int, width: int) -> tuple[Block, bool]:
    """Draw a matrix in its brackets, and say whether all of it is drawn."""
    rows, columns = array.shape
    down = _ends(rows, MOST_ROWS, 3)
    for most in range(min(columns, MOST_COLUMNS), 0, -1):
        across = _ends(columns, most, (most + 1) // 2)
        lines = _aligned([[_cell(array, i, j, digits) for j in across] for i in down])
        if len(lines[0]) + 2 <= width:
            break
    last = len(lines) - 1
    marks = ["[]"] if not last else ["⎡⎤", *["⎢⎥"] * (last - 1), "⎣⎦"]
    whole = len(down) == rows and len(across) == columns and None not in (*down, *across)
    return [f"{mark[0]}{line}{mark[1]}" for mark, line in zip(marks, lines, strict=True)], whole


def is_shortened(block: Block) -> bool:
    """Whether a matrix is drawn in part."""
    return any("…" in line or "⋮" in line for line in block)


def _ends(count: int, most: int, first: int) -> list[int | None]:
    """Return all places, or the first and the last one with None between them."""
    if count <= most:
        return [*range(count)]
    return [*range(min(first, max(most - 1, 1))), None, count - 1] if most > 1 else [0, None]


def _cell(array: Array, i: int | None, j: int | None, digits: int) -> str:
    if i is None or j is None:
        return "⋮" if j is not None else "…" if i is not None else "⋱"
    return number(array[i, j], digits)


def _aligned(rows: list[list[str]]) -> Block:
    """Align the numbers of each column at the decimal point."""
    columns = [_column(column) for column in zip(*rows, strict=True)]
    return ["  ".join(column[k] for column in columns) for k in range(len(rows))]


def _column(cells: Sequence[str]) -> Sequence[str]:
    """Align the numbers of a column at the decimal point; what is no number stands at its right end."""
    parted = [("", "") if cell in ("NaN", "inf", "-inf") else _parted(cell) for cell in cells]
    before, after = (max(len(part[side]) for part in parted) for side in (0, 1))
    width = max(before + after, *(len(cell) for cell, part in zip(cells, parted, strict=True) if part == ("", "")), 0)
    lines = [head.rjust(before) + tail.ljust(after) for head, tail in parted]
    return [(line if line.strip() else cell).rjust(width) for cell, line in zip(cells, lines, strict=True)]


def _parted(cell: str) -> tuple[str, str]:
    """Return what stands before the decimal point, and the rest."""
    place = re.search(r"[.e]", cell)
    return (cell[: place.start()], cell[place.start() :]) if place else (cell, "")


def squared(lines: Sequence[str]) -> Block:
    """Make all lines of one length."""
    width = max(map(len, lines), default=0)
    return [line.ljust(width) for line in lines]


def beside(blocks: Sequence[Block], width: int, indent: int) -> Block:
    """Put blocks side by side; those that do not fit begin a new row."""
    rows: list[list[Block]] = [[]]
    used = 0
    for block in blocks:
        if rows[-1] and used + len(block[0].rstrip()) > width:
            rows.append([])
            used = indent
            block = [line.removeprefix(" ") for line in block]
        rows[-1].append(block)
        used += len(block[0])
    lines = []
    for place, row in enumerate(rows):
        for k in range(max(map(len, row), default=0)):
            cells = (block[k] if k < len(block) else " " * len(block[0]) for block in row)
            lines.append(" " * (indent if place else 0) + "".join(cells))
    return squared(lines)


def formula(drawn: str, blocks: Mapping[str, Block], width: int) -> Block:
    """Lay out a drawn formula with blocks in the places of some characters, in several rows if need be."""
    kept = re.sub(r"\[[\w, :+*-]*\]|\(\d+ more:? ?[^()]*\)", lambda found: found.group().replace(" ", "\xa0"), drawn)
    parts = [_filled(part, blocks) for part in _parts(kept, blocks, width, 0)]
    return beside([part if not k else _joined([[" "], part]) for k, part in enumerate(parts)], width, 2)


def _parts(drawn: str, blocks: Mapping[str, Block], width: int, level: int) -> list[str]:
    """Return the parts between which a row can end: summands, if too long their factors, if too long their words."""
    if level > 2 or len(_filled(drawn, blocks)[0]) <= (width if level else 0):
        return [drawn]
    found: list[str] = []
    depth = 0
    for word in drawn.split(" "):
        follows = found and found[-1].rpartition(" ")[2] in OPERATORS
        begins = level == 2 or (not depth and (word in ADDITIVE if level == 0 else word in OPERATORS))
        if found and (follows or not begins):
            found[-1] += f" {word}"
        else:
            found.append(word)
        depth += sum(map(word.count, "([{")) - sum(map(word.count, ")]}"))
    return [part for one in found for part in _parts(one, blocks, width - 2, level + 1)]


def _filled(text: str, blocks: Mapping[str, Block]) -> Block:
    """Put blocks in the place of the characters that stand for them."""
    pieces = [piece for piece in re.split("([\ue000-\uf8ff])", text.replace("\xa0", " ")) if piece]
    return _joined([blocks.get(piece) or [piece] for piece in pieces])


def _joined(parts: Sequence[Block]) -> Block:
    height = max(map(len, parts), default=0)
    filled = [squared([*part, *[""] * (height - len(part))]) for part in parts]
    return ["".join(lines) for lines in zip(*filled, strict=True)] or [""]


OPERATORS = ("+", "-", "*", "/", "@", "·", "=", "//", "%", "<", ">", "≤", "≥", "≠")
"""What a row never ends with."""

ADDITIVE = ("+", "-", "=", "for")
"""Before which a row ends most gladly."""


def equation(left: str, sides: Sequence[Block], width: int, indent: int) -> list[str]:
    """Write a left side and what it is equal to, each below the other."""
    lines: list[str] = []
    margin = " " * indent
    if len(left) > 24:
        lines.append(margin + left)
        left = "  "
    for place, side in enumerate(sides):
        lead = f"{margin}{left if not place else ' ' * len(left)} = "
        lines += [(lead if not k else " " * len(lead)) + line.rstrip() for k, line in enumerate(side)]
    return lines


def room(left: str, width: int, indent: int) -> int:
    """Return how wide a side of an equation can be."""
    return width - indent - (2 if len(left) > 24 else len(left)) - 3


def fitted(lines: Sequence[str], width: int) -> str:
    """Return lines as one text in which none is wider; what has no place to break is broken anywhere."""
    made = []
    for line in lines:
        line = line.rstrip()
        while len(line) > width:
            space = line.rfind(" ", width // 2, width + 1)
            cut = space if space > 0 else width
            made.append(line[:cut].rstrip())
            indent = len(line) - len(line.lstrip())
            line = " " * min(indent + 2, width // 2) + line[cut:].lstrip()
        made.append(line)
    return "\n".join(made)
