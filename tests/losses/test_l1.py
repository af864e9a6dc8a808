import numpy as np
import pytest
from hypothesis import strategies as st

from legonet import DtypeError, L1Loss, ShapeError
from legonet.testing import brick_test
from strategies import normal, normals, seeds

l1 = L1Loss()
Y = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
TARGET = np.array([[1.0, 0.0, 3.0], [7.0, 5.0, 7.0]])

EQUIVALENT = {"L1Loss.backward: 1 → 2": "it divides an array of no rows"}

test_its_derivative = brick_test(L1Loss, "(batch, ...)", "(batch, ...)")


@st.composite
def cases(draw, dtype=np.float64):
    y = draw(normals(dtype, draw(st.integers(1, 3))))
    return L1Loss(), (y, normal(*y.shape, seed=draw(seeds), dtype=dtype))


def test_the_numbers_worked_by_hand_with_two_rows_and_three_outputs():
    loss, cache = l1.forward(Y, TARGET)
    assert type(loss) is float
    assert loss == (0 + 2 + 0 + 3 + 0 + 1) / 2
    assert l1.backward(1.0, cache).tolist() == [[0.0, 0.5, 0.0], [-0.5, 0.0, -0.5]]
    assert l1.backward(4.0, cache).tolist() == [[0.0, 2.0, 0.0], [-2.0, 0.0, -2.0]]


def test_many_float32_errors_are_summed_without_losing_the_small_ones():
    y = np.ones((1, 2**24 + 2**22), np.float32)  # one sum after the other would stay at 2**24
    assert l1(y, np.zeros_like(y)) == 2**24 + 2**22


def test_a_sum_beyond_the_largest_float16_is_no_infinity():
    y = np.full((1, 100), 1000.0, np.float16)
    assert l1(y, np.zeros_like(y)) == 100_000.0


def test_not_a_number_makes_loss_and_derivative_not_a_number():
    loss, cache = l1.forward(np.array([np.nan, 1.0]), np.zeros(2))
    assert np.isnan(loss)
    np.testing.assert_array_equal(l1.backward(1.0, cache), [np.nan, 0.5])
    assert l1(np.array([np.inf]), np.zeros(1)) == np.inf


def test_a_target_of_another_shape_or_dtype_is_refused():
    with pytest.raises(ShapeError, match=r"^L1Loss\(\) needs target of shape \(2, 3\), but target has shape \(2,\)$"):
        l1.forward(Y, np.zeros(2))
    with pytest.raises(DtypeError, match=r"L1Loss\(\) needs target of dtype float64, but target has dtype float32"):
        l1.forward(Y, TARGET.astype(np.float32))
