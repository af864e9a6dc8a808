import mpmath
import numpy as np

from elementwise import SlopeFromInputTests
from legonet import Softplus
from legonet.testing import brick_test

softplus = Softplus()

test_its_derivative = brick_test(Softplus, "(batch, ...)", independent_rows=True)


class TestSoftplus(SlopeFromInputTests):
    brick = softplus
    ends, slope_ends = (0.0, np.inf), (0.0, 1.0)

    @staticmethod
    def exact(x):
        return mpmath.log1p(mpmath.exp(x)) if x < 0 else x + mpmath.log1p(mpmath.exp(-x))

    @staticmethod
    def exact_slope(x):
        return 1 / (1 + mpmath.exp(-x))


def test_the_numbers_worked_by_hand():
    y, cache = softplus.forward(np.log([[1.0, 3.0], [1 / 3, 7.0]]))
    np.testing.assert_allclose(y, np.log([[2.0, 4.0], [4 / 3, 8.0]]), rtol=1e-14)
    dx = softplus.backward(np.array([[1.0, 4.0], [-4.0, 8.0]]), cache)
    np.testing.assert_allclose(dx, [[0.5, 3.0], [-1.0, 7.0]], rtol=1e-14)


def test_there_is_no_threshold_from_which_on_it_is_the_identity():
    x = 20.007
    np.testing.assert_allclose(softplus(np.array([x]))[0] - x, 2.0469e-9, rtol=1e-4)
