"""Initial numbers for parameters: plain functions ``(rng, shape) -> array``.

Write your own as such a function. Set an option of one of these with `functools.partial`, as in
``Linear(2, 3, weight=partial(normal, std=0.1))``. For a weight of shape (in, out), fan_in = in is the number of
inputs of an output, and fan_out = out the number of outputs of an input. For the weight of a convolution, of shape
(in, height, width, out), both are multiplied by the size of the window, height * width.
"""

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from legonet.arrays import Array, check_array
from legonet.checks import check_number
from legonet.errors import DtypeError, ShapeError
from legonet.parameter import Parameter

__all__ = [
    "Initializer",
    "constant",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "initialize",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "orthogonal",
    "uniform",
    "zeros",
]

Shape: TypeAlias = tuple[int, ...]
Initializer: TypeAlias = Callable[[np.random.Generator, Shape], Array]
"""A function of a random generator and a shape that returns an array of that shape."""


def zeros(rng: np.random.Generator, shape: Shape) -> Array:
    """Return all zeros: the usual start of a bias."""
    return np.zeros(shape)


def constant(rng: np.random.Generator, shape: Shape, *, value: float) -> Array:
    """Return the same `value` everywhere."""
    return np.full(shape, check_number("constant", "value", value))


def uniform(rng: np.random.Generator, shape: Shape, *, low: float = -0.1, high: float = 0.1) -> Array:
    """Draw uniform numbers between `low` and `high`."""
    high = check_number("uniform", "high", high)
    return rng.uniform(check_number("uniform", "low", low, at_most=high), high, shape)


def normal(rng: np.random.Generator, shape: Shape, *, std: float = 0.1) -> Array:
    """Draw normal numbers with mean 0 and the standard deviation `std`."""
    return rng.normal(0.0, check_number("normal", "std", std, at_least=0), shape)


def glorot_uniform(rng: np.random.Generator, shape: Shape) -> Array:
    """Draw uniform numbers of variance 2 / (fan_in + fan_out), for sigmoid and tanh (Glorot & Bengio, 2010, eq. 16)."""
    return _uniform_of_variance(rng, shape, 2 / max(sum(_fans(shape)), 1))


def glorot_normal(rng: np.random.Generator, shape: Shape) -> Array:
    """Draw normal numbers of variance 2 / (fan_in + fan_out), for sigmoid and tanh (Glorot & Bengio, 2010, eq. 12)."""
    return rng.normal(0.0, math.sqrt(2 / max(sum(_fans(shape)), 1)), shape)


def he_uniform(rng: np.random.Generator, shape: Shape) -> Array:
    """Draw uniform numbers of variance 2 / fan_in, for rectifiers (He et al., 2015, eq. 10)."""
    return _uniform_of_variance(rng, shape, 2 / max(_fans(shape)[0], 1))


def he_normal(rng: np.random.Generator, shape: Shape) -> Array:
    """Draw normal numbers of variance 2 / fan_in, for rectifiers (He et al., 2015, eq. 10)."""
    return rng.normal(0.0, math.sqrt(2 / max(_fans(shape)[0], 1)), shape)


def lecun_uniform(rng: np.random.Generator, shape: Shape) -> Array:
    """Draw uniform numbers of variance 1 / fan_in (LeCun et al., 1998, "Efficient BackProp", section 4.6)."""
    return _uniform_of_variance(rng, shape, 1 / max(_fans(shape)[0], 1))


def lecun_normal(rng: np.random.Generator, shape: Shape) -> Array:
    """Draw normal numbers of variance 1 / fan_in (LeCun et al., 1998, "Efficient BackProp", section 4.6)."""
    return rng.normal(0.0, math.sqrt(1 / max(_fans(shape)[0], 1)), shape)


def orthogonal(rng: np.random.Generator, shape: Shape, *, gain: float = 1.0) -> Array:
    """Draw a matrix with orthogonal rows or columns, whichever are fewer, of norm `gain` (Saxe et al., 2014).

    For more than two axes, it is the matrix of shape (product of all but the last, last).
    """
    rows, columns = _fans(shape)[0], shape[-1]
    tall = rng.normal(size=(max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(tall)
    q = q * np.copysign(1.0, np.diagonal(r))  # the signs make the draw uniform (Mezzadri, 2007)
    matrix: Array = check_number("orthogonal", "gain", gain) * (q if rows >= columns else q.T)
    return matrix.reshape(shape)


def initialize(
    who: object,
    name: str,
    initial: Initializer | Array,
    rng: np.random.Generator,
    shape: Shape,
    dtype: npt.DTypeLike,
) -> Parameter:
    """Make a parameter from an initializer, or from an array of its numbers.

    Parameters
    ----------
    who : object
        The brick that asks; it starts the message of an error.
    name : str
        What the brick calls the parameter.
    initial : callable or numpy.ndarray
        A function ``(rng, shape) -> array``, or the numbers themselves.
    rng : numpy.random.Generator
        The source of random numbers.
    shape : tuple of int
        The shape needed.
    dtype : dtype
        The floating-point dtype of the parameter. Drawn numbers are rounded to it, given numbers must have it.

    Returns
    -------
    Parameter
        The new parameter.

    Raises
    ------
    ShapeError
        If the numbers have another shape.
    DtypeError
        If they are no NumPy array of that dtype.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet.initializers import initialize, glorot_uniform
    >>> initialize("Linear", "weight", glorot_uniform, np.random.default_rng(0), (2, 3), np.float32)
    Parameter(shape=(2, 3), dtype=float32)
    """
    if callable(initial):
        try:
            drawn = initial(rng, shape)
        except Exception as error:
            error.add_note(f"  in {who}: {name}")
            raise
        check_array(who, name, drawn, shape)
        return Parameter(drawn.astype(dtype))
    if not isinstance(initial, np.ndarray):
        needed = f"{name} as a function (rng, shape) -> array, an initializer, or as the array itself"
        given = f"{name} is a {type(initial).__name__}"
        if isinstance(initial, list | tuple):
            given += f": pass numpy.asarray({name}, dtype=numpy.{np.dtype(dtype)})"
        raise DtypeError(f"{who} needs {needed}, but {given}")
    check_array(who, name, initial, shape, dtype)
    return Parameter(initial)


def _fans(shape: Shape) -> tuple[int, int]:
    if len(shape) < 2:
        raise ShapeError(f"the initializer needs a shape of (in, ..., out), but the shape is {shape}")
    field = math.prod(shape[1:-1])
    return shape[0] * field, shape[-1] * field


def _uniform_of_variance(rng: np.random.Generator, shape: Shape, variance: float) -> Array:
    bound = math.sqrt(3 * variance)
    return rng.uniform(-bound, bound, shape)
