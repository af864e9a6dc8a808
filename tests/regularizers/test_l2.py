import numpy as np
import pytest
from hypothesis import strategies as st

from legonet import SGD, L2Regularizer, Linear, Parameter
from strategies import assert_close, normal, normals


@st.composite
def cases(draw, dtype=np.float64):
    matrices = draw(st.lists(st.integers(0, 3).flatmap(lambda axes: normals(dtype, axes)), min_size=1, max_size=3))
    return L2Regularizer(map(Parameter, matrices), strength=draw(st.floats(0, 2))), ()


def weights():
    return [Parameter(np.array([[1.0, -2.0], [3.0, 0.0]])), Parameter(np.array([4.0]))]


def test_the_numbers_worked_by_hand_with_two_parameters():
    matrix, vector = weights()
    ridge = L2Regularizer([matrix, vector], strength=0.5)
    penalty, cache = ridge.forward()
    ridge.backward(1.0, cache)
    assert penalty == 0.5 / 2 * (1 + 4 + 9 + 0 + 16)
    assert matrix.grad.tolist() == [[0.5, -1.0], [1.5, 0.0]]
    assert vector.grad.tolist() == [2.0]


def test_the_penalty_of_an_article_is_had_by_dividing_its_strength_by_the_rows():
    rows, strength, weight = 50, 1e-4, Parameter(normal(2, 3))
    ridge = L2Regularizer([weight], strength=strength / rows)
    penalty, cache = ridge.forward()
    ridge.backward(1.0, cache)
    assert penalty == pytest.approx(strength / (2 * rows) * np.sum(weight.value**2), rel=1e-14)
    assert_close([weight.grad], [strength * weight.value / rows], 1e-18)


def test_an_upstream_gradient_scales_the_gradient():
    _, vector = weights()
    L2Regularizer([vector], strength=0.5).backward(3.0, None)
    assert vector.grad.tolist() == [6.0]


def test_backward_adds_to_the_gradients_that_are_there():
    _, vector = weights()
    vector.grad += 1.0
    ridge = L2Regularizer([vector], strength=0.5)
    ridge.backward(1.0, None)
    ridge.backward_parameters(1.0, None)
    assert vector.grad.tolist() == [5.0]


def test_only_the_weights_it_was_given_are_penalized():
    linear = Linear(2, 3, bias=np.ones(3))
    ridge = L2Regularizer([linear.weight], strength=1.0)
    ridge.backward(1.0, None)
    assert linear.bias.grad.tolist() == [0.0, 0.0, 0.0]
    assert ridge.parameters() == [linear.weight]


def test_it_sees_what_the_weights_are_when_it_runs():
    _, vector = weights()
    ridge = L2Regularizer([vector], strength=2.0)
    vector.value = np.array([10.0])
    assert ridge() == 100.0


def test_the_weight_decay_of_sgd_is_its_gradient():
    penalized, decayed = weights(), weights()
    L2Regularizer(penalized, strength=0.3).backward(1.0, None)
    SGD(penalized, lr=0.1).step()
    SGD(decayed, lr=0.1, weight_decay=0.3).step()
    assert_close([w.value for w in penalized], [w.value for w in decayed])


@pytest.mark.parametrize("dloss", [1.0, np.float64(1.0)], ids=repr)
def test_float32_stays_float32(dloss):
    weight = Parameter(normal(2, 3, dtype=np.float32))
    ridge = L2Regularizer([weight], strength=0.1)
    assert type(ridge()) is float
    ridge.backward(dloss, None)
    assert weight.grad.dtype == np.float32
    np.testing.assert_array_equal(weight.grad, np.float32(0.1) * weight.value)


def test_a_strength_of_0_costs_nothing():
    ridge = L2Regularizer(weights(), strength=0)
    assert ridge() == 0.0


def test_a_square_too_large_gives_infinity_without_a_warning():
    weight = Parameter(np.array([1e200, 1.0]))
    ridge = L2Regularizer([weight], strength=1e200)
    assert ridge() == np.inf
    ridge.backward(1.0, None)
    assert weight.grad.tolist() == [np.inf, 1e200]


def test_many_float16_weights_have_a_sum_beyond_the_largest_float16():
    weight = Parameter(np.full(70000, 2.0, np.float16))
    assert L2Regularizer([weight], strength=1.0)() == 140000.0


def test_any_iterable_of_parameters_will_do_and_is_read_once():
    ridge = L2Regularizer((w for w in weights()), strength=1.0)
    assert ridge() == ridge() == 15.0


def test_it_prints_its_strength():
    assert repr(L2Regularizer(weights(), strength=0.5)) == "L2Regularizer(2 parameters, strength=0.5)"
    assert repr(L2Regularizer(weights()[:1], strength=0.5)) == "L2Regularizer(1 parameter, strength=0.5)"
