import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from legonet import Conv2d, DtypeError, MaxPool2d, OptionError, ShapeError
from legonet.testing import brick_test
from strategies import assert_close, normal, seeds

test_its_derivative = brick_test(
    MaxPool2d,
    "(batch, channels, height, width)",
    sizes={"kernel_size": [2, 3], "height": (2, 5), "width": (2, 5)},
    options={"stride": [None, 1, (2, 3)], "padding": [0, 1]},
    independent_rows=True,
)


@st.composite
def cases(draw, dtype=np.float64):
    size = draw(st.tuples(st.integers(1, 3), st.integers(1, 2)))
    padding = tuple(draw(st.integers(0, k // 2)) for k in size)
    brick = MaxPool2d(size, stride=draw(st.none() | st.integers(1, 3)), padding=padding)
    space = (draw(st.integers(max(1, k - 2 * p), 4)) for k, p in zip(size, padding, strict=True))
    return brick, (normal(draw(st.integers(0, 2)), draw(st.integers(0, 2)), *space, seed=draw(seeds), dtype=dtype),)


def by_loops(pool, x, dy):
    """Return y and dx window by window."""
    (ku, kv), (s, t), (p, q), _ = pool.window
    padded = np.pad(x, ((0, 0), (0, 0), (p, p), (q, q)), constant_values=-np.inf)
    y, dx = np.zeros_like(dy), np.zeros_like(padded)
    for n, c, i, j in np.ndindex(*dy.shape):
        patch = padded[n, c, i * s : i * s + ku, j * t : j * t + kv]
        u, v = np.unravel_index(patch.argmax(), patch.shape)
        y[n, c, i, j] = patch[u, v]
        dx[n, c, i * s + u, j * t + v] += dy[n, c, i, j]
    return y, dx[:, :, p : p + x.shape[2], q : q + x.shape[3]]


def test_the_numbers_worked_by_hand():
    x = np.array([[[[1.0, 4.0, -7.0, -8.0, 9.0], [2.0, 3.0, -6.0, -9.0, 9.0]]]])
    pool = MaxPool2d(2)
    y, cache = pool.forward(x)
    dx = pool.backward(np.array([[[[5.0, 6.0]]]]), cache)
    assert y.tolist() == [[[[4.0, -6.0]]]]
    assert dx.tolist() == [[[[0.0, 5.0, 0.0, 0.0, 0.0], [0.0, 0.0, 6.0, 0.0, 0.0]]]]  # the last column is not seen


@given(case=cases(), seed=seeds, ties=st.booleans())
def test_both_passes_equal_a_search_window_by_window(case, seed, ties):
    pool, (x,) = case
    x = np.round(x) if ties else x
    y, cache = pool.forward(x)
    dy = normal(*y.shape, seed=seed)
    assert_close([y, pool.backward(dy, cache)], by_loops(pool, x, dy), 1e-15)


def test_of_equally_large_pixels_the_first_gets_the_gradient():
    pool = MaxPool2d((2, 3))
    y, cache = pool.forward(np.array([[[[1.0, 2.0, 2.0], [2.0, 2.0, 0.0]]]]))
    assert pool.backward(np.ones_like(y), cache).tolist() == [[[[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]]]


def test_a_pixel_that_several_windows_see_gets_the_gradient_of_each():
    pool = MaxPool2d((1, 2), stride=1)
    _, cache = pool.forward(np.array([[[[1.0, 5.0, 2.0]]]]))
    assert pool.backward(np.array([[[[10.0, 100.0]]]]), cache).tolist() == [[[[0.0, 110.0, 0.0]]]]


def test_the_padding_is_smaller_than_every_pixel():
    assert MaxPool2d(2, padding=1)(np.full((1, 1, 2, 2), -1e308)).tolist() == [[[[-1e308] * 2] * 2]]


def test_not_a_number_is_the_largest_of_its_window_and_infinity_is_a_pixel_as_any_other():
    x = np.array([[[[np.nan, 1.0, np.inf, 2.0, -np.inf, -np.inf, 3.0, np.nan, np.nan, np.nan]]]])
    pool = MaxPool2d((1, 2))
    y, cache = pool.forward(x)
    assert str(y.ravel()) == "[ nan  inf -inf  nan  nan]"
    assert pool.backward(np.ones_like(y), cache).ravel().tolist() == [1, 0, 1, 0, 1, 0, 0, 1, 1, 0]


@pytest.mark.parametrize("pixel", [-np.inf, np.nan])
@pytest.mark.parametrize("kernel_size", [2, 3])
def test_the_padding_never_gets_a_gradient(kernel_size, pixel):
    pool = MaxPool2d(kernel_size, stride=1, padding=1)
    y, cache = pool.forward(np.full((2, 3, 2, 2), pixel))
    np.testing.assert_array_equal(y, np.full_like(y, pixel))
    assert pool.backward(np.ones_like(y), cache).sum() == y.size


def test_the_order_in_memory_that_a_convolution_gives_is_kept():
    x = Conv2d(1, 2, 1)(normal(5, 1, 4, 4))
    y, cache = MaxPool2d(2).forward(x)
    for array in (x, y, MaxPool2d(2).backward(y, cache)):
        assert np.moveaxis(array, 0, -1).flags.c_contiguous


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"kernel_size": 0},
            "MaxPool2d needs kernel_size as a whole number >= 1 or a pair of them, but kernel_size is 0",
        ),
        (
            {"kernel_size": None},
            "MaxPool2d needs kernel_size as a whole number >= 1 or a pair of them, but kernel_size is None",
        ),
        (
            {"kernel_size": (1, 2, 3)},
            "MaxPool2d needs kernel_size as a whole number >= 1 or a pair of them, but kernel_size is (1, 2, 3)",
        ),
        ({"stride": 0}, "MaxPool2d needs stride as a whole number >= 1 or a pair of them, but stride is 0"),
        ({"padding": -1}, "MaxPool2d needs padding as a whole number >= 0 or a pair of them, but padding is -1"),
        (
            {"kernel_size": 3, "padding": 2},
            "MaxPool2d needs padding of at most half of kernel_size 3, but padding is 2",
        ),
        (
            {"kernel_size": (4, 2), "padding": 2},
            "MaxPool2d needs padding of at most half of kernel_size (4, 2), but padding is 2",
        ),
    ],
    ids=lambda value: next(reversed(value), "") if isinstance(value, dict) else "",
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(OptionError) as refusal:
        MaxPool2d(**({"kernel_size": 2} | options))
    assert str(refusal.value) == message


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((3, 5, 5)), "needs x of shape (batch, channels, height, width), but x has shape (3, 5, 5)"),
        (
            np.zeros((2, 3, 5, 5), int),
            "needs x of a floating-point dtype, but x has dtype int64: pass x.astype(numpy.float64)",
        ),
        (np.zeros((2, 3, 1, 5)), "needs x of height >= 2 and width >= 1, but x has shape (2, 3, 1, 5)"),
        (np.zeros((2, 3, 2, 0)), "needs x of height >= 2 and width >= 1, but x has shape (2, 3, 2, 0)"),
    ],
)
def test_images_that_do_not_fit_are_refused(x, message):
    with pytest.raises((ShapeError, DtypeError)) as refusal:
        MaxPool2d((4, 3), padding=1)(x)
    assert str(refusal.value) == f"MaxPool2d((4, 3), padding=1) {message}"


@pytest.mark.parametrize("dy", [np.zeros((1, 1, 2, 1)), np.zeros((1, 1, 1, 1), np.float32)])
def test_an_upstream_gradient_that_does_not_fit_is_refused(dy):
    pool = MaxPool2d(2)
    _, cache = pool.forward(np.zeros((1, 1, 2, 2)))
    with pytest.raises((ShapeError, DtypeError), match=r"MaxPool2d\(2\) needs dy of"):
        pool.backward(dy, cache)


def test_it_prints_as_it_is_written():
    assert repr(MaxPool2d(2)) == repr(MaxPool2d((2, 2), stride=2)) == "MaxPool2d(2)"
    assert repr(MaxPool2d((2, 3), stride=1, padding=1)) == "MaxPool2d((2, 3), stride=1, padding=1)"
