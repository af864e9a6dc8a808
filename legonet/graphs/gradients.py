"""What containers do with gradients: add up those that meet, hand out those of several inputs."""

from typing import Any

from legonet.arrays import brief, quiet
from legonet.brick import Brick
from legonet.errors import GradientError


@quiet
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
    return total + gradient


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
