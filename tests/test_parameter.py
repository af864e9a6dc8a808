import copy

import numpy as np
import pytest

from legonet import Parameter
from strategies import LAYOUTS, fingerprint, normal


def test_the_gradient_starts_as_zeros_of_the_same_shape_and_dtype():
    parameter = Parameter(normal(2, 3, dtype=np.float32))
    assert parameter.grad.tolist() == [[0.0] * 3] * 2
    assert parameter.grad.dtype == np.float32


@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0), (2, 3, 4)], ids=str)
def test_any_shape_will_do(shape):
    parameter = Parameter(np.ones(shape))
    assert parameter.value.shape == parameter.grad.shape == shape


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_the_dtype_is_kept(dtype):
    assert Parameter(np.ones(2, dtype)).value.dtype == dtype


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_the_numbers_are_copied_into_a_plain_array_of_its_own(layout):
    numbers = layout(normal(4, 3))
    before = fingerprint(numbers)
    parameter = Parameter(numbers)
    np.testing.assert_array_equal(parameter.value, normal(4, 3))
    parameter.value += 1.0
    assert fingerprint(numbers) == before
    assert type(parameter.value) is np.ndarray
    assert parameter.value.flags.c_contiguous
    assert parameter.value.flags.writeable


def test_zero_grad_fills_the_same_array_with_zeros():
    parameter = Parameter(np.ones(2))
    gradient = parameter.grad
    parameter.grad += np.array([np.nan, 1.0])
    parameter.zero_grad()
    assert parameter.grad is gradient
    assert gradient.tolist() == [0.0, 0.0]


def test_a_mistyped_attribute_is_an_error():
    parameter = Parameter(np.ones(2))
    with pytest.raises(AttributeError):
        parameter.gard = np.ones(2)


def test_a_deep_copy_shares_nothing():
    parameter = Parameter(np.ones(2))
    other = copy.deepcopy(parameter)
    other.value += 1.0
    other.grad += 1.0
    assert parameter.value.tolist() == [1.0, 1.0]
    assert parameter.grad.tolist() == [0.0, 0.0]


def test_it_prints_its_shape_and_dtype():
    assert repr(Parameter(np.ones((2, 3), np.float32))) == "Parameter(shape=(2, 3), dtype=float32)"


def test_it_prints_even_when_something_else_was_put_in_its_place():
    parameter = Parameter(np.ones(2))
    parameter.value = [1.0, 2.0]
    assert repr(parameter).startswith("Parameter(")
