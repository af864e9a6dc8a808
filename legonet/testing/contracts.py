"""What a brick promises beside its numbers: nothing is written into, nothing is remembered, gradients add up."""

from collections.abc import Callable, Iterator
from functools import cached_property
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from legonet.arrays import Array, brief
from legonet.brick import Brick

from .noise import jitter, natural_size
from .probe import Fault, Probe, flat, like

Gradients = dict[str, Array | None]


def upstream(y: Any, rng: np.random.Generator) -> Array:
    """Draw a flat upstream gradient: random signs, sizes from 0.4 to 1.6, never all alike."""
    count = len(flat(y))
    return np.asarray(rng.choice([-1.0, 1.0], count) * rng.uniform(0.4, 1.6, count))


def check_pair(pair: Any) -> None:
    """Refuse what is not an output of floating-point numbers and a cache."""
    if not isinstance(pair, tuple) or len(pair) != 2:
        raise Fault(
            f"forward returns {_what(pair)}, but must return the output and the cache: return y, cache", "shape"
        )
    parts = pair[0] if isinstance(pair[0], tuple) else (pair[0],)
    if not parts:
        raise Fault("forward gives an empty tuple as its output", "shape")
    for y in parts:
        if not isinstance(y, np.ndarray | np.floating | float) or isinstance(y, np.ma.MaskedArray | np.matrix):
            raise Fault(f"forward gives {_what(y)}, but its output must be a NumPy array or a float", "shape")
        if isinstance(y, np.ndarray) and y.dtype.kind != "f":
            raise Fault(
                f"forward gives an output of dtype {y.dtype}, but it must be of a floating-point dtype", "dtype"
            )


def check_contracts(
    probe: Probe, dy: Array, rng: np.random.Generator, call_differs: bool = False, independent_rows: bool = False
) -> None:
    """Check all promises at a point.

    Raises
    ------
    Fault
        For the first that is broken.
    """
    first = _first_pass(probe, dy)
    rounding = Rounding(probe, dy, first)
    _called(probe, call_differs, rounding)
    check_forms(probe, first)
    _overwriting(probe, dy, first)
    _aliases(probe, dy, rng)
    _memory(probe, dy, first, rng)
    _coarse(probe, first, dy, rounding)
    _linear(probe, dy, first, rng, rounding)
    _layouts(probe, dy, first, rounding)
    if independent_rows:
        _rows(probe, rounding)


class Rounding:
    """How much rounding may move at a point; measured where something is asked that two right answers may differ in.

    A gradient may be nothing but rounding, as that of a bias in front of a normalisation: its true value is 0.
    """

    def __init__(self, probe: Probe, dy: Array, first: Gradients) -> None:
        self.probe, self.dy, self.first = probe, dy, first

    @cached_property
    def _moved(self) -> tuple[Array, Array, Gradients]:
        y = self.probe.outputs()
        moved, spread = jitter(self.probe, self.dy, y, self.probe.gradients(self.dy))
        return y, moved, dict(spread)

    def outputs(self) -> float:
        """Return by how much right outputs may differ."""
        y, moved, _ = self._moved
        return 100 * float(np.max(moved, initial=0.0)) + 1e-13 * float(np.max(np.abs(y), initial=0.0))

    def gradient(self, label: str) -> float:
        """Return by how much right entries of a gradient may differ."""
        y, _, spread = self._moved
        own = spread[label]
        every = [gradient for gradient in self.first.values() if gradient is not None and np.isfinite(gradient).all()]
        largest = max((float(np.max(np.abs(gradient), initial=0.0)) for gradient in every), default=0.0)
        natural = natural_size(self.probe.variable(label), self.dy, y)
        lost = 1e-12 * (largest + natural) + 1e-14 * float(np.max(np.abs(self.dy), initial=0.0))
        return (100 * float(np.max(own, initial=0.0)) if own is not None else 0.0) + lost


def passes(probe: Probe, dy: Array) -> Gradients:
    """Return what backward gives after a forward; what backward raises becomes a fault."""
    y, cache = probe.forward()
    probe.zero_grad()
    return probe.collect(_backward(probe, like(y, dy), cache))


