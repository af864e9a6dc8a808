"""What a brick promises beside its numbers: each broken promise is told in a sentence that says which."""

import re

import numpy as np
import pytest

from gallery.right_chains import Standardize
from legonet import Brick, GradientError, Linear, MSELoss, Parameter, Sequential, Tanh
from legonet.testing import check_brick
from legonet.testing.compare import Tally
from legonet.testing.examine import examine
from legonet.testing.points import Point
from legonet.testing.probe import Fault
from strategies import normal
from testing.bricks import Affine, Dropout, Pointwise, Product, Square, Table

X, Y = normal(4, 3, seed=1), normal(4, 3, seed=2)
INDICES = np.array([0, 2, 2, 1])


# -- what forward returns ----------------------------------------------------------------------------------------------


class ReturnsYAlone(Square):
    def forward(self, x):
        return x**2


class ReturnsThree(Square):
    def forward(self, x):
        return x**2, x, x


class ReturnsAList(Square):
    def forward(self, x):
        return (x**2).tolist(), x


class ReturnsWholeNumbers(Square):
    def forward(self, x):
        return np.round(x).astype(int), x


class LossOfWholeNumbers(MSELoss):
    def forward(self, y, target):
        return int(super().forward(y, target)[0]), y - target


class ChangesItsShape(Square):
    """The output has one row more each time."""

    rows = 0

    def forward(self, x):
        self.rows += 1
        return np.concatenate([x**2, np.ones((self.rows, *x.shape[1:]))]), (x, self.rows)

    def backward(self, dy, cache):
        x, rows = cache
        return 2 * dy[:-rows] * x


class DrawsWithoutAGenerator(Dropout):
    def forward(self, x):
        mask = 2.0 * (np.random.default_rng().random(x.shape) < 0.5)
        return x * mask, mask

    __call__ = Brick.__call__


# -- what backward returns ---------------------------------------------------------------------------------------------


class SumsAllRows(Square):
    def backward(self, dy, x):
        return (2 * dy * x).sum(axis=0)


class Transposes(Square):
    def backward(self, dy, x):
        return (2 * dy * x).T


class RoundsItsGradient(Square):
    def backward(self, dy, x):
        return np.round(2 * dy * x).astype(int)


class ReturnsTooMany(Square):
    def backward(self, dy, x):
        return 2 * dy * x, None


class ReturnsItsCache(Square):
    def backward(self, dy, x):
        return ((2, x.shape),)


class RaisesInBackward(Square):
    def backward(self, dy, x):
        return dy @ x


class KeepsTheRows(Affine):
    def backward(self, dy, x):
        dx = super().backward(dy, x)
        self.shift.grad = self.shift.grad + dy
        return dx


# -- writing -----------------------------------------------------------------------------------------------------------


class WritesIntoDy(Square):
    def backward(self, dy, x):
        dy *= 2 * x
        return dy


class WritesIntoXLater(Square):
    def backward(self, dy, x):
        x *= 2
        return dy * x


class WritesIntoX(Square):
    def forward(self, x):
        x -= 1
        return super().forward(x)


class WritesIntoY(Square):
    def forward(self, x):
        y = x**2
        return y, (x, y)

    def backward(self, dy, cache):
        x, y = cache
        y[...] = 2 * x
        return dy * y


class WritesIntoIndices(Table):
    def forward(self, indices):
        indices[0] = 1
        return super().forward(indices)


class TakesAStep(Affine):
    def backward(self, dy, x):
        dx = super().backward(dy, x)
        self.scale.value = self.scale.value - 0.1 * self.scale.grad
        return dx


# -- adding up ---------------------------------------------------------------------------------------------------------


class Overwrites(Affine):
    def backward(self, dy, x):
        dx = super().backward(dy, x)
        self.scale.grad = (dy * x).sum(axis=0)
        return dx


class Forgets(Affine):
    def backward(self, dy, x):
        self.scale.grad *= 0.99
        return super().backward(dy, x)


class LeavesParametersOut(Affine):
    def backward_parameters(self, dy, x):
        self.scale.grad += (dy * x).sum(axis=0)


class RaisesForParameters(Affine):
    def backward_parameters(self, dy, x):
        self.scale.grad += dy * x


# -- sharing memory ----------------------------------------------------------------------------------------------------


