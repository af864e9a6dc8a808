import numpy as np
import pytest
from hypothesis import strategies as st

from legonet import Concatenate, DtypeError, OptionError, ShapeError
from legonet.testing import brick_test
from strategies import normal, seeds


@st.composite
def cases(draw, dtype=np.float64):
    axes = draw(st.integers(2, 3))
    axis = draw(st.integers(1, axes - 1))
    shape = draw(st.lists(st.integers(0, 3), min_size=axes, max_size=axes))
    sizes = draw(st.lists(st.integers(0, 3), min_size=1, max_size=3))
    shapes = [(*shape[:axis], size, *shape[axis + 1 :]) for size in sizes]
    inputs = tuple(normal(*each, seed=draw(seeds), dtype=dtype) for each in shapes)
    return Concatenate(axis=axis - axes if draw(st.booleans()) else axis), inputs


test_its_derivative = brick_test(Concatenate, "(batch, n)", "(batch, m)", "(batch, n)", independent_rows=True)
test_its_derivative_along_a_middle_axis = brick_test(
    Concatenate, "(batch, n, k)", "(batch, m, k)", options={"axis": [1, -2]}, independent_rows=True
)


def test_the_numbers_worked_by_hand():
    y, cache = Concatenate().forward(np.array([[1.0], [2.0]]), np.array([[3.0, 4.0], [5.0, 6.0]]))
    assert y.tolist() == [[1.0, 3.0, 4.0], [2.0, 5.0, 6.0]]
    left, right = Concatenate().backward(np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), cache)
    assert left.tolist() == [[1.0], [4.0]]
    assert right.tolist() == [[2.0, 3.0], [5.0, 6.0]]


@pytest.mark.parametrize("axis", [1, -3])
def test_images_are_joined_by_their_channels(axis):
    x, other = normal(2, 3, 4, 5), normal(2, 1, 4, 5, seed=1)
    np.testing.assert_array_equal(Concatenate(axis=axis)(x, other), np.concatenate([x, other], 1))


def test_y_is_an_array_of_its_own_and_gradients_are_pieces_of_the_upstream_one():
    x, dy = normal(2, 3), normal(2, 3, seed=1)
    y, cache = Concatenate().forward(x)
    assert not np.shares_memory(y, x)
    assert np.shares_memory(Concatenate().backward(dy, cache)[0], dy)


@pytest.mark.parametrize("axis", [1.0, "1", None, True, np.True_, [1]])
def test_an_axis_that_is_none_is_refused(axis):
    with pytest.raises(OptionError, match="Concatenate needs axis as a whole number, but axis is"):
        Concatenate(axis=axis)


def test_the_batch_is_refused_as_the_axis():
    with pytest.raises(OptionError, match="Concatenate needs axis as another one than 0, the batch, but axis is 0"):
        Concatenate(axis=0)


@pytest.mark.parametrize(("axis", "shape"), [(-2, (4, 3)), (2, (4, 3)), (-3, (4, 3)), (-1, (4,))])
def test_an_axis_that_is_the_batch_or_is_missing_is_refused(axis, shape):
    with pytest.raises(ShapeError, match=rf"needs x0 with an axis {axis} that is not the batch, but x0 has shape \(4"):
        Concatenate(axis=axis)(normal(*shape))


def test_what_does_not_fit_is_refused():
    with pytest.raises(OptionError, match=r"Concatenate\(axis=-1\) needs one input or more, but got none"):
        Concatenate()()
    with pytest.raises(ShapeError, match=r"needs x1 of shape \(4, any\), but x1 has shape \(5, 3\)"):
        Concatenate()(normal(4, 3), normal(5, 3))
    with pytest.raises(ShapeError, match=r"needs x1 of shape \(4, any, 2\), but x1 has shape \(4, 3\)"):
        Concatenate(axis=1)(normal(4, 3, 2), normal(4, 3))
    with pytest.raises(DtypeError, match="needs x1 of dtype float64, but x1 has dtype float32"):
        Concatenate()(normal(4, 3), normal(4, 3, dtype=np.float32))
    with pytest.raises(ShapeError, match=r"needs dy of shape \(4, 5\), but dy has shape \(4, 6\)"):
        Concatenate().backward(normal(4, 6), Concatenate().forward(normal(4, 3), normal(4, 2))[1])


def test_it_prints_as_it_is_written():
    assert repr(Concatenate()) == "Concatenate(axis=-1)"
    assert repr(Concatenate(axis=np.int64(1))) == "Concatenate(axis=1)"
