"""What is shown of an array: all of a small one, the edges of a large one."""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Shown:
    """The part of an array that is shown, as a matrix.

    Attributes
    ----------
    rows : tuple of tuples
        The entries of each row shown: their places in the array, None for the gap of what is left out.
    label : str
        Which matrix of an array of more axes it is, such as ``[0, 0]``; else empty.
    whole : bool
        Whether that is all.
    """

    rows: tuple[tuple[tuple[int, ...] | None, ...] | None, ...]
    label: str
    whole: bool


def shown_of(array: Any, rows: int = 6, columns: int = 6, first: tuple[int, ...] = ()) -> Shown:
    """Return what is shown of an array.

    Parameters
    ----------
    array : numpy.ndarray or float
        The array.
    rows, columns : int, optional
        How many at most.
    first : tuple of int, optional
        Which of the leading axes' places, 0 where it says nothing.
    """
    shape = np.shape(array)
    if not shape:
        return Shown((((),),), "", True)
    leading = shape[:-2]
    if 0 in leading:
        return Shown((), "", True)
    place = tuple((*first, *[0] * len(leading))[: len(leading)])
    down = edges(shape[-2], rows) if len(shape) > 1 else [None]
    across = edges(shape[-1], columns)
    matrix: list[tuple[tuple[int, ...] | None, ...] | None] = []
    for number, i in enumerate(down):
        if i is None and len(shape) > 1:
            matrix.append(None)
            continue
        head = place if len(shape) == 1 else (*place, i)
        matrix.append(tuple(None if j is None else (*head, j) for j in across))  # type: ignore[arg-type]
        del number
    whole = None not in across and (len(shape) == 1 or None not in down) and all(n == 1 for n in leading)
    label = f"[{', '.join(map(str, place))}]" if leading and not all(n == 1 for n in leading) else ""
    return Shown(tuple(matrix), label, whole)


def edges(size: int, most: int) -> list[int | None]:
    """Return the numbers up to `size`, or the first and the last ones with None between."""
    if size <= most:
        return [*range(size)]
    tail = 1 if most < 5 else 2
    return [*range(most - tail - 1), None, *range(size - tail, size)]


def number(value: Any, digits: int) -> str:
    """Write a number with so many significant digits."""
    value = np.asarray(value)[()]
    if isinstance(value, np.bool_ | bool):
        return "1" if value else "0"
    if isinstance(value, np.integer | int):
        return str(value)
    value = float(value)
    if np.isnan(value):
        return "NaN"
    if np.isinf(value):
        return "inf" if value > 0 else "-inf"
    return f"{value + 0.0:.{digits}g}"