def _backward(probe: Probe, dy: Any, cache: Any, method: Callable[..., Any] | None = None) -> Any:
    try:
        return (method or probe.brick.backward)(dy, cache)
    except Exception as error:
        shapes = ", ".join(f"{name} {x.shape}" for name, x in zip(probe.names, probe.inputs, strict=True))
        at = f" for inputs of shapes {shapes}" if shapes else ""
        text = brief(str(error).split("\n")[0], 200)
        cause = "layout" if "read-only" in text else "shape"
        raise Fault(f"backward raises {type(error).__name__}{at}: {text}", cause) from error


# -- the first pass ------------------------------------------------------------------------------------------------


def _first_pass(probe: Probe, dy: Array) -> Gradients:
    """Make a pass of an untouched copy, and see that nobody writes into anything."""
    fresh = probe.again()
    before = _noted(fresh)
    y, cache = fresh.forward()
    _same_parameters(fresh)
    _unchanged(fresh, before, "forward")
    held = flat(y)
    upstream_gradient = like(y, dy)
    noted = flat(upstream_gradient)
    fresh.zero_grad()
    result = _backward(fresh, upstream_gradient, cache)
    if not np.array_equal(flat(upstream_gradient), noted, equal_nan=True):
        raise Fault("backward writes into the upstream gradient that it was handed", "mutation", "dy")
    _unchanged(fresh, before, "backward")
    if not np.array_equal(flat(y), held, equal_nan=True):
        raise Fault("backward writes into y, the output that forward has handed out", "mutation", "y")
    gradients = fresh.collect(result)
    state = _attributes(fresh.brick)
    again = flat(fresh.forward()[0])
    if again.shape != held.shape:
        raise Fault("forward gives an output of another shape for the same input", "stale_state")
    if not _same(again, held):
        changed = [name for name, value in _attributes(fresh.brick).items() if value != state.get(name)][:3]
        if changed:
            told = f"forward gives another output for the same input: it changes {', '.join(changed)} of the brick"
            raise Fault(told, "stale_state")
        raise Fault(
            "forward gives another output for the same input. If it draws random numbers, keep the "
            "numpy.random.Generator in an attribute of the brick: the check sets it back before each call",
            "random",
        )
    return gradients


def _same_parameters(probe: Probe) -> None:
    """Forward is to leave each parameter and its array in their places."""
    held = dict(probe.brick.named_parameters())
    for variable in probe.variables:
        if variable.parameter is None:
            continue
        if held.get(variable.name) is not variable.parameter:
            raise Fault(f"forward puts another Parameter in the place of {variable.name}", "stale_state", variable.name)
        if variable.parameter.value is not variable.array and not np.array_equal(
            variable.parameter.value, variable.array, equal_nan=True
        ):
            raise Fault(f"forward writes into the parameter {variable.name}", "mutation", variable.name)
        if variable.parameter.value is not variable.array:
            raise Fault(f"forward puts another array in the place of {variable.name}.value", "mutation", variable.name)


def _attributes(value: object, name: str = "", depth: int = 3) -> dict[str, str]:
    """Note down the arrays and numbers among the attributes of a brick, and of the objects in it."""
    found: dict[str, str] = {}
    for key, item in getattr(value, "__dict__", {}).items():
        place = f"{name}.{key}" if name else key
        if isinstance(item, np.ndarray | float | int):
            found[place] = repr(np.asarray(item).tolist())
        elif depth and not isinstance(item, type | Brick | FunctionType | ModuleType):
            found |= _attributes(item, place, depth - 1)
    return found


def _noted(probe: Probe) -> dict[str, Array]:
    names = dict(zip(probe.names, probe.inputs, strict=True))
    names |= {v.name: v.parameter.value for v in probe.variables if v.parameter is not None}
    return {name: array.copy() for name, array in names.items()}


def _unchanged(probe: Probe, before: dict[str, Array], method: str) -> None:
    for name, array in _noted(probe).items():
        was = before[name]
        if array.shape != was.shape or not np.array_equal(array, was, equal_nan=True):
            kind = "the input" if name in probe.names else "the parameter"
            raise Fault(f"{method} writes into {kind} {name}", "mutation", name)


def _called(probe: Probe, call_differs: bool, rounding: Rounding) -> None:
    if call_differs or type(probe.brick).__call__ is Brick.__call__:
        return
    y = flat(probe.forward()[0])
    probe.rewind()
    called = flat(probe.brick(*probe.inputs))
    if called.shape != y.shape or not (_same(called, y) or _near(called, y, rounding.outputs())):
        raise Fault(
            "called, it gives another output than forward; if it is meant to, as in inference, pass call_differs=True",
            "wrong_formula",
        )


