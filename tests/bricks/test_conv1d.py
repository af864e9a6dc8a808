import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from legonet import GRU, Conv1d, Conv2d, Embedding, OptionError, Sequential, ShapeError
from legonet.testing import brick_test, check_brick
from strategies import assert_close, gradients, normal, seeds

W = np.array([1.0, 10.0]).reshape(1, 2, 1)
X = np.array([[[1.0], [2.0], [3.0], [4.0]]])

EQUIVALENT = {
    "Conv1d._add_gradients: W.grad → W.value (2)": "of it, the shape alone is used",
    "Conv1d._add_gradients: self.bias.grad += dy.dot(ones(dy.shape[-1], dy.dtype)).ravel()"
    " → self.bias.grad += dy.dot(ones(dy.shape[-1], dy.dtype)).ravel().T": "a vector is its own transpose",
    "Conv1d._add_gradients: dy.dot(ones(dy.shape[-1], dy.dtype))"
    " → dy.dot(ones(dy.shape[-1], dy.dtype).T)": "a vector is its own transpose",
    "Conv1d._add_gradients: dy → x (5)": "dy of another dtype than x is refused above",
}

test_its_derivative = brick_test(
    Conv1d,
    "(batch, time, in_features)",
    sizes={"in_features": [2, 4], "out_features": [2, 4], "kernel_size": [1, 2, 3], "time": (1, 5)},
    options={"padding": [0, 1], "stride": [1, 2], "dilation": [1, 2], "groups": [1, 2], "bias": [True, False]},
    independent_rows=True,
)


@st.composite
def cases(draw, dtype=np.float64):
    groups, padding = draw(st.integers(1, 2)), draw(st.integers(0, 1))
    inputs, outputs = (groups * draw(st.integers(0, 2)) for _ in range(2))
    options = {"stride": draw(st.integers(1, 2)), "dilation": draw(st.integers(1, 2)), "bias": draw(st.booleans())}
    size, seed = draw(st.integers(1, 3)), draw(seeds)
    brick = Conv1d(inputs, outputs, size, padding=padding, groups=groups, rng=seed, dtype=dtype, **options)
    time = draw(st.integers(max(1, brick.window.extent[0] - 2 * padding), 6))
    return brick, (normal(draw(st.integers(0, 2)), time, inputs, seed=seed, dtype=dtype),)


def test_the_numbers_worked_by_hand():
    conv = Conv1d(1, 1, 2, weight=W, bias=np.array([0.5]))
    y, cache = conv.forward(X)
    dx = conv.backward(np.array([[[1.0], [2.0], [3.0]]]), cache)
    assert y.tolist() == [[[21.5], [32.5], [43.5]]]
    assert dx.tolist() == [[[1.0], [12.0], [23.0], [30.0]]]
    assert conv.weight.grad.ravel().tolist() == [1 + 4 + 9, 2 + 6 + 12]
    assert conv.bias.grad.tolist() == [6.0]


def test_padding_stride_and_dilation():
    assert Conv1d(1, 1, 2, weight=W, padding=1)(X).ravel().tolist() == [10, 21, 32, 43, 4]
    assert Conv1d(1, 1, 2, weight=W, stride=2)(X).ravel().tolist() == [21, 43]
    assert Conv1d(1, 1, 2, weight=W, dilation=2)(X).ravel().tolist() == [31, 42]


def test_sequences_are_batch_time_features_so_that_it_stands_between_an_embedding_and_a_gru():
    net = Sequential(Embedding(5, 3, rng=0), Conv1d(3, 4, 2, rng=1), GRU(4, 2, rng=2))
    words = np.array([[0, 1, 2, 3], [4, 3, 2, 1]])
    assert net(words).shape == (2, 3, 2)
    assert_close([net(words)[1:]], [net(words[1:])])
    check_brick(net, words)


