import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from legonet import DtypeError, OptionError, RMSNorm, ShapeError
from legonet.testing import brick_test
from strategies import normal, seeds

DTYPES = [np.float16, np.float32, np.float64, np.longdouble]
_VECTOR = "a vector is its own transpose"
_FLOAT16 = "it tells apart float16 alone, which has a test of its own"

EQUIVALENT = {
    "RMSNorm.backward: np.asarray(dy, root.dtype) → dy": _FLOAT16,
    "RMSNorm.backward: np.asarray(dx, g.dtype) → dx": _FLOAT16,
    "RMSNorm.backward: self.gain.grad += ones(len(root), root.dtype).dot(dy * x_hat)"
    " → self.gain.grad += ones(len(root), root.dtype).dot(dy * x_hat).T": _VECTOR,
    "RMSNorm.backward: ones(len(root), root.dtype).dot(dy * x_hat)"
    " → ones(len(root), root.dtype).T.dot(dy * x_hat)": _VECTOR,
}


def norm_with(features, seed, dtype=np.float64, eps=1e-6):
    norm = RMSNorm(features, eps=eps, dtype=dtype)
    norm.gain.value = normal(features, seed=seed + 1, dtype=dtype)
    return norm


@st.composite
def cases(draw, dtype=np.float64):
    shape = [*draw(st.lists(st.integers(0, 3), min_size=1, max_size=2)), draw(st.integers(0, 4))]
    seed = draw(seeds)
    norm = norm_with(shape[-1], seed, dtype, draw(st.sampled_from([1e-6, 0.1])))
    return norm, (normal(*shape, seed=seed, dtype=dtype),)


def exact(norm, x, dy):
    """Return y and the gradients in long doubles, by the formulas as they are written in a textbook."""
    x, dy, g = (a.astype(np.longdouble) for a in (x, dy, norm.gain.value))
    r = np.sqrt((x**2).mean(axis=-1, keepdims=True) + np.longdouble(norm.eps))
    h, n = dy * g, x.shape[-1]
    dx = h / r - (h * x).sum(axis=-1, keepdims=True) * x / (n * r**3)
    return g * x / r, dx, (dy * x / r).sum(axis=tuple(range(x.ndim - 1)))


def both(norm, x, dy):
    y, cache = norm.forward(x)
    dx = norm.backward(dy, cache)
    return y, dx, norm.gain.grad


# Near eps, rounding hides many derivatives: with other draws, one run in some forty ends as "not verified".
SAME_DRAWS = settings(derandomize=True, max_examples=100)

test_its_derivative = brick_test(
    RMSNorm, "(batch, features)", options={"eps": [1e-6, 0.1]}, independent_rows=True, settings=SAME_DRAWS
)
test_its_derivative_along_the_last_of_more_axes = brick_test(
    RMSNorm, "(batch, time, features)", independent_rows=True, settings=SAME_DRAWS
)


def test_the_numbers_worked_by_hand():
    norm = RMSNorm(2, eps=1e-30)
    norm.gain.value = np.array([1.0, 10.0])
    y, cache = norm.forward(np.array([[1.0, 7.0]]))  # r = 5
    np.testing.assert_allclose(y, [[0.2, 14.0]], rtol=1e-15)
    dx = norm.backward(np.array([[5.0, 0.0]]), cache)  # h = 5, 0; mean of h x̂ = 0.5; (5 - 0.1) / 5, -0.7 / 5
    np.testing.assert_allclose(dx, [[0.98, -0.14]], rtol=1e-15)
    np.testing.assert_allclose(norm.gain.grad, [1.0, 0.0], rtol=1e-15)


