import inspect

import mpmath
import numpy as np
import pytest

from legonet import ELU, OptionError
from legonet.testing import brick_test
from strategies import LAYOUTS, elementwise_cases, normal
from ulp import EVERY_FLOAT16, WORST_POINTS, error_in_ulp, float16_error_in_ulp, points

elu = ELU()
cases = elementwise_cases(ELU, alpha=[1.0, 0.5])

EQUIVALENT = {
    "ELU.backward: 0.0 → 1.0 (2)": "above 0 it is multiplied by 0",
    "ELU.backward: x > 0.0 → x >= 0.0": "at 0, where it makes a difference, either slope is right",
}

test_its_derivative = brick_test(ELU, "(batch, ...)", options={"alpha": [1.0, 0.5, 2.0]}, independent_rows=True)


def exact(x):
    return x if x > 0 else mpmath.expm1(x)


def exact_slope(x):
    return mpmath.mpf(1) if x > 0 else mpmath.exp(x)


def slope(x):
    y, cache = elu.forward(x)
    return elu.backward(np.ones_like(y), cache)


def test_the_numbers_worked_by_hand():
    y, cache = ELU(alpha=2.0).forward(np.array([[3.0, -np.log(2)], [0.0, -np.log(4)]]))
    np.testing.assert_allclose(y, [[3.0, -1.0], [0.0, -1.5]], rtol=1e-15)
    dx = ELU(alpha=2.0).backward(np.array([[2.0, 3.0], [4.0, -5.0]]), cache)
    np.testing.assert_allclose(dx, [[2.0, 3.0], [8.0, -2.5]], rtol=1e-15)


@pytest.mark.parametrize("x", [WORST_POINTS, points(np.float64)], ids=["worst points", "all exponents"])
def test_values_and_slopes_are_within_2_ulp_of_the_truth(x):
    assert error_in_ulp(elu, exact, x) <= 2
    assert error_in_ulp(slope, exact_slope, x) <= 2


def test_float32_values_and_slopes_are_within_4_ulp_of_the_truth():
    assert error_in_ulp(elu, exact, points(np.float32)) <= 4
    assert error_in_ulp(slope, exact_slope, points(np.float32)) <= 4


def test_every_float16_value_and_slope_is_within_2_ulp_of_the_truth():
    assert float16_error_in_ulp(elu) <= 2
    assert float16_error_in_ulp(slope) <= 2


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_no_finite_number_gives_a_warning(dtype):
    finite = points(dtype) if dtype != np.float16 else EVERY_FLOAT16[np.isfinite(EVERY_FLOAT16)]
    with np.errstate(under="ignore"):
        y, cache = inspect.unwrap(ELU.forward)(elu, finite)
        inspect.unwrap(ELU.backward)(elu, np.ones_like(y), cache)


def test_not_a_number_stays_one_and_infinity_gives_the_ends():
    x = np.array([np.nan, np.inf, -np.inf])
    np.testing.assert_array_equal(elu(x), [np.nan, np.inf, -1.0])
    np.testing.assert_array_equal(slope(x), [np.nan, 1.0, 0.0])


@pytest.mark.parametrize("alpha", [0, -0.1, np.inf, "1", None, True])
def test_an_alpha_that_is_none_is_refused(alpha):
    with pytest.raises(OptionError, match="ELU needs alpha as a finite number > 0, but alpha is"):
        ELU(alpha=alpha)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_the_layout_in_memory_changes_nothing(layout):
    x, dy = normal(5, 4, seed=1), normal(5, 4, seed=2)
    np.testing.assert_allclose(elu(layout(x)), elu(x), rtol=1e-15)
    np.testing.assert_allclose(elu.backward(layout(dy), layout(x)), dy * slope(x), rtol=1e-15)


def test_it_prints_as_it_is_written():
    assert repr(ELU()) == "ELU(alpha=1)"
