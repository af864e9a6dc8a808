import numpy as np
import pytest
from hypothesis import strategies as st

from legonet import Dropout, Linear, OptionError, Residual, Sequential, ShapeError, TransformerBlock
from legonet.testing import Integers, brick_test
from strategies import assert_close, both_passes, normal, seeds

CALL_DIFFERS = True  # by its dropout


@st.composite
def cases(draw, dtype=np.float64):
    batch, time, heads = (draw(st.integers(low, 2)) for low in (0, 0, 1))
    features, options = 2 * heads, {"causal": draw(st.booleans()), "dropout": draw(st.sampled_from([0.0, 0.5]))}
    block = TransformerBlock(features, heads, draw(st.integers(0, 3)), **options, rng=draw(seeds), dtype=dtype)
    x, mask = normal(batch, time, features, seed=draw(seeds), dtype=dtype), normal(batch, time, seed=draw(seeds))
    return block, (x, mask > -0.5) if draw(st.booleans()) else (x,)


def block(n, hidden, causal, rng):
    return TransformerBlock(n, 1, hidden, causal=causal, rng=rng)


def with_two_heads_and_dropout(hidden, rng):
    return TransformerBlock(4, 2, hidden, causal=True, dropout=0.3, rng=rng)


MASK = Integers("(batch, time)", below=2, dtype=bool)
SIZES = {"batch": (0, 2), "time": (0, 3), "n": (1, 3), "hidden": (1, 3)}

test_its_derivative = brick_test(
    block, "(batch, time, n)", MASK, options={"causal": [False, True]}, sizes=SIZES, independent_rows=True
)
test_its_derivative_with_two_heads_and_dropout = brick_test(
    with_two_heads_and_dropout,
    "(batch, time, 4)",
    sizes={"batch": (0, 2), "time": (0, 3), "hidden": (1, 3)},
    call_differs=True,
)


def test_it_is_what_residuals_and_the_same_bricks_make():
    net, x, dy = TransformerBlock(4, 2, 6, causal=True, rng=0), normal(2, 3, 4), normal(2, 3, 4, seed=1)
    first = Residual(Sequential(net.attention_norm, net.attention))
    second = Residual(Sequential(net.network_norm, *net.network))
    assert_close(both_passes(net, (x,), dy), both_passes(Sequential(first, second), (x,), dy), 1e-14)


def test_without_the_halves_it_is_the_shortcut():
    net, x, dy = TransformerBlock(4, 2, 6, rng=0), normal(2, 3, 4), normal(2, 3, 4, seed=1)
    for weight in (net.attention.output.weight, net.network[2].weight):
        weight.value = np.zeros_like(weight.value)
    y, dx = both_passes(net, (x,), dy)[:2]
    np.testing.assert_array_equal(y, x)
    np.testing.assert_array_equal(dx, dy)


def test_the_mask_goes_to_the_attention():
    net, x = TransformerBlock(4, 2, 6, rng=0), normal(2, 5, 4)
    mask = np.array([[True, True, True, False, False]] * 2)
    assert_close([net(x, mask)[:, :3], net(x, mask=mask)[:, :3]], [net(x[:, :3].copy())] * 2, 1e-13)


def test_dropout_draws_anew_in_each_pass_and_not_when_it_is_called():
    net, x = TransformerBlock(4, 2, 6, dropout=0.5, rng=0), normal(2, 5, 4)
    assert not np.allclose(net.forward(x)[0], net.forward(x)[0])
    np.testing.assert_array_equal(net(x), net(x))
    assert isinstance(net.attention_dropout, Dropout)
    assert net.attention_dropout.rng is net.network_dropout.rng


def test_the_two_halves_are_drawn_from_one_generator_but_start_with_other_numbers():
    one, other = (TransformerBlock(4, 2, 6, rng=7) for _ in range(2))
    assert_close([p.value for p in one.parameters()], [p.value for p in other.parameters()], 0)
    assert not np.isclose(one.network[0].weight.value[:, :4], one.attention.output.weight.value).any()


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_the_dtype_is_kept(dtype):
    one, other = TransformerBlock(4, 2, 6, dtype=dtype, rng=0), TransformerBlock(4, 2, 6, rng=0)
    found, wanted = both_passes(one, (normal(2, 3, 4, dtype=dtype),)), both_passes(other, (normal(2, 3, 4),))
    assert {array.dtype for array in found} == {np.dtype(dtype)}
    assert_close(found[:2], wanted[:2], 0.05 if dtype == np.float16 else 1e-5)


