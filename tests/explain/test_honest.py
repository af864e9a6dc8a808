"""What is shown is what happened, also where numbers are alike by chance, are written into, or overflow."""

import re
from typing import Any

import numpy as np
import pytest

from legonet import (
    SGD,
    Add,
    BatchNorm,
    Brick,
    Conv2d,
    CrossEntropyLoss,
    Flatten,
    Formulas,
    Graph,
    LayerNorm,
    Linear,
    MSELoss,
    Multiply,
    OptionError,
    Parallel,
    Parameter,
    Residual,
    RMSNorm,
    Sequential,
    Sigmoid,
    Tanh,
)
from legonet.arrays import Array
from legonet.explain import Explanation, explain
from strategies import normal

X, T = np.array([[1.0, 2.0], [3.0, -1.0]]), np.zeros((2, 2))
ONE, ZERO = np.array([[1.0]]), np.array([[0.0]])


def times(weight: float) -> Linear:
    return Linear(1, 1, weight=np.array([[weight]]), bias=False)


def made_of(explanation: Explanation) -> dict[str, list[str]]:
    """Return the operands of each value on the way forward, without parameters."""
    steps = explanation.steps[0].forward
    return {str(term): [str(o) for o in term.operands if o.role != "parameter"] for term in steps}


class Gate(Brick[Any]):
    """Computes b(z) z between its bricks."""

    def __init__(self) -> None:
        self.inner = times(3.0)

    def forward(self, z: Array) -> tuple[Array, Any]:
        y, cache = self.inner.forward(z)
        return y * z, (y, z, cache)

    def backward(self, dy: Array, cache: Any) -> Array:
        y, z, inner = cache
        return self.inner.backward(dy * z, inner) + dy * y


@pytest.mark.parametrize(
    "middle",
    [
        Graph(inputs=["x"], nodes={"y": (Multiply(), "x", "x")}, outputs=["y"]),
        Residual(Residual(times(3.0))),
        Gate(),
    ],
    ids=["one brick takes it twice", "residuals in each other", "a container computes by itself"],
)
def test_the_chain_rule_has_three_factors_only_where_a_value_goes_one_way(middle: Brick[Any]) -> None:
    step = explain(Sequential(times(2.0), middle), MSELoss(), ONE, ZERO).steps[0]
    (product,) = step["dL/dW1"].chain
    assert [str(factor.symbol) for factor in product] == ["dL/dz1", "dz1/dW1"]
    assert step["dL/dW1"].badge is not None
    assert step["dL/dW1"].badge.outcome == "right"


def test_residuals_in_each_other_are_two_sums() -> None:
    explanation = explain(Sequential(times(2.0), Residual(Residual(times(3.0)))), MSELoss(), ONE, ZERO)
    assert made_of(explanation) == {"z1": ["x"], "z2": ["z1"], "h1": ["z1", "z2"], "h2": ["z1", "h1"]}
    assert [explanation[name].place for name in ("h1", "h2")] == ["net[1].brick", "net[1]"]
    assert explanation["h2"].brick == "Residual"


def test_a_branch_of_zeros_is_a_branch() -> None:
    zero = Linear(2, 2, weight=np.zeros((2, 2)))
    explanation = explain(Sequential(Linear(2, 2, rng=3), Residual(zero), Linear(2, 2, rng=4)), MSELoss(), X, T)
    assert made_of(explanation)["h1"] == ["z1", "z2"]
    assert made_of(explanation)["z3"] == ["h1"]


def test_a_target_that_is_equal_to_the_data_is_no_operand_of_the_network() -> None:
    explanation = explain(Residual(Linear(2, 2, weight=np.zeros((2, 2)))), MSELoss(), X, X.copy())
    assert all("t" not in operands for operands in made_of(explanation).values())
    assert str(explanation["L"].operands[1]) == "h1"


def test_branches_that_compute_the_same_are_two() -> None:
    explanation = explain(Parallel(Residual(Tanh()), Residual(Tanh()), merge=Multiply()), MSELoss(), X, T)
    assert made_of(explanation) == {"h1": ["x"], "h2": ["x", "h1"], "h3": ["x"], "h4": ["x", "h3"], "h5": ["h2", "h4"]}


