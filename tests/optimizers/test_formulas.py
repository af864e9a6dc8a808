"""The formulas that an optimizer states for its next step are what the step does."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from legonet import SGD, Adam, AdamW, OptionError, Parameter, RMSProp
from legonet.explain.bind import settle
from legonet.explain.evaluate import Calculator
from legonet.optimizers import Group, Optimizer
from strategies import normal, seeds

DECAYS = st.sampled_from([0.0, 0.1])
MAKERS: dict[str, Callable[..., Optimizer]] = {
    "SGD": SGD,
    "SGD with momentum": lambda p, **options: SGD(p, momentum=0.9, **options),
    "SGD with Nesterov's momentum": lambda p, **options: SGD(p, momentum=0.9, nesterov=True, **options),
    "Adam": Adam,
    "AdamW": AdamW,
    "RMSProp": RMSProp,
    "RMSProp with momentum": lambda p, **options: RMSProp(p, momentum=0.5, **options),
}


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@given(seed=seeds, decay=DECAYS, steps=st.integers(1, 3), data=st.data())
def test_the_formulas_give_the_values_and_the_state_of_the_next_step(
    name: str, dtype: Any, seed: int, decay: float, steps: int, data: st.DataObject
) -> None:
    parameters = {"a": Parameter(normal(2, 3, seed=seed, dtype=dtype)), "b": Parameter(normal(3, dtype=dtype))}
    groups = data.draw(st.sampled_from([[], [Group("b", lr_factor=0.5, weight_decay=0.2)]]))
    optimizer = MAKERS[name]([*parameters.items()], lr=0.1, weight_decay=decay, groups=groups)
    for step in range(steps):
        wanted = []
        for number, parameter in enumerate(parameters.values()):
            parameter.grad += normal(*parameter.value.shape, seed=seed + step + number, dtype=dtype)
            formulas = optimizer.formulas(parameter)
            assert formulas is not None
            before = {f"{letter}_old": kept for letter, kept in optimizer.state(parameter).items()}
            given_now = {"θ": parameter.value.copy(), "g": parameter.grad.copy(), **before}
            bound = settle(formulas, given_now, parameter.value)
            calculator = Calculator(bound.values)
            calculator.run(bound.forward)
            wanted.append(calculator.operands)
        optimizer.step()
        tolerance = 8 * float(np.finfo(dtype).eps)
        for parameter, operands in zip(parameters.values(), wanted, strict=True):
            np.testing.assert_allclose(parameter.value, operands["θ_new"], rtol=tolerance, atol=tolerance)
            for letter, kept in optimizer.state(parameter).items():
                np.testing.assert_allclose(kept, operands[letter], rtol=tolerance, atol=tolerance)


def test_a_frozen_parameter_has_no_formulas_and_no_state() -> None:
    parameters = [("a", Parameter(np.ones(2))), ("b", Parameter(np.ones(3)))]
    adam = Adam(parameters, groups=[Group("a", frozen=True)])
    assert adam.formulas(parameters[0][1]) is None
    assert adam.state(parameters[0][1]) == {}
    assert set(adam.state(parameters[1][1])) == {"m", "v"}


def test_the_state_is_a_copy_in_the_shape_of_the_parameter() -> None:
    weight = Parameter(np.ones((2, 3)))
    adam = Adam([weight])
    state = adam.state(weight)
    state["m"][:] = 7.0
    assert np.array_equal(adam.state(weight)["m"], np.zeros((2, 3)))


def test_a_parameter_of_another_network_is_refused() -> None:
    sgd = SGD([Parameter(np.ones(2))], lr=0.1)
    for method in (sgd.formulas, sgd.state):
        with pytest.raises(OptionError, match=r"^SGD needs a parameter that it moves, but got Parameter"):
            method(Parameter(np.ones(2)))


def test_an_optimizer_of_ones_own_needs_no_formulas() -> None:
    class Sign(Optimizer):
        def update(self, theta: Any, g: Any, slots: Any, lr: float, weight_decay: float) -> None:
            theta -= lr * np.sign(g)

    weight = Parameter(np.ones(2))
    sign = Sign([weight], lr=0.1)
    assert sign.formulas(weight) is None
    assert sign.state(weight) == {}
