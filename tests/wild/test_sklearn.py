"""scikit-learn's networks: the loss of several outputs has a wrong gradient, and the others pass."""

import numpy as np
import pytest

from legonet.testing import check_brick
from wild.findings import TARGETS, sklearn_network, weights_for

pytest.importorskip("sklearn")

RIGHT = {
    "MLPRegressor, 1 output": ("MLPRegressor", TARGETS[:, 0], 1, {"alpha": 0.5}),
    "MLPRegressor, poisson, 1 output": ("MLPRegressor", np.abs(TARGETS[:, 0]), 1, {"loss": "poisson"}),
    "MLPRegressor, poisson, 2 outputs": ("MLPRegressor", np.abs(TARGETS[:, :2]), 2, {"loss": "poisson"}),
    "MLPClassifier, 3 classes": ("MLPClassifier", np.array([0, 1, 2, 1]), 3, {"alpha": 0.5}),
    "MLPClassifier, 2 classes": ("MLPClassifier", np.array([0, 1, 0, 1]), 1, {"alpha": 0.5}),
    "MLPClassifier, 2 labels": ("MLPClassifier", np.array([[0, 1], [1, 1], [0, 0], [1, 0]]), 2, {"alpha": 0.5}),
}


@pytest.mark.parametrize(("name", "y", "outputs", "options"), RIGHT.values(), ids=RIGHT)
def test_right_losses_pass(name, y, outputs, options):
    check_brick(sklearn_network(name, y, **options), weights_for(outputs))


@pytest.mark.parametrize("outputs", [2, 3])
def test_the_gradient_is_as_many_times_too_large_as_there_are_outputs(outputs):
    brick, weights = sklearn_network("MLPRegressor", TARGETS[:, :outputs], alpha=0.0), weights_for(outputs)
    gradient = brick.backward(1.0, brick.forward(weights)[1])
    direction = np.random.default_rng(0).normal(size=weights.shape)
    slope = (brick(weights + 1e-6 * direction) - brick(weights - 1e-6 * direction)) / 2e-6
    assert gradient @ direction == pytest.approx(outputs * slope, rel=1e-6)
