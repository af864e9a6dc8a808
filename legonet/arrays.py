"""Arrays, and the checks at a brick's door.

Every check is one line in a brick and costs well under a microsecond when all is right; the explanation of what
is wrong is made only when something is.
"""

import math
from collections.abc import Callable
from contextvars import Context
from functools import lru_cache, wraps
from typing import Any, NoReturn, TypeAlias, TypeVar, cast

import numpy as np
import numpy.typing as npt
from numpy import ndarray

from legonet.errors import DtypeError, OptionError, RangeError, ShapeError

Array: TypeAlias = npt.NDArray[np.floating[Any]]
"""A NumPy array of floating-point numbers."""

Shape: TypeAlias = tuple[Any, ...]
"""Sizes; a word such as ``"batch"`` stands for any size, and ``...``, once, for any further axes."""

Form: TypeAlias = tuple[tuple[int, ...], np.dtype[np.floating[Any]]]
"""The shape and the dtype of an array: all that `backward` has to know of it where its numbers do not matter."""

Mask: TypeAlias = npt.NDArray[np.bool_]
"""A NumPy array of truth values."""

ROWS: Shape = ("batch", ...)
"""One axis or more, of any sizes: what an elementwise brick takes."""

_Function = TypeVar("_Function", bound=Callable[..., Any])
_absent = object()
_silence = Context()
_silence.run(np.seterr, over="ignore", invalid="ignore")

# Each pass makes its arrays anew. The GNU C library, as long as it has not seen a large array come and go, gives freed
# memory back to the system, which then hands it out again page by page: nearly half of the time of a training step of a
# small convolutional network. So here is one that comes and goes. It is never written to, so it takes no memory.
np.empty(2**25 - 2**14, np.uint8)  # the largest size, 32 MiB, that is taken as a sign


def quiet(function: _Function) -> _Function:
    """Let NaN and infinity pass through a function without a RuntimeWarning.

    Stable formulas need no silence for finite numbers; infinity times zero and infinity minus infinity do. The
    function runs in a context of its own in which NumPy keeps silent, at a fraction of the cost of entering
    `numpy.errstate` each time (0.05 against 0.3 µs). A context variable or `numpy.errstate` of the caller is not seen
    inside.

    Parameters
    ----------
    function : callable
        A function of one argument or more, `self` counted.

    Returns
    -------
    callable
        The same function, silent.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet.arrays import quiet
    >>> difference = quiet(lambda a, b: a - b)
    >>> difference(np.array([np.inf]), np.array([np.inf]))
    array([nan])
    """

    # The usual arguments one by one: packing and unpacking *args would cost three times as much as all the rest.
    @wraps(function)
    def quietly(a: Any, b: Any = _absent, c: Any = _absent, /, *rest: Any, **named: Any) -> Any:
        if rest or named:
            given = [argument for argument in (a, b, c) if argument is not _absent]
            return _silence.copy().run(function, *given, *rest, **named)
        if c is not _absent:
            return _silence.copy().run(function, a, b, c)
        if b is not _absent:
            return _silence.copy().run(function, a, b)
        return _silence.copy().run(function, a)

    return cast(_Function, quietly)


@lru_cache(maxsize=8)
def ones(size: int, dtype: np.dtype[Any]) -> Array:
    """Return a read-only vector of ones: 1ᵀ a sums the rows of a three times as fast as ``a.sum(axis=0)``.

    Parameters
    ----------
    size : int
        Its length.
    dtype : numpy.dtype
        Its dtype.

    Returns
    -------
    numpy.ndarray
        The vector, the same one for the same arguments.
    """
    vector = np.ones(size, dtype)
    vector.flags.writeable = False
    return vector


def rows(array: Array) -> Array:
    """Return an array as a matrix: its last axis stays, all before it become one.

    Parameters
    ----------
    array : numpy.ndarray
        Of shape (batch, ..., columns).

    Returns
    -------
    numpy.ndarray
        The same numbers, of shape (rows, columns); a view where the layout in memory allows it.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet.arrays import rows
    >>> rows(np.zeros((2, 5, 3))).shape
    (10, 3)
    """
    return array if array.ndim == 2 else array.reshape(math.prod(array.shape[:-1]), array.shape[-1])


def classes_first(x: Array) -> Array:
    """Return the transpose of a matrix: a copy if that makes reductions over its columns faster.

    NumPy reduces short rows one by one. Laid out anew, so that all first columns come first, then all second ones, few
    columns are reduced by a few operations on long vectors, in a third of the time.

    Parameters
    ----------
    x : numpy.ndarray
        Of shape (n, classes).

    Returns
    -------
    numpy.ndarray
        The same numbers, of shape (classes, n).

    Examples
    --------
    >>> import numpy as np
    >>> from legonet.arrays import classes_first
    >>> classes_first(np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])).max(axis=0)
    array([3., 6.])
    """
    return x.T.copy() if x.shape[1] < 32 else x.T


