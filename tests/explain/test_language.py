"""Formulas are read strictly: what cannot be computed is refused in a sentence that shows where."""

import ast
import re
from typing import Any

import pytest

from legonet import Brick, Formulas, OptionError
from legonet.explain.bind import bind
from legonet.explain.language import DEPTH, read, simplified, spread, without_rows
from strategies import normal


@pytest.mark.parametrize(
    "line",
    [
        "y = x @ W + b",
        "y[n, k] = sum(x[n, i] * W[i, k], i)",
        "h[:, t] = tanh(h[:, t - 1] @ U)",
        "y[..., j] = max(x[..., i], i)",
        "y = mean((x - mean(x, columns)) ** 2, columns)",
        "y = where(x > 0, x, a * x)",
        "y = max(x, 0.0)",
        "y = concat(a, b, axis=1)",
        "y = -x.T // 2 % 3",
        "y = rows(x)[0:2, :]",
    ],
)
def test_a_formula_is_shown_as_it_was_read(line: str) -> None:
    assert str(read(line)) == str(read(str(read(line))))
    assert str(read(f"  {line}\n")) == str(read(line))


NO_ASSIGNMENT = "a formula must be one assignment such as 'y = x @ W'"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("", NO_ASSIGNMENT),
        ("x @ W", NO_ASSIGNMENT),
        ("y = ", NO_ASSIGNMENT),
        ("y = x; z = y", NO_ASSIGNMENT),
        ("y = z = x", NO_ASSIGNMENT),
        ("y += x", NO_ASSIGNMENT),
        ("y == x", NO_ASSIGNMENT),
        ("y = x\0", NO_ASSIGNMENT),
        ("import os", NO_ASSIGNMENT),
        ("y, z = x", "assigns to a name such as y or y[n, k]"),
        ("brick.y = x", "assigns to a name such as y or y[n, k]"),
        ("f(x)[n] = x", "assigns to a name such as y or y[n, k]"),
        ("y[0] = x", "assigns to y[n, k], to y[:, t] or to y[...]"),
        ("y[n + 1] = x[n]", "assigns to y[n, k], to y[:, t] or to y[...]"),
        ("y[1:] = x", "assigns to y[n, k], to y[:, t] or to y[...]"),
        ("y[n, n] = x[n]", "assigns along each index once"),
        ("y = x.shape", "cannot have x.shape"),
        ("y = x.T.real", "cannot have x.T.real"),
        ("y = 'x'", "cannot have"),
        ("y = True", "cannot have True"),
        ("y = 1j * x", "cannot have 1j"),
        ("y = None", "cannot have None"),
        ("y = +x", "cannot have +x"),
        ("y = not x", "cannot have not x"),
        ("y = ~x", "cannot have ~x"),
        ("y = x & z", "cannot have x & z"),
        ("y = x << 1", "cannot have x << 1"),
        ("y = 0 < x < 1", "cannot have 0 < x < 1"),
        ("y = x in z", "cannot have x in z"),
        ("y = x if z else 1", "cannot have"),
        ("y = lambda: x", "cannot have"),
        ("y = [x]", "cannot have [x]"),
        ("y = (x, z)", "cannot have (x, z)"),
        ("y = ...", "cannot have ..."),
        ("y = x[::2]", "cannot have ::2"),
        ("y = x + (i, j)[0]", "cannot have (i, j)"),
        ("y = eval(x)", "cannot have eval(x)"),
        ("y = np.exp(x)", "cannot have"),
        ("y = exp(x, z)", "cannot have exp(x, z)"),
        ("y = exp()", "cannot have exp()"),
        ("y = exp(x=1)", "cannot have"),
        ("y = exp(*x)", "cannot have"),
        ("y = where(x, z)", "cannot have where(x, z)"),
        ("y = sum()", "cannot have sum()"),
        ("y = sum(x, 0)", "cannot have sum(x, 0)"),
        ("y = sum(x, axis=0)", "cannot have sum(x, axis=0)"),
        ("y = sum(x, rows, columns)", "cannot have sum(x, rows, columns)"),
        ("y = max(x, 1, 2)", "cannot have max(x, 1, 2)"),
        ("y = concat(x, z)", "cannot have concat(x, z)"),
        ("y = concat(axis=1)", "cannot have concat(axis=1)"),
        ("y = (z := x)", "cannot have"),
        ("y = " + "-" * (DEPTH + 1) + "x", "nested too deeply"),
        ("y = " + " + ".join("x" * (DEPTH + 1)), "nested too deeply"),
        ("y = " + "(" * 10_000 + "x" + ")" * 10_000, "a formula"),
    ],
)
def test_what_is_no_formula_is_refused_and_shown(line: str, told: str) -> None:
    with pytest.raises(OptionError, match=re.escape(told)) as caught:
        read(line)
    assert len(str(caught.value)) < 300
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("line", [None, 1, b"y = x", ["y = x"]])
def test_a_formula_is_a_text(line: Any) -> None:
    with pytest.raises(OptionError, match="a formula must be a text such as 'y = x @ W'"):
        read(line)


