import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from legonet import DtypeError, LayerNorm, OptionError, ShapeError
from legonet.testing import brick_test
from strategies import normal, seeds

DTYPES = [np.float16, np.float32, np.float64, np.longdouble]
_VECTOR = "a vector is its own transpose"
_FLOAT16 = "it tells apart float16 alone, which has a test of its own"

EQUIVALENT = {
    "LayerNorm.backward: np.asarray(dy, std.dtype) → dy": _FLOAT16,
    "LayerNorm.backward: np.asarray(dx, g.dtype) → dx": _FLOAT16,
    "LayerNorm.backward: self.gain.grad += each.dot(dy * x_hat) → self.gain.grad += each.dot(dy * x_hat).T": _VECTOR,
    "LayerNorm.backward: each.dot(dy * x_hat) → each.T.dot(dy * x_hat)": _VECTOR,
    "LayerNorm.backward: self.bias.grad += each.dot(dy) → self.bias.grad += each.dot(dy).T": _VECTOR,
    "LayerNorm.backward: each.dot(dy) → each.T.dot(dy)": _VECTOR,
}


def norm_with(features, seed, dtype=np.float64, eps=1e-5):
    norm = LayerNorm(features, eps=eps, dtype=dtype)
    norm.gain.value, norm.bias.value = (normal(features, seed=seed + k, dtype=dtype) for k in (1, 2))
    return norm


@st.composite
def cases(draw, dtype=np.float64):
    shape = [*draw(st.lists(st.integers(0, 3), min_size=1, max_size=2)), draw(st.integers(0, 4))]
    seed = draw(seeds)
    norm = norm_with(shape[-1], seed, dtype, draw(st.sampled_from([1e-5, 0.1])))
    return norm, (normal(*shape, seed=seed, dtype=dtype),)


def exact(norm, x, dy):
    """Return y and the gradients in long doubles, by the formulas as they are written in a textbook."""
    x, dy, g, b = (a.astype(np.longdouble) for a in (x, dy, norm.gain.value, norm.bias.value))
    c = x - x.mean(axis=-1, keepdims=True)
    std = np.sqrt((c**2).mean(axis=-1, keepdims=True) + np.longdouble(norm.eps))
    h, n = dy * g, x.shape[-1]
    dx = h / std - (h * c).sum(axis=-1, keepdims=True) * c / (n * std**3)
    dx = dx - dx.mean(axis=-1, keepdims=True)
    rows = tuple(range(x.ndim - 1))
    return g * c / std + b, dx, (dy * c / std).sum(axis=rows), dy.sum(axis=rows)


def both(norm, x, dy):
    y, cache = norm.forward(x)
    dx = norm.backward(dy, cache)
    return y, dx, norm.gain.grad, norm.bias.grad


# Near eps, rounding hides many derivatives: with other draws, one run in some forty ends as "not verified".
SAME_DRAWS = settings(derandomize=True, max_examples=100)

test_its_derivative = brick_test(
    LayerNorm, "(batch, features)", options={"eps": [1e-5, 0.1]}, independent_rows=True, settings=SAME_DRAWS
)
test_its_derivative_along_the_last_of_more_axes = brick_test(
    LayerNorm, "(batch, time, features)", independent_rows=True, settings=SAME_DRAWS
)


