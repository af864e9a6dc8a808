import math

import numpy as np
import pytest
from hypothesis import strategies as st

from legonet import Flatten, OptionError, Reshape, ShapeError
from legonet.testing import brick_test
from strategies import normal, seeds


@st.composite
def cases(draw, dtype=np.float64):
    shape = draw(st.lists(st.integers(0, 3), max_size=3))
    given = draw(st.sampled_from([shape.copy(), shape[::-1], [math.prod(shape)]]))
    free = draw(st.integers(0, len(shape)))
    if free < len(shape) and 0 not in shape:
        shape[free] = -1
    return Reshape(*shape), (normal(draw(st.integers(0, 3)), *given, seed=draw(seeds), dtype=dtype),)


def reshape(shape):
    return Reshape(*shape)


test_its_derivative = brick_test(
    reshape, "(batch, 12)", options={"shape": [(12,), (3, 4), (-1, 2), (2, 3, -1)]}, independent_rows=True
)
test_its_derivative_from_any_shape = brick_test(
    lambda a, b: Reshape(b, -1, a), "(batch, a, b)", sizes={"a": [2, 3], "b": [3, 1]}, independent_rows=True
)


def test_the_numbers_worked_by_hand():
    y, cache = Reshape(3, 2).forward(np.arange(6.0).reshape(1, 2, 3))
    assert y.tolist() == [[[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]]
    assert Reshape(3, 2).backward(10 * y, cache).tolist() == [[[0.0, 10.0, 20.0], [30.0, 40.0, 50.0]]]


@pytest.mark.parametrize(
    ("shape", "given", "wanted"),
    [
        ((-1,), (5, 2, 3), (5, 6)),
        ((2, -1), (5, 6), (5, 2, 3)),
        ((-1, 6), (0, 6), (0, 1, 6)),
        ((-1, 4), (5, 0), (5, 0, 4)),
        ((0, 4), (5, 0), (5, 0, 4)),
        ((), (5, 1), (5,)),
        ((), (5,), (5,)),
        ((1, 1), (5,), (5, 1, 1)),
    ],
)
def test_the_batch_stays_and_the_free_size_takes_what_is_left(shape, given, wanted):
    y, cache = Reshape(*shape).forward(np.zeros(given))
    assert y.shape == wanted
    assert Reshape(*shape).backward(y, cache).shape == given


def test_flatten_is_undone():
    x = normal(4, 2, 3, 5)
    assert np.array_equal(Reshape(2, 3, 5)(Flatten()(x)), x)


@pytest.mark.parametrize(
    ("shape", "given", "words"),
    [
        ((3, -1), (4, 8), r"Reshape\(3, -1\) needs rows of a size divisible by 3, but x has shape \(4, 8\): 8 a row"),
        ((3, 3), (4, 8), r"Reshape\(3, 3\) needs rows of size 9, but x has shape \(4, 8\): 8 a row"),
        ((3, 3), (9, 1), r"needs rows of size 9, but x has shape \(9, 1\): 1 a row"),
        ((0,), (4, 8), r"needs rows of size 0, but x has shape \(4, 8\): 8 a row"),
        ((), (4, 2), r"Reshape\(\) needs rows of size 1, but x has shape \(4, 2\): 2 a row"),
    ],
)
def test_rows_that_do_not_fill_the_shape_are_refused(shape, given, words):
    with pytest.raises(ShapeError, match=words):
        Reshape(*shape).forward(np.zeros(given))


def test_an_upstream_gradient_of_another_shape_is_refused():
    with pytest.raises(ShapeError, match=r"Reshape\(2, -1\) needs dy of shape \(5, 2, 3\), but dy has shape \(5, 6\)"):
        Reshape(2, -1).backward(np.zeros((5, 6)), Reshape(2, -1).forward(np.zeros((5, 6)))[1])


@pytest.mark.parametrize("size", [-2, 2.0, "2", None, (2, 3), True, np.True_, -1.0])
def test_a_size_that_is_none_is_refused(size):
    with pytest.raises(OptionError, match="Reshape needs each size as a whole number >= -1, but each size is"):
        Reshape(2, size)


@pytest.mark.parametrize("shape", [(-1, -1), (0, -1)])
def test_a_free_size_that_is_not_known_is_refused(shape):
    with pytest.raises(OptionError, match=r"Reshape needs -1 at most once and not beside 0, but the shape is \("):
        Reshape(*shape)


def test_the_cache_holds_no_numbers():
    x = normal(2, 3, 4)
    assert Reshape(-1).forward(x)[1] == (x.shape, x.dtype)


def test_it_prints_as_it_is_written():
    assert repr(Reshape(3, -1)) == "Reshape(3, -1)"
    assert repr(Reshape()) == "Reshape()"
    assert repr(Reshape(np.int64(3), np.int64(-1))) == "Reshape(3, -1)"
