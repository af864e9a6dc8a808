import numpy as np
import pytest
from hypothesis import strategies as st

from legonet import OptionError, ShapeError, Transpose
from legonet.testing import brick_test
from strategies import normal, seeds


@st.composite
def cases(draw, dtype=np.float64):
    count = draw(st.integers(0, 3))
    axes = draw(st.permutations(range(1, count + 1))) if draw(st.booleans()) else []
    shape = draw(st.lists(st.integers(0, 3), min_size=count + 1, max_size=count + 1))
    return Transpose(*axes), (normal(*shape, seed=draw(seeds), dtype=dtype),)


def transpose(axes):
    return Transpose(*axes)


test_its_derivative = brick_test(Transpose, "(batch, ...)", independent_rows=True)
test_its_derivative_in_a_given_order = brick_test(
    transpose,
    "(batch, a, b, c)",
    options={"axes": [(1, 2, 3), (2, 3, 1), (3, 1, 2), (3, 2, 1)]},
    sizes={"a": [2], "b": [3, 2], "c": [1, 2]},
    independent_rows=True,
)


def test_the_numbers_worked_by_hand():
    y, cache = Transpose(2, 1).forward(np.array([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]))
    assert y.tolist() == [[[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]]]
    dx = Transpose(2, 1).backward(np.array([[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]]), cache)
    assert dx.tolist() == [[[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]]]


@pytest.mark.parametrize(
    ("axes", "shape"),
    [((), (2, 5, 4, 3)), ((1, 2, 3), (2, 3, 4, 5)), ((3, 1, 2), (2, 5, 3, 4)), ((2, 3, 1), (2, 4, 5, 3))],
)
def test_axis_j_of_y_is_axis_p_j_of_x(axes, shape):
    x = normal(2, 3, 4, 5)
    y, cache = Transpose(*axes).forward(x)
    assert y.shape == shape
    for i, j, k in np.ndindex(3, 4, 5):
        place = [(i, j, k)[axis - 1] for axis in axes or (3, 2, 1)]
        assert y[(1, *place)] == x[1, i, j, k]
    np.testing.assert_array_equal(Transpose(*axes).backward(y, cache), x)


@pytest.mark.parametrize("shape", [(3,), (3, 2), (0, 2, 3), (2, 0, 3)])
def test_without_axes_the_order_is_reversed_however_many_there_are(shape):
    assert Transpose()(np.zeros(shape)).shape == (shape[0], *shape[:0:-1])


@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 2, 5), (4,)])
def test_another_number_of_axes_is_refused(shape):
    words = r"Transpose\(2, 1\) needs x of shape \(batch, size 1, size 2\), but x has shape \(4"
    with pytest.raises(ShapeError, match=words):
        Transpose(2, 1).forward(np.zeros(shape))


def test_an_upstream_gradient_of_another_shape_is_refused():
    with pytest.raises(ShapeError, match=r"Transpose\(\) needs dy of shape \(5, 3, 2\), but dy has shape \(5, 2, 3\)"):
        Transpose().backward(np.zeros((5, 2, 3)), Transpose().forward(np.zeros((5, 2, 3)))[1])


@pytest.mark.parametrize("axes", [(0, 1), (2,), (1, 1), (1, 3), (0,)])
def test_axes_that_are_no_order_are_refused(axes):
    with pytest.raises(OptionError, match=r"Transpose needs each of the axes 1.*, the batch left out, but got \("):
        Transpose(*axes)


@pytest.mark.parametrize("axis", [-1, 1.0, "1", None, (2, 1), True])
def test_an_axis_that_is_none_is_refused(axis):
    with pytest.raises(OptionError, match="Transpose needs each axis as a whole number >= 0, but each axis is"):
        Transpose(axis)


def test_the_cache_holds_no_numbers():
    x = normal(2, 3, 4)
    assert Transpose().forward(x)[1] == (x.shape, x.dtype)


def test_it_prints_as_it_is_written():
    assert repr(Transpose()) == "Transpose()"
    assert repr(Transpose(np.int64(2), 1)) == "Transpose(2, 1)"
