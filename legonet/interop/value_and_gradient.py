"""A function to be minimized, with its gradient, as a brick."""

from collections.abc import Callable
from typing import Any

import numpy as np

from legonet.arrays import Array, brief
from legonet.brick import Brick
from legonet.errors import OptionError
from legonet.interop.adapter import Adapter, check_callable, name_of


def from_value_and_gradient(
    function: Callable[..., Any], *, jac: Callable[..., Any] | None = None, name: str | None = None
) -> Brick[Any]:
    """Make a brick of a function and its gradient, as optimizers such as SciPy's ``minimize`` take them.

    Parameters
    ----------
    function : callable
        ``function(x)`` returns the value and the gradient, or the value alone if `jac` is given. The value is a
        float; x may have any shape.
    jac : callable, optional
        ``jac(x)`` returns the gradient, in the shape of x.
    name : str, optional
        What ``repr`` and reports call the brick. By default the name of `function`.

    Returns
    -------
    Brick
        With the one input x and a float as output. Data and other arguments are bound with a lambda:
        ``from_value_and_gradient(lambda w: loss(w, data))``.

    Raises
    ------
    OptionError
        If `function` or `jac` cannot be called; in the passes, if the value is no number, or there is no gradient.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet.interop import from_value_and_gradient
    >>> from legonet.testing import check_brick
    >>> def bowl(x):
    ...     return np.sum(x**2), 2 * x
    >>> check_brick(from_value_and_gradient(bowl), np.array([1.0, -2.0]))
    from_value_and_gradient(bowl): 2 of 2 derivatives are right, at 1 point
    >>> sine = from_value_and_gradient(lambda x: np.sin(x).sum(), jac=np.cos, name="sine")
    >>> check_brick(sine, np.array([1.0, -2.0]))
    sine: 2 of 2 derivatives are right, at 1 point
    """
    check_callable("from_value_and_gradient", "function", function)
    if jac is not None:
        check_callable("from_value_and_gradient", "jac", jac)
    return _ValueAndGradient(function, jac, name or f"from_value_and_gradient({name_of(function)})")


class _ValueAndGradient(Adapter):
    def __init__(self, function: Callable[..., Any], jac: Callable[..., Any] | None, text: str) -> None:
        super().__init__(text, {})
        self._function, self._jac = function, jac

    def forward(self, x: Array) -> tuple[float, Array]:
        """Return the value, and for `backward` the gradient, or x if `jac` gives it."""
        with self.random_numbers():
            result = self._function(x)
        if self._jac is not None:
            return self._number(result), x
        if not isinstance(result, tuple | list) or len(result) != 2:
            needed = "from_value_and_gradient needs the value and the gradient, or jac="
            raise OptionError(f"{needed}, but {brief(self, 80)} returned {type(result).__name__}")
        return self._number(result[0]), np.array(result[1])

    def backward(self, dloss: float, kept: Array) -> Array:
        """Return the gradient, times dloss."""
        gradient: Array = dloss * np.asarray(kept if self._jac is None else self._jac(kept))
        return gradient

    def _number(self, value: Any) -> float:
        array = np.asarray(value)
        if array.size != 1 or array.dtype.kind not in "fiu":
            needed = "from_value_and_gradient needs a number as value"
            raise OptionError(f"{needed}, but {brief(self, 80)} gave {brief(value)}")
        return float(array.item())
