"""What formulas call the gradient of a step on the way is that: the loss changes with the step as it says."""

from typing import Any

import numpy as np
import pytest

from explain.test_formulas import computed
from explain.test_take_apart import NOTATIONS
from legonet.explain.evaluate import Calculator
from legonet.explain.language import Statement, read

WITH_STEPS = [
    "rows and columns",
    "columns",
    *(name for name in NOTATIONS if name.startswith(("steps", "matrices and"))),
]


def with_change(statement: Statement) -> Statement:
    """Add a change to what a statement gives, entry by entry."""
    left, _, right = str(statement).partition(" = ")
    return read(f"{left} = {right} + {left.replace(statement.target, 'change', 1)}")


@pytest.mark.parametrize("notation", WITH_STEPS)
def test_the_gradient_of_a_step_is_what_the_loss_changes_by(notation: str) -> None:
    brick, *inputs = NOTATIONS[notation]
    bound, operands, results = computed(brick, tuple(inputs), seed=2)
    shapes = {name: np.shape(result) for name, result in results.items()}
    calculator = Calculator(operands)
    calculator.run(bound.forward, shapes)
    calculator.run(bound.backward, shapes)
    steps = [s for s in bound.forward if f"d{s.target}" in calculator.operands and s.target not in bound.outputs]
    assert steps

    def loss(step: Statement, change: Any) -> float:
        again = Calculator(operands | {"change": change})
        again.run([with_change(s) if s is step else s for s in bound.forward], shapes)
        return sum(float(np.sum(operands[f"d{y}"] * again.operands[y])) for y in bound.outputs)

    for step in steps:
        gradient = calculator.operands[f"d{step.target}"]
        way = np.random.default_rng(0).normal(size=(3, *gradient.shape))
        for change in 1e-5 * way:
            slope = (loss(step, change) - loss(step, -change)) / 2
            assert slope == pytest.approx(float(np.sum(gradient * change)), rel=1e-6, abs=1e-12), step.target
