"""What is wrong is refused by name, in few words, and nothing is lost; what is merely unusual is taken."""

import contextlib

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from legonet import (
    SGD,
    Adam,
    AdamW,
    DtypeError,
    L2Regularizer,
    LegonetError,
    Linear,
    MSELoss,
    OptionError,
    Parameter,
    RangeError,
    RMSProp,
    Sequential,
    ShapeError,
    Sigmoid,
    Tanh,
    initializers,
)
from legonet.optimizers import Group, MovingAverage, clip_norm, clip_values
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
    same_draws,
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

RNG = np.random.default_rng(0)
SIZES = [-1, 2.0, True, "2", None, [2]]
RATES = [-0.1, np.nan, np.inf, "0.1", None, True, [0.1], 10**400]
NEGATIVE = [-0.1, np.nan, np.inf, "0.1", None, True]
DTYPES = [int, bool, complex, object, "nonsense", 3, ">U1"]
PARAMETER = Parameter(np.zeros(2))
RNGS = ["seed", -1, 1.5, np.random]
WEIGHTS = ["glorot", 3, {"x": 1.0}]
LISTS = [
    [],
    [1],
    [PARAMETER, PARAMETER],
    None,
    3,
    "ab",
    Linear(2, 2),
    Linear(2, 2).weight,
    [Linear(2, 2)],
    [np.zeros(2)],
]
BRICKS = [None, 3, [Sigmoid()], Sigmoid, np.zeros(2), "Sigmoid"]
MATRIX_INITIALIZERS = ["glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_uniform", "lecun_normal"]


class Endless:
    def __repr__(self):
        return "x" * 1000


def gives_none():
    return None


def gives_an_array():
    return np.zeros(3)


def gives_a_text():
    return "1"


def called(value):
    return getattr(value, "__name__", f"{value!r:.40}")


