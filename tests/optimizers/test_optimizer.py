"""What goes for all optimizers."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from legonet import SGD, Adam, AdamW, DtypeError, Linear, OptionError, Parameter, RMSProp, ShapeError
from legonet.optimizers import Group, Optimizer
from strategies import assert_close, fingerprint, normal, seeds

OPTIMIZERS = {
    "SGD": lambda parameters, **options: SGD(parameters, **{"lr": 0.1, **options}),
    "SGD, momentum": lambda parameters, **options: SGD(parameters, **{"lr": 0.1, "momentum": 0.9, **options}),
    "Adam": Adam,
    "AdamW": AdamW,
    "RMSProp": RMSProp,
    "RMSProp, momentum": lambda parameters, **options: RMSProp(parameters, **{"momentum": 0.9, **options}),
}
every_optimizer = pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
scale_free = pytest.mark.parametrize("make", [Adam, AdamW, RMSProp], ids=lambda kind: kind.__name__)
SHAPES = [(2, 3), (3,), (), (0, 4), (2, 3)]


def some_parameters(dtype=np.float64):
    return [Parameter(np.asarray(normal(*shape, seed=seed), dtype)) for seed, shape in enumerate(SHAPES)]


def named(parameters):
    return [(f"bricks.{number}.{'bias' if number % 2 else 'weight'}", each) for number, each in enumerate(parameters)]


def step(optimizer, parameters, seed=0, scale=1.0):
    rng = np.random.default_rng(seed)
    for parameter in parameters:
        parameter.grad += np.asarray(scale * rng.normal(size=parameter.value.shape), parameter.grad.dtype)
    optimizer.step()


def values(parameters):
    return [parameter.value.copy() for parameter in parameters]


def through_pickle(value):
    return pickle.loads(pickle.dumps(value))  # noqa: S301 (its own dump)


@every_optimizer
def test_a_step_uses_the_gradients_up_and_is_counted(make):
    parameters = some_parameters()
    optimizer, before = make(parameters), values(parameters)
    step(optimizer, parameters)
    assert not any(parameter.grad.any() for parameter in parameters)
    assert all((parameter.value != old).all() for parameter, old in zip(parameters, before, strict=True))
    assert optimizer.steps == 1


@every_optimizer
@given(st.lists(seeds, min_size=1, max_size=4))
def test_steps_go_against_the_gradient(make, steps):
    parameters = some_parameters()
    optimizer = make(parameters, weight_decay=0.0)
    before = values(parameters)
    for _ in steps:
        for parameter in parameters:
            parameter.grad += 1.0
        optimizer.step()
    assert all((parameter.value < old).all() for parameter, old in zip(parameters, before, strict=True))


@every_optimizer
def test_a_rate_of_zero_moves_nothing(make):
    parameters = some_parameters()
    optimizer, before = make(parameters, lr=0, weight_decay=0.3), values(parameters)
    for seed in range(3):
        step(optimizer, parameters, seed)
    assert_close(values(parameters), before, 0)


@every_optimizer
@pytest.mark.parametrize("lr", [-1.0, np.nan, np.inf, "0.1", None, True])
def test_a_bad_rate_is_refused_at_any_time_and_the_old_one_stays(make, lr):
    optimizer = make(some_parameters(), lr=0.5)
    with pytest.raises(OptionError, match=f"^{type(optimizer).__name__} needs lr as a finite number >= 0"):
        optimizer.lr = lr
    assert optimizer.lr == 0.5


@every_optimizer
@given(st.lists(seeds, min_size=1, max_size=5))
def test_how_the_numbers_are_divided_among_parameters_does_not_matter(make, steps):
    whole, pieces = [Parameter(normal(6))], [Parameter(normal(6)[:2]), Parameter(normal(6)[2:].reshape(2, 2))]
    first, second = make(whole, weight_decay=0.1), make(pieces, weight_decay=0.1)
    for seed in steps:
        g = normal(6, seed=seed)
        whole[0].grad += g
        pieces[0].grad += g[:2]
        pieces[1].grad += g[2:].reshape(2, 2)
        first.step()
        second.step()
    np.testing.assert_array_equal(whole[0].value, np.concatenate([piece.value.ravel() for piece in pieces]))


@every_optimizer
def test_parameters_of_several_dtypes_are_updated_as_if_alone(make):
    dtypes = [np.float16, np.float32, np.float64, np.longdouble]
    alone, together = ([some_parameters(dtype) for dtype in dtypes] for _ in range(2))
    mixed = [parameter for four in zip(*together, strict=True) for parameter in four]
    one, many = make(mixed, weight_decay=0.1), [make(some, weight_decay=0.1) for some in alone]
    for seed in range(3):
        for each, some, optimizer in zip(alone, together, many, strict=True):
            step(optimizer, each, seed)
            rng = np.random.default_rng(seed)
            for parameter in some:
                parameter.grad += np.asarray(rng.normal(size=parameter.value.shape), parameter.grad.dtype)
        one.step()
    for dtype, each, some in zip(dtypes, alone, together, strict=True):
        for parameter, other in zip(each, some, strict=True):
            assert parameter.value.dtype == other.value.dtype == other.grad.dtype == dtype
            np.testing.assert_array_equal(parameter.value, other.value)


@every_optimizer
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_fewer_digits_go_the_same_way(make, dtype):
    exact, rough = some_parameters(np.float16), some_parameters(np.float16)
    exact = [Parameter(parameter.value.astype(float)) for parameter in exact]
    rough = [Parameter(parameter.value.astype(dtype)) for parameter in rough]
    first, second = make(exact), make(rough)
    for seed in range(10):
        rng = np.random.default_rng(seed)
        for one, other in zip(exact, rough, strict=True):
            g = np.asarray(rng.normal(size=one.value.shape), np.float16)
            one.grad += g
            other.grad += g
        first.step()
        second.step()
    assert_close(values(rough), values(exact), 0.02 if dtype is np.float16 else 2e-6)


@scale_free
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_steps_do_not_depend_on_the_scale_of_the_gradients(make, dtype):
    scales = {np.float16: [2.0**-4, 2.0**12], np.float32: [2.0**-30, 2.0**60], np.float64: [2.0**-500, 2.0**500]}
    found = []
    for scale in [1.0, *scales[dtype]]:
        parameters = some_parameters(dtype)
        optimizer = make(parameters, eps=1e-20, weight_decay=0.0)
        for seed in range(5):
            step(optimizer, parameters, seed, scale)
        found.append(values(parameters))
    tolerance = 4 * float(np.finfo(dtype).eps)
    assert_close(found[2], found[0], tolerance)
    if dtype is not np.float64:  # there, the scale falls below eps
        assert_close(found[1], found[0], max(tolerance, 1e-3 if dtype is np.float16 else 1e-4))


@scale_free
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_huge_gradient_does_not_stop_a_parameter_for_ever(make, dtype):
    huge = {np.float16: 6e4, np.float32: 3e38, np.float64: 1e200}[dtype]
    weight = Parameter(np.zeros(3, dtype))
    optimizer = make([weight], lr=0.01, weight_decay=0.0)
    weight.grad[:] = [huge, -huge, 1.0]
    optimizer.step()
    first = weight.value.copy()
    assert_close([first[0], first[1]], [first[2], -first[2]], 1e-2 if dtype is np.float16 else 1e-6)
    weight.grad[:] = [huge, -huge, 1.0]
    optimizer.step()
    assert (np.abs(weight.value) > np.abs(first)).all()


@scale_free
def test_a_tiny_gradient_makes_a_tiny_step_and_none_makes_none(make):
    weight = Parameter(np.array([1.0, 0.0, 0.0]))
    optimizer = make([weight], lr=0.1, weight_decay=0.0)
    weight.grad[:] = [0.0, 1e-320, -1e-160]
    optimizer.step()
    assert weight.value[0] == 1.0
    assert -1e-300 < weight.value[1] <= 0.0
    assert 0.0 < weight.value[2] < 1e-150


@scale_free
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@given(exponent=st.integers(-330, 0))
def test_no_step_is_huge_because_a_square_vanishes(make, dtype, exponent):
    with np.errstate(under="ignore"):
        weight = Parameter(np.zeros(1, dtype))
        optimizer = make([weight], lr=0.25, eps=1e-20, weight_decay=0.0)
        weight.grad += np.asarray(float(f"1e{exponent}"), dtype)
        optimizer.step()
    assert -2.6 < float(weight.value[0]) <= 0.0


@every_optimizer
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_stays_so_without_a_warning_and_alone(make, bad, weight_decay):
    weight, twin = Parameter(np.array([1.0, 1.0, 1.0])), Parameter(np.array([1.0, 1.0, 1.0]))
    optimizer, other = make([weight], weight_decay=weight_decay), make([twin], weight_decay=weight_decay)
    for first in (bad, 0.5, 0.5):
        weight.grad[:] = [first, 1e200, 0.5]
        twin.grad[:] = [0.5, 1e200, 0.5]
        optimizer.step()
        other.step()
        assert not np.isfinite(weight.value[0])
    assert weight.value[1:].tolist() == twin.value[1:].tolist()
    assert not weight.grad.any()


@every_optimizer
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_parameter_that_is_not_finite_does_not_become_so(make, bad):
    weight = Parameter(np.array([bad, 1.0]))
    optimizer = make([weight], weight_decay=0.1)
    for _ in range(3):
        weight.grad += 0.5
        optimizer.step()
    assert np.isfinite(weight.value).tolist() == [False, True]


@every_optimizer
@pytest.mark.parametrize("duplicate", [copy.deepcopy, through_pickle])
def test_a_copy_goes_on_bit_by_bit_as_the_original_would(make, duplicate):
    parameters = some_parameters()
    optimizer = make(named(parameters), groups=[Group("*bias", weight_decay=0.0), Group("*.0.*", lr_factor=0.5)])
    for seed in range(3):
        step(optimizer, parameters, seed)
    copies, copied = duplicate((parameters, optimizer))
    step(copied, copies, 3)
    unmoved = values(parameters)
    for seed in range(4, 7):
        step(copied, copies, seed)
    assert_close(values(parameters), unmoved, 0)
    for seed in range(3, 7):
        step(optimizer, parameters, seed)
    assert fingerprint(*values(parameters)) == fingerprint(*values(copies))
    assert repr(copied) == repr(optimizer)
    assert copied.steps == optimizer.steps == 7


@every_optimizer
@pytest.mark.parametrize("attribute", ["value", "grad"])
def test_it_follows_arrays_that_were_replaced(make, attribute):
    parameters, twins = some_parameters(), some_parameters()
    optimizer, other = make(parameters), make(twins)
    for seed in range(3):
        step(optimizer, parameters, seed)
        step(other, twins, seed)
        for parameter in parameters[::2]:
            setattr(parameter, attribute, getattr(parameter, attribute).copy(order="F"))
    step(optimizer, parameters, 9)
    step(other, twins, 9)
    assert fingerprint(*values(parameters)) == fingerprint(*values(twins))


@every_optimizer
def test_a_step_that_must_fail_moves_nothing_and_is_not_counted(make):
    parameters = some_parameters()
    optimizer = make(parameters)
    step(optimizer, parameters)
    parameters[4].grad = np.zeros((3, 2))
    before = fingerprint(*parameters, optimizer.steps)
    with pytest.raises((ShapeError, DtypeError), match=r"Parameter.* needs grad "):
        optimizer.step()
    assert fingerprint(*parameters, optimizer.steps) == before


@every_optimizer
def test_groups_go_for_whom_they_name(make):
    parameters, twins = some_parameters(), some_parameters()
    groups = [
        Group("*bias", weight_decay=0.0),
        Group("bricks.0.*", frozen=True),
        Group("bricks.4.weight", lr_factor=0.1),
        Group("bricks.3.*", weight_decay=0.5, lr_factor=0.0),
    ]
    optimizer = make(named(parameters), lr=0.1, weight_decay=0.3, groups=groups)
    others = [
        make(twins[1:2], lr=0.1, weight_decay=0.0),
        make(twins[2:3], lr=0.1, weight_decay=0.3),
        make(twins[4:5], lr=0.1 * 0.1, weight_decay=0.3),
    ]
    for seed in range(4):
        optimizer.lr = 0.1 / (seed + 1)
        for number, other in enumerate(others):
            other.lr = optimizer.lr * (0.1 if number == 2 else 1.0)
        step(optimizer, parameters, seed)
        rng = np.random.default_rng(seed)
        for twin in twins:
            twin.grad += rng.normal(size=twin.value.shape)
        twins[0].zero_grad()
        for other in others:
            other.step()
        assert not any(parameter.grad.any() for parameter in parameters)
    assert fingerprint(*values(parameters)) == fingerprint(*values(twins))


@every_optimizer
def test_with_all_frozen_nothing_moves(make):
    parameters = some_parameters()
    optimizer, before = make(named(parameters), weight_decay=0.1, groups=[Group("*", frozen=True)]), values(parameters)
    step(optimizer, parameters)
    assert_close(values(parameters), before, 0)
    assert not any(parameter.grad.any() for parameter in parameters)


@every_optimizer
def test_named_parameters_are_taken_without_groups_too(make):
    linear, twin = Linear(2, 3, rng=0), Linear(2, 3, rng=0)
    step(make(linear.named_parameters()), linear.parameters())
    step(make(twin.parameters()), twin.parameters())
    assert fingerprint(*linear.parameters()) == fingerprint(*twin.parameters())


def test_no_optimizer_of_ones_own_needs_more_than_its_formula():
    class Halve(Optimizer):
        def update(self, theta, g, slots, lr, weight_decay):
            assert [slot.shape for slot in slots] == [theta.shape]
            slots[0] += 1.0
            theta *= 0.5 * lr + weight_decay

    weight = Parameter(np.array([8.0]))
    halve = Halve([weight], lr=1.0, weight_decay=0.25, slots=1)
    halve.step()
    halve.step()
    assert weight.value.tolist() == [4.5]
    with pytest.raises(OptionError, match=r"^Halve needs lr "):
        halve.lr = -1


OWN_OPTIONS = {
    SGD: {"momentum": 0.5, "nesterov": True, "weight_decay": 0.1},
    Adam: {"beta1": 0.5, "beta2": 0.6, "eps": 1e-3, "weight_decay": 0.1},
    AdamW: {"beta1": 0.5, "beta2": 0.6, "eps": 1e-3, "weight_decay": 0.1},
    RMSProp: {"rho": 0.5, "eps": 1e-3, "momentum": 0.6, "weight_decay": 0.1},
}


@pytest.mark.parametrize("kind", OWN_OPTIONS, ids=lambda kind: kind.__name__)
def test_only_the_rate_changes_and_the_other_options_can_be_read(kind):
    parameters = named(some_parameters())
    options, groups = OWN_OPTIONS[kind], [Group("*bias", weight_decay=0.0)]
    plain, given = kind(parameters, lr=0.1), kind(parameters, lr=0.1, groups=iter(groups), **options)
    assert {name: getattr(given, name) for name in options} == options
    assert given.groups == tuple(groups)
    assert plain.groups == ()
    for optimizer in (plain, given):
        for name, value in {**options, "groups": groups}.items():
            with pytest.raises(AttributeError, match=name):
                setattr(optimizer, name, value)
        step(optimizer, [parameter for _, parameter in parameters])


def test_groups_are_printed_if_there_are_any():
    groups = [Group("*bias", weight_decay=0.0), Group("bricks.0.*", frozen=True)]
    sgd = SGD(named(some_parameters()), lr=0.1, groups=groups)
    printed = "[Group('*bias', weight_decay=0.0), Group('bricks.0.*', frozen=True)]"
    assert repr(sgd) == f"SGD(lr=0.1, momentum=0, nesterov=False, weight_decay=0, groups={printed})"


def test_an_optimizer_of_ones_own_prints_the_options_that_it_names():
    class Halve(Optimizer):
        shown = ("share",)
        share = 0.5

        def update(self, theta, g, slots, lr, weight_decay):
            theta *= self.share

    assert repr(Halve(some_parameters(), lr=0.25)) == "Halve(lr=0.25, share=0.5, weight_decay=0)"


@pytest.mark.parametrize(
    ("optimizer", "text"),
    [
        (
            Adam([Parameter(np.zeros(2))], lr=0.1, eps=1e-6),
            "Adam(lr=0.1, beta1=0.9, beta2=0.999, eps=1e-06, weight_decay=0)",
        ),
        (
            AdamW([Parameter(np.zeros(2))], beta1=0.5),
            "AdamW(lr=0.001, beta1=0.5, beta2=0.999, eps=1e-08, weight_decay=0.01)",
        ),
        (
            RMSProp([Parameter(np.zeros(2))], momentum=0.5),
            "RMSProp(lr=0.01, rho=0.99, eps=1e-08, momentum=0.5, weight_decay=0)",
        ),
    ],
)
def test_it_prints_its_options(optimizer, text):
    assert repr(optimizer) == text
