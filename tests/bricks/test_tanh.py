import mpmath
import numpy as np

from elementwise import SlopeFromOutputTests
from legonet import Tanh

tanh = Tanh()


class TestTanh(SlopeFromOutputTests):
    brick = tanh
    ends, slope_ends = (-1.0, 1.0), (0.0, 0.0)
    exact = staticmethod(mpmath.tanh)

    @staticmethod
    def exact_slope(x):
        return mpmath.sech(x) ** 2


def test_the_numbers_worked_by_hand():
    y, cache = tanh.forward(np.log([[1.0, 2.0], [0.5, 3.0]]))
    np.testing.assert_allclose(y, [[0.0, 0.6], [-0.6, 0.8]], rtol=1e-15, atol=1e-16)
    dx = tanh.backward(np.array([[1.0, 2.0], [-4.0, 10.0]]), cache)
    np.testing.assert_allclose(dx, [[1.0, 1.28], [-2.56, 3.6]], rtol=1e-14)


def test_it_is_odd_down_to_the_sign_of_zero():
    x = np.array([0.0, 5e-324, 1e-20, 0.3, 2.0, 1e308])
    np.testing.assert_array_equal(tanh(-x), -tanh(x))
    assert np.signbit(tanh(-x)).all()
