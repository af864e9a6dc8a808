import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from legonet import Conv2d, ConvTranspose2d, DtypeError, OptionError, ShapeError
from legonet.testing import brick_test
from strategies import assert_close, normal, seeds

W = np.array([[1.0, 10.0], [100.0, 1000.0]]).reshape(1, 2, 2, 1)

EQUIVALENT = {
    "ConvTranspose2d.backward: weight.grad → weight.value (2)": "of it, the shape alone is used",
    "ConvTranspose2d.backward: self.bias.grad += dy.sum(axis=(0, 2, 3))"
    " → self.bias.grad += dy.sum(axis=(0, 2, 3)).T": "a vector is its own transpose",
}

test_its_derivative = brick_test(
    ConvTranspose2d,
    "(batch, in_channels, height, width)",
    sizes={"in_channels": [2, 4], "out_channels": [2, 4], "kernel_size": [2, 3], "height": (1, 3), "width": (1, 3)},
    options={"padding": [0, (0, 1)], "stride": [1, (2, 1)], "groups": [1, 2], "bias": [True, False]},
    independent_rows=True,
)


@st.composite
def cases(draw, dtype=np.float64):
    groups, size = draw(st.integers(1, 2)), draw(st.tuples(st.integers(1, 2), st.integers(1, 2)))
    inputs, outputs = (groups * draw(st.integers(0, 2)) for _ in range(2))
    stride = draw(st.integers(1, 2))
    options = {
        "stride": stride,
        "padding": draw(st.integers(0, 1)),
        "output_padding": draw(st.integers(0, stride - 1)),
        "dilation": draw(st.integers(1, 2)),
        "groups": groups,
        "bias": draw(st.booleans()),
    }
    least = 3 if options["padding"] else 1
    x = normal(draw(st.integers(0, 2)), inputs, *draw(st.tuples(*[st.integers(least, 3)] * 2)), seed=draw(seeds))
    return ConvTranspose2d(inputs, outputs, size, rng=draw(seeds), dtype=dtype, **options), (x.astype(dtype),)


def test_the_numbers_worked_by_hand():
    paint = ConvTranspose2d(1, 1, 2, weight=W, bias=np.array([0.5]))
    x = np.array([[[[1.0, 2.0]]]])
    y, cache = paint.forward(x)
    dx = paint.backward(np.array([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]]), cache)
    assert y.tolist() == [[[[1.5, 12.5, 20.5], [100.5, 1200.5, 2000.5]]]]
    assert dx.tolist() == [[[[5421.0, 6532.0]]]]
    assert paint.weight.grad.ravel().tolist() == [5.0, 8.0, 14.0, 17.0]
    assert paint.bias.grad.tolist() == [21.0]


def test_a_stride_sets_patches_apart_and_a_padding_cuts_off():
    x = np.array([[[[1.0, 2.0]]]])
    assert ConvTranspose2d(1, 1, 2, stride=2, weight=W)(x).tolist() == [[[[1, 10, 2, 20], [100, 1000, 200, 2000]]]]
    assert ConvTranspose2d(1, 1, 2, stride=2, padding=(0, 1), weight=W)(x).tolist() == [[[[10, 2], [1000, 200]]]]
    longer = ConvTranspose2d(1, 1, 2, stride=2, output_padding=(0, 1), weight=W)(x)
    assert longer.tolist() == [[[[1, 10, 2, 20, 0], [100, 1000, 200, 2000, 0]]]]


@given(case=cases(), seed=seeds)
def test_its_passes_are_those_of_conv2d_the_other_way_round(case, seed):
    paint, (x,) = case
    weight, window, groups = paint.weight.value, paint.window, paint.groups
    conv = Conv2d(
        weight.shape[3] * groups,
        len(weight),
        window.kernel_size,
        stride=window.stride,
        padding=window.padding,
        dilation=window.dilation,
        groups=groups,
        weight=weight.swapaxes(0, 3),
        bias=False,
    )
    y, cache = paint.forward(x)
    dy = normal(*y.shape, seed=seed)
    dx = paint.backward(dy, cache)
    seen, conv_cache = conv.forward(dy)
    assert_close([dx], [seen])
    shift = 0 if paint.bias is None else paint.bias.value[:, None, None]
    assert_close([y - shift, paint.weight.grad], [conv.backward(x, conv_cache), conv.weight.grad.swapaxes(0, 3)])


