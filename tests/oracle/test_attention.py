"""Attention and the transformer block against PyTorch. Needs the extra ``oracle``."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from legonet import MultiHeadAttention, TransformerBlock
from legonet.initializers import normal

sizes = st.integers(1, 5)
seeds = st.integers(0, 2**32 - 1)


def load(theirs, ours):
    """Give a MultiheadAttention of PyTorch the numbers of ours; return it with pairs of its parameters and ours."""
    pairs = [
        (theirs.in_proj_weight, ours.qkv.weight),
        (theirs.out_proj.weight, ours.output.weight),
        (theirs.in_proj_bias, ours.qkv.bias),
        (theirs.out_proj.bias, ours.output.bias),
    ]
    return copy_numbers([pair for pair in pairs if pair[1] is not None])


def copy_numbers(pairs):
    """Give the first of each pair the numbers of the second, transposed."""
    with torch.no_grad():
        for theirs, ours in pairs:
            theirs.copy_(torch.tensor(ours.value.T.copy()))
    return pairs


def draw_mask(rng, batch, time, causal):
    """Draw a mask in which each position sees at least one: for none, PyTorch gives NaN."""
    mask = rng.random((batch, time)) < 0.6
    mask[:, 0] = True
    return mask if causal or time == 1 else rng.permuted(mask, axis=1)


def compare(ours, theirs, x, mask, dy, pairs):
    """Compare outputs and all gradients; `theirs` takes x and what is hidden."""
    x_theirs = torch.tensor(x, requires_grad=True)
    y_theirs = theirs(x_theirs, None if mask is None else torch.tensor(~mask))
    y_theirs.backward(torch.tensor(dy))
    y, cache = ours.forward(x) if mask is None else ours.forward(x, mask)
    found = [y, ours.backward(dy, cache), *(mine.grad for _, mine in pairs)]
    wanted = [y_theirs.detach().numpy(), x_theirs.grad.numpy(), *(other.grad.numpy().T for other, _ in pairs)]
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-10)


def hide_later(time, causal):
    return torch.ones(time, time, dtype=torch.bool).triu(1) if causal else None


@settings(deadline=None)
@given(
    batch=sizes,
    time=sizes,
    size=sizes,
    heads=st.integers(1, 3),
    causal=st.booleans(),
    masked=st.booleans(),
    bias=st.booleans(),
    seed=seeds,
)
def test_attention_has_the_values_and_gradients_of_pytorch(batch, time, size, heads, causal, masked, bias, seed):
    rng, features = np.random.default_rng(seed), heads * size
    ours = MultiHeadAttention(
        features,
        heads,
        causal=causal,
        weight=lambda rng, shape: normal(rng, shape, std=0.7),
        bias=normal if bias else False,
        rng=rng,
    )
    module = torch.nn.MultiheadAttention(features, heads, bias=bias, batch_first=True, dtype=torch.float64)
    pairs = load(module, ours)

    def theirs(x, hidden):
        later = hide_later(time, causal)
        return module(x, x, x, key_padding_mask=hidden, attn_mask=later, need_weights=False)[0]

    x, dy = rng.normal(size=(batch, time, features)), rng.normal(size=(batch, time, features))
    compare(ours, theirs, x, draw_mask(rng, batch, time, causal) if masked else None, dy, pairs)


@settings(deadline=None)
@given(
    batch=sizes,
    time=sizes,
    size=sizes,
    heads=st.integers(1, 3),
    hidden=sizes,
    causal=st.booleans(),
    masked=st.booleans(),
    seed=seeds,
)
def test_a_block_has_the_values_and_gradients_of_pytorchs_encoder_layer(
    batch, time, size, heads, hidden, causal, masked, seed
):
    rng, features = np.random.default_rng(seed), heads * size
    ours = TransformerBlock(features, heads, hidden, causal=causal, rng=rng)
    for parameter in ours.parameters():
        parameter.value = parameter.value + normal(rng, parameter.value.shape, std=0.5)
    module = torch.nn.TransformerEncoderLayer(
        features,
        heads,
        hidden,
        dropout=0.0,
        activation="gelu",
        batch_first=True,
        norm_first=True,
        dtype=torch.float64,
    )
    first, _, last = ours.network
    pairs = load(module.self_attn, ours.attention) + copy_numbers(
        [
            (module.norm1.weight, ours.attention_norm.gain),
            (module.norm1.bias, ours.attention_norm.bias),
            (module.norm2.weight, ours.network_norm.gain),
            (module.norm2.bias, ours.network_norm.bias),
            (module.linear1.weight, first.weight),
            (module.linear1.bias, first.bias),
            (module.linear2.weight, last.weight),
            (module.linear2.bias, last.bias),
        ]
    )

    def theirs(x, hidden):
        return module(x, src_mask=hide_later(time, causal), src_key_padding_mask=hidden)

    x, dy = rng.normal(size=(batch, time, features)), rng.normal(size=(batch, time, features))
    compare(ours, theirs, x, draw_mask(rng, batch, time, causal) if masked else None, dy, pairs)