class ReturnsItsUpstream(Affine):
    """The gradient of the shift is the upstream gradient itself, for a single row."""

    def __init__(self):
        self.shift = Parameter(normal(4, 3))

    def forward(self, x):
        return x + self.shift.value, None

    def backward(self, dy, cache):
        self.shift.grad = dy if not self.shift.grad.any() else self.shift.grad + dy
        return dy.copy()


class GradientIsTheValue(Brick):
    """The gradient of half the squares is the value; a copy is due."""

    def __init__(self):
        self.weight = Parameter(normal(3))

    def forward(self):
        return 0.5 * float(self.weight.value @ self.weight.value), None

    def backward(self, dloss, cache):
        weight = self.weight
        weight.grad = weight.grad + weight.value if weight.grad.any() else weight.value


class HandsOutItsParameter(Brick):
    def __init__(self):
        self.start = Parameter(normal(4, 3))

    def forward(self, x):
        return self.start.value, x.shape

    def backward(self, dy, shape):
        self.start.grad += dy
        return np.zeros(shape)


class ReadOnlyGradient(Affine):
    def backward(self, dy, x):
        dx = super().backward(dy, x)
        self.shift.grad = np.broadcast_to(self.shift.grad.copy(), self.shift.grad.shape)
        return dx


class ReusesItsOutput(Square):
    def __init__(self):
        self.buffer = np.zeros(0)

    def forward(self, x):
        if self.buffer.shape != x.shape or self.buffer.dtype != x.dtype:
            self.buffer = np.empty_like(x)
        return np.multiply(x, x, out=self.buffer), x


# -- remembering -------------------------------------------------------------------------------------------------------


class CountsItsBackwards(Square):
    calls = 0

    def backward(self, dy, x):
        self.calls += 1
        return 2 * dy * x * (2 if self.calls > 1 else 1)


class CountsItsBackwardsAndHasParameters(Affine):
    calls = 0

    def backward(self, dy, x):
        self.calls += 1
        return super().backward(dy, x) * self.calls


class GivesOneGradientOnly(Square):
    calls = 0

    def forward(self, x):
        self.calls += 1
        return x**2, (x, self.calls)

    def backward(self, dy, cache):
        x, calls = cache
        return 2 * dy * x if calls < 2 else None


class GivesAnotherShapeLater(Square):
    calls = 0

    def forward(self, x):
        self.calls += 1
        return x**2, (x, self.calls)

    def backward(self, dy, cache):
        x, calls = cache
        return 2 * dy * x if calls < 2 else (2 * dy * x)[:1]


class KeepsXOfTheLastForward(Square):
    def forward(self, x):
        self.x = x
        return x**2, None

    def backward(self, dy, cache):
        return 2 * dy * self.x


class UsesUpItsCache(Square):
    def forward(self, x):
        return x**2, [x]

    def backward(self, dy, cache):
        x = cache.pop() if len(cache) > 0 else np.zeros_like(dy)
        cache.append(0 * x)
        return 2 * dy * x


class MaskOfTheFirstRowCount(Square):
    """A mask is kept from the smallest batch that was ever seen."""

    rows = 99

    def forward(self, x):
        self.rows = min(self.rows, len(x))
        return x**2, (x, self.rows)

    def backward(self, dy, cache):
        x, rows = cache
        return np.where(np.arange(len(x))[:, None] < rows, 2 * dy * x, 0.0)


# -- linear in dy, dtype, layout ---------------------------------------------------------------------------------------


class LeavesDyOut(Square):
    def backward(self, dy, x):
        return 2 * x


class AddsWithoutDy(Square):
    def backward(self, dy, x):
        return 2 * dy * x + 1


class SizeOfDy(Square):
    def backward(self, dy, x):
        return 2 * np.abs(dy) * x


class ClipsItsGradient(Square):
    def backward(self, dy, x):
        return np.clip(2 * dy * x, -50, 50)


class InFloat32(Square):
    def backward(self, dy, x):
        return 2 * (dy * x).astype(np.float32)


class ThroughFloat32(Square):
    def backward(self, dy, x):
        return 2 * (dy * x).astype(np.float32).astype(np.float64)


class HalfInFloat32(Square):
    def backward(self, dy, x):
        return (2 * dy * x).astype(np.float16 if dy.dtype == np.float32 else dy.dtype)