@given(case=cases(), seed=seeds)
def test_it_is_the_convolution_of_images_of_one_row(case, seed):
    conv, (x,) = case
    (size,), (stride,), (padding,), (dilation,) = conv.window
    image = Conv2d(
        x.shape[2],
        conv.weight.value.shape[2],
        (1, size),
        stride=(1, stride),
        padding=(0, padding),
        dilation=(1, dilation),
        groups=conv.groups,
        weight=conv.weight.value[:, None],
        bias=False if conv.bias is None else conv.bias.value,
    )
    y, cache = conv.forward(x)
    dy = normal(*y.shape, seed=seed)
    found = [y, conv.backward(dy, cache), *gradients(conv)]
    y, cache = image.forward(x.mT[:, :, None])
    wanted = [y[:, :, 0].mT, image.backward(dy.mT[:, :, None], cache)[:, :, 0].mT, *gradients(image)]
    wanted[2] = wanted[2][:, 0]
    assert_close(found, wanted)


def test_steps_that_the_last_stride_does_not_reach_have_no_gradient():
    conv = Conv1d(1, 1, 2, stride=3, weight=W)
    y, cache = conv.forward(normal(1, 7, 1))
    assert conv.backward(np.ones_like(y), cache).ravel().tolist() == [1, 10, 0, 1, 10, 0, 0]


def test_training_does_not_compute_the_input_gradient():
    class NoInputGradient(Conv1d):
        def backward(self, dy, x):
            raise AssertionError

    conv = NoInputGradient(1, 1, 2, weight=W)
    conv.backward_parameters(np.array([[[1.0], [2.0], [3.0]]]), X)
    assert conv.weight.grad.ravel().tolist() == [14.0, 20.0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"in_features": -1}, "Conv1d needs in_features as a whole number >= 0, but in_features is -1"),
        ({"out_features": True}, "Conv1d needs out_features as a whole number >= 0, but out_features is True"),
        ({"kernel_size": 0}, "Conv1d needs kernel_size as a whole number >= 1, but kernel_size is 0"),
        ({"kernel_size": (2, 2)}, "Conv1d needs kernel_size as a whole number >= 1, but kernel_size is (2, 2)"),
        ({"stride": 0}, "Conv1d needs stride as a whole number >= 1, but stride is 0"),
        ({"padding": 0.5}, "Conv1d needs padding as a whole number >= 0, but padding is 0.5"),
        ({"dilation": True}, "Conv1d needs dilation as a whole number >= 1, but dilation is True"),
        ({"groups": 4}, "Conv1d needs groups that divide in_features and out_features, but 4 does not divide 4 and 6"),
    ],
    ids=lambda value: next(iter(value), "") if isinstance(value, dict) else "",
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(OptionError) as refusal:
        Conv1d(**({"in_features": 4, "out_features": 6, "kernel_size": 3} | options))
    assert str(refusal.value) == message


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((2, 5, 3)), "needs x of shape (batch, time, 4), but x has shape (2, 5, 3)"),
        (np.zeros((5, 4)), "needs x of shape (batch, time, 4), but x has shape (5, 4)"),
        (np.zeros((2, 3, 4)), "needs x of time >= 4, but x has shape (2, 3, 4)"),
        (np.zeros((2, 0, 4)), "needs x of time >= 4, but x has shape (2, 0, 4)"),
    ],
)
def test_sequences_that_do_not_fit_are_refused(x, message):
    with pytest.raises(ShapeError) as refusal:
        Conv1d(4, 6, 6, padding=1)(x)
    assert str(refusal.value) == f"Conv1d(4, 6, 6, padding=1) {message}"


def test_an_upstream_gradient_that_does_not_fit_is_refused():
    with pytest.raises(
        ShapeError, match=r"Conv1d\(1, 1, 2\) needs dy of shape \(1, 3, 1\), but dy has shape \(1, 1, 3\)"
    ):
        Conv1d(1, 1, 2).backward(np.zeros((1, 1, 3)), X)


def test_it_prints_as_it_is_written():
    assert repr(Conv1d(3, 8, 5)) == "Conv1d(3, 8, 5)"
    full = "Conv1d(4, 8, 3, stride=2, padding=1, dilation=3, groups=2, bias=False, dtype=float32)"
    assert repr(Conv1d(4, 8, 3, stride=2, padding=1, dilation=3, groups=2, bias=False, dtype="float32")) == full
