"""The public check of a brick: its hand-written gradients against finite differences."""

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from legonet.arrays import Array, brief, check_array
from legonet.brick import Brick
from legonet.checks import check_rng
from legonet.errors import GradientError, OptionError

from .admission import admit
from .compare import Tally
from .diagnosis import diagnose
from .examine import examine
from .inputs import Floats, Input, Integers, Refused, as_spec
from .points import Point, vary_parameters
from .probe import Fault, input_names, undisturbed
from .recipe import Recipe
from .report import Report, failure, success

POINTS = 100
"""At how many points a brick is checked if only shapes are known; as many as Hypothesis draws examples."""

Redraw = Callable[..., Point | None]


def check_brick(
    brick: Brick[Any],
    *inputs: Array | Input,
    rng: np.random.Generator | int | None = 0,
    sizes: Mapping[str, Any] | None = None,
    constants: Iterable[str] = (),
    call_differs: bool = False,
    independent_rows: bool = False,
) -> Report:
    """Check the backward pass of a brick against its forward pass, or raise a GradientError that says what is wrong.

    The gradient by every float input and by every parameter is compared with finite differences of
    ``sum(dy * forward(*inputs))`` for a random upstream gradient dy. Both sides have error bars, so there is no
    tolerance to choose; at kinks and ties every value between the one-sided derivatives is right. Then come the
    promises of a brick: shapes and dtypes, linearity in dy, nothing is written into, nothing is remembered, gradients
    add up, the layout in memory does not matter.

    The check works on a copy: the brick and the inputs stay as they are.

    Parameters
    ----------
    brick : Brick
        A layer, container, loss, regularizer or whole network. ``legonet.interop`` makes one of what is not.
    *inputs : numpy.ndarray, or str, Floats or Integers
        What its ``forward`` takes: x for a layer, y and the target for a loss, nothing for a regularizer. Either
        arrays, a few rows are enough; or shapes such as ``"(batch, 3)"``: then 100 points of all kinds are tried, with
        zeros, ties, tiny and huge numbers, one row and none.
    rng : numpy.random.Generator or int, optional
        The source of all that is drawn. The same seed gives the same verdict.
    sizes : mapping, optional
        The legal sizes of named axes: a list, or a pair (least, greatest).
    constants : iterable of str, optional
        Names of inputs that are data to the brick, such as a mask: no gradient is expected.
    call_differs : bool, optional
        Whether the brick is meant to do something else when it is called, as Dropout does.
    independent_rows : bool, optional
        Whether each row of the output is meant to depend on its own row of the inputs alone, as in a dense layer and
        unlike in batch normalisation; that is then checked as well.

    Returns
    -------
    Report
        How many derivatives were compared, and how many of them rounding hides.

    Raises
    ------
    GradientError
        If something is wrong. Its message is a report: the brick, the gradient, the entry, both numbers, the likeliest
        cause, and code that shows it.
    OptionError, DtypeError
        If `brick` is not a Brick, an input is neither an array of numbers nor a shape, or there is nothing to check.

    See Also
    --------
    brick_test : the same with other sizes and options, as a test for pytest.

    Notes
    -----
    Parameters that still have a constant initial value are moved a little: a gradient that forgets a bias is right as
    long as the bias is 0. Of arrays with more than 40 entries, 40 entries and 4 random directions are compared.
    Random bricks keep their `numpy.random.Generator` in an attribute: it is set back before each forward.

    References
    ----------
    Bishop, *Pattern Recognition and Machine Learning*, 2006, section 5.3.3.
    Clarke, *Optimization and Nonsmooth Analysis*, 1983, section 2.6, for kinks.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import Brick, Linear
    >>> from legonet.testing import check_brick
    >>> check_brick(Linear(2, 3), np.random.default_rng(0).normal(size=(4, 2)))
    Linear(2, 3): 34 of 34 derivatives are right, at 2 points
    """
    __tracebackhide__ = True
    if not isinstance(brick, Brick):
        raise OptionError(f"check_brick needs a Brick, but got {repr(brick)[:80]}{_hint(brick)}")
    if not isinstance(constants, Iterable):
        raise OptionError(f"check_brick needs constants as names of inputs, but got {brief(repr(constants))}")
    constants = (constants,) if isinstance(constants, str) else tuple(constants)
    generator = check_rng("check_brick", rng)
    seed = int(rng) if isinstance(rng, int | np.integer) else int(generator.integers(2**31))
    if any(isinstance(given, str | Floats | Integers) for given in inputs):
        named = input_names(brick, len(inputs))
        specs = [_spec(given, name in constants) for given, name in zip(inputs, named, strict=True)]
        _known(brick, constants, named)
        recipe = Recipe(
            lambda: brick, specs, sizes or {}, {}, call_differs, independent_rows, "check_brick", brief(brick, 80)
        )
        return check_recipe(recipe, seed, POINTS)
    if sizes:
        raise OptionError("check_brick needs sizes for named axes only, but the inputs are arrays")
    arrays = [_as_array(number, x) for number, x in enumerate(inputs)]
    _known(brick, constants, input_names(brick, len(arrays)))
    return _check_arrays(brick, arrays, seed, tuple(constants), call_differs, independent_rows)


