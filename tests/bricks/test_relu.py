import numpy as np

from elementwise import SlopeFromInputTests, SlopeFromOutputTests
from legonet import ReLU
from legonet.testing import brick_test

relu = ReLU()

test_its_derivative = brick_test(ReLU, "(batch, ...)", independent_rows=True)


class TestReLU(SlopeFromInputTests, SlopeFromOutputTests):
    brick = relu
    ends, slope_ends, slope_at_nan = (0.0, np.inf), (0.0, 1.0), 0.0
    value_ulp = slope_ulp = float32_ulp = layout_tolerance = 0

    @staticmethod
    def exact(x):
        return max(x, 0)

    @staticmethod
    def exact_slope(x):
        return x > 0


def test_the_numbers_worked_by_hand():
    y, cache = relu.forward(np.array([[1.5, -2.0], [0.0, 3.0]]))
    assert y.tolist() == [[1.5, 0.0], [0.0, 3.0]]
    assert relu.backward(np.array([[2.0, 3.0], [4.0, -5.0]]), cache).tolist() == [[2.0, 0.0], [0.0, -5.0]]
