"""Every formula that a brick states is true: computed from its operands, it gives what the brick computes."""

import ast
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from exact import Entries, Exact
from formula_mutants import mutants_of
from legonet import Array, Brick
from legonet.errors import OptionError
from legonet.explain.bind import Bound, bind
from legonet.explain.evaluate import Calculator
from legonet.explain.language import Statement, names_in, read
from strategies import cases_of, every_brick, like, parts, same_draws

SHARE = 0.7
"""How many of the mistakes must be found: the others say the same on small arrays, as a mean of one number does."""


def computed(brick: Brick[Any], inputs: tuple[Array, ...], seed: int) -> tuple[Bound, dict[str, Any], dict[str, Any]]:
    """Return the formulas of a brick, their operands, and what the brick makes of them, by name."""
    with same_draws(brick):
        y, cache = brick.forward(*inputs)
        dy = like(y, seed)
        for parameter in brick.parameters():
            parameter.grad[...] = 0
        dx = brick.backward(dy, cache)
    bound = bind(brick, inputs, y, cache=cache)
    assert bound is not None
    operands = dict(bound.values)
    operands |= {
        f"d{name}": one for name, one in zip(bound.outputs, dy if isinstance(dy, tuple) else [dy], strict=True)
    }
    results = dict(zip(bound.outputs, y if isinstance(y, tuple) else [y], strict=True))
    floats = [name for name, x in zip(bound.inputs, inputs, strict=True) if x is not None and x.dtype.kind == "f"]
    if not isinstance(y, np.ndarray | tuple):
        floats = floats[:1]
    results |= {f"d{name}": one for name, one in zip(floats, parts(dx), strict=False)}
    results |= {f"d{name}": parameter.grad.copy() for name, parameter in bound.parameters.items()}
    return bound, operands, results


EPS = float(np.finfo(float).eps)
FACTOR = 4
"""How many times the bound of a formula's rounding error a brick may be off, which computes otherwise."""
TINY = 1e-300
"""What is lost where numbers are too small for a float."""


def run_by_calculator(bound: Bound, operands: dict[str, Any], results: dict[str, Any]) -> Calculator:
    """Compute the formulas in float64, those of the backward pass from the outputs of the brick, as it does.

    A brick that computes in another way may have the rounding errors of operands that are off by one rounding.
    """
    shapes = {name: np.shape(value) for name, value in results.items()}
    calculator = Calculator(operands)
    calculator.errors = {name: np.abs(value) for name, value in operands.items() if is_float(value)}
    calculator.run(bound.forward, shapes)
    stated = {name: (calculator.operands[name], calculator.errors.get(name, 0.0)) for name in bound.outputs}
    for name in bound.outputs:
        calculator.operands[name] = np.asarray(results[name], float)
        calculator.errors[name] = np.abs(calculator.operands[name])
    calculator.run(bound.backward, shapes)
    for name, (value, error) in stated.items():
        calculator.operands[name], calculator.errors[name] = value, error
    return calculator


def run_exactly(bound: Bound, operands: dict[str, Any], results: dict[str, Any]) -> Exact:
    """Compute the same in forty digits."""
    exact = Exact(operands, {name: np.shape(value) for name, value in results.items()})
    exact.run(map(str, bound.forward))
    stated = {name: exact.known[name] for name in bound.outputs}
    exact.known |= {name: Entries.of(results[name]) for name in bound.outputs}
    exact.run(map(str, bound.backward))
    exact.known |= stated
    return exact


def is_float(value: Any) -> bool:
    return np.asarray(value).dtype.kind == "f"


def allowed(calculator: Calculator, name: str, result: Any) -> Any:
    """Return how far a result of a brick may be from its formula: rounding errors of both, and of the result."""
    errors = np.broadcast_to(calculator.errors[name], np.shape(result))
    return EPS * (FACTOR * errors + np.abs(result)) + TINY


def unlike(found: Any, result: Any, limit: Any) -> bool:
    if np.shape(found) != np.shape(result):
        return True
    return not np.all((np.abs(np.asarray(found) - result) <= limit) | (np.asarray(found) == result))