def check_forms(probe: Probe, gradients: Gradients) -> None:
    """Check the shape and the dtype of every gradient."""
    for variable in probe.variables:
        gradient = gradients[variable.label]
        if gradient is None:
            continue
        if gradient.dtype.kind != "f":
            raise Fault(f"backward gives {variable.label} of dtype {gradient.dtype}", "dtype", variable.label)
        if gradient.shape != variable.array.shape:
            raise Fault(
                f"backward gives {variable.label} of shape {gradient.shape}, "
                f"but {variable.name} has shape {variable.array.shape}",
                "shape",
                variable.label,
            )


# -- what comes later ------------------------------------------------------------------------------------------------


def _overwriting(probe: Probe, dy: Array, first: Gradients) -> None:
    """Gradients of parameters are added to what is there, by both methods."""
    brick = probe.brick
    if not any(variable.parameter for variable in probe.variables):
        if type(brick).backward_parameters is not Brick.backward_parameters:
            y, cache = probe.forward()
            _backward(probe, like(y, dy), cache, brick.backward_parameters)  # has nothing to add, and must not raise
        return
    for name, method in (("backward", brick.backward), ("backward_parameters", brick.backward_parameters)):
        y, cache = probe.forward()
        before: dict[str, Array] = {}
        for variable in probe.variables:
            if variable.parameter is not None:
                gradient = first[variable.label]
                size = float(np.max(np.abs(gradient), initial=0.0)) if gradient is not None else 0.0
                start = np.linspace(0.7, 1.9, variable.array.size).reshape(variable.array.shape)
                variable.parameter.grad = start * (size if 0 < size < np.inf else 1.0)
                before[variable.label] = variable.parameter.grad.copy()
        _backward(probe, like(y, dy), cache, method)
        for variable in probe.variables:
            gradient = first[variable.label]
            if variable.parameter is None or gradient is None:
                continue
            after, label = np.array(variable.parameter.grad), variable.label
            if after.shape != gradient.shape or _same(after, before[label] + gradient, 1e-8):
                continue
            if _same(after, gradient, 1e-8):
                raise Fault(
                    f"{name} overwrites {label} instead of adding to it: write {variable.name}.grad += ...",
                    "overwritten",
                    label,
                )
            if name == "backward_parameters":
                raise Fault(f"backward_parameters adds something else to {label} than backward", "wrong_formula", label)
            raise Fault(
                f"what backward adds to {label} depends on what is there already: write {variable.name}.grad += ...",
                "overwritten",
                label,
                promise="adding",
            )


def _aliases(probe: Probe, dy: Array, rng: np.random.Generator) -> None:
    """See that what has been handed out stays as it is when there is more to do."""
    fresh = probe.again()
    y, cache = fresh.forward()
    upstream_gradient = like(y, dy)
    fresh.zero_grad()
    result = _backward(fresh, upstream_gradient, cache)
    gradients = zip(fresh.names, fresh.by_inputs(result), strict=True)
    made = {"the output": y} | {f"d{name}": gradient for name, gradient in gradients if gradient is not None}
    handed = made | {"the upstream gradient": upstream_gradient}
    handed |= {f"the input {name}": x for name, x in zip(fresh.names, fresh.inputs, strict=True)}
    held = {name: flat(value) for name, value in handed.items()}

    parameters = [(one.label, one.name, one.parameter) for one in fresh.variables if one.parameter is not None]
    for label, own, parameter in parameters:
        if not isinstance(parameter.grad, np.ndarray):
            continue
        if not parameter.grad.flags.writeable:
            raise Fault(f"backward leaves {label} as a read-only array", "aliasing", label)
        parameter.grad += 1.0
        _still(handed, held, f"{label} shares its memory with {{}}: adding to it changes both", label)
        if np.shares_memory(parameter.grad, parameter.value):
            raise Fault(f"{label} shares its memory with {own}", "aliasing", label)
        for name, value in made.items():
            if isinstance(value, np.ndarray) and value.size and np.shares_memory(value, parameter.value):
                raise Fault(f"{name} shares its memory with the parameter {own}", "aliasing", label)

    _other_pass(fresh, rng)
    _still(handed, held, "another forward and backward pass changes {} of the one before: it is a reused buffer")


