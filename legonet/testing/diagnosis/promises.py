"""What the broken promises of a brick come from."""

import copy
import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from legonet.arrays import Array
from legonet.testing.compare import Tally
from legonet.testing.contracts import upstream
from legonet.testing.examine import examine
from legonet.testing.points import Point
from legonet.testing.probe import Fault, flat, generators_in, like

from .case import fails
from .guesses import Guess
from .views import View


def arrays_in(value: object, depth: int = 4) -> Iterator[Array]:
    """Yield the arrays in a cache, or among the attributes of an object."""
    if isinstance(value, np.ndarray):
        yield value
    elif depth and isinstance(value, dict):
        for item in value.values():
            yield from arrays_in(item, depth - 1)
    elif depth and isinstance(value, list | tuple):
        for item in value:
            yield from arrays_in(item, depth - 1)
    elif depth and hasattr(value, "__dict__") and not isinstance(value, type):
        for item in vars(value).values():
            yield from arrays_in(item, depth - 1)


def memory(point: Point, fault: Fault) -> Iterator[Guess]:
    """Tell state, random numbers, a cache written into and a buffer used again from each other."""
    if fault.cause == "wrong_formula" and not _differs_later(point):
        yield Guess("wrong_formula", fault.message, True)
        return
    if _not_repeatable(point):
        yield Guess(
            "random",
            f"{fault.label or 'backward'} differs from call to call of fresh copies: random numbers are drawn anew",
            True,
        )
        return
    if _cache_is_buffer(point):
        yield Guess(
            "aliasing", "the cache shares memory with a buffer of the brick: the next forward writes over it", True
        )
        yield Guess("stale_state", fault.message)
        return
    changed = _changed_by_backward(point)
    if changed == "generator":
        yield Guess(
            "random",
            f"backward draws random numbers: {fault.label or 'the gradient'} differs from call to call",
            True,
        )
    elif changed == "cache" and fault.cause == "mutation":
        yield Guess(
            "mutation", "backward writes into the cache: a second backward from it gives another gradient", True
        )
    elif fault.cause == "mutation":
        yield Guess(
            "stale_state",
            "a second backward gives another gradient, though the cache is the same: state is left from the first",
            True,
        )
    else:
        yield Guess("stale_state", fault.message, True)


def _not_repeatable(point: Point) -> bool:
    """Whether fresh copies, in the same state, give different gradients."""
    dy = np.linspace(0.5, 1.5, len(flat(point.probe().forward()[0])))
    results = [point.probe().gradients(dy) for _ in range(3)]
    return any(not _alike(results[0], other) for other in results[1:])


def _differs_later(point: Point) -> bool:
    """Whether a second pass of the same brick gives another gradient."""
    probe = point.probe()
    y = probe.forward()[0]
    dy = np.linspace(0.5, 1.5, len(flat(y)))
    first = probe.gradients(dy)
    return not all(_alike(first, probe.gradients(dy)) for _ in range(2))


def _alike(one: dict[str, Array | None], other: dict[str, Array | None]) -> bool:
    return all(
        (a is None and other[label] is None)
        or (
            a is not None
            and (b := other[label]) is not None
            and a.shape == b.shape
            and np.allclose(a, b, 1e-9, 1e-12, equal_nan=True)
        )
        for label, a in one.items()
    )


def _cache_is_buffer(point: Point) -> bool:
    """Whether a cache of one forward is written over by the next one."""
    probe = point.probe()
    _, cache = probe.brick.forward(*probe.inputs)
    noted = [(array, array.copy()) for array in arrays_in(cache)]
    own = {id(x) for x in probe.inputs}
    others = [x * 0.6 + 0.1 if x.dtype.kind == "f" else x.copy() for x in probe.inputs]
    try:
        probe.brick.forward(*others)
    except Exception:
        return False
    return any(not np.array_equal(array, was, equal_nan=True) for array, was in noted if id(array) not in own)


def _changed_by_backward(point: Point) -> str:
    probe = point.probe()
    y, cache = probe.brick.forward(*probe.inputs)
    dy = like(y, np.ones(len(flat(y))))
    states = [_state(g) for g in generators_in(probe.brick)]
    global_state = tuple(np.random.get_state())[1:3]  # noqa: NPY002 - whether the brick uses it is the question
    noted = [(array, array.copy()) for array in arrays_in(cache)]
    probe.brick.backward(dy, cache)
    after = tuple(np.random.get_state())[1:3]  # noqa: NPY002 - as above
    if states != [_state(g) for g in generators_in(probe.brick)] or not all(
        np.array_equal(a, b) for a, b in zip(global_state, after, strict=True)
    ):
        return "generator"
    return "cache" if any(not np.array_equal(array, was, equal_nan=True) for array, was in noted) else ""


def _state(generator: Any) -> str:
    return str(generator.bit_generator.state if isinstance(generator, np.random.Generator) else generator.get_state())


