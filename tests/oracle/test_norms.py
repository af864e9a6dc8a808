"""LayerNorm, RMSNorm and BatchNorm against PyTorch. Needs the extra ``oracle``; run it with ``pytest tests/oracle``."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from legonet import BatchNorm, Dropout, Flatten, LayerNorm, Reshape, RMSNorm, Transpose

torch.set_num_threads(1)  # on arrays this small, more of them wait for each other

sizes = st.integers(1, 5)
seeds = st.integers(0, 2**32 - 1)
epsilons = st.sampled_from([1e-5, 1e-3, 0.5])
scales = st.sampled_from([1.0, 1e-3, 1e3, 1e6])
offsets = st.sampled_from([0.0, 1.0, -1e3])


def draw(shape, seed):
    return np.random.default_rng(seed).normal(size=shape)


def close(ours, theirs, size=1.0, rounding=0.0):
    """Assert that numbers agree to 1e-10 of the largest of them, or of `size`; and no better than PyTorch rounds."""
    theirs = theirs.detach().numpy()
    atol = max(1e-10 * max(np.abs(theirs).max(initial=0.0), size), rounding)
    np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=atol)


def set_parameters(ours, theirs, seed):
    """Give both the same parameters."""
    for (_, parameter), tensor in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        parameter.value = draw(parameter.value.shape, seed)
        tensor.data = torch.tensor(parameter.value)
        seed += 1


def compare(ours, theirs, x, seed):
    """Compare the output and all gradients for one upstream gradient."""
    x_theirs = torch.tensor(x, requires_grad=True)
    y_theirs = theirs(x_theirs)
    dy = draw(x.shape, seed)
    y_theirs.backward(torch.tensor(dy))
    y, cache = ours.forward(x)
    dx = ours.backward(dy, cache)
    # PyTorch computes (x - μ) / σ as x / σ - μ / σ, which rounds at the size of x / σ.
    rounding, slope = 1e-14 * np.abs(x).max() / cache[1].min(), np.abs(dy).max() / cache[1].min()
    close(y, y_theirs, rounding=rounding)
    close(dx, x_theirs.grad, size=slope, rounding=slope * rounding)
    for parameter, tensor in zip(ours.parameters(), theirs.parameters(), strict=True):
        close(parameter.grad, tensor.grad, rounding=np.abs(dy).sum() * rounding)


@settings(deadline=None)
@given(shape=st.lists(sizes, min_size=2, max_size=4), eps=epsilons, scale=scales, offset=offsets, seed=seeds)
def test_layer_norm_is_that_of_pytorch(shape, eps, scale, offset, seed):
    ours = LayerNorm(shape[-1], eps=eps)
    theirs = torch.nn.LayerNorm(shape[-1], eps=eps, dtype=torch.float64)
    set_parameters(ours, theirs, seed)
    compare(ours, theirs, scale * (draw(shape, seed) + offset), seed + 1)


@settings(deadline=None)
@given(shape=st.lists(sizes, min_size=2, max_size=4), eps=epsilons, scale=scales, seed=seeds)
def test_rms_norm_is_that_of_pytorch(shape, eps, scale, seed):
    ours = RMSNorm(shape[-1], eps=eps)
    theirs = torch.nn.RMSNorm(shape[-1], eps=eps, dtype=torch.float64)
    set_parameters(ours, theirs, seed)
    compare(ours, theirs, scale * draw(shape, seed), seed + 1)


def compare_batches(kind, shapes, eps, momentum, scale, offset, seed):
    """Compare training on some batches and then inference."""
    ours = BatchNorm(shapes[0][1], eps=eps, momentum=momentum)
    theirs = kind(shapes[0][1], eps=eps, momentum=momentum, dtype=torch.float64)
    set_parameters(ours, theirs, seed)
    for number, shape in enumerate(shapes):
        for parameter, tensor in zip(ours.parameters(), theirs.parameters(), strict=True):
            parameter.zero_grad()
            tensor.grad = None
        compare(ours, theirs, scale * (draw(shape, seed + number) + offset), seed + 100 + number)
        close(ours.running_mean, theirs.running_mean)
        close(ours.running_var, theirs.running_var)
    theirs.eval()
    for shape in shapes:
        x = draw((1, *shape[1:]), seed + 200)
        close(ours(x), theirs(torch.tensor(x)))


batches = st.lists(st.integers(2, 5), min_size=1, max_size=4)
momenta = st.sampled_from([0.1, 0.5, 0.0, 1.0])


@settings(deadline=None)
@given(batches, sizes, epsilons, momenta, scales, offsets, seeds)
def test_batch_norm_of_rows_is_that_of_pytorch(batches, channels, eps, momentum, scale, offset, seed):
    shapes = [(batch, channels) for batch in batches]
    compare_batches(torch.nn.BatchNorm1d, shapes, eps, momentum, scale, offset, seed)


@settings(deadline=None)
@given(batches, sizes, sizes, epsilons, momenta, scales, seeds)
def test_batch_norm_of_sequences_is_that_of_pytorch(batches, channels, time, eps, momentum, scale, seed):
    shapes = [(batch, channels, time) for batch in batches]
    compare_batches(torch.nn.BatchNorm1d, shapes, eps, momentum, scale, 0.0, seed)


@settings(deadline=None)
@given(batches, sizes, sizes, sizes, epsilons, momenta, offsets, seeds)
def test_batch_norm_of_images_is_that_of_pytorch(batches, channels, height, width, eps, momentum, offset, seed):
    shapes = [(batch, channels, height, width) for batch in batches]
    compare_batches(torch.nn.BatchNorm2d, shapes, eps, momentum, 1.0, offset, seed)


@pytest.mark.parametrize(
    ("ours", "theirs", "shape"),
    [
        (LayerNorm(100, dtype=np.float32), torch.nn.LayerNorm(100), (50, 100)),
        (BatchNorm(50, dtype=np.float32), torch.nn.BatchNorm1d(50), (100, 50)),
    ],
    ids=["LayerNorm", "BatchNorm"],
)
@pytest.mark.parametrize("offset", [1e4, 1e6])
def test_in_float32_a_large_offset_costs_pytorch_more_digits(ours, theirs, shape, offset):
    x = (draw(shape, 0) + offset).astype(np.float32)
    with torch.no_grad():
        exact = type(ours)(len(ours.gain.value)).forward(x.astype(float))[0]
        error_theirs = np.abs(theirs(torch.tensor(x)).numpy() - exact).max()
    error = np.abs(ours.forward(x)[0] - exact).max()
    assert error < 2e-6
    assert error < error_theirs / 10


def test_the_shape_bricks_are_what_pytorch_calls_otherwise():
    x = draw((2, 3, 4), 0)
    theirs = torch.tensor(x)
    np.testing.assert_array_equal(Flatten()(x), torch.nn.Flatten()(theirs).numpy())
    np.testing.assert_array_equal(Transpose(2, 1)(x), theirs.permute(0, 2, 1).numpy())
    flat = torch.nn.Flatten()(theirs)
    np.testing.assert_array_equal(Reshape(3, 4)(flat.numpy()), torch.nn.Unflatten(1, (3, 4))(flat).numpy())


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_leaves_out_as_many_and_scales_as_pytorch(rate):
    torch.manual_seed(0)
    theirs = torch.nn.functional.dropout(torch.ones(300, 300, dtype=torch.float64), rate).numpy()
    ours = Dropout(rate, rng=0).forward(np.ones((300, 300)))[0]
    np.testing.assert_allclose(np.unique(ours), np.unique(theirs), rtol=1e-15)
    assert np.mean(ours == 0) == pytest.approx(np.mean(theirs == 0), abs=0.01)
