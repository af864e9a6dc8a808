import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from legonet import SGD, DtypeError, OptionError, Parameter
from legonet.optimizers import clip_norm, clip_values
from strategies import assert_close, fingerprint, float_dtypes, normal, seeds

SHAPES = [(2, 3), (), (0, 4), (4,)]


def with_gradients(*gradients, dtype=np.float64):
    parameters = [Parameter(np.zeros(np.shape(gradient), dtype)) for gradient in gradients]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad[...] = gradient
    return parameters


def flat(parameters):
    return np.concatenate([parameter.grad.ravel().astype(float) for parameter in parameters])


def test_values_are_cut_to_the_range_and_nan_stays():
    (parameter,) = with_gradients([0.5, -0.5, 3.0, -3.0, np.inf, -np.inf, np.nan, 1e300])
    grad = parameter.grad
    clip_values([parameter], 1)
    np.testing.assert_array_equal(parameter.grad, [0.5, -0.5, 1.0, -1.0, 1.0, -1.0, np.nan, 1.0])
    assert parameter.grad is grad


@pytest.mark.parametrize("limit", [1e-30, 1e-3, 1.0, 1e6, 1e300])
@given(float_dtypes, seeds)
def test_values_keep_their_dtype_at_any_limit(limit, dtype, seed):
    (parameter,) = with_gradients(normal(5, seed=seed), dtype=dtype)
    with np.errstate(over="ignore"):
        wanted = np.clip(parameter.grad.astype(float), -limit, limit).astype(dtype)
    clip_values([parameter], limit)
    assert parameter.grad.dtype == dtype
    assert parameter.grad.tolist() == wanted.tolist()


def test_a_long_gradient_is_shortened_and_its_length_returned():
    parameters = with_gradients([[3.0, 0.0]], [-4.0])
    assert clip_norm(parameters, 2.5) == 5.0
    assert [parameter.grad.tolist() for parameter in parameters] == [[[1.5, 0.0]], [-2.0]]


@pytest.mark.parametrize("limit", [5.0, 5.1, 1e300])
def test_a_short_gradient_stays_as_it_is(limit):
    parameters = with_gradients([[3.0, 0.0]], [-4.0])
    before = fingerprint(*parameters)
    assert clip_norm(parameters, limit) == 5.0
    assert fingerprint(*parameters) == before


@given(seeds, st.floats(0.01, 10.0))
def test_the_direction_stays_and_the_length_is_the_limit_at_most(seed, limit):
    parameters = with_gradients(*(normal(*shape, seed=seed + place) for place, shape in enumerate(SHAPES)))
    before = flat(parameters)
    length = np.linalg.norm(before)
    assert_close([clip_norm(parameters, limit)], [length], 1e-14)
    assert_close([flat(parameters)], [before * min(1.0, limit / length)], 1e-14)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize("share", [0.9, 1.0, 1e-6, 1e-12, 1e-20])
def test_lengths_are_right_where_squares_overflow_or_vanish(dtype, share):
    size = float(np.finfo(dtype).max) / 10 * share if dtype is not np.longdouble else 1e300 * share
    size = max(size, float(np.finfo(dtype).smallest_subnormal) * 1000) if dtype is not np.longdouble else size
    parameters = with_gradients(np.array([3.0, -4.0]) * size / 4, [0.0], dtype=dtype)
    wanted = math.hypot(*flat(parameters)[:2])
    tolerance = 1e-6 if dtype is np.float32 else 1e-14
    assert_close([clip_norm(parameters, wanted / 2) / wanted], [1.0], tolerance)
    assert_close([flat(parameters)[:2] / wanted * 2], [[0.6, -0.8]], 4 * float(max(np.finfo(dtype).eps, 1e-7)) + 1e-2)
    parameters = with_gradients(np.array([3.0, -4.0]) * size / 4, [0.0], dtype=dtype)
    clip_norm(parameters, 1.0)
    if wanted > 1.0:
        assert_close([flat(parameters)[:2]], [[0.6, -0.8]], 2e-3 if dtype is np.float16 else 1e-6)