def _still(handed: dict[str, Any], held: dict[str, Array], message: str, label: str = "") -> None:
    for name, value in handed.items():
        if not np.array_equal(flat(value), held[name], equal_nan=True):
            raise Fault(message.format(name), "aliasing", label or name)


def _other_pass(probe: Probe, rng: np.random.Generator) -> None:
    """Make a pass with other numbers of the same shapes, in other arrays."""
    others = _other_inputs(probe, rng)
    try:
        y, cache = probe.brick.forward(*others)
        grads = [(p, p.grad) for p in probe.brick.parameters()]
        for parameter, grad in grads:
            parameter.grad = grad.copy()
        probe.brick.backward(like(y, 0.5 * upstream(y, rng)), cache)
        for parameter, grad in grads:
            parameter.grad = grad
        probe.rewind()
        probe.brick(*others)
    except Exception:  # noqa: S110 - other numbers may be refused; then they tell nothing
        pass


def _other_inputs(probe: Probe, rng: np.random.Generator) -> list[Array]:
    others = []
    bounds = {variable.name: (variable.low, variable.high) for variable in probe.variables}
    for name, x in zip(probe.names, probe.inputs, strict=True):
        other = x.copy()
        if x.dtype.kind == "f":
            low, high = bounds.get(name, (-np.inf, np.inf))
            other = x * rng.uniform(0.3, 0.8, x.shape)
            if low == -np.inf and high == np.inf:
                other = np.where(rng.random(x.shape) < 0.5, -other, other) + 0.1 * (np.abs(x).max(initial=0.0) or 1.0)
            other = np.clip(other, low, high).astype(x.dtype)
        others.append(np.asarray(other))
    return others


def _memory(probe: Probe, dy: Array, first: Gradients, rng: np.random.Generator) -> None:
    """See that a pass knows nothing of the passes before and in between."""
    later = passes(probe, dy)
    _agree(first, later, "backward gives another {} when it runs again: {evidence} (state left from an earlier call)")

    fresh = probe.again()
    y, cache = fresh.forward()
    others = _other_inputs(fresh, rng)
    try:
        fresh.brick.forward(*others)
        fresh.brick(*others)
    except Exception:  # noqa: S110 - other numbers may be refused; then they tell nothing
        pass
    fresh.zero_grad()
    between = fresh.collect(_backward(fresh, like(y, dy), cache))
    _agree(
        first,
        between,
        "another forward pass between forward and backward changes {}: backward reads state of the brick, "
        "not its cache ({evidence})",
    )
    fresh.zero_grad()
    second = fresh.collect(_backward(fresh, like(y, dy), cache))
    told = "a second backward from the same cache gives another {}: {evidence}"
    _agree(first, second, told, "mutation", "second backward")

    _other_numbers(probe, dy, rng)
    if probe.inputs and any(x.ndim and len(x) > 1 for x in probe.inputs):
        _other_size(probe, dy, first)


def _other_numbers(probe: Probe, dy: Array, rng: np.random.Generator) -> None:
    """See that a used brick does with other inputs what an unused one does."""
    others = _other_inputs(probe, rng)
    unused, used = probe.unused(others), probe.unused(probe.inputs)
    passes(used, dy)
    used.inputs = others
    try:
        wanted = flat(unused.forward()[0])
    except Exception:  # other numbers may be refused; then they tell nothing
        return
    if wanted.shape != dy.shape or not np.isfinite(wanted).all():
        return
    if not _same(flat(used.forward()[0]), wanted):
        raise Fault("an earlier pass with other numbers changes the output: forward reads what it left", "stale_state")
    _agree(
        passes(unused, dy),
        passes(used, dy),
        "an earlier pass with other numbers changes {}: {evidence} (state left from the first call)",
    )


def _other_size(probe: Probe, dy: Array, first: Gradients) -> None:
    """Make a pass with fewer rows in between, as in the last batch of an epoch."""
    fresh = probe.again()
    count = max((len(x) for x in probe.inputs if x.ndim), default=0)
    fewer = [x[:1].copy() if x.ndim and len(x) == count else x for x in fresh.inputs]
    y, cache = fresh.forward()
    try:
        short, other = fresh.brick.forward(*fewer)
        if not isinstance(short, tuple):
            fresh.brick.backward(like(short, np.full(np.size(short), 0.5)), other)
    except Exception:
        return
    fresh.zero_grad()
    between = fresh.collect(_backward(fresh, like(y, dy), cache))
    _agree(first, between, "a pass with one row in between changes {}: {evidence} (state left from another call)")
    fresh.rewind()
    _agree(first, passes(fresh, dy), "a pass with one row changes {} of the next: {evidence} (state left from it)")