class InPlace(Brick[Any]):
    """Adds its input to what its brick gave, in place."""

    def __init__(self) -> None:
        self.inner = Linear(2, 2, rng=0)

    def forward(self, x: Array) -> tuple[Array, Any]:
        y, cache = self.inner.forward(x)
        y += x
        return y, cache

    def backward(self, dy: Array, cache: Any) -> Array:
        return self.inner.backward(dy, cache) + dy


def test_an_array_that_is_written_into_is_another_one() -> None:
    explanation = explain(Sequential(InPlace(), Linear(2, 1, rng=1)), MSELoss(), X, T[:, :1])
    assert made_of(explanation) == {"z1": ["x"], "h1": ["x", "z1"], "z2": ["h1"]}
    np.testing.assert_array_equal(explanation["h1"].value, explanation["z1"].value + X)


class DoublesInPlace(Brick[Any]):
    """Writes into the gradient that it is given, and into its input."""

    def forward(self, x: Array) -> tuple[Array, Any]:
        x *= 2
        return x.copy(), None

    def backward(self, dy: Array, cache: Any) -> Array:
        dy *= 2
        return dy


def test_gradients_and_data_that_are_written_into_are_shown_as_they_were() -> None:
    x = X.copy()
    net = Sequential(Linear(2, 2, rng=0), DoublesInPlace(), Linear(2, 1, rng=1))
    step = explain(net, MSELoss(), x, T[:, :1]).steps[0]
    np.testing.assert_allclose(step["dL/dz1"].value, 2 * step["dL/dh1"].value)
    assert all(term.agrees is not False for term in step)
    first = explain(DoublesInPlace(), MSELoss(), x, T).steps[0]
    np.testing.assert_array_equal(first["x"].value, X)
    np.testing.assert_array_equal(x, X)


class Claims(Brick[Any]):
    """Computes one thing and states another."""

    def __init__(self, forward: Any, stated: str, backward: str = "dx = dy", **names: Any) -> None:
        self.function = forward
        self.formulas = Formulas([stated], backward.split("; "), names)

    def forward(self, x: Array) -> tuple[Any, Any]:
        return self.function(x), x

    def backward(self, dy: Array, cache: Any) -> Array:
        return dy


W32 = normal(784, 5).astype(np.float32)


@pytest.mark.parametrize(
    ("brick", "x"),
    [
        (Claims(lambda x: x @ W32 * np.float32(1.01), "y = x @ W", W=W32), normal(4, 784).astype(np.float32)),
        (Claims(lambda x: 3.01 * x, "y = x * q", q=np.array(np.float16(3))), X),
        (Claims(lambda x: np.log(np.abs(x)), "y = log(x)"), X),
        (Claims(lambda x: 2 * x, "y = x / 0"), X),
        (Claims(lambda x: 2 * x, "y = x * 2 ** 999999999"), X),
        (Claims(lambda x: 2 * x, "y = x * q", q=np.nan), X),
        (Claims(lambda x: np.sign(x).astype(int), "y = x + 1000"), X),
    ],
    ids=["float32", "a coarse constant", "nan", "infinity", "overflow", "nan of a constant", "whole numbers"],
)
def test_a_formula_that_says_something_else_is_wrong(brick: Brick[Any], x: Array) -> None:
    y = brick.forward(x)[0]
    step = explain(brick, MSELoss(), x, np.zeros(y.shape), check=False).steps[0]
    assert step["h1"].agrees is False
    assert "but its formula says" in step["h1"].note


def test_where_rounding_leaves_nothing_a_formula_is_not_judged() -> None:
    step = explain(Claims(lambda x: 5 + 0 * x, "y = sqrt(x * x - x * x)"), MSELoss(), X, T, check=False).steps[0]
    assert step["h1"].agrees is None


@pytest.mark.parametrize("brick", [LayerNorm(3), BatchNorm(3), RMSNorm(3)], ids=lambda brick: type(brick).__name__)
def test_formulas_of_huge_numbers_do_not_overflow_where_the_brick_does_not(brick: Brick[Any]) -> None:
    step = explain(brick, MSELoss(), 1e300 * normal(4, 3), np.zeros((4, 3)), check=False).steps[0]
    assert [str(term) for term in step if term.agrees is False or term.arose] == []


