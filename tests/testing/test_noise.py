"""Rounding noise: what moves with the last digits."""

import numpy as np

from legonet import MSELoss
from legonet.testing.noise import EPS, jitter, natural_size
from legonet.testing.probe import Probe
from testing.bricks import Affine, Pointwise, Square

X = np.array([[3.0, -0.5, 2.0]])
DY = np.ones(3)


def jitter_of(brick, dy=DY, **options):
    probe = Probe(brick, [X])
    return probe, *jitter(probe, dy, probe.outputs(), probe.gradients(dy), **options)


def test_outputs_and_gradients_move_by_some_last_digits():
    _, outputs, spread = jitter_of(Square())
    assert np.all((outputs > 0) & (outputs <= 10 * EPS * X.ravel() ** 2))
    assert np.all(spread["dx"] <= 10 * EPS * np.abs(2 * X))
    assert np.any(spread["dx"] > 0)


def test_what_is_steep_moves_more():
    _, outputs, spread = jitter_of(Pointwise(lambda x: np.sin(1e6 * x), lambda x: 1e6 * np.cos(1e6 * x)))
    assert np.max(outputs) > 1e5 * EPS
    assert np.max(spread["dx"]) > 1e11 * EPS


def test_the_last_digit_may_be_that_of_float32():
    single = float(np.finfo(np.float32).eps)
    assert np.max(jitter_of(Square(), digit=single)[1]) > 1e6 * np.max(jitter_of(Square())[1])


def test_everything_is_put_back():
    probe, _, spread = jitter_of(Affine())
    assert list(spread) == ["dx", "scale.grad", "shift.grad"]
    np.testing.assert_array_equal(probe.inputs[0], X)


def test_the_natural_size_is_that_of_a_linear_function():
    probe = Probe(MSELoss(), [10 * X, X])
    assert natural_size(probe.variables[0], np.array([2.0]), np.array([60.0])) == 4.0
