from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from legonet import Conv2d, DtypeError, Linear, OptionError, ReLU, Sequential, ShapeError
from legonet.initializers import glorot_normal, he_normal, orthogonal
from legonet.initializers import normal as normal_numbers
from legonet.testing import brick_test
from strategies import assert_close, normal, seeds

X = np.array([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]])
W = np.array([[1.0, 10.0], [100.0, 1000.0]]).reshape(1, 2, 2, 1)

EQUIVALENT = {
    "Conv2d._add_gradients: W.grad → W.value (2)": "of it, the shape alone is used",
    "Conv2d._add_gradients: self.bias.grad += dy.dot(ones(dy.shape[-1], dy.dtype)).ravel()"
    " → self.bias.grad += dy.dot(ones(dy.shape[-1], dy.dtype)).ravel().T": "a vector is its own transpose",
    "Conv2d._add_gradients: dy.dot(ones(dy.shape[-1], dy.dtype))"
    " → dy.dot(ones(dy.shape[-1], dy.dtype).T)": "a vector is its own transpose",
    "Conv2d._add_gradients: dy → x (5)": "dy of another dtype than x is refused above",
}

test_its_derivative = brick_test(
    Conv2d,
    "(batch, in_channels, height, width)",
    sizes={"in_channels": [2, 4], "out_channels": [2, 4], "kernel_size": [1, 2, 3], "height": (1, 4), "width": (1, 4)},
    options={"padding": [0, 1, (0, 2)], "stride": [1, (2, 1)], "groups": [1, 2], "bias": [True, False]},
    independent_rows=True,
)


@st.composite
def cases(draw, dtype=np.float64):
    groups, size = draw(st.integers(1, 2)), draw(st.tuples(st.integers(1, 2), st.integers(1, 2)))
    inputs, outputs = (groups * draw(st.integers(0, 2)) for _ in range(2))
    options = {
        "stride": draw(st.integers(1, 2)),
        "padding": draw(st.integers(0, 1)),
        "dilation": draw(st.integers(1, 2)),
        "groups": groups,
        "bias": draw(st.booleans()),
    }
    brick = Conv2d(inputs, outputs, size, rng=draw(seeds), dtype=dtype, **options)
    space = (draw(st.integers(max(1, e - 2 * options["padding"]), 4)) for e in brick.window.extent)
    return brick, (normal(draw(st.integers(0, 2)), inputs, *space, seed=draw(seeds), dtype=dtype),)


def by_loops(conv, x, dy):
    """Return y, dx and dW by one multiplication at a time, as the formula has it."""
    (ku, kv), (s, t), (p, q), (d, e) = conv.window
    weight, groups = conv.weight.value, conv.groups
    y, dx, dW = np.zeros(dy.shape), np.zeros(x.shape), np.zeros(weight.shape)
    for n, o, i, j, c, u, v in np.ndindex(*dy.shape, len(weight), ku, kv):
        h, w = i * s + u * d - p, j * t + v * e - q
        if 0 <= h < x.shape[2] and 0 <= w < x.shape[3]:
            channel = o // (dy.shape[1] // groups) * len(weight) + c
            y[n, o, i, j] += x[n, channel, h, w] * weight[c, u, v, o]
            dx[n, channel, h, w] += dy[n, o, i, j] * weight[c, u, v, o]
            dW[c, u, v, o] += dy[n, o, i, j] * x[n, channel, h, w]
    return y, dx, dW


def test_the_numbers_worked_by_hand():
    conv = Conv2d(1, 1, 2, weight=W, bias=np.array([0.5]))
    y, cache = conv.forward(X)
    dx = conv.backward(np.array([[[[1.0, 2.0]]]]), cache)
    assert y.tolist() == [[[[5421.5, 6532.5]]]]
    assert dx.tolist() == [[[[1.0, 12.0, 20.0], [100.0, 1200.0, 2000.0]]]]
    assert conv.weight.grad.ravel().tolist() == [5.0, 8.0, 14.0, 17.0]
    assert conv.bias.grad.tolist() == [3.0]