def _agree(first: Gradients, other: Gradients, message: str, cause: str = "stale_state", promise: str = "") -> None:
    """Refuse gradients that are not the first ones; {} in the message is the gradient, {evidence} the numbers."""
    for label, wanted in first.items():
        found = other[label]
        if (wanted is None) != (found is None):
            raise Fault(message.format(label, evidence="None or an array"), cause, label, promise=promise)
        if wanted is None or found is None:
            continue
        if found.shape != wanted.shape:
            raise Fault(message.format(label, evidence=f"of shape {found.shape}"), cause, label, promise=promise)
        if not _same(found, wanted, 1e-9):
            apart = np.unravel_index(int(np.argmax(np.nan_to_num(np.abs(found - wanted), nan=np.inf))), wanted.shape)
            numbers = f"{wanted[apart]:.6g} became {found[apart]:.6g}"
            raise Fault(message.format(label, evidence=numbers), cause, label, promise=promise)


def _same(one: Array, other: Array, tolerance: float = 1e-11) -> bool:
    if one.shape != other.shape:
        return False
    if (one == other).all():
        return True
    size = float(np.max(np.abs(other[np.isfinite(other)]), initial=0.0))
    return bool(np.allclose(one, other, rtol=tolerance, atol=tolerance * size, equal_nan=True))


def _near(one: Array, other: Array, distance: float) -> bool:
    return one.shape == other.shape and bool(np.all((np.abs(one - other) <= distance) | (one == other)))


# -- dtype, linearity, layout ----------------------------------------------------------------------------------------


def _coarse(probe: Probe, first: Gradients, dy: Array, rounding: Rounding) -> None:
    """Gradients are as fine as the numbers that forward gives."""
    y = probe.outputs()
    moved = y[np.isfinite(y) & (y != 0)]
    with np.errstate(all="ignore"):
        if np.all(moved == moved.astype(np.float32)):
            return  # forward is as coarse, as far as these numbers tell
        for variable in probe.variables:
            gradient = first[variable.label]
            if gradient is None:
                continue
            if gradient.dtype.itemsize < variable.array.dtype.itemsize:
                raise Fault(
                    f"backward gives {variable.label} in {gradient.dtype}, but {variable.name} is in "
                    f"{variable.array.dtype}",
                    "dtype",
                    variable.label,
                )
            numbers = gradient[np.isfinite(gradient) & (gradient != 0)]
            if len(numbers) and np.all(numbers == numbers.astype(np.float32)):
                if 1e-7 * np.max(np.abs(numbers)) <= rounding.gradient(variable.label):
                    continue  # what is left of larger numbers has few digits
                # A gradient that is linear in dy has digits beyond float32, as dy has: unless they were cut off.
                finer, half = passes(probe, dy * (1 + 1e-9))[variable.label], passes(probe, 1.5 * dy)[variable.label]
                unmoved = finer is not None and np.array_equal(finer, gradient)
                if unmoved and half is not None and _same(half, 1.5 * gradient, 1e-2):
                    raise Fault(
                        f"backward computes {variable.label} in a coarser dtype: every number is one of float32",
                        "dtype",
                        variable.label,
                        promise="coarse",
                    )


