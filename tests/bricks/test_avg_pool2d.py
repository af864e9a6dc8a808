import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from legonet import AvgPool2d, Conv2d, DtypeError, OptionError, ShapeError
from legonet.testing import brick_test
from strategies import assert_close, normal, seeds

EQUIVALENT = {"AvgPool2d.backward: axis=1 → axis=0": "the axis in between has size 1, so the order is the same"}

test_its_derivative = brick_test(
    AvgPool2d,
    "(batch, channels, height, width)",
    sizes={"kernel_size": [2, 3], "height": (2, 5), "width": (2, 5)},
    options={"stride": [None, 1, (2, 3)], "padding": [0, 1]},
    independent_rows=True,
)


@st.composite
def cases(draw, dtype=np.float64):
    size = draw(st.tuples(st.integers(1, 3), st.integers(1, 2)))
    padding = tuple(draw(st.integers(0, k // 2)) for k in size)
    brick = AvgPool2d(size, stride=draw(st.none() | st.integers(1, 3)), padding=padding)
    space = (draw(st.integers(max(1, k - 2 * p), 4)) for k, p in zip(size, padding, strict=True))
    return brick, (normal(draw(st.integers(0, 2)), draw(st.integers(0, 2)), *space, seed=draw(seeds), dtype=dtype),)


def by_loops(pool, x, dy):
    """Return y and dx window by window."""
    (ku, kv), (s, t), (p, q), _ = pool.window
    padded = np.pad(x, ((0, 0), (0, 0), (p, p), (q, q)))
    y, dx = np.zeros_like(dy), np.zeros_like(padded)
    for n, c, i, j in np.ndindex(*dy.shape):
        window = n, c, slice(i * s, i * s + ku), slice(j * t, j * t + kv)
        y[n, c, i, j] = padded[window].mean()
        dx[window] += dy[n, c, i, j] / (ku * kv)
    return y, dx[:, :, p : p + x.shape[2], q : q + x.shape[3]]


def test_the_numbers_worked_by_hand():
    x = np.array([[[[1.0, 4.0, -7.0, -8.0, 9.0], [2.0, 3.0, -6.0, -9.0, 9.0]]]])
    pool = AvgPool2d(2)
    y, cache = pool.forward(x)
    dx = pool.backward(np.array([[[[4.0, 8.0]]]]), cache)
    assert y.tolist() == [[[[2.5, -7.5]]]]
    assert dx.tolist() == [[[[1.0, 1.0, 2.0, 2.0, 0.0], [1.0, 1.0, 2.0, 2.0, 0.0]]]]  # the last column is not seen


@given(case=cases(), seed=seeds)
def test_both_passes_equal_means_taken_window_by_window(case, seed):
    pool, (x,) = case
    y, cache = pool.forward(x)
    dy = normal(*y.shape, seed=seed)
    assert_close([y, pool.backward(dy, cache)], by_loops(pool, x, dy))


def test_the_zeros_of_the_padding_count():
    assert AvgPool2d(2, padding=1)(np.full((1, 1, 2, 2), 4.0)).tolist() == [[[[1.0, 1.0], [1.0, 1.0]]]]


def test_large_pixels_of_float16_do_not_overflow_on_the_way():
    assert AvgPool2d(2)(np.full((1, 1, 2, 2), 60_000, np.float16)).tolist() == [[[[60_000]]]]


def test_not_a_number_and_infinity_pass_through():
    x = np.array([[[[np.nan, 1.0, np.inf, 2.0, 3.0, 5.0]]]])
    assert str(AvgPool2d((1, 2))(x).ravel()) == "[nan inf  4.]"


def test_the_order_in_memory_that_a_convolution_gives_is_kept():
    x = Conv2d(1, 2, 1)(normal(5, 1, 4, 4))
    y, cache = AvgPool2d(2).forward(x)
    for array in (x, y, AvgPool2d(2).backward(y, cache)):
        assert np.moveaxis(array, 0, -1).flags.c_contiguous


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"kernel_size": 0},
            "AvgPool2d needs kernel_size as a whole number >= 1 or a pair of them, but kernel_size is 0",
        ),
        (
            {"kernel_size": None},
            "AvgPool2d needs kernel_size as a whole number >= 1 or a pair of them, but kernel_size is None",
        ),
        (
            {"kernel_size": (1, 2, 3)},
            "AvgPool2d needs kernel_size as a whole number >= 1 or a pair of them, but kernel_size is (1, 2, 3)",
        ),
        ({"stride": 0}, "AvgPool2d needs stride as a whole number >= 1 or a pair of them, but stride is 0"),
        ({"padding": -1}, "AvgPool2d needs padding as a whole number >= 0 or a pair of them, but padding is -1"),
        (
            {"kernel_size": 3, "padding": 2},
            "AvgPool2d needs padding of at most half of kernel_size 3, but padding is 2",
        ),
        (
            {"kernel_size": (4, 2), "padding": 2},
            "AvgPool2d needs padding of at most half of kernel_size (4, 2), but padding is 2",
        ),
    ],
    ids=lambda value: next(reversed(value), "") if isinstance(value, dict) else "",
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(OptionError) as refusal:
        AvgPool2d(**({"kernel_size": 2} | options))
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
        AvgPool2d((4, 3), padding=1)(x)
    assert str(refusal.value) == f"AvgPool2d((4, 3), padding=1) {message}"


@pytest.mark.parametrize("dy", [np.zeros((1, 1, 2, 1)), np.zeros((1, 1, 1, 1), np.float32)])
def test_an_upstream_gradient_that_does_not_fit_is_refused(dy):
    pool = AvgPool2d(2)
    _, cache = pool.forward(np.zeros((1, 1, 2, 2)))
    with pytest.raises((ShapeError, DtypeError), match=r"AvgPool2d\(2\) needs dy of"):
        pool.backward(dy, cache)


def test_it_prints_as_it_is_written():
    assert repr(AvgPool2d(2)) == repr(AvgPool2d((2, 2), stride=2)) == "AvgPool2d(2)"
    assert repr(AvgPool2d((2, 3), stride=1, padding=1)) == "AvgPool2d((2, 3), stride=1, padding=1)"