def test_parameters_have_the_names_of_the_bricks():
    assert [name for name, _ in TransformerBlock(4, 2, 6).named_parameters()] == [
        "attention_norm.gain",
        "attention_norm.bias",
        "attention.qkv.weight",
        "attention.qkv.bias",
        "attention.output.weight",
        "attention.output.bias",
        "network_norm.gain",
        "network_norm.bias",
        "network.bricks.0.weight",
        "network.bricks.0.bias",
        "network.bricks.2.weight",
        "network.bricks.2.bias",
    ]


@pytest.mark.parametrize("call", [TransformerBlock.forward, TransformerBlock.__call__])
def test_an_error_says_which_brick_it_came_from(call):
    net = TransformerBlock(4, 2, 6)
    with pytest.raises(ShapeError, match=r"LayerNorm\(4.*\) needs x of shape") as caught:
        call(net, np.zeros((2, 3, 5)))
    assert caught.value.__notes__ == [f"  in TransformerBlock[attention_norm]: {net.attention_norm}"]
    with pytest.raises(ShapeError, match=r"MultiHeadAttention\(4, 2\) needs mask of shape \(2, 3\)") as caught:
        call(net, np.zeros((2, 3, 4)), np.ones((2, 4), bool))
    assert caught.value.__notes__ == ["  in TransformerBlock[attention]: MultiHeadAttention(4, 2)"]


def test_an_error_in_backward_says_which_brick_it_came_from():
    net = TransformerBlock(4, 2, 6)
    cache = net.forward(np.zeros((2, 3, 4)))[1]
    with pytest.raises(ShapeError, match=r"Dropout\(0\) needs dy of shape \(2, 3, 4\)") as caught:
        net.backward(np.zeros((2, 3, 5)), cache)
    assert caught.value.__notes__ == ["  in TransformerBlock[network_dropout]: Dropout(0)"]


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((-1, 2, 6), {}, "TransformerBlock needs features as a whole number >= 0, but features is -1"),
        ((4, 3, 6), {}, "MultiHeadAttention needs heads as a divisor of features, 4, but heads is 3"),
        ((4, 2, 1.5), {}, "TransformerBlock needs hidden as a whole number >= 0, but hidden is 1.5"),
        ((4, 2, 6), {"dropout": 1}, "Dropout needs rate as a finite number >= 0 and < 1, but rate is 1"),
        ((4, 2, 6), {"causal": "no"}, "TransformerBlock needs causal as True or False, but causal is 'no'"),
        ((4, 2, 6), {"dtype": int}, "TransformerBlock needs dtype as a floating-point dtype"),
        ((4, 2, 6), {"rng": -1}, "TransformerBlock needs rng as"),
    ],
)
def test_a_bad_option_is_refused(arguments, options, message):
    with pytest.raises(OptionError) as caught:
        TransformerBlock(*arguments, **options)
    assert str(caught.value).startswith(message)


def test_it_prints_as_it_is_written_and_as_a_table():
    assert repr(TransformerBlock(4, 2, 6)) == "TransformerBlock(4, 2, 6, dropout=0)"
    net = TransformerBlock(4, 2, 6, causal=True, dropout=0.1, dtype="f4")
    assert repr(net) == "TransformerBlock(4, 2, 6, causal=True, dropout=0.1, dtype=float32)"
    assert str(TransformerBlock(4, 2, 6)).splitlines() == [
        "TransformerBlock: 154 parameters",
        "  [attention_norm] LayerNorm(4, eps=1e-05)   8  gain (4,), bias (4,)",
        "  [attention] MultiHeadAttention(4, 2)      80  qkv.weight (4, 12), qkv.bias (12,) and 2 more",
        "  [attention_dropout] Dropout(0)             0",
        "  [network_norm] LayerNorm(4, eps=1e-05)     8  gain (4,), bias (4,)",
        "  [network] Sequential                      58",
        "      [0] Linear(4, 6)                      30  weight (4, 6), bias (6,)",
        "      [1] GELU()                             0",
        "      [2] Linear(6, 4)                      28  weight (6, 4), bias (4,)",
        "  [network_dropout] Dropout(0)               0",
    ]


def test_a_brick_that_is_put_in_the_place_of_another_is_run_shown_and_trained():
    net, x = TransformerBlock(4, 2, 6, rng=0), normal(2, 3, 4)
    net.network = Sequential(Linear(4, 4, rng=1))
    assert net.bricks["network"] is net.network
    y, cache = net.forward(x)
    np.testing.assert_array_equal(net(x), y)
    net.backward_parameters(y, cache)
    assert net.network[0].weight.grad.any()
