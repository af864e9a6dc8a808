"""A home-made layer with a state of its own as a brick."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from types import FunctionType, ModuleType
from typing import Any, TypeAlias

import numpy as np
from numpy.random import Generator, RandomState

from legonet.arrays import Array, brief
from legonet.brick import Brick
from legonet.errors import OptionError
from legonet.interop.adapter import Adapter


def from_object(
    layer: Any,
    *,
    forward: str = "forward",
    backward: str = "backward",
    parameters: str | Mapping[str, str] | Callable[[Any], Any] | None = "params",
    gradients: str | Callable[[Any], Any] = "grads",
    reset: str | None = None,
) -> Brick[Any]:
    """Make a brick of a layer that remembers its last forward pass, as most home-made ones do.

    Parameters
    ----------
    layer : object
        Has ``forward(*inputs) -> y`` and ``backward(dy) -> dx``, or a tuple with one gradient for each input. The
        ``backward()`` of a loss may take nothing: what it gives is then multiplied by dloss. The object itself is
        used, not a copy; `legonet.testing.check_brick` makes one.
    forward, backward : str, optional
        What its methods are called.
    parameters : str, mapping, callable or None, optional
        Where its floating-point arrays are, of any shapes: the name of an attribute that holds a dictionary or a
        list of them; names of attributes with those of their gradients, as in ``{"W": "dW", "b": "db"}``; a function
        that takes the layer and returns a dictionary or a list of arrays; or None if it has none. A layer without
        the attribute has no parameters, but then it must hold no floating-point arrays at all.
    gradients : str or callable, optional
        Where the gradients are after ``backward``: like `parameters`, with the same keys or with ``"d"`` before them.
    reset : str, optional
        A method to be called before each forward, such as ``"zero_grad"``: for layers that keep a list of their
        forward passes. By default the gradients are filled with zeros, and nothing else is done.

    Returns
    -------
    Brick
        Its gradients are added to those of its parameters after each backward. The object may overwrite its
        gradients or add to them: they are zeroed before each backward.

    Raises
    ------
    OptionError
        If the object has no such methods or attributes, or its parameters are no floating-point arrays.

    Notes
    -----
    ``backward`` of the brick runs ``forward`` of the object first, with the same inputs and the same random numbers: an
    object counts as right if it is right directly after its own forward. To see what happens to a layer that is used
    twice, adapt the network that does so.

    Before each pass the values of the brick's parameters are written into the arrays of the object. If they have
    another dtype, new arrays take the place of the old ones wherever the object's attributes, and dictionaries and
    lists in these, hold them.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet.interop import from_object
    >>> from legonet.testing import check_brick
    >>> class Scale:
    ...     def __init__(self, features):
    ...         self.params = {"s": np.ones(features)}
    ...         self.grads = {}
    ...
    ...     def forward(self, x):
    ...         self.x = x
    ...         return x * self.params["s"]
    ...
    ...     def backward(self, dy):
    ...         self.grads["s"] = (dy * self.x).sum(axis=0)
    ...         return dy * self.params["s"]
    >>> check_brick(from_object(Scale(3)), np.random.default_rng(0).normal(size=(4, 3)))
    from_object(Scale()): 30 of 30 derivatives are right, at 2 points
    """
    if isinstance(layer, type):
        raise OptionError(f"from_object needs a layer, but got the class {layer.__name__}: make one first")
    for name in (forward, backward, *([reset] if reset else [])):
        if not isinstance(name, str):
            raise OptionError(f"from_object needs names of methods, but got {brief(repr(name))}")
        if not callable(getattr(layer, name, None)):
            raise OptionError(f"from_object needs the method {name} of the layer, but {brief(_name(layer))} has none")
    return _Object(layer, (forward, backward, reset), *_places(layer, parameters, gradients))


class _Object(Adapter):
    def __init__(self, layer: Any, methods: tuple[str, str, str | None], values: "_Place", gradients: "_Place") -> None:
        self._layer, (self._forward, self._backward, self._reset) = layer, methods
        self._value_place, self._gradient_place = values, gradients
        self._takes_dy = bool(inspect.signature(getattr(layer, self._backward)).parameters)
        arrays = values(layer)
        for name, array in arrays.items():
            if not isinstance(array, np.ndarray) or array.dtype.kind != "f":
                raise OptionError(
                    f"from_object needs floating-point arrays as parameters, but {name} is {brief(array)}"
                )
        items = [item for container in _containers(layer) for item in _values(container)]
        generators = {id(g): g for g in items if isinstance(g, Generator | RandomState)}
        super().__init__(f"from_object({brief(_name(layer), 60)})", arrays, generators.values())

    def forward(self, *inputs: Array) -> tuple[Any, Any]:
        """Return y, and the inputs for `backward`."""
        with self.random_numbers():
            y = self._pass(inputs)
        self._read_values()
        return _copy(y), inputs

    def backward(self, dy: Any, inputs: tuple[Array, ...]) -> Any:
        """Run forward again, then backward; add the gradients of the parameters and return those of the inputs."""
        with self.random_numbers():
            self._pass(inputs)
            dx = getattr(self._layer, self._backward)(*[dy] * self._takes_dy)
        self._read_values()
        factor = 1 if self._takes_dy else dy
        gradients = self._gradient_place(self._layer)
        for name in self._parameters:
            gradient = gradients.get(name, gradients.get(f"d{name}"))
            if gradient is not None:
                self.add(name, factor * gradient)
            if isinstance(gradient, np.ndarray) and any(
                np.may_share_memory(gradient, array) for array in (dy, *inputs)
            ):
                _replace(self._layer, gradient, gradient.copy())  # or the next pass would zero what is not the layer's
        return _copy(tuple(dx) if isinstance(dx, list) else dx, factor)

    def _pass(self, inputs: tuple[Array, ...]) -> Any:
        """Run the object's forward from gradients of zeros and with the parameters' values."""
        if self._reset:
            getattr(self._layer, self._reset)()
        for gradient in self._gradient_place(self._layer).values():
            if isinstance(gradient, np.ndarray) and gradient.flags.writeable:
                gradient.fill(0)
        self._write_values()
        return getattr(self._layer, self._forward)(*inputs)

    def _write_values(self) -> None:
        """Bring the object's arrays in step with the parameters."""
        arrays = self._value_place(self._layer)
        for name, parameter in self._parameters.items():
            array, value = arrays[name], parameter.value
            same = array.dtype == value.dtype and array.shape == value.shape and array.flags.writeable
            if same or not _replace(self._layer, array, value.copy()):
                array[...] = value

    def _read_values(self) -> None:
        """Let it be seen if the object has written into its parameters."""
        arrays = self._value_place(self._layer)
        for name, parameter in self._parameters.items():
            array, value = arrays[name], parameter.value
            if array.dtype == value.dtype and not np.array_equal(array, value, equal_nan=True):
                parameter.value = array.copy()


