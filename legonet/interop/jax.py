"""A JAX function as a brick."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from legonet.arrays import Array, brief
from legonet.brick import Brick
from legonet.errors import OptionError
from legonet.interop.adapter import (
    Adapter,
    check_callable,
    check_parameter_arrays,
    import_library,
    name_of,
    one_or_all,
)


def from_jax(
    function: Callable[..., Any], *, parameters: Mapping[str, Array] | None = None, name: str | None = None
) -> Brick[Any]:
    """Make a brick of a JAX function, such as one with a ``custom_vjp``.

    Its gradients come from ``jax.vjp``, and so from the rules of what is adapted.

    Parameters
    ----------
    function : callable
        Called as ``function(*inputs, **parameters)`` with JAX arrays, it returns one of any shape, or a tuple of
        them; one of no axes becomes a float, as for a loss. Options are bound with `functools.partial` or a lambda.
    parameters : mapping of str to numpy.ndarray, optional
        Floating-point arrays, any shapes. They are copied; the brick holds them as parameters. A function that takes
        them as one dictionary is adapted as ``from_jax(lambda x, **p: function(p, x), parameters=p)``.
    name : str, optional
        What ``repr`` and reports call the brick. By default the name of `function`.

    Returns
    -------
    Brick
        Computes in the dtypes that it is fed with: float64 is switched on inside, and nowhere else.

    Raises
    ------
    OptionError
        If `function` cannot be called, or `parameters` is no dictionary of floating-point arrays; in the passes, if
        what it returns is no array.
    LegonetError
        If JAX is not installed.

    Notes
    -----
    Integer inputs have no gradient.

    Examples
    --------
    >>> import numpy as np
    >>> import jax  # doctest: +SKIP
    >>> from legonet.interop import from_jax
    >>> from legonet.testing import check_brick
    >>> x = np.random.default_rng(0).normal(size=(4, 3))
    >>> check_brick(from_jax(jax.nn.gelu), x)  # doctest: +SKIP
    >>> check_brick(from_jax(lambda x, W: x @ W, parameters={"W": np.ones((3, 2))}), x)  # doctest: +SKIP
    """
    import_library("from_jax", "jax")
    check_callable("from_jax", "function", function)
    arrays = check_parameter_arrays("from_jax", parameters)
    return _Jax(function, arrays, name or f"from_jax({name_of(function)})")


class _Jax(Adapter):
    def __init__(self, function: Callable[..., Any], parameters: dict[str, Array], text: str) -> None:
        super().__init__(text, parameters)
        # A plain function, as objects with derivative rules of their own cannot be copied, and a check makes copies.
        self._function: Callable[..., Any] = lambda *inputs, **named: function(*inputs, **named)

    def forward(self, *inputs: Array) -> tuple[Any, Any]:
        """Return y, and for `backward` what ``jax.vjp`` gives beside it."""
        jax = import_library("from_jax", "jax")
        with jax.enable_x64(True):
            given = [jax.numpy.array(x) for x in inputs]
            learning = {name: jax.numpy.array(value) for name, value in self.values().items()}
            y, pull_back = jax.vjp(lambda given, learning: self._function(*given, **learning), given, learning)
        parts = y if isinstance(y, tuple) else (y,)
        for part in parts:
            if not isinstance(part, jax.Array):
                raise OptionError(f"{brief(self, 80)} needs a JAX array as output, but it returned {brief(part)}")
        outputs = [np.array(part) if part.ndim else float(part) for part in parts]
        return tuple(outputs) if isinstance(y, tuple) else outputs[0], (pull_back, y)

    def backward(self, dy: Any, cache: Any) -> Any:
        """Add the gradients of the parameters and return those of the inputs, all by ``jax.vjp``."""
        jax = import_library("from_jax", "jax")
        pull_back, y = cache
        with jax.enable_x64(True):
            given, learning = pull_back(jax.tree.map(lambda part, piece: jax.numpy.array(piece, part.dtype), y, dy))
        for name, gradient in learning.items():
            self.add(name, gradient)
        return one_or_all([None if g.dtype == jax.dtypes.float0 else np.array(g) for g in given])