def check_array(
    who: object, name: str, array: npt.NDArray[Any], shape: Shape = ROWS, dtype: npt.DTypeLike | None = None
) -> None:
    """Refuse what is not a NumPy array of the needed shape and kind of numbers.

    Parameters
    ----------
    who : object
        The brick that asks; its ``repr`` starts the message.
    name : str
        What the argument is called in the brick's formula.
    array : numpy.ndarray
        The argument. It is only looked at, never converted: a conversion would hide a copy, or a mistake.
    shape : tuple, optional
        One entry an axis: a size, or a word such as ``"batch"`` for any size; ``...``, once, allows any further
        axes in its place. By default any shape of one axis or more.
    dtype : dtype, optional
        The dtype needed. By default any floating-point dtype.

    Raises
    ------
    ShapeError
        If the shape is another one.
    DtypeError
        If it is not a NumPy array, or one of other numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import check_array
    >>> check_array("Linear(5, 1)", "x", np.zeros((7, 5)), ("batch", 5))
    >>> check_array("Linear(5, 1)", "x", np.zeros((7, 4)), ("batch", 5))
    Traceback (most recent call last):
    legonet.errors.ShapeError: Linear(5, 1) needs x of shape (batch, 5), but x has shape (7, 4)
    """
    # The usual cases first, in few steps: this runs at each joint of each pass.
    if type(array) is ndarray and (array.dtype == dtype if dtype is not None else array.dtype.kind == "f"):
        given = array.shape
        if given == shape or (shape is ROWS and given):
            return
        if given and shape and type(shape[0]) is str:
            if len(shape) == 3 and shape[1] is ...:
                if len(given) > 1 and (given[-1] == shape[2] or type(shape[2]) is str):
                    return
            elif given[1:] == shape[1:]:
                return
    _check_carefully(who, name, array, shape, dtype)


def check_indices(who: object, name: str, array: npt.NDArray[np.integer[Any]], shape: Shape, below: int) -> None:
    """Refuse what is not a NumPy array of whole numbers from 0 to `below` - 1, as classes and words are.

    Parameters
    ----------
    who : object
        The brick that asks; its ``repr`` starts the message.
    name : str
        What the argument is called.
    array : numpy.ndarray
        The argument.
    shape : tuple
        As in `check_array`.
    below : int
        How many numbers are legal.

    Raises
    ------
    ShapeError
        If the shape is another one.
    DtypeError
        If it is not a NumPy array, or one of other numbers.
    RangeError
        If a number is negative or too large.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet.arrays import check_indices
    >>> check_indices("Embedding(5, 2)", "x", np.array([[0, 4, 5]]), ("batch", "time"), 5)
    Traceback (most recent call last):
    legonet.errors.RangeError: Embedding(5, 2) needs x from 0 to 4, but x[0, 2] is 5
    """
    if type(array) not in (np.ndarray, np.memmap):
        check_array(who, name, array, shape, np.intp)  # says what it is instead
    elif array.dtype.kind not in "iu":
        hint = f"pass {name}.astype(numpy.intp)" if array.dtype.kind in "fb" else ""
        _refuse(DtypeError, who, f"{name} of whole numbers", f"{name} has dtype {brief(str(array.dtype))}", hint)
    check_array(who, name, array, shape, array.dtype)
    if (
        array.size and np.maximum.reduce(array.astype(np.uint64), axis=None) >= below
    ):  # a negative number becomes a huge one
        legal = f"{name} from 0 to {below - 1}" if below else f"no {name} at all"
        _refuse(RangeError, who, legal, _first_place(name, array, (array < 0) | (array >= below)), "")


def check_probabilities(who: object, name: str, array: Array, shape: Shape = ROWS, dtype: Any = None) -> None:
    """Refuse what is not a NumPy array of numbers from 0 to 1; NaN passes.

    Parameters
    ----------
    who : object
        The brick that asks; its ``repr`` starts the message.
    name : str
        What the argument is called.
    array : numpy.ndarray
        The argument.
    shape : tuple, optional
        As in `check_array`.
    dtype : dtype, optional
        As in `check_array`.

    Raises
    ------
    ShapeError
        If the shape is another one.
    DtypeError
        If it is not a NumPy array, or one of other numbers.
    RangeError
        If a number is below 0 or above 1.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet.arrays import check_probabilities
    >>> check_probabilities("BinaryCrossEntropyLoss()", "target", np.array([[0.5], [2.0]]))
    Traceback (most recent call last):
    legonet.errors.RangeError: BinaryCrossEntropyLoss() needs target from 0 to 1, but target[1, 0] is 2.0
    """
    check_array(who, name, array, shape, dtype)
    if array.size and (np.fmin.reduce(array, axis=None) < 0.0 or np.fmax.reduce(array, axis=None) > 1.0):
        _refuse(RangeError, who, f"{name} from 0 to 1", _first_place(name, array, (array < 0.0) | (array > 1.0)), "")


