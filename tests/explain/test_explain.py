"""What explain is asked for: options are checked, everything given stays as it was, and odd parts are explained too."""

import copy
import re
import threading
from typing import Any

import numpy as np
import pytest

from legonet import SGD, Brick, Formulas, Linear, MSELoss, OptionError, Parameter, Sequential, Sigmoid
from legonet.arrays import Array
from legonet.explain import Explanation, explain
from legonet.optimizers import Optimizer
from strategies import normal

X, T = normal(4, 2), normal(4, 2, seed=1)


def net() -> Sequential:
    return Sequential(Linear(2, 3, rng=0), Sigmoid(), Linear(3, 2, rng=1))


def assert_every_view(explanation: Explanation) -> str:
    """Write all three views, and return the text."""
    assert "<math" in explanation.html()
    assert r"\subsection*{Given}" in explanation.latex()
    return explanation.text()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"net": print}, "explain needs net as a Brick, but net is <built-in function print>"),
        ({"net": Linear}, "explain needs net as a Brick"),
        ({"loss": "mse"}, "explain needs loss as a Brick, but loss is mse"),
        ({"regularizers": Sigmoid()}, "explain needs regularizers as a list of bricks, but it is Sigmoid()"),
        ({"regularizers": 1}, "explain needs regularizers as a list of bricks, but it is 1"),
        ({"regularizers": [1]}, "explain needs regularizers as a list of bricks, but one is 1"),
        ({"optimizer": 0.1}, "explain needs optimizer as an Optimizer, but it is 0.1"),
        ({"steps": 0}, "steps"),
        ({"steps": -1}, "steps"),
        ({"steps": 1.5}, "steps"),
        ({"steps": True}, "steps"),
        ({"steps": 2}, "explain needs an optimizer for more than one step"),
        ({"check": "yes"}, "check"),
    ],
)
def test_what_cannot_be_explained_is_refused(change: dict[str, Any], told: str) -> None:
    given: dict[str, Any] = {"net": net(), "loss": MSELoss(), "x": X, "target": T}
    with pytest.raises(OptionError, match=re.escape(told)):
        explain(**given | change)


