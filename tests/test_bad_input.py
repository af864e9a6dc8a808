"""What is wrong is refused by name, in few words, and nothing is lost; what is merely unusual is taken."""

import contextlib
import copy

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bad_options import OPTIONS
from legonet import (
    SGD,
    DtypeError,
    L2Regularizer,
    LegonetError,
    Linear,
    MSELoss,
    OptionError,
    Parameter,
    RangeError,
    Sequential,
    ShapeError,
    Sigmoid,
    Tanh,
)
from legonet.testing import check_brick, numeric_gradient
from legonet.training import backpropagate
from strategies import (
    LAYOUTS,
    assert_close,
    cases_of,
    every_brick,
    fingerprint,
    gradients,
    like,
    normal,
    parts,
)


class World:
    """A small network and all around it, as new."""

    def __init__(self):
        rng = np.random.default_rng(0)
        self.x, self.y, self.target = normal(4, 3), normal(4, 2, seed=1), normal(4, 2, seed=2)
        self.linear, self.sigmoid, self.tanh = Linear(3, 2, rng=rng), Sigmoid(), Tanh()
        self.net = Sequential(Linear(3, 3, rng=rng), Tanh(), Linear(3, 2, rng=rng))
        self.caches = self.net.forward(self.x)[1]
        self.mse, self.ridge = MSELoss(), L2Regularizer([self.linear.weight], strength=0.1)
        self.sgd = SGD(self.net.parameters(), lr=0.1, momentum=0.9)
        for parameter in self.parameters():
            parameter.grad += 7.0

    def parameters(self):
        return [*self.linear.parameters(), *self.net.parameters()]

    def fingerprint(self):
        return fingerprint(self.x, self.y, self.target, self.caches, *self.parameters(), repr(self.sgd))


def refuse(call, world, bad, error, words):
    """Assert that a call raises a good error and leaves everything as it was."""
    before = world.fingerprint(), fingerprint(bad)
    with pytest.raises(LegonetError) as caught:
        call()
    assert isinstance(caught.value, error)
    assert isinstance(caught.value, ValueError | TypeError)
    message, notes = str(caught.value), getattr(caught.value, "__notes__", [])
    assert max(len(line) for line in [message, *notes]) <= 300
    for word in words:
        assert word in "\n".join([message, *notes])
    assert (world.fingerprint(), fingerprint(bad)) == before


# The table of arrays: entry points x kinds of bad arrays -------------------------------------------------------------

FIRST, LAST = "in Sequential[0]: Linear(3, 3)", "in Sequential[2]: Linear(3, 2)"