class OneWrong(Conv2d):
    """Has a wrong entry among very many."""

    def forward(self, x: Array) -> tuple[Array, Any]:
        y, cache = super().forward(x)
        y[0, 0, 1, 1] += 1000
        return y, cache


def test_of_very_many_entries_the_largest_is_compared() -> None:
    net = Sequential(OneWrong(3, 16, 3, rng=0), Flatten())
    step = explain(net, MSELoss(), normal(8, 3, 32, 32), np.zeros((8, 16 * 30 * 30)), check=False).steps[0]
    assert step["z1"].agrees is False
    assert "[0, 0, 1, 1]" in step["z1"].note


@pytest.mark.parametrize(
    ("backward", "agrees"),
    [
        ("dy_dx = 7; dx = dy", False),
        ("dy_dx = 1; dx = dy", True),
        ("dy_dx = x - x + 1; dx = dy", True),
        ("dy_dx = sum(x); dx = dy", False),
        ("dy_dx = 1; dx = dy * dy_dx", True),
    ],
)
def test_a_local_derivative_has_to_make_the_gradient(backward: str, agrees: bool) -> None:
    net = Sequential(Linear(2, 2, rng=0), Claims(lambda x: x + 0, "y = x", backward))
    assert explain(net, MSELoss(), X, T).steps[0]["dh1/dz1"].agrees is agrees


def test_a_gradient_that_formulas_leave_out_is_said() -> None:
    net = Sequential(Linear(2, 2, rng=0), Claims(lambda x: x + 0, "y = x", "dz = dy"))
    step = explain(net, MSELoss(), X, T).steps[0]
    assert step["dL/dz1"].agrees is False
    assert step["dL/dz1"].note == "its formulas do not say what dx is"


class Crowded(Brick[Any]):
    """Has parameters whose names meet those of others."""

    def __init__(self) -> None:
        self.h = Parameter(np.ones(2))
        self.ws = [Parameter(np.ones(2)), Parameter(np.ones(2))]
        self.a, self.b = Linear(2, 2, rng=0), Linear(2, 2, rng=1)

    def forward(self, x: Array) -> tuple[Array, Any]:
        y = x
        for p in (self.h, *self.ws):
            y = y * p.value
        return y @ self.a.weight.value @ self.b.weight.value, x

    def backward(self, dy: Array, x: Array) -> Array:
        for p in self.parameters():
            p.grad += 0
        return dy


def test_no_two_terms_have_one_name() -> None:
    graph = Graph(inputs=["x"], nodes={"y": (Add(), "x", "x")}, outputs=["y"])
    for net in (Crowded(), Sequential(Linear(2, 2, rng=0), graph)):
        step = explain(net, MSELoss(), X, T, check=False).steps[0]
        names = [str(term) for term in step]
        assert len(names) == len(set(names))
        assert len([term for term in step.given if term.role == "parameter"]) == len(list(net.parameters()))


class ByKeyword(Brick[Any]):
    """Calls its brick by keyword."""

    def __init__(self) -> None:
        self.inner = Linear(2, 2, rng=0)

    def forward(self, x: Array) -> tuple[Array, Any]:
        return self.inner.forward(x=x)

    def backward(self, dy: Array, cache: Any) -> Array:
        return self.inner.backward(dy, cache)


def test_a_call_by_keyword_is_heard() -> None:
    assert made_of(explain(ByKeyword(), MSELoss(), X, T)) == {"z1": ["x"]}


def test_errors_speak_of_bricks_as_they_are() -> None:
    failure = explain(Linear(2, 3, rng=0), CrossEntropyLoss(), X, np.array([5, 1])).steps[0].failure
    assert failure is not None
    assert str(failure.error).startswith("CrossEntropyLoss() needs target from 0 to 2")


class Silent(Sigmoid):
    """Returns nothing."""

    def forward(self, x: Array) -> Any:
        return None


class Unprintable(Sigmoid):
    """Fails with a text that cannot be encoded."""

    def forward(self, x: Array) -> Any:
        raise ValueError("\ud800 is half a letter")


