import numpy as np
import pytest
from hypothesis import strategies as st

from legonet import HuberLoss, L1Loss, MSELoss, OptionError, ShapeError
from legonet.testing import brick_test
from strategies import normal, normals, seeds

huber = HuberLoss(delta=2.0)
Y = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
TARGET = np.array([[1.0, 1.0, 3.0], [9.0, 5.0, 2.0]])

EQUIVALENT = {"HuberLoss.backward: 1 → 2": "it divides an array of no rows"}

test_its_derivative = brick_test(HuberLoss, "(batch, ...)", "(batch, ...)", options={"delta": [1.0, 0.5, 2.0]})


@st.composite
def cases(draw, dtype=np.float64):
    y = draw(normals(dtype, draw(st.integers(1, 3))))
    return HuberLoss(delta=draw(st.sampled_from([1.0, 0.5]))), (y, normal(*y.shape, seed=draw(seeds), dtype=dtype))


def test_the_numbers_worked_by_hand_with_two_rows_and_three_outputs():
    loss, cache = huber.forward(Y, TARGET)  # errors 0, 1, 0; -5, 0, 4
    assert type(loss) is float
    assert loss == (0 + 0.5 + 0 + 2 * (5 - 1) + 0 + 2 * (4 - 1)) / 2
    assert huber.backward(1.0, cache).tolist() == [[0.0, 0.5, 0.0], [-1.0, 0.0, 1.0]]
    assert huber.backward(4.0, cache).tolist() == [[0.0, 2.0, 0.0], [-4.0, 0.0, 4.0]]


def test_with_a_large_delta_it_is_half_the_squared_error_and_with_a_small_one_the_absolute_error_times_delta():
    y, target = normal(4, 3, seed=1), normal(4, 3, seed=2)
    assert HuberLoss(delta=100.0)(y, target) == pytest.approx(MSELoss()(y, target), rel=1e-14)
    assert HuberLoss(delta=1e-9)(y, target) == pytest.approx(1e-9 * L1Loss()(y, target), rel=1e-7)


def test_a_large_error_does_not_overflow_as_its_square_would():
    loss, cache = huber.forward(np.array([1e200, -1e200]), np.zeros(2))
    assert loss == 2e200
    assert huber.backward(1.0, cache).tolist() == [1.0, -1.0]
    assert huber(np.array([np.inf]), np.zeros(1)) == np.inf


def test_not_a_number_makes_loss_and_derivative_not_a_number():
    loss, cache = huber.forward(np.array([np.nan, 1.0]), np.zeros(2))
    assert np.isnan(loss)
    np.testing.assert_array_equal(huber.backward(1.0, cache), [np.nan, 0.5])


@pytest.mark.parametrize("delta", [0, -0.1, np.inf, "1", None, True])
def test_a_delta_that_is_none_is_refused(delta):
    with pytest.raises(OptionError, match="HuberLoss needs delta as a finite number > 0, but delta is"):
        HuberLoss(delta=delta)


def test_a_target_of_another_shape_is_refused():
    with pytest.raises(ShapeError, match=r"^HuberLoss\(delta=2\) needs target of shape \(2, 3\), but target has shape"):
        huber.forward(Y, np.zeros(2))


def test_it_prints_as_it_is_written():
    assert repr(HuberLoss()) == "HuberLoss(delta=1)"
