import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from legonet import MSELoss
from legonet.testing import numeric_gradient
from strategies import normal, normals, seeds

mse = MSELoss()
Y = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
TARGET = np.array([[1.0, 0.0, 3.0], [7.0, 5.0, 7.0]])

EQUIVALENT = {"MSELoss.backward: 1 → 2": "it divides an array of no rows"}


@st.composite
def cases(draw, dtype=np.float64):
    y = draw(normals(dtype, draw(st.integers(1, 3))))
    return MSELoss(), (y, normal(*y.shape, seed=draw(seeds), dtype=dtype))


def test_the_numbers_worked_by_hand_with_two_rows_and_three_outputs():
    loss, cache = mse.forward(Y, TARGET)
    assert loss == (0 + 4 + 0 + 9 + 0 + 1) / (2 * 2)
    assert mse.backward(1.0, cache).tolist() == [[0.0, 1.0, 0.0], [-1.5, 0.0, -0.5]]


@given(cases())
def test_the_gradient_equals_finite_differences_for_any_shape(case):
    _, (y, target) = case
    dy = mse.backward(1.0, mse.forward(y, target)[1])
    np.testing.assert_allclose(dy, numeric_gradient(lambda: mse(y, target), y), rtol=1e-6, atol=1e-8)


def test_it_sums_over_outputs_and_averages_over_rows():
    loss = mse(Y, TARGET)
    assert mse(np.hstack([Y, Y]), np.hstack([TARGET, TARGET])) == 2 * loss
    assert mse(np.vstack([Y, Y]), np.vstack([TARGET, TARGET])) == loss


def test_an_upstream_gradient_scales_the_gradient():
    cache = mse.forward(Y, TARGET)[1]
    assert mse.backward(4.0, cache).tolist() == [[0.0, 4.0, 0.0], [-6.0, 0.0, -2.0]]


def test_the_loss_is_a_python_float():
    assert type(mse(Y, TARGET)) is float
    assert type(mse(Y.astype(np.float32), TARGET.astype(np.float32))) is float


def test_rows_of_no_outputs_have_the_loss_0():
    assert mse(np.zeros((3, 0)), np.zeros((3, 0))) == 0.0


def test_a_square_too_large_gives_infinity_without_a_warning():
    loss, cache = mse.forward(np.array([1e200, 1.0]), np.zeros(2))
    assert loss == np.inf
    assert mse.backward(1.0, cache).tolist() == [5e199, 0.5]


def test_not_a_number_makes_the_loss_not_a_number():
    assert np.isnan(mse(np.array([np.nan, 1.0]), np.zeros(2)))
    assert np.isnan(mse(np.array([np.inf]), np.array([np.inf])))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("dloss", [1.0, 1, np.float64(1.0), np.float32(1.0)], ids=repr)
def test_the_gradient_has_the_dtype_of_y_whatever_number_dloss_is(dtype, dloss):
    cache = mse.forward(Y.astype(dtype), TARGET.astype(dtype))[1]
    assert mse.backward(dloss, cache).dtype == dtype


def test_many_float32_errors_are_summed_without_losing_the_small_ones():
    y = np.ones(2**24 + 2**22, np.float32)  # one sum after the other would stay at 2**24
    assert mse(y, np.zeros_like(y)) == pytest.approx(0.5, rel=1e-3)