@pytest.mark.parametrize(
    ("formula", "known", "left"),
    [
        ("x @ W + b", {"b": None}, "x @ W"),
        ("b - x", {"b": None}, "-x"),
        ("m * x", {"m": None}, "x"),
        ("m[:, t] * x", {"m": None}, "x"),
        ("m.T @ x", {"m": None}, "x"),
        ("x + -b", {"b": None}, "x"),
        ("where(m, x, y)", {"m": None}, "x"),
        ("where(m > 0, x, y)", {"m": 3}, "where(3 > 0, x, y)"),
        ("dL * x", {"dL": 1}, "x"),
        ("x / dL", {"dL": 1}, "x"),
        ("x ** dL", {"dL": 1}, "x"),
        ("where(m, 0, a) + x", {"m": None}, "x"),
        ("0 * x + 0", {}, "0 * x"),
        ("2 * x", {}, "2 * x"),
    ],
)
def test_what_is_none_drops_out_and_numbers_take_the_place_of_names(formula: str, known: Any, left: str) -> None:
    assert ast.unparse(simplified(ast.parse(formula, mode="eval").body, known)) == left


@pytest.mark.parametrize(
    ("line", "axes", "written"),
    [
        ("y[..., k] = x[..., k] * a", {"y": 3, "x": 3}, "y[n, t, k] = x[n, t, k] * a"),
        ("y[..., k] = x[..., k]", {"y": 1}, "y[k] = x[k]"),
        ("m[k] = sum(x[..., k], ...)", {"m": 1, "x": 3}, "m[k] = sum(x[n, t, k], n, t)"),
        ("y[...] = n * t * x[...]", {"y": 2}, "y[i, j] = n * t * x[i, j]"),
        ("y[n] = x[n]", {"y": 1}, "y[n] = x[n]"),
        ("y[...] = x[...]", {}, "y[...] = x[...]"),
    ],
)
def test_dots_stand_for_the_axes_that_are_not_written(line: str, axes: dict[str, int], written: str) -> None:
    assert str(spread(read(line), axes)) == written


def test_a_matrix_is_its_own_rows() -> None:
    formula = read("dW = rows(x).T @ rows(dy)").formula
    assert ast.unparse(without_rows(formula, {"x": 2, "dy": 3})) == "x.T @ rows(dy)"


class Stating(Brick[Any]):
    """States whatever formulas it is given."""

    def __init__(self, formulas: Any) -> None:
        self.formulas = formulas

    def forward(self, x: Any) -> tuple[Any, Any]:
        return x, None

    def backward(self, dy: Any, cache: Any) -> Any:
        return dy


@pytest.mark.parametrize(
    ("formulas", "told"),
    [
        ("y = x", "Stating needs formulas as Formulas(forward, backward), but it has y = x"),
        (Formulas([], ["dx = dy"]), "formulas of Stating need a line for the forward pass"),
        (
            Formulas(["y = x * scale"], ["dx = dy"]),
            "formulas of Stating speak of scale, which is neither an input, an attribute of the brick, nor listed",
        ),
        (Formulas(["y = x * W"], [], {"W": "weights"}), "formulas of Stating speak of W, which is neither"),
        (lambda x: ["y = x"], "Stating needs formulas as Formulas(forward, backward), but it has ['y = x']"),
    ],
)
def test_formulas_that_say_too_little_are_refused(formulas: Any, told: str) -> None:
    x = normal(2, 3)
    with pytest.raises(OptionError, match=re.escape(told)):
        bind(Stating(formulas), [x], x)
