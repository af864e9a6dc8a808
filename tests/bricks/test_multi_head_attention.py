import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from legonet import DtypeError, MultiHeadAttention, OptionError, ShapeError
from legonet.initializers import normal as normal_numbers
from legonet.testing import Integers, brick_test
from strategies import assert_close, both_passes, normal, seeds

_FILLED = "every entry is filled in by the lines below"

EQUIVALENT = {
    f"MultiHeadAttention.backward: {line} → {changed}": _FILLED
    for line in ["dqkv = np.empty((*x.shape[:2], 3 * x.shape[2]), x.dtype)"]
    for changed in [line.replace("= ", "= -"), line + " * 2", line + " * 0.5"]
}


@st.composite
def cases(draw, dtype=np.float64):
    batch, time, size, heads = (draw(st.integers(low, 2)) for low in (0, 0, 0, 1))
    options = {"causal": draw(st.booleans()), "bias": draw(st.booleans())}
    attention = MultiHeadAttention(heads * size, heads, **options, rng=draw(seeds), dtype=dtype)
    x, mask = normal(batch, time, heads * size, seed=draw(seeds), dtype=dtype), normal(batch, time, seed=draw(seeds))
    return attention, (x, mask > -0.5) if draw(st.booleans()) else (x,)


def one_head(n, causal, bias, rng):
    return MultiHeadAttention(n, 1, causal=causal, bias=bias, rng=rng)


def two_heads(causal, rng):
    return MultiHeadAttention(4, 2, causal=causal, bias=normal_numbers, rng=rng)


OPTIONS = {"causal": [False, True], "bias": [False, normal_numbers]}
MASK = Integers("(batch, time)", below=2, dtype=bool)

test_its_derivative = brick_test(one_head, "(batch, time, n)", options=OPTIONS, independent_rows=True)
test_its_derivative_with_a_mask = brick_test(one_head, "(batch, time, n)", MASK, options=OPTIONS, independent_rows=True)
test_its_derivative_in_two_heads = brick_test(
    two_heads, "(batch, time, 4)", MASK, options={"causal": [False, True]}, independent_rows=True
)


def plain(features, **options):
    """Attention without biases, in which the output is the mixture and Q, K and V are x."""
    attention = MultiHeadAttention(features, 1, bias=False, **options)
    eye = np.eye(features, dtype=attention.output.weight.value.dtype)
    attention.qkv.weight.value, attention.output.weight.value = np.tile(eye, 3), eye
    return attention


def test_the_numbers_worked_by_hand():
    attention, x = plain(1), np.array([[[0.0], [np.log(3)]]])
    log3 = np.log(3)
    e = 3**log3  # the scores are [[0, 0], [0, log² 3]], and their exponentials [[1, 1], [1, e]]
    y, cache = attention.forward(x)
    np.testing.assert_allclose(y, [[[log3 / 2], [log3 * e / (1 + e)]]], rtol=1e-15)
    dx = attention.backward(np.array([[[1.0], [0.0]]]), cache)
    # y0 = (x0 exp(x0²) + x1 exp(x0 x1)) / (exp(x0²) + exp(x0 x1)); at x0 = 0 by x0: 1/2 + x1²/4; by x1: 1/2
    np.testing.assert_allclose(dx, [[[0.5 + log3**2 / 4], [0.5]]], rtol=1e-15)


@given(seed=seeds, causal=st.booleans(), batch=st.integers(1, 3), time=st.integers(1, 4), heads=st.integers(1, 3))
def test_it_equals_the_formula_written_out_for_each_head_and_position(seed, causal, batch, time, heads):
    size = 2
    attention = MultiHeadAttention(heads * size, heads, causal=causal, bias=normal_numbers, rng=seed)
    x, mask = normal(batch, time, heads * size, seed=seed), normal(batch, time, seed=seed + 1) > -0.5
    y = attention(x, mask)
    q, k, v = np.split(x @ attention.qkv.weight.value + attention.qkv.bias.value, 3, axis=-1)
    for n in range(batch):
        for t in range(time):
            seen = [s for s in range(time) if mask[n, s] and not (causal and s > t)]
            mixture = []
            for columns in np.split(np.arange(heads * size), heads):
                weights = [np.exp(q[n, t, columns] @ k[n, s, columns] / np.sqrt(size)) for s in seen]
                terms = [weight * v[n, s, columns] for weight, s in zip(weights, seen, strict=True)]
                mixture.extend(np.sum(terms, axis=0) / np.sum(weights) if seen else [0.0] * size)
            np.testing.assert_allclose(y[n, t], attention.output(np.array([mixture]))[0], rtol=1e-12, atol=1e-14)


def test_a_causal_one_does_not_see_what_comes_later():
    attention, x = MultiHeadAttention(4, 2, causal=True, rng=0), normal(2, 5, 4)
    later = x.copy()
    later[:, 3:] = normal(2, 2, 4, seed=1)
    np.testing.assert_array_equal(attention(later)[:, :3], attention(x)[:, :3])
    assert not np.isclose(attention(later)[:, 3:], attention(x)[:, 3:]).any()
    dy = np.zeros((2, 5, 4))
    dy[:, :3] = 1.0
    assert not attention.backward(dy, attention.forward(x)[1])[:, 3:].any()


