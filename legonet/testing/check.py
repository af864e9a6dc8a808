"""The public check of a brick: its hand-written gradients against finite differences."""

import copy
from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np

from legonet.arrays import Array, brief, check_array
from legonet.brick import Brick
from legonet.checks import check_rng
from legonet.errors import GradientError, OptionError

from .numeric import numeric_gradient


def check_brick(brick: Brick[Any], *inputs: Array, rng: np.random.Generator | int | None = 0) -> None:
    """Check the backward pass of a brick at the given inputs, or raise a GradientError that says what is wrong.

    The gradient by every float input that ``backward`` returns one for, and by every parameter, is compared with
    central finite differences of ``sum(dy * forward(*inputs))`` for a random upstream gradient dy, in float64. The
    brick must also leave its inputs, dy and its parameters as they are, add to the gradients of its parameters (not
    replace them), give the same output when it is called, and add the same in ``backward_parameters``.

    The check works on a copy: the brick and the inputs stay as they are.

    Parameters
    ----------
    brick : Brick
        A layer, container, loss or regularizer.
    *inputs : numpy.ndarray
        What its ``forward`` takes: x for a layer, y and the target for a loss, nothing for a regularizer. A
        ``backward`` that returns one array gives the gradient by the first of them; a tuple, one for each. A few
        rows are enough: the cost grows with the number of entries.
    rng : numpy.random.Generator or int, optional
        The source of the upstream gradient.

    Raises
    ------
    GradientError
        If something is wrong; the message names the brick, the gradient and the entry.
    OptionError, DtypeError
        If `brick` is not a Brick, or an input is not a NumPy array of numbers.

    Notes
    -----
    A gradient passes if it is within 1e-6 of its own size and 1e-8 of the size of the output, which is far more
    than rounding and far less than a mistake. Keep away from kinks, such as x = 0 for a rectifier: there is no
    derivative to compare with.

    References
    ----------
    Bishop, *Pattern Recognition and Machine Learning*, 2006, section 5.3.3.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import Brick, Linear
    >>> from legonet.testing import check_brick
    >>> rng = np.random.default_rng(0)
    >>> check_brick(Linear(2, 3), rng.normal(size=(4, 2)))
    >>> class Square(Brick):
    ...     def forward(self, x):
    ...         return x**2, x
    ...
    ...     def backward(self, dy, x):
    ...         return dy * x
    >>> check_brick(Square(), np.array([[1.0, 2.0]]))
    Traceback (most recent call last):
    legonet.errors.GradientError: Square(): backward gives dx[0, 0] = 0.723744,
      but finite differences of forward give 1.44749 (2 of 2 entries of dx are wrong)
    """
    if not isinstance(brick, Brick):
        raise OptionError(f"check_brick needs a Brick, but got {repr(brick)[:80]}")
    rng = check_rng("check_brick", rng)
    brick = _in_float64(brick)
    inputs = tuple(_input_in_float64(number, x) for number, x in enumerate(inputs))

    before = _snapshot(brick, inputs)
    pair = brick.forward(*inputs)
    if not isinstance(pair, tuple) or len(pair) != 2:
        _fail(brick, f"forward gives a {type(pair).__name__}, but must give the output and the cache")
    y, cache = pair
    brick.forward(*(0.5 * x if x.dtype.kind == "f" else x for x in inputs))  # another pass in between changes nothing
    if not isinstance(y, np.ndarray | float):
        _fail(brick, f"forward gives a {type(y).__name__}, but its output must be a NumPy array or a float")
    dy = np.asarray(rng.choice([-1.0, 1.0], np.shape(y)) * rng.uniform(0.4, 1.6, np.shape(y)))
    upstream = dy if isinstance(y, np.ndarray) else float(dy)

    upstream_before = dy.copy()
    dx = brick.backward(upstream, cache)
    gradients = {name: parameter.grad.copy() for name, parameter in brick.named_parameters()}
    after = _snapshot(brick, inputs) | {"dy": dy}
    for name, was in (before | {"dy": upstream_before}).items():
        if not np.array_equal(was, after[name], equal_nan=True):
            _fail(brick, f"forward or backward writes into {name}")
    if not np.array_equal(brick(*inputs), y, equal_nan=True):
        _fail(brick, "called, it gives another output than forward")

    for method in (brick.backward, brick.backward_parameters):
        method(upstream, brick.forward(*inputs)[1])
    for name, parameter in brick.named_parameters():
        if not np.allclose(parameter.grad, 3 * gradients[name], rtol=1e-9, atol=0, equal_nan=True):
            _fail(brick, f"backward does not add the same to {name}.grad each time: write {name}.grad += ...")

    def weighted_output() -> float:
        return float(np.sum(dy * brick.forward(*inputs)[0]))

    scale = float(np.sum(np.abs(dy * y)))
    for name, array, gradient in _pairs(brick, inputs, dx, gradients):
        if not isinstance(gradient, np.ndarray) or gradient.shape != array.shape:
            given = f"shape {gradient.shape}" if isinstance(gradient, np.ndarray) else f"type {type(gradient).__name__}"
            _fail(brick, f"backward gives d{name} of {given}, but {name} has shape {array.shape}")
        numeric = numeric_gradient(weighted_output, array)
        bound = 1e-6 * np.abs(numeric) + 1e-8 * scale + 1e-10
        wrong = np.argwhere(~(np.abs(gradient - numeric) <= bound))
        if len(wrong):
            entry = tuple(wrong[0].tolist())
            place = f"d{name}[{', '.join(map(str, entry))}]"
            _fail(
                brick,
                f"backward gives {place} = {gradient[entry]:.6g}, but finite differences of forward give "
                f"{numeric[entry]:.6g} ({len(wrong)} of {array.size} entries of d{name} are wrong)",
            )


def _in_float64(brick: Brick[Any]) -> Brick[Any]:
    brick = copy.deepcopy(brick)
    for parameter in brick.parameters():
        parameter.value = parameter.value.astype(np.float64)
        parameter.grad = np.zeros(parameter.value.shape)
    return brick


def _input_in_float64(number: int, x: Array) -> Array:
    if isinstance(x, np.ndarray) and x.dtype.kind in "iub":
        return x.copy()
    check_array("check_brick", f"input {number}", x, (...,))
    return np.array(x, dtype=np.float64)


def _snapshot(brick: Brick[Any], inputs: tuple[Array, ...]) -> dict[str, Array]:
    values = {f"parameter {name}": parameter.value.copy() for name, parameter in brick.named_parameters()}
    return values | {f"input {number}": x.copy() for number, x in enumerate(inputs)}


def _pairs(
    brick: Brick[Any], inputs: tuple[Array, ...], dx: Any, gradients: dict[str, Array]
) -> Iterator[tuple[str, Array, Any]]:
    """Yield the name, the array and the gradient by it, of each input that has one and of each parameter."""
    by_input = dx if isinstance(dx, tuple) else (dx,) if inputs else ()
    for number, (array, gradient) in enumerate(zip(inputs, by_input, strict=False)):
        if array.dtype.kind == "f":
            yield "x" if number == 0 else f"input {number}", array, gradient
        elif gradient is not None:
            needed = f"check_brick needs input {number} of a floating-point dtype to check its gradient"
            raise OptionError(f"{needed}, but it has dtype {array.dtype}")
    for name, parameter in brick.named_parameters():
        yield name, parameter.value, gradients[name]


def _fail(brick: Brick[Any], message: str) -> NoReturn:
    raise GradientError(f"{brief(brick, 80)}: {message}")
