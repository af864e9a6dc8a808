import numpy as np
import pytest
from hypothesis import strategies as st

from legonet import ElasticNetRegularizer, L1Regularizer, L2Regularizer, OptionError, Parameter
from strategies import assert_close, normal, normals


@st.composite
def cases(draw, dtype=np.float64):
    matrices = draw(st.lists(st.integers(0, 3).flatmap(lambda axes: normals(dtype, axes)), min_size=1, max_size=3))
    matrices = [np.asarray(np.round(matrix)) for matrix in matrices] if draw(st.booleans()) else matrices  # some zeros
    strengths = {"l1_strength": draw(st.floats(0, 2)), "l2_strength": draw(st.floats(0, 2))}
    return ElasticNetRegularizer(map(Parameter, matrices), **strengths), ()


def weights():
    return [Parameter(np.array([[1.0, -2.0], [3.0, 0.0]])), Parameter(np.array([4.0]))]


def test_the_numbers_worked_by_hand_with_two_parameters():
    matrix, vector = weights()
    net = ElasticNetRegularizer([matrix, vector], l1_strength=0.5, l2_strength=2.0)
    penalty, cache = net.forward()
    net.backward(1.0, cache)
    assert penalty == 0.5 * (1 + 2 + 3 + 0 + 4) + 2.0 / 2 * (1 + 4 + 9 + 0 + 16)
    assert matrix.grad.tolist() == [[2.5, -4.5], [6.5, 0.0]]
    assert vector.grad.tolist() == [8.5]


def test_it_is_the_sum_of_both_penalties():
    one, other = Parameter(normal(4, 3)), Parameter(normal(4, 3))
    net = ElasticNetRegularizer([one], l1_strength=0.3, l2_strength=0.7)
    both = [L1Regularizer([other], strength=0.3), L2Regularizer([other], strength=0.7)]
    assert net() == pytest.approx(sum(each() for each in both), rel=1e-14)
    for each in (net, *both):
        each.backward(2.0, None)
    assert_close([one.grad], [other.grad])


def test_a_square_too_large_gives_infinity_without_a_warning():
    weight = Parameter(np.array([1e200, 1.0]))
    net = ElasticNetRegularizer([weight], l1_strength=0.0, l2_strength=1.0)
    assert net() == np.inf
    net.backward(1.0, None)
    assert weight.grad.tolist() == [1e200, 1.0]


def test_a_float16_weight_may_have_a_square_beyond_the_largest_float16():
    weight = Parameter(np.array([1000.0, -2.0], np.float16))
    assert ElasticNetRegularizer([weight], l1_strength=1.0, l2_strength=2.0)() == 1002.0 + 1000004.0


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_a_dtype_stays(dtype):
    weight = Parameter(normal(2, 3, dtype=dtype))
    net = ElasticNetRegularizer([weight], l1_strength=0.1, l2_strength=0.1)
    assert type(net()) is float
    net.backward(np.float64(1.0), None)
    assert weight.grad.dtype == dtype


@pytest.mark.parametrize("strength", [-0.1, np.nan, np.inf, "0.1", None, True])
@pytest.mark.parametrize("name", ["l1_strength", "l2_strength"])
def test_a_strength_that_is_none_is_refused(name, strength):
    strengths = {"l1_strength": 0.1, "l2_strength": 0.1, name: strength}
    with pytest.raises(OptionError, match=f"ElasticNetRegularizer needs {name} as a finite number >= 0, but {name} is"):
        ElasticNetRegularizer(weights(), **strengths)


def test_it_prints_its_strengths():
    net = ElasticNetRegularizer(weights(), l1_strength=0.5, l2_strength=1)
    assert repr(net) == "ElasticNetRegularizer(2 parameters, l1_strength=0.5, l2_strength=1)"
