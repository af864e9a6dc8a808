from functools import partial

import numpy as np
import pytest
from hypothesis import given

from legonet import DtypeError, OptionError, Parameter, ShapeError
from legonet.initializers import (
    constant,
    glorot_normal,
    glorot_uniform,
    he_normal,
    he_uniform,
    initialize,
    lecun_normal,
    lecun_uniform,
    normal,
    orthogonal,
    uniform,
    zeros,
)
from strategies import assert_close, seeds, sizes

LARGE = (400, 600)
VARIANCES = {
    glorot_uniform: 2 / (400 + 600),
    glorot_normal: 2 / (400 + 600),
    he_uniform: 2 / 400,
    he_normal: 2 / 400,
    lecun_uniform: 1 / 400,
    lecun_normal: 1 / 400,
}
FOR_MATRICES = [*VARIANCES, orthogonal]
FOR_ALL_SHAPES = [zeros, partial(constant, value=2.0), uniform, normal]


def name(initializer):
    return getattr(initializer, "func", initializer).__name__


def draw(initializer, shape=LARGE, seed=0):
    return initializer(np.random.default_rng(seed), shape)


@pytest.mark.parametrize(("initializer", "variance"), VARIANCES.items(), ids=map(name, VARIANCES))
def test_the_variance_is_the_one_of_the_paper(initializer, variance):
    drawn = draw(initializer)
    assert drawn.var() == pytest.approx(variance, rel=0.02)
    assert drawn.mean() == pytest.approx(0.0, abs=4 * np.sqrt(variance / drawn.size))


@pytest.mark.parametrize(
    ("initializer", "variance"),
    [
        (glorot_normal, 2 / 50_001),
        (glorot_uniform, 2 / 50_001),
        (he_normal, 2),
        (he_uniform, 2),
        (lecun_normal, 1),
        (lecun_uniform, 1),
    ],
)
def test_a_single_input_counts_as_one(initializer, variance):
    assert draw(initializer, (1, 50_000)).var() == pytest.approx(variance, rel=0.03)


@pytest.mark.parametrize("initializer", [glorot_uniform, he_uniform, lecun_uniform], ids=name)
def test_uniform_numbers_reach_their_bounds_and_stay_within(initializer):
    bound = np.sqrt(3 * VARIANCES[initializer])
    drawn = draw(initializer)
    assert 0.999 * bound < drawn.max() <= bound
    assert -bound <= drawn.min() < -0.999 * bound


@pytest.mark.parametrize("initializer", [glorot_normal, he_normal, lecun_normal, normal], ids=name)
def test_normal_numbers_have_the_tails_of_a_normal_distribution(initializer):
    drawn = draw(initializer)
    shares = [np.mean(np.abs(drawn) > sigmas * drawn.std()) for sigmas in (1, 2, 3)]
    assert shares == pytest.approx([0.3173, 0.0455, 0.0027], rel=0.1)


def test_zeros_are_zeros():
    assert draw(zeros, (2, 3)).tolist() == [[0.0] * 3] * 2


def test_a_constant_is_the_same_everywhere():
    assert draw(partial(constant, value=3), (2, 2)).tolist() == [[3.0, 3.0], [3.0, 3.0]]


def test_uniform_has_the_bounds_that_it_is_given():
    assert np.abs(draw(uniform)).max() == pytest.approx(0.1, rel=1e-3)
    drawn = draw(partial(uniform, low=2.0, high=5.0))
    assert 2.0 <= drawn.min() < 2.001
    assert 4.999 < drawn.max() < 5.0
    assert draw(partial(uniform, low=1.0, high=1.0), (2,)).tolist() == [1.0, 1.0]


def test_normal_has_the_deviation_that_it_is_given():
    assert draw(normal).std() == pytest.approx(0.1, rel=0.01)
    assert draw(partial(normal, std=3.0)).std() == pytest.approx(3.0, rel=0.01)
    assert draw(partial(normal, std=0.0), (2,)).tolist() == [0.0, 0.0]


@given(sizes, sizes, seeds)
def test_orthogonal_rows_or_columns_have_the_norm_of_the_gain(rows, columns, seed):
    matrix = draw(partial(orthogonal, gain=3.0), (rows, columns), seed)
    assert matrix.shape == (rows, columns)
    product = matrix.T @ matrix if rows >= columns else matrix @ matrix.T
    assert_close([product], [9.0 * np.eye(min(rows, columns))])


def test_orthogonal_matrices_are_drawn_uniformly():
    drawn = np.array([draw(orthogonal, (2, 2), seed) for seed in range(2000)])
    assert_close([drawn.mean(axis=0), (drawn**2).mean(axis=0)], [np.zeros((2, 2)), np.full((2, 2), 0.5)], 0.06)
    assert np.mean(np.linalg.det(drawn) > 0) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("initializer", FOR_MATRICES, ids=name)
@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0), (1, 1)], ids=str)
def test_a_matrix_may_have_no_rows_or_columns(initializer, shape):
    assert draw(initializer, shape).shape == shape


@pytest.mark.parametrize("initializer", FOR_ALL_SHAPES, ids=name)
@pytest.mark.parametrize("shape", [(), (3,), (0,), (2, 3), (2, 3, 4)], ids=str)
def test_the_plain_ones_take_any_shape(initializer, shape):
    assert np.shape(draw(initializer, shape)) == shape