def test_what_the_mask_hides_is_as_if_it_were_not_there():
    attention, x = MultiHeadAttention(4, 2, rng=0), normal(2, 5, 4)
    mask = np.array([[True, True, True, False, False]] * 2)
    np.testing.assert_allclose(attention(x, mask)[:, :3], attention(x[:, :3].copy()), rtol=1e-13)
    dy = np.zeros((2, 5, 4))
    dy[:, :3] = 1.0
    assert not attention.backward(dy, attention.forward(x, mask)[1])[:, 3:].any()


def test_a_mask_may_be_given_by_its_name_and_one_of_nothing_but_true_changes_nothing():
    attention, x = MultiHeadAttention(4, 2, rng=0), normal(2, 3, 4)
    seen = np.ones((2, 3), bool)
    np.testing.assert_array_equal(attention(x, mask=seen), attention(x))
    np.testing.assert_array_equal(attention.forward(x, mask=seen)[0], attention(x))


@pytest.mark.parametrize("causal", [False, True])
def test_where_nothing_is_seen_the_mixture_is_zero_and_so_are_the_gradients(causal):
    attention = MultiHeadAttention(4, 2, causal=causal, bias=normal_numbers, rng=0)
    x, mask = normal(2, 3, 4), np.array([[False, False, False], [True, True, False]])
    y, cache = inspect.unwrap(MultiHeadAttention.forward)(attention, x, mask)
    np.testing.assert_array_equal(y[0], [attention.output.bias.value] * 3)
    dx = inspect.unwrap(MultiHeadAttention.backward)(attention, np.ones((2, 3, 4)), cache)
    assert not dx[0].any()
    assert np.isfinite(dx).all()
    assert dx[1].any()


def test_positions_before_the_first_that_is_seen_have_the_mixture_zero():
    attention, x = plain(2, causal=True), normal(1, 3, 2)
    y = attention(x, np.array([[False, True, True]]))
    np.testing.assert_array_equal(y[0, :2], [[0.0, 0.0], x[0, 1]])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_scores_of_ten_thousand_choose_the_largest_without_a_warning(dtype):
    attention = MultiHeadAttention(1, 1, weight=lambda rng, shape: np.ones(shape), dtype=dtype)
    x = np.array([[[100.0], [50.0], [-100.0]]], dtype)
    y, cache = inspect.unwrap(MultiHeadAttention.forward)(attention, x)
    np.testing.assert_array_equal(y, [[[100.0], [100.0], [-100.0]]])
    dx = inspect.unwrap(MultiHeadAttention.backward)(attention, np.ones_like(x), cache)
    np.testing.assert_array_equal(dx, [[[2.0], [0.0], [1.0]]])


def test_a_large_score_that_is_hidden_takes_nothing_from_the_others():
    attention, x = plain(1), np.array([[[1.0], [2.0], [1e4]]])
    hidden = attention(x, np.array([[True, True, False]]))
    np.testing.assert_allclose(hidden[:, :2], attention(x[:, :2].copy()), rtol=1e-15)
    assert hidden[0, 2] == 2.0


def test_what_is_hidden_may_overflow():
    attention, x = plain(1, dtype=np.float16), np.array([[[1.0], [2.0], [3e4]]], np.float16)
    y, cache = attention.forward(x, np.array([[True, True, False]]))
    assert np.isfinite(y[:, :2]).all()
    assert np.isfinite(attention.backward(np.array([[[1.0], [1.0], [0.0]]], np.float16), cache)[:, :2]).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_stays_in_its_own_sequence_and_is_not_finite_there(bad):
    attention, x = MultiHeadAttention(4, 2, rng=0), normal(2, 3, 4)
    clean = attention(x)
    x[0, 1, 2] = bad
    y, cache = attention.forward(x)
    assert np.isnan(y[0]).all()
    np.testing.assert_array_equal(y[1], clean[1])
    dx = attention.backward(np.ones_like(y), cache)
    assert np.isnan(dx[0]).all()
    assert np.isfinite(dx[1]).all()


def test_scores_that_overflow_give_nan_and_never_a_number():
    attention = plain(1)
    attention.qkv.weight.value = np.array([[1e200, -1e200, 1.0]])
    assert np.isnan(attention(np.ones((1, 2, 1)), np.ones((1, 2), bool))).all()


def test_its_weights_are_in_the_cache_and_those_of_a_position_sum_to_1_over_what_it_sees():
    attention, x = MultiHeadAttention(4, 2, causal=True, rng=0), normal(3, 5, 4)
    weights = attention.forward(x)[1].weights
    assert weights.shape == (3, 2, 5, 5)
    np.testing.assert_allclose(weights.sum(axis=-1), 1.0)
    assert not np.triu(weights, 1).any()


def test_a_sequence_of_one_position_sees_itself():
    attention, x = plain(3, causal=True), normal(2, 1, 3)
    np.testing.assert_allclose(attention(x), x, rtol=1e-15)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.longdouble])
