"""Find out what a container made by itself, of arrays that its bricks gave: a sum, a part side by side, a turn."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from legonet.arrays import Array
from legonet.formulas import Formulas


class Made(NamedTuple):
    """A formula and its inputs: the number of a known array, or an array that has to be found in turn."""

    formulas: Formulas
    operands: tuple["int | Array", ...]


def made_of(array: Array, known: Sequence[Array]) -> Made | None:
    """Return how an array follows from known ones, bit by bit; the latest of them are tried first.

    Parameters
    ----------
    array : numpy.ndarray
        What is to be found.
    known : sequence of numpy.ndarray
        What it may be made of.

    Returns
    -------
    Made or None
        None if it is none of: another shape of one, one with its time turned around, the sum of two, two side by side
        along the last axis.
    """
    alike = [k for k, one in enumerate(known) if one.shape == array.shape and one.dtype == array.dtype][::-1]
    for k in alike:
        if same(known[k], array):
            return Made(Formulas(["y = x"], ["dx = dy"]), (k,))
        if array.ndim > 1 and same(known[k][:, ::-1], array):
            rest = "".join(f", {letter}" for letter in "ijkl"[: array.ndim - 2])
            turned = "y[n, t{0}] = x[n, T - 1 - t{0}]", "dx[n, t{0}] = dy[n, T - 1 - t{0}]"
            forward, backward = (line.format(rest) for line in turned)
            return Made(Formulas([forward], [backward], {"T": array.shape[1]}), (k,))
    for place, k in enumerate(alike):
        for other in alike[place + 1 :]:
            if same(known[other] + known[k], array):
                return Made(Formulas(["y = a + b"], ["da = dy", "db = dy"]), (other, k))
    for k in reversed(range(len(known))):
        if known[k].size == array.size and known[k].dtype == array.dtype and same(known[k].reshape(array.shape), array):
            return Made(Formulas(["y = reshape(x)"], ["dx = reshape(dy)"]), (k,))
    return _side_by_side(array, known)


def _side_by_side(array: Array, known: Sequence[Array]) -> Made | None:
    if array.ndim < 2:
        return None
    fitting = [k for k, one in enumerate(known) if one.ndim == array.ndim and one.shape[:-1] == array.shape[:-1]]
    for second in reversed(fitting):
        cut = array.shape[-1] - known[second].shape[-1]
        right = _perhaps_turned(second, known, array[..., cut:]) if cut >= 0 else None
        others = sorted(fitting, key=lambda k: k == second)  # itself twice only if nothing else fits
        for first in others if right is not None else ():
            left = _perhaps_turned(first, known, array[..., :cut]) if known[first].shape[-1] == cut else None
            if left is not None and right is not None:
                axes = ":, " * (array.ndim - 1)
                parts = [f"da = dy[{axes}0:{cut}]", f"db = dy[{axes}{cut}:{array.shape[-1]}]"]
                return Made(Formulas(["y = concat(a, b, axis=-1)"], parts), (left, right))
    return None


def _perhaps_turned(number: int, known: Sequence[Array], array: Array) -> "int | Array | None":
    """Return which known array it is, or the known array with its time turned around."""
    if same(known[number], array):
        return number
    turned = known[number][:, ::-1]
    return turned if array.ndim > 2 and same(turned, array) else None


def same(one: Any, other: Any) -> bool:
    """Whether two arrays hold the same numbers; the first few are looked at first."""
    if np.shape(one) != np.shape(other):
        return False
    few = tuple(slice(0, 2) for _ in np.shape(one))
    with np.errstate(all="ignore"):
        return bool(np.array_equal(one[few], other[few], equal_nan=True)) and np.array_equal(one, other, equal_nan=True)
