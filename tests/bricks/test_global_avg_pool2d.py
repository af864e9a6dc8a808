import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from legonet import Conv2d, DtypeError, GlobalAvgPool2d, ShapeError
from legonet.testing import brick_test
from strategies import assert_close, normal, seeds

test_its_derivative = brick_test(GlobalAvgPool2d, "(batch, channels, height, width)", independent_rows=True)

pool = GlobalAvgPool2d()


@st.composite
def cases(draw, dtype=np.float64):
    shape = draw(st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(1, 3), st.integers(1, 3)))
    return GlobalAvgPool2d(), (normal(*shape, seed=draw(seeds), dtype=dtype),)


def test_the_numbers_worked_by_hand():
    y, cache = pool.forward(np.array([[[[1.0, 2.0, 6.0]], [[-1.0, -1.0, -1.0]]]]))
    assert y.tolist() == [[3.0, -1.0]]
    assert pool.backward(np.array([[6.0, 9.0]]), cache).tolist() == [[[[2.0, 2.0, 2.0]], [[3.0, 3.0, 3.0]]]]


@given(case=cases(), seed=seeds)
def test_y_is_a_mean_and_dx_spreads_dy_evenly(case, seed):
    _, (x,) = case
    y, cache = pool.forward(x)
    dy, pixels = normal(*y.shape, seed=seed), x.shape[2] * x.shape[3]
    dx = pool.backward(dy, cache)
    assert_close([y * pixels, dx], [x.sum(axis=(2, 3)), np.broadcast_to(dy[:, :, None, None] / pixels, x.shape)])


def test_large_pixels_of_float16_do_not_overflow_on_the_way():
    assert pool(np.full((1, 1, 7, 7), 60_000, np.float16)).tolist() == [[60_000]]


def test_many_pixels_of_float32_are_summed_exactly_enough():
    assert pool(np.full((1, 1, 4096, 4097), 0.1, np.float32)).item() == pytest.approx(0.1, rel=1e-5)


def test_not_a_number_and_infinity_pass_through():
    assert str(pool(np.array([[[[np.nan, 1.0]], [[np.inf, 2.0]], [[3.0, 4.0]]]]))) == "[[nan inf 3.5]]"


def test_the_order_in_memory_is_that_of_a_convolution_and_dx_may_be_written():
    x = Conv2d(1, 2, 1)(normal(5, 1, 4, 4))
    dx = pool.backward(*pool.forward(x))
    assert np.moveaxis(dx, 0, -1).flags.c_contiguous
    assert dx.flags.writeable


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((3, 5, 5)), "needs x of shape (batch, channels, height, width), but x has shape (3, 5, 5)"),
        (np.zeros((2, 3, 5, 0)), "needs x of at least one pixel, but x has shape (2, 3, 5, 0)"),
        (np.zeros((2, 3, 5, 5), bool), "needs x of a floating-point dtype, but x has dtype bool"),
    ],
)
def test_images_that_do_not_fit_are_refused(x, message):
    with pytest.raises((ShapeError, DtypeError)) as refusal:
        pool(x)
    assert str(refusal.value).startswith(f"GlobalAvgPool2d() {message}")


@pytest.mark.parametrize("dy", [np.zeros((2, 1)), np.zeros((1, 1, 1, 1)), np.zeros((1, 1), np.float32)])
def test_an_upstream_gradient_that_does_not_fit_is_refused(dy):
    with pytest.raises((ShapeError, DtypeError), match=r"GlobalAvgPool2d\(\) needs dy of"):
        pool.backward(dy, pool.forward(np.zeros((1, 1, 2, 2)))[1])
