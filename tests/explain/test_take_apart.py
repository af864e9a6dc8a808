"""An entry of a formula, written out, says which numbers it is made of, and comes to the number of that entry."""

import ast
from typing import Any

import numpy as np
import pytest

from explain.test_formulas import computed
from legonet import (
    GRU,
    LSTM,
    RNN,
    BatchNorm,
    LayerNorm,
    Linear,
    LogSoftmax,
    MSELoss,
    MultiHeadAttention,
    RMSNorm,
    Sigmoid,
    Softmax,
)
from legonet.explain.evaluate import FUNCTIONS, Calculator
from legonet.explain.language import read
from strategies import normal

MASK = np.array([[True, True, False, True], [False, True, True, True], [True, False, False, False]])
SEQUENCES = normal(3, 4, 6)

NOTATIONS = {
    "functions": (Sigmoid(), normal(2, 3)),
    "numbers": (MSELoss(), normal(3, 4), normal(3, 4, seed=1)),
    "matrices": (Linear(9, 2, rng=0), normal(8, 9)),
    "matrices of sequences": (Linear(6, 2, rng=0), SEQUENCES),
    "indices": (Softmax(), normal(3, 4)),
    "indices and dots": (LogSoftmax(), normal(2, 3, 8)),
    "indices and dots in sums": (BatchNorm(6), normal(3, 6, 2, 2)),
    "columns": (RMSNorm(6), SEQUENCES),
    "rows and columns": (LayerNorm(6), SEQUENCES),
    "steps": (RNN(6, 2, rng=0), SEQUENCES),
    "steps with a mask": (RNN(6, 2, rng=0), SEQUENCES, MASK),
    "steps and slices": (LSTM(6, 2, rng=0), SEQUENCES),
    "steps and slices with a mask": (LSTM(6, 2, rng=0), SEQUENCES, MASK),
    "steps and blocks side by side": (GRU(6, 2, rng=0), SEQUENCES, MASK),
    "matrices and indices": (MultiHeadAttention(6, 2, rng=0), SEQUENCES),
    "matrices and indices and conditions": (MultiHeadAttention(6, 2, causal=True, rng=0), SEQUENCES, MASK),
}


def number(node: ast.expr, operands: dict[str, Any]) -> float:
    """Compute what is written out, by Python itself."""
    known: dict[str, Any] = {name: function for name, (function, _) in FUNCTIONS.items()}
    known |= {"rest": lambda count, value: value, "where": np.where}
    code = compile(ast.fix_missing_locations(ast.Expression(node)), "entry", "eval")
    with np.errstate(all="ignore"):  # of both cases of where
        return float(eval(code, known | operands))  # noqa: S307


@pytest.mark.parametrize("notation", NOTATIONS)
def test_every_entry_written_out_comes_to_its_number(notation: str) -> None:
    brick, *inputs = NOTATIONS[notation]
    bound, operands, results = computed(brick, tuple(inputs), seed=2)
    calculator = Calculator(operands)
    statements = bound.forward + bound.backward
    calculator.run(statements, {name: np.shape(result) for name, result in results.items()})
    for statement in statements:
        value, errors = calculator.operands[statement.target], calculator.errors[statement.target]
        for entry in np.ndindex(value.shape):
            apart = calculator.take_apart(statement, entry, value.shape)
            off = abs(number(apart, calculator.operands) - value[entry])
            limit = 4 * np.finfo(float).eps * np.broadcast_to(errors, value.shape)[entry] + 1e-300
            assert off <= limit, (str(statement), entry, ast.unparse(apart))


X = normal(3, 2, 4)
KNOWN = {"x": X, "W": normal(4, 6), "U": normal(2, 2), "v": normal(4), "p": normal(3, 2, 2), "H": 2}


