"""The tables in legonet/special, made anew; what the functions give is tested with the bricks."""

import warnings

import mpmath
import numpy as np
import pytest

from legonet.special import gaussian, log_softmax, logistic, softmax, sum_of_squares, wide_sum


def tail(a):
    """Return Φ(-a)."""
    return mpmath.erfc(a / mpmath.sqrt(2)) / 2


def near(square):
    a = mpmath.sqrt(square)
    return (mpmath.mpf(1) / 2 - tail(a)) / a


def bend(t):
    a = t + mpmath.mpf(1.45625)
    return a * tail(a)


def at_fraction(t, center, pole):
    """Return the a for which t = (a - center) / (a + pole)."""
    return (center + pole * t) / (1 - t)


def far(t):
    a = at_fraction(t, 5.96875, 2)
    return mpmath.exp(a * a / 2) * a * tail(a)


def root_of(slope, start):
    return mpmath.findroot(slope, start)


def gelu_slope_at_minus(a):
    return tail(a) - a * mpmath.npdf(a)


def slope(t):
    a, root = at_fraction(t, 4.6875, 4), root_of(gelu_slope_at_minus, 0.75)
    return mpmath.exp(a * a / 2) * gelu_slope_at_minus(a) / (root - a)


FITS = {
    "_NEAR": (near, lambda a: a * a, 1e-40, 0.66),
    "_BEND": (bend, lambda a: a - 1.45625, 0.66, 2),
    "_TAIL": (far, lambda a: (a - 5.96875) / (a + 2), 2, 40),
    "_SLOPE": (slope, lambda a: (a - 4.6875) / (a + 4), 0, 40),
}
"""For each table: the function, its variable as a function of a, and the range of a."""


@pytest.mark.parametrize("name", FITS)
def test_a_table_is_the_chebyshev_fit_of_its_function_to_18_digits(name):
    function, variable, low, high = FITS[name]
    table = getattr(gaussian, name)
    with mpmath.workdps(60):
        interval = [variable(mpmath.mpf(end)) for end in (low, high)]
        with warnings.catch_warnings():  # from mpmath 1.4 on, of the order of coefficients; 1.3 knows no other
            warnings.simplefilter("ignore", DeprecationWarning)
            coefficients, error = mpmath.chebyfit(function, interval, len(table), error=True)
        assert error < 7e-18
        np.testing.assert_allclose(table, [float(c) for c in coefficients[::-1]], rtol=1e-11)
        assert abs(table[0] - coefficients[-1]) < 3e-18 or name == "_NEAR"


def test_the_roots_of_the_slopes_are_exact_to_twice_the_digits():
    with mpmath.workdps(60):
        silu = root_of(lambda x: 1 + x + mpmath.exp(x), -1.278)
        gelu = root_of(gelu_slope_at_minus, 0.75)
        assert abs(logistic._SILU_ROOT + mpmath.mpf(logistic._SILU_ROOT_REST) - silu) < 1e-31
        assert abs(gaussian._GELU_ROOT + mpmath.mpf(gaussian._GELU_ROOT_REST) - gelu) < 1e-31
        assert float(mpmath.exp(silu)) == logistic._E_TO_SILU_ROOT


@pytest.mark.parametrize("function", [softmax, log_softmax])
@pytest.mark.parametrize("shape", [(3,), (0,), (2, 0), (2, 1), (2, 3, 4)])
def test_softmax_takes_any_shape_of_one_axis_or_more_and_gives_it_in_c_order(function, shape):
    y = function(np.zeros(shape))
    assert y.shape == shape
    assert y.flags.c_contiguous
    shares = np.exp(y) if function is log_softmax else y
    np.testing.assert_allclose(shares, np.full(shape, 1 / max(shape[-1], 1)), rtol=1e-15)


def test_very_many_classes_of_float16_have_their_shares():
    x = np.zeros((2, 70000), np.float16)
    np.testing.assert_allclose(softmax(x), np.float16(1 / 70000))
    np.testing.assert_allclose(log_softmax(x), np.float16(-np.log(70000)))


@pytest.mark.parametrize("classes", [3, 32, 33, 100])
def test_softmax_leaves_x_as_it_is(classes):
    x = np.random.default_rng(0).normal(size=(5, classes))
    x.flags.writeable = False
    softmax(x)
    log_softmax(x)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble, ">f4"])
@pytest.mark.parametrize("shape", [(3,), (0,), (2, 0), (0, 2), (2, 3, 4)])
def test_sums_along_the_last_axis_are_those_of_numpy(dtype, shape):
    x = np.random.default_rng(0).normal(size=shape).astype(dtype)
    sums = wide_sum(x)
    assert sums.dtype == np.promote_types(x.dtype, np.float32)
    assert sums.shape == shape[:-1]
    np.testing.assert_allclose(sums, x.sum(axis=-1, dtype=np.longdouble), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(wide_sum(x[..., ::-1][..., ::-1]), sums)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_sum_of_very_many_terms_keeps_its_digits(dtype):
    x = np.random.default_rng(0).uniform(size=(4, 100_000)).astype(dtype)
    np.testing.assert_allclose(wide_sum(x), x.sum(axis=1, dtype=np.longdouble), rtol=8 * float(np.finfo(dtype).eps))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble, ">f4", ">f8"])
@pytest.mark.parametrize("shape", [(), (3,), (0,), (2, 0), (2, 3, 4)])
def test_the_sum_of_squares_is_that_of_float64(dtype, shape):
    x = np.asarray(np.random.default_rng(0).normal(size=shape)).astype(dtype)
    found = sum_of_squares(x)
    assert type(found) is float
    assert found == pytest.approx(float((x.astype(float) ** 2).sum()), rel=1e-15)
    assert sum_of_squares(x.T) == pytest.approx(found, rel=1e-15)


def test_squares_of_float16_and_float32_neither_overflow_nor_vanish():
    assert sum_of_squares(np.full(2, 60000.0, np.float16)) == 2 * 60000.0**2
    assert sum_of_squares(np.full(2, 1e-30, np.float32)) == pytest.approx(2e-60, rel=1e-6)
