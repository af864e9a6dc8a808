import inspect

import mpmath
import numpy as np
import pytest

from legonet import Softplus
from legonet.testing import brick_test
from strategies import LAYOUTS, normal
from ulp import EVERY_FLOAT16, WORST_POINTS, error_in_ulp, float16_error_in_ulp, points

softplus = Softplus()

test_its_derivative = brick_test(Softplus, "(batch, ...)", independent_rows=True)


def exact(x):
    return mpmath.log1p(mpmath.exp(x)) if x < 0 else x + mpmath.log1p(mpmath.exp(-x))


def exact_slope(x):
    return 1 / (1 + mpmath.exp(-x))


def slope(x):
    y, cache = softplus.forward(x)
    return softplus.backward(np.ones_like(y), cache)


def test_the_numbers_worked_by_hand():
    y, cache = softplus.forward(np.log([[1.0, 3.0], [1 / 3, 7.0]]))
    np.testing.assert_allclose(y, np.log([[2.0, 4.0], [4 / 3, 8.0]]), rtol=1e-14)
    dx = softplus.backward(np.array([[1.0, 4.0], [-4.0, 8.0]]), cache)
    np.testing.assert_allclose(dx, [[0.5, 3.0], [-1.0, 7.0]], rtol=1e-14)


@pytest.mark.parametrize("x", [WORST_POINTS, points(np.float64)], ids=["worst points", "all exponents"])
def test_values_are_within_2_ulp_of_the_truth_and_slopes_within_4(x):
    assert error_in_ulp(softplus, exact, x) <= 2
    assert error_in_ulp(slope, exact_slope, x) <= 4


def test_float32_values_and_slopes_are_within_4_ulp_of_the_truth():
    assert error_in_ulp(softplus, exact, points(np.float32)) <= 4
    assert error_in_ulp(slope, exact_slope, points(np.float32)) <= 4


def test_every_float16_value_is_within_2_ulp_of_the_truth_and_every_slope_within_4():
    assert float16_error_in_ulp(softplus) <= 2
    assert float16_error_in_ulp(slope) <= 4


def test_there_is_no_threshold_from_which_on_it_is_the_identity():
    x = 20.007
    np.testing.assert_allclose(softplus(np.array([x]))[0] - x, 2.0469e-9, rtol=1e-4)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_no_finite_number_gives_a_warning(dtype):
    finite = points(dtype) if dtype != np.float16 else EVERY_FLOAT16[np.isfinite(EVERY_FLOAT16)]
    with np.errstate(under="ignore"):
        y, cache = inspect.unwrap(Softplus.forward)(softplus, finite)
        inspect.unwrap(Softplus.backward)(softplus, np.ones_like(y), cache)


def test_not_a_number_stays_one_and_infinity_gives_the_ends():
    x = np.array([np.nan, np.inf, -np.inf])
    np.testing.assert_array_equal(softplus(x), [np.nan, np.inf, 0.0])
    np.testing.assert_array_equal(slope(x), [np.nan, 1.0, 0.0])


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_the_layout_in_memory_changes_nothing(layout):
    x, dy = normal(5, 4, seed=1), normal(5, 4, seed=2)
    np.testing.assert_allclose(softplus(layout(x)), softplus(x), rtol=1e-15)
    np.testing.assert_allclose(softplus.backward(layout(dy), layout(x)), dy * slope(x), rtol=1e-15)


def test_it_prints_as_it_is_written():
    assert repr(Softplus()) == "Softplus()"
