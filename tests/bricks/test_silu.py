import mpmath
import numpy as np
import pytest

from elementwise import SlopeFromInputTests
from legonet import SiLU
from legonet.testing import brick_test
from ulp import error_in_ulp

silu = SiLU()

test_its_derivative = brick_test(SiLU, "(batch, ...)", independent_rows=True)

NEAR_THE_ROOT = -1.2784645427610737 + np.concatenate([np.linspace(-1e-2, 1e-2, 101), np.arange(-5, 6) * 2.0**-52])
TAIL = np.linspace(-755.0, 0.0, 1001)


class TestSiLU(SlopeFromInputTests):
    brick = silu
    ends, slope_ends = (0.0, np.inf), (0.0, 1.0)

    @staticmethod
    def exact(x):
        return x / (1 + mpmath.exp(-x))

    @staticmethod
    def exact_slope(x):
        e = mpmath.exp(-abs(x))
        below = e * (1 - abs(x) + e) / (1 + e) ** 2
        return 1 - below if x > 0 else below

    @pytest.mark.parametrize("x", [NEAR_THE_ROOT, TAIL], ids=["near the root of the slope", "tail"])
    def test_no_digit_is_lost_where_the_slope_is_0_or_the_function_dies_away(self, x):
        assert error_in_ulp(silu, self.exact, x) <= 2
        assert error_in_ulp(self.slope, self.exact_slope, x) <= 4


def test_the_numbers_worked_by_hand():
    x = np.log([[1.0, 3.0], [1 / 3, 4.0]])
    y, cache = silu.forward(x)
    np.testing.assert_allclose(y, x * [[0.5, 0.75], [0.25, 0.8]], rtol=1e-15)
    dx = silu.backward(np.array([[1.0, 16.0], [-16.0, 100.0]]), cache)
    wanted = [[0.5, 12.0 + 3.0 * x[0, 1]], [-4.0 - 3.0 * x[1, 0], 80.0 + 16.0 * x[1, 1]]]
    np.testing.assert_allclose(dx, wanted, rtol=1e-14)


def test_at_minus_infinity_it_is_0():
    assert silu(np.array([-np.inf])).tolist() == [0.0]


def test_the_cache_is_the_input_itself():
    x = np.zeros((2, 3))
    assert silu.forward(x)[1] is x
