import numpy as np
import pytest
from hypothesis import strategies as st

from legonet import DtypeError, GlobalAvgPool1d, ShapeError
from legonet.testing import Integers, brick_test
from strategies import normal, seeds

pool = GlobalAvgPool1d()

test_its_derivative = brick_test(GlobalAvgPool1d, "(batch, time, features)", independent_rows=True)
test_its_derivative_with_a_mask = brick_test(
    GlobalAvgPool1d, "(batch, time, features)", Integers("(batch, time)", below=2, dtype=bool), independent_rows=True
)


@st.composite
def cases(draw, dtype=np.float64):
    batch, time, features = draw(st.tuples(*[st.integers(0, 3)] * 3))
    x = normal(batch, time, features, seed=draw(seeds), dtype=dtype)
    return pool, (x, normal(batch, time, seed=draw(seeds)) > 0) if draw(st.booleans()) else (x,)


X = np.array([[[1.0, 2.0], [3.0, 6.0], [5.0, 1.0]], [[4.0, 0.0], [2.0, 2.0], [9.0, 9.0]]])
MASK = np.array([[True, True, True], [True, True, False]])


def test_the_numbers_worked_by_hand():
    y, cache = pool.forward(X, MASK)
    assert y.tolist() == [[3.0, 3.0], [3.0, 1.0]]
    dx = pool.backward(np.array([[3.0, 6.0], [2.0, 4.0]]), cache)
    assert dx.tolist() == [[[1.0, 2.0]] * 3, [[1.0, 2.0], [1.0, 2.0], [0.0, 0.0]]]


def test_without_a_mask_every_step_counts():
    np.testing.assert_allclose(pool(X), X.mean(axis=1), rtol=1e-15)


def test_what_stands_at_padding_does_not_matter():
    spoiled = X.copy()
    spoiled[1, 2] = np.nan, np.inf
    y, cache = pool.forward(spoiled, MASK)
    assert y.tolist() == [[3.0, 3.0], [3.0, 1.0]]
    assert np.isfinite(pool.backward(np.ones((2, 2)), cache)).all()


def test_not_a_number_at_a_real_step_stays_one_in_its_own_row():
    spoiled = X.copy()
    spoiled[0, 1, 0] = np.nan
    np.testing.assert_array_equal(pool(spoiled, MASK), [[np.nan, 3.0], [3.0, 1.0]])


def test_a_sequence_without_a_real_step_has_the_mean_0_and_no_gradient():
    y, cache = pool.forward(X, np.zeros((2, 3), bool))
    assert y.tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert not pool.backward(np.ones((2, 2)), cache).any()
    assert pool(np.zeros((2, 0, 3))).tolist() == [[0.0] * 3] * 2


def test_a_batch_of_no_rows_gives_none():
    assert pool(np.zeros((0, 3, 2))).shape == (0, 2)


def test_long_sequences_of_float16_do_not_overflow_on_the_way():
    assert pool(np.full((1, 1000, 1), 60_000, np.float16)).tolist() == [[60_000]]


def test_bad_input_is_refused():
    with pytest.raises(ShapeError, match=r"GlobalAvgPool1d\(\) needs x of shape \(batch, time, features\), but x has"):
        pool(np.zeros((2, 3)))
    with pytest.raises(ShapeError, match=r"needs mask of shape \(2, 3\), but mask has shape \(3, 2\)"):
        pool(X, MASK.T)
    with pytest.raises(DtypeError, match="needs mask of dtype bool, but mask has dtype int64"):
        pool(X, MASK.astype(np.int64))
    with pytest.raises(ShapeError, match=r"needs dy of shape \(2, 2\), but dy has shape \(2, 3\)"):
        pool.backward(np.zeros((2, 3)), pool.forward(X)[1])
