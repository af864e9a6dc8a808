import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from legonet.bricks.patches import from_patches, from_pixels, to_patches, to_pixels
from legonet.bricks.window import Window
from strategies import LAYOUTS, assert_close, normal, seeds


@st.composite
def windows_and_images(draw):
    axes = draw(st.integers(1, 2))
    size, stride, dilation = (tuple(draw(st.integers(1, 3)) for _ in range(axes)) for _ in range(3))
    window = Window(size, stride, tuple(draw(st.integers(0, 2)) for _ in range(axes)), dilation)
    least = (max(1, e - 2 * p) for e, p in zip(window.extent, window.padding, strict=True))
    space = [draw(st.integers(n, n + 3)) for n in least]
    return window, normal(draw(st.integers(0, 2)), draw(st.integers(0, 2)), *space, seed=draw(seeds))


@given(windows_and_images(), seeds)
def test_from_patches_is_the_transpose_of_to_patches(case, seed):
    window, x = case
    patches = to_patches(x, window)
    other = normal(*patches.shape, seed=seed)
    assert_close([np.sum(patches * other)], [np.sum(x * from_patches(other, x.shape, window))])


@given(windows_and_images())
def test_each_pixel_comes_back_as_often_as_the_window_sees_it(case):
    window, x = case
    seen = from_patches(to_patches(np.ones_like(x), window), x.shape, window)
    assert_close([from_patches(to_patches(x, window), x.shape, window)], [x * seen])
    assert (seen == seen.astype(int)).all()
    if window.stride == window.kernel_size and window.dilation == (1,) * len(window.kernel_size):
        assert seen.max(initial=0) <= 1


@given(windows_and_images())
def test_from_pixels_is_the_inverse_of_to_pixels(case):
    _, x = case
    assert (from_pixels(to_pixels(x), x.shape) == x).all()
    assert to_pixels(x).shape == (1, x.shape[1], len(x) * int(np.prod(x.shape[2:])))


def test_columns_are_ordered_by_place_and_then_by_image():
    x = np.arange(8.0).reshape(2, 2, 2)  # two images of two channels and two steps
    assert to_pixels(x).tolist() == [[[0, 4, 1, 5], [2, 6, 3, 7]]]
    assert to_pixels(x, groups=2).tolist() == [[[0, 4, 1, 5]], [[2, 6, 3, 7]]]
    window = Window(kernel_size=(2,), stride=(1,), padding=(0,), dilation=(1,))
    assert to_patches(x, window).tolist() == [[[0, 4], [1, 5], [2, 6], [3, 7]]]


def test_the_padding_may_be_filled_with_any_number():
    window = Window(kernel_size=(1,), stride=(1,), padding=(1,), dilation=(1,))
    assert to_patches(np.ones((1, 1, 2)), window, fill=-np.inf).tolist() == [[[-np.inf, 1, 1, -np.inf]]]


def test_patches_and_pixels_keep_the_dtype():
    window = Window(kernel_size=(2,), stride=(1,), padding=(1,), dilation=(1,))
    x = np.ones((1, 1, 2), np.float16)
    assert to_patches(x, window).dtype == from_patches(to_patches(x, window), x.shape, window).dtype == np.float16


@given(windows_and_images(), st.sampled_from(list(LAYOUTS.values())))
def test_the_layout_of_images_in_memory_changes_nothing(case, layout):
    window, x = case
    patches = to_patches(x, window)
    assert_close([to_patches(layout(x), window)], [patches], 0)
    assert_close([from_patches(layout(patches), x.shape, window)], [from_patches(patches, x.shape, window)], 0)


@pytest.mark.parametrize("dilation", [1, 2])
def test_a_window_may_see_the_padding_alone(dilation):
    window = Window(kernel_size=(1,), stride=(4,), padding=(2,), dilation=(dilation,))
    patches = to_patches(np.ones((3, 2, 1)), window, fill=7.0)
    assert patches.tolist() == [[[7.0] * 6] * 2]
    assert from_patches(patches, (3, 2, 1), window).tolist() == [[[0.0]] * 2] * 3
