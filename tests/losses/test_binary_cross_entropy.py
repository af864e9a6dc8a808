import inspect

import mpmath
import numpy as np
import pytest
from hypothesis import strategies as st

from legonet import BinaryCrossEntropyLoss, RangeError, ShapeError
from legonet.testing import Floats, brick_test
from strategies import normals, seeds
from ulp import EVERY_FLOAT16, WORST_POINTS, error_in_ulp, float16_error_in_ulp, points

bce = BinaryCrossEntropyLoss()

EQUIVALENT = {"BinaryCrossEntropyLoss.backward: 1 → 2": "it divides an array of no rows"}

test_its_derivative = brick_test(
    BinaryCrossEntropyLoss, Floats("(batch, ...)", low=-15, high=15), Floats("(batch, ...)", low=0, high=1)
)
test_its_derivative_for_yes_and_no = brick_test(
    BinaryCrossEntropyLoss, "(batch, ...)", Floats("(batch, ...)", low=0, high=1).map(np.round)
)


@st.composite
def cases(draw, dtype=np.float64):
    y = draw(normals(dtype, draw(st.integers(1, 3))))
    y = np.round(y) if draw(st.booleans()) else y  # some zeros
    return BinaryCrossEntropyLoss(), (y, np.random.default_rng(draw(seeds)).uniform(size=y.shape).astype(dtype))


def uniform(*shape):
    return np.random.default_rng(0).uniform(size=shape)


def test_the_numbers_worked_by_hand_with_two_rows_and_two_outputs():
    y = np.array([[np.log(3), -np.log(3)], [0.0, np.log(7)]])  # σ: 3/4, 1/4; 1/2, 7/8
    loss, cache = bce.forward(y, np.array([[1.0, 1.0], [0.0, 0.5]]))
    assert type(loss) is float
    wanted = np.log(4 / 3) + np.log(4) + np.log(2) + (np.log(8 / 7) + np.log(8)) / 2
    assert loss == pytest.approx(wanted / 2, rel=1e-15)
    np.testing.assert_allclose(bce.backward(4.0, cache), [[-0.5, -1.5], [1.0, 0.75]], rtol=1e-15)


def losses(t):
    return lambda y: np.array([bce(np.array([z]), np.array([t], y.dtype)) for z in y]).astype(y.dtype)


def slopes(t):
    def slope(y):
        rows = y[np.newaxis]  # one row, so that N is 1
        return bce.backward(1.0, bce.forward(rows, np.full_like(rows, t))[1])[0]

    return slope


def softplus(z):
    return z + mpmath.log1p(mpmath.exp(-z)) if z > 0 else mpmath.log1p(mpmath.exp(z))


def sigmoid(z):
    return 1 / (1 + mpmath.exp(-z))


@pytest.mark.parametrize("y", [WORST_POINTS, points(np.float64)], ids=["worst points", "all exponents"])
def test_values_of_yes_and_no_are_within_2_ulp_of_the_truth_and_derivatives_within_4(y):
    assert error_in_ulp(losses(0.0), softplus, y) <= 2
    assert error_in_ulp(losses(1.0), lambda z: softplus(-z), y) <= 2
    assert error_in_ulp(slopes(0.0), sigmoid, y) <= 4
    assert error_in_ulp(slopes(1.0), lambda z: -sigmoid(-z), y) <= 4


def test_every_float16_derivative_of_yes_and_no_is_within_2_ulp_of_the_truth():
    assert float16_error_in_ulp(slopes(0.0)) <= 2
    assert float16_error_in_ulp(lambda y: -slopes(1.0)(y)) <= 2


@pytest.mark.parametrize("t", [0.25, 0.5, 0.75, 1e-3, 1 - 1e-3])
def test_values_between_yes_and_no_are_within_3_ulp_of_the_truth(t):
    exact = lambda z: t * softplus(-z) + (1 - mpmath.mpf(t)) * softplus(z)  # noqa: E731
    assert error_in_ulp(losses(t), exact, WORST_POINTS) <= 3


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("t", [0.0, 0.5, 1.0])
def test_no_finite_number_gives_a_warning(dtype, t):
    finite = points(dtype) if dtype != np.float16 else EVERY_FLOAT16[np.isfinite(EVERY_FLOAT16)]
    finite = finite[:, np.newaxis]
    with np.errstate(under="ignore"):
        _, cache = inspect.unwrap(BinaryCrossEntropyLoss.forward)(bce, finite, np.full_like(finite, t))
        inspect.unwrap(BinaryCrossEntropyLoss.backward)(bce, 1.0, cache)


def test_a_tail_keeps_its_digits():
    loss, cache = bce.forward(np.array([[-40.0, 40.0]]), np.array([[0.0, 1.0]]))
    assert loss == pytest.approx(2 * np.exp(-40), rel=1e-15)
    np.testing.assert_allclose(bce.backward(1.0, cache), [[np.exp(-40), -np.exp(-40)]], rtol=1e-15)


def test_not_a_number_makes_loss_and_derivative_not_a_number():
    for y, target in ((np.nan, 0.5), (0.5, np.nan)):
        loss, cache = bce.forward(np.array([y, 0.0]), np.array([target, 0.0]))
        assert np.isnan(loss)
        np.testing.assert_array_equal(bce.backward(1.0, cache), [np.nan, 0.25])


def test_a_sum_beyond_the_largest_float16_is_no_infinity():
    y = np.full((1, 100), 1000.0, np.float16)
    assert bce(y, np.zeros_like(y)) == 100_000.0


@pytest.mark.parametrize("bad", [-0.5, 2.0, np.inf])
def test_a_target_that_is_no_probability_is_refused(bad):
    target = np.array([[np.nan, 0.0], [1.0, bad]])
    words = rf"^BinaryCrossEntropyLoss\(\) needs target from 0 to 1, but target\[1, 1\] is {bad}$"
    with pytest.raises(RangeError, match=words):
        bce.forward(np.zeros((2, 2)), target)


def test_a_target_of_another_shape_is_refused():
    words = r"BinaryCrossEntropyLoss\(\) needs target of shape \(4, 1\), but target has shape \(4,\): pass target.resh"
    with pytest.raises(ShapeError, match=words):
        bce.forward(np.zeros((4, 1)), np.zeros(4))