class ReadsMemoryInOrder(Square):
    def forward(self, x):
        return x.ravel(order="K").reshape(x.shape) ** 2, x


class ReadsTheGradientInOrder(Square):
    def backward(self, dy, x):
        return 2 * x * dy.ravel(order="K").reshape(dy.shape)


class AnotherShapeInFortranOrder(Square):
    def backward(self, dy, x):
        return 2 * dy * x if dy.flags.c_contiguous or not dy.flags.f_contiguous else (2 * dy * x).T


class NeedsContiguousInput(Square):
    def forward(self, x):
        if not x.flags.c_contiguous:
            raise ValueError("not contiguous")
        return super().forward(x)


class NeedsContiguousDy(Square):
    def backward(self, dy, x):
        if not dy.flags.c_contiguous:
            raise ValueError("not contiguous")
        return super().backward(dy, x)


class WritesIntoReadOnlyCache(Square):
    def backward(self, dy, x):
        x += 0
        return 2 * dy * x


class OtherWhenCalled(Square):
    def __call__(self, x):
        return x**2 + 1


BROKEN = {
    ReturnsYAlone: (
        "shape",
        "",
        "forward returns a ndarray, but must return the output and the cache: return y, cache",
    ),
    ReturnsThree: ("shape", "", "forward returns a tuple of 3, but must return the output and the cache"),
    ReturnsAList: ("shape", "", "forward gives a list, but its output must be a NumPy array or a float"),
    ReturnsWholeNumbers: ("dtype", "", "forward gives an output of dtype int64, but it must be of a floating-point"),
    LossOfWholeNumbers: ("shape", "", "forward gives a int, but its output must be a NumPy array or a float"),
    ChangesItsShape: ("stale_state", "", "forward gives an output of another shape for the same input"),
    DrawsWithoutAGenerator: ("random", "", "keep the numpy.random.Generator in an attribute of the brick"),
    SumsAllRows: ("shape", "dx", r"backward gives dx of shape \(3,\), but x has shape \(\d, 3\)"),
    Transposes: ("shape", "dx", r"backward gives dx of shape \(3, \d\), but x has shape \(\d, 3\)"),
    RoundsItsGradient: ("dtype", "dx", "backward gives dx of dtype int64"),
    ReturnsTooMany: ("shape", "", "backward returns 2 gradients, but forward has 1 input"),
    ReturnsItsCache: ("shape", "dx", "backward gives dx as a tuple of unequal parts, but it must be a NumPy array"),
    RaisesInBackward: ("shape", "", r"backward raises ValueError for inputs of shapes x \(\d, 3\): "),
    KeepsTheRows: ("shape", "shift.grad", r"gives shift.grad of shape \(\d, 3\), but shift has shape \(3,\)"),
    WritesIntoDy: ("mutation", "dy", "backward writes into the upstream gradient"),
    WritesIntoXLater: ("mutation", "x", "backward writes into the input x"),
    WritesIntoX: ("mutation", "x", "forward writes into the input x"),
    WritesIntoY: ("mutation", "y", "backward writes into y, the output"),
    WritesIntoIndices: ("mutation", "indices", "forward writes into the input indices"),
    TakesAStep: ("mutation", "scale", "backward writes into the parameter scale"),
    Overwrites: ("overwritten", "scale.grad", r"backward overwrites scale.grad .* write scale.grad \+= "),
    Forgets: ("overwritten", "scale.grad", "what backward adds to scale.grad depends on what is there already"),
    LeavesParametersOut: ("wrong_formula", "shift.grad", "backward_parameters adds something else to shift.grad"),
    RaisesForParameters: ("shape", "", "backward raises ValueError"),
    ReturnsItsUpstream: ("aliasing", "shift.grad", "shift.grad shares its memory with the upstream gradient"),
    GradientIsTheValue: ("aliasing", "weight.grad", "weight.grad shares its memory with weight"),
    HandsOutItsParameter: ("aliasing", "start.grad", "the output shares its memory with the parameter start"),
    ReadOnlyGradient: ("aliasing", "shift.grad", "backward leaves shift.grad as a read-only array"),
    ReusesItsOutput: (
        "aliasing",
        "the output",
        "another forward and backward pass changes the output of the one before",
    ),
    CountsItsBackwards: ("stale_state", "dx", "dx.* became "),
    CountsItsBackwardsAndHasParameters: (
        "stale_state",
        "dx",
        "backward gives another dx when it runs again: .* became ",
    ),
    GivesOneGradientOnly: ("stale_state", "dx", "None or an array"),
    GivesAnotherShapeLater: ("stale_state", "dx", r"of shape \(1, 3\)"),
    KeepsXOfTheLastForward: ("stale_state", "dx", "another forward pass between forward and backward changes dx"),
    UsesUpItsCache: ("mutation", "dx", "a second backward from the same cache gives another dx"),
    MaskOfTheFirstRowCount: ("stale_state", "dx", "a pass with one row changes dx of the next"),
    LeavesDyOut: ("upstream_ignored", "dx", "dx does not depend on the upstream gradient"),
    AddsWithoutDy: ("not_linear", "dx", "for an upstream gradient of zeros, backward gives dx up to 1, not zeros"),
    SizeOfDy: ("not_linear", "dx", "dx is not linear in the upstream gradient: for 2 of one minus 3 of another it is "),
    ClipsItsGradient: (
        "not_linear",
        "dx",
        r"dx is not linear in the upstream gradient: for 10000 times as much it is -?50, not",
    ),
    InFloat32: ("dtype", "dx", "backward gives dx in float32, but x is in float64"),
    ThroughFloat32: ("dtype", "dx", "backward computes dx in a coarser dtype: every number is one of float32"),
    HalfInFloat32: ("dtype", "dx", "backward gives dx in float16 for float32"),
    ReadsMemoryInOrder: ("layout", "", "forward gives another output for Fortran-ordered input of the same numbers"),
    AnotherShapeInFortranOrder: ("layout", "dx", "dx differs for Fortran-ordered arrays of the same numbers"),
    ReadsTheGradientInOrder: ("layout", "dx", "dx differs for Fortran-ordered arrays of the same numbers"),
    NeedsContiguousInput: ("layout", "", "forward raises ValueError for .* input: not contiguous"),
    NeedsContiguousDy: ("layout", "", "backward raises ValueError for .* arrays: not contiguous"),
    WritesIntoReadOnlyCache: ("layout", "", "read-only"),
    OtherWhenCalled: ("wrong_formula", "", "called, it gives another output than forward; .* pass call_differs=True"),
}