def test_the_padding_is_zeros_all_around():
    y = Conv2d(1, 1, 2, weight=W, padding=1, bias=False)(X)
    assert y.tolist() == [[[[1000, 2100, 3200, 300], [4010, 5421, 6532, 603], [40, 54, 65, 6]]]]


def test_a_stride_and_a_dilation_skip_pixels():
    x = np.arange(25.0).reshape(1, 1, 5, 5)
    assert Conv2d(1, 1, 1, stride=(2, 4), weight=np.ones((1, 1, 1, 1)))(x).tolist() == [[[[0, 4], [10, 14], [20, 24]]]]
    dilated = Conv2d(1, 1, 2, dilation=(3, 2), stride=2, weight=W)(x)
    assert dilated.tolist() == [[[[0 + 20 + 1500 + 17000, 2 + 40 + 1700 + 19000]]]]


@given(case=cases(), seed=seeds)
def test_both_passes_equal_sums_written_out_for_any_sizes_and_options(case, seed):
    conv, (x,) = case
    y, cache = conv.forward(x)
    dy = normal(*y.shape, seed=seed)
    dx = conv.backward(dy, cache)
    wanted = by_loops(conv, x, dy)
    assert_close([y - (0 if conv.bias is None else conv.bias.value[:, None, None]), dx, conv.weight.grad], wanted)
    if conv.bias is not None:
        assert_close([conv.bias.grad], [dy.sum(axis=(0, 2, 3))])


def test_pixels_that_the_last_stride_does_not_reach_have_no_gradient():
    conv = Conv2d(1, 1, 2, stride=2, weight=np.ones((1, 2, 2, 1)))
    y, cache = conv.forward(normal(1, 1, 3, 5))
    assert y.shape == (1, 1, 1, 2)
    assert conv.backward(np.ones_like(y), cache).tolist() == [[[[1, 1, 1, 1, 0], [1, 1, 1, 1, 0], [0, 0, 0, 0, 0]]]]


def test_a_window_of_one_pixel_is_linear_at_each_pixel():
    conv = Conv2d(3, 2, 1, bias=normal(2), rng=0)
    linear = Linear(3, 2, weight=conv.weight.value[:, 0, 0], bias=conv.bias.value)
    x = normal(2, 3, 4, 5)
    assert_close([conv(x)], [np.moveaxis(linear(np.moveaxis(x, 1, -1)), -1, 1)])


def test_a_window_as_large_as_the_image_is_linear_on_the_image():
    conv = Conv2d(2, 4, (3, 5), rng=0)
    x = normal(6, 2, 3, 5)
    assert_close([conv(x)[:, :, 0, 0]], [x.reshape(6, -1) @ conv.weight.value.reshape(-1, 4)])


def test_groups_are_convolutions_side_by_side():
    x = normal(2, 4, 3, 3)
    both = Conv2d(4, 6, 2, groups=2, rng=0)
    halves = [Conv2d(2, 3, 2, weight=both.weight.value[..., columns]) for columns in (slice(3), slice(3, 6))]
    assert_close([both(x)], [np.concatenate([halves[0](x[:, :2]), halves[1](x[:, 2:])], axis=1)])


def test_a_pair_is_one_number_for_each_axis():
    alike = Conv2d(1, 1, (2, 2), stride=(2, 2), padding=(1, 1), dilation=(1, 1), weight=W)
    assert repr(alike) == repr(Conv2d(1, 1, 2, stride=2, padding=1))
    assert Conv2d(1, 1, [2, 3]).weight.value.shape == (1, 2, 3, 1)


def test_the_next_convolution_has_nothing_to_rearrange():
    y = Sequential(Conv2d(1, 2, 3, padding=1), ReLU())(normal(5, 1, 4, 4))
    assert np.moveaxis(y, 0, -1).flags.c_contiguous


