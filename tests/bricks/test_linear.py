from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from legonet import SGD, Linear, Parameter
from legonet.initializers import constant, orthogonal, zeros
from legonet.initializers import normal as normal_numbers
from strategies import assert_close, normal, normals, seeds, sizes

X = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
W = np.array([[1.0, -1.0], [2.0, 0.5]])
B = np.array([10.0, 20.0])
DY = np.array([[1.0, 0.0], [0.0, 2.0], [-1.0, 1.0]])

_SHAPE_ONLY = "of W, the shape and the dtype alone are used"
_VECTOR = "a vector is its own transpose"
_SAME_CHECKED = "the line above refuses dy of another length or dtype than x"

_MATRIX = "a matrix in the shape of a matrix is that matrix"

EQUIVALENT = {
    "Linear._add_gradients: W = self.weight.value → W = -self.weight.value": _SHAPE_ONLY,
    "Linear._add_gradients: W = self.weight.value → W = self.weight.value * 2": _SHAPE_ONLY,
    "Linear._add_gradients: W = self.weight.value → W = self.weight.value * 0.5": _SHAPE_ONLY,
    "Linear._add_gradients: self.weight.value → self.weight.grad": _SHAPE_ONLY,
    "Linear._add_gradients: self.bias.grad += ones(len(dy), dy.dtype).dot(dy)"
    " → self.bias.grad += ones(len(dy), dy.dtype).dot(dy).T": _VECTOR,
    "Linear._add_gradients: ones(len(dy), dy.dtype).dot(dy) → ones(len(dy), dy.dtype).T.dot(dy)": _VECTOR,
    "Linear.backward: dx if x.ndim == 2 else dx.reshape(x.shape) → dx if False else dx.reshape(x.shape)": _MATRIX,
    "Linear.backward: x → dy (2)": "dy has as many axes as x",
    "Linear.backward: 2 → 1": _MATRIX,
    "Linear._add_gradients: if x.ndim > 2: → if True:": _MATRIX,
    "Linear._add_gradients: x.ndim > 2 → x.ndim >= 2": _MATRIX,
    "Linear._add_gradients: x → dy": "dy has as many axes as x",
    "Linear._add_gradients: 2 → 1": _MATRIX,
    "Linear._add_gradients: dy → x (3)": _SAME_CHECKED,
    "Linear._add_gradients: dy → x (4)": _SAME_CHECKED,
}


@st.composite
def cases(draw, dtype=np.float64):
    x = draw(normals(dtype, draw(st.integers(2, 3))))
    linear = Linear(x.shape[-1], draw(sizes), bias=draw(st.booleans()), rng=draw(seeds), dtype=dtype)
    return linear, (x,)


def test_the_numbers_worked_by_hand():
    linear = Linear(2, 2, weight=W, bias=B)
    y, cache = linear.forward(X)
    dx = linear.backward(DY, cache)
    assert y.tolist() == [[15.0, 20.0], [21.0, 19.0], [27.0, 18.0]]
    assert dx.tolist() == [[1.0, 2.0], [-2.0, 1.0], [-2.0, -1.5]]
    assert linear.weight.grad.tolist() == [[-4.0, 11.0], [-4.0, 14.0]]
    assert linear.bias.grad.tolist() == [0.0, 3.0]


@given(normals(), sizes, st.booleans(), seeds)
def test_both_passes_equal_sums_written_out_for_any_shape(x, columns, bias, seed):
    linear = Linear(x.shape[1], columns, weight=normal_numbers, bias=normal_numbers if bias else False, rng=seed)
    weight, dy = linear.weight.value, normal(len(x), columns, seed=seed)
    y, cache = linear.forward(x)
    dx = linear.backward(dy, cache)
    shift = linear.bias.value if bias else np.zeros(columns)
    rows, features = range(len(x)), range(x.shape[1])
    for j in range(columns):
        for n in rows:
            assert y[n, j] == pytest.approx(sum(x[n, i] * weight[i, j] for i in features) + shift[j])
        for i in features:
            assert linear.weight.grad[i, j] == pytest.approx(sum(x[n, i] * dy[n, j] for n in rows))
        if bias:
            assert linear.bias.grad[j] == pytest.approx(sum(dy[n, j] for n in rows))
    for n in rows:
        for i in features:
            assert dx[n, i] == pytest.approx(sum(dy[n, j] * weight[i, j] for j in range(columns)))
    assert (y.shape, dx.shape) == (dy.shape, x.shape)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_every_float_dtype_is_kept_through_forward_backward_and_update(dtype):
    linear = Linear(3, 2, dtype=dtype, rng=0)
    sgd = SGD(linear.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1)
    y, cache = linear.forward(normal(4, 3, dtype=dtype))
    dx = linear.backward(np.ones_like(y), cache)
    sgd.step()
    arrays = [y, dx, linear(normal(4, 3, dtype=dtype))]
    for parameter in linear.parameters():
        arrays += [parameter.value, parameter.grad]
    assert {array.dtype for array in arrays} == {np.dtype(dtype)}


