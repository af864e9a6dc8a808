"""The bricks for sequences against PyTorch."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from legonet import GRU, LSTM, RNN, Bidirectional, Embedding
from legonet.initializers import normal

KINDS = {"RNN": (RNN, torch.nn.RNN), "LSTM": (LSTM, torch.nn.LSTM), "GRU": (GRU, torch.nn.GRU)}
kinds = pytest.mark.parametrize(("ours", "theirs"), KINDS.values(), ids=KINDS)
sizes = st.integers(1, 5)
seeds = st.integers(0, 2**32 - 1)


def assert_equal(found, wanted):
    np.testing.assert_allclose(found, wanted.detach().numpy(), rtol=1e-10, atol=1e-10)


def brick_and_layer(ours, theirs, inputs, hidden, rng, *, both_ways):
    """Build a brick and PyTorch's layer with the same numbers; PyTorch's second bias, which we do not have, is 0."""
    bricks = [ours(inputs, hidden, bias=normal, rng=rng) for _ in range(1 + both_ways)]
    layer = theirs(inputs, hidden, batch_first=True, bidirectional=both_ways, dtype=torch.float64)
    with torch.no_grad():
        for brick, suffix in zip(bricks, ("", "_reverse"), strict=False):
            getattr(layer, f"weight_ih_l0{suffix}").copy_(torch.tensor(brick.input_weight.value.T))
            getattr(layer, f"weight_hh_l0{suffix}").copy_(torch.tensor(brick.hidden_weight.value.T))
            getattr(layer, f"bias_ih_l0{suffix}").copy_(torch.tensor(brick.bias.value))
            getattr(layer, f"bias_hh_l0{suffix}").zero_()
    return bricks, layer


def assert_same_gradients(bricks, layer):
    for brick, suffix in zip(bricks, ("", "_reverse"), strict=False):
        assert_equal(brick.input_weight.grad.T, getattr(layer, f"weight_ih_l0{suffix}").grad)
        assert_equal(brick.hidden_weight.grad.T, getattr(layer, f"weight_hh_l0{suffix}").grad)
        assert_equal(brick.bias.grad, getattr(layer, f"bias_ih_l0{suffix}").grad)


@kinds
@settings(deadline=None)
@given(batch=sizes, time=st.integers(1, 9), inputs=sizes, hidden=sizes, both_ways=st.booleans(), seed=seeds)
def test_values_and_gradients_are_those_of_pytorch(ours, theirs, batch, time, inputs, hidden, both_ways, seed):
    rng = np.random.default_rng(seed)
    bricks, layer = brick_and_layer(ours, theirs, inputs, hidden, rng, both_ways=both_ways)
    net = Bidirectional(*bricks) if both_ways else bricks[0]
    x, dy = rng.normal(size=(batch, time, inputs)), rng.normal(size=(batch, time, hidden * len(bricks)))
    x_theirs = torch.tensor(x, requires_grad=True)
    y_theirs, _ = layer(x_theirs)
    y_theirs.backward(torch.tensor(dy))
    y, cache = net.forward(x)
    dx = net.backward(dy, cache)
    assert_equal(y, y_theirs)
    assert_equal(dx, x_theirs.grad)
    assert_same_gradients(bricks, layer)


@kinds
@settings(deadline=None)
@given(
    lengths=st.lists(st.integers(1, 7), min_size=1, max_size=5),
    inputs=sizes,
    hidden=sizes,
    both_ways=st.booleans(),
    seed=seeds,
)
def test_a_mask_does_on_the_real_steps_what_a_packed_sequence_does(
    ours, theirs, lengths, inputs, hidden, both_ways, seed
):
    rng = np.random.default_rng(seed)
    bricks, layer = brick_and_layer(ours, theirs, inputs, hidden, rng, both_ways=both_ways)
    net = Bidirectional(*bricks) if both_ways else bricks[0]
    batch, time = len(lengths), max(lengths)
    mask = np.arange(time) < np.array(lengths)[:, np.newaxis]
    x, dy = rng.normal(size=(batch, time, inputs)), rng.normal(size=(batch, time, hidden * len(bricks)))
    dy[~mask] = 0.0
    x_theirs = torch.tensor(x, requires_grad=True)
    packed = torch.nn.utils.rnn.pack_padded_sequence(x_theirs, lengths, batch_first=True, enforce_sorted=False)
    y_theirs, _ = torch.nn.utils.rnn.pad_packed_sequence(layer(packed)[0], batch_first=True)
    y_theirs.backward(torch.tensor(dy))
    y, cache = net.forward(x, mask)
    dx = net.backward(dy, cache)
    assert_equal(np.where(mask[:, :, np.newaxis], y, 0.0), y_theirs)
    assert_equal(dx, x_theirs.grad)
    assert_same_gradients(bricks, layer)


@kinds
@settings(deadline=None)
@given(lengths=st.lists(st.integers(1, 7), min_size=1, max_size=5), hidden=sizes, seed=seeds)
def test_the_last_output_is_pytorchs_last_state_whatever_the_padding(ours, theirs, lengths, hidden, seed):
    rng = np.random.default_rng(seed)
    (brick,), layer = brick_and_layer(ours, theirs, 3, hidden, rng, both_ways=False)
    batch, time = len(lengths), max(lengths)
    mask = np.arange(time) < np.array(lengths)[:, np.newaxis]
    x, dlast = rng.normal(size=(batch, time, 3)), rng.normal(size=(batch, hidden))
    x_theirs = torch.tensor(x, requires_grad=True)
    packed = torch.nn.utils.rnn.pack_padded_sequence(x_theirs, lengths, batch_first=True, enforce_sorted=False)
    state = layer(packed)[1]
    last = (state[0] if isinstance(state, tuple) else state)[0]
    last.backward(torch.tensor(dlast))
    y, cache = brick.forward(x, mask)
    dy = np.zeros_like(y)
    dy[:, -1] = dlast
    dx = brick.backward(dy, cache)
    assert_equal(y[:, -1], last)
    assert_equal(dx, x_theirs.grad)
    assert_same_gradients([brick], layer)


@settings(deadline=None)
@given(
    shape=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    words=st.integers(1, 6),
    features=sizes,
    seed=seeds,
)
def test_an_embedding_has_the_values_and_the_gradient_of_pytorch(shape, words, features, seed):
    rng = np.random.default_rng(seed)
    embedding = Embedding(words, features, rng=rng)
    x, dy = rng.integers(0, words, shape), rng.normal(size=(*shape, features))
    weight = torch.tensor(embedding.weight.value, requires_grad=True)
    y_theirs = torch.nn.functional.embedding(torch.tensor(x), weight)
    y_theirs.backward(torch.tensor(dy))
    y, cache = embedding.forward(x)
    assert embedding.backward(dy, cache) is None
    np.testing.assert_array_equal(y, y_theirs.detach().numpy())
    assert_equal(embedding.weight.grad, weight.grad)