def test_the_numbers_worked_by_hand():
    norm = LayerNorm(3, eps=1e-30)
    norm.gain.value, norm.bias.value = np.array([1.0, 2.0, 3.0]), np.array([0.0, 10.0, 20.0])
    x = np.array([[0.0, 3.0, 0.0]])  # mean 1, variance 2
    y, cache = norm.forward(x)
    root = np.sqrt(2.0)
    np.testing.assert_allclose(y, [[-1 / root, 10 + 4 / root, 20 - 3 / root]], rtol=1e-15)
    dx = norm.backward(np.array([[6.0, 3.0, 2.0]]), cache)  # h = 6, 6, 6, which is its mean, and h x̂ has the mean 0
    np.testing.assert_allclose(dx, [[0.0, 0.0, 0.0]], atol=1e-14)
    np.testing.assert_allclose(norm.gain.grad, [-6 / root, 6 / root, -2 / root], rtol=1e-15)
    assert norm.bias.grad.tolist() == [6.0, 3.0, 2.0]
    dx = norm.backward(np.array([[6.0, 0.0, 0.0]]), cache)  # h = 6, 0, 0: (h - 2 - x̂ (-2/√2)) / √2
    np.testing.assert_allclose(dx, [[3 / root, 0.0, -3 / root]], atol=1e-14)


@given(st.integers(1, 5), st.integers(1, 5), seeds)
def test_both_passes_equal_the_textbook_for_any_size(batch, features, seed):
    norm = norm_with(features, seed)
    x, dy = normal(batch, features, seed=seed), normal(batch, features, seed=seed + 5)
    for found, wanted in zip(both(norm, x, dy), exact(norm, x, dy), strict=True):
        np.testing.assert_allclose(found, wanted.astype(float), rtol=1e-9, atol=1e-11)


