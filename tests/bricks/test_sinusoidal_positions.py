import mpmath
import numpy as np
import pytest
from hypothesis import strategies as st

from legonet import DtypeError, ShapeError, SinusoidalPositions
from legonet.testing import brick_test
from strategies import normals

positions = SinusoidalPositions()

test_its_derivative = brick_test(
    SinusoidalPositions, "(batch, time, features)", sizes={"time": (0, 3), "features": (0, 4)}, independent_rows=True
)


def cases(dtype=np.float64):
    return st.tuples(st.just(positions), st.tuples(normals(dtype, 3)))


def test_the_numbers_worked_by_hand():
    y = positions(np.full((1, 2, 4), 10.0))
    wanted = [[0.0, 1.0, 0.0, 1.0], [np.sin(1.0), np.cos(1.0), np.sin(0.01), np.cos(0.01)]]  # 10000^(2/4) = 100
    np.testing.assert_allclose(y, [np.add(10.0, wanted)], rtol=1e-15)


@pytest.mark.parametrize("features", [1, 2, 5, 8])
def test_every_position_is_exact_to_the_rounding_of_its_angle(features):
    time = 1000
    y = positions(np.zeros((1, time, features)))[0]
    for t in (0, 1, 37, time - 1):
        for column in range(features):
            angle = t / mpmath.mpf(10000) ** (mpmath.mpf(column - column % 2) / features)
            exact = mpmath.cos(angle) if column % 2 else mpmath.sin(angle)
            assert abs(y[t, column] - exact) <= 2e-16 * (1 + t)


def test_each_step_is_a_rotation_of_the_one_before():
    P = positions(np.zeros((1, 20, 6)))[0]
    for pair in range(3):
        s, c = P[:, 2 * pair], P[:, 2 * pair + 1]
        np.testing.assert_allclose(s[1:] * c[:-1] - c[1:] * s[:-1], np.full(19, s[1]), rtol=1e-12)


def test_an_odd_number_of_features_ends_with_a_sine():
    y = positions(np.zeros((1, 3, 3)))
    np.testing.assert_allclose(y[0, :, 2], np.sin(np.arange(3) / 10000 ** (2 / 3)), rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_in_a_small_dtype_the_waves_are_rounded_once(dtype):
    x = np.zeros((2, 50, 6))
    np.testing.assert_array_equal(positions(x.astype(dtype)), positions(x).astype(dtype))


def test_what_is_kept_between_calls_cannot_be_written_into():
    first = positions(np.zeros((1, 3, 2)))
    first += 100.0
    np.testing.assert_array_equal(positions(np.zeros((1, 3, 2)))[0, 0], [0.0, 1.0])


def test_not_a_number_stays_one_and_infinity_stays_itself():
    x = np.array([[[np.nan, np.inf, -np.inf]]])
    np.testing.assert_array_equal(positions(x), x)


@pytest.mark.parametrize("shape", [(3,), (3, 4), (1, 2, 3, 4)])
def test_what_is_no_sequence_is_refused(shape):
    with pytest.raises(ShapeError, match=r"SinusoidalPositions\(\) needs x of shape \(batch, time, features\), but x"):
        positions(np.zeros(shape))


def test_an_upstream_gradient_of_another_shape_or_dtype_is_refused():
    _, cache = positions.forward(np.zeros((2, 3, 4)))
    with pytest.raises(ShapeError, match=r"SinusoidalPositions\(\) needs dy of shape \(2, 3, 4\), but dy has shape"):
        positions.backward(np.zeros((2, 3, 1)), cache)
    with pytest.raises(DtypeError, match=r"SinusoidalPositions\(\) needs dy of dtype float64, but dy has dtype"):
        positions.backward(np.zeros((2, 3, 4), np.float32), cache)
