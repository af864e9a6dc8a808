"""Find out what a container made by itself, of arrays that its bricks gave: a sum, a part side by side, a turn."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from legonet.arrays import Array
from legonet.formulas import Formulas


class Seen(NamedTuple):
    """An array, and the same of a run with other numbers, if there is one."""

    array: Array
    twin: Any = None

    def turned(self) -> "Seen":
        """Return both with the time turned around."""
        return Seen(self.array[:, ::-1], None if self.twin is None else self.twin[:, ::-1])

    def part(self, where: Any) -> "Seen":
        """Return a part of both."""
        return Seen(self.array[where], None if self.twin is None else self.twin[where])


class Made(NamedTuple):
    """A formula and its inputs: the number of a known array, or an array that has to be found in turn."""

    formulas: Formulas
    operands: tuple["int | Seen", ...]


def made_of(wanted: Seen, known: Sequence[Seen], *, new: bool = False) -> Made | None:
    """Return how an array follows from known ones, bit by bit; the latest of them are tried first.

    What holds for these numbers by chance, as a sum with nothing but zeros, does not hold for others.

    Parameters
    ----------
    wanted : Seen
        What is to be found.
    known : sequence of Seen
        What it may be made of.
    new : bool, optional
        Whether it is an array of its own, and so rather a sum with zeros than one of those known.

    Returns
    -------
    Made or None
        None if it is none of: one of them, also in another shape or with its time turned around, the sum of two, two
        side by side along the last axis.
    """
    array = wanted.array
    like = array.shape, array.dtype
    alike = [k for k, one in enumerate(known) if (one.array.shape, one.array.dtype) == like][::-1]
    for found in (_sum, _one_of) if new else (_one_of, _sum):
        made = found(wanted, known, alike)
        if made is not None:
            return made
    for k in reversed(range(len(known))):
        one = known[k].array
        if one.size == array.size and one.dtype == array.dtype and _is(wanted, known[k], make=_reshaped(array.shape)):
            return Made(Formulas(["y = reshape(x)"], ["dx = reshape(dy)"]), (k,))
    return _side_by_side(wanted, known)


def _one_of(wanted: Seen, known: Sequence[Seen], alike: Sequence[int]) -> Made | None:
    for k in alike:
        if _is(wanted, known[k]):
            return Made(Formulas(["y = x"], ["dx = dy"]), (k,))
        if wanted.array.ndim > 1 and _is(wanted.turned(), known[k]):
            rest = "".join(f", {letter}" for letter in "ijkl"[: wanted.array.ndim - 2])
            turned = "y[n, t{0}] = x[n, T - 1 - t{0}]", "dx[n, t{0}] = dy[n, T - 1 - t{0}]"
            forward, backward = (line.format(rest) for line in turned)
            return Made(Formulas([forward], [backward], {"T": wanted.array.shape[1]}), (k,))
    return None


def _sum(wanted: Seen, known: Sequence[Seen], alike: Sequence[int]) -> Made | None:
    for place, k in enumerate(alike):
        for other in alike[place + 1 :]:
            if _is(wanted, known[other], known[k], make=np.add):
                return Made(Formulas(["y = a + b"], ["da = dy", "db = dy"]), (other, k))
    return None


def _side_by_side(wanted: Seen, known: Sequence[Seen]) -> Made | None:
    array = wanted.array
    if array.ndim < 2:
        return None
    fitting = [k for k, one in enumerate(known) if one.array.shape[:-1] == array.shape[:-1]]
    for second in reversed(fitting):
        cut = array.shape[-1] - known[second].array.shape[-1]
        right = _perhaps_turned(second, known, wanted.part((..., slice(cut, None)))) if cut >= 0 else None
        others = sorted(fitting, key=lambda k: k == second)  # itself twice only if nothing else fits
        for first in others if right is not None else ():
            fits = known[first].array.shape[-1] == cut
            left = _perhaps_turned(first, known, wanted.part((..., slice(None, cut)))) if fits else None
            if left is not None and right is not None:
                axes = ":, " * (array.ndim - 1)
                parts = [f"da = dy[{axes}0:{cut}]", f"db = dy[{axes}{cut}:{array.shape[-1]}]"]
                return Made(Formulas(["y = concat(a, b, axis=-1)"], parts), (left, right))
    return None


def _perhaps_turned(number: int, known: Sequence[Seen], wanted: Seen) -> "int | Seen | None":
    """Return which known array it is, or the known array with its time turned around."""
    if _is(wanted, known[number]):
        return number
    turned = known[number].turned() if wanted.array.ndim > 2 else None
    return turned if turned is not None and _is(wanted, turned) else None


def _is(wanted: Seen, *operands: Seen, make: Callable[..., Any] = lambda x: x) -> bool:
    """Whether an array is made of others, in both runs."""
    arrays, twins = [one.array for one in operands], [one.twin for one in operands]
    with np.errstate(all="ignore"):
        if make is np.add and not same(make(*map(first_of, arrays)), first_of(wanted.array)):
            return False
        if not same(make(*arrays), wanted.array):
            return False
        return wanted.twin is None or any(one is None for one in twins) or same(make(*twins), wanted.twin)


def _reshaped(shape: tuple[int, ...]) -> Callable[[Array], Array]:
    return lambda array: array.reshape(shape)


def first_of(array: Any) -> Any:
    """Return the first few entries of an array along each axis."""
    return array[tuple(slice(0, 2) for _ in np.shape(array))]


def same(one: Any, other: Any) -> bool:
    """Whether two arrays hold the same numbers; the first few are looked at first."""
    if np.shape(one) != np.shape(other):
        return False
    return all(np.array_equal(*pair, equal_nan=True) for pair in ((first_of(one), first_of(other)), (one, other)))
