import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from legonet import SGD, DtypeError, Linear, OptionError, Parameter, Sequential, ShapeError, Sigmoid
from strategies import assert_close, fingerprint, normal, seeds

SHAPES = [(2, 3), (3,), (), (2, 3), (0, 4)]
TOLERANCES = {np.float16: 0.02, np.float32: 1e-5, np.float64: 1e-11}


@st.composite
def options(draw):
    momentum = draw(st.one_of(st.just(0.0), st.floats(0.01, 0.99)))
    return {
        "lr": draw(st.floats(1e-4, 1.0)),
        "momentum": momentum,
        "nesterov": bool(momentum) and draw(st.booleans()),
        "weight_decay": draw(st.one_of(st.just(0.0), st.floats(0.01, 0.5))),
    }


class Loop:
    """The formulas, one parameter at a time, on values of its own."""

    def __init__(self, parameters, *, lr, momentum=0.0, nesterov=False, weight_decay=0.0):
        self.values = [parameter.value.copy() for parameter in parameters]
        self.velocities = [np.zeros_like(value) for value in self.values]
        self.lr, self.momentum, self.nesterov, self.weight_decay = lr, momentum, nesterov, weight_decay

    def step(self, gradients):
        for place, gradient in enumerate(gradients):
            g = gradient + self.weight_decay * self.values[place]
            v = self.velocities[place] = self.momentum * self.velocities[place] + g
            self.values[place] = self.values[place] - self.lr * (g + self.momentum * v if self.nesterov else v)


def some_parameters(dtype=np.float64):
    return [Parameter(np.asarray(normal(*shape, seed=seed), dtype)) for seed, shape in enumerate(SHAPES)]


def add_gradients(parameters, seed):
    """Add what a backward pass might add, and return what there is then."""
    rng = np.random.default_rng(seed)
    for parameter in parameters:
        parameter.grad += np.asarray(rng.normal(size=parameter.value.shape), parameter.grad.dtype)
    return [parameter.grad.copy() for parameter in parameters]


def step_both(parameters, sgd, loop, seed=0, tolerance=1e-11):
    loop.step(add_gradients(parameters, seed))
    sgd.step()
    assert_close([parameter.value for parameter in parameters], loop.values, tolerance)
    assert not any(parameter.grad.any() for parameter in parameters)


def test_a_plain_step_worked_by_hand():
    weight = Parameter(np.array([[1.0, 2.0]]))
    weight.grad += np.array([[10.0, -20.0]])
    SGD([weight], lr=0.25).step()
    assert weight.value.tolist() == [[-1.5, 7.0]]
    assert weight.grad.tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize(
    ("options", "values"),
    [
        ({"momentum": 0.5}, [6.0, 0.0, -7.0]),
        ({"momentum": 0.5, "nesterov": True}, [4.0, -3.0, -10.5]),
        ({"weight_decay": 0.5}, [1.0, -3.5, -5.75]),
        ({"momentum": 0.5, "weight_decay": 0.5}, [1.0, -8.0, -12.5]),
        ({"momentum": 0.5, "nesterov": True, "weight_decay": 0.5}, [-3.5, -9.125, -9.96875]),
    ],
    ids=str,
)
def test_three_steps_worked_by_hand(options, values):
    weight, found = Parameter(np.array([10.0])), []
    sgd = SGD([weight], lr=1.0, **options)
    for _ in values:
        weight.grad += 4.0
        sgd.step()
        found.append(float(weight.value[0]))
    assert found == values


@given(options(), st.lists(seeds, min_size=1, max_size=12))
def test_many_steps_equal_a_loop_over_the_parameters(options, steps):
    parameters = some_parameters()
    sgd, loop = SGD(parameters, **options), Loop(parameters, **options)
    for seed in steps:
        step_both(parameters, sgd, loop, seed)