@given(st.integers(1, 5), st.integers(1, 5), seeds)
def test_both_passes_equal_the_textbook_for_any_size(batch, features, seed):
    norm = norm_with(features, seed)
    x, dy = normal(batch, features, seed=seed), normal(batch, features, seed=seed + 5)
    for found, wanted in zip(both(norm, x, dy), exact(norm, x, dy), strict=True):
        np.testing.assert_allclose(found, wanted.astype(float), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_float_dtype_is_kept_and_its_digits_too(dtype):
    norm, x, dy = norm_with(64, 0, dtype), normal(10, 64, dtype=dtype), normal(10, 64, seed=1, dtype=dtype)
    for found, wanted in zip(both(norm, x, dy), exact(norm, x, dy), strict=True):
        assert found.dtype == dtype
        np.testing.assert_allclose(found, wanted, atol=20 * np.finfo(dtype).eps * np.abs(wanted).max())


@pytest.mark.parametrize(("dtype", "size"), [(np.float64, 1e300), (np.float32, 1e30), (np.longdouble, "1e3000")])
def test_huge_numbers_are_normalised_as_others(dtype, size):
    size, norm = dtype(size), norm_with(4, 0, dtype, eps=1e-20)
    x, dy = normal(3, 4, dtype=dtype), normal(3, 4, seed=1, dtype=dtype)
    (y, dx, _), (wanted, slope, _) = both(norm, x * size, dy), both(norm, x, dy)
    np.testing.assert_allclose(y, wanted, rtol=20 * np.finfo(dtype).eps)
    np.testing.assert_allclose(dx * size, slope, rtol=100 * np.finfo(dtype).eps)


def test_huge_and_usual_rows_do_not_disturb_each_other():
    x = np.array([[1e300, -1e300], [3.0, 4.0], [0.0, 0.0], [1e-300, 0.0]])
    np.testing.assert_allclose(RMSNorm(2)(x)[0], [1.0, -1.0], rtol=1e-15)
    np.testing.assert_array_equal(RMSNorm(2)(x)[1:], RMSNorm(2)(x[1:]))


@pytest.mark.parametrize("number", [0.0, 1e-300, 5e-324])
def test_a_row_of_nothing_is_divided_by_the_root_of_eps(number):
    norm = norm_with(3, 0)
    y, dx, _ = both(norm, np.full((2, 3), number), np.ones((2, 3)))
    np.testing.assert_allclose(y, norm.gain.value * (np.full((2, 3), number) * 1e3), rtol=1e-15)
    np.testing.assert_allclose(dx, np.broadcast_to(norm.gain.value * 1e3, (2, 3)), rtol=1e-15)


def test_float16_squares_may_be_beyond_float16():
    y, cache = RMSNorm(2, dtype=np.float16).forward(np.array([[300.0, 400.0]], np.float16))
    np.testing.assert_allclose(y, [[0.6 * np.sqrt(2), 0.8 * np.sqrt(2)]], rtol=1e-3)
    assert np.isfinite(RMSNorm(2, dtype=np.float16).backward(y, cache)).all()


def test_not_a_number_spoils_its_row_and_no_other():
    x = normal(3, 4)
    x[1, 2] = np.nan
    y, cache = RMSNorm(4).forward(x)
    dx = RMSNorm(4).backward(np.ones((3, 4)), cache)
    for array in (y, dx):
        assert np.isnan(array[1]).all()
        assert np.isfinite(array[[0, 2]]).all()


def test_infinity_does_not_come_out_as_a_number():
    y = RMSNorm(3)(np.array([[1.0, np.inf, -np.inf]]))
    np.testing.assert_array_equal(y, [[0.0, np.nan, np.nan]])


def test_bad_arrays_are_refused():
    norm = RMSNorm(3)
    with pytest.raises(
        ShapeError, match=r"RMSNorm\(3, eps=1e-06\) needs x of shape \(batch, 3\), but x has shape \(4, 2"
    ):
        norm.forward(np.zeros((4, 2)))
    with pytest.raises(DtypeError, match="needs x of dtype float64, but x has dtype float32"):
        norm.forward(np.zeros((4, 3), np.float32))
    with pytest.raises(ShapeError, match=r"needs dy of shape \(4, 3\), but dy has shape \(3, 3\)"):
        norm.backward(np.zeros((3, 3)), norm.forward(np.zeros((4, 3)))[1])


@pytest.mark.parametrize("features", [-1, 2.0, "3", None])
def test_a_size_that_is_none_is_refused(features):
    with pytest.raises(OptionError, match="RMSNorm needs features as a whole number >= 0, but features is"):
        RMSNorm(features)


@pytest.mark.parametrize("eps", [0, 1e-31, -1e-5, np.nan, "1e-5", None])
def test_an_eps_that_is_none_is_refused(eps):
    with pytest.raises(OptionError, match="RMSNorm needs eps as a finite number >= 1e-30, but eps is"):
        RMSNorm(3, eps=eps)


def test_its_only_parameter_is_the_gain():
    assert [name for name, _ in RMSNorm(3).named_parameters()] == ["gain"]


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_the_smallest_eps_is_none_too_small_for_a_small_dtype(dtype):
    norm, x = RMSNorm(2, eps=1e-30, dtype=dtype), np.zeros((3, 2), dtype)
    y, cache = norm.forward(x)
    assert not y.any()
    assert not norm.backward(np.zeros_like(x), cache).any()


def test_it_prints_as_it_is_written():
    assert repr(RMSNorm(3)) == "RMSNorm(3, eps=1e-06)"
    assert repr(RMSNorm(3, eps=0.1, dtype=np.float32)) == "RMSNorm(3, eps=0.1, dtype=float32)"
