"""An explanation as text: every number at its term, and no line wider than asked for."""

import re
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explain.article import TERMS, explained
from legonet import SGD, Brick, Linear, MSELoss, Parallel, ReLU, Residual, Sequential, Sigmoid
from legonet.errors import OptionError
from legonet.explain import explain
from legonet.explain.styles import Text
from legonet.explain.trace import Term
from legonet.explain.views.blocks import formula, matrix
from legonet.explain.views.wording import verdict
from networks import trainings
from strategies import normal

NUMBER = re.compile(r"-?(?:\d+\.?\d*(?:e[+-]?\d+)?|inf|NaN)")


def result_of(text: str, symbol: str) -> Any:
    """Read the array that stands last below a symbol."""
    lines = text.split("\n")
    start = next(k for k, line in enumerate(lines) if line.strip().startswith(f"{symbol} = "))
    indent = lines[start].index("=")
    end = start + 1
    while end < len(lines) and lines[end].strip() and len(lines[end]) > indent and not lines[end][: indent - 1].strip():
        end += 1
    block = lines[start:end]
    last = max(k for k, line in enumerate(block) if line[indent : indent + 1] == "=")
    rows = [line[indent + 1 :].rpartition("= ")[2] for line in block[last:]]
    return np.array([[float(number) for number in NUMBER.findall(row)] for row in rows])


@pytest.mark.parametrize("symbol", TERMS)
def test_an_array_of_the_article_stands_at_its_term(symbol):
    found = result_of(explained().text(digits=9), symbol)
    np.testing.assert_allclose(found, TERMS[symbol], rtol=0, atol=2e-8)


@pytest.mark.parametrize("digits", [3, 6, 8, 17])
def test_a_number_is_written_with_so_many_digits(digits):
    explanation = explained()
    found = result_of(explanation.text(digits=digits, width=120), "dL/dW1")
    np.testing.assert_allclose(found, explanation["dL/dW1"].value, rtol=0.51 * 10.0 ** (1 - digits))


def test_the_chain_rule_stands_as_the_article_draws_it_with_its_numbers_under_it():
    lines = [line.strip() for line in explained().text().split("\n")]
    first = lines.index("dL/dW1 = [dL/dh1] · dh1/dz1 · dz1/dW1")
    assert lines[first + 1] == "= [0.025991  0.0151526  0.0827402] · [0.157743  0.204627  0.249872]"
    assert lines[first + 2] == "· [1.76405  0.400157]"


def test_a_reused_gradient_stands_in_a_box_and_says_where_it_is_used():
    text = explained().text()
    assert "computed once, used in dL/dW2 and dL/dh1" in text
    assert "dL/dW2 = [dL/dh2] · dh2/dz2 · dz2/dW2" in text
    assert "= h1ᵀ @ [dL/dz2]" in text
    assert "= [dL/dz2] @ W2ᵀ" in text


def test_each_brick_heads_what_it_computes():
    text = explained().text()
    places = ["net[0]  Linear(2, 3, bias=False)", "net[1]  Sigmoid()", "net[3]  Sigmoid()", "loss  MSELoss()"]
    assert [text.index(place) for place in places] == sorted(text.index(place) for place in places)
    assert text.count("net[0]  Linear(2, 3, bias=False)") == 2


def test_a_badge_is_one_short_line():
    assert re.search(
        r"^ +finite differences: 6 of 6 agree, largest difference \de-\d+$", explained().text(), re.MULTILINE
    )


class Doubled(Brick[Any]):
    """Says twice the gradient."""

    def __init__(self) -> None:
        self.inner = Linear(2, 2, rng=0)

    def forward(self, x):
        return self.inner.forward(x)

    def backward(self, dy, cache):
        return self.inner.backward(2 * dy, cache)


def test_a_wrong_gradient_is_marked_with_what_finite_differences_say():
    explanation = explain(Doubled(), MSELoss(), normal(3, 2), normal(3, 2, seed=1))
    wrong = [term for term in explanation.steps[0].backward if term.badge and term.badge.outcome == "wrong"]
    assert wrong
    for term in wrong:
        assert "should be" in verdict(term.badge)
    assert explanation.text().count("✗ finite differences") == len(wrong)


@given(trainings(), st.sampled_from([40, 60, 80, 100]), st.integers(1, 17))
def test_no_line_of_any_network_is_too_wide(training, width, digits):
    sgd = SGD(training.net.parameters(), lr=0.1, momentum=0.9)
    text = explain(*training[:4], regularizers=training.regularizers, optimizer=sgd, check=False).text(
        width=width, digits=digits
    )
    assert max(map(len, text.split("\n"))) <= width
    for phase in ("Given", "Forward", "Loss", "Backward"):
        assert f"\n{phase}\n" in text


