"""The checks of options: sizes, flags, rates, dtypes, generators, lists of parameters."""

import inspect
import math
import operator
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from legonet.arrays import brief
from legonet.errors import OptionError
from legonet.parameter import Parameter


def check_size(who: object, name: str, value: int) -> int:
    """Return `value` as an int if it is a whole number of at least 0, else refuse it.

    Parameters
    ----------
    who : object
        What starts the message.
    name : str
        The argument's name.
    value : int
        The argument.

    Returns
    -------
    int
        The size.

    Raises
    ------
    OptionError
        If it is not a whole number, negative, or beyond all sizes of arrays.

    Examples
    --------
    >>> from legonet.checks import check_size
    >>> check_size("Linear", "in_features", 3)
    3
    """
    return check_integer(who, name, value, at_least=0)


def check_integer(who: object, name: str, value: int, *, at_least: int | None = None) -> int:
    """Return `value` as an int if it is a whole number, and not below a bound, else refuse it.

    Parameters
    ----------
    who : object
        What starts the message.
    name : str
        The argument's name.
    value : int
        The argument.
    at_least : int, optional
        The bound, of what counts something: ``value >= at_least``, and no more than an array can have.

    Returns
    -------
    int
        The number.

    Raises
    ------
    OptionError
        If it is not a whole number, or out of its bounds.

    Examples
    --------
    >>> from legonet.checks import check_integer
    >>> check_integer("CrossEntropyLoss", "ignore_index", -1)
    -1
    >>> check_integer("OneCycle", "steps", 0, at_least=1)
    Traceback (most recent call last):
    legonet.errors.OptionError: OneCycle needs steps as a whole number >= 1, but steps is 0
    """
    try:
        number = None if isinstance(value, bool | np.bool_) else operator.index(value)
    except TypeError:
        number = None
    if number is None or not (at_least is None or at_least <= number <= sys.maxsize):
        limit = "" if at_least is None else f" >= {at_least}"
        raise OptionError(f"{who} needs {name} as a whole number{limit}, but {name} is {brief(repr(value))}")
    return number


def check_flag(who: object, name: str, value: bool) -> bool:
    """Return `value` as a bool if it is True or False, else refuse it: ``"no"`` and ``[False]`` would count as True.

    Parameters
    ----------
    who : object
        What starts the message.
    name : str
        The argument's name.
    value : bool
        The argument; NumPy's bool is taken too.

    Returns
    -------
    bool
        True or False.

    Raises
    ------
    OptionError
        If it is anything else.

    Examples
    --------
    >>> from legonet.checks import check_flag
    >>> check_flag("SGD", "nesterov", "no")
    Traceback (most recent call last):
    legonet.errors.OptionError: SGD needs nesterov as True or False, but nesterov is 'no'
    """
    if not isinstance(value, bool | np.bool_):
        raise OptionError(f"{who} needs {name} as True or False, but {name} is {brief(repr(value))}")
    return bool(value)


def check_number(
    who: object,
    name: str,
    value: float,
    *,
    above: float | None = None,
    at_least: float | None = None,
    below: float | None = None,
    at_most: float | None = None,
) -> float:
    """Return `value` as a float if it is a finite number within its bounds, else refuse it.

    Parameters
    ----------
    who : object
        What starts the message.
    name : str
        The argument's name.
    value : float
        The argument.
    above, at_least, below, at_most : float, optional
        The bounds: ``value > above``, ``value >= at_least``, ``value < below``, ``value <= at_most``.

    Returns
    -------
    float
        The number.

    Raises
    ------
    OptionError
        If it is not a number, not finite, or out of bounds.

    Examples
    --------
    >>> from legonet.checks import check_number
    >>> check_number("SGD", "lr", -1.0, above=0)
    Traceback (most recent call last):
    legonet.errors.OptionError: SGD needs lr as a finite number > 0, but lr is -1.0
    """
    bounds = [
        (sign, bound, holds)
        for sign, bound, holds in (
            (">", above, operator.gt),
            (">=", at_least, operator.ge),
            ("<", below, operator.lt),
            ("<=", at_most, operator.le),
        )
        if bound is not None
    ]
    try:
        number = float(value) if _is_number(value) else math.nan
    except OverflowError:
        number = math.inf
    if not (math.isfinite(number) and all(holds(number, bound) for _, bound, holds in bounds)):
        limits = " and ".join(f"{sign} {bound}" for sign, bound, _ in bounds)
        needed = f"a finite number {limits}".rstrip()
        raise OptionError(f"{who} needs {name} as {needed}, but {name} is {brief(repr(value))}")
    return number


