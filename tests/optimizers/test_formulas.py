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


SHARES = st.sampled_from([0.0, 0.1, 0.5, 0.9, 0.99, 0.999])
EPSILONS = st.sampled_from([1e-20, 1e-8, 1e-3, 1.0])
OPTIONS: dict[type[Optimizer], st.SearchStrategy[dict[str, Any]]] = {
    SGD: st.one_of(
        st.fixed_dictionaries({"momentum": SHARES}),
        st.fixed_dictionaries({"momentum": SHARES.filter(bool), "nesterov": st.just(True)}),
    ),
    Adam: st.fixed_dictionaries({"beta1": SHARES, "beta2": SHARES, "eps": EPSILONS}),
    AdamW: st.fixed_dictionaries({"beta1": SHARES, "beta2": SHARES, "eps": EPSILONS}),
    RMSProp: st.fixed_dictionaries({"rho": SHARES, "eps": EPSILONS, "momentum": SHARES}),
}
GROUPS = [
    Group("b", lr_factor=0.5, weight_decay=0.2),
    Group("[bc]", weight_decay=0.0),
    Group("a", lr_factor=0.0),
    Group("c", frozen=True),
]


@pytest.mark.parametrize("kind", OPTIONS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=lambda dtype: dtype.__name__)
@given(data=st.data(), seed=seeds)
def test_with_any_options_a_step_is_its_formula_but_for_rounding(
    kind: type[Optimizer], dtype: Any, data: st.DataObject, seed: int
) -> None:
    options = data.draw(OPTIONS[kind]) | {"lr": data.draw(st.floats(1e-4, 10.0)), "weight_decay": data.draw(DECAYS)}
    shapes = {"a": (2, 3), "b": (3,), "c": (), "d": (0, 4), "e": (2, 3)}
    parameters = {name: Parameter(np.asarray(normal(*shapes[name], seed=seed), dtype)) for name in shapes}
    groups = data.draw(st.lists(st.sampled_from(GROUPS), unique=True))
    optimizer = kind([*parameters.items()], groups=groups, **options)
    for number in range(data.draw(st.integers(1, 4))):
        optimizer.lr = options["lr"] / (number + 1)
        wanted = {}
        for name, parameter in parameters.items():
            size = data.draw(st.sampled_from([0.0, 1e-6, 1.0, 1e3]))
            parameter.grad += np.asarray(size * normal(*shapes[name], seed=seed + number), dtype)
            formulas = optimizer.formulas(parameter)
            assert (formulas is None) == any(group.frozen for group in groups if group.pattern == name)
            if formulas is not None:
                assert not formulas.backward
                known = {"θ": parameter.value.copy(), "g": parameter.grad.copy()}
                known |= {f"{letter}_old": kept for letter, kept in optimizer.state(parameter).items()}
                bound = settle(formulas, known, parameter.value)
                wanted[name] = Calculator(bound.values)
                wanted[name].run(bound.forward)
        optimizer.step()
        for name, calculator in wanted.items():
            results = {"θ_new": parameters[name].value, **optimizer.state(parameters[name])}
            for letter, result in results.items():
                assert result.shape == shapes[name]
                limit = 8 * float(np.finfo(dtype).eps) * np.broadcast_to(calculator.errors[letter], result.shape)
                off = np.abs(calculator.operands[letter] - result.astype(float))
                assert np.all(off <= limit + float(np.finfo(dtype).smallest_normal)), letter


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


def test_a_subclass_with_another_update_does_not_state_the_formulas_of_its_base() -> None:
    class Backwards(SGD):
        def update(self, theta: Any, g: Any, slots: Any, lr: float, weight_decay: float) -> None:
            theta += lr * g

    class Named(SGD):
        pass

    weight = Parameter(np.ones(2))
    assert Backwards([weight], lr=0.1).formulas(weight) is None
    assert Named([weight], lr=0.1).formulas(weight) == SGD([weight], lr=0.1).formulas(weight)


def test_what_an_optimizer_of_ones_own_keeps_is_told_even_if_it_has_no_letters() -> None:
    class Counting(Optimizer):
        letters = ("c",)

        def update(self, theta: Any, g: Any, slots: Any, lr: float, weight_decay: float) -> None:
            slots[0] += 1.0
            slots[1] += 2.0

    weight = Parameter(np.ones(2))
    counting = Counting([weight], lr=0.1, slots=2)
    counting.step()
    assert {letter: kept.tolist() for letter, kept in counting.state(weight).items()} == {
        "c": [1.0, 1.0],
        "slot2": [2.0, 2.0],
    }
