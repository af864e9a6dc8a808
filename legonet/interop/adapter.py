"""What all adapters share: parameters by name, a name of their own, and random numbers that come again."""

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
from numpy.random import Generator, RandomState, get_state, set_state

from legonet.arrays import Array, brief
from legonet.brick import Brick
from legonet.errors import LegonetError, OptionError
from legonet.parameter import Parameter


class Adapter(Brick[Any]):
    """A brick around something foreign.

    A foreign layer that draws random numbers draws the same ones in every forward, and its backward goes on where its
    forward ended: so its derivative can be measured. NumPy's global generator is put back afterwards.

    Parameters
    ----------
    text : str
        What ``repr`` gives.
    parameters : mapping of str to numpy.ndarray
        The initial values by name.
    generators : iterable of numpy.random.Generator or RandomState, optional
        What the foreign thing draws its random numbers from, beside NumPy's global generator.
    """

    def __init__(
        self, text: str, parameters: Mapping[str, Array], generators: Iterable[Generator | RandomState] = ()
    ) -> None:
        self._text = text
        self._parameters = {name: Parameter(value) for name, value in parameters.items()}
        self._generators = list(generators)
        self._start = self._random_state()

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Yield every parameter with the name that the foreign thing has for it."""
        yield from self._parameters.items()

    def values(self) -> dict[str, Array]:
        """Return the values of the parameters by name."""
        return {name: parameter.value for name, parameter in self._parameters.items()}

    def add(self, name: str, gradient: Any) -> None:
        """Add what a foreign backward gives to a gradient; of another shape, it takes its place, to be seen."""
        if gradient is None:
            return
        parameter, gradient = self._parameters[name], np.asarray(gradient)
        if gradient.shape == parameter.grad.shape:
            parameter.grad += gradient
        else:
            parameter.grad = gradient.copy()

    @contextmanager
    def random_numbers(self, state: Any = None) -> Iterator[list[Any]]:
        """Draw from a state, by default the first one; the list given holds the state reached, once it is over."""
        outside = self._random_state()
        reached: list[Any] = []
        try:
            self._set_random_state(self._start if state is None else state)
            yield reached
            reached.append(self._random_state())
        finally:
            self._set_random_state(outside[:1])

    def _random_state(self) -> list[Any]:
        own = [g.get_state() if isinstance(g, RandomState) else g.bit_generator.state for g in self._generators]
        return [get_state(), *own]  # noqa: NPY002 - foreign layers draw from it

    def _set_random_state(self, state: list[Any]) -> None:
        set_state(state[0])  # noqa: NPY002
        for generator, own in zip(self._generators, state[1:], strict=False):
            if isinstance(generator, RandomState):
                generator.set_state(own)
            else:
                generator.bit_generator.state = own

    def __repr__(self) -> str:
        return self._text


def import_library(who: str, name: str) -> Any:
    """Import a foreign library, or say how to install it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise LegonetError(
            f"{who} needs the library {package}, but it cannot be imported: pip install {package}"
        ) from error


def check_callable(who: str, name: str, function: Callable[..., Any]) -> None:
    """Refuse what cannot be called."""
    if not callable(function):
        raise OptionError(f"{who} needs {name} as a function, but {name} is {brief(function)}")


def check_parameter_arrays(who: str, parameters: Any) -> dict[str, Array]:
    """Return a dictionary of arrays of floating-point numbers, or refuse something else."""
    if parameters is None:
        return {}
    if not isinstance(parameters, Mapping):
        raise OptionError(f"{who} needs parameters as a dictionary of arrays by name, but it is {brief(parameters)}")
    for name, value in parameters.items():
        if not isinstance(name, str):
            raise OptionError(f"{who} needs names as the keys of parameters, but one is {brief(repr(name))}")
        if not isinstance(value, np.ndarray) or value.dtype.kind != "f":
            raise OptionError(f"{who} needs floating-point arrays as parameters, but {name} is {brief(value)}")
    return dict(parameters)


def name_of(function: Any) -> str:
    """Return what a function is called, in short."""
    if isinstance(function, partial):
        options = [repr(value) for value in function.args] + [f"{k}={v!r}" for k, v in function.keywords.items()]
        return brief(f"{name_of(function.func)}({', '.join(options)})", 60)
    name = getattr(function, "__name__", None)
    return brief(" ".join(str(name or repr(function)).split()), 60)


def one_or_all(gradients: list[Any]) -> Any:
    """Return what backward gives: None without inputs, the gradient by one input, a tuple of them by several."""
    return tuple(gradients) if len(gradients) > 1 else gradients[0] if gradients else None
