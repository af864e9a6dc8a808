import copy

import numpy as np
import pytest
from hypothesis import given

from legonet import GaussianNoise, Linear, OptionError, Sequential
from legonet.testing import brick_test, check_brick
from strategies import elementwise_cases, normal, seeds

CALL_DIFFERS = True

cases = elementwise_cases(lambda std: GaussianNoise(std, rng=0), std=[1.0, 0.0, 0.25])

test_its_derivative = brick_test(GaussianNoise, "(batch, ...)", options={"std": [1.0, 0.0, 0.1]}, call_differs=True)


class Drawn:
    """Gives given numbers in the place of a generator."""

    def normal(self, mean, std, shape):
        return mean + std * np.array([1.0, -2.0, 0.5, 0.0]).reshape(shape)


def test_the_numbers_worked_by_hand():
    noise = GaussianNoise(0.5)
    noise.rng = Drawn()
    y, cache = noise.forward(np.array([[1.0, 2.0], [3.0, 4.0]]))
    assert y.tolist() == [[1.5, 1.0], [3.25, 4.0]]
    assert noise.backward(np.array([[5.0, 6.0], [7.0, 8.0]]), cache).tolist() == [[5.0, 6.0], [7.0, 8.0]]


def test_the_noise_has_the_mean_0_and_the_standard_deviation():
    noise = GaussianNoise(0.1, rng=0).forward(np.zeros((1000, 1000)))[0]
    assert abs(noise.mean()) < 5 * 0.1 / 1000
    assert noise.std() == pytest.approx(0.1, rel=5 / 1000)


def test_with_std_0_nothing_is_added():
    x = normal(3, 4)
    assert np.array_equal(GaussianNoise(0).forward(x)[0], x)


@given(seed=seeds)
def test_called_it_gives_x_and_draws_nothing(seed):
    noise = GaussianNoise(0.5, rng=seed)
    x, state = normal(3, 4), noise.rng.bit_generator.state
    assert noise(x) is x
    assert noise.rng.bit_generator.state == state


def test_each_forward_draws_anew_and_a_copy_draws_the_same():
    noise, x = GaussianNoise(0.5, rng=0), np.zeros((10, 10))
    other = copy.deepcopy(noise)
    first, second = noise.forward(x)[0], noise.forward(x)[0]
    assert not np.array_equal(first, second)
    assert np.array_equal(first, other.forward(x)[0])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.longdouble])
def test_the_same_seed_gives_the_same_noise_in_any_dtype(dtype):
    x = np.zeros((10, 10))
    y, cache = GaussianNoise(0.5, rng=0).forward(x.astype(dtype))
    assert y.dtype == GaussianNoise(0.5).backward(y, cache).dtype == dtype
    assert np.array_equal(y, GaussianNoise(0.5, rng=0).forward(x)[0].astype(dtype))


def test_noise_beyond_the_dtype_is_infinite_without_a_warning():
    assert np.isinf(GaussianNoise(1e300, rng=0).forward(np.zeros(4, np.float32))[0]).all()


def test_in_a_network_it_is_checked_as_any_brick():
    check_brick(Sequential(GaussianNoise(0.5, rng=0), Linear(3, 4, rng=0)), normal(5, 3), call_differs=True)


@pytest.mark.parametrize("std", [-0.1, np.nan, np.inf, "0.5", None, True])
def test_a_standard_deviation_that_is_none_is_refused(std):
    with pytest.raises(OptionError, match="GaussianNoise needs std as a finite number >= 0, but std is"):
        GaussianNoise(std)


@pytest.mark.parametrize("rng", ["seed", -1, 1.5])
def test_what_is_no_generator_is_refused(rng):
    with pytest.raises(OptionError, match=r"GaussianNoise needs rng as a numpy\.random\.Generator, a whole number"):
        GaussianNoise(0.5, rng=rng)


def test_the_cache_holds_no_numbers():
    x = normal(2, 3, 4)
    assert GaussianNoise(0.1).forward(x)[1] == (x.shape, x.dtype)


def test_it_prints_as_it_is_written():
    assert repr(GaussianNoise(0.5, rng=0)) == "GaussianNoise(0.5)"
