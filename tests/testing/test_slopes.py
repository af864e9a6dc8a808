"""Derivatives with error bars: they hold the derivative, they find kinks, and they know what they do not know."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from legonet import Brick
from legonet.testing.probe import Probe
from legonet.testing.slopes import Line, Slopes, quick_difference, slopes, steps_for
from strategies import normal
from testing.bricks import Pointwise

SMOOTH = {
    "sin": (np.sin, np.cos),
    "exp": (np.exp, np.exp),
    "cube": (lambda x: x**3, lambda x: 3 * x**2),
    "tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "fast sine": (lambda x: np.sin(300 * x), lambda x: 300 * np.cos(300 * x)),
    "Runge": (lambda x: 1 / (1 + 25 * x**2), lambda x: -50 * x / (1 + 25 * x**2) ** 2),
    "constant": (lambda x: 0 * x + 3, lambda x: 0 * x),
    "line": (lambda x: 7 * x - 2, lambda x: 0 * x + 7),
}


def probe_of(function, x, bounds=((-np.inf, np.inf),)):
    return Probe(Pointwise(function, lambda x: 0 * x), [np.asarray(x, dtype=np.float64)], bounds=bounds)


def slopes_of(function, x, **options):
    probe = probe_of(function, [x], **options)
    return slopes(Line(probe, [(probe.variables[0], (0,))]))


@given(st.sampled_from(list(SMOOTH)), st.floats(-3, 3).filter(lambda x: x == 0 or abs(x) > 1e-12))
def test_the_error_bar_holds_the_derivative_of_a_smooth_function(name, x):
    function, derivative = SMOOTH[name]
    found = slopes_of(function, x)
    assert not found.kink.any()
    true = float(derivative(np.float64(x)))
    assert abs(found.low[0] - true) <= 3 * found.error[0] + 1e-12 * abs(true)
    assert found.error[0] <= 1e-5 * max(1.0, abs(true))


@given(st.floats(-8, 8))
def test_numbers_of_all_sizes_are_resolved(power):
    x = 10.0**power
    found = slopes_of(lambda x: x**2, x)
    assert abs(found.low[0] - 2 * x) <= 3 * found.error[0] + 1e-14 * x
    assert found.error[0] <= 1e-6 * x


@pytest.mark.parametrize(
    ("function", "ends"),
    [
        (np.abs, (-1, 1)),
        (lambda x: np.maximum(x, 0), (0, 1)),
        (lambda x: np.where(x > 0, x, 0.1 * x), (0.1, 1)),
        (lambda x: np.minimum(np.sin(x), 2 * x), (1, 2)),
        (lambda x: np.where(x > 0, np.expm1(x), -3 * x), (-3, 1)),
    ],
)
def test_at_a_kink_both_one_sided_slopes_are_found(function, ends):
    found = slopes_of(function, 0.0)
    assert found.kink.all()
    np.testing.assert_allclose([found.low[0], found.high[0]], ends, atol=1e-6)


def test_near_a_kink_there_is_none():
    found = slopes_of(np.abs, 0.01)
    assert not found.kink.any()
    np.testing.assert_allclose(found.low, 1)


@pytest.mark.parametrize(("x", "bounds"), [(0.0, (0, np.inf)), (1.0, (-np.inf, 1)), (0.0, (0, 1)), (1.0, (0, 1))])
def test_at_an_end_of_the_domain_one_side_is_enough(x, bounds):
    found = slopes_of(np.exp, x, bounds=[bounds])
    np.testing.assert_allclose([found.low[0], found.high[0]], np.exp(x), rtol=1e-6)


def test_no_step_leaves_the_domain():
    seen = []
    slopes_of(lambda x: (seen.append(x.copy()), x**2)[1], 0.7, bounds=[(0.5, 1)])
    assert 0.5 <= np.min(seen) <= np.max(seen) <= 1


def test_where_forward_raises_on_one_side_the_other_is_enough():
    def root(x):
        if np.any(x < 0):
            raise ValueError("negative")
        return x**1.5 + x

    found = slopes_of(root, 0.0)
    assert abs(found.low[0] - 1) <= 3 * found.error[0]


def test_where_forward_raises_all_around_nothing_is_known():
    calls = []

    def once(x):
        calls.append(x)
        if len(calls) > 1:
            raise ValueError("once")
        return x

    assert np.isinf(slopes_of(once, 1.0).error).all()


def test_where_the_function_is_not_finite_nothing_is_known():
    found = slopes_of(lambda x: np.where(x == 1, np.nan, x), 1.0)
    assert np.isinf(found.error).all()
    assert not found.kink.any()


def test_another_shape_on_the_way_says_nothing():
    found = slopes_of(lambda x: np.concatenate([x, x]) if x[0] > 1 else x, 1.0)
    assert np.isinf(found.error[0]) or abs(found.low[0] - 1) <= 3 * found.error[0]


def test_what_is_coarse_inside_has_a_wide_bar():
    found = slopes_of(lambda x: np.sin(x.astype(np.float32)).astype(np.float64), 0.5)
    assert 1e-7 < found.error[0] < 0.1
    assert abs(found.low[0] - math.cos(0.5)) <= 3 * found.error[0]


def test_a_derivative_lost_in_the_last_digit_has_a_wide_bar():
    assert slopes_of(lambda x: x + 1e15, 1e-3).error[0] > 1


def test_noise_that_is_known_widens_the_bar():
    probe = probe_of(np.sin, [0.5])
    line = Line(probe, [(probe.variables[0], (0,))])
    assert slopes(line, np.array([1e-4])).error[0] > 1e3 * slopes(line).error[0]


def test_along_a_direction_the_slopes_add_up():
    x, way = normal(3), normal(3, seed=1)
    probe = probe_of(lambda x: np.sum(x**2, keepdims=True), x)
    found = slopes(Line(probe, [(probe.variables[0], way)]))
    np.testing.assert_allclose(found.low, 2 * x @ way, rtol=1e-8)


def test_an_array_without_entries_and_outputs_has_no_slopes():
    probe = probe_of(lambda x: x[:0], [1.0])
    assert len(slopes(Line(probe, [(probe.variables[0], (0,))])).low) == 0


@given(st.floats(0.3, 300.0), st.sampled_from([np.sin, np.abs]))
def test_the_entries_are_put_back(x, function):
    probe = probe_of(function, [x, -x])
    before = probe.inputs[0].tobytes()
    slopes(Line(probe, [(probe.variables[0], (1,))]))
    quick_difference(probe, probe.variables[0], (0,))
    assert probe.inputs[0].tobytes() == before


def test_weighted_sums_take_the_worst_of_each_output():
    rest = [np.zeros(2)] * 3
    found = Slopes(np.array([0.0, 1.0]), np.array([1.0, 1.0]), np.array([0.1, np.inf]), np.array([True, False]), *rest)
    assert found.weighted(np.array([-2.0, 0.0])) == (-2.0, 0.0, 0.2)
    assert found.weighted(np.array([1.0, 3.0])) == (3.0, 4.0, np.inf)


def test_the_ladder_reaches_from_a_tenth_to_tiny():
    steps = steps_for(1.0, 1.0)
    assert steps[0] == 0.1
    assert 1e-10 < steps[-1] <= 1e-9
    assert steps_for(1e-6, 1.0)[-1] <= 1e-13
    assert steps_for(1e6, 1e6)[0] == 1e5


def test_a_quick_difference_is_central_and_keeps_to_the_domain():
    probe = probe_of(np.sin, [0.5])
    difference = quick_difference(probe, probe.variables[0], (0,))
    np.testing.assert_allclose(difference, np.cos(0.5), rtol=1e-9)
    probe = probe_of(np.sin, [0.5], [(0.5, 1)])
    assert quick_difference(probe, probe.variables[0], (0,)) is None


def test_a_quick_difference_leaves_errors_to_the_ladder():
    class Raises(Brick):
        def forward(self, x):
            if x[0] != 1:
                raise ValueError
            return x, None

        def backward(self, dy, cache):
            return dy

    probe = Probe(Raises(), [np.ones(1)])
    assert quick_difference(probe, probe.variables[0], (0,)) is None


# -- what tiny steps cannot see ----------------------------------------------------------------------------------------


def slope_at(function, x):
    probe = probe_of(function, [x])
    with np.errstate(all="ignore"):
        return slopes(Line(probe, [(probe.variables[0], (0,))]))


def test_a_larger_step_never_contradicts_a_smaller_one():
    stairs = slope_at(np.round, 1234567.9)  # far apart, the stairs look like a slope of 1
    assert abs(stairs.low[0]) <= stairs.error[0] < 0.1


def test_a_function_in_float32_has_the_noise_of_float32():
    found = slope_at(lambda x: 1.1 * np.exp(x.astype(np.float32)), 1.0)
    assert abs(found.low[0] - 1.1 * math.e) <= found.error[0] < 0.1


def test_where_tiny_changes_are_lost_the_derivative_is_unknown():
    softplus = slope_at(lambda x: np.log(1 + np.exp(x)), -20.0)
    assert abs(softplus.low[0] - math.exp(-20)) <= softplus.error[0]


# -- stairs ------------------------------------------------------------------------------------------------------------


def test_the_slope_of_one_stair_is_not_taken_for_the_derivative():
    found = slopes_of(lambda x: 36.7 * (1 + np.tanh(x / 2)) / 2, -28.7)
    true = 36.7 * math.exp(-28.7)
    assert abs(found.low[0] - true) <= found.error[0]
    assert found.error[0] > 1e-6 * true


def test_nor_is_the_slope_along_a_stair():
    found = slopes_of(lambda x: (x + 350) * (1 + np.tanh((x - 26.5) / 2)) / 2, 0.1)
    gate = math.exp(-26.4)
    assert abs(found.low[0] - (gate + 350.1 * gate)) <= found.error[0]


@pytest.mark.parametrize("x", [544761.3, 0.37, -12.5])
def test_a_cast_to_float32_makes_stairs(x):
    found = slopes_of(lambda x: np.sin(x.astype(np.float32)).astype(np.float64), x)
    assert abs(found.low[0] - np.cos(x)) <= 3 * found.error[0]


def test_standing_still_before_a_kink_is_no_stair():
    found = slopes_of(lambda x: np.maximum(x - 1e-10, 0), 1e-13)
    assert found.low[0] == 0
    assert found.error[0] < 1e-6


def test_a_large_jump_is_no_rounding():
    found = slopes_of(np.floor, 0.9999)
    assert found.low[0] == 0
    assert found.error[0] < 1e-6
