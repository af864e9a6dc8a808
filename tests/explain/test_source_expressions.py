"""One line of NumPy after the other: how it reads as a formula, and what is left unread."""

import importlib.util
import itertools
from pathlib import Path
from typing import Any

import pytest

from explain.test_source import assert_true
from legonet import Brick
from legonet.explain.source import formulas_from_source
from legonet.formulas import Formulas
from strategies import normal

X = normal(4, 3)
NUMBERS = itertools.count()

SOURCE = """
import math

import numpy as np
from legonet import Brick, Parameter
from legonet.arrays import rows
from legonet.special import sum_of_squares

HALF = 0.5
FLAG = True
NAMES = ("x",)

class Typed(Brick):
    def __init__(self):
        self.scale = 2.0
        self.vector = np.array([1.0, 2.0, 3.0])
        self.flag = True
        self.weight = Parameter(np.eye(3))
        self.other = Parameter(np.ones(3))

    def forward(self, x):
        {forward}
        return {y}, x

    def backward(self, dy, x):
        {backward}
        return {dx}
"""


def typed(folder: Path, y: str, dx: str = "dy", *, forward: str = "pass", backward: str = "pass") -> Brick[Any]:
    """Return a brick with a source."""
    path = folder / f"typed{next(NUMBERS)}.py"
    path.write_text(SOURCE.format(y=y, dx=dx, forward=forward, backward=backward), encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    brick: Brick[Any] = module.Typed()
    return brick


def read(brick: Brick[Any], x: Any = X) -> Formulas | None:
    return formulas_from_source(brick, [x])


@pytest.mark.parametrize(
    ("y", "formula"),
    [
        ("+x", "x"),
        ("-x", "-x"),
        ("np.square(x)", "x ** 2"),
        ("x * sum_of_squares(x)", "x * sum(x ** 2)"),
        ("np.clip(x, -1, 1)", "min(max(x, -1), 1)"),
        ("x.clip(-1, 1)", "min(max(x, -1), 1)"),
        ("np.minimum(x, HALF)", "where(x <= HALF, x, HALF)"),
        ("np.where(x > 0, x, HALF * x)", "where(x > 0, x, HALF * x)"),
        ("x * ((x > 0) & (x < 1))", "x * ((x > 0) * (x < 1))"),
        ("np.dot(x, self.weight.value)", "x @ W"),
        ("x.dot(self.weight.value)", "x @ W"),
        ("np.matmul(x, self.weight.value.T)", "x @ W.T"),
        ("x @ np.transpose(self.weight.value)", "x @ W.T"),
        ("np.add(x, self.vector)", "x + vector"),
        ("self.scale * x", "scale * x"),
        ("x * math.sqrt(2)", "x * sqrt(2)"),
        ("x / math.pi", "x / π"),
        ("x * np.pi", "x * π"),
        ("x - x.mean()", "x - mean(x)"),
        ("x - x.mean(axis=1, keepdims=True)", "x - mean(x, columns)"),
        ("x - x.mean(0)", "x - mean(x, rows)"),
        ("x - np.max(x, axis=-1, keepdims=True)", "x - max(x, columns)"),
        ("x / x.std(axis=0)", "x / sqrt(mean((x - mean(x, rows)) ** 2, rows))"),
        ("x * np.var(x)", "x * mean((x - mean(x)) ** 2)"),
        ("x * x.sum(axis=(0, 1))", "x * sum(x)"),
        ("x * x.sum(axis=None)", "x * sum(x)"),
        ("x / x.shape[0]", "x / N"),
        ("x / x.shape[-1]", "x / 3"),
        ("x / len(x)", "x / N"),
        ("x / x.size", "x / 12"),
        ("x * x.ndim", "x * 2"),
        ("np.asarray(x) * float(HALF)", "x * HALF"),
        ("x.astype(float) + np.ones_like(x)", "x + 1"),
        ("x.copy() % 2", "x % 2"),
        ("x + 0 * x.astype(x.dtype)", "x + 0 * x"),
        ("x // 2", "x // 2"),
        ("rows(x)", "x"),
        ("x.reshape(4, 3)", "x"),
        ("x * {'a': HALF}['a']", "x * HALF"),
        ("x * (HALF, 2)[-1]", "x * 2"),
    ],
)
def test_an_expression_reads_as_a_formula_and_means_the_same(y: str, formula: str, tmp_path: Path) -> None:
    brick = typed(tmp_path, y)
    found = read(brick)
    assert found is not None
    assert found.forward == [f"y = {formula}"]
    assert_true(brick, (X,), found)


@pytest.mark.parametrize(
    ("y", "dx", "formula"),
    [
        ("rows(x)", "dy.reshape(x.shape)", "rows(x)"),
        ("x.reshape(-1, x.shape[-1])", "dy.reshape(x.shape)", "rows(x)"),
        ("x.sum(axis=(0, 1))", "dy + 0 * x", "sum(rows(x), rows)"),
    ],
)
def test_sequences_are_read_as_rows(y: str, dx: str, formula: str, tmp_path: Path) -> None:
    brick, x = typed(tmp_path, y, dx), normal(2, 3, 4)
    found = read(brick, x)
    assert found is not None
    assert found.forward == [f"y = {formula}"]
    assert_true(brick, (x,), found)


@pytest.mark.parametrize(
    "y",
    [
        "x.real",
        "x * self.flag",
        "x * FLAG",
        "x * len(NAMES)",
        "x[0]",
        "x[:, 0]",
        "x if len(x) else -x",
        "x or 1",
        "abs(x, 1)",
        "np.exp(x, out=None)",
        "np.sum(x, axis=0, dtype=float) + x",
        "np.sum(x, axis=(0, 1), keepdims=True) * x",
        "np.var(x, axis=(0, 1)) * x.sum(axis=(0, 1)) * x.T.T + np.cumsum(x)",
        "np.maximum(x, 0, x)",
        "x * max(2, 3)",
        "x * max(len(x), 2)",
        "x * min(len(x), 1)",
        "x.astype(np.float32)",
        "x.astype(int)",
        "x.astype(float, copy=False)",
        "x.reshape(2, 6) * 2",
        "x.reshape(4, 3, order='F')",
        "x.sum(axis=0) * x.sum(axis=1)[0]",
        "(x > 0) - (x < 0)",
        "(x > 0) + (x < 0)",
        "np.linalg.norm(x) * x",
        "self.weight @ x.T",
        "self.weight.grad + x[:3]",
        "self.weight.value.grad",
        "math.floor(HALF) * x",
        "x ^ 2",
        "[x, x]",
        "x * 'a'",
        "(lambda z: z)(x)",
        "x @ 2",
    ],
)
def test_what_is_no_formula_stays_unread(y: str, tmp_path: Path) -> None:
    assert read(typed(tmp_path, y)) is None


@pytest.mark.parametrize(
    ("backward", "dx", "formulas"),
    [
        ("self.weight.grad += x.T @ dy", "dy", ["dW = x.T @ dy", "dx = dy"]),
        ("self.weight.grad -= x.T @ dy", "dy", ["dW = -(x.T @ dy)", "dx = dy"]),
        ("self.weight.grad[...] += x.T @ dy", "dy", ["dW = x.T @ dy", "dx = dy"]),
        (
            "self.weight.grad += x.T @ dy; self.weight.grad += dy.T @ x",
            "dy",
            ["dW = x.T @ dy + dy.T @ x", "dx = dy"],
        ),
        ("self.other.grad += dy.sum(axis=0)", "dy", ["dother = sum(dy, rows)", "dx = dy"]),
        ("dy = dy * 2; dy /= 3; assert len(dy)", "dy", ["dx = dy * 2 / 3"]),
        ("a, (b, c) = dy, (x, 2)", "a * b * c", ["dx = dy * x * 2"]),
        ("a: object = dy * 2", "a", ["dx = dy * 2"]),
        ("a = b = dy * 2", "a + b", ["a = dy * 2", "b = dy * 2", "dx = a + b"]),
        ("'two lines'", "dy", ["dx = dy"]),
        ("pass", "None", []),
    ],
)
def test_a_backward_pass_reads_as_formulas(backward: str, dx: str, formulas: list[str], tmp_path: Path) -> None:
    brick = typed(tmp_path, "x", dx, backward=backward)
    found = read(brick)
    assert found is not None
    assert sorted(found.backward) == sorted(formulas)
    if formulas:
        assert_true(brick, (X,), found)


@pytest.mark.parametrize(
    ("forward", "backward", "dx"),
    [
        ("self.scale = 3", "pass", "dy"),
        ("x[0] = 1.0", "pass", "dy"),
        ("del x", "pass", "dy"),
        ("print(x)", "pass", "dy"),
        ("global HALF", "pass", "dy"),
        ("pass", "self.weight.grad[0] += dy[0]", "dy"),
        ("pass", "self.weight.grad *= 2", "dy"),
        ("pass", "self.weight.value += x.T @ dy", "dy"),
        ("pass", "self.weight.grad += dy", "dy"),
        ("pass", "self.other.grad += dy.sum(axis=0); self.other.grad += dy.sum()", "dy"),
        ("pass", "dy *= 2", "dy"),
        ("pass", "a = dy + 0; a += dy[:1]", "a"),
        ("pass", "z = dy * 2; v = z.T; z += 1", "v.T"),
        ("pass", "pass", "dy.sum(axis=0)"),
        ("pass", "pass", "(dy, dy)"),
        ("pass", "pass", "dy.T"),
        ("return x", "pass", "dy"),
    ],
)
def test_statements_that_say_more_are_not_read(forward: str, backward: str, dx: str, tmp_path: Path) -> None:
    assert read(typed(tmp_path, "x * 1", dx, forward=forward, backward=backward)) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("return x * 1, x", "return x * 1"),
        ("return x * 1, x", "return x * 1, x, x"),
        ("return x * 1, x", "y = x * 1"),
        ("def forward(self, x)", "def forward(self, *x)"),
        ("def forward(self, x)", "def forward(self, x, *, y=1)"),
        ("def forward(self, x)", "def forward(self, x, y)"),
        ("def forward(self, x)", "def forward(self, rows)"),
        ("def backward(self, dy, x)", "def backward(self, dy)"),
        ("def backward(self, dy, x)", "def backward(self, dy, x, y=1)"),
    ],
)
def test_methods_of_another_form_are_not_read(
    old: str, new: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = SOURCE.replace("{y}", "x * 1")
    assert old in text
    monkeypatch.setitem(globals(), "SOURCE", text.replace(old, new))
    assert read(typed(tmp_path, "")) is None


def test_methods_that_were_put_into_the_brick_itself_are_not_read(tmp_path: Path) -> None:
    brick: Any = typed(tmp_path, "x * 1")
    brick.forward = lambda x: (2 * x, x)
    assert read(brick) is None