@given(options(), seeds)
def test_parameters_of_several_dtypes_keep_them(options, seed):
    groups = {dtype: some_parameters(dtype) for dtype in TOLERANCES}
    mixed = [parameter for trio in zip(*groups.values(), strict=True) for parameter in trio]
    loops = {dtype: Loop(group, **options) for dtype, group in groups.items()}
    sgd = SGD(mixed, **options)
    for step in range(3):
        for dtype, group in groups.items():
            loops[dtype].step(add_gradients(group, (seed, step)))
        sgd.step()
    for dtype, group in groups.items():
        assert {array.dtype for p in group for array in (p.value, p.grad)} == {np.dtype(dtype)}
        assert_close([parameter.value for parameter in group], loops[dtype].values, TOLERANCES[dtype])


def replace_value(parameters, loop, seed):
    parameters[0].value = normal(2, 3, seed=seed)
    loop.values[0] = normal(2, 3, seed=seed)


def replace_value_by_fortran_order(parameters, loop, seed):
    parameters[3].value = np.asfortranarray(parameters[3].value)


def replace_gradient(parameters, loop, seed):
    parameters[1].grad = normal(3, seed=seed)


def add_to_gradient_out_of_place(parameters, loop, seed):
    parameters[0].grad = parameters[0].grad + 1.0


def swap_values(parameters, loop, seed):
    first, second = parameters[0], parameters[3]
    first.value, second.value = second.value, first.value
    loop.values[0], loop.values[3] = loop.values[3], loop.values[0]


def swap_gradients(parameters, loop, seed):
    first, second = parameters[0], parameters[3]
    first.grad, second.grad = second.grad, first.grad


def share_one_array(parameters, loop, seed):
    parameters[3].value = parameters[0].value
    loop.values[3] = loop.values[0].copy()


def write_in_place(parameters, loop, seed):
    parameters[1].value[:] = 2.0
    loop.values[1] = np.full(3, 2.0)


EVENTS = [
    replace_value,
    replace_value_by_fortran_order,
    replace_gradient,
    add_to_gradient_out_of_place,
    swap_values,
    swap_gradients,
    share_one_array,
    write_in_place,
]


@given(options(), st.lists(st.tuples(st.sampled_from(EVENTS), seeds), min_size=1, max_size=8))
def test_it_follows_arrays_that_were_replaced_or_swapped(options, events):
    parameters = some_parameters()
    sgd, loop = SGD(parameters, **options), Loop(parameters, **options)
    step_both(parameters, sgd, loop)
    for event, seed in events:
        add_gradients(parameters, seed)
        event(parameters, loop, seed)
        step_both(parameters, sgd, loop, seed)


def through_pickle(value):
    return pickle.loads(pickle.dumps(value))  # noqa: S301 (its own dump)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, through_pickle])
@given(options())
def test_a_copy_of_network_and_optimizer_goes_on_alone(duplicate, options):
    parameters = some_parameters()
    sgd, loop = SGD(parameters, **options), Loop(parameters, **options)
    step_both(parameters, sgd, loop)
    copies, copied_sgd = duplicate((parameters, sgd))
    copied_loop = copy.deepcopy(loop)
    for seed in range(3):
        step_both(copies, copied_sgd, copied_loop, seed)
    assert_close([parameter.value for parameter in parameters], loop.values)
    step_both(parameters, sgd, loop, seed=7)
    assert_close([parameter.value for parameter in copies], copied_loop.values)


@given(options(), options(), st.lists(st.booleans(), min_size=2, max_size=8))
def test_two_optimizers_may_share_parameters(first, second, turns):
    parameters = some_parameters()
    sgds, loops = ([kind(parameters, **o) for o in (first, second)] for kind in (SGD, Loop))
    loops[1].values = loops[0].values
    for seed, turn in enumerate(turns):
        step_both(parameters, sgds[turn], loops[turn], seed)


def test_an_optimizer_of_some_parameters_leaves_the_others_alone():
    net = Sequential(Linear(2, 3, rng=0), Sigmoid(), Linear(3, 1, rng=1))
    whole, part = SGD(net.parameters(), lr=0.1), SGD(net[2].parameters(), lr=0.1)
    others = fingerprint(*net[0].parameters())
    net[2].weight.grad += 1.0
    wanted = net[2].weight.value - 0.1
    part.step()
    assert fingerprint(*net[0].parameters()) == others
    assert_close([net[2].weight.value], [wanted])
    whole.step()
    assert_close([net[2].weight.value], [wanted])