def test_training_does_not_compute_the_input_gradient():
    class NoInputGradient(Conv2d):
        def backward(self, dy, x):
            raise AssertionError

    conv = NoInputGradient(1, 1, 2, weight=W)
    conv.backward_parameters(np.array([[[[1.0, 2.0]]]]), X)
    assert conv.weight.grad.ravel().tolist() == [5.0, 8.0, 14.0, 17.0]


def test_the_cache_is_x_itself_and_no_patches():
    assert Conv2d(1, 1, 2).forward(X)[1] is X


@pytest.mark.parametrize(("batch", "inputs", "outputs"), [(0, 2, 3), (2, 0, 3), (2, 2, 0), (0, 0, 0)])
def test_no_images_and_no_channels_are_legal(batch, inputs, outputs):
    conv = Conv2d(inputs, outputs, 2, bias=normal(outputs), rng=0)
    y, cache = conv.forward(np.zeros((batch, inputs, 3, 3)))
    assert y.shape == (batch, outputs, 2, 2)
    assert (y == conv.bias.value[:, None, None]).all()
    assert conv.backward(np.ones_like(y), cache).shape == (batch, inputs, 3, 3)
    assert conv.bias.grad.tolist() == [4.0 * batch] * outputs


def test_not_a_number_and_infinity_pass_through_where_the_window_sees_them():
    x = np.zeros((1, 1, 1, 4))
    x[0, 0, 0, 1], x[0, 0, 0, 3] = np.nan, np.inf
    conv = Conv2d(1, 1, (1, 2), weight=np.ones((1, 1, 2, 1)))
    assert str(conv(x).ravel()) == "[nan nan inf]"
    conv.backward(np.full((1, 1, 1, 3), np.inf), x)
    assert np.isnan(conv.weight.grad).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"in_channels": -1}, "Conv2d needs in_channels as a whole number >= 0, but in_channels is -1"),
        ({"out_channels": 1.0}, "Conv2d needs out_channels as a whole number >= 0, but out_channels is 1.0"),
        ({"kernel_size": 0}, "Conv2d needs kernel_size as a whole number >= 1 or a pair of them, but kernel_size is 0"),
        (
            {"kernel_size": (2, 0)},
            "Conv2d needs kernel_size as a whole number >= 1 or a pair of them, but kernel_size is (2, 0)",
        ),
        (
            {"kernel_size": (2, 2, 2)},
            "Conv2d needs kernel_size as a whole number >= 1 or a pair of them, but kernel_size is (2, 2, 2)",
        ),
        (
            {"kernel_size": "3"},
            "Conv2d needs kernel_size as a whole number >= 1 or a pair of them, but kernel_size is '3'",
        ),
        ({"stride": 0}, "Conv2d needs stride as a whole number >= 1 or a pair of them, but stride is 0"),
        ({"stride": None}, "Conv2d needs stride as a whole number >= 1 or a pair of them, but stride is None"),
        ({"padding": -1}, "Conv2d needs padding as a whole number >= 0 or a pair of them, but padding is -1"),
        ({"padding": "same"}, "Conv2d needs padding as a whole number >= 0 or a pair of them, but padding is 'same'"),
        ({"dilation": 0}, "Conv2d needs dilation as a whole number >= 1 or a pair of them, but dilation is 0"),
        ({"groups": 0}, "Conv2d needs groups as a whole number >= 1, but groups is 0"),
        (
            {"stride": (True, 1)},
            "Conv2d needs stride as a whole number >= 1 or a pair of them, but stride is (True, 1)",
        ),
        ({"groups": True}, "Conv2d needs groups as a whole number >= 1, but groups is True"),
        ({"groups": (2, 2)}, "Conv2d needs groups as a whole number >= 1, but groups is (2, 2)"),
        ({"groups": 3}, "Conv2d needs groups that divide in_channels and out_channels, but 3 does not divide 4 and 6"),
        ({"dtype": int}, "Conv2d needs dtype as a floating-point dtype"),
        ({"rng": "seed"}, "Conv2d needs rng as a numpy.random.Generator"),
        ({"weight": np.zeros((4, 6))}, "Conv2d needs weight of shape (4, 3, 3, 6), but weight has shape (4, 6)"),
        ({"bias": np.zeros(4)}, "Conv2d needs bias of shape (6,), but bias has shape (4,)"),
    ],
    ids=lambda value: next(iter(value), "") if isinstance(value, dict) else "",
)
def test_bad_options_are_refused(options, message):
    given = {"in_channels": 4, "out_channels": 6, "kernel_size": 3} | options
    with pytest.raises((OptionError, ShapeError, DtypeError)) as refusal:
        Conv2d(**given)
    assert str(refusal.value).startswith(message)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((2, 3, 5, 5)), "needs x of shape (batch, 4, height, width), but x has shape (2, 3, 5, 5)"),
        (np.zeros((4, 5, 5)), "needs x of shape (batch, 4, height, width), but x has shape (4, 5, 5)"),
        (np.zeros((2, 4, 5, 5), np.float32), "needs x of dtype float64, but x has dtype float32"),
        (np.zeros((2, 4, 4, 2)), "needs x of height >= 5 and width >= 3, but x has shape (2, 4, 4, 2)"),
        (np.zeros((2, 4, 4, 9)), "needs x of height >= 5 and width >= 3, but x has shape (2, 4, 4, 9)"),
    ],
)
def test_images_that_do_not_fit_are_refused(x, message):
    with pytest.raises((ShapeError, DtypeError)) as refusal:
        Conv2d(4, 6, (5, 3))(x)
    assert str(refusal.value).startswith(f"Conv2d(4, 6, (5, 3)) {message}")


