import inspect

import numpy as np
import pytest

from legonet import ReLU
from legonet.testing import brick_test
from strategies import LAYOUTS, normal
from ulp import EVERY_FLOAT16, points

relu = ReLU()

test_its_derivative = brick_test(ReLU, "(batch, ...)", independent_rows=True)


def test_the_numbers_worked_by_hand():
    y, cache = relu.forward(np.array([[1.5, -2.0], [0.0, 3.0]]))
    assert y.tolist() == [[1.5, 0.0], [0.0, 3.0]]
    assert relu.backward(np.array([[2.0, 3.0], [4.0, -5.0]]), cache).tolist() == [[2.0, 0.0], [0.0, -5.0]]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_no_finite_number_gives_a_warning(dtype):
    finite = points(dtype) if dtype != np.float16 else EVERY_FLOAT16[np.isfinite(EVERY_FLOAT16)]
    y, cache = inspect.unwrap(ReLU.forward)(relu, finite)
    np.testing.assert_array_equal(y, np.where(finite > 0, finite, 0))
    np.testing.assert_array_equal(inspect.unwrap(ReLU.backward)(relu, np.ones_like(y), cache), finite > 0)


def test_not_a_number_stays_one_and_infinity_gives_the_ends():
    np.testing.assert_array_equal(relu(np.array([np.nan, np.inf, -np.inf])), [np.nan, np.inf, 0.0])


def test_the_cache_is_the_output_itself():
    y, cache = relu.forward(normal(2, 3))
    assert cache is y


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_the_layout_in_memory_changes_nothing(layout):
    x, dy = normal(5, 4, seed=1), normal(5, 4, seed=2)
    y = relu(layout(x))
    np.testing.assert_array_equal(y, relu(x))
    np.testing.assert_array_equal(relu.backward(layout(dy), layout(y)), dy * (x > 0))


def test_it_prints_as_it_is_written():
    assert repr(ReLU()) == "ReLU()"