def _linear(probe: Probe, dy: Array, first: Gradients, rng: np.random.Generator, rounding: Rounding) -> None:
    """Backward is linear in the upstream gradient."""
    if not len(dy):
        return
    y = probe.outputs()
    nothing = passes(probe, np.zeros(len(dy)))
    for label, gradient in nothing.items():
        if gradient is not None and np.any(gradient != 0) and np.all(np.isfinite(gradient)):
            largest = float(np.max(np.abs(gradient)))
            own = first[label]
            if own is not None and np.array_equal(own, gradient):
                raise Fault(f"{label} does not depend on the upstream gradient", "upstream_ignored", label)
            raise Fault(
                f"for an upstream gradient of zeros, backward gives {label} up to {largest:.6g}, not zeros",
                "not_linear",
                label,
            )
    other_dy = rng.permutation(dy) * rng.uniform(-1.5, 1.5, len(dy))
    other = passes(probe, other_dy)
    for a, b in ((2.0, -3.0), (1e4, 0.0), (1e-4, 0.0), (-1.0, 0.0)):
        mixed = passes(probe, a * dy + b * other_dy)
        natural = 1e-6 * (abs(a) + abs(b)) * float(np.abs(dy) @ np.abs(y))
        for variable in probe.variables:
            label = variable.label
            gradient, one, two = mixed[label], first[label], other[label]
            if gradient is None or one is None or two is None:
                continue
            with np.errstate(all="ignore"):
                wanted = a * one + b * two
                size = abs(a) * np.abs(one) + abs(b) * np.abs(two)
                finite = np.isfinite(wanted) & np.isfinite(gradient)
                largest = float(np.max(size[finite], initial=0.0))
                apart = np.abs(gradient - wanted)
                tiny = 1e-7 * largest + natural + 1e-290 * (abs(a) + abs(b))  # numbers end there
                wrong = finite & (apart > 1e-5 * size + tiny)
            if wrong.any() and np.any(apart[wrong] > (abs(a) + abs(b)) * rounding.gradient(label)):
                where = tuple(int(i) for i in np.argwhere(wrong)[0])
                how = f"{a:g} times as much" if not b else "2 of one minus 3 of another"
                raise Fault(
                    f"{label} is not linear in the upstream gradient: "
                    f"for {how} it is {gradient[where]:.6g}, not {wanted[where]:.6g}",
                    "not_linear",
                    label,
                    promise="linear",
                )


def _rows(probe: Probe, rounding: Rounding) -> None:
    """See that each row of the output depends on its own row of the inputs alone."""
    y = probe.forward()[0]
    count = len(probe.inputs[0]) if probe.inputs and probe.inputs[0].ndim else 0
    if not isinstance(y, np.ndarray) or not y.ndim or len(y) != count:
        raise Fault("rows that are independent need an output with a row for each row of the first input", "shape")
    own = probe.inputs
    for row in range(min(count, 4)):
        probe.inputs = [x[row : row + 1].copy() if x.ndim and len(x) == count else x for x in own]
        try:
            alone = np.array(probe.forward()[0])
        except Exception as error:
            raise Fault(
                f"forward raises {type(error).__name__} for row {row} alone: {brief(str(error))}", "shape"
            ) from error
        finally:
            probe.inputs = own
        there = y[row : row + 1]
        if alone.shape != there.shape or not (_same(alone, there, 1e-9) or _near(alone, there, rounding.outputs())):
            raise Fault(
                f"row {row} of y depends on other rows of the batch: alone, it is another one", "batch_mixed", "y"
            )


def _layouts(probe: Probe, dy: Array, first: Gradients, rounding: Rounding) -> None:
    """See that the same numbers in another order in memory, or read-only, give the same."""
    y_first = flat(probe.forward()[0])
    with np.errstate(all="ignore"):
        coarse = np.array_equal(y_first, y_first.astype(np.float32))  # and then so are the sums inside
    tolerance = 1e-4 if coarse else 1e-6
    for layout, change in LAYOUTS.items():
        own = probe.inputs
        changed = [change(x) for x in own]
        try:
            probe.inputs = changed
            try:
                y, cache = probe.forward()
            except Exception as error:
                text = brief(str(error).split("\n")[0], 200)
                told = f"forward raises {type(error).__name__} for {layout} input: {text}"
                raise Fault(told, "layout", promise=layout) from error
            upstream_gradient = like(y, dy)
            if isinstance(upstream_gradient, np.ndarray):
                upstream_gradient = change(upstream_gradient)
            probe.zero_grad()
            try:
                result = probe.brick.backward(upstream_gradient, cache)
            except Exception as error:
                text = brief(str(error).split("\n")[0], 200)
                told = f"backward raises {type(error).__name__} for {layout} arrays: {text}"
                raise Fault(told, "layout", promise=layout) from error
            found = probe.collect(result)
        finally:
            probe.inputs = own
        there = flat(y)
        if there.shape != y_first.shape or not (
            _same(there, y_first, tolerance) or _near(there, y_first, rounding.outputs())
        ):
            raise Fault(f"forward gives another output for {layout} input of the same numbers", "layout")
        for label, wanted in first.items():
            gradient = found[label]
            if wanted is None or gradient is None:
                continue
            if not (_same(gradient, wanted, tolerance) or _near(gradient, wanted, rounding.gradient(label))):
                raise Fault(f"{label} differs for {layout} arrays of the same numbers", "layout", label)


