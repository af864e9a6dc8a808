import numpy as np
import pytest

from legonet import Add, DtypeError, OptionError, ShapeError
from legonet.testing import brick_test
from strategies import alike_cases, normal

add = Add()
cases = alike_cases(Add)

EQUIVALENT = {
    "Add.backward: dy.copy() → dy": "the same numbers; that each is an array of its own has a test below",
}

test_its_derivative_for_one_input = brick_test(Add, "(batch, ...)", independent_rows=True)
test_its_derivative = brick_test(Add, *["(batch, ...)"] * 2, independent_rows=True)
test_its_derivative_for_three_inputs = brick_test(Add, *["(batch, n)"] * 3, independent_rows=True)


def test_the_numbers_worked_by_hand():
    y, cache = add.forward(np.array([[1.0, 2.0]]), np.array([[10.0, 20.0]]), np.array([[-5.0, 0.5]]))
    assert y.tolist() == [[6.0, 22.5]]
    assert [dx.tolist() for dx in add.backward(np.array([[3.0, 4.0]]), cache)] == [[[3.0, 4.0]]] * 3


def test_every_gradient_and_a_sum_of_one_input_are_arrays_of_their_own():
    x, dy = normal(2, 3), normal(2, 3, seed=1)
    y, cache = add.forward(x)
    assert not np.shares_memory(y, x)
    _, cache = add.forward(x, x)
    first, second = add.backward(dy, cache)
    assert not any(np.shares_memory(a, b) for a, b in [(first, second), (first, dy), (second, dy)])


def test_infinity_minus_infinity_and_overflow_pass_without_a_warning():
    x = np.array([np.inf, np.nan, 1e308])
    np.testing.assert_array_equal(add(x, np.array([-np.inf, 1.0, 1e308])), [np.nan, np.nan, np.inf])


def test_no_input_is_refused():
    with pytest.raises(OptionError, match=r"Add\(\) needs one input or more, but got none"):
        add.forward()


def test_inputs_of_different_shapes_or_dtypes_are_refused_and_never_broadcast():
    with pytest.raises(ShapeError, match=r"Add\(\) needs x2 of shape \(4, 3\), but x2 has shape \(4, 1\)"):
        add(normal(4, 3), normal(4, 3), normal(4, 1))
    with pytest.raises(DtypeError, match=r"Add\(\) needs x1 of dtype float64, but x1 has dtype float32"):
        add(normal(4, 3), normal(4, 3, dtype=np.float32))
    with pytest.raises(ShapeError, match=r"Add\(\) needs dy of shape \(4, 3\), but dy has shape \(4, 1\)"):
        add.backward(normal(4, 1), add.forward(normal(4, 3))[1])