def _known(brick: Brick[Any], constants: Iterable[str], names: Sequence[str]) -> None:
    unknown = sorted(set(constants) - set(names))
    if unknown:
        raise OptionError(f"check_brick: {unknown[0]!r} in constants is no input of {brief(brick, 80)}")


def _spec(given: Any, constant: bool) -> Floats | Integers:
    if isinstance(given, np.ndarray):
        raise OptionError("check_brick needs either arrays or shapes as inputs, but got both")
    spec = as_spec(given)
    return replace(spec, constant=True) if constant and isinstance(spec, Floats) else spec


def _hint(brick: object) -> str:
    if isinstance(brick, type) and issubclass(brick, Brick):
        return ": pass an instance, not the class"
    if hasattr(brick, "forward") and hasattr(brick, "backward"):
        return ": wrap it with legonet.interop.from_object"
    return ""


def _as_array(number: int, x: Any) -> Any:
    if not (isinstance(x, np.ndarray) and x.dtype.kind in "iub"):
        check_array("check_brick", f"input {number}", x, (...,))
    return x


def _check_arrays(
    brick: Brick[Any], inputs: list[Array], seed: int, constants: tuple[str, ...], differs: bool, rows: bool
) -> Report:
    __tracebackhide__ = True
    admit(brick)
    tally = Tally()
    point = Point(brick, inputs, constants, call_differs=differs, independent_rows=rows, seed=seed)
    _something_to_check(point)
    moved = vary_parameters(brick, 0, np.random.default_rng(seed))
    varied = any(
        not np.array_equal(one.value, other.value)
        for one, other in zip(brick.parameters(), moved.parameters(), strict=True)
    )
    points = [point]
    if varied:
        points.insert(0, replace(point, brick=moved))
    for number, one in enumerate(points):
        try:
            examine(one, tally, contracts=number == 0)
        except Fault as fault:
            raise explain(one, fault) from fault.__cause__
        except Refused as refused:
            if one is not point:
                continue
            if refused.__cause__ is not None:
                raise refused.__cause__ from None
            raise OptionError(f"check_brick: {refused} ({brief(brick, 80)}): choose other inputs") from None
    return success(point, tally)


def _something_to_check(point: Point) -> None:
    named = zip(input_names(point.brick, len(point.inputs)), point.inputs, strict=True)
    if point.brick.parameters() or any(x.dtype.kind == "f" and name not in point.constants for name, x in named):
        return
    name = brief(point.brick, 80)
    if point.constants:
        raise OptionError(f"check_brick has nothing to check: {name} has no parameters, and its inputs are constants")
    if point.inputs:
        raise OptionError(
            f"check_brick has nothing to check: {name} has no parameters, and its inputs are of whole numbers; "
            "pass x.astype(float) if it takes such"
        )
    raise OptionError(f"check_brick has nothing to check: {name} has no parameters, and no inputs were given")


def check_recipe(recipe: Recipe, seed: int, count: int = POINTS) -> Report:
    """Examine points of a recipe until one fails.

    Raises
    ------
    GradientError
        If one fails.
    OptionError
        If `forward` refuses all of them, or there is nothing to check.
    """
    __tracebackhide__ = True
    tally, refused, reason, last = Tally(), 0, "", None
    for point in recipe.points(seed, count):
        last = point
        try:
            _something_to_check(point)
            examine(point, tally)
        except Fault as fault:
            raise explain(point, fault, recipe.redraw(point), recipe.constructor) from fault.__cause__
        except Refused as refusal:
            refused, reason = refused + 1, str(refusal)
    if last is None or not tally.points or (refused and not tally.right + tally.unresolved):
        raise OptionError(f"{recipe.who}: {recipe.name} takes none of the inputs that were drawn: {reason}")
    return success(last, tally, refused)


