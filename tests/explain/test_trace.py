"""The trace of a step: it is the step that the network makes, and every number in it has its place."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from legonet import SGD, Array, Brick, Linear, MSELoss, Residual, Sequential, Sigmoid
from legonet.explain import Explanation, explain
from legonet.training import backpropagate
from networks import Training, trainings
from strategies import cases_of, every_brick, fingerprint, like, normal, same_draws


def assert_whole(explanation: Explanation) -> None:
    """Every term is what its formula says, and none is without a place."""
    for step in explanation:
        symbols = [str(term.symbol) for term in step]
        assert len(symbols) == len(set(symbols)), symbols
        forward = [
            np.asarray(term.value) for term in (*step.given, *step.forward) if term.role in ("data", "activation")
        ]
        forward += [array[:, ::-1] for array in forward if array.ndim > 2]  # as Bidirectional turns them
        twins = any(np.array_equal(a, b) for k, a in enumerate(forward) for b in forward[k + 1 :])
        for term in step:
            assert term.agrees is not False, (term.symbol, term.note)
            assert not term.note or twins, (term.symbol, term.note)  # equal arrays cannot be told apart
            for operand in term.operands:
                assert any(user is term for user in operand.users)


def assert_is_the_step(explanation: Explanation, training: Training) -> None:
    """The gradients are those of `backpropagate`, to the last bit where each is added up once."""
    for parameter in training.net.parameters():
        parameter.zero_grad()
    with same_draws(training.net):
        result = backpropagate(*training[:4], regularizers=training.regularizers)
    step = explanation.steps[0]
    loss = next(term for term in reversed(step.loss) if term.role == "loss")
    np.testing.assert_allclose(loss.value, result.loss + result.penalty, rtol=1e-14, atol=0)
    gradients = [term for term in step.backward if term.role == "parameter gradient" and not term.symbol.via]
    values = {str(term.symbol.of): term.value for term in gradients}
    parameters = [term for term in step.given if term.role == "parameter"]
    found = [values[str(term.symbol)] for term in parameters if str(term.symbol) in values]
    wanted = [parameter.grad for parameter in training.net.parameters()]
    eps = 8 * float(np.finfo(wanted[0].dtype).eps) if wanted else 0
    for gradient in found:
        assert any(
            gradient.shape == one.shape and np.allclose(gradient, one, rtol=eps, atol=eps * np.abs(one).max(initial=0))
            for one in wanted
        )
    assert len(found) == len(wanted)


@every_brick()
@settings(max_examples=15)
@given(data=st.data())
def test_every_brick_is_explained_by_its_formulas(kind: type[Brick[Any]], data: st.DataObject) -> None:
    brick, inputs = data.draw(cases_of(kind))
    with same_draws(brick):
        y = brick.forward(*inputs)[0]
    if isinstance(y, np.ndarray) and y.ndim:
        training = Training(brick, MSELoss(), inputs, like(y), [])
    else:
        pytest.skip("a loss or a regularizer, which stand at the end of a network")
    explanation = explain(training.net, training.loss, training.x, training.target, check=False)
    assert explanation.steps[0].failure is None
    assert_whole(explanation)
    assert_is_the_step(explanation, training)


@given(trainings())
def test_every_network_is_explained_by_the_formulas_of_its_bricks(training: Training) -> None:
    net, loss, x, target, regularizers = training
    before = fingerprint(*net.parameters(), x, target)
    explanation = explain(net, loss, x, target, regularizers=regularizers, check=False)
    assert fingerprint(*net.parameters(), x, target) == before
    assert_whole(explanation)
    assert_is_the_step(explanation, training)


@settings(max_examples=20)
@given(trainings(np.float32))
def test_float32_networks_are_explained_in_their_own_numbers(training: Training) -> None:
    explanation = explain(*training[:4], regularizers=training.regularizers, check=False)
    assert_whole(explanation)
    assert_is_the_step(explanation, training)
    assert {np.asarray(t.value).dtype for t in explanation.steps[0] if t.role == "parameter gradient"} <= {
        np.dtype(np.float32)
    }


@settings(max_examples=20)
@given(trainings())
def test_each_gradient_has_the_badge_of_finite_differences(training: Training) -> None:
    explanation = explain(*training[:4], regularizers=training.regularizers)
    for term in explanation.steps[0].backward:
        if term.role == "parameter gradient" and not term.symbol.via:
            assert term.badge is not None
            assert term.badge.outcome != "wrong"
            for difference in term.badge.differences:
                assert difference.analytic == term.value[difference.entry]


def two_layers() -> Sequential:
    return Sequential(Linear(2, 3, rng=0), Sigmoid(), Linear(3, 2, rng=1), Sigmoid())


def test_steps_follow_each_other() -> None:
    net, x, target = two_layers(), normal(4, 2), normal(4, 2, seed=1)
    sgd = SGD(net.parameters(), lr=0.5)
    explanation = explain(net, MSELoss(), x, target, optimizer=sgd, steps=3)
    assert [step.number for step in explanation] == [1, 2, 3]
    for step, following in zip(explanation.steps[:-1], explanation.steps[1:], strict=True):
        for name in ("W1", "b1", "W2", "b2"):
            assert np.array_equal(step[f"{name}*"].value, following[name].value)
    assert sgd.steps == 0
    for _ in range(3):
        backpropagate(net, MSELoss(), x, target)
        sgd.step()
    assert np.array_equal(explanation.steps[-1]["W1*"].value, net[0].weight.value)


def test_a_gradient_that_is_used_twice_is_known_as_reused() -> None:
    step = explain(two_layers(), MSELoss(), normal(4, 2), normal(4, 2, seed=1)).steps[0]
    assert [str(term) for term in step if term.reused] == ["dL/dz2", "dL/dz1"]
    assert {str(user) for user in step["dL/dz2"].users} == {"dL/dW2", "dL/db2", "dL/dh1"}


def test_the_chain_rule_is_the_articles() -> None:
    step = explain(two_layers(), MSELoss(), normal(4, 2), normal(4, 2, seed=1)).steps[0]
    (product,) = step["dL/dW1"].chain
    assert [str(factor.symbol) for factor in product] == ["dL/dh1", "dh1/dz1", "dz1/dW1"]
    assert [factor.reused for factor in product] == [True, False, False]


def test_branches_are_summed() -> None:
    net = Sequential(Linear(2, 2, rng=0), Residual(Sigmoid()))
    step = explain(net, MSELoss(), normal(4, 2), normal(4, 2, seed=1)).steps[0]
    total = step["dL/dz1"]
    assert [str(operand) for operand in total.operands] == ["dL/dh2", "dL/dz1|h1"]
    assert [[str(factor.symbol) for factor in product] for product in total.chain] == [
        ["dL/dh2", "dh2/dz1"],
        ["dL/dh2", "dh1/dz1"],
    ]


class Wrong(Brick[Array]):
    def forward(self, x: Array) -> tuple[Array, Array]:
        return x**2, x

    def backward(self, dy: Array, x: Array) -> Array:
        raise ValueError("not written yet")


def test_a_network_that_fails_is_explained_up_to_the_brick_that_failed() -> None:
    net = Sequential(Linear(2, 3, rng=0), Sigmoid(), Linear(4, 2, rng=1))
    step = explain(net, MSELoss(), normal(4, 2), normal(4, 2)).steps[0]
    assert [str(term) for term in step.forward] == ["z1", "h1"]
    assert step.failure is not None
    assert (step.failure.place, step.failure.brick, step.failure.phase) == ("net[2]", "Linear(4, 2)", "forward")
    assert [str(operand) for operand in step.failure.operands] == ["h1"]


def test_what_is_no_array_is_refused_by_the_brick_that_got_it() -> None:
    net, x = two_layers(), normal(4, 2)
    for data, target, place in (([[1.0, 2.0]], x, "net[0]"), (x, None, "loss")):
        explanation = explain(net, MSELoss(), data, target)
        failure = explanation.steps[0].failure
        assert failure is not None
        assert failure.place == place
        assert "NumPy array" in explanation.text()
        assert "NumPy array" in explanation.html()


def test_a_backward_pass_that_fails_is_explained_down_to_the_brick_that_failed() -> None:
    net = Sequential(Linear(2, 3, rng=0), Residual(Wrong()), Linear(3, 2, rng=1))
    step = explain(net, MSELoss(), normal(4, 2), normal(4, 2)).steps[0]
    assert step.failure is not None
    assert (step.failure.place, step.failure.phase) == ("net[1].brick", "backward")
    assert "dL/dW2" in [str(term) for term in step.backward] or "dL/dW3" in [str(term) for term in step.backward]


def test_what_is_not_finite_is_marked_where_it_arose() -> None:
    net = two_layers()
    net[2].weight.value[0, 0] = 1e308
    x = np.array([[1.0, 2.0], [np.inf, 1.0]])
    step = explain(net, MSELoss(), x, normal(2, 2)).steps[0]
    assert [str(term) for term in step if term.arose] == ["x"]
    net[2].weight.value[:] = 1e308
    step = explain(net, MSELoss(), 30 * np.ones((2, 2)), normal(2, 2)).steps[0]
    assert "z2" in [str(term) for term in step if term.arose] or not any(term.arose for term in step)
