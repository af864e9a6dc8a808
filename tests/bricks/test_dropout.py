import copy

import numpy as np
import pytest
from hypothesis import given

from legonet import Dropout, Linear, OptionError, Residual, Sequential
from legonet.testing import brick_test, check_brick
from strategies import elementwise_cases, normal, seeds

CALL_DIFFERS = True

cases = elementwise_cases(lambda rate: Dropout(rate, rng=0), rate=[0.5, 0.0, 0.25])

test_its_derivative = brick_test(Dropout, "(batch, ...)", options={"rate": [0.5, 0.0, 0.1, 0.9]}, call_differs=True)


class Drawn:
    """Gives given numbers in the place of a generator."""

    def __init__(self, *numbers):
        self.numbers = np.array(numbers, np.float32)

    def random(self, shape, dtype):
        return self.numbers.reshape(shape).astype(dtype)


def test_the_numbers_worked_by_hand():
    dropout = Dropout(0.2)
    dropout.rng = Drawn(0.1, 0.3, 0.9, 0.0)
    y, mask = dropout.forward(np.array([[1.0, 2.0], [3.0, 4.0]]))
    assert mask.tolist() == [[0.0, 1.25], [1.25, 0.0]]
    assert y.tolist() == [[0.0, 2.5], [3.75, 0.0]]
    assert dropout.backward(np.array([[4.0, 4.0], [8.0, 8.0]]), mask).tolist() == [[0.0, 5.0], [10.0, 0.0]]


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_so_many_entries_are_left_out_and_the_mean_stays(rate):
    y, _ = Dropout(rate, rng=0).forward(np.ones((1000, 1000)))
    assert abs(np.mean(y == 0) - rate) < 5 * np.sqrt(rate * (1 - rate) / y.size)
    assert abs(y.mean() - 1) < 5 * np.sqrt(rate / (1 - rate) / y.size)
    assert set(np.unique(y).tolist()) == {0.0, 1 / (1 - rate)}


def test_with_rate_0_nothing_is_left_out_and_nothing_is_drawn():
    x, dropout = normal(5, 4), Dropout(0, rng=0)
    before = dropout.rng.bit_generator.state
    y, mask = dropout.forward(x)
    assert np.array_equal(y, x)
    assert np.array_equal(dropout.backward(x, mask), x)
    assert dropout.rng.bit_generator.state == before


@given(seed=seeds)
def test_called_it_gives_x_and_draws_nothing(seed):
    dropout = Dropout(0.5, rng=seed)
    x, state = normal(3, 4), dropout.rng.bit_generator.state
    assert dropout(x) is x
    assert dropout.rng.bit_generator.state == state


def test_each_forward_draws_anew_and_its_cache_knows_what_it_drew():
    dropout, x = Dropout(0.5, rng=0), np.ones((10, 10))
    (y, mask), (other, other_mask) = dropout.forward(x), dropout.forward(x)
    assert not np.array_equal(y, other)
    assert np.array_equal(dropout.backward(x, mask), y)
    assert np.array_equal(dropout.backward(x, other_mask), other)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.longdouble])
def test_the_same_seed_leaves_out_the_same_entries_in_any_dtype(dtype):
    x = np.ones((10, 10))
    y, mask = Dropout(0.5, rng=0).forward(x.astype(dtype))
    assert y.dtype == mask.dtype == dtype
    assert np.array_equal(y, Dropout(0.5, rng=0).forward(x)[0])


def test_a_copy_goes_on_with_the_same_draws():
    dropout, x = Dropout(0.5, rng=0), np.ones((10, 10))
    dropout.forward(x)
    other = copy.deepcopy(dropout)
    assert np.array_equal(dropout.forward(x)[0], other.forward(x)[0])


def test_a_shared_generator_gives_each_dropout_draws_of_its_own():
    rng, x = np.random.default_rng(0), np.ones((10, 10))
    assert not np.array_equal(Dropout(0.5, rng=rng).forward(x)[0], Dropout(0.5, rng=rng).forward(x)[0])


def test_numpys_global_state_is_left_alone():
    before = repr(np.random.get_state())  # noqa: NPY002 (that it is not used is what is tested)
    Dropout(0.5).forward(np.ones(3))
    assert repr(np.random.get_state()) == before  # noqa: NPY002


def test_in_a_network_and_around_a_shortcut_it_is_checked_as_any_brick():
    net = Sequential(Linear(3, 4, rng=0), Dropout(0.5, rng=0), Residual(Sequential(Linear(4, 4, rng=1), Dropout(0.3))))
    check_brick(net, normal(5, 3), call_differs=True)
    assert np.array_equal(net(normal(5, 3)), net(normal(5, 3)))


def test_not_a_number_stays_one():
    y, mask = Dropout(0.5, rng=0).forward(np.full((4, 4), np.nan))
    assert np.isnan(y).all()
    assert np.isnan(Dropout(0.5).backward(np.full((4, 4), np.nan), mask)).all()


@pytest.mark.parametrize("rate", [-0.1, 1, 1.5, np.nan, np.inf, "0.5", None, True])
def test_a_rate_that_is_none_is_refused(rate):
    with pytest.raises(OptionError, match="Dropout needs rate as a finite number >= 0 and < 1, but rate is"):
        Dropout(rate)


@pytest.mark.parametrize("rng", ["seed", -1, 1.5])
def test_what_is_no_generator_is_refused(rng):
    with pytest.raises(OptionError, match=r"Dropout needs rng as a numpy\.random\.Generator, a whole number"):
        Dropout(0.5, rng=rng)


def test_it_prints_as_it_is_written():
    assert repr(Dropout(0.5, rng=0)) == "Dropout(0.5)"
