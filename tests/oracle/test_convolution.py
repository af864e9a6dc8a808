"""Convolution and pooling against PyTorch, in values and in all gradients, for any sizes and options."""

import numpy as np
import torch
import torch.nn.functional as nnf
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from legonet import AvgPool2d, Conv1d, Conv2d, ConvTranspose2d, GlobalAvgPool2d, LegonetError, MaxPool2d

few = st.integers(1, 3)
pairs = st.tuples(few, few)
seeds = st.integers(0, 2**32 - 1)
search = settings(deadline=None, max_examples=100)


def agree(brick, theirs, x, **to_torch):
    """Assert that y and all gradients are those of PyTorch's function of x and the parameters."""
    try:
        y, cache = brick.forward(x)
    except LegonetError:
        assume(False)
    dy = np.random.default_rng(1).normal(size=y.shape)
    dx = brick.backward(dy, cache)
    parameters = {name: torch.tensor(p.value, requires_grad=True) for name, p in brick.named_parameters()}
    x_theirs = torch.tensor(x, requires_grad=True)
    y_theirs = theirs(x_theirs, **{name: to_torch.get(name, lambda p: p)(p) for name, p in parameters.items()})
    y_theirs.backward(torch.tensor(dy))
    found = [y, dx, *(p.grad for p in brick.parameters())]
    wanted = [y_theirs.detach(), x_theirs.grad, *(p.grad for p in parameters.values())]
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other.numpy(), rtol=1e-10, atol=1e-10)


def images(rng, batch, channels, *space):
    return rng.normal(size=(batch, channels, *space))


@search
@given(
    batch=st.integers(0, 3),
    groups=few,
    inputs=few,
    outputs=few,
    space=st.tuples(*[st.integers(1, 8)] * 2),
    size=pairs,
    stride=pairs,
    padding=st.tuples(*[st.integers(0, 2)] * 2),
    dilation=pairs,
    bias=st.booleans(),
    seed=seeds,
)
def test_conv2d(batch, groups, inputs, outputs, space, size, bias, seed, **options):
    rng = np.random.default_rng(seed)
    brick = Conv2d(groups * inputs, groups * outputs, size, groups=groups, bias=bias, rng=rng, **options)
    agree(
        brick,
        lambda x, weight, bias=None: nnf.conv2d(x, weight, bias, groups=groups, **options),
        images(rng, batch, groups * inputs, *space),
        weight=lambda weight: weight.permute(3, 0, 1, 2),
    )


@search
@given(
    batch=st.integers(0, 3),
    groups=few,
    inputs=few,
    outputs=few,
    time=st.integers(1, 12),
    size=st.integers(1, 4),
    stride=few,
    padding=st.integers(0, 3),
    dilation=few,
    bias=st.booleans(),
    seed=seeds,
)
def test_conv1d(batch, groups, inputs, outputs, time, size, bias, seed, **options):
    rng = np.random.default_rng(seed)
    brick = Conv1d(groups * inputs, groups * outputs, size, groups=groups, bias=bias, rng=rng, **options)
    agree(
        brick,
        lambda x, weight, bias=None: nnf.conv1d(x.mT, weight, bias, groups=groups, **options).mT,
        rng.normal(size=(batch, time, groups * inputs)),
        weight=lambda weight: weight.permute(2, 0, 1),
    )


@search
@given(
    batch=st.integers(0, 3),
    groups=few,
    inputs=few,
    outputs=few,
    space=st.tuples(*[st.integers(1, 5)] * 2),
    size=pairs,
    stride=pairs,
    padding=st.tuples(*[st.integers(0, 2)] * 2),
    dilation=pairs,
    more=st.tuples(*[st.integers(0, 2)] * 2),
    bias=st.booleans(),
    seed=seeds,
)
def test_conv_transpose2d(batch, groups, inputs, outputs, space, size, more, bias, seed, **options):
    options["output_padding"] = tuple(min(m, s - 1) for m, s in zip(more, options["stride"], strict=True))
    rng = np.random.default_rng(seed)
    brick = ConvTranspose2d(groups * inputs, groups * outputs, size, groups=groups, bias=bias, rng=rng, **options)
    agree(
        brick,
        lambda x, weight, bias=None: nnf.conv_transpose2d(x, weight, bias, groups=groups, **options),
        images(rng, batch, groups * inputs, *space),
        weight=lambda weight: weight.permute(0, 3, 1, 2),
    )


pooling = given(
    batch=st.integers(0, 3),
    channels=few,
    space=st.tuples(*[st.integers(1, 9)] * 2),
    size=st.tuples(*[st.integers(1, 4)] * 2),
    stride=st.none() | pairs,
    padding=st.tuples(*[st.integers(0, 2)] * 2),
    ties=st.booleans(),
    seed=seeds,
)


def draw_pooling(kind, batch, channels, space, size, stride, padding, ties, seed):
    padding = tuple(min(p, k // 2) for p, k in zip(padding, size, strict=True))
    x = images(np.random.default_rng(seed), batch, channels, *space)
    return kind(size, stride=stride, padding=padding), (np.round(x) if ties else x), (size, stride, padding)


@search
@pooling
def test_max_pool2d_ties_included(**drawn):
    brick, x, (size, stride, padding) = draw_pooling(MaxPool2d, **drawn)
    agree(brick, lambda x: nnf.max_pool2d(x, size, stride, padding), x)


@search
@pooling
def test_max_pool2d_of_infinite_pixels(**drawn):
    brick, x, (size, stride, padding) = draw_pooling(MaxPool2d, **drawn)
    agree(brick, lambda x: nnf.max_pool2d(x, size, stride, padding), np.where(x > 1, x, -np.inf))


@search
@pooling
def test_avg_pool2d(**drawn):
    brick, x, (size, stride, padding) = draw_pooling(AvgPool2d, **drawn)
    agree(brick, lambda x: nnf.avg_pool2d(x, size, stride, padding), x)


@search
@given(batch=st.integers(0, 3), channels=few, space=st.tuples(*[st.integers(1, 9)] * 2), seed=seeds)
def test_global_avg_pool2d(batch, channels, space, seed):
    x = images(np.random.default_rng(seed), batch, channels, *space)
    agree(GlobalAvgPool2d(), lambda x: nnf.adaptive_avg_pool2d(x, 1).flatten(1), x)


def test_a_conv2d_of_pytorch_gives_its_numbers_to_ours_by_one_transpose():
    theirs = torch.nn.Conv2d(2, 3, (2, 3), padding=1, dtype=torch.float64)
    weight, bias = theirs.weight.detach().numpy(), theirs.bias.detach().numpy()
    ours = Conv2d(2, 3, (2, 3), padding=1, weight=weight.transpose(1, 2, 3, 0), bias=bias)
    x = np.random.default_rng(0).normal(size=(2, 2, 4, 5))
    np.testing.assert_allclose(ours(x), theirs(torch.tensor(x)).detach().numpy(), rtol=1e-12, atol=1e-14)
