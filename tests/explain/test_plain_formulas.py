"""Formulas of activations, losses and the like: where numbers are large, where nothing counts, and single entries."""

import ast
from typing import Any

import numpy as np
import pytest

from explain.test_formulas import computed
from legonet import Brick, CrossEntropyLoss, Embedding, GaussianNoise, Multiply, Sigmoid, SiLU, Softplus
from legonet.explain.bind import bind
from legonet.explain.evaluate import Calculator
from strategies import normal

LARGE = np.array([[-1e4, -800.0, -40.0], [40.0, 800.0, 1e4]])
Y = normal(3, 3)
CLASSES = np.array([2, 0, 2])


def calculated(brick: Brick[Any], *inputs: Any) -> tuple[Calculator, dict[str, Any], dict[str, str]]:
    """Return what the formulas give, what the brick gives, and an entry of each line written out."""
    bound, operands, results = computed(brick, inputs, 0)
    calculator, lines = Calculator(operands), {}
    shapes = {name: np.shape(value) for name, value in results.items()}
    for statement in bound.forward + bound.backward:
        calculator.run([statement], shapes)
        shape = np.shape(calculator.operands[statement.target])
        entry = tuple(size - 1 for size in shape)
        lines[statement.target] = ast.unparse(calculator.take_apart(statement, entry, shape)).replace(",]", "]")
    return calculator, results, lines


@pytest.mark.parametrize("brick", [Sigmoid(), Softplus(), SiLU()], ids=repr)
def test_the_error_of_a_formula_has_a_bound_where_an_exponential_overflows(brick):
    calculator, results, _ = calculated(brick, LARGE)
    for name, result in results.items():
        assert np.all(calculator.errors[name] <= 50 * (1 + np.abs(LARGE))), name
        np.testing.assert_allclose(calculator.operands[name], result, rtol=1e-15, atol=1e-15)


@pytest.mark.parametrize(
    "options",
    [{"ignore_index": 2}, {"class_weights": np.array([0.0, 1.0, 0.0])}, {"ignore_index": 2, "label_smoothing": 0.1}],
)
def test_the_formula_of_a_loss_is_0_where_no_prediction_counts(options):
    calculator, results, _ = calculated(CrossEntropyLoss(**options), Y, np.full(3, 2))
    for name in ("L", "dy"):
        assert not np.any(results[name])
        assert not np.any(calculator.operands[name])


def test_the_loss_of_classes_is_the_logarithm_of_what_the_right_ones_have():
    _, _, lines = calculated(CrossEntropyLoss(), Y, CLASSES)
    assert lines["L"] == "-(log(p[0, 2]) + log(p[1, 0]) + log(p[2, 2])) / N"
    assert lines["dy"] == "dL * (p[2, 2] - (t[2] == 2)) / N"


def test_the_loss_of_probabilities_has_no_shares_beside_them():
    _, _, lines = calculated(CrossEntropyLoss(), Y, np.full((3, 3), 1 / 3))
    assert list(lines) == ["e", "p", "L", "dy"]


def test_the_shares_of_classes_are_stated_with_what_smooths_weighs_and_leaves_out():
    loss = CrossEntropyLoss(label_smoothing=0.1, ignore_index=0, class_weights=np.array([1.0, 2.0, 3.0]))
    _, _, lines = calculated(loss, Y, CLASSES)
    assert lines["s"] == "w[2] * ((1 - ε) * (t[2] == 2) + ε / C) * (t[2] != 0)"
    assert lines["W"] == "w[2] * (t[0] != 0) + w[2] * (t[2] != 0)"


def test_the_gradient_of_a_word_is_the_sum_over_the_places_where_it_stands():
    _, _, lines = calculated(Embedding(4, 2), np.array([[3, 0], [1, 3]]))
    assert lines["dW"] == "(x[0, 0] == 3) * dy[0, 0, 1] + (x[1, 1] == 3) * dy[1, 1, 1]"


def test_a_factor_of_a_product_has_the_other_factors_as_its_slope():
    _, _, lines = calculated(Multiply(), normal(2, 2), normal(2, 2, seed=1), normal(2, 2, seed=2))
    assert lines["dy_dx1"] == "x0[1, 1] * x2[1, 1]"
    assert lines["dx1"] == "dy[1, 1] * dy_dx1[1, 1]"


def test_noise_is_read_quietly_from_a_pass_with_infinity_in_it():
    noise, x = GaussianNoise(1.0, rng=0), np.array([[np.inf, 1.0]])
    y, cache = noise.forward(x)
    bound = bind(noise, (x,), y, cache=cache)
    assert bound is not None
    assert bound.values["e"][0, 1] == y[0, 1] - 1.0
