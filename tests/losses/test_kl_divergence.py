import numpy as np
import pytest
from hypothesis import strategies as st

from legonet import KLDivergenceLoss, RangeError, ShapeError
from legonet.testing import Floats, brick_test
from strategies import normals, seeds

kl = KLDivergenceLoss()

EQUIVALENT = {"KLDivergenceLoss.backward: 1 → 2": "it divides an array of no rows"}

test_its_derivative = brick_test(
    KLDivergenceLoss, Floats("(batch, ...)", low=-20, high=0), Floats("(batch, ...)", low=0, high=1)
)


@st.composite
def cases(draw, dtype=np.float64):
    y = draw(normals(dtype, draw(st.integers(1, 3))))
    return KLDivergenceLoss(), (y, np.random.default_rng(draw(seeds)).uniform(size=y.shape).astype(dtype))


def probabilities(seed):
    return np.random.default_rng(seed).dirichlet(np.ones(4), 5)


def test_the_numbers_worked_by_hand_with_two_rows_and_three_outputs():
    y, target = np.log([[0.5, 0.25, 0.25], [0.2, 0.3, 0.5]]), np.array([[0.25, 0.5, 0.25], [0.0, 0.0, 1.0]])
    loss, cache = kl.forward(y, target)
    assert type(loss) is float
    assert loss == pytest.approx((-0.25 * np.log(2) + 0.5 * np.log(2) + 0 + np.log(2)) / 2, rel=1e-15)
    assert kl.backward(4.0, cache).tolist() == [[-0.5, -1.0, -0.5], [0.0, 0.0, -2.0]]


def test_it_is_0_where_the_probabilities_are_those_of_the_target():
    assert kl(np.log(probabilities(0)), probabilities(0)) == pytest.approx(0.0, abs=1e-15)


def test_a_class_that_cannot_be_costs_nothing_if_it_never_is_and_infinity_if_it_is():
    y = np.array([[0.0, -np.inf]])
    loss, cache = kl.forward(y, np.array([[1.0, 0.0]]))
    assert loss == 0.0
    assert kl.backward(1.0, cache).tolist() == [[-1.0, 0.0]]
    assert kl(y, np.array([[0.5, 0.5]])) == np.inf


def test_not_a_number_makes_loss_and_derivative_not_a_number():
    assert np.isnan(kl(np.array([[np.nan, 0.0]]), np.array([[0.5, 0.0]])))
    loss, cache = kl.forward(np.array([[-1.0, 0.0]]), np.array([[np.nan, 0.0]]))
    assert np.isnan(loss)
    np.testing.assert_array_equal(kl.backward(1.0, cache), [[np.nan, 0.0]])


def test_the_smallest_probabilities_give_finite_numbers():
    assert np.isfinite(kl(np.array([[-745.0, -1.0]]), np.array([[5e-324, 1.0]])))


def test_a_target_that_is_no_probability_or_of_another_shape_is_refused():
    with pytest.raises(RangeError, match=r"KLDivergenceLoss\(\) needs target from 0 to 1, but target\[0, 1\] is -1.0"):
        kl.forward(np.zeros((1, 2)), np.array([[0.0, -1.0]]))
    with pytest.raises(ShapeError, match=r"KLDivergenceLoss\(\) needs target of shape \(1, 2\), but target has shape"):
        kl.forward(np.zeros((1, 2)), np.zeros(2))
