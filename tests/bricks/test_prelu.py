import inspect

import numpy as np
import pytest
from hypothesis import strategies as st

from legonet import SGD, LeakyReLU, OptionError, PReLU, ShapeError
from legonet.testing import brick_test
from strategies import normal, seeds
from ulp import EVERY_FLOAT16, points

_SAME_CHECKED = "the line above refuses dy of another shape or dtype than x"

_SAME_IN_FLOAT64 = "in float64, which these are; a test of its own has float32 and float16"

EQUIVALENT = {
    "PReLU.backward: x → dy": "of x, the number of axes alone is used, and dy has as many",
    "PReLU.backward: x → dy (2)": _SAME_CHECKED,
    "PReLU.backward: x → dy (3)": _SAME_CHECKED,
    "PReLU.backward: self.slope.grad += np.add.reduce(dy * np.minimum(x, 0.0), shared, wide)"
    " → self.slope.grad += np.add.reduce(dy * np.minimum(x, 0.0), shared, wide).T": "a vector is its own transpose",
    "PReLU.backward: np.promote_types(x.dtype, np.float64) → x.dtype": _SAME_IN_FLOAT64,
    "PReLU.backward: np.promote_types(x.dtype, np.float64) → np.float64": _SAME_IN_FLOAT64,
    "PReLU.backward: x > 0.0 → x >= 0.0": "at 0, where it makes a difference, either slope is right",
}


@st.composite
def cases(draw, dtype=np.float64):
    shape = draw(st.lists(st.integers(0, 3), min_size=1, max_size=4))
    several = len(shape) > 1 and draw(st.booleans())
    prelu = PReLU(shape[1] if several else 1, slope=draw(st.sampled_from([0.25, -0.5])), dtype=dtype)
    return prelu, (normal(*shape, seed=draw(seeds), dtype=dtype),)


test_its_derivative = brick_test(PReLU, "(batch, ...)", independent_rows=True)
test_its_derivative_with_a_slope_for_each_column = brick_test(PReLU, "(batch, features)", independent_rows=True)
test_its_derivative_with_a_slope_for_each_channel = brick_test(
    PReLU, "(batch, features, height, width)", options={"slope": [0.25, 0.0, -1.0, 2.0]}, independent_rows=True
)


def test_the_numbers_worked_by_hand():
    prelu = PReLU(2, slope=0.5)
    prelu.slope.value = np.array([0.5, -2.0])
    y, cache = prelu.forward(np.array([[-2.0, -3.0], [4.0, 0.0], [-6.0, 5.0]]))
    assert y.tolist() == [[-1.0, 6.0], [4.0, 0.0], [-3.0, 5.0]]
    dx = prelu.backward(np.array([[1.0, 2.0], [3.0, 4.0], [-5.0, 6.0]]), cache)
    assert dx.tolist() == [[0.5, -4.0], [3.0, -8.0], [-2.5, 6.0]]
    assert prelu.slope.grad.tolist() == [28.0, -6.0]  # 1 (-2) - 5 (-6), 2 (-3)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_with_one_slope_it_does_what_a_leaky_relu_does_and_no_finite_number_gives_a_warning(dtype):
    x = points(dtype) if dtype != np.float16 else EVERY_FLOAT16[np.isfinite(EVERY_FLOAT16)]
    prelu, leaky = PReLU(dtype=dtype), LeakyReLU(slope=0.25)
    y, cache = inspect.unwrap(PReLU.forward)(prelu, x)
    np.testing.assert_array_equal(y, leaky(x))
    dx = prelu.backward(np.ones_like(y), cache)
    np.testing.assert_array_equal(dx, leaky.backward(np.ones_like(y), x))


def test_any_shape_shares_the_one_slope():
    x = normal(2, 3, 4)
    prelu = PReLU(slope=-1.0)
    y, cache = prelu.forward(x)
    np.testing.assert_array_equal(y, np.abs(x))
    prelu.backward(np.ones_like(x), cache)
    np.testing.assert_allclose(prelu.slope.grad, [x[x < 0].sum()])


def test_a_slope_belongs_to_its_channel_of_an_image():
    prelu = PReLU(3)
    prelu.slope.value = np.array([0.0, 1.0, -1.0])
    x = normal(2, 3, 4, 5)
    y, cache = prelu.forward(x)
    np.testing.assert_array_equal(y[:, 0], np.maximum(x[:, 0], 0))
    np.testing.assert_array_equal(y[:, 1], x[:, 1])
    np.testing.assert_array_equal(y[:, 2], np.abs(x[:, 2]))
    prelu.backward(np.ones_like(x), cache)
    np.testing.assert_allclose(prelu.slope.grad, np.minimum(x, 0).sum(axis=(0, 2, 3)))


def test_not_a_number_stays_one_and_infinity_gives_the_ends():
    x = np.array([np.nan, np.inf, -np.inf])
    np.testing.assert_array_equal(PReLU()(x), [np.nan, np.inf, -np.inf])


def test_it_learns_the_slope_of_the_absolute_value():
    prelu, x = PReLU(), normal(100, 1)
    sgd = SGD(prelu.parameters(), lr=0.5)
    for _ in range(100):
        y, cache = prelu.forward(x)
        prelu.backward((y - np.abs(x)) / len(x), cache)
        sgd.step()
    np.testing.assert_allclose(prelu.slope.value, [-1.0])


@pytest.mark.parametrize("features", [-1, 1.5, "3", None, True])
def test_features_that_are_no_size_are_refused(features):
    with pytest.raises(OptionError, match="PReLU needs features as a whole number >= 0, but features is"):
        PReLU(features)


@pytest.mark.parametrize("slope", [np.nan, np.inf, "0.1", None, True])
def test_a_slope_that_is_no_number_is_refused(slope):
    with pytest.raises(OptionError, match="PReLU needs slope as a finite number, but slope is"):
        PReLU(slope=slope)


def test_another_dtype_is_refused():
    with pytest.raises(OptionError, match="PReLU needs dtype as a floating-point dtype, but dtype is"):
        PReLU(dtype=int)


@pytest.mark.parametrize("shape", [(3,), (4, 2), (2, 4, 3)])
def test_another_number_of_features_is_refused(shape):
    with pytest.raises(ShapeError, match=r"PReLU\(3\) needs x of shape \(batch, 3(, ...)?\), but x has shape"):
        PReLU(3).forward(np.zeros(shape))


def test_it_prints_as_it_is_written():
    assert repr(PReLU()) == "PReLU(1)"
    assert repr(PReLU(3, dtype=np.float32)) == "PReLU(3, dtype=float32)"


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_many_rows_are_summed_without_losing_the_small_ones(dtype):
    prelu = PReLU(2, dtype=dtype)
    x = -np.ones((5000, 2), dtype)
    prelu.backward(np.ones_like(x), x)
    assert prelu.slope.grad.tolist() == [-5000, -5000]
