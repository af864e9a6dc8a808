import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from legonet import Multiply, OptionError, ShapeError
from legonet.testing import brick_test
from strategies import alike_cases, assert_close, normal

multiply = Multiply()
cases = alike_cases(Multiply)

EQUIVALENT = {
    "Multiply.backward: after = [*accumulate(inputs[:0:-1], np.multiply, initial=np.ones_like(dy))]"
    " → after = [*accumulate(inputs[:0:-1], np.multiply, initial=np.ones_like(dy))] * 2": "only its end is read",
}

test_its_derivative = brick_test(Multiply, *["(batch, ...)"] * 2, independent_rows=True)
test_its_derivative_for_three_inputs = brick_test(Multiply, *["(batch, n)"] * 3, independent_rows=True)


def test_the_numbers_worked_by_hand():
    y, cache = multiply.forward(*(np.array([number]) for number in (2.0, 3.0, 5.0, 7.0)))
    assert y.tolist() == [210.0]
    assert [dx.tolist() for dx in multiply.backward(np.array([1.0]), cache)] == [[105.0], [70.0], [42.0], [30.0]]


@given(st.lists(st.lists(st.integers(-3, 3), min_size=2, max_size=2), min_size=1, max_size=6))
def test_the_gradient_of_each_is_dy_times_the_product_of_the_others_zeros_or_not(numbers):
    inputs = [np.array(row, float) for row in numbers]
    dy = np.array([1.0, -2.0])
    others = [np.prod([dy, *inputs[:place], *inputs[place + 1 :]], axis=0) for place in range(len(inputs))]
    assert_close(multiply.backward(dy, multiply.forward(*inputs)[1]), others, 0)


def test_zero_times_infinity_passes_without_a_warning():
    x = np.array([np.inf, np.nan, 1e308])
    y, cache = multiply.forward(x, np.array([0.0, 0.0, 1e308]))
    np.testing.assert_array_equal(y, [np.nan, np.nan, np.inf])
    np.testing.assert_array_equal(multiply.backward(np.full(3, np.inf), cache)[0], [np.nan, np.nan, np.inf])


def test_every_gradient_and_a_product_of_one_input_are_arrays_of_their_own():
    x, dy = normal(2, 3), normal(2, 3, seed=1)
    y, cache = multiply.forward(x)
    (dx,) = multiply.backward(dy, cache)
    np.testing.assert_array_equal(y, x)
    np.testing.assert_array_equal(dx, dy)
    assert not np.shares_memory(y, x)
    assert not np.shares_memory(dx, dy)


def test_what_does_not_fit_is_refused():
    with pytest.raises(OptionError, match=r"Multiply\(\) needs one input or more, but got none"):
        multiply()
    with pytest.raises(ShapeError, match=r"Multiply\(\) needs x1 of shape \(4, 3\), but x1 has shape \(4, 1\)"):
        multiply(normal(4, 3), normal(4, 1))
    with pytest.raises(ShapeError, match=r"Multiply\(\) needs dy of shape \(4, 3\)"):
        multiply.backward(normal(4, 1), multiply.forward(normal(4, 3))[1])