def test_every_float_dtype_is_kept_and_near_float64(dtype):
    one, other = MultiHeadAttention(4, 2, dtype=dtype, rng=0), MultiHeadAttention(4, 2, rng=0)
    x, mask = normal(2, 3, 4), np.array([[True, True, False], [False, False, False]])
    found, wanted = both_passes(one, (x.astype(dtype), mask)), both_passes(other, (x, mask))
    assert {array.dtype for array in found} == {np.dtype(dtype)}
    assert_close(found, wanted, 0.01 if dtype == np.float16 else 1e-5)


def test_each_weight_is_drawn_by_the_initializer_one_after_the_other():
    shapes = []

    def remember(rng, shape):
        shapes.append(shape)
        return np.full(shape, len(shapes), float)

    attention = MultiHeadAttention(4, 2, weight=remember, bias=remember)
    assert shapes == [(4, 12), (12,), (4, 4), (4,)]
    names = ["qkv.weight", "qkv.bias", "output.weight", "output.bias"]
    assert [name for name, _ in attention.named_parameters()] == names
    assert [parameter.value.flat[0] for parameter in attention.parameters()] == [1, 2, 3, 4]


def test_without_biases_there_are_two_parameters():
    names = [name for name, _ in MultiHeadAttention(4, 2, bias=False).named_parameters()]
    assert names == ["qkv.weight", "output.weight"]


def test_the_same_seed_gives_the_same_numbers():
    one, other = MultiHeadAttention(4, 2, rng=7), MultiHeadAttention(4, 2, rng=7)
    assert_close([p.value for p in one.parameters()], [p.value for p in other.parameters()], 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1, 2), "MultiHeadAttention needs features as a whole number >= 0, but features is -1"),
        ((4, 2.0), "MultiHeadAttention needs heads as a whole number >= 1, but heads is 2.0"),
        ((4, 3), "MultiHeadAttention needs heads as a divisor of features, 4, but heads is 3"),
        ((4, 0), "MultiHeadAttention needs heads as a whole number >= 1, but heads is 0"),
        ((0, 0), "MultiHeadAttention needs heads as a whole number >= 1, but heads is 0"),
    ],
)
def test_a_bad_size_is_refused(arguments, message):
    with pytest.raises(OptionError) as caught:
        MultiHeadAttention(*arguments)
    assert str(caught.value) == message


@pytest.mark.parametrize(("option", "value"), [("rng", -1), ("dtype", int), ("causal", "no"), ("causal", 1)])
def test_a_bad_option_is_refused_by_name(option, value):
    with pytest.raises(OptionError, match=f"MultiHeadAttention needs {option} as"):
        MultiHeadAttention(4, 2, **{option: value})


X, SEEN = np.zeros((2, 3, 4)), np.ones((2, 3), bool)


@pytest.mark.parametrize(
    ("x", "mask", "error", "message"),
    [
        (X[0], None, ShapeError, "needs x of shape (batch, time, 4), but x has shape (3, 4)"),
        (X[None], None, ShapeError, "needs x of shape (batch, time, 4), but x has shape (1, 2, 3, 4)"),
        (X[..., :3], None, ShapeError, "needs x of shape (batch, time, 4), but x has shape (2, 3, 3)"),
        (X.astype("f4"), None, DtypeError, "needs x of dtype float64, but x has dtype float32"),
        (X, SEEN[:, :2], ShapeError, "needs mask of shape (2, 3), but mask has shape (2, 2)"),
        (X, SEEN[0], ShapeError, "needs mask of shape (2, 3), but mask has shape (3,)"),
        (X, SEEN.astype(int), DtypeError, "needs mask of dtype bool, but mask has dtype int64: pass mask.astype("),
        (X, SEEN.tolist(), DtypeError, "needs mask as a NumPy array, but mask is a list"),
    ],
)
def test_a_bad_array_is_refused(x, mask, error, message):
    for call in (MultiHeadAttention.forward, MultiHeadAttention.__call__):
        with pytest.raises(error) as caught:
            call(MultiHeadAttention(4, 2), x, mask)
        assert str(caught.value).startswith(f"MultiHeadAttention(4, 2) {message}")


def test_a_bad_upstream_gradient_is_refused_and_leaves_the_gradients():
    attention = MultiHeadAttention(4, 2, rng=0)
    cache = attention.forward(X)[1]
    with pytest.raises(ShapeError, match=r"MultiHeadAttention\(4, 2\) needs dy of shape \(2, 3, 4\), but dy has"):
        attention.backward(X[:1], cache)
    assert not any(parameter.grad.any() for parameter in attention.parameters())


def test_it_prints_as_it_is_written():
    assert repr(MultiHeadAttention(4, 2)) == "MultiHeadAttention(4, 2)"
    written = "MultiHeadAttention(4, 2, causal=True, bias=False, dtype=float32)"
    assert repr(MultiHeadAttention(4, 2, causal=True, bias=False, dtype="f4")) == written