@pytest.mark.parametrize("initializer", FOR_MATRICES, ids=name)
@pytest.mark.parametrize("shape", [(), (3,)], ids=str)
def test_the_others_need_two_axes_or_more(initializer, shape):
    with pytest.raises(ShapeError, match=r"needs a shape of \(in, \.\.\., out\), but the shape is"):
        draw(initializer, shape)


@pytest.mark.parametrize(("initializer", "variance"), VARIANCES.items(), ids=map(name, VARIANCES))
def test_the_axes_in_the_middle_multiply_both_fans(initializer, variance):
    drawn = draw(initializer, (40, 2, 5, 60))
    assert drawn.shape == (40, 2, 5, 60)
    assert drawn.var() == pytest.approx(variance, rel=0.05)


@pytest.mark.parametrize("shape", [(2, 3, 4), (2, 2, 3, 20), (2, 0, 3), (3, 1, 1, 3)], ids=str)
def test_orthogonal_takes_all_axes_but_the_last_as_rows(shape):
    matrix = draw(orthogonal, shape).reshape(int(np.prod(shape[:-1])), shape[-1])
    small = matrix.T @ matrix if len(matrix) >= shape[-1] else matrix @ matrix.T
    assert_close([small], [np.eye(len(small))])


@pytest.mark.parametrize("initializer", [*FOR_MATRICES, *FOR_ALL_SHAPES], ids=name)
def test_the_same_seed_gives_the_same_numbers(initializer):
    assert_close([draw(initializer, (3, 4), 7)], [draw(initializer, (3, 4), 7)], 0)


@pytest.mark.parametrize("initializer", [*FOR_MATRICES, uniform, normal], ids=name)
def test_another_seed_gives_other_numbers(initializer):
    assert not np.allclose(draw(initializer, (3, 4), 7), draw(initializer, (3, 4), 8))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("initializer", [*FOR_MATRICES, *FOR_ALL_SHAPES], ids=name)
def test_initialize_makes_a_parameter_of_the_dtype(initializer, dtype):
    parameter = initialize("it", "weight", initializer, np.random.default_rng(0), (3, 4), dtype)
    assert isinstance(parameter, Parameter)
    assert (parameter.value.shape, parameter.value.dtype) == ((3, 4), dtype)
    assert_close([parameter.value], [draw(initializer, (3, 4)).astype(dtype)], 0)


def test_an_initializer_of_ones_own_is_any_function_of_a_generator_and_a_shape():
    parameter = initialize(
        "it", "w", lambda rng, shape: np.full(shape, rng.random()), np.random.default_rng(0), (2,), "f8"
    )
    assert parameter.value.tolist() == [np.random.default_rng(0).random()] * 2


def test_numbers_may_be_given_in_place_of_an_initializer_and_are_copied():
    numbers = np.array([1.0, 2.0])
    parameter = initialize("it", "bias", numbers, np.random.default_rng(0), (2,), np.float64)
    numbers[:] = 0.0
    assert parameter.value.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("initial", "error", "message"),
    [
        (np.zeros((3, 2)), ShapeError, r"it needs w of shape \(2, 3\), but w has shape \(3, 2\)"),
        (np.zeros((2, 3), np.float32), DtypeError, "it needs w of dtype float64, but w has dtype"),
        ([[0.0] * 3] * 2, DtypeError, "it needs w as a function .* or as the array itself, but w is a list"),
        (
            lambda rng, shape: np.zeros(shape[::-1]),
            ShapeError,
            r"it needs w of shape \(2, 3\), but w has shape \(3, 2\)",
        ),
        (lambda rng, shape: np.zeros(shape, int), DtypeError, "it needs w of a floating-point dtype"),
        (lambda rng, shape: 0.0, DtypeError, "it needs w as a NumPy array, but w is a float"),
        (lambda rng, shape: None, DtypeError, "it needs w as a NumPy array, but w is a NoneType"),
    ],
)
def test_numbers_that_do_not_fit_are_refused_given_or_drawn(initial, error, message):
    with pytest.raises(error, match=message):
        initialize("it", "w", initial, np.random.default_rng(0), (2, 3), np.float64)


@pytest.mark.parametrize(
    ("initializer", "message"),
    [
        (partial(constant, value="1"), "constant needs value as a finite number, but value is '1'"),
        (partial(constant, value=np.nan), "constant needs value as a finite number, but value is nan"),
        (partial(uniform, low=1.0, high=-1.0), "uniform needs low as a finite number <= -1.0, but low is 1.0"),
        (partial(uniform, high=np.inf), "uniform needs high as a finite number, but high is inf"),
        (partial(normal, std=-1.0), "normal needs std as a finite number >= 0, but std is -1.0"),
        (partial(orthogonal, gain=None), "orthogonal needs gain as a finite number, but gain is None"),
    ],
    ids=lambda value: value if isinstance(value, str) else name(value),
)
def test_an_option_out_of_its_bounds_is_refused(initializer, message):
    with pytest.raises(OptionError, match=message):
        draw(initializer, (2, 2))