@pytest.mark.parametrize("size", [1e200, 1e-200, 1e-320])
def test_gradients_of_any_size_have_the_right_length(size):
    parameters = with_gradients([3.0 * size], [4.0 * size])
    wanted = 5.0 * size if size > 1e-300 else math.hypot(3.0 * size, 4.0 * size)
    assert_close([clip_norm(parameters, 1.0) / wanted], [1.0], 1e-3 if size < 1e-300 else 1e-14)
    if size > 1.0:
        assert_close([flat(parameters)], [[0.6, 0.8]], 1e-14)


def test_a_length_of_zero_is_zero():
    assert clip_norm(with_gradients([0.0, 0.0], np.zeros((0, 3))), 1.0) == 0.0
    assert clip_norm(with_gradients(np.zeros((0, 3))), 1.0) == 0.0


@pytest.mark.parametrize(
    ("gradients", "norm"),
    [
        ([[np.nan, 1.0], [2.0]], math.nan),
        ([[np.inf, 1.0], [2.0]], math.inf),
        ([[-np.inf, 1.0], [np.inf]], math.inf),
        ([[np.inf, 1.0], [np.nan]], math.nan),
        ([[1.7e308, 1.7e308], [1.7e308]], math.inf),
    ],
)
def test_a_length_that_is_no_finite_number_is_returned_and_nothing_else_done(gradients, norm):
    parameters = with_gradients(*gradients)
    before = fingerprint(*parameters)
    np.testing.assert_equal(clip_norm(parameters, 1.0), norm)
    assert fingerprint(*parameters) == before


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_the_length_has_the_digits_of_float64(dtype):
    gradients = normal(1000).astype(dtype)
    parameters = with_gradients(gradients, dtype=dtype)
    assert_close([clip_norm(parameters, 1e9)], [math.hypot(*gradients.astype(float))], 1e-14)


def test_several_dtypes_have_one_length():
    parameters = [*with_gradients([2.0], dtype=np.float16), *with_gradients([3.0, 6.0], dtype=np.float32)]
    assert clip_norm(parameters, 3.5) == 7.0
    assert [parameter.grad.tolist() for parameter in parameters] == [[1.0], [1.5, 3.0]]
    assert [parameter.grad.dtype for parameter in parameters] == [np.float16, np.float32]


def test_an_optimizer_sees_what_was_cut():
    parameters = with_gradients([3.0], [4.0])
    sgd = SGD(parameters, lr=1.0)
    clip_norm(parameters, 2.5)
    clip_values(parameters, 1.75)
    sgd.step()
    assert [parameter.value.tolist() for parameter in parameters] == [[-1.5], [-1.75]]


@pytest.mark.parametrize("clip", [clip_values, clip_norm])
def test_a_generator_of_parameters_is_taken(clip):
    parameters = with_gradients([3.0, 4.0])
    clip((parameter for parameter in parameters), 1.0)
    assert parameters[0].grad.max() <= 1.0


@pytest.mark.parametrize("clip", [clip_values, clip_norm])
@pytest.mark.parametrize("limit", [0.0, -1.0, np.nan, np.inf, None, "1"])
def test_a_bad_limit_is_refused(clip, limit):
    parameters = with_gradients([3.0])
    with pytest.raises(OptionError, match=f"{clip.__name__} needs limit as a finite number > 0, but limit is "):
        clip(parameters, limit)
    assert parameters[0].grad.tolist() == [3.0]


@pytest.mark.parametrize("clip", [clip_values, clip_norm])
@pytest.mark.parametrize("bad", [[3.0], None, np.zeros(1, int)], ids=repr)
def test_a_gradient_that_is_no_array_is_refused_and_no_other_touched(clip, bad):
    parameters = with_gradients([3.0], [4.0])
    parameters[1].grad = bad
    with pytest.raises(DtypeError, match=r"Parameter.* needs grad "):
        clip(parameters, 1.0)
    assert parameters[0].grad.tolist() == [3.0]


@pytest.mark.parametrize(
    ("dtype", "size", "limit", "tolerance"), [(np.float16, 1e4, 0.01, 1e-2), (np.float32, 5e37, 1e-4, 1e-6)]
)
def test_a_tiny_factor_keeps_the_digits(dtype, size, limit, tolerance):
    parameters = with_gradients(np.array([3.0, -4.0]) * size, dtype=dtype)
    clip_norm(parameters, limit)
    np.testing.assert_allclose(flat(parameters), [0.6 * limit, -0.8 * limit], rtol=tolerance)