# For each entry point: how to call it with an array in the place of a good one, the good one, and who and what the
# message names.
ENTRIES = {
    "Linear.forward": (lambda w, a: w.linear.forward(a), normal(4, 3), ("Linear(3, 2)", " x ")),
    "Linear()": (lambda w, a: w.linear(a), normal(4, 3), ("Linear(3, 2)", " x ")),
    "Linear.backward": (lambda w, a: w.linear.backward(a, w.x), normal(4, 2), ("Linear(3, 2)", " dy ")),
    "Linear.backward_parameters": (
        lambda w, a: w.linear.backward_parameters(a, w.x),
        normal(4, 2),
        ("Linear(3, 2)", " dy "),
    ),
    "Sigmoid.forward": (lambda w, a: w.sigmoid.forward(a), normal(4, 3), ("Sigmoid()", " x ")),
    "Sigmoid()": (lambda w, a: w.sigmoid(a), normal(4, 3), ("Sigmoid()", " x ")),
    "Sigmoid.backward": (lambda w, a: w.sigmoid.backward(a, w.x), normal(4, 3), ("Sigmoid()", " dy ")),
    "Tanh.forward": (lambda w, a: w.tanh.forward(a), normal(4, 3), ("Tanh()", " x ")),
    "Tanh()": (lambda w, a: w.tanh(a), normal(4, 3), ("Tanh()", " x ")),
    "Tanh.backward": (lambda w, a: w.tanh.backward(a, w.x), normal(4, 3), ("Tanh()", " dy ")),
    "MSELoss.forward, y": (lambda w, a: w.mse.forward(a, w.target), normal(4, 2), ("MSELoss()",)),
    "MSELoss.forward, target": (lambda w, a: w.mse.forward(w.y, a), normal(4, 2), ("MSELoss()", " target ")),
    "MSELoss()": (lambda w, a: w.mse(w.y, a), normal(4, 2), ("MSELoss()", " target ")),
    "Sequential.forward": (lambda w, a: w.net.forward(a), normal(4, 3), ("Linear(3, 3)", " x ", FIRST)),
    "Sequential()": (lambda w, a: w.net(a), normal(4, 3), ("Linear(3, 3)", " x ", FIRST)),
    "Sequential.backward": (lambda w, a: w.net.backward(a, w.caches), normal(4, 2), ("Linear(3, 2)", " dy ", LAST)),
    "Sequential.backward_parameters": (
        lambda w, a: w.net.backward_parameters(a, w.caches),
        normal(4, 2),
        ("Linear(3, 2)", " dy ", LAST),
    ),
    "backpropagate, x": (
        lambda w, a: backpropagate(w.net, w.mse, a, w.target),
        normal(4, 3),
        ("Linear(3, 3)", " x ", FIRST),
    ),
    "backpropagate, target": (
        lambda w, a: backpropagate(w.net, w.mse, w.x, a),
        normal(4, 2),
        ("MSELoss()", " target "),
    ),
    "Linear, weight": (lambda w, a: Linear(4, 2, weight=a), normal(4, 2), ("Linear", " weight ")),
    "Linear, bias": (lambda w, a: Linear(2, 4, bias=a), normal(4), ("Linear", " bias ")),
    "an initializer's result": (lambda w, a: Linear(4, 2, weight=lambda rng, shape: a), normal(4, 2), ("Linear",)),
    "Parameter": (lambda w, a: Parameter(a), normal(4, 2), ("Parameter", " value ")),
    "check_brick": (lambda w, a: check_brick(w.linear, a), normal(4, 3), ("check_brick", " input 0 ")),
    "numeric_gradient": (lambda w, a: numeric_gradient(lambda: 0.0, a), normal(4, 2), ("numeric_gradient", " array ")),
}
ANY_ROWS = {"Sigmoid.forward", "Sigmoid()", "Tanh.forward", "Tanh()", "MSELoss.forward, y"}
ANY_SHAPE = {"Parameter", "check_brick", "numeric_gradient"}
ANY_FLOAT = {*ANY_ROWS, "an initializer's result", "Parameter", "check_brick"}
INITIAL = {"Linear, weight", "Linear, bias"}  # the table of options has what cannot be an initializer either
ANY_BATCH = {"Linear.forward", "Linear()", "Sequential.forward", "Sequential()", "backpropagate, x"}