def test_every_failure_has_its_place_and_can_be_written() -> None:
    explanation = explain(Silent(), MSELoss(), X, T)
    assert "forward to return the output and the cache" in explanation.text()
    explanation = explain(Unprintable(), MSELoss(), X, T)
    explanation.html().encode()
    assert r"ValueError: \ud800 is half a letter" in explanation.text()


class Stumbling(Sigmoid):
    """Cannot state its formulas."""

    @property
    def formulas(self) -> Any:  # type: ignore[override]
        raise ZeroDivisionError("no formulas today")


def test_a_brick_that_cannot_state_its_formulas_is_explained_without() -> None:
    note = explain(Stumbling(), MSELoss(), X, T).steps[0]["h1"].note
    assert note == "its formulas cannot be used: ZeroDivisionError: no formulas today"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("y = x", []), "Formulas needs forward as a list of lines such as ['y = x @ W'], not 'y = x'"),
        ((["y = x"], None), "Formulas needs backward as a list of lines"),
        ((["y = x"], [1]), "Formulas needs backward as a list of lines of text, but one is 1"),
        ((["y = x"], [], ["W"]), "Formulas needs names as a dictionary such as {'W': 'weight'}, not ['W']"),
    ],
)
def test_formulas_are_lists_of_text_and_names(given: Any, told: str) -> None:
    with pytest.raises(OptionError, match=re.escape(told)):
        Formulas(*given)


def test_an_optimizer_of_another_network_is_refused() -> None:
    other = SGD(Linear(2, 2).parameters(), lr=0.1)
    with pytest.raises(OptionError, match="explain needs an optimizer of the network's parameters"):
        explain(Linear(2, 2), MSELoss(), X, T, optimizer=other)
    with pytest.raises(OptionError, match=re.escape("explain needs x as an array, or several in a tuple, but x is ()")):
        explain(Linear(2, 2), MSELoss(), (), T)


def test_a_matrix_with_as_many_rows_as_the_batch_is_no_batch() -> None:
    step = explain(Linear(2, 2, rng=0), MSELoss(), X, T, optimizer=None).steps[0]
    assert {str(term) for term in step if term.batch} == {"x", "t", "z1", "dL/dz1", "dz1/dW1"}


def test_explanations_are_compared_by_identity() -> None:
    one, other = (explain(Linear(2, 2, rng=0), MSELoss(), X, T) for _ in range(2))
    assert one != other
    assert one["W1"] == one["W1"]
    assert len({one, other}) == 2
    with pytest.raises(OptionError, match="a term is found by its symbol"):
        one[0]  # type: ignore[index]


@pytest.mark.parametrize("entry", ["dL/dW1[0,,1]", "dL/dW1[0, 1", "dL/dW10, 1]", "dL/dW1[]", "dL/dW1[0, a]"])
def test_an_entry_with_a_slip_is_refused(entry: str) -> None:
    with pytest.raises(OptionError):
        explain(Linear(2, 2, rng=0), MSELoss(), X, T).explain(entry)


def test_gradients_that_are_zero_within_rounding_agree() -> None:
    net = Sequential(Linear(3, 3, rng=0), BatchNorm(3), Sigmoid(), Linear(3, 1, rng=1))
    badge = explain(net, MSELoss(), normal(4, 3), normal(4, 1, seed=1)).steps[0]["dL/db1"].badge
    assert badge is not None
    assert [each.outcome for each in badge.differences] == ["right"] * 3


KINDS: dict[str, type] = {}


class Listed(Sigmoid):
    """Keeps a list of its subclasses."""

    def __init_subclass__(cls) -> None:
        KINDS[cls.__name__] = cls


class Mine(Listed):
    """Is on the list."""


class Slotted(Brick[Any]):
    """Has slots."""

    __slots__ = ("scale",)

    def __init__(self) -> None:
        self.scale = 2.0

    def forward(self, x: Array) -> tuple[Array, None]:
        return self.scale * x, None

    def backward(self, dy: Array, cache: None) -> Array:
        return self.scale * dy


def test_classes_are_not_told_that_they_are_listened_to() -> None:
    step = explain(Sequential(Linear(2, 2, rng=0), Mine(), Slotted()), MSELoss(), X, T).steps[0]
    assert [str(term) for term in step.forward if term.role == "activation"] == ["z1", "h1", "h2"]
    assert {"Mine": Mine} == KINDS
