import inspect

import mpmath
import numpy as np
import pytest

from legonet import Tanh
from strategies import LAYOUTS, normal
from ulp import EVERY_FLOAT16, WORST_POINTS, absolute_error, error_in_ulp, float16_error_in_ulp, points

tanh = Tanh()


def slope(x):
    y, cache = tanh.forward(x)
    return tanh.backward(np.ones_like(y), cache)


def test_the_numbers_worked_by_hand():
    y, cache = tanh.forward(np.log([[1.0, 2.0], [0.5, 3.0]]))
    np.testing.assert_allclose(y, [[0.0, 0.6], [-0.6, 0.8]], rtol=1e-15, atol=1e-16)
    dx = tanh.backward(np.array([[1.0, 2.0], [-4.0, 10.0]]), cache)
    np.testing.assert_allclose(dx, [[1.0, 1.28], [-2.56, 3.6]], rtol=1e-14)


def test_values_are_within_2_ulp_of_the_truth_at_the_worst_points():
    assert error_in_ulp(tanh, mpmath.tanh, WORST_POINTS) <= 2


def test_values_are_within_2_ulp_of_the_truth_over_all_exponents():
    assert error_in_ulp(tanh, mpmath.tanh, points(np.float64)) <= 2


def test_float32_values_are_within_4_ulp_of_the_truth():
    assert error_in_ulp(tanh, mpmath.tanh, points(np.float32)) <= 4


def test_every_float16_value_is_within_2_ulp_of_the_truth():
    assert float16_error_in_ulp(tanh) <= 2


@pytest.mark.parametrize("x", [WORST_POINTS, points(np.float64)], ids=["worst points", "all exponents"])
def test_the_slope_is_within_one_eps_of_the_truth(x):
    assert absolute_error(slope, lambda x: mpmath.sech(x) ** 2, x) <= 1


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_no_finite_number_gives_a_warning(dtype):
    finite = points(dtype) if dtype != np.float16 else EVERY_FLOAT16[np.isfinite(EVERY_FLOAT16)]
    y, cache = inspect.unwrap(Tanh.forward)(tanh, finite)
    inspect.unwrap(Tanh.backward)(tanh, np.ones_like(y), cache)


def test_not_a_number_stays_one_and_infinity_gives_the_ends():
    x = np.array([np.nan, np.inf, -np.inf])
    np.testing.assert_array_equal(inspect.unwrap(Tanh.forward)(tanh, x)[0], [np.nan, 1.0, -1.0])
    np.testing.assert_array_equal(slope(x), [np.nan, 0.0, 0.0])


def test_not_a_number_comes_from_nothing_else_in_every_float16():
    with np.errstate(invalid="ignore"):  # half of the NaNs are signaling ones, which only raw bits can make
        y = tanh(EVERY_FLOAT16)
    np.testing.assert_array_equal(np.isnan(y), np.isnan(EVERY_FLOAT16))


def test_it_is_odd_down_to_the_sign_of_zero():
    x = np.array([0.0, 5e-324, 1e-20, 0.3, 2.0, 1e308])
    np.testing.assert_array_equal(tanh(-x), -tanh(x))
    assert np.signbit(tanh(-x)).all()


def test_the_cache_is_the_output_itself():
    y, cache = tanh.forward(normal(2, 3))
    assert cache is y


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_the_layout_in_memory_changes_nothing(layout):
    x, dy = normal(5, 4, seed=1), normal(5, 4, seed=2)
    y, laid_out = tanh(x), tanh(layout(x))
    np.testing.assert_allclose(laid_out, y, rtol=1e-15)
    np.testing.assert_allclose(tanh.backward(layout(dy), layout(y)), dy * (1 - y * y), rtol=1e-15)


def test_it_prints_as_it_is_written():
    assert repr(Tanh()) == "Tanh()"