# For each kind: how to spoil a good array, the error, what the message says of the array given, and the entry points
# to which it is not bad.
KINDS = {
    "a list": (lambda a: a.tolist(), DtypeError, ("is a list", "numpy.asarray("), set()),
    "a tuple": (lambda a: tuple(a.tolist()), DtypeError, ("is a tuple", "numpy.asarray("), {"backpropagate, x"}),
    "None": (lambda a: None, DtypeError, ("is a NoneType",), INITIAL),
    "a number": (lambda a: 1.0, DtypeError, ("is a float",), set()),
    "a NumPy number": (lambda a: np.float64(1.0), DtypeError, ("is a float64",), set()),
    "a text": (lambda a: "numbers", DtypeError, ("is a str",), {*INITIAL, "check_brick"}),  # there it is a shape
    "a dictionary": (lambda a: {"x": 1.0}, DtypeError, ("is a dict",), INITIAL),
    "a masked array": (lambda a: np.ma.masked_less(a, 0), DtypeError, ("is a MaskedArray", "filled"), set()),
    "a masked array without a mask": (lambda a: np.ma.array(a), DtypeError, ("is a MaskedArray",), set()),
    "a matrix": (lambda a: a.reshape(len(a), -1).view(np.matrix), DtypeError, ("is a matrix", "plain"), set()),
    "integers": (lambda a: a.astype(int), DtypeError, ("int64", ".astype(numpy.float64)"), {"check_brick"}),
    "bools": (lambda a: a > 0, DtypeError, ("bool", ".astype(numpy.float64)"), {"check_brick"}),
    "complex numbers": (lambda a: a + 1j, DtypeError, ("complex128", "real"), set()),
    "objects": (lambda a: a.astype(object), DtypeError, ("dtype object",), set()),
    "texts": (lambda a: a.astype(str), DtypeError, ("dtype <U",), set()),
    "times": (lambda a: a.astype("m8[s]"), DtypeError, ("timedelta64[s]",), set()),
    "float32 for float64": (lambda a: a.astype("f4"), DtypeError, ("float32", ".astype(numpy.float64)"), ANY_FLOAT),
    "the other byte order": (lambda a: a.astype(">f8"), DtypeError, (">f8", ".astype(numpy.float64)"), ANY_FLOAT),
    "no axis": (lambda a: np.array(1.0), ShapeError, ("has shape ()",), ANY_SHAPE),
    "one axis less": (lambda a: a[0], ShapeError, ("has shape (",), ANY_SHAPE | ANY_ROWS | {"Linear, bias"}),
    "one axis more": (lambda a: a[None], ShapeError, ("has shape (1, 4",), ANY_SHAPE | ANY_ROWS | ANY_BATCH),
    "one column more": (
        lambda a: np.zeros((*a.shape[:-1], a.shape[-1] + 1)),
        ShapeError,
        ("has shape (",),
        ANY_SHAPE | ANY_ROWS,
    ),
    "one row more": (
        lambda a: np.zeros((5, *a.shape[1:])),
        ShapeError,
        ("has shape (5", "(4"),
        ANY_SHAPE | ANY_ROWS | ANY_BATCH,
    ),
}
SPOILED = [(entry, kind) for entry in ENTRIES for kind in KINDS if entry not in KINDS[kind][3]]


@pytest.mark.parametrize(("entry", "kind"), SPOILED, ids=[f"{entry} x {kind}" for entry, kind in SPOILED])
def test_a_bad_array_is_refused_with_who_what_is_needed_and_what_was_given(entry, kind):
    call, good, who = ENTRIES[entry]
    spoil, error, given, _ = KINDS[kind]
    world, bad = World(), spoil(good)
    refuse(lambda: call(world, bad), world, bad, error, (*who, *given, "needs"))


def test_a_column_against_a_row_is_never_broadcast():
    column, row = normal(4, 1), normal(4)
    for y, target in ((column, row), (row, column)):
        with pytest.raises(ShapeError, match=r"MSELoss.* needs target of shape"):
            MSELoss().forward(y, target)
    with pytest.raises(ShapeError, match=r"pass target\.reshape\(-1, 1\)"):
        MSELoss().forward(column, row)


# The table of options ------------------------------------------------------------------------------------------------


class Endless:
    def __repr__(self):
        return "x" * 1000


def called(value):
    return getattr(value, "__name__", f"{value!r:.40}")


OF_NAMES = {"Linear, bias by an initializer of matrices"}
OF_SHAPES = {option for option in OPTIONS if option.endswith(", shape") and option != "Reshape, shape"}
BAD_OPTIONS = [(option, number) for option in OPTIONS for number in range(len(OPTIONS[option][1]))]


@pytest.mark.parametrize(
    ("option", "number"), BAD_OPTIONS, ids=[f"{option} = {called(OPTIONS[option][1][n])}" for option, n in BAD_OPTIONS]
)
def test_a_bad_option_is_refused_with_who_what_is_needed_and_what_was_given(option, number):
    call, values, words = OPTIONS[option]
    world, value = World(), values[number]
    refuse(lambda: call(world, value), world, value, (OptionError, DtypeError, ShapeError), words)


@pytest.mark.parametrize("option", [option for option in OPTIONS if option not in OF_NAMES | OF_SHAPES])
def test_a_value_with_an_endless_repr_still_gives_a_short_message(option):
    call, _, words = OPTIONS[option]
    world, bad = World(), Endless()
    refuse(lambda: call(world, bad), world, bad, (OptionError, DtypeError, ShapeError), words[:1])


# What is unusual and taken -------------------------------------------------------------------------------------------

every_brick = every_brick()
SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e308, -1e308, 5e-324]
EXACT = {
    *["Add", "Average", "Concatenate", "Dropout", "Flatten", "GaussianNoise", "LastStep", "LeakyReLU", "MaxPool2d"],
    *["Multiply", "ReLU", "Reshape", "Transpose"],
}
"""They move numbers, or do the same to each: all digits are the same in any layout."""