def redrawn(view: View, label: str) -> bool:
    """Whether the gradient changes if the random generators move on between forward and backward."""
    found = []
    for moves in (0, 3):
        probe = view.probe
        y, cache = probe.forward()
        states = [(g, copy.deepcopy(g)) for g in generators_in(probe.brick)]
        if not states:
            return False
        for generator, _ in states:
            generator.random(moves) if isinstance(generator, np.random.Generator) else generator.random_sample(moves)
        probe.zero_grad()
        found.append(probe.collect(probe.brick.backward(like(y, np.linspace(0.5, 1.5, len(view.y))), cache))[label])
    one, other = found
    return one is not None and other is not None and not np.allclose(one, other, 1e-9, 1e-12, equal_nan=True)


def added(point: Point, fault: Fault) -> Iterator[Guess]:
    """What is added to a gradient depends on what is there: by rounding, by state, or as it is overwritten."""
    if _differs_later(point):
        yield from memory(point, Fault(fault.message, "stale_state", fault.label))
        return
    probe = point.probe()
    y, cache = probe.brick.forward(*probe.inputs)
    dy = like(y, np.linspace(0.5, 1.5, len(flat(y))))
    first = point.probe().gradients(np.linspace(0.5, 1.5, len(flat(y))))
    starts: dict[str, Array] = {}
    for variable in probe.variables:
        if variable.parameter is not None:
            variable.parameter.grad = np.linspace(0.7, 1.9, variable.array.size).reshape(variable.array.shape)
            starts[variable.label] = variable.parameter.grad.copy()
    probe.brick.backward(dy, cache)
    for variable in probe.variables:
        gradient = first.get(variable.label)
        if variable.parameter is None or gradient is None or gradient.shape != variable.array.shape:
            continue
        after = np.array(variable.parameter.grad)
        if variable.label == fault.label and np.allclose(after, starts[variable.label] + gradient, 1e-2, 1e-2):
            yield Guess("dtype", f"{variable.label} is rounded when it is added to: a coarser dtype", True)
            return
    yield Guess("overwritten", fault.message, True)


def coarse(point: Point, fault: Fault) -> Iterator[Guess]:
    """Numbers without further digits may be rounded, or may not follow dy."""
    dy = np.linspace(0.61, 1.43, len(flat(point.probe().forward()[0])))
    once, twice, nothing = (point.probe().gradients(factor * dy).get(fault.label) for factor in (1.0, 2.0, 0.0))
    if once is None or twice is None or nothing is None or not np.any(once):
        yield Guess("dtype", fault.message, True)
    elif np.allclose(once, twice, rtol=1e-9) and np.allclose(once, nothing, rtol=1e-9):
        yield Guess("upstream_ignored", f"{fault.label} does not depend on the upstream gradient", True)
    elif not np.allclose(2 * once, twice, rtol=0.02, atol=0.02 * float(np.abs(twice).max())):
        yield Guess(
            "not_linear",
            f"{fault.label} is not linear in the upstream gradient: twice of it does not give twice the gradient",
            True,
        )
    else:
        yield Guess("dtype", fault.message, True)


def single(point: Point, fault: Fault) -> Iterator[Guess]:
    """In float32 alone it is wrong: by a coarser dtype, or as numbers cancel or overflow."""
    if _single_gap(point, fault.label, 0.0, 1.0) > 1e-3:
        for shift, scale, told in (
            (1.0, 1.0, "the mean is subtracted from the inputs"),
            (0.0, 1e-2, "inputs are small"),
        ):
            if _single_gap(point, fault.label, shift, scale) < 1e-4:
                yield Guess("overflow", f"{fault.message}; not if {told}: numbers cancel or overflow", True)
                return
    yield Guess("dtype", fault.message, True)


def _single_gap(point: Point, label: str, shift: float, scale: float) -> float:
    """Return how far the gradients in float32 and in float64 are apart, with inputs shifted by their mean or scaled."""
    rounded = [x.astype(np.float32) if x.dtype.kind == "f" else x for x in point.inputs]
    inputs = [(x - shift * x.mean()) * np.float32(scale) if x.dtype.kind == "f" and x.size else x for x in rounded]
    probe = replace(point, inputs=inputs).probe()
    dy = np.linspace(0.5, 1.5, len(flat(probe.forward()[0]))).astype(np.float32).astype(np.float64)
    wide, narrow = probe.gradients(dy).get(label), probe.again(np.float32).gradients(dy).get(label)
    if wide is None or narrow is None or wide.shape != narrow.shape:
        return 0.0
    return float(np.max(np.abs(wide - narrow), initial=0.0) / max(float(np.max(np.abs(wide), initial=0.0)), 1e-30))


