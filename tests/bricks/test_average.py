import numpy as np
import pytest

from legonet import Average, OptionError, ShapeError
from legonet.testing import brick_test
from strategies import alike_cases, normal

average = Average()
cases = alike_cases(Average)

test_its_derivative = brick_test(Average, *["(batch, ...)"] * 2, independent_rows=True)
test_its_derivative_for_three_inputs = brick_test(Average, *["(batch, n)"] * 3, independent_rows=True)


def test_the_numbers_worked_by_hand():
    y, cache = average.forward(*(np.array([number]) for number in (1.0, 2.0, 3.0, 8.0)))
    assert y.tolist() == [3.5]
    assert [dx.tolist() for dx in average.backward(np.array([6.0]), cache)] == [[1.5]] * 4


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_mean_of_large_numbers_does_not_overflow(dtype):
    large = np.full(3, np.finfo(dtype).max)
    np.testing.assert_array_equal(average(large, large), large)
    np.testing.assert_array_equal(average(large, -large), np.zeros(3))


def test_infinity_minus_infinity_passes_without_a_warning():
    x = np.array([np.inf, np.nan, np.inf])
    np.testing.assert_array_equal(average(x, np.array([-np.inf, 1.0, 1.0])), [np.nan, np.nan, np.inf])


def test_the_gradient_and_the_mean_of_one_input_are_arrays_of_their_own():
    x, dy = normal(2, 3), normal(2, 3, seed=1)
    y, cache = average.forward(x)
    (dx,) = average.backward(dy, cache)
    np.testing.assert_array_equal(y, x)
    np.testing.assert_array_equal(dx, dy)
    assert not np.shares_memory(y, x)
    assert not np.shares_memory(dx, dy)


def test_what_does_not_fit_is_refused():
    with pytest.raises(OptionError, match=r"Average\(\) needs one input or more, but got none"):
        average()
    with pytest.raises(ShapeError, match=r"Average\(\) needs x1 of shape \(4, 3\), but x1 has shape \(3,\)"):
        average(normal(4, 3), normal(3))
    with pytest.raises(ShapeError, match=r"Average\(\) needs dy of shape \(4, 3\)"):
        average.backward(normal(3), average.forward(normal(4, 3))[1])
