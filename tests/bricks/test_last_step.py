import numpy as np
import pytest
from hypothesis import strategies as st

from legonet import LastStep, ShapeError
from legonet.testing import brick_test
from strategies import normal, seeds

last = LastStep()

_ZEROS = "zeros are the same, whatever they are multiplied by"

EQUIVALENT = {
    "LastStep.backward: dx = np.zeros(shape, dtype) → dx = -np.zeros(shape, dtype)": _ZEROS,
    "LastStep.backward: dx = np.zeros(shape, dtype) → dx = np.zeros(shape, dtype) * 2": _ZEROS,
    "LastStep.backward: dx = np.zeros(shape, dtype) → dx = np.zeros(shape, dtype) * 0.5": _ZEROS,
}


@st.composite
def cases(draw, dtype=np.float64):
    shape = [draw(st.integers(0, 3)), draw(st.integers(1, 3)), *draw(st.lists(st.integers(0, 3), max_size=2))]
    return LastStep(), (normal(*shape, seed=draw(seeds), dtype=dtype),)


test_its_derivative = brick_test(LastStep, "(batch, time, ...)", independent_rows=True)
test_its_derivative_by_a_sequence_of_numbers = brick_test(LastStep, "(batch, time)", independent_rows=True)


def test_the_numbers_worked_by_hand():
    y, cache = last.forward(np.array([[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]]))
    assert y.tolist() == [[5.0, 6.0]]
    assert last.backward(np.array([[7.0, 8.0]]), cache).tolist() == [[[0.0, 0.0], [0.0, 0.0], [7.0, 8.0]]]


@pytest.mark.parametrize("shape", [(0, 3, 2), (3, 1, 2), (3, 2), (3, 2, 0), (3, 2, 4, 5)])
def test_the_axis_of_time_is_left_out(shape):
    x = normal(*shape)
    y, cache = last.forward(x)
    np.testing.assert_array_equal(y, x[:, -1])
    assert last.backward(y, cache).shape == shape


def test_who_keeps_y_does_not_keep_the_sequence():
    x = normal(3, 2, 4)
    assert not np.shares_memory(last(x), x)


def test_infinity_upstream_leaves_the_other_steps_at_0():
    dx = last.backward(np.array([[np.inf, np.nan]]), last.forward(np.zeros((1, 2, 2)))[1])
    np.testing.assert_array_equal(dx, [[[0.0, 0.0], [np.inf, np.nan]]])


def test_a_sequence_without_steps_is_refused():
    with pytest.raises(ShapeError, match=r"LastStep\(\) needs x of one step or more, but x has shape \(3, 0, 2\)"):
        last.forward(np.zeros((3, 0, 2)))


def test_what_is_no_sequence_is_refused():
    with pytest.raises(ShapeError, match=r"LastStep\(\) needs x of shape \(batch, time, ...\), but x has shape \(3,\)"):
        last.forward(np.zeros(3))
    with pytest.raises(ShapeError, match=r"LastStep\(\) needs dy of shape \(3, 4\), but dy has shape \(3, 2, 4\)"):
        last.backward(np.zeros((3, 2, 4)), last.forward(np.zeros((3, 2, 4)))[1])


def test_the_cache_holds_no_numbers():
    x = normal(2, 3, 4)
    assert last.forward(x)[1] == (x.shape, x.dtype)
