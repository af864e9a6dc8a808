import numpy as np
import pytest
from hypothesis import strategies as st

from legonet import L1Regularizer, OptionError, Parameter
from strategies import normals


@st.composite
def cases(draw, dtype=np.float64):
    matrices = draw(st.lists(st.integers(0, 3).flatmap(lambda axes: normals(dtype, axes)), min_size=1, max_size=3))
    matrices = [np.asarray(np.round(matrix)) for matrix in matrices] if draw(st.booleans()) else matrices  # some zeros
    return L1Regularizer(map(Parameter, matrices), strength=draw(st.floats(0, 2))), ()


def weights():
    return [Parameter(np.array([[1.0, -2.0], [3.0, 0.0]])), Parameter(np.array([4.0]))]


def test_the_numbers_worked_by_hand_with_two_parameters():
    matrix, vector = weights()
    lasso = L1Regularizer([matrix, vector], strength=0.5)
    penalty, cache = lasso.forward()
    lasso.backward(1.0, cache)
    assert penalty == 0.5 * (1 + 2 + 3 + 0 + 4)
    assert matrix.grad.tolist() == [[0.5, -0.5], [0.5, 0.0]]
    assert vector.grad.tolist() == [0.5]


def test_backward_adds_to_the_gradients_that_are_there_and_takes_the_upstream_gradient():
    _, vector = weights()
    vector.grad += 1.0
    L1Regularizer([vector], strength=0.5).backward(3.0, None)
    assert vector.grad.tolist() == [2.5]


def test_not_a_number_and_infinity_are_seen():
    weight = Parameter(np.array([np.nan, np.inf]))
    lasso = L1Regularizer([weight], strength=0.5)
    assert np.isnan(lasso())
    lasso.backward(1.0, None)
    np.testing.assert_array_equal(weight.grad, [np.nan, 0.5])


@pytest.mark.parametrize("dloss", [1.0, np.float64(1.0)], ids=repr)
def test_float16_stays_float16_and_its_sum_may_be_large(dloss):
    weight = Parameter(np.full((100,), -1000.0, np.float16))
    lasso = L1Regularizer([weight], strength=1)
    assert lasso() == 100_000.0
    assert type(lasso()) is float
    lasso.backward(dloss, None)
    assert weight.grad.dtype == np.float16
    assert set(weight.grad.tolist()) == {-1.0}


@pytest.mark.parametrize("strength", [-0.1, np.nan, np.inf, "0.1", None, True])
def test_a_strength_that_is_none_is_refused(strength):
    with pytest.raises(OptionError, match="L1Regularizer needs strength as a finite number >= 0, but strength is"):
        L1Regularizer(weights(), strength=strength)


def test_what_is_no_list_of_parameters_is_refused():
    with pytest.raises(OptionError, match="L1Regularizer needs at least one parameter, but the list is empty"):
        L1Regularizer([], strength=0.1)


def test_it_prints_its_strength():
    assert repr(L1Regularizer(weights(), strength=0.5)) == "L1Regularizer(2 parameters, strength=0.5)"
    assert repr(L1Regularizer(weights()[:1], strength=0.5)) == "L1Regularizer(1 parameter, strength=0.5)"