@every_brick()
@given(data=st.data())
def test_the_formulas_give_what_the_brick_computes(kind: type[Brick[Any]], data: st.DataObject) -> None:
    if not hasattr(kind, "formulas"):
        pytest.skip("its parts have formulas")
    brick, inputs = data.draw(cases_of(kind))
    bound, operands, results = computed(brick, inputs, data.draw(st.integers(0, 99)))
    with np.errstate(all="ignore"):
        calculator = run_by_calculator(bound, operands, results)
    stated = {statement.target for statement in bound.forward + bound.backward}
    assert results.keys() <= stated, f"no formula for {sorted(results.keys() - stated)}"
    for name, result in results.items():
        limit = allowed(calculator, name, result)
        assert np.all(np.isfinite(limit) | ~np.isfinite(result)), f"no bound of the error of {name}"
        assert not unlike(calculator.operands[name], result, limit), name


@every_brick()
@settings(max_examples=settings.default.max_examples // 3)
@given(data=st.data())
def test_no_formula_is_wrong_when_computed_exactly(kind: type[Brick[Any]], data: st.DataObject) -> None:
    if not hasattr(kind, "formulas"):
        pytest.skip("its parts have formulas")
    brick, inputs = data.draw(cases_of(kind))
    bound, operands, results = computed(brick, inputs, data.draw(st.integers(0, 99)))
    calculator, exact = run_by_calculator(bound, operands, results), run_exactly(bound, operands, results)
    for name, result in results.items():
        value = exact.known[name]
        assert value.shape == np.shape(result), name
        limit = allowed(calculator, name, result)
        for place in np.ndindex(value.shape):
            off = abs(value.at[place] - Entries.of(np.asarray(result)[place]).alone)
            assert value.at[place] == np.asarray(result)[place] or off <= limit[place], (name, place)


@every_brick()
def test_every_line_leads_to_a_result(kind: type[Brick[Any]]) -> None:
    if not hasattr(kind, "formulas"):
        pytest.skip("its parts have formulas")
    for bound, _, results in some_cases(kind):
        lines = bound.forward + bound.backward
        used = {name for statement in lines for name in names_in(statement.formula)}
        for statement in lines:
            assert statement.target in results.keys() | used or is_a_factor(bound, statement), str(statement)


@every_brick()
def test_mistakes_in_every_line_are_found(kind: type[Brick[Any]]) -> None:
    if not hasattr(kind, "formulas"):
        pytest.skip("its parts have formulas")
    cases = [case for case in some_cases(kind) if all(np.size(result) for result in case[2].values())]
    lines = dict.fromkeys(str(line) for bound, _, _ in cases for line in bound.forward + bound.backward)
    found: dict[str, list[bool]] = {}
    for line in lines:
        for mutant in mutants_of(line):
            found.setdefault(line, []).append(any(is_found(case, line, mutant) for case in cases))
    assert found
    assert [line for line, outcomes in found.items() if not any(outcomes)] == []
    every = [outcome for outcomes in found.values() for outcome in outcomes]
    assert sum(every) >= SHARE * len(every)


@cache
def some_cases(kind: type[Brick[Any]]) -> list[tuple[Bound, dict[str, Any], dict[str, Any]]]:
    """Return the formulas of a few bricks of a kind, their operands, and what the brick makes of them."""
    found: list[Any] = []

    @seed(0)
    @settings(max_examples=20, database=None, phases=[Phase.generate], suppress_health_check=[*HealthCheck])
    @given(cases_of(kind), st.integers(0, 99))
    def draw(case: Any, number: int) -> None:
        found.append(computed(*case, number))

    draw()
    return found


def is_a_factor(bound: Bound, statement: Statement) -> bool:
    """Whether a line states a local derivative that stands in the line of the gradient, word for word."""
    local = bound.local(statement.target)
    gradients = [str(line) for line in bound.backward if local and line.target == f"d{local[1]}"]
    return bool(gradients) and ast.unparse(statement.formula) in gradients[0]


def is_found(case: tuple[Bound, dict[str, Any], dict[str, Any]], line: str, mutant: str) -> bool:
    """Whether a case shows that a mutant of a line is wrong."""
    bound, operands, results = case
    if line not in map(str, bound.forward + bound.backward):
        return False
    forward, backward = [
        [read(mutant) if str(statement) == line else statement for statement in statements]
        for statements in (bound.forward, bound.backward)
    ]
    changed = replace(bound, forward=forward, backward=backward)
    used = {name for statement in forward + backward for name in names_in(statement.formula)}
    if read(line).target not in used | results.keys():
        return not is_a_factor(changed, read(mutant))
    try:
        calculator = run_by_calculator(changed, operands, results)
    except (OptionError, ValueError, IndexError):
        return True
    stated = run_by_calculator(bound, operands, results)
    return any(unlike(calculator.operands[name], y, allowed(stated, name, y)) for name, y in results.items())