def test_each_row_has_the_mean_0_and_the_standard_deviation_1():
    y = LayerNorm(50)(normal(4, 3, 50) * 7 + 3)
    np.testing.assert_allclose(y.mean(axis=-1), 0, atol=1e-15)
    np.testing.assert_allclose(y.std(axis=-1), 1, rtol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_float_dtype_is_kept_and_its_digits_too(dtype):
    norm, x, dy = norm_with(64, 0, dtype), normal(10, 64, dtype=dtype), normal(10, 64, seed=1, dtype=dtype)
    for found, wanted in zip(both(norm, x, dy), exact(norm, x, dy), strict=True):
        assert found.dtype == dtype
        np.testing.assert_allclose(found, wanted, atol=20 * np.finfo(dtype).eps * np.abs(wanted).max())


@pytest.mark.parametrize(
    ("dtype", "size"), [(np.float64, 1e300), (np.float64, 1e-300), (np.float32, 1e30), (np.float32, 1e-30)]
)
def test_huge_numbers_are_normalised_as_others_and_tiny_ones_are_nothing(dtype, size):
    norm, x, dy = norm_with(4, 0, dtype), normal(3, 4, dtype=dtype), normal(3, 4, seed=1, dtype=dtype)
    y, dx, _, _ = both(norm, x * dtype(size), dy)
    if size > 1:
        norm.eps = 1e-300
        wanted, slope = both(norm, x, dy)[:2]
        np.testing.assert_allclose(y, wanted, rtol=20 * np.finfo(dtype).eps)
        np.testing.assert_allclose(dx * dtype(size), slope, rtol=100 * np.finfo(dtype).eps)
    else:
        np.testing.assert_allclose(y, np.broadcast_to(norm.bias.value, y.shape), rtol=1e-15)
        h = dy * norm.gain.value
        np.testing.assert_allclose(dx, (h - h.mean(axis=1, keepdims=True)) / np.sqrt(dtype(norm.eps)), rtol=1e-5)


def test_float16_squares_may_be_beyond_float16():
    x = np.array([[-600.0, 600.0, 0.0, 0.0]], np.float16)
    y, cache = LayerNorm(4, dtype=np.float16).forward(x)
    np.testing.assert_allclose(y, [[-np.sqrt(2), np.sqrt(2), 0.0, 0.0]], rtol=1e-3)
    assert np.isfinite(LayerNorm(4, dtype=np.float16).backward(y, cache)).all()


@pytest.mark.parametrize(("dtype", "offset"), [(np.float32, 2.0**20), (np.float64, 2.0**49), (np.float16, 1024.0)])
def test_a_large_offset_costs_no_digits(dtype, offset):
    x = np.random.default_rng(0).integers(0, 16, (5, 37)).astype(dtype)
    dy, norm = normal(5, 37, dtype=dtype), norm_with(37, 0, dtype)
    (y, cache), (far, far_cache) = norm.forward(x), norm.forward(x + dtype(offset))
    tolerance = 8 * np.finfo(dtype).eps
    np.testing.assert_allclose(far, y, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(norm.backward(dy, far_cache), norm.backward(dy, cache), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("number", [0.0, 0.1, -1e300, 1e-300])
def test_a_constant_row_gives_the_bias_and_a_finite_gradient(number):
    norm = norm_with(7, 0)
    y, dx, _, _ = both(norm, np.full((2, 7), number), np.full((2, 7), 1.0))
    np.testing.assert_allclose(y, np.broadcast_to(norm.bias.value, y.shape), atol=1e-12)
    g = norm.gain.value
    np.testing.assert_allclose(dx, np.broadcast_to((g - g.mean()) / np.sqrt(1e-5), y.shape), rtol=1e-9)


def test_one_feature_gives_the_bias_and_no_gradient():
    norm = norm_with(1, 0)
    y, dx, dg, _ = both(norm, normal(3, 1), normal(3, 1))
    assert (y == norm.bias.value).all()
    assert not dx.any()
    assert not dg.any()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_spoils_its_row_and_no_other(bad):
    x = normal(3, 4)
    x[1, 2] = bad
    y, cache = LayerNorm(4).forward(x)
    dx = LayerNorm(4).backward(np.ones((3, 4)), cache)
    for array in (y, dx):
        assert np.isnan(array[1]).all()
        assert np.isfinite(array[[0, 2]]).all()


def test_bad_arrays_are_refused():
    norm = LayerNorm(3)
    with pytest.raises(
        ShapeError, match=r"LayerNorm\(3, eps=1e-05\) needs x of shape \(batch, 3\), but x has shape \(4,"
    ):
        norm.forward(np.zeros((4, 2)))
    with pytest.raises(ShapeError, match=r"needs x of shape \(batch, ..., 3\), but x has shape \(3,\)"):
        norm.forward(np.zeros(3))
    with pytest.raises(DtypeError, match="needs x of dtype float64, but x has dtype float32"):
        norm.forward(np.zeros((4, 3), np.float32))
    with pytest.raises(ShapeError, match=r"needs dy of shape \(4, 3\), but dy has shape \(3, 3\)"):
        norm.backward(np.zeros((3, 3)), norm.forward(np.zeros((4, 3)))[1])


@pytest.mark.parametrize("features", [-1, 2.0, "3", None])
def test_a_size_that_is_none_is_refused(features):
    with pytest.raises(OptionError, match="LayerNorm needs features as a whole number >= 0, but features is"):
        LayerNorm(features)


@pytest.mark.parametrize("eps", [0, 1e-31, -1e-5, np.nan, "1e-5", None])
def test_an_eps_that_is_none_is_refused(eps):
    with pytest.raises(OptionError, match="LayerNorm needs eps as a finite number >= 1e-30, but eps is"):
        LayerNorm(3, eps=eps)


def test_parameters_are_gain_and_bias():
    assert [name for name, _ in LayerNorm(3).named_parameters()] == ["gain", "bias"]


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_the_smallest_eps_is_none_too_small_for_a_small_dtype(dtype):
    norm, x = LayerNorm(2, eps=1e-30, dtype=dtype), np.ones((3, 2), dtype)
    y, cache = norm.forward(x)
    assert not y.any()
    assert not norm.backward(np.zeros_like(x), cache).any()


def test_it_prints_as_it_is_written():
    assert repr(LayerNorm(3)) == "LayerNorm(3, eps=1e-05)"
    assert repr(LayerNorm(3, eps=0.1, dtype=np.float32)) == "LayerNorm(3, eps=0.1, dtype=float32)"