class Locked(Sigmoid):
    """Cannot be copied."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


def test_a_network_that_cannot_be_copied_is_refused_with_the_reason() -> None:
    with pytest.raises(OptionError, match=re.escape("explain works on copies, but copy.deepcopy fails: TypeError")):
        explain(Locked(), MSELoss(), X, T)


def test_nothing_that_is_given_changes() -> None:
    brick, x, target = net(), X.copy(), T.copy()
    sgd = SGD(brick.parameters(), lr=0.1, momentum=0.9)
    brick[0].weight.grad[:] = 7.0
    np.random.seed(5)  # noqa: NPY002 (the generator that must be left alone)
    before = copy.deepcopy([(p.value, p.grad) for p in brick.parameters()]), np.random.get_state()[1].copy()  # type: ignore[index,union-attr] # noqa: NPY002
    explain(brick, MSELoss(), x, target, optimizer=sgd, steps=3)
    for parameter, (value, grad) in zip(brick.parameters(), before[0], strict=True):
        np.testing.assert_array_equal(parameter.value, value)
        np.testing.assert_array_equal(parameter.grad, grad)
    np.testing.assert_array_equal(np.random.get_state()[1], before[1])  # type: ignore[index] # noqa: NPY002
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(target, T)
    assert sgd.steps == 0


class Halving(Optimizer):
    """Halves what the gradient says, and states no formulas."""

    def update(self, theta: Array, g: Array, slots: Any, lr: float, weight_decay: Any) -> None:
        theta -= 0.5 * lr * g


class Failing(Optimizer):
    """Makes no step."""

    def update(self, theta: Array, g: Array, slots: Any, lr: float, weight_decay: Any) -> None:
        raise ValueError("no step today")


def test_an_optimizer_without_formulas_shows_its_numbers() -> None:
    brick = net()
    explanation = explain(brick, MSELoss(), X, T, optimizer=Halving(brick.parameters(), lr=0.1), steps=2)
    step = explanation.steps[0]
    np.testing.assert_allclose(step["W1*"].value, step["W1"].value - 0.05 * step["dL/dW1"].value, rtol=1e-14)
    assert "Halving" in assert_every_view(explanation)


def test_an_optimizer_that_fails_is_told_in_its_place() -> None:
    brick = net()
    explanation = explain(brick, MSELoss(), X, T, optimizer=Failing(brick.parameters(), lr=0.1))
    failure = explanation.steps[0].failure
    assert failure is not None
    assert failure.phase == "update"
    assert "no step today" in assert_every_view(explanation)


def test_only_the_parameters_of_the_optimizer_are_updated() -> None:
    brick = net()
    step = explain(brick, MSELoss(), X, T, optimizer=SGD(brick[2].parameters(), lr=0.1)).steps[0]
    assert [str(term) for term in step.update if term.role == "update"] == ["W2*", "b2*"]


class Stated(Brick[Array]):
    """Computes x², whatever it states."""

    def __init__(self, *formulas: Any) -> None:
        self.formulas = Formulas(*formulas)

    def forward(self, x: Array) -> tuple[Array, Array]:
        return x**2, x

    def backward(self, dy: Array, x: Array) -> Array:
        return 2 * dy * x


@pytest.mark.parametrize(
    ("forward", "told"),
    [
        ("y = x * x * x", "not what its formula says: the brick computes"),
        ("y = (1 + 1e-9) * x * x", "not what its formula says: the brick computes"),
        ("y = sum(x * x, rows)", "by its formula it would have the shape (1, 2)"),
        ("y = x @ x", "its formulas cannot be used: x @ x cannot be computed"),
        ("y = x * scale", "its formulas cannot be used: formulas of Stated speak of scale"),
        ("y = eval(x)", "its formulas cannot be used: a formula cannot have eval(x)"),
        ("y = x[n] * x[n]", "its formulas cannot be used"),
    ],
)
def test_a_wrong_formula_is_said_to_be_wrong_beside_the_numbers_of_the_brick(forward: str, told: str) -> None:
    explanation = explain(Stated([forward], ["dx = 2 * dy * x"]), MSELoss(), X, T)
    text = " ".join(assert_every_view(explanation).split())
    assert told in text.replace("-\n", "")
    assert told.split(": ")[-1].split(" (")[0] in " ".join(explanation.html().split())
    np.testing.assert_array_equal(explanation.steps[0]["h1"].value, X**2)


def test_numbers_that_differ_are_written_with_the_digits_that_differ() -> None:
    brick = Stated(["y = (1 + 1e-9) * x * x"], ["dx = 2 * dy * x"])
    note = explain(brick, MSELoss(), np.ones((2, 2)), T[:2]).steps[0]["h1"].note
    assert note == "the brick computes 1 at [0, 0], but its formula says 1.000000001"


def test_a_right_formula_is_not_blamed() -> None:
    step = explain(Stated(["y = x ** 2"], ["dx = 2 * dy * x"]), MSELoss(), X, T).steps[0]
    assert all(term.agrees is not False for term in step)
    assert all(not term.note for term in step)


class Scaled(Brick[Array]):
    """Has a parameter of three axes, and a mask of truth values as its second output."""

    def __init__(self, size: int) -> None:
        self.weight = Parameter(np.ones((2, 1, size)))

    def forward(self, x: Array) -> tuple[Array, Any]:
        return x * self.weight.value.sum(), x

    def backward(self, dy: Array, x: Array) -> Array:
        self.weight.grad += np.sum(dy * x)
        return dy * self.weight.value.sum()


@pytest.mark.parametrize("size", [0, 1, 2])
@pytest.mark.parametrize("rows", [0, 1, 3])
def test_arrays_of_no_entries_are_shown_in_every_view(size: int, rows: int) -> None:
    explanation = explain(Scaled(size), MSELoss(), np.ones((rows, 2)), np.ones((rows, 2)))
    assert explanation.steps[0].failure is None
    assert_every_view(explanation)


def test_a_loss_that_says_nothing_of_its_own_gradient_has_a_badge_that_says_so() -> None:
    class Unlike(MSELoss):
        """Takes only what is float32."""

        def forward(self, y: Array, t: Array) -> tuple[float, Any]:
            if y.dtype != np.float32:
                raise TypeError("float32 only")
            return super().forward(y, t)

    brick = Linear(2, 2, rng=0, dtype=np.float32)
    x, target = X.astype(np.float32), T.astype(np.float32)
    step = explain(brick, Unlike(), x, target).steps[0]
    assert step.failure is None
    assert step["dL/dW1"].badge is None


def test_keyboard_interrupts_are_no_failures_of_the_network() -> None:
    class Interrupted(Sigmoid):
        def forward(self, x: Array) -> tuple[Array, Array]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        explain(Interrupted(), MSELoss(), X, T)


def test_a_brick_may_have_a_parameter_that_gets_no_gradient() -> None:
    class Idle(Brick[Array]):
        def __init__(self) -> None:
            self.weight = Parameter(np.ones(2))

        def forward(self, x: Array) -> tuple[Array, None]:
            return x + 0, None

        def backward(self, dy: Array, cache: None) -> Array:
            return dy

    assert_every_view(explain(Idle(), MSELoss(), X, T))