def test_without_a_pixel_there_is_no_image_even_with_padding():
    with pytest.raises(ShapeError, match=r"needs x of height >= 1 and width >= 1, but x has shape \(2, 4, 0, 3\)"):
        Conv2d(4, 6, 2, padding=2)(np.zeros((2, 4, 0, 3)))


@pytest.mark.parametrize("method", ["backward", "backward_parameters"])
def test_an_upstream_gradient_that_does_not_fit_is_refused_and_nothing_is_added(method):
    conv = Conv2d(1, 1, 2, weight=W)
    with pytest.raises(ShapeError, match=r"Conv2d\(1, 1, 2\) needs dy of shape \(1, 1, 1, 2\), but dy has shape"):
        getattr(conv, method)(np.zeros((1, 1, 2, 2)), X)
    assert not conv.weight.grad.any()


def test_the_default_weight_is_drawn_by_glorot_and_bengio_counting_the_window():
    weight = Conv2d(20, 30, (3, 4), rng=0).weight.value
    bound = np.sqrt(6 / (20 * 12 + 30 * 12))
    assert weight.shape == (20, 3, 4, 30)
    assert 0.99 * bound < np.abs(weight).max() <= bound


@pytest.mark.parametrize("initializer", [he_normal, glorot_normal, orthogonal, partial(normal_numbers, std=1.0)])
def test_initializers_take_the_shape_of_the_weight(initializer):
    assert Conv2d(3, 4, 2, weight=initializer, rng=0).weight.value.shape == (3, 2, 2, 4)


def test_the_bias_may_be_numbers_zeros_or_none():
    assert Conv2d(1, 2, 1).bias.value.tolist() == Conv2d(1, 2, 1, bias=True).bias.value.tolist() == [0.0, 0.0]
    assert Conv2d(1, 2, 1, bias=np.array([1.0, 2.0])).bias.value.tolist() == [1.0, 2.0]
    assert Conv2d(1, 2, 1, bias=False).bias is None


def test_it_prints_as_it_is_written():
    assert repr(Conv2d(3, 8, 5)) == "Conv2d(3, 8, 5)"
    full = "Conv2d(4, 8, (3, 5), stride=2, padding=(0, 1), dilation=3, groups=2, bias=False, dtype=float32)"
    options = {"stride": 2, "padding": (0, 1), "dilation": 3, "groups": 2, "bias": False, "dtype": "float32"}
    assert repr(Conv2d(4, 8, (3, 5), **options)) == full
