"""A plain pair of functions as a brick."""

from collections.abc import Callable, Mapping
from typing import Any

from legonet.arrays import Array, brief
from legonet.brick import Brick
from legonet.errors import OptionError
from legonet.interop.adapter import Adapter, check_callable, check_parameter_arrays, name_of


def from_functions(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    *,
    parameters: Mapping[str, Array] | None = None,
    name: str | None = None,
) -> Brick[Any]:
    r"""Make a brick of a forward and a backward function.

    ====================================  ==========================================================
    forward(\*inputs, \*\*parameters)      backward
    ====================================  ==========================================================
    returns ``y, cache``                  is called as ``backward(dy, cache)``
    returns ``y``                         is called as ``backward(dy, *inputs, **parameters)``
    ====================================  ==========================================================

    ``backward`` returns dx, or a tuple with one gradient for each input: None where there is none, as for integers.
    With parameters, a dictionary of their gradients comes last: ``dx, {"W": dW, "b": db}``; the dictionary alone if
    there are no inputs. Weights may as well be inputs like all others.

    Parameters
    ----------
    forward : callable
        Gives the output, an array of any shape or a float for a loss, alone or with a cache.
    backward : callable
        Gives the gradients, each in the shape of what it belongs to.
    parameters : mapping of str to numpy.ndarray, optional
        Floating-point arrays, any shapes, that ``forward`` takes by keyword. They are copied; the brick holds them
        as parameters.
    name : str, optional
        What ``repr`` and reports call the brick. By default the name of ``forward``.

    Returns
    -------
    Brick
        To be checked with `legonet.testing.check_brick`, or used like any other.

    Raises
    ------
    OptionError
        If `forward` or `backward` cannot be called, or `parameters` is no dictionary of floating-point arrays; in
        the passes, if what the functions return is none of the above.

    Notes
    -----
    In a container it is a brick like any other: ``Sequential(Linear(2, 3), from_functions(np.tanh, tanh_backward))``
    is trained, copied and checked as a whole. Shapes and dtypes are as the functions take and give them.

    Functions that draw from NumPy's global generator draw the same numbers in every forward, so that they can be
    checked; keeping that generator as it was takes 0.3 ms a pass. What is to draw anew in each step of training is
    written as a brick with a generator of its own, as `legonet.Dropout` is.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet.interop import from_functions
    >>> from legonet.testing import check_brick
    >>> def forward(x, W, b):
    ...     return x @ W + b, (x, W)
    >>> def backward(dy, cache):
    ...     x, W = cache
    ...     return dy @ W.T, {"W": x.T @ dy, "b": dy.sum(axis=0)}
    >>> rng = np.random.default_rng(0)
    >>> affine = from_functions(forward, backward, parameters={"W": rng.normal(size=(3, 2)), "b": np.ones(2)})
    >>> check_brick(affine, rng.normal(size=(4, 3)))
    from_functions(forward): 40 of 40 derivatives are right, at 2 points
    >>> tanh = from_functions(np.tanh, lambda dy, x: dy * (1 - np.tanh(x) ** 2))
    >>> tanh
    from_functions(tanh)
    >>> check_brick(tanh, rng.normal(size=(4, 3)))
    from_functions(tanh): 12 of 12 derivatives are right, at 1 point
    """
    check_callable("from_functions", "forward", forward)
    check_callable("from_functions", "backward", backward)
    arrays = check_parameter_arrays("from_functions", parameters)
    return _Functions(forward, backward, arrays, name or f"from_functions({name_of(forward)})")


class _Functions(Adapter):
    def __init__(
        self, forward: Callable[..., Any], backward: Callable[..., Any], parameters: dict[str, Array], text: str
    ) -> None:
        super().__init__(text, parameters)
        self._functions = forward, backward

    def forward(self, *inputs: Array) -> tuple[Any, Any]:
        """Return y and what backward needs."""
        with self.random_numbers() as state:
            result = self._functions[0](*inputs, **self.values())
        if not isinstance(result, tuple):
            return result, (False, inputs, len(inputs), state)
        if len(result) != 2:
            needed = "from_functions needs forward to return y, or the tuple (y, cache)"
            raise OptionError(f"{needed}, but {self} returned a tuple of {len(result)}")
        return result[0], (True, result[1], len(inputs), state)

    def backward(self, dy: Any, cache: Any) -> Any:
        """Add the gradients of the parameters and return those of the inputs."""
        has_cache, kept, inputs, state = cache
        with self.random_numbers(state[0]):
            result = self._functions[1](dy, kept) if has_cache else self._functions[1](dy, *kept, **self.values())
        if not self._parameters:
            return self._of_inputs(result, inputs)
        given = list(result) if isinstance(result, tuple | list) else [result]
        gradients = given.pop() if given else None
        if not isinstance(gradients, Mapping):
            needed = 'from_functions needs the gradients of parameters as a dictionary in last place: dx, {"W": dW}'
            raise OptionError(f"{needed}, but {brief(self, 60)} returned {type(result).__name__}")
        for name, gradient in gradients.items():
            if name not in self._parameters:
                needed = f"from_functions needs gradients of {', '.join(self._parameters)}"
                raise OptionError(f"{needed}, but backward of {brief(self, 60)} gave one of {name!r}")
            self.add(name, gradient)
        return self._of_inputs(given[0] if len(given) == 1 else tuple(given), inputs)

    def _of_inputs(self, gradients: Any, inputs: int) -> Any:
        given = gradients if isinstance(gradients, tuple | list) else [gradients]
        if any(isinstance(gradient, Mapping) for gradient in given):
            needed = "from_functions needs parameters={name: array} for gradients by name"
            raise OptionError(f"{needed}, but backward of {brief(self, 60)} gave some without")
        if isinstance(gradients, tuple | list):
            if len(gradients) > inputs:
                needed = f"from_functions needs as many gradients as inputs, {inputs}"
                raise OptionError(f"{needed}, but backward of {brief(self, 60)} gave {len(gradients)}")
            return gradients[0] if inputs == 1 and len(gradients) == 1 else tuple(gradients) if inputs else None
        return gradients
