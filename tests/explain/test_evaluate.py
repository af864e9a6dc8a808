"""Formulas drawn at random are computed within the bound that is given, and what cannot be computed is said."""

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exact import MP, Exact
from explain.test_take_apart import number
from legonet import OptionError
from legonet.explain import evaluate
from legonet.explain.evaluate import Calculator
from legonet.explain.language import read
from strategies import normal

EPS = float(np.finfo(float).eps)
TINY = 1e-300
"""What is lost where numbers are too small for a float."""

Strategy = st.SearchStrategy[str]


def _pairs(parts: Strategy, *operators: str) -> Strategy:
    return st.tuples(parts, st.sampled_from(operators), parts).map(lambda two: f"({two[0]} {two[1]} {two[2]})")


def _calls(parts: Strategy) -> Strategy:
    # Of numbers of any size: none of them overflows or cancels what it is given.
    names = ("abs", "tanh", "sigmoid", "softplus", "sin", "cos", "erf", "sign")
    return st.tuples(st.sampled_from(names), parts).map(lambda two: f"{two[0]}({two[1]})")


def _chosen(leaves: Strategy, parts: Strategy) -> Strategy:
    # Comparisons are of what is given: of what is rounded, the other side might be chosen.
    compared = _pairs(leaves, ">", ">=", "<", "<=", "==", "!=")
    return st.tuples(compared, parts, parts).map(lambda three: "where({}, {}, {})".format(*three))


def _formulas(leaves: Strategy, reduced: Any) -> Strategy:
    def larger(parts: Strategy) -> Strategy:
        return st.one_of(
            _pairs(parts, "+", "-", "*"),
            parts.map(lambda part: f"{part} / 3"),
            parts.map(lambda part: f"{part} / (2 + tanh({part}))"),
            parts.map(lambda part: f"exp(tanh({part}))"),
            parts.map(lambda part: f"log1p(sigmoid({part}))"),
            parts.map(lambda part: f"sqrt(1 + {part} ** 2)"),
            parts.map(lambda part: f"-{part}"),
            _calls(parts),
            _chosen(leaves, parts),
            st.tuples(parts, parts).map(lambda two: f"max({two[0]}, {two[1]} * 1)"),
            st.tuples(parts, parts).map(lambda two: f"min({two[0]}, {two[1]} * 1)"),
            reduced(parts),
        )

    return st.recursive(leaves, larger, max_leaves=6)


def _over_axes(parts: Strategy) -> Strategy:
    ways = ("{}({})", "{}({}, rows)", "{}({}, columns)")
    names = st.sampled_from(("sum", "mean", "max", "min"))
    return st.tuples(st.sampled_from(ways), names, parts).map(
        lambda three: three[0].format(three[1], f"0 * a + {three[2]}")
    )


def _over_indices(parts: Strategy) -> Strategy:
    names = st.sampled_from(("sum", "mean", "max", "min"))
    ways = ("b[n, k] * {}", "{} + a[n, k - 1] * v[k]", "v[k] * {} * (k > j)", "v[k] - {}")
    bodies = st.tuples(parts, st.sampled_from(ways))
    return st.tuples(names, bodies).map(lambda two: f"{two[0]}({two[1][1].format(two[1][0])}, k)")


WHOLE = _formulas(st.sampled_from(("a", "b", "v", "c", "2", "0.1", "(a @ W)", "(b @ W.T).T.T")), _over_axes)
ENTRIES = _formulas(
    st.sampled_from(("a[n, j]", "b[n, j]", "b[n, j + 1]", "v[j]", "v[3 * n + j - 2]", "c", "2", "(n + j)", "0.1")),
    _over_indices,
)
OPERANDS = {"a": normal(2, 3), "b": normal(2, 3, seed=1), "v": normal(3, seed=2), "W": normal(3, 3, seed=3), "c": 0.3}
SIZES = (1e-160, 1e-3, 1.0, 1e3, 1e150)


def assert_within_its_bound(line: str, shape: tuple[int, ...], size: float) -> None:
    operands = {name: value * (size if name in "ab" else 1) for name, value in OPERANDS.items()}
    calculator, exact = Calculator(operands), Exact(operands, {"y": shape})
    try:
        calculator.run([read(line)], {"y": shape})
    except OptionError as error:
        assert "goes over nothing" in str(error)  # noqa: PT017 (of any other formula it is a mistake)
        return
    exact.run([line])
    value, bound = calculator.operands["y"], np.broadcast_to(calculator.errors["y"], shape)
    assert value.shape == exact.known["y"].shape
    for entry in np.ndindex(value.shape):
        if np.isfinite(bound[entry]) and np.isfinite(value[entry]):
            off = abs(MP.mpf(float(value[entry])) - exact.known["y"].at[entry])
            assert off <= 2 * EPS * bound[entry] + TINY, (line, entry)
            apart = number(calculator.take_apart(read(line), entry, value.shape), operands)
            assert abs(apart - value[entry]) <= 4 * EPS * bound[entry] + TINY, (line, entry)