def _strided(array: Array) -> Array:
    if not array.ndim:
        return array.copy()
    wide = np.full((*array.shape[:-1], 2 * array.shape[-1]), 7, array.dtype)
    wide[..., ::2] = array
    return wide[..., ::2]


def _read_only(array: Array) -> Array:
    array = array.copy()
    array.flags.writeable = False
    return array


LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "Fortran-ordered": lambda array: np.asfortranarray(array) if array.ndim > 1 else array.copy(),
    "strided": _strided,
    "reversed": lambda array: array[..., ::-1].copy()[..., ::-1] if array.ndim else array.copy(),
    "read-only": _read_only,
}


def check_float32(probe: Probe, dy: Array) -> Iterator[str]:
    """Check that a float32 brick stays one, with the same gradients; yield what is worth a note."""
    try:
        single = probe.again(np.float32)
        y, cache = single.forward()
        double = single.again(np.float64)
        wanted_y = double.outputs()
    except Exception:  # it may be made for float64 only
        yield "not checked in float32: forward does not take it"
        return
    parts = y if isinstance(y, tuple) else (y,)
    if not np.isfinite(flat(y)).all() or len(flat(y)) != len(dy) or len(wanted_y) != len(dy):
        return
    wide = [part.dtype for part in parts if isinstance(part, np.ndarray) and part.dtype.itemsize > 4]
    if wide and (single.inputs or single.variables) and _all_single(single):
        yield f"the dtype is not kept: for float32, forward gives {wide[0]}"
    single.zero_grad()
    try:
        found = single.collect(single.brick.backward(like(y, dy), cache))
    except Exception as error:  # in a chain, a dtype that one brick does not keep is refused by the next
        yield f"not checked in float32: backward raises {type(error).__name__}: {brief(str(error), 120)}"
        return
    wanted = passes(double, dy)
    alike = _same(flat(y), wanted_y, 1e-4)
    finite = [np.abs(one[np.isfinite(one)]) for one in wanted.values() if one is not None]
    largest = max((float(np.max(one, initial=0.0)) for one in finite), default=0.0)
    for variable in single.variables:
        gradient, other = found[variable.label], wanted[variable.label]
        if gradient is None or other is None:
            continue
        if gradient.dtype.itemsize < 4:
            raise Fault(f"backward gives {variable.label} in {gradient.dtype} for float32", "dtype", variable.label)
        if gradient.dtype.itemsize > 4 and not wide:
            yield f"the dtype is not kept: for float32, backward gives {variable.label} in {gradient.dtype}"
        if not alike or gradient.shape != other.shape:
            continue
        apart = np.abs(gradient - other) - 0.1 * np.max(np.abs(other), initial=0.0) - 1e-30  # float32 ends there
        apart -= 1e-3 * natural_size(variable, dy, wanted_y)
        # Beside larger numbers, that much is rounded away.
        apart -= 1e-4 * largest + 1e-6 * float(np.max(np.abs(dy), initial=0.0))
        if np.any(apart > 0) and np.any(apart > 20 * _moved_by_single(double, dy, wanted, variable.label)):
            told = f"in float32, backward gives another {variable.label} than in float64"
            raise Fault(told, "dtype", variable.label, promise="float32")


def _moved_by_single(double: Probe, dy: Array, wanted: Gradients, label: str) -> float:
    """Return how far a gradient moves at most when all numbers move by some last digits of float32, beside ones."""
    y, moved = double.outputs(), 0.0
    for digits in (1, 3, 10):
        eps = digits * float(np.finfo(np.float32).eps)
        moved = max(moved, float(np.max(jitter(double, dy, y, wanted, eps, least=1.0)[1][label], initial=0.0)))
    return moved


def _all_single(probe: Probe) -> bool:
    return all(x.dtype == np.float32 for x in probe.inputs if x.dtype.kind == "f")


def _what(value: object) -> str:
    name = type(value).__name__
    return f"a {name}" + (f" of {len(value)}" if isinstance(value, tuple) else "")