def check_alike(who: object, arrays: tuple[Array, ...]) -> None:
    """Refuse arrays that are not all of one shape and one dtype; they are called x0, x1, ...

    Parameters
    ----------
    who : object
        The brick that asks; its ``repr`` starts the message.
    arrays : tuple of numpy.ndarray
        Its inputs, one or more.

    Raises
    ------
    OptionError
        If there is none.
    ShapeError, DtypeError
        If one is no floating-point array of one axis or more, or not of the shape and dtype of the first.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet.arrays import check_alike
    >>> check_alike("Add()", (np.zeros((4, 3)), np.zeros((4, 1))))
    Traceback (most recent call last):
    legonet.errors.ShapeError: Add() needs x1 of shape (4, 3), but x1 has shape (4, 1)
    """
    if not arrays:
        raise OptionError(f"{brief(who, 80)} needs one input or more, but got none")
    first = arrays[0]
    check_array(who, "x0", first)
    for number, array in enumerate(arrays[1:], 1):
        check_array(who, f"x{number}", array, first.shape, first.dtype)


def _check_carefully(who: object, name: str, array: object, shape: Shape, dtype: npt.DTypeLike | None) -> None:
    """Accept the rarer legal cases and explain the rest."""
    # A brick takes x in the other byte order, but gives y, and so is given dy, in the native one.
    needed = np.dtype(np.float64 if dtype is None else dtype).newbyteorder("=")
    if not isinstance(array, np.ndarray):
        is_list = isinstance(array, list | tuple)
        what = name if name.isidentifier() else "..."
        hint = f"pass numpy.asarray({what}, dtype=numpy.{needed})" if is_list else ""
        if isinstance(array, tuple) and any(isinstance(part, np.ndarray) for part in array):
            hint = f"it holds {len(array)} arrays, as of a network with several outputs: take one"
        _refuse(DtypeError, who, f"{name} as a NumPy array", f"{name} is a {type(array).__name__}", hint)
    if type(array) not in (np.ndarray, np.memmap):
        masked = isinstance(array, np.ma.MaskedArray)
        hint = "pass a plain array" + (", with masked entries filled or left out" if masked else "")
        _refuse(DtypeError, who, f"{name} as a plain NumPy array", f"{name} is a {type(array).__name__}", hint)
    if not (array.dtype.kind == "f" if dtype is None else array.dtype in (dtype, needed)):
        kind = "of a floating-point dtype" if dtype is None else f"of dtype {needed}"
        hint = f"pass {name}.astype(numpy.{needed})" if array.dtype.kind in "fiub" else "it must hold real numbers"
        if needed == np.bool_ and len(shape) == 2 and array.ndim == 1 and array.dtype.kind in "iu":
            hint = f"of lengths, numpy.arange({shape[1]}) < {name}[:, None] makes one"
        _refuse(DtypeError, who, f"{name} {kind}", f"{name} has dtype {brief(str(array.dtype))}", hint)
    if not _matches(array.shape, shape):
        if len(shape) == array.ndim + 1 and ... in shape[1:-1]:
            shape = tuple(size for size in shape if size is not ...)  # (batch, ..., 5) is (batch, 5) for two axes
        hint = _shape_hint(name, array, shape)
        _refuse(ShapeError, who, f"{name} of shape {_show(shape)}", f"{name} has shape {_show(array.shape)}", hint)


def _shape_hint(name: str, array: npt.NDArray[Any], shape: Shape) -> str:
    """Return what to do about a shape, where it is plain."""
    if array.ndim == 1 and _matches((*array.shape, 1), shape):
        return f"pass {name}.reshape(-1, 1)"
    if array.ndim == 2 and array.shape[1] == 1 and _matches(array.shape[:1], shape):
        return f"pass {name}.reshape(-1)"
    if array.ndim > 2 and shape[1:2] == (...,) and math.prod(array.shape[1:]) == shape[-1]:
        return "put a Flatten() in front of it"
    return ""


def _matches(given: tuple[int, ...], shape: Shape) -> bool:
    if ... in shape:
        place = shape.index(...)
        after = len(shape) - place - 1
        if len(given) < place + after:
            return False
        given = given[:place] + given[len(given) - after :]
        shape = shape[:place] + shape[place + 1 :]
    return len(given) == len(shape) and all(
        isinstance(need, str) or need == have for need, have in zip(shape, given, strict=True)
    )


def _first_place(name: str, array: npt.NDArray[Any], bad: Mask) -> str:
    """Say where the first bad entry of an array is, and what it is: "x[1, 0] is 2.0"."""
    place = tuple(np.argwhere(bad)[0].tolist())
    return f"{name}[{', '.join(map(str, place))}] is {array[place]}"


def _refuse(error: type[Exception], who: object, needed: str, given: str, hint: str) -> NoReturn:
    raise error(f"{brief(who, 80)} needs {needed}, but {given}" + (f": {hint}" if hint else ""))


def _show(shape: Shape) -> str:
    inside = ", ".join("..." if size is ... else str(size) for size in shape)
    return brief(f"({inside},)" if len(shape) == 1 else f"({inside})")


def brief(value: object, width: int = 50) -> str:
    """Return a text, or the `repr` of anything else, cut to `width` characters."""
    try:
        text = value if isinstance(value, str) else repr(value)
    except Exception:
        text = f"<{type(value).__name__}>"  # a repr that fails is not what a message is about
    text = "".join(character if character.isprintable() or character == "\n" else "?" for character in text)
    return text if len(text) <= width else text[: width - 3] + "..."
