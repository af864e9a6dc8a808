"""What containers do with gradients: add up those that meet, share out those of several inputs and outputs."""

import operator
from typing import Any, TypeAlias

import numpy as np

from legonet.arrays import brief, quiet
from legonet.brick import Brick
from legonet.errors import GradientError, OptionError

Kind: TypeAlias = tuple[tuple[int, ...], "np.dtype[Any]"]
"""The shape and dtype of an array, or of a number."""

_FIRST = (0,)
_sum = quiet(operator.add)


def plus(total: Any, gradient: Any) -> Any:
    """Return the sum of two gradients as a new array; None stands for no gradient.

    Parameters
    ----------
    total, gradient : numpy.ndarray or None
        Of the same shape. Neither is written into: it may be in the hands of another brick.

    Returns
    -------
    numpy.ndarray or None
        The sum; the other one if one is None.
    """
    if total is None or gradient is None:
        return gradient if total is None else total
    return _sum(total, gradient)


def learns(brick: Brick[Any]) -> bool:
    """Return whether a brick has a parameter; unlike `Brick.parameters` it stops at the first.

    Parameters
    ----------
    brick : Brick
        Looked at, never run.

    Returns
    -------
    bool
        Whether it has one.
    """
    return next(brick.named_parameters(), None) is not None


def alone_or_tuple(values: tuple[Any, ...]) -> Any:
    """Return several values as they are, and a single one without its tuple.

    Parameters
    ----------
    values : tuple
        Outputs, or gradients by inputs.

    Returns
    -------
    object
        The one value, or the tuple; None if it is empty.
    """
    return values[0] if len(values) == 1 else values or None


def check_upstream(who: object, dy: Any, count: int) -> None:
    """Refuse an upstream gradient that is no tuple of one for each of several outputs.

    Parameters
    ----------
    who : object
        The brick that asks.
    dy : tuple of numpy.ndarray, or numpy.ndarray for one output
        The upstream gradient.
    count : int
        How many outputs there are.

    Raises
    ------
    OptionError
        If it is something else.
    """
    if count > 1 and not (isinstance(dy, tuple) and len(dy) == count):
        given = f"{len(dy)} gradients" if isinstance(dy, tuple) else f"a {type(dy).__name__}"
        raise OptionError(f"{brief(who, 80)} needs dy as a tuple of {count} gradients, but dy is {given}")


def by_inputs(who: object, given: Any, count: int, floats: tuple[int, ...] = ()) -> tuple[Any, ...]:
    """Return what `backward` gave as a tuple of one gradient, or None, for each input.

    A brick may leave out those of inputs that have none, such as masks and whole numbers.

    Parameters
    ----------
    who : object
        Whose gradients they are, for the message of an error.
    given : numpy.ndarray, tuple or None
        What its ``backward`` returned.
    count : int
        How many inputs it has.
    floats : tuple of int, optional
        Which of the inputs are of floating-point numbers. If there are as many gradients, they belong to these, else to
        the first inputs.

    Returns
    -------
    tuple
        Of length `count`.

    Raises
    ------
    GradientError
        If there are more gradients than inputs.

    Examples
    --------
    >>> from legonet.graphs.gradients import by_inputs
    >>> by_inputs("node h", "dx", 2, floats=(1,))
    (None, 'dx')
    """
    gradients = given if isinstance(given, tuple) else (given,)
    if len(gradients) == count:
        return gradients
    if len(gradients) > max(count, 1):
        raise GradientError(f"backward of {brief(who, 80)} gives {len(gradients)} gradients for {count} inputs")
    places = floats if len(gradients) == len(floats) else range(len(gradients))
    found = dict(zip(places, gradients, strict=True))
    return tuple(found.get(place) for place in range(count))


def floats_among(inputs: list[Any]) -> tuple[int, ...]:
    """Return which inputs of a brick are of floating-point numbers: the others have no gradient.

    Parameters
    ----------
    inputs : list
        Arrays, or anything else that a brick takes.

    Returns
    -------
    tuple of int
        Their places, as `by_inputs` takes them; a single input is the only one that a gradient can belong to.
    """
    if len(inputs) == 1:
        return _FIRST
    return tuple(place for place, x in enumerate(inputs) if not isinstance(x, np.ndarray) or x.dtype.kind == "f")


def kinds_of(outputs: tuple[Any, ...]) -> tuple[Kind, ...]:
    """Return the shape and dtype of each of several outputs, since one that nobody needs has a gradient of zeros.

    Parameters
    ----------
    outputs : tuple
        Arrays, or numbers, as of a loss.

    Returns
    -------
    tuple of Kind
        As `together` takes them.
    """
    return tuple((np.shape(part), np.asarray(part).dtype) for part in outputs)


def together(gradients: dict[str, Any], names: tuple[str, ...], kinds: tuple[Kind, ...]) -> Any:
    """Take the gradients by the outputs of a brick out of a dictionary, as its ``backward`` needs them.

    Parameters
    ----------
    gradients : dict
        Gradients by names; some may be missing or None.
    names : tuple of str
        The names of the outputs.
    kinds : tuple of Kind
        Their shapes and dtypes.

    Returns
    -------
    tuple or None
        A gradient for each output, zeros where there was none; None if there was none at all.
    """
    found = [gradients.pop(name, None) for name in names]
    if all(gradient is None for gradient in found):
        return None
    return tuple(np.zeros(*kind) if given is None else given for given, kind in zip(found, kinds, strict=True))