def test_backward_adds_to_the_gradients_that_are_there():
    linear = Linear(2, 2, weight=W)
    for _ in range(3):
        linear.backward(DY, X)
    assert linear.weight.grad.tolist() == [[-12.0, 33.0], [-12.0, 42.0]]
    assert linear.bias.grad.tolist() == [0.0, 9.0]


def test_training_does_not_compute_the_input_gradient():
    class NoInputGradient(Linear):
        def backward(self, dy, x):
            raise AssertionError

    linear = NoInputGradient(2, 2, weight=W)
    linear.backward_parameters(DY, X)
    assert linear.weight.grad.tolist() == [[-4.0, 11.0], [-4.0, 14.0]]


def test_both_gradients_are_made_from_the_one_upstream_gradient():
    class Watched(Linear):
        def _add_gradients(self, dy, x):
            assert dy is DY
            return super()._add_gradients(dy, x)

    assert Watched(2, 2, weight=W).backward(DY, X).tolist() == [[1.0, 2.0], [-2.0, 1.0], [-2.0, -1.5]]


def test_the_cache_is_x_itself_and_not_a_copy():
    assert Linear(2, 2).forward(X)[1] is X


def test_given_numbers_are_copied():
    weight, bias = W.copy(), B.copy()
    linear = Linear(2, 2, weight=weight, bias=bias)
    weight[:], bias[:] = 0.0, 0.0
    assert_close([linear.weight.value, linear.bias.value], [W, B])


def test_the_bias_is_zeros_when_nothing_or_true_is_said():
    assert Linear(2, 3).bias.value.tolist() == [0.0, 0.0, 0.0]
    assert Linear(2, 3, bias=True).bias.value.tolist() == [0.0, 0.0, 0.0]


def test_the_bias_may_be_an_initializer_or_the_numbers_themselves():
    assert Linear(2, 3, bias=partial(constant, value=0.5)).bias.value.tolist() == [0.5, 0.5, 0.5]
    assert Linear(2, 2, bias=B).bias.value.tolist() == [10.0, 20.0]


def test_without_bias_there_is_no_such_parameter():
    linear = Linear(2, 3, bias=False)
    assert linear.bias is None
    assert [name for name, _ in linear.named_parameters()] == ["weight"]
    assert linear(np.zeros((1, 2))).tolist() == [[0.0, 0.0, 0.0]]


def test_the_weight_may_be_an_initializer():
    weight = Linear(3, 3, weight=partial(orthogonal, gain=2.0), rng=0).weight.value
    assert_close([weight @ weight.T], [4 * np.eye(3)])


def test_an_initializer_draws_in_the_shape_of_in_and_out():
    assert Linear(2, 5).weight.value.shape == (2, 5)


def test_the_default_weight_is_drawn_by_glorot_and_bengio():
    weight = Linear(100, 200, rng=0).weight.value
    assert 0.99 * np.sqrt(6 / 300) < np.abs(weight).max() <= np.sqrt(6 / 300)


def test_the_same_seed_gives_the_same_numbers():
    assert_close([Linear(2, 3, rng=7).weight.value], [Linear(2, 3, rng=7).weight.value], 0)


def test_a_generator_goes_on_from_layer_to_layer():
    rng = np.random.default_rng(7)
    first, second = Linear(2, 3, rng=rng), Linear(2, 3, rng=rng)
    assert not np.allclose(first.weight.value, second.weight.value)
    assert_close([first.weight.value], [Linear(2, 3, rng=7).weight.value], 0)


def test_without_rng_the_numbers_are_fresh():
    assert not np.allclose(Linear(2, 3).weight.value, Linear(2, 3).weight.value)


def test_numpys_global_state_is_left_alone():
    before = repr(np.random.get_state())  # noqa: NPY002 (that it is not used is what is tested)
    Linear(2, 3)(np.zeros((1, 2)))
    assert repr(np.random.get_state()) == before  # noqa: NPY002


def test_drawn_numbers_are_rounded_to_the_dtype():
    assert Linear(2, 3, rng=0, dtype="float32").weight.value.dtype == np.float32


def test_a_dtype_of_the_other_byte_order_means_the_native_one():
    assert Linear(2, 3, dtype=np.dtype(np.float32).newbyteorder()).weight.value.dtype == np.float32


def test_weight_and_bias_are_parameters_in_this_order():
    linear = Linear(2, 3)
    assert isinstance(linear.weight, Parameter)
    assert [name for name, _ in linear.named_parameters()] == ["weight", "bias"]


def test_it_prints_as_it_is_written():
    assert repr(Linear(2, 3)) == "Linear(2, 3)"
    assert repr(Linear(2, 3, bias=False)) == "Linear(2, 3, bias=False)"
    assert repr(Linear(2, 3, bias=zeros)) == "Linear(2, 3)"


def test_numpy_integers_are_sizes():
    assert Linear(np.int64(2), np.uint8(3)).weight.value.shape == (2, 3)
