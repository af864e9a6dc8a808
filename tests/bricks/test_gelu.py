import mpmath
import numpy as np
import pytest

from elementwise import SlopeFromInputTests
from legonet import GELU
from legonet.testing import brick_test
from ulp import error_in_ulp

gelu = GELU()

test_its_derivative = brick_test(GELU, "(batch, ...)", independent_rows=True)

NEAR_THE_ROOT = -0.7517915246935645 + np.concatenate([np.linspace(-1e-2, 1e-2, 101), np.arange(-5, 6) * 2.0**-53])
TAIL = np.linspace(-39.0, 0.0, 1001)


class TestGELU(SlopeFromInputTests):
    brick = gelu
    ends, slope_ends = (0.0, np.inf), (0.0, 1.0)

    @staticmethod
    def exact(x):
        return x * mpmath.ncdf(x) if abs(x) < 1000 else max(x, 0)

    @staticmethod
    def exact_slope(x):
        return mpmath.ncdf(x) + x * mpmath.npdf(x) if abs(x) < 1000 else int(x > 0)

    @pytest.mark.parametrize("x", [NEAR_THE_ROOT, TAIL], ids=["near the root of the slope", "tail"])
    def test_no_digit_is_lost_where_the_slope_is_0_or_the_function_dies_away(self, x):
        assert error_in_ulp(gelu, self.exact, x) <= 2
        assert error_in_ulp(self.slope, self.exact_slope, x) <= 4


def test_the_numbers_worked_by_hand():
    x = np.array([[1.0, -1.0], [0.0, 2.0]])
    y, cache = gelu.forward(x)
    chance, density = [[0.8413447461, 0.1586552539], [0.5, 0.9772498681]], [[0.2419707245] * 2, [0, 0.05399096651]]
    np.testing.assert_allclose(y, x * chance, rtol=1e-9)
    dx = gelu.backward(np.array([[2.0, 3.0], [-4.0, 10.0]]), cache)
    np.testing.assert_allclose(dx, [[2.0, 3.0], [-4.0, 10.0]] * (chance + x * density), rtol=1e-8)


def test_the_tail_is_there_where_1_plus_erf_gives_0():
    np.testing.assert_allclose(gelu(np.array([-30.0])), [-1.47201417814446e-196], rtol=1e-14)


def test_the_cache_is_the_input_itself():
    x = np.zeros((2, 3))
    assert gelu.forward(x)[1] is x