_Place: TypeAlias = Callable[[Any], dict[str, Any]]
"""Finds arrays by name in a layer."""


def _places(layer: Any, parameters: Any, gradients: Any) -> tuple[_Place, _Place]:
    """Return where the values are and where the gradients are."""
    if isinstance(parameters, Mapping):
        names = dict(parameters)
        missing = [name for name in names if not hasattr(layer, name)]
        if missing:
            raise OptionError(f"from_object needs the attribute {missing[0]}, but {brief(_name(layer))} has none")
        return (
            lambda layer: {name: getattr(layer, name) for name in names},
            lambda layer: {name: getattr(layer, gradient, None) for name, gradient in names.items()},
        )
    if parameters is None or (isinstance(parameters, str) and not hasattr(layer, parameters)):
        arrays = _float_arrays(layer)
        if parameters is not None and arrays:
            hint = f'pass parameters={{"{arrays[0]}": "d{arrays[0]}"}} or the like, or None'
            held = f"no attribute {parameters}, but arrays: {brief(', '.join(arrays))}"
            raise OptionError(f"from_object needs to know the parameters, but {brief(_name(layer))} has {held}: {hint}")
        return lambda layer: {}, lambda layer: {}
    for name, place in (("parameters", parameters), ("gradients", gradients)):
        if not isinstance(place, str) and not callable(place):
            needed = f"from_object needs {name} as the name of an attribute or a function"
            raise OptionError(f"{needed}, but {name} is {brief(place)}")
    root = parameters if isinstance(parameters, str) else ""

    def look(layer: Any, place: Any) -> dict[str, Any]:
        found = getattr(layer, place, None) if isinstance(place, str) else place(layer)
        found = found() if isinstance(place, str) and callable(found) else found
        return dict(_flat(found, "" if isinstance(found, Mapping) else root))

    return lambda layer: look(layer, parameters), lambda layer: look(layer, gradients)


def _flat(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield what is in dictionaries and lists, by dotted names."""
    if isinstance(value, Mapping | list | tuple):
        for key, item in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from _flat(item, f"{name}.{key}" if name else str(key))
    elif value is not None:
        yield name, value


def _containers(thing: Any) -> Iterator[Any]:
    """Yield every dictionary, list and tuple in an object and the objects in it, attributes among them."""
    seen: set[int] = set()
    todo = [thing]
    while todo:
        item = todo.pop()
        if isinstance(item, type | FunctionType | ModuleType | np.ndarray) or id(item) in seen:
            continue
        seen.add(id(item))
        container = item if isinstance(item, dict | list | tuple) else getattr(item, "__dict__", None)
        if isinstance(container, dict | list | tuple):
            yield container
            todo.extend(_values(container))


def _values(container: Any) -> list[Any]:
    return list(container.values() if isinstance(container, dict) else container)


def _replace(layer: Any, old: Array, new: Array) -> int:
    """Put an array in the place of another wherever a layer holds that one, and return how often it did."""
    count = 0
    for container in _containers(layer):
        for key, item in list(container.items() if isinstance(container, dict) else enumerate(container)):
            if item is old and not isinstance(container, tuple):
                container[key] = new
                count += 1
    return count


def _float_arrays(layer: Any) -> list[str]:
    """Return the names of the attributes of a layer that hold floating-point arrays, those in slots among them."""
    slots = [slot for kind in type(layer).__mro__ for slot in _slots_of(kind) if hasattr(layer, slot)]
    named = {**getattr(layer, "__dict__", {}), **{slot: getattr(layer, slot) for slot in slots}}
    return [name for name, value in named.items() if _is_float_array(value)]


def _slots_of(kind: type) -> tuple[str, ...]:
    slots = kind.__dict__.get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


def _is_float_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def _copy(y: Any, factor: Any = 1) -> Any:
    """Return y, times a factor, as the object's next pass cannot change it."""
    if isinstance(y, tuple):
        return tuple(_copy(part, factor) for part in y)
    return y if y is None else factor * y


def _name(layer: Any) -> str:
    text = " ".join(repr(layer).split())
    return f"{type(layer).__name__}()" if text.startswith("<") else text
