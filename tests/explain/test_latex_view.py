"""An explanation in LaTeX: every number at its term, and nothing that LaTeX would refuse."""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from explain.article import TERMS, explained
from legonet import SGD, Brick, Linear, MSELoss, ReLU, Sequential, Sigmoid
from legonet.explain import Explanation, explain
from legonet.explain.styles import Latex
from networks import trainings
from strategies import normal


def environments(latex: str) -> Iterator[str]:
    yield from re.findall(r"\\begin\{align\*\}.*?\\end\{align\*\}", latex, re.DOTALL)


def result_of(explanation: Explanation, symbol: str, digits: int) -> Any:
    """Read the last matrix of the environment of a term."""
    left = Latex().symbol(explanation[symbol].symbol)
    (body,) = [each for each in environments(explanation.latex(digits=digits)) if f"\n{left} &= " in each]
    rows = re.findall(r"\\begin\{bmatrix\} (.*?) \\end\{bmatrix\}", body)[-1].split(r"\\")
    return np.array([[float(cell) for cell in row.split("&")] for row in rows])


def assert_balanced(latex: str) -> None:
    plain = latex.replace(r"\{", "").replace(r"\}", "")
    depth = 0
    for character in plain:
        depth += {"{": 1, "}": -1}.get(character, 0)
        assert depth >= 0
    assert depth == 0
    opened: list[str] = []
    for kind, name in re.findall(r"\\(begin|end)\{([^}]*)\}", plain):
        if kind == "begin":
            opened.append(name)
        else:
            assert opened.pop() == name
    assert not opened
    for environment in environments(plain):
        for row in re.sub(r"\\begin\{(bmatrix|cases)\}.*?\\end\{\1\}", "", environment, flags=re.DOTALL).split(r"\\"):
            assert len(re.findall(r"\\left(?![a-z])", row)) == len(re.findall(r"\\right(?![a-z])", row)), row


@pytest.mark.parametrize("symbol", TERMS)
def test_an_array_of_the_article_stands_at_its_term(symbol):
    np.testing.assert_allclose(result_of(explained(), symbol, 9), TERMS[symbol], rtol=0, atol=2e-8)


def test_the_chain_rule_has_a_box_and_the_numbers_under_it():
    latex = explained().latex()
    h1, z1 = r"\frac{\partial L}{\partial h_{1}}", r"\frac{\partial h_{1}}{\partial z_{1}}"
    numbers = r"\begin{bmatrix} 0.025991 & 0.0151526 & 0.0827402 \end{bmatrix}"
    assert rf"\underbrace{{\boxed{{{h1}}}}}_{{{numbers}}} \cdot \underbrace{{{z1}}}_" in latex
    assert r"&= {h_{1}}^{\mathsf T} \, \boxed{\frac{\partial L}{\partial z_{2}}}" in latex
    assert r"\emph{computed once, used in dL/dW2 and dL/dh1}\par" in latex
    assert latex.count("finite differences: 6 of 6 agree") == 2


@given(trainings())
def test_braces_and_environments_are_balanced(training):
    sgd = SGD(training.net.parameters(), lr=0.1, momentum=0.9)
    explanation = explain(*training[:4], regularizers=training.regularizers, optimizer=sgd, check=False)
    assert_balanced(explanation.latex(document=True))
    for term in explanation.steps[0].loss[-1:]:
        assert_balanced(explanation.explain(str(term)).latex())


@given(trainings(np.float32))
@settings(max_examples=20)
def test_every_formula_is_one_that_a_converter_of_latex_takes(training):
    math_core = pytest.importorskip("math_core")
    converter = math_core.LatexToMathML(fancy_error=False)
    explanation = explain(*training[:4], regularizers=training.regularizers, check=False)
    found = [*environments(explanation.latex()), explanation.explain("L").latex()]
    assert len(found) > 5
    for environment in found:
        assert "<math" in converter.convert_with_local_state(environment, displaystyle=True)


class Odd(Brick[Any]):
    """Has a repr of all that LaTeX does not take as it is."""

    def __repr__(self) -> str:
        return "Odd(a_b, 50%, #1, {x}, c\\d, ~, ^, &, $, λ, 数)"

    def forward(self, x):
        return x * 1, None

    def backward(self, dy, cache):
        return dy * 1


def test_what_latex_does_not_take_is_written_so_that_it_does():
    latex = explain(Odd(), MSELoss(), normal(1, 2), normal(1, 2), check=False).latex()
    assert r"Odd(a\_b, 50\%, \#1, \{x\}, c\textbackslash{}d, \textasciitilde{}, \textasciicircum{}, \&, \$" in latex
    assert r"$\lambda$, ?" in latex
    assert_balanced(latex)


def test_a_document_is_complete_and_a_fragment_has_no_head():
    document, fragment = explained().latex(document=True), explained().latex()
    assert document.startswith(r"\documentclass")
    assert document.endswith("\\end{document}\n")
    assert r"\documentclass" not in fragment
    assert fragment in document


def test_a_failure_is_shown_where_it_arose():
    net = Sequential(Linear(2, 3, rng=0), Sigmoid(), Linear(5, 1, rng=0))
    latex = explain(net, MSELoss(), normal(4, 2), normal(4, 1)).latex()
    assert r"\textbf{ShapeError: Linear(5, 1) needs" in latex
    assert latex.index("h_{1} &=") < latex.index("ShapeError")


def test_nan_and_infinity_are_written_as_such():
    net = Sequential(Linear(1, 2, weight=np.array([[1e308, np.nan]]), bias=False), ReLU())
    with np.errstate(all="ignore"):
        latex = explain(net, MSELoss(), np.array([[10.0]]), np.zeros((1, 2)), check=False).latex()
    assert r"\begin{bmatrix} \infty & \text{NaN} \end{bmatrix}" in latex
    assert "nan" not in latex


def test_a_large_matrix_is_shortened_and_says_its_shape():
    explanation = explain(Linear(30, 20, rng=0), MSELoss(), normal(40, 30), normal(40, 20), check=False)
    latex = explanation.latex()
    assert r"\dots" in latex
    assert r"\vdots" in latex
    assert r"\end{bmatrix}_{40 \times 30}" in latex
    assert r"&\text{for example}" in latex
    assert len(latex) < 10_000