@given(formula=WHOLE, size=st.sampled_from(SIZES))
def test_a_formula_of_whole_arrays_is_within_its_bound(formula: str, size: float) -> None:
    assert_within_its_bound(f"y = {formula} + 0 * a", (2, 3), size)


@given(formula=ENTRIES, size=st.sampled_from(SIZES))
def test_a_formula_of_entries_is_within_its_bound(formula: str, size: float) -> None:
    assert_within_its_bound(f"y[n, j] = {formula} + a[n, j]", (2, 3), size)


def test_of_a_formula_of_very_many_products_some_entries_are_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "MUCH", 100)
    operands = {"x": normal(9, 5), "W": normal(5, 8, seed=1)}
    calculator = Calculator(operands)
    calculator.run([read("y[n, k] = sum(x[n, i] * W[i, k], i)")], {"y": (9, 8)})
    value = calculator.operands["y"]
    known = np.isfinite(value)
    assert known.sum() == 20
    assert known[0, 0]
    assert known[-1, -1]
    np.testing.assert_allclose(value[known], (operands["x"] @ operands["W"])[known], rtol=1e-12)


KNOWN = {"x": normal(2, 3), "m": np.array([0, 2]), "e": np.zeros((0, 3)), "c": 2.0, "s": normal(2, 4, 3)}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("y = x @ x", "x @ x cannot be computed: x has shape (2, 3)"),
        ("y = x + z", "'z' in a formula is no input, no attribute, no index and not assigned before"),
        ("y[n, j] = x", "with indices every array needs one for each axis: y[n, j] = x"),
        ("y[n] = x[n, j] * c", "'j' in a formula is no input, no attribute, no index"),
        ("y[n] = x[n + 1, 0]", "index 'n' must stand alone in an array somewhere, to know how far it goes"),
        ("y = x[0, 0, 0]", "'x[0, 0, 0]' has 3 indices, but the array has 2 axes"),
        ("y = x[m]", "'x[m]' needs an index for each of the 2 axes of the array"),
        ("y = max(e)", "'max(e)' goes over nothing"),
        ("y = argmax(e)", "'argmax(e)' goes over nothing"),
        ("y[n] = max(x[n, j + 9], j)", "index 'j' must stand alone"),
        ("y[n] = max(x[n, j] * x[n, j + 9], j)", "'max(x[n, j] * x[n, j + 9], j)' goes over nothing"),
        ("y = rows(c)", "rows(c) cannot be computed: c has shape ()"),
        ("y = concat(x, s, axis=0)", "concat(x, s, axis=0) cannot be computed"),
        ("y[:, t] = c * c", "index 't' must stand alone in an array somewhere, to know how far it goes"),
    ],
)
def test_what_cannot_be_computed_is_said_with_the_shapes(line: str, told: str) -> None:
    with pytest.raises(OptionError, match=re.escape(told)):
        Calculator(KNOWN).run([read(line)])


def test_a_target_needs_an_index_for_each_axis() -> None:
    with pytest.raises(OptionError, match=re.escape("y has 2 axes: y[n] = c")):
        Calculator(KNOWN).run([read("y[n] = c")], {"y": (2, 3)})


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("y = argmax(x)", lambda: np.argmax(KNOWN["x"])),
        ("y = argmax(x, columns)", lambda: np.argmax(KNOWN["x"], axis=1, keepdims=True)),
        ("y = max(s[:, t], t)", lambda: KNOWN["s"].max(axis=1)),
        ("y = min(s[:, t], t)", lambda: KNOWN["s"].min(axis=1)),
        ("y = mean(s[:, t], t)", lambda: KNOWN["s"].mean(axis=1)),
        ("y[:, t] = 2 * s[:, t] + c", lambda: 2 * KNOWN["s"] + 2),
        ("y = sum(e, rows)", lambda: np.zeros((1, 3))),
        ("y = m // 2 + m % 2", lambda: np.array([0.0, 1.0])),
    ],
)
def test_a_formula_means_what_numpy_does(line: str, value: Any) -> None:
    calculator = Calculator(KNOWN)
    calculator.run([read(line)])
    np.testing.assert_allclose(calculator.operands["y"], value(), rtol=1e-14)
    y = calculator.operands["y"]
    for entry in np.ndindex(y.shape):
        apart = calculator.take_apart(read(line), entry, y.shape)
        known = KNOWN | {"max": max_of, "min": lambda *a: min(a), "argmax": lambda *a: int(np.argmax(a))}
        assert number(apart, known) == pytest.approx(y[entry], rel=1e-14)


def max_of(*numbers: float) -> float:
    return max(numbers)