@given(length=st.integers(3, 12), size=st.integers(1, 3), stride=st.integers(1, 4), padding=st.integers(0, 1))
def test_it_gives_the_shape_back_that_a_conv2d_took(length, size, stride, padding):
    x = np.zeros((1, 1, length, length))
    y = Conv2d(1, 1, size, stride=stride, padding=padding)(x)
    rest = (length + 2 * padding - size) % stride
    options = {"stride": stride, "padding": padding, "output_padding": rest}
    assert ConvTranspose2d(1, 1, size, **options)(y).shape == x.shape


def test_the_cache_is_x_itself():
    x = normal(1, 1, 2, 2)
    assert ConvTranspose2d(1, 1, 2).forward(x)[1] is x


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"kernel_size": 0},
            "ConvTranspose2d needs kernel_size as a whole number >= 1 or a pair of them, but kernel_size is 0",
        ),
        ({"stride": 0}, "ConvTranspose2d needs stride as a whole number >= 1 or a pair of them, but stride is 0"),
        (
            {"output_padding": -1},
            "ConvTranspose2d needs output_padding as a whole number >= 0 or a pair of them, but output_padding is -1",
        ),
        (
            {"stride": (2, 3), "output_padding": (1, 3)},
            "ConvTranspose2d needs output_padding below the stride (2, 3), but it is (1, 3)",
        ),
        (
            {"groups": 3},
            "ConvTranspose2d needs groups that divide in_channels and out_channels, but 3 does not divide 4 and 6",
        ),
        (
            {"weight": np.zeros((3, 3))},
            "ConvTranspose2d needs weight of shape (4, 3, 3, 6), but weight has shape (3, 3)",
        ),
    ],
    ids=lambda value: next(iter(value), "") if isinstance(value, dict) else "",
)
def test_bad_options_are_refused(options, message):
    with pytest.raises((OptionError, ShapeError)) as refusal:
        ConvTranspose2d(4, 6, **({"kernel_size": 3} | options))
    assert str(refusal.value) == message


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((2, 3, 5, 5)), "needs x of shape (batch, 4, height, width), but x has shape (2, 3, 5, 5)"),
        (np.zeros((2, 4, 5, 5), np.float32), "needs x of dtype float64, but x has dtype float32"),
        (np.zeros((2, 4, 2, 9)), "needs a y of at least 1 x 1 pixel, but x of shape (2, 4, 2, 9) gives (0, 7)"),
        (np.zeros((2, 4, 0, 9)), "needs a y of at least 1 x 1 pixel, but x of shape (2, 4, 0, 9) gives (-2, 7)"),
    ],
)
def test_images_that_do_not_fit_are_refused(x, message):
    with pytest.raises((ShapeError, DtypeError)) as refusal:
        ConvTranspose2d(4, 6, 3, padding=2)(x)
    assert str(refusal.value).startswith(f"ConvTranspose2d(4, 6, 3, padding=2) {message}")


def test_an_upstream_gradient_that_does_not_fit_is_refused():
    with pytest.raises(ShapeError, match=r"ConvTranspose2d\(1, 1, 2\) needs dy of shape \(1, 1, 3, 3\), but dy has"):
        ConvTranspose2d(1, 1, 2).backward(np.zeros((1, 1, 3, 4)), np.zeros((1, 1, 2, 2)))


def test_it_prints_as_it_is_written():
    assert repr(ConvTranspose2d(3, 8, 5)) == "ConvTranspose2d(3, 8, 5)"
    options = {"stride": 2, "padding": 1, "output_padding": (0, 1), "groups": 2, "bias": False, "dtype": "float32"}
    full = "ConvTranspose2d(4, 8, 3, stride=2, padding=1, output_padding=(0, 1), groups=2, bias=False, dtype=float32)"
    assert repr(ConvTranspose2d(4, 8, 3, **options)) == full