def explain(
    point: Point, fault: Fault, redraw: Redraw | None = None, constructor: Callable[[Point], str] | None = None
) -> GradientError:
    """Make the failing point small, find the cause, and return the error that tells of it."""
    with np.errstate(all="ignore"), undisturbed():
        if redraw is not None:
            point, fault = smaller(point, fault, redraw)
        inner = wrong_part(point)
        if inner is not None:
            name, part, wrong = inner
            part, wrong = simplest(part, wrong)
            error = failure(part, wrong, diagnose(part, wrong), where=f"{name} of {brief(point.brick, 80)}")
            if wrong.label.endswith(".grad"):
                error.gradient = f"{name}.{wrong.label}"
            return error
        point, fault = simplest(point, fault)
        return failure(point, fault, diagnose(point, fault, redraw), constructor and constructor(point))


def wrong_part(point: Point) -> tuple[str, Point, Fault] | None:
    """Return the innermost brick that is wrong by itself, fed as it is inside of a failing one."""
    try:
        parts = point.probe().parts()
    except Exception:  # a forward may refuse the zeros of the parameters, or call its parts in a way of its own
        return None
    for name, brick, inputs in parts:
        part = Point(brick, inputs, call_differs=type(brick).__call__ is not Brick.__call__, seed=point.seed)
        try:
            examine(part, Tally())
        except Refused:
            continue
        except Fault as fault:
            inner = wrong_part(part)
            return (f"{name}.{inner[0]}", *inner[1:]) if inner else (name, part, fault)
    return None


def smaller(point: Point, fault: Fault, redraw: Redraw) -> tuple[Point, Fault]:
    """Return a point of smaller sizes that fails alike."""
    for name, size in point.sizes.items():
        for less in range(1, size) if isinstance(size, int) else ():
            candidate = redraw(sizes=point.sizes | {name: less}, seed=point.seed, profile=point.profile)
            found = candidate and _fails_alike(candidate, fault)
            if candidate and found:
                point, fault = candidate, found
                break
    return point, fault


def _fails_alike(point: Point, fault: Fault) -> Fault | None:
    """Return the fault at another point, if it is of the same kind."""
    try:
        examine(point, Tally(), contracts=fault.comparison is None)
    except Refused:
        pass
    except Fault as other:
        same = other.label == fault.label and other.cause == fault.cause
        return other if same and (other.comparison is None) == (fault.comparison is None) else None
    return None


def simplest(point: Point, fault: Fault) -> tuple[Point, Fault]:
    """Return a point with fewer rows and rounder numbers that fails alike."""
    for change in _simpler(point):
        candidate = change(point)
        if candidate is None:
            continue
        found = _fails_alike(candidate, fault)
        if found:
            point, fault = candidate, found
    return point, fault


def _simpler(point: Point) -> Iterable[Callable[[Point], Point | None]]:
    rows = max((len(x) for x in point.inputs if x.ndim), default=0)
    for keep in (1, 2):
        if keep < rows:
            yield partial(_with_rows, keep=keep)
    for digits in (0, 1, 2):
        yield partial(_rounded, digits=digits)


def _with_rows(point: Point, keep: int) -> Point | None:
    rows = max((len(x) for x in point.inputs if x.ndim), default=0)
    if keep >= rows:
        return None
    inputs = [x[:keep].copy() if x.ndim and len(x) == rows else x for x in point.inputs]
    return replace(point, inputs=inputs)


def _rounded(point: Point, digits: int) -> Point | None:
    def near(x: Array) -> Array:
        # Keep what is special: zeros stay zeros, others stay away from them.
        rounded = np.round(x, digits)
        coarse = np.reshape([float(f"{value:.1g}") for value in x.flat], x.shape)
        return np.where((rounded == 0) & (x != 0), coarse, rounded).astype(x.dtype)

    inputs = [near(x) if x.dtype.kind == "f" else x for x in point.inputs]
    brick = copy.deepcopy(point.brick)
    for parameter in brick.parameters():
        parameter.value = near(parameter.value)
    return replace(point, brick=brick, inputs=inputs)