def test_gradients_of_several_backward_passes_add_up():
    linear = Linear(2, 1, weight=np.zeros((2, 1)))
    sgd = SGD(linear.parameters(), lr=1.0)
    for x in ([[1.0, 2.0]], [[10.0, 20.0]]):
        linear.backward(np.array([[1.0]]), np.array(x))
    sgd.step()
    assert linear.weight.value.tolist() == [[-11.0], [-22.0]]
    assert linear.bias.value.tolist() == [-2.0]


def test_gradients_from_before_the_optimizer_are_used():
    weight = Parameter(np.array([1.0]))
    weight.grad += 1.0
    SGD([weight], lr=1.0).step()
    assert weight.value.tolist() == [0.0]


def test_a_step_without_new_gradients_moves_by_momentum_alone():
    weight = Parameter(np.array([0.0]))
    sgd = SGD([weight], lr=1.0, momentum=0.5)
    weight.grad += 8.0
    values = []
    for _ in range(3):
        sgd.step()
        values.append(float(weight.value[0]))
    assert values == [-8.0, -12.0, -14.0]


def test_the_rate_may_be_changed_between_steps_and_acts_at_once():
    weight = Parameter(np.array([0.0]))
    sgd = SGD([weight], lr=1.0, momentum=0.5)
    weight.grad += 8.0
    sgd.step()
    sgd.lr = 0.25
    sgd.step()
    assert sgd.lr == 0.25
    assert weight.value.tolist() == [-9.0]


@pytest.mark.parametrize("lr", [-1.0, np.nan, np.inf, "0.1", None, True])
def test_a_bad_rate_is_refused_at_any_time_and_the_old_one_stays(lr):
    sgd = SGD(some_parameters(), lr=0.5)
    with pytest.raises(OptionError, match="SGD needs lr as a finite number >= 0"):
        sgd.lr = lr
    assert sgd.lr == 0.5


def test_arrays_handed_in_are_never_written():
    handed_in = [normal(2, 3), normal(2, 3, seed=1), normal(2, 3, seed=2)]
    before = fingerprint(*handed_in)
    parameter = Parameter(handed_in[0])
    sgd = SGD([parameter], lr=0.1, momentum=0.9)
    sgd.step()
    parameter.value, parameter.grad = handed_in[1:]
    sgd.step()
    parameter.grad += 1.0
    parameter.zero_grad()
    assert fingerprint(*handed_in) == before


@pytest.mark.parametrize("bad", [np.zeros((3, 2)), np.zeros((2, 3), np.float32), [[0.0] * 3] * 2], ids=type)
@pytest.mark.parametrize("attribute", ["value", "grad"])
def test_a_step_that_must_fail_moves_nothing(attribute, bad):
    parameters = some_parameters()
    sgd = SGD([*parameters, other := Parameter(normal(2, 3, dtype=np.float32))], lr=0.1)
    add_gradients([*parameters, other], 0)
    setattr(parameters[3], attribute, bad)
    watched = [*parameters[:3], other]
    before = fingerprint(*watched)
    with pytest.raises((ShapeError, DtypeError), match=f"Parameter.* needs {attribute} "):
        sgd.step()
    assert fingerprint(*watched) == before


def test_a_gradient_that_is_not_a_number_does_not_warn_and_does_not_stay():
    weight = Parameter(np.array([1.0, 1.0]))
    sgd = SGD([weight], lr=1e308)
    weight.grad += np.array([np.nan, 1e308])
    sgd.step()
    np.testing.assert_array_equal(weight.value, [np.nan, -np.inf])
    assert weight.grad.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("nesterov", ["no", 0, None, [False]])
def test_a_nesterov_that_is_neither_true_nor_false_is_refused(nesterov):
    with pytest.raises(OptionError, match=r"^SGD needs nesterov as True or False, but nesterov is "):
        SGD(some_parameters(), lr=0.1, momentum=0.9, nesterov=nesterov)


def test_it_prints_its_options():
    sgd = SGD(some_parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-4)
    assert repr(sgd) == "SGD(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.0001)"