def inputs_of(kind):
    if kind is GradientIsTheValue:
        return ()
    return (INDICES,) if issubclass(kind, Table) else (X, Y) if issubclass(kind, MSELoss) else (X,)


@pytest.mark.parametrize(("kind", "told"), BROKEN.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_a_broken_promise_is_told(kind, told):
    cause, gradient, message = told
    with pytest.raises(Fault, match=message) as caught:
        examine(Point(kind(), inputs_of(kind)), Tally())
    assert (caught.value.label, caught.value.cause) == (gradient, cause)


@pytest.mark.parametrize("kind", [ReturnsYAlone, WritesIntoX, Overwrites, ReusesItsOutput, WritesIntoReadOnlyCache])
def test_a_broken_promise_is_a_gradient_error(kind):
    with pytest.raises(GradientError) as caught:
        check_brick(kind(), X)
    assert re.search(BROKEN[kind][2], caught.value.short)
    assert caught.value.short.startswith(f"{kind.__name__}(): ")


# -- what is allowed ---------------------------------------------------------------------------------------------------


class NeedsTwoRows(Square):
    """One row is refused by forward, other numbers are as well."""

    def forward(self, x):
        if len(x) < 2 or x.std() < 0.9 * X.std():
            raise ValueError("more is needed")
        return super().forward(x)


class Masked(Brick):
    """A mask that is data, and gets no gradient."""

    def forward(self, x, mask):
        return x * mask, mask

    def backward(self, dy, mask):
        return dy * mask


class MeanAndRange(Brick):
    """An output for each row and a number for all."""

    def forward(self, x):
        return (x.mean(axis=1), float(x.sum())), x.shape

    def backward(self, dy, shape):
        rows, total = dy
        return np.broadcast_to(rows[:, None] / shape[1] + total, shape).copy()


class CheapForParameters(Affine):
    def backward_parameters(self, dy, x):
        self.scale.grad += (dy * x).sum(axis=0)
        self.shift.grad += dy.sum(axis=0)


class FloatOfNumPy(Brick):
    def forward(self, x):
        return np.sum(x**2), x

    def backward(self, dloss, x):
        return 2 * dloss * x


class ListOfGradients(Product):
    def backward(self, dy, cache):
        return list(super().backward(dy, cache))


class LegacyGenerator(Dropout):
    def __init__(self):
        self.rng = {"own": [np.random.RandomState(0)]}

    def forward(self, x):
        mask = 2 * (self.rng["own"][0].random_sample(x.shape) < 0.5).astype(x.dtype)
        return x * mask, mask

    __call__ = Brick.__call__


class OneNumber(Brick):
    """A parameter without axes, whose gradient becomes a number of NumPy."""

    def __init__(self):
        self.factor = Parameter(np.array(1.5))

    def forward(self, x):
        return x * self.factor.value, x

    def backward(self, dy, x):
        self.factor.grad = self.factor.grad + np.sum(dy * x)
        return dy * self.factor.value


ALLOWED = {
    "a parameter without axes": (OneNumber(), (X,), {}),
    "no number for other inputs": (Pointwise(np.log, lambda x: 1 / x), (np.abs(X),), {}),
    "a cheaper backward_parameters": (CheapForParameters(), (X,), {}),
    "a float of NumPy": (FloatOfNumPy(), (X,), {}),
    "a list of gradients": (ListOfGradients(), (X, Y), {}),
    "a mask that is data": (Masked(), (X, np.sign(Y)), {"constants": ["mask"]}),
    "another output when called": (Dropout(), (X,), {"call_differs": True}),
    "an old generator, inside a dictionary": (LegacyGenerator(), (X,), {}),
    "a tuple of outputs": (MeanAndRange(), (X,), {}),
    "one row refused": (NeedsTwoRows(), (X,), {}),
    "a boolean input": (Masked(), (X, X > 0), {}),
    "a number without axes": (Square(), (np.array(3.0),), {}),
    "no rows": (Affine(), (X[:0],), {}),
    "one row of one column": (Affine(1), (X[:1, :1],), {}),
    "integers": (Table(), (INDICES,), {}),
}


@pytest.mark.parametrize(("brick", "inputs", "options"), ALLOWED.values(), ids=ALLOWED)
def test_what_a_brick_may_do_passes(brick, inputs, options):
    report = check_brick(brick, *inputs, **options)
    assert report.unresolved == 0
    assert report.notes == ()


def test_without_its_generator_set_back_dropout_would_differ_when_called():
    with pytest.raises(GradientError, match="pass call_differs=True"):
        check_brick(Dropout(), X)


# -- dtypes ------------------------------------------------------------------------------------------------------------


class OnlyFloat64(Square):
    def forward(self, x):
        if x.dtype != np.float64:
            raise TypeError("float64 is needed")
        return super().forward(x)


class WidensItsOutput(Square):
    def forward(self, x):
        return np.float64(1) * np.asarray(x, dtype=np.float64) ** 2, x


class WidensItsGradient(Square):
    def backward(self, dy, x):
        return 2 * dy * np.asarray(x, dtype=np.float64)


class OverflowsInFloat32(Square):
    """Beyond the largest number of float32 there is nothing to compare."""

    def forward(self, x):
        return x * np.asarray(1e30).astype(x.dtype) * np.asarray(1e30).astype(x.dtype), x

    def backward(self, dy, x):
        return dy * 1e60


@pytest.mark.parametrize(
    ("kind", "note"),
    [
        (OnlyFloat64, "not checked in float32: forward does not take it"),
        (WidensItsOutput, "the dtype is not kept: for float32, forward gives float64"),
        (WidensItsGradient, "the dtype is not kept: for float32, backward gives dx in float64"),
    ],
)
def test_a_dtype_that_is_not_kept_is_worth_a_note(kind, note):
    report = check_brick(kind(), X)
    assert report.notes == (note,)
    assert report.verified
    assert note in repr(report)


def test_a_note_is_told_once():
    assert len(check_brick(WidensItsGradient(), "(batch, n)").notes) == 1


def test_what_overflows_in_float32_is_checked_in_float64_alone():
    assert check_brick(OverflowsInFloat32(), X).notes == ()


def test_a_gradient_that_is_coarse_because_forward_is_passes():
    class Coarse(Square):
        def forward(self, x):
            return (x.astype(np.float32) ** 2).astype(np.float64), x

        def backward(self, dy, x):
            return (2 * dy.astype(np.float32) * x.astype(np.float32)).astype(np.float64)

    check_brick(Coarse(), X)


def test_a_gradient_without_digits_passes_if_it_is_as_fine_as_dy():
    class Sum(Brick):
        def forward(self, x):
            return x.sum(axis=1), x.shape

        def backward(self, dy, shape):
            return np.broadcast_to(dy[:, None], shape).copy()

    check_brick(Sum(), np.ones((2, 2)))


def test_state_that_forward_changes_and_reads_is_named():
    class Centred(Brick):
        def __init__(self):
            self.running_mean = np.zeros(3)

        def forward(self, x):
            self.running_mean = 0.9 * self.running_mean + 0.1 * x.mean(axis=0)
            return x - self.running_mean, x

        def backward(self, dy, x):
            return dy - 0.1 * dy.mean(axis=0)

    with pytest.raises(GradientError, match=r"it changes running_mean\s+of the brick") as caught:
        check_brick(Centred(), np.random.default_rng(0).normal(size=(4, 3)))
    assert caught.value.cause == "stale_state"


def test_what_is_kept_of_the_very_first_input_is_found():
    class KeepsFirst(Square):
        first = None

        def forward(self, x):
            if self.first is None:
                self.first = x.copy()
            return x**2, x

        def backward(self, dy, x):
            return 2 * dy * (self.first if self.first.shape == x.shape else x)

    with pytest.raises(GradientError, match=r"an earlier pass with other numbers\s+changes dx") as caught:
        check_brick(KeepsFirst(), np.random.default_rng(0).normal(size=(4, 3)))
    assert caught.value.cause == "stale_state"


# -- what is nothing but rounding --------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_a_gradient_that_is_nothing_but_rounding_breaks_no_promise(seed):
    rng = np.random.default_rng(seed)
    chain = Sequential(Linear(3, 4, rng=rng), Standardize(4), Tanh(), Linear(4, 2, rng=rng))
    assert check_brick(chain, "(batch, 3)", sizes={"batch": (1, 4)}, rng=seed).verified


def test_an_output_that_is_nothing_but_rounding_breaks_no_promise():
    x = np.array([[-1.0, 1.0], [-3.0, 3.0]])
    assert check_brick(Linear(2, 1, weight=np.array([[-1.49], [-1.49]]), bias=False), x).verified
    rows = np.array([[-0.05, -1.0, -2.0], [-0.05, -1.0, -2.0]])
    check_brick(Standardize(3), rows)


# -- rows --------------------------------------------------------------------------------------------------------------


class CentredRows(Brick):
    """Subtracts the mean of the batch, or of the row."""

    def __init__(self, axis):
        self.axis = axis

    def forward(self, x):
        return x - x.mean(axis=self.axis, keepdims=True), None

    def backward(self, dy, cache):
        return dy - dy.mean(axis=self.axis, keepdims=True)


def test_rows_that_are_said_to_be_independent_are_checked():
    assert check_brick(CentredRows(1), "(batch, n)", independent_rows=True).verified
    assert check_brick(CentredRows(0), "(batch, n)", sizes={"batch": (1, 4)}).verified
    with pytest.raises(GradientError, match=r"row 0 of y depends on other rows of\s+the batch") as caught:
        check_brick(CentredRows(0), X, independent_rows=True)
    assert caught.value.cause == "batch_mixed"
    assert "check_brick(brick, x, independent_rows=True)" in str(caught.value)


def test_independent_rows_need_rows():
    with pytest.raises(GradientError, match=r"need an\s+output with a row for each row"):
        check_brick(MSELoss(), X, Y, independent_rows=True)


# -- float32 in a chain ------------------------------------------------------------------------------------------------


class WideGradient(Brick):
    """Computes in the dtype of x, and gives its gradient in float64."""

    def forward(self, x):
        return 2 * x, x.shape

    def backward(self, dy, shape):
        dx = np.zeros(shape)
        dx += 2 * dy
        return dx


def test_a_dtype_that_is_not_kept_in_a_chain_is_noted():
    assert "the dtype is not kept: for float32, backward gives dx in float64" in check_brick(WideGradient(), X).notes
    report = check_brick(Sequential(Linear(3, 4, rng=0), WideGradient()), X)
    assert report.verified
    assert report.notes[0].startswith("not checked in float32: backward raises DtypeError: Linear(3, 4")
