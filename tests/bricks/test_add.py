import numpy as np
import pytest

from legonet import Add, DtypeError, OptionError, Parallel, Sequential, ShapeError
from legonet.testing import brick_test
from strategies import alike_cases, normal

add = Add()
cases = alike_cases(Add)

test_its_derivative_for_one_input = brick_test(Add, "(batch, ...)", independent_rows=True)
test_its_derivative = brick_test(Add, *["(batch, ...)"] * 2, independent_rows=True)
test_its_derivative_for_three_inputs = brick_test(Add, *["(batch, n)"] * 3, independent_rows=True)


def test_the_numbers_worked_by_hand():
    y, cache = add.forward(np.array([[1.0, 2.0]]), np.array([[10.0, 20.0]]), np.array([[-5.0, 0.5]]))
    assert y.tolist() == [[6.0, 22.5]]
    assert [dx.tolist() for dx in add.backward(np.array([[3.0, 4.0]]), cache)] == [[[3.0, 4.0]]] * 3


def test_a_sum_of_one_input_is_an_array_of_its_own_and_every_gradient_is_the_upstream_one_itself():
    x, dy = normal(2, 3), normal(2, 3, seed=1)
    assert not np.shares_memory(add(x), x)
    first, second = add.backward(dy, add.forward(x, x)[1])
    assert first is second is dy


def test_gradients_that_are_one_array_meet_without_being_written_into():
    net, x, dy = Parallel(Sequential(), Sequential(), Sequential(), merge=add), normal(2, 3), normal(2, 3, seed=1)
    before = dy.copy()
    np.testing.assert_allclose(net.backward(dy, net.forward(x)[1]), 3 * dy)
    np.testing.assert_array_equal(dy, before)


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