@every_brick
@given(data=st.data())
def test_nan_infinity_and_the_largest_numbers_pass_up_and_down_without_a_warning(kind, data):
    brick, inputs = data.draw(cases_of(kind))

    def spoil(array):
        if isinstance(array, tuple):
            return tuple(map(spoil, array))
        if array.dtype.kind != "f":
            return array
        places = data.draw(hnp.arrays(bool, array.shape))
        return np.where(places, data.draw(hnp.arrays(float, array.shape, elements=st.sampled_from(SPECIAL))), array)

    inputs, good = tuple(map(spoil, inputs)), inputs
    for parameter in brick.parameters():
        parameter.value = spoil(parameter.value)
    try:
        y, cache = brick.forward(*inputs)
    except RangeError:  # its targets are probabilities
        inputs = (*inputs[:1], *good[1:])
        y, cache = brick.forward(*inputs)
    dy = spoil(like(y)) if isinstance(y, np.ndarray | tuple) else data.draw(st.sampled_from(SPECIAL))
    brick.backward(dy, cache)
    brick.backward_parameters(dy, cache)
    brick(*inputs)


@pytest.mark.parametrize("kind", [Linear, Sigmoid, Tanh, MSELoss], ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_not_a_number_never_comes_out_as_a_number(kind, data):
    brick, inputs = data.draw(cases_of(kind))
    assume(inputs[0].size)
    y, cache = brick.forward(*(np.full_like(array, np.nan) for array in inputs))
    assert np.isnan(y).all()
    assert np.isnan(brick.backward(np.nan if kind is MSELoss else np.full_like(y, np.nan), cache)).all() or not y.size


@every_brick
@given(data=st.data())
def test_any_layout_in_memory_gives_the_same_results_and_is_never_written(kind, data):
    brick, inputs = data.draw(cases_of(kind))
    wanted = None
    for name, layout in LAYOUTS.items():

        def lay_out(array, layout=layout):
            return layout(array) if np.size(array) and np.ndim(array) else array

        twin, given = copy.deepcopy(brick), tuple(map(lay_out, inputs))
        called, (y, cache) = twin(*given), twin.forward(*given)
        dy = tuple(map(lay_out, like(y))) if isinstance(y, tuple) else lay_out(like(y))
        before = fingerprint(*given, dy)
        dx = twin.backward(dy, cache)
        assert fingerprint(*given, dy) == before, name
        found = [*parts(called), *parts(y), *parts(dx), *gradients(twin)]
        assert_close(found, wanted or found, 0 if kind.__name__ in EXACT else 1e-13, name)
        wanted = wanted or found


# Anything at all -----------------------------------------------------------------------------------------------------


@st.composite
def any_arrays(draw):
    dtype = draw(st.one_of(hnp.floating_dtypes(), hnp.scalar_dtypes(), st.just(np.dtype(object))))
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
    raw = np.random.default_rng(draw(st.integers(0, 99))).normal(size=shape)
    with np.errstate(all="ignore"):
        array = np.asarray(
            raw.astype("m8[s]" if dtype.kind == "M" else dtype).astype(dtype), order=draw(st.sampled_from("CF"))
        )
    return array[::-1] if shape and draw(st.booleans()) else array


@every_brick
@given(data=st.data())
def test_any_array_gives_a_result_or_a_legonet_error_and_never_a_warning(kind, data):
    brick, inputs = data.draw(cases_of(kind))
    strange = tuple(data.draw(any_arrays()) for _ in inputs)
    y, cache = brick.forward(*inputs)
    calls = [lambda: brick.forward(*strange), lambda: brick(*strange)]
    if isinstance(y, np.ndarray):
        dy = data.draw(any_arrays())
        calls += [lambda: brick.backward(dy, cache), lambda: brick.backward_parameters(dy, cache)]
    before = fingerprint(*strange, *(parameter.value for parameter in brick.parameters()))
    for call in calls:
        with contextlib.suppress(LegonetError):
            call()
    assert fingerprint(*strange, *(parameter.value for parameter in brick.parameters())) == before