@given(trainings(np.float32))
def test_every_term_of_a_network_of_float32_stands_in_the_text(training):
    explanation = explain(*training[:4], regularizers=training.regularizers, check=False)
    text = explanation.text(width=300)
    for term in explanation.steps[0]:
        assert re.search(rf"^ +{re.escape(_drawn(term))} = ", text, re.MULTILINE), str(term)
    assert text == str(explain(*training[:4], regularizers=training.regularizers, check=False).text(width=300))


def _drawn(term: Term) -> str:
    return Text().symbol(term.symbol)


class LongName(Brick[Any]):
    def __repr__(self) -> str:
        return "Long" * 40

    def forward(self, x):
        return x * 2, None

    def backward(self, dy, cache):
        return dy * 2


@pytest.mark.parametrize("width", [20, 33, 80])
def test_deep_places_and_long_reprs_are_broken_over_lines(width):
    net: Brick[Any] = LongName()
    for _ in range(30):
        net = Residual(net)
    text = explain(net, MSELoss(), normal(1, 2), normal(1, 2)).text(width=width)
    assert max(map(len, text.split("\n"))) <= width


def test_a_network_that_fails_is_shown_up_to_the_brick_that_failed():
    net = Sequential(Linear(2, 3, rng=0), Sigmoid(), Linear(5, 1, rng=0))
    explanation = explain(net, MSELoss(), normal(4, 2), normal(4, 1))
    text = explanation.text()
    assert text.startswith("One training step, up to net[2], which fails\n")
    assert "\n    h1 = " in text
    assert "given h1: 4 × 3" in text
    assert re.search(r"✗ ShapeError: Linear\(5, 1\) needs x", text)
    assert repr(explanation).endswith(", net[2] fails)")


def test_nan_is_shown_and_marked_only_where_it_first_arises():
    net = Sequential(Linear(2, 2, weight=np.array([[1e200, 0.0], [0.0, 1.0]]), bias=False), ReLU(), Linear(2, 1, rng=0))
    with np.errstate(all="ignore"):
        text = explain(net, MSELoss(), np.array([[1e200, 1.0]]), np.array([[0.0]]), check=False).text()
    assert text.index("infinity first arises here") < text.index("h1 = ")
    assert text.partition("Backward")[0].count("first arises here") == 1
    assert "inf" in text.partition("Loss")[0]


def test_a_large_network_is_written_fast_and_short():
    layers = [Linear(784, 256, rng=0), Sigmoid(), Linear(256, 128, rng=1), Sigmoid(), Linear(128, 10, rng=2)]
    explanation = explain(Sequential(*layers), MSELoss(), normal(128, 784), normal(128, 10, seed=1), check=False)
    start = time.perf_counter()
    text = explanation.text()
    assert time.perf_counter() - start < 5
    assert len(text) < 30_000
    assert "128 × 784" in text


def test_branches_are_summed():
    net = Parallel(Linear(2, 2, rng=0), Linear(2, 2, rng=1))
    text = explain(Sequential(Linear(2, 2, rng=2), net), MSELoss(), normal(1, 2), normal(1, 2), check=False).text()
    assert "dL/dz1 = [dL/dz2] · dz2/dz1 + [dL/dz3] · dz3/dz1" in text


@pytest.mark.parametrize("options", [{"digits": 0}, {"digits": 1.5}, {"width": 19}, {"width": "80"}])
def test_a_layout_that_cannot_be_is_refused(options):
    with pytest.raises(OptionError, match=r"Explanation.text needs"):
        explained().text(**options)


# Matrices and formulas


def test_numbers_are_aligned_at_the_decimal_point():
    assert matrix(np.array([[1.5, -10.25], [-22.125, 3.0]]), 6, 80) == ["⎡  1.5    -10.25⎤", "⎣-22.125    3   ⎦"]


def test_what_is_no_number_stands_at_the_right_of_its_column():
    assert matrix(np.array([[0.25, 1.0], [np.nan, -np.inf]]), 6, 40) == ["⎡0.25     1⎤", "⎣ NaN  -inf⎦"]


def test_a_large_matrix_has_its_ends_and_its_shape():
    lines = matrix(np.arange(100.0).reshape(10, 10), 6, 80)
    assert lines[0].split() == ["⎡", "0", "1", "2", "3", "…", "9⎤", "10", "×", "10"]
    assert len(lines) == 5
    assert "⋮" in lines[3]


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (2, 0, 3), (0, 2, 2)])
def test_an_array_without_numbers_says_its_shape(shape):
    lines = matrix(np.zeros(shape), 6, 80)
    assert len(lines) == 1
    assert lines[0].startswith("[ ]")


def test_a_row_ends_before_a_summand_rather_than_before_a_factor():
    assert formula("a1 * b1 + a2 * b2 + a3 * b3", {}, 20) == ["a1 * b1 + a2 * b2", "  + a3 * b3      "]


def test_a_matrix_stands_at_its_place_in_a_formula():
    lines = formula("2 * \ue000 + 1", {"\ue000": ["⎡1⎤", "⎣2⎦"]}, 40)
    assert [line.rstrip() for line in lines] == ["2 * ⎡1⎤ + 1", "    ⎣2⎦"]