def bent(point: Point, fault: Fault) -> Iterator[Guess]:
    """Backward may be another function of dy, or rounded in between."""
    dy = np.linspace(0.61, 1.43, len(flat(point.probe().forward()[0])))
    gaps = []
    for factor in (0.37, 1.9, 3.3):
        one, other = point.probe().gradients(dy).get(fault.label), point.probe().gradients(factor * dy).get(fault.label)
        if one is None or other is None or not np.any(other):
            break
        gaps.append(float(np.max(np.abs(other - factor * one)) / np.max(np.abs(other))))
    if len(gaps) == 3 and 1e-9 < max(gaps) < 3e-3:
        yield Guess(
            "dtype",
            f"{fault.label} is rounded: it follows the upstream gradient up to {max(gaps):.1g} only, as in a coarser dtype",
            True,
        )
    else:
        yield Guess("not_linear", fault.message, True)


def arranged(point: Point, fault: Fault, redraw: Callable[..., Point | None] | None) -> Iterator[Guess]:
    """What raises for read-only arrays may write into them."""
    if fault.promise == "read-only" and redraw is not None:
        found = examined(redraw, point)
        if found is not None and found[1].cause == "mutation":
            yield Guess("mutation", found[1].message, True)
            return
    if not (fault.label and fails(point) is not None):
        yield Guess("layout", fault.message, True)


def examined(redraw: Callable[..., Point | None], point: Point) -> tuple[Point, Fault] | None:
    """Return a point of larger sizes where something is wrong, and what it is."""
    names = [name for name, size in point.sizes.items() if isinstance(size, int)]
    larger = [
        {name: max(point.sizes[name], (4, 3, 5)[place % 3]) for place, name in enumerate(names)},
        {name: max(point.sizes[name], 3) for name in names},
    ]
    for seed, sizes in enumerate([*larger, *larger]):
        drawn = None
        try:
            drawn = redraw(sizes=sizes, seed=seed, profile="typical")
            if drawn is not None:
                examine(drawn, Tally())
        except Fault as fault:
            return None if drawn is None else (drawn, fault)
        except Exception:  # noqa: S112 - not every size is legal
            continue
    return None


# -- shapes ------------------------------------------------------------------------------------------------------------


def wrong_shape(point: Point, fault: Fault) -> Iterator[Guess]:
    """A gradient of another shape than its variable: what would make it right."""
    view = View(point)
    label = fault.label
    if label not in view.variables or not view.full(label):
        return
    dy = upstream(view.output, np.random.default_rng(1))
    gradient = view.probe.gradients(dy)[label]
    if gradient is None:
        return
    numeric = {name: (dy @ view.numeric(name)).reshape(view.entry(name)) for name in view.variables if view.full(name)}
    wanted = numeric[label]
    for count in range(1, gradient.ndim + 1):
        for axes in itertools.combinations(range(gradient.ndim), count):
            for keep in (False, True):
                summed = gradient.sum(axis=axes, keepdims=keep)
                if _equal(summed, wanted) and all(gradient.shape[axis] > 1 for axis in axes):
                    kept = f"axis {axes[0]}" if count == 1 else f"axes {', '.join(map(str, axes))}"
                    batch = "the batch axis" if axes == (0,) else kept
                    yield Guess("missing_sum", f"{label} keeps {batch}: sum over {kept}", True)
                    return
    if gradient.ndim > 1 and _equal(gradient.T, wanted):
        yield Guess("transposed", f"{label} is equal to the transpose of the derivative: transpose it", True)
        return
    for other, theirs in numeric.items():
        if other != label and _equal(gradient, theirs):
            yield Guess("exchanged", f"{label} is the derivative by the variable of {other}", True)
            return
    if gradient.size == wanted.size and _equal(gradient.reshape(wanted.shape), wanted):
        yield Guess(
            "shape", f"{label} has the right numbers in shape {gradient.shape}: reshape it to {wanted.shape}", True
        )


def _equal(one: Array, other: Array) -> bool:
    return one.shape == other.shape and np.allclose(
        one, other, rtol=1e-5, atol=1e-7 * float(np.abs(other).max(initial=0.0))
    )


OUTPUT = re.compile(r"output operand with shape \(([\d, ]*)\) doesn't match the broadcast shape \(([\d, ]*)\)")


def raised(point: Point, fault: Fault) -> Iterator[Guess]:
    """Backward raises: what NumPy says of the shapes."""
    found = OUTPUT.search(fault.message)
    if not found:
        return
    own, given = ([int(size) for size in text.split(",") if size.strip()] for text in found.groups())
    for name, parameter in point.brick.named_parameters():
        if list(parameter.value.shape) != own:
            continue
        extra = len(given) - len(own)
        if given[extra:] == own and extra > 0:
            axes = "axis 0" if extra == 1 else f"axes 0 to {extra - 1}"
            yield Guess(
                "missing_sum",
                f"{name}.grad gets an array of shape {tuple(given)}: it keeps the batch axis; sum over {axes}",
                True,
            )
            return
        if all(a == b or a == 1 for a, b in zip(own, given[extra:], strict=True)):
            yield Guess(
                "missing_sum",
                f"{name}.grad of shape {tuple(own)} gets an array of shape {tuple(given)}: sum over the axes it is broadcast along",
                True,
            )
            return
