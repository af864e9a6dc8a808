"""Every formula that a brick states is true: computed from its operands, it gives what the brick computes."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from legonet import Array, Brick
from legonet.explain.bind import Bound, bind
from legonet.explain.evaluate import Calculator
from strategies import cases_of, every_brick, like, parts, same_draws


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


@every_brick()
@given(data=st.data())
def test_the_formulas_give_what_the_brick_computes(kind: type[Brick[Any]], data: st.DataObject) -> None:
    if not hasattr(kind, "formulas"):
        pytest.skip("its parts have formulas")
    brick, inputs = data.draw(cases_of(kind))
    bound, operands, results = computed(brick, inputs, data.draw(st.integers(0, 99)))
    shapes = {name: np.shape(value) for name, value in results.items()}
    calculator = Calculator(operands)
    calculator.run(bound.forward, shapes)
    made = {name: calculator.operands[name] for name in bound.outputs}
    for name in bound.outputs:
        calculator.operands[name] = np.asarray(results[name], float)  # as backward has it from the brick
    calculator.run(bound.backward, shapes)
    stated = {statement.target for statement in bound.forward + bound.backward}
    assert results.keys() <= stated, f"no formula for {sorted(results.keys() - stated)}"
    for name, result in results.items():
        wanted, found = np.asarray(result), np.asarray(made.get(name, calculator.operands[name]))
        assert found.shape == wanted.shape, name
        limit = 8 * np.finfo(float).eps * np.broadcast_to(calculator.errors[name], wanted.shape) + 1e-300
        assert not np.any(np.abs(found - wanted) > limit), name
