"""Derivatives without calculus: central finite differences."""

from collections.abc import Callable

import numpy as np

from legonet.arrays import Array, brief, check_array
from legonet.checks import check_scalar
from legonet.errors import OptionError


def numeric_gradient(function: Callable[[], float], array: Array) -> Array:
    r"""Return the derivative of a number by each entry of an array, by central differences.

    .. math::

        \frac{\partial f}{\partial a_i} \approx \frac{f(a_i + h) - f(a_i - h)}{2h},
        \quad h = \sqrt[3]{\varepsilon} \max(1, |a_i|)

    The step balances the error of the formula against that of rounding; both are near 1e-10 where the function and
    its derivatives are near 1.

    Parameters
    ----------
    function : callable
        Computes the number from what `array` holds; called twice an entry.
    array : numpy.ndarray
        The entries to vary, float64. They are changed one at a time and put back.

    Returns
    -------
    numpy.ndarray
        The derivatives, in the shape of `array`.

    Raises
    ------
    DtypeError, OptionError
        If `array` is not a float64 array or is read-only, or `function` does not return a number.

    References
    ----------
    Press et al., *Numerical Recipes*, 3rd edition, 2007, section 5.7.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet.testing import numeric_gradient
    >>> x = np.array([1.0, 2.0, 3.0])
    >>> numeric_gradient(lambda: float(np.sum(x**2)), x).round(6)
    array([2., 4., 6.])
    """
    if not callable(function):
        raise OptionError(f"numeric_gradient needs function to be callable, but got {brief(function)}")
    check_array("numeric_gradient", "array", array, (...,), np.float64)
    if not array.flags.writeable:
        raise OptionError("numeric_gradient needs array to be writeable, but it is read-only: pass a copy")
    gradient = np.empty(array.shape)
    for index in np.ndindex(array.shape):
        middle = float(array[index])
        step = np.cbrt(np.finfo(np.float64).eps) * max(1.0, abs(middle))
        above, below = middle + step, middle - step
        try:
            array[index] = above
            f_above = check_scalar("numeric_gradient", "what function returns", function())
            array[index] = below
            f_below = check_scalar("numeric_gradient", "what function returns", function())
        finally:
            array[index] = middle
        gradient[index] = (f_above - f_below) / (above - below)
    return gradient