@pytest.mark.parametrize(
    ("line", "shape", "entry", "written"),
    [
        ("y = 1 / (1 + exp(-x))", (3, 2, 4), (0, 1, 2), "1 / (1 + exp(-x[0, 1, 2]))"),
        ("y = mean(x, columns)", (3, 2, 1), (2, 1, 0), "(x[2, 1, 0] + x[2, 1, 1] + x[2, 1, 2] + x[2, 1, 3]) / 4"),
        ("y[n, j] = max(x[n, i, j], i)", (3, 4), (2, 3), "max(x[2, 0, 3], x[2, 1, 3])"),
        ("y[n, i] = sum(x[n, i, k] * (k < 2), k)", (3, 2), (1, 0), "x[1, 0, 0] + x[1, 0, 1]"),
        ("y = p[:, :, 0:1] - W[0:2, 2 * H:5]", (3, 2, 1), (2, 1, 0), "p[2, 1, 0] - W[1, 4]"),
        ("y = concat(x, p, axis=2)", (3, 2, 6), (0, 1, 5), "p[0, 1, 1]"),
        ("y[:, t] = p[:, t - 1] @ U", (3, 2, 2), (1, 1, 0), "p[1, 0, 0] * U[0, 0] + p[1, 0, 1] * U[1, 0]"),
        ("y[:, t] = p[:, t - 1] @ U", (3, 2, 2), (1, 0, 0), "0"),
        ("y[:, t] = p[:, t] - p[:, t + 1]", (3, 2, 2), (1, 1, 0), "p[1, 1, 0]"),
        ("y[:, t] = p[:, t - 1] - p[:, t]", (3, 2, 2), (1, 0, 0), "-p[1, 0, 0]"),
        (
            "y = sum(p[:, t - 1].T @ x[:, t], t)",
            (2, 4),
            (1, 3),
            "p[0, 0, 1] * x[0, 1, 3] + p[1, 0, 1] * x[1, 1, 3] + p[2, 0, 1] * x[2, 1, 3]",
        ),
        (
            "y = p + x @ W[:, 0:H]",
            (3, 2, 2),
            (2, 1, 0),
            "p[2, 1, 0] + x[2, 1, 0] * W[0, 0] + x[2, 1, 1] * W[1, 0] + x[2, 1, 2] * W[2, 0] + x[2, 1, 3] * W[3, 0]",
        ),
    ],
)
def test_an_entry_reads_as_if_written_by_hand(
    line: str, shape: tuple[int, ...], entry: tuple[int, ...], written: str
) -> None:
    assert ast.unparse(Calculator(KNOWN).take_apart(read(line), entry, shape)) == written


def test_of_a_long_sum_the_first_terms_and_the_last_are_written_out() -> None:
    known = {"a": np.arange(20.0).reshape(2, 5, 2), "b": np.ones((2, 5, 2))}
    apart = Calculator(known).take_apart(read("y = sum(a[:, t - 1].T @ b[:, t], t)"), (0, 1), (2, 2), most=4)
    assert ast.unparse(apart) == (
        "a[0, 0, 0] * b[0, 1, 1] + a[1, 0, 0] * b[1, 1, 1] + rest(5, 38.0) + a[1, 3, 0] * b[1, 4, 1]"
    )


def test_an_index_goes_along_the_range_of_its_name() -> None:
    calculator = Calculator({"x": np.arange(6.0), "h": range(2), "D": 3})
    calculator.run([read("y[h] = x[h * D]")])
    np.testing.assert_array_equal(calculator.operands["y"], [0.0, 3.0])


def test_steps_that_look_back_and_steps_that_look_ahead_may_follow_each_other() -> None:
    calculator = Calculator({"x": np.array([[1.0, 2.0, 3.0]])})
    lines = ["u[:, t] = x[:, t] + u[:, t - 1]", "d[:, t] = u[:, t] + d[:, t + 1]", "e[:, t] = d[:, t] + d[:, t - 1]"]
    calculator.run([*map(read, lines)])
    assert {name: calculator.operands[name].tolist() for name in "ude"} == {
        "u": [[1.0, 3.0, 6.0]],
        "d": [[10.0, 9.0, 6.0]],
        "e": [[10.0, 19.0, 15.0]],
    }


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_steps_have_their_shape_before_the_first_one(steps: int) -> None:
    calculator = Calculator({"x": np.ones((2, steps, 4)), "W": np.ones((4, 3)), "U": np.eye(3), "q": np.ones(3)})
    lines = ["a[:, t] = x[:, t] @ W + q * h[:, t - 1] @ U", "h[:, t] = a[:, t] * q", "dW = sum(x[:, t].T @ h[:, t], t)"]
    calculator.run([*map(read, lines)])
    assert [np.shape(calculator.operands[name]) for name in ("a", "h", "dW")] == [(2, steps, 3), (2, steps, 3), (4, 3)]
    np.testing.assert_array_equal(calculator.operands["h"][0, :, 0], 4.0 * np.arange(1, steps + 1))