# For each option: how to call with a value in its place, the values that are bad, and what the message names.
OPTIONS = {
    "Linear, in_features": (lambda w, v: Linear(v, 2), SIZES, ("Linear needs in_features",)),
    "Linear, out_features": (lambda w, v: Linear(2, v), SIZES, ("Linear needs out_features",)),
    "Linear, dtype": (lambda w, v: Linear(2, 3, dtype=v), DTYPES, ("Linear needs dtype",)),
    "Linear, rng": (lambda w, v: Linear(2, 3, rng=v), RNGS, ("Linear needs rng",)),
    "Linear, weight": (lambda w, v: Linear(2, 3, weight=v), [*WEIGHTS, None], ("Linear needs weight", "initializer")),
    "Linear, bias": (lambda w, v: Linear(2, 3, bias=v), [*WEIGHTS, None], ("Linear needs bias", "initializer")),
    "Linear, bias by an initializer of matrices": (
        lambda w, v: Linear(2, 3, bias=getattr(initializers, v)),
        MATRIX_INITIALIZERS,
        ("Linear", "(3,)"),
    ),
    "SGD, parameters": (lambda w, v: SGD(v, lr=0.1), LISTS, ("SGD needs",)),
    "SGD, lr": (lambda w, v: SGD(w.linear.parameters(), lr=v), RATES, ("SGD needs lr", ">= 0")),
    "SGD.lr": (lambda w, v: setattr(w.sgd, "lr", v), RATES, ("SGD needs lr", ">= 0")),
    "SGD, momentum": (
        lambda w, v: SGD(w.linear.parameters(), lr=0.1, momentum=v),
        [*NEGATIVE, 1.0, 1.5],
        ("SGD needs momentum", ">= 0 and < 1"),
    ),
    "SGD, nesterov": (
        lambda w, v: SGD(w.linear.parameters(), lr=0.1, nesterov=v),
        [True, "no", 0, [True]],
        ("SGD needs",),
    ),
    "SGD, weight_decay": (
        lambda w, v: SGD(w.linear.parameters(), lr=0.1, weight_decay=v),
        NEGATIVE,
        ("SGD needs weight_decay", ">= 0"),
    ),
    "SGD, groups": (
        lambda w, v: SGD(w.linear.named_parameters(), lr=0.1, groups=v),
        [None, 3, "ab", Group("*"), [3], ["*"], [Group("*"), None], [Group("*"), Group("wieght")], [Group("x" * 999)]],
        ("SGD needs",),
    ),
    "Group, pattern": (lambda w, v: Group(v), [None, 3, b"*", ["*"]], ("Group needs pattern",)),
    "Group, frozen": (lambda w, v: Group("*", frozen=v), [0, "no", [True]], ("Group needs frozen",)),
    "MovingAverage, parameters": (lambda w, v: MovingAverage(v), LISTS, ("MovingAverage needs",)),
    "MovingAverage, correction": (
        lambda w, v: MovingAverage(w.linear.parameters(), correction=v),
        [None, 0, "no", [True]],
        ("MovingAverage needs correction",),
    ),
    "MovingAverage, decay": (
        lambda w, v: MovingAverage(w.linear.parameters(), decay=v),
        [*NEGATIVE, 1],
        ("MovingAverage needs decay", ">= 0 and < 1"),
    ),
    "L2Regularizer, weights": (lambda w, v: L2Regularizer(v, strength=0.1), LISTS, ("L2Regularizer needs",)),
    "L2Regularizer, strength": (
        lambda w, v: L2Regularizer(w.linear.parameters(), strength=v),
        NEGATIVE,
        ("L2Regularizer needs strength", ">= 0"),
    ),
    "Sequential": (lambda w, v: Sequential(Sigmoid(), v), BRICKS, ("Sequential needs bricks", "number 1")),
    "check_brick, brick": (lambda w, v: check_brick(v, w.x), BRICKS, ("check_brick needs a Brick",)),
    "check_brick, rng": (lambda w, v: check_brick(w.linear, w.x, rng=v), RNGS, ("check_brick needs rng",)),
    "numeric_gradient, function": (
        lambda w, v: numeric_gradient(v, w.x),
        [None, 3, gives_none, gives_an_array, gives_a_text],
        ("numeric_gradient needs",),
    ),
    "backpropagate, net": (lambda w, v: backpropagate(v, w.mse, w.x, w.target), BRICKS, ("backpropagate needs",)),
    "backpropagate, loss": (lambda w, v: backpropagate(w.net, v, w.x, w.target), BRICKS, ("backpropagate needs",)),
    "backpropagate, regularizers": (
        lambda w, v: backpropagate(w.net, w.mse, w.x, w.target, regularizers=v),
        [None, [3], [Sigmoid], "ab", L2Regularizer([PARAMETER], strength=0.1)],
        ("backpropagate needs",),
    ),
    "MSELoss.backward": (
        lambda w, v: w.mse.backward(v, w.y),
        ["1", None, [1.0], np.ones(4)],
        ("MSELoss() needs dloss",),
    ),
    "L2Regularizer.backward": (
        lambda w, v: w.ridge.backward(v, None),
        ["1", None, [1.0], np.ones(4)],
        ("L2Regularizer", "needs dloss"),
    ),
    "constant, value": (
        lambda w, v: initializers.constant(RNG, (2,), value=v),
        ["1", None, np.nan, np.inf],
        ("constant needs value",),
    ),
    "uniform, low": (
        lambda w, v: initializers.uniform(RNG, (2,), low=v),
        ["1", None, np.nan, 0.2],
        ("uniform needs low",),
    ),
    "uniform, high": (
        lambda w, v: initializers.uniform(RNG, (2,), high=v),
        ["1", None, np.inf],
        ("uniform needs high",),
    ),
    "normal, std": (lambda w, v: initializers.normal(RNG, (2,), std=v), NEGATIVE, ("normal needs std",)),
    "orthogonal, gain": (
        lambda w, v: initializers.orthogonal(RNG, (2, 2), gain=v),
        ["1", None, np.nan],
        ("orthogonal needs gain",),
    ),
} | {
    f"{name}, shape": (
        lambda w, v, name=name: getattr(initializers, name)(RNG, v),
        [(), (3,)],
        ("initializer", "(in, ..., out)"),
    )
    for name in [*MATRIX_INITIALIZERS, "orthogonal"]
}
for kind in (Adam, AdamW, RMSProp):
    OPTIONS[f"{kind.__name__}, parameters"] = (lambda w, v, kind=kind: kind(v), LISTS, (f"{kind.__name__} needs",))
    for name, values in {
        "lr": RATES,
        "weight_decay": NEGATIVE,
        "eps": [0, 1e-40, *RATES],
        **{key: [*NEGATIVE, 1] for key in (["rho", "momentum"] if kind is RMSProp else ["beta1", "beta2"])},
    }.items():
        OPTIONS[f"{kind.__name__}, {name}"] = (
            lambda w, v, kind=kind, name=name: kind(w.linear.parameters(), **{name: v}),
            values,
            (f"{kind.__name__} needs {name}", ">= "),
        )
