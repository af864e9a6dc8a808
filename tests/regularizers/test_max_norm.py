import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from legonet import SGD, Linear, MaxNorm, OptionError, Parameter
from strategies import float_dtypes, normal, seeds


def limited(values, **options):
    weight = Parameter(values)
    MaxNorm([weight], **options).apply()
    return weight.value


def test_the_numbers_worked_by_hand_with_three_units():
    W = np.array([[3.0, 0.3, 0.0], [-4.0, 0.4, 2.0]])
    np.testing.assert_allclose(limited(W, limit=1.0), [[0.6, 0.3, 0.0], [-0.8, 0.4, 1.0]], rtol=1e-15)


def test_along_another_axis_it_limits_the_rows():
    W = np.array([[3.0, -4.0], [0.3, 0.4]])
    np.testing.assert_allclose(limited(W, limit=1.0, axis=1), [[0.6, -0.8], [0.3, 0.4]], rtol=1e-15)
    np.testing.assert_allclose(limited(W[0], limit=1.0, axis=0), [0.6, -0.8], rtol=1e-15)


@given(seed=seeds, shape=st.lists(st.integers(0, 4), min_size=2, max_size=4), dtype=float_dtypes)
def test_no_unit_is_longer_than_the_limit_and_a_shorter_one_stays_as_it_is(seed, shape, dtype):
    W = normal(*shape, seed=seed, dtype=dtype)
    found = limited(W, limit=1.5)
    assert found.dtype == dtype
    for was, now in zip(np.moveaxis(W, -1, 0), np.moveaxis(found, -1, 0), strict=True):
        length = np.linalg.norm(was.astype(float).ravel())
        if length <= 1.5:
            np.testing.assert_array_equal(now, was)
        else:
            np.testing.assert_allclose(now.astype(float), was * (1.5 / length), rtol=4 * np.finfo(dtype).eps)


def test_lengths_beyond_the_range_of_squares_and_zeros_are_no_difficulty():
    W = np.array([[3e200, 3e-200, 0.0, 1.7e308], [4e200, 4e-200, 0.0, 1.7e308]])
    wanted = [[0.6, 3e-200, 0.0, 0.5**0.5], [0.8, 4e-200, 0.0, 0.5**0.5]]
    np.testing.assert_allclose(limited(W, limit=1.0), wanted, rtol=1e-15)
    np.testing.assert_allclose(limited(W[:, 1:2], limit=1e-200), [[0.6e-200], [0.8e-200]], rtol=1e-14)
    np.testing.assert_array_equal(limited(np.array([[5e-324]]), limit=1.0), [[5e-324]])


def test_a_unit_with_not_a_number_or_infinity_is_left_as_it_is_and_the_others_are_not():
    W = np.array([[np.nan, np.inf, 3.0], [5.0, 5.0, 4.0]])
    np.testing.assert_allclose(limited(W, limit=1.0), [[np.nan, np.inf, 0.6], [5.0, 5.0, 0.8]], rtol=1e-15)


def test_it_writes_in_place_so_an_optimizer_goes_on_with_what_it_left():
    linear = Linear(3, 2, rng=0)
    sgd = SGD(linear.parameters(), lr=1.0)
    limits, array = MaxNorm([linear.weight], limit=0.1), linear.weight.value
    limits.apply()
    assert linear.weight.value is array
    before = array.copy()
    linear.weight.grad += 0.01
    sgd.step()
    np.testing.assert_allclose(linear.weight.value, before - 0.01, rtol=1e-15)


def test_only_the_weights_it_was_given_are_limited_and_gradients_are_left_alone():
    linear = Linear(3, 2, bias=np.full(2, 7.0), rng=0)
    linear.weight.grad += 7.0
    MaxNorm([linear.weight], limit=0.1).apply()
    assert linear.bias.value.tolist() == [7.0, 7.0]
    assert (linear.weight.grad == 7.0).all()


def test_a_copy_limits_copied_weights():
    weight = Parameter(np.full((2, 2), 5.0))
    copy.deepcopy(MaxNorm([weight], limit=1.0)).apply()
    assert (weight.value == 5.0).all()


@pytest.mark.parametrize("limit", [0, -0.1, np.nan, np.inf, "1", None, True])
def test_a_limit_that_is_none_is_refused(limit):
    with pytest.raises(OptionError, match="MaxNorm needs limit as a finite number > 0, but limit is"):
        MaxNorm([Parameter(np.zeros((2, 2)))], limit=limit)


@pytest.mark.parametrize("axis", [2, -3, "0", 1.0, (0, 0), (0, 2), [0], True])
def test_an_axis_that_a_weight_does_not_have_is_refused(axis):
    with pytest.raises(OptionError, match=r"MaxNorm needs axis as axes of each weight, but one has shape \(2, 2\) and"):
        MaxNorm([Parameter(np.zeros((2, 2)))], limit=1.0, axis=axis)


def test_biases_are_refused():
    words = r"^MaxNorm needs weights of two axes or more, but one has shape \(2,\)$"
    with pytest.raises(OptionError, match=words):
        MaxNorm(Linear(3, 2).parameters(), limit=1.0)
    with pytest.raises(OptionError, match="MaxNorm needs a list of parameters, but got Linear"):
        MaxNorm(Linear(3, 2), limit=1.0)


def test_it_prints_its_limit():
    weights = [Parameter(np.zeros((2, 2)))]
    assert repr(MaxNorm(weights, limit=3)) == "MaxNorm(1 parameter, limit=3)"
    assert repr(MaxNorm(weights, limit=3, axis=1)) == "MaxNorm(1 parameter, limit=3, axis=1)"
