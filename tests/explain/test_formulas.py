"""Every formula that a brick states is true: computed from its operands, it gives what the brick computes."""

import ast
from dataclasses import replace
from functools import cache, cached_property
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from exact import Entries, Exact
from formula_mutants import mutants_of
from legonet import Array, Brick
from legonet.errors import OptionError
from legonet.explain.bind import Bound, bind
from legonet.explain.evaluate import Calculator
from legonet.explain.language import Statement, names_in, read
from strategies import cases_of, every_brick, like, normal, parts, same_draws

ROUNDS = 8
"""How often 100 cases are drawn at most, to find some that tell a mistake from the truth."""

SHARES = "what multiplies every exponential drops out of the shares"
SAME = {
    "e = -exp(y - max(y, columns))": SHARES,
    "e = 2 * exp(y - max(y, columns))": SHARES,
    "e = exp(y + max(y, columns))": SHARES,
    "e = exp(y)": SHARES,
    "e = exp(y - min(y, columns))": SHARES,
    "E[n, h, i, j] = -exp(S[n, h, i, j])": SHARES,
    "E[n, h, i, j] = 2 * exp(S[n, h, i, j])": SHARES,
    "E[n, h, i, j] = -(exp(S[n, h, i, j]) * (j <= i))": SHARES,
    "E[n, h, i, j] = 2 * (exp(S[n, h, i, j]) * (j <= i))": SHARES,
    "E[n, h, i, j] = 2 * (exp(S[n, h, i, j]) * mask[n, j])": SHARES,
    "E[n, h, i, j] = 2 * (exp(S[n, h, i, j]) * (j <= i) * mask[n, j])": SHARES,
    "dy = dL * (p - t) / N": "the probabilities t of a row add up to 1",
    "dy = dL * (p / sum(t, columns) - t) / N": "the same",
}
"""Mutants of formulas that say the same in other words, and why."""


def computed(brick: Brick[Any], inputs: tuple[Array, ...], seed: int) -> tuple[Bound, dict[str, Any], dict[str, Any]]:
    """Return the formulas of a brick, their operands, and what the brick makes of them, by name."""
    for number, parameter in enumerate(brick.parameters()):  # also biases, which start at 0
        parameter.value[...] = normal(*parameter.value.shape, seed=seed + number)
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
FACTOR = 2
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


@every_brick(stated=True)
@given(data=st.data())
def test_the_formulas_give_what_the_brick_computes(kind: type[Brick[Any]], data: st.DataObject) -> None:
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


@every_brick(stated=True)
@settings(max_examples=settings.default.max_examples // 3)
@given(data=st.data())
def test_no_formula_is_wrong_when_computed_exactly(kind: type[Brick[Any]], data: st.DataObject) -> None:
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


@every_brick(stated=True)
def test_every_line_leads_to_a_result(kind: type[Brick[Any]]) -> None:
    for case in telling_cases(kind):
        lines = case.bound.forward + case.bound.backward
        used = {name for statement in lines for name in names_in(statement.formula)}
        for statement in lines:
            known = statement.target in case.results.keys() | used
            assert known or is_a_factor(case.bound, statement), str(statement)


@every_brick(stated=True)
def test_every_mistake_in_a_formula_is_found(kind: type[Brick[Any]]) -> None:
    cases = telling_cases(kind)
    lines = dict.fromkeys(line for case in cases for line in case.lines)
    mutants = [(line, mutant) for line in lines for mutant in mutants_of(line)]
    missed = [mutant for line, mutant in mutants if not any(case.shows(line, mutant) for case in cases)]
    assert len(mutants) >= 4
    assert [mutant for mutant in missed if mutant not in SAME] == []


class Case:
    """Formulas of a brick, their operands, and what the brick makes of them."""

    def __init__(self, bound: Bound, operands: dict[str, Any], results: dict[str, Any]) -> None:
        self.bound, self.operands, self.results = bound, operands, results
        self.lines = tuple(map(str, bound.forward + bound.backward))

    @cached_property
    def limits(self) -> dict[str, Any]:
        calculator = run_by_calculator(self.bound, self.operands, self.results)
        return {name: allowed(calculator, name, result) for name, result in self.results.items()}

    @property
    def tells(self) -> bool:
        """Whether there is no axis of one entry or none, and no index that goes over one place: they hide mistakes."""
        shapes = [np.shape(value) for value in (*self.operands.values(), *self.results.values())]
        return all(size > 1 for shape in shapes for size in shape)

    def shows(self, line: str, mutant: str) -> bool:
        """Whether it shows that a mutant of a line is wrong."""
        if line not in self.lines:
            return False
        forward, backward = [
            [read(mutant) if str(statement) == line else statement for statement in statements]
            for statements in (self.bound.forward, self.bound.backward)
        ]
        changed = replace(self.bound, forward=forward, backward=backward)
        used = {name for statement in forward + backward for name in names_in(statement.formula)}
        if read(line).target not in used | self.results.keys():
            return not is_a_factor(changed, read(mutant))
        try:
            values = run_by_calculator(changed, self.operands, self.results).operands
        except OptionError:
            return True
        return any(unlike(values[name], result, self.limits[name]) for name, result in self.results.items())


@cache
def telling_cases(kind: type[Brick[Any]]) -> list[Case]:
    """Draw cases of a brick, and return the largest ones of a few ways to write its formulas."""
    found: dict[tuple[str, ...], list[Case]] = {}

    @settings(max_examples=100, database=None, phases=[Phase.generate], suppress_health_check=[*HealthCheck])
    @given(cases_of(kind), st.integers(0, 99))
    def draw(case: Any, number: int) -> None:
        made = Case(*computed(*case, number))
        found.setdefault(made.lines, []).append(made)

    for number in range(ROUNDS):
        seed(number)(draw)()
        telling = [[case for case in cases if case.tells] for cases in found.values()]
        if max(map(len, telling)) >= 8:
            break
    most = max(map(len, telling))
    ways = sorted([cases for cases in telling if 2 * len(cases) >= most], key=len, reverse=True)[:4]
    return [case for cases in ways for case in cases]


def is_a_factor(bound: Bound, statement: Statement) -> bool:
    """Whether a line states a local derivative that stands in the line of the gradient, word for word, or is 1."""
    local = bound.local(statement.target)
    gradients = [str(line) for line in bound.backward if local and line.target == f"d{local[1]}"]
    stated = ast.unparse(statement.formula)
    return bool(gradients) and (stated == "1" if stated.isdigit() else stated in gradients[0])