for name in ("lr_factor", "weight_decay"):
    OPTIONS[f"Group, {name}"] = (
        lambda w, v, name=name: Group("*", **{name: v}),
        [value for value in NEGATIVE if value is not None],
        (f"Group needs {name}", ">= 0"),
    )
for clip in (clip_values, clip_norm):
    OPTIONS[f"{clip.__name__}, parameters"] = (lambda w, v, clip=clip: clip(v, 1.0), LISTS, (f"{clip.__name__} needs",))
    OPTIONS[f"{clip.__name__}, limit"] = (
        lambda w, v, clip=clip: clip(w.linear.parameters(), v),
        [0, *RATES],
        (f"{clip.__name__} needs limit", "> 0"),
    )
NAMED = {option for option in OPTIONS if "an initializer of" in option or "shape" in option}
BAD_OPTIONS = [(option, number) for option in OPTIONS for number in range(len(OPTIONS[option][1]))]


@pytest.mark.parametrize(
    ("option", "number"), BAD_OPTIONS, ids=[f"{option} = {called(OPTIONS[option][1][n])}" for option, n in BAD_OPTIONS]
)
def test_a_bad_option_is_refused_with_who_what_is_needed_and_what_was_given(option, number):
    call, values, words = OPTIONS[option]
    world, value = World(), values[number]
    refuse(lambda: call(world, value), world, value, (OptionError, DtypeError, ShapeError), words)


@pytest.mark.parametrize("option", [option for option in OPTIONS if option not in NAMED])
def test_a_value_with_an_endless_repr_still_gives_a_short_message(option):
    call, _, words = OPTIONS[option]
    world, bad = World(), Endless()
    refuse(lambda: call(world, bad), world, bad, (OptionError, DtypeError, ShapeError), words[:1])


# What is unusual and taken -------------------------------------------------------------------------------------------

every_brick = every_brick()
SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e308, -1e308, 5e-324]


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
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@given(data=st.data())
def test_any_layout_in_memory_gives_the_same_results_and_is_never_written(layout, kind, data):
    brick, inputs = data.draw(cases_of(kind))
    results = []
    for lay_out in (np.ascontiguousarray, layout):
        given = [lay_out(array) if array.size else array for array in inputs]
        with same_draws(brick):
            y, cache = brick.forward(*given)
        laid_out = tuple(lay_out(dy) if np.size(dy) and np.ndim(dy) else dy for dy in parts(like(y)))
        dy = laid_out if isinstance(y, tuple) else laid_out[0]
        before = fingerprint(*given, dy)
        dx = brick.backward(dy, cache)
        assert fingerprint(*given, dy) == before
        results.append([*parts(y), *parts(dx), *gradients(brick)])
    assert_close(*results)


@pytest.mark.parametrize("brick", [Sigmoid(), Tanh()], ids=repr)
def test_elementwise_bricks_take_the_other_byte_order_and_give_the_native_one(brick):
    x = normal(4, 3)
    y, cache = brick.forward(x.astype(">f8"))
    assert y.dtype == np.float64
    assert_close([y, brick.backward(np.ones_like(y), cache)], [brick(x), brick.backward(np.ones_like(y), brick(x))])


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
