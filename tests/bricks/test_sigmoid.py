import mpmath
import numpy as np

from elementwise import SlopeFromOutputTests
from legonet import Sigmoid

sigmoid = Sigmoid()


class TestSigmoid(SlopeFromOutputTests):
    brick = sigmoid
    ends, slope_ends = (0.0, 1.0), (0.0, 0.0)

    @staticmethod
    def exact(x):
        return 1 / (1 + mpmath.exp(-x))

    @staticmethod
    def exact_slope(x):
        return 1 / ((1 + mpmath.exp(-x)) * (1 + mpmath.exp(x)))


def test_the_numbers_worked_by_hand():
    y, cache = sigmoid.forward(np.log([[1.0, 3.0], [1 / 3, 4.0]]))
    np.testing.assert_allclose(y, [[0.5, 0.75], [0.25, 0.8]], rtol=1e-15)
    dx = sigmoid.backward(np.array([[1.0, 2.0], [-4.0, 10.0]]), cache)
    np.testing.assert_allclose(dx, [[0.25, 0.375], [-0.75, 1.6]], rtol=1e-14)


def test_both_zeros_give_exactly_one_half():
    assert sigmoid(np.array([0.0, -0.0])).tolist() == [0.5, 0.5]


def test_the_smallest_results_do_not_vanish_early():
    y = sigmoid(np.array([-709.79, -745.13, -745.14]))
    np.testing.assert_allclose(y, [5.4e-309, 5e-324, 0.0], rtol=0.1)
