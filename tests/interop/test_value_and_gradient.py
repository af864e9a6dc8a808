"""A function to be minimized becomes a brick that can be checked."""

import re

import numpy as np
import pytest

from legonet import GradientError, OptionError
from legonet.interop import from_value_and_gradient
from legonet.testing import check_brick

X = np.array([1.2, -0.7, 0.4])


def rosenbrock(x):
    value = np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)
    gradient = np.zeros_like(x)
    gradient[1:] += 200 * (x[1:] - x[:-1] ** 2)
    gradient[:-1] -= 400 * x[:-1] * (x[1:] - x[:-1] ** 2) + 2 * (1 - x[:-1])
    return value, gradient


def test_value_and_gradient_together():
    brick = from_value_and_gradient(rosenbrock)
    value, cache = brick.forward(X)
    assert type(value) is float
    assert np.array_equal(brick.backward(2.0, cache), 2 * rosenbrock(X)[1])
    check_brick(brick, X)


def test_value_and_gradient_apart():
    check_brick(from_value_and_gradient(lambda x: rosenbrock(x)[0], jac=lambda x: rosenbrock(x)[1]), X)


def test_a_value_in_an_array_of_one_entry_is_a_number():
    check_brick(from_value_and_gradient(lambda x: (np.sum(x**2, keepdims=True), 2 * x)), X)


@pytest.mark.parametrize("factor", [2.0, -1.0, 1.001])
def test_wrong_gradients_are_found(factor):
    with pytest.raises(GradientError):
        check_brick(from_value_and_gradient(lambda x: (rosenbrock(x)[0], factor * rosenbrock(x)[1])), X)
    with pytest.raises(GradientError):
        check_brick(from_value_and_gradient(lambda x: rosenbrock(x)[0], jac=lambda x: factor * rosenbrock(x)[1]), X)


def test_a_function_that_reuses_its_buffer_is_right_as_an_optimizer_uses_it():
    buffer = np.empty(3)

    def function(x):
        buffer[:] = 2 * x
        return np.sum(x**2), buffer

    check_brick(from_value_and_gradient(function), X)


def test_it_is_called_after_its_function_unless_it_has_a_name():
    assert repr(from_value_and_gradient(rosenbrock)) == "from_value_and_gradient(rosenbrock)"
    assert repr(from_value_and_gradient(rosenbrock, name="banana")) == "banana"


def test_misuse_is_refused():
    with pytest.raises(OptionError, match="needs function as a function, but function is 3"):
        from_value_and_gradient(3)
    with pytest.raises(OptionError, match="needs jac as a function, but jac is True"):
        from_value_and_gradient(rosenbrock, jac=True)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: 1.0, "needs the value and the gradient, or jac="),
        (lambda x: (x, x), "needs a number as value"),
        (lambda x: ("1", x), "needs a number as value"),
    ],
)
def test_misuse_in_the_passes_is_refused(function, message):
    with pytest.raises(OptionError, match=re.escape(message)):
        from_value_and_gradient(function).forward(X)
