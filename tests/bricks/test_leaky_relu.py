import numpy as np
import pytest

from elementwise import SlopeFromInputTests
from legonet import LeakyReLU, OptionError
from legonet.testing import brick_test
from strategies import elementwise_cases
from ulp import EVERY_FLOAT16, points

leaky = LeakyReLU(slope=0.25)

cases = elementwise_cases(LeakyReLU, slope=[0.01, 0.5])

EQUIVALENT = {
    "LeakyReLU.backward: x > 0.0 → x >= 0.0": "at 0, where it makes a difference, either slope is right",
    "LeakyReLU.backward: x → dy (2)": "the line above refuses dy of another shape or dtype than x",
}

test_its_derivative = brick_test(
    LeakyReLU, "(batch, ...)", options={"slope": [0.01, 0.25, 1.0, 1e-6]}, independent_rows=True
)


class TestLeakyReLU(SlopeFromInputTests):
    brick = leaky
    ends, slope_ends, slope_at_nan = (-np.inf, np.inf), (0.25, 1.0), 0.25
    value_ulp = float32_ulp = 1  # half of a smallest number, which counts double
    slope_ulp = layout_tolerance = 0

    @staticmethod
    def exact(x):
        return max(x, x / 4)

    @staticmethod
    def exact_slope(x):
        return 1 if x > 0 else 0.25


def test_the_numbers_worked_by_hand():
    y, cache = leaky.forward(np.array([[1.5, -2.0], [0.0, 3.0]]))
    assert y.tolist() == [[1.5, -0.5], [0.0, 3.0]]
    assert leaky.backward(np.array([[2.0, 3.0], [4.0, -5.0]]), cache).tolist() == [[2.0, 0.75], [1.0, -5.0]]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_every_number_is_itself_or_its_quarter_to_the_last_bit(dtype):
    x = points(dtype) if dtype != np.float16 else EVERY_FLOAT16[np.isfinite(EVERY_FLOAT16)]
    y, cache = leaky.forward(x)
    np.testing.assert_array_equal(y, np.where(x > 0, x, x * dtype(0.25)))
    np.testing.assert_array_equal(leaky.backward(np.ones_like(y), cache), np.where(x > 0, dtype(1), dtype(0.25)))


@pytest.mark.parametrize("slope", [0.01, 1 / 3, 0.7])
def test_above_0_the_slope_is_exactly_1(slope):
    x = np.array([2.0, 5e-324])
    assert LeakyReLU(slope=slope).backward(np.ones(2), x).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("slope", [0, -0.1, 1.5, np.nan, "0.1", None, True])
def test_a_slope_that_is_none_is_refused(slope):
    with pytest.raises(OptionError, match="LeakyReLU needs slope as a finite number > 0 and <= 1, but slope is"):
        LeakyReLU(slope=slope)


def test_it_prints_as_it_is_written():
    assert repr(LeakyReLU()) == "LeakyReLU(slope=0.01)"