def check_scalar(who: object, name: str, value: float) -> float:
    """Return `value` as a float if it is a number, NaN and infinity among them, else refuse it.

    Parameters
    ----------
    who : object
        What starts the message.
    name : str
        The argument's name.
    value : float
        The argument.

    Returns
    -------
    float
        The number.

    Raises
    ------
    OptionError
        If it is not a number.

    Examples
    --------
    >>> from legonet.checks import check_scalar
    >>> check_scalar("MSELoss()", "dloss", 1)
    1.0
    """
    if type(value) is float:
        return value
    try:
        if _is_number(value):
            return float(value)
    except OverflowError:
        pass
    raise OptionError(f"{brief(who, 80)} needs {name} as a number, but {name} is {brief(repr(value))}")


def check_dtype(who: object, dtype: npt.DTypeLike) -> np.dtype[np.floating[Any]]:
    """Return `dtype` as a NumPy dtype if it is a floating-point one, else refuse it.

    Parameters
    ----------
    who : object
        What starts the message.
    dtype : dtype
        The argument.

    Returns
    -------
    numpy.dtype
        The dtype.

    Raises
    ------
    OptionError
        If it is no floating-point dtype.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet.checks import check_dtype
    >>> check_dtype("Linear", np.float32)
    dtype('float32')
    """
    try:
        checked: np.dtype[Any] = np.dtype(dtype)
    except (TypeError, ValueError, SyntaxError):
        checked = np.dtype(bool)
    if checked.kind != "f":
        raise OptionError(f"{who} needs dtype as a floating-point dtype, but dtype is {brief(repr(dtype))}")
    return checked.newbyteorder("=")


def check_rng(who: object, rng: np.random.Generator | int | None) -> np.random.Generator:
    """Return `numpy.random.default_rng` of `rng`, or refuse what it does not take.

    Parameters
    ----------
    who : object
        What starts the message.
    rng : numpy.random.Generator, int or None
        A generator, a seed, or None for fresh entropy.

    Returns
    -------
    numpy.random.Generator
        The generator itself, or a new one.

    Raises
    ------
    OptionError
        If it is none of these.

    Examples
    --------
    >>> from legonet.checks import check_rng
    >>> 0 <= check_rng("Linear", 7).uniform() < 1
    True
    """
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError):
        raise OptionError(
            f"{who} needs rng as a numpy.random.Generator, a whole number >= 0 or None, but rng is {brief(repr(rng))}"
        ) from None


def check_parameters(who: object, parameters: Iterable[Parameter]) -> tuple[Parameter, ...]:
    """Return one parameter or more, each once, as a tuple, or refuse them.

    Parameters
    ----------
    who : object
        What starts the message.
    parameters : iterable of Parameter
        The argument.

    Returns
    -------
    tuple of Parameter
        The parameters.

    Raises
    ------
    OptionError
        If there are none, if one comes twice, or if something else is among them.

    Examples
    --------
    >>> from legonet import Linear
    >>> from legonet.checks import check_parameters
    >>> check_parameters("SGD", Linear(2, 3))
    Traceback (most recent call last):
    legonet.errors.OptionError: SGD needs a list of parameters, but got Linear(2, 3): pass its .parameters()
    """
    if isinstance(parameters, Parameter) or not isinstance(parameters, Iterable) or hasattr(parameters, "parameters"):
        hint = ": pass its .parameters()" if hasattr(parameters, "parameters") else ""
        hint = ": call it" if inspect.ismethod(parameters) else hint
        raise OptionError(f"{who} needs a list of parameters, but got {brief(parameters, 80)}{hint}")
    found = tuple(parameters)
    for place, parameter in enumerate(found):
        if not isinstance(parameter, Parameter):
            named = isinstance(parameter, tuple) and any(isinstance(part, Parameter) for part in parameter)
            hint = ": pass net.parameters(), without names" if named else ""
            raise OptionError(f"{who} needs parameters, but number {place} is of {type(parameter)}{hint}")
    if len({id(parameter) for parameter in found}) < len(found):
        raise OptionError(f"{who} needs each parameter once, but one of the {len(found)} comes twice")
    if not found:
        raise OptionError(f"{who} needs at least one parameter, but the list is empty")
    return found


def counted(parameters: Sequence[Parameter]) -> str:
    """Return "1 parameter" or "2 parameters", for a ``repr``.

    Parameters
    ----------
    parameters : sequence of Parameter
        One or more.

    Returns
    -------
    str
        Their number, in words that fit it.

    Examples
    --------
    >>> from legonet import Linear
    >>> from legonet.checks import counted
    >>> counted(Linear(2, 3).parameters())
    '2 parameters'
    """
    return f"{len(parameters)} parameter{'s' if len(parameters) != 1 else ''}"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
