"""Where a number comes from: every printed number recomputes from what is printed."""

import math
import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from explain.article import explained
from legonet import SGD, Brick, CrossEntropyLoss, Linear, MSELoss, ReLU, Residual, Sequential
from legonet.errors import OptionError
from legonet.explain import Entry, explain
from legonet.explain.entries import equation_of
from legonet.explain.evaluate import FUNCTIONS
from legonet.explain.styles import Text
from networks import trainings
from strategies import normal

NUMBER = re.compile(r"(?<![\w.])(\d+\.?\d*(?:e[+-]?\d+)?|inf|NaN)(?![\w.])")
WRITTEN = {
    **{name: function for name, (function, _) in FUNCTIONS.items()},
    "max": lambda *several: np.max(several),
    "min": lambda *several: np.min(several),
    "argmax": lambda *several: np.argmax(several),
}


def half(text: str, digits: int) -> float:
    """Return how far the number behind a printed one may be from it."""
    value = abs(float(text))
    return 0.5 * 10.0 ** (math.floor(math.log10(value)) + 1 - digits) if value and math.isfinite(value) else 0.0


def evaluated(text: str, digits: int) -> tuple[float, float]:
    """Compute a printed formula, and how far off the rounding of its numbers can make it."""
    text = re.sub(r"\((\d+) more: ([^()]*)\)", r"(\2)", text)
    for written, meant in (("²", "**2"), ("^", "**"), ("≥", ">="), ("≤", "<="), ("≠", "!=")):
        text = text.replace(written, meant)
    text = re.sub(r"\|([^|]*)\|", r"abs(\1)", text).replace(", …", "")
    text = re.sub(r"\[([^\[\]]*?)(?<![<>!])= ([^\[\]]*)\]", r"(\1== \2)", text).replace("[", "(").replace("]", ")")
    numbers = NUMBER.findall(text)
    code = compile(_with_names(text), "formula", "eval")
    values = [np.float64(number) for number in numbers]

    def at(values: list[np.float64]) -> float:
        known = {f"_{k}": value for k, value in enumerate(values)}
        return float(eval(code, {"__builtins__": {}}, WRITTEN | known))  # noqa: S307

    with np.errstate(all="ignore"):
        value, bound = at(values), 0.0
        for k, number in enumerate(numbers):
            for sign in (-1, 1):
                moved = [*values]
                moved[k] += sign * half(number, digits)
                change = abs(at(moved) - value)
                bound += change if math.isfinite(change) else 0.0
    return value, bound


def _with_names(text: str) -> str:
    names = iter(range(10**6))
    return NUMBER.sub(lambda _: f"_{next(names)}", text)


def assert_recomputes(sides: list[str], digits: int) -> None:
    value, bound = evaluated(sides[-2], digits)
    printed = float(sides[-1])
    if math.isfinite(value) and math.isfinite(printed):
        limit = bound + half(sides[-1], digits) * 1.01 + 1e-12 * max(1, abs(printed))
        assert abs(value - printed) <= limit, sides


@given(trainings(), st.integers(4, 9), st.integers(3, 8), st.data())
def test_every_printed_number_recomputes_from_the_printed_operands(training, digits, most, data):
    sgd = SGD(training.net.parameters(), lr=0.1, momentum=0.9)
    (step,) = explain(*training[:4], regularizers=training.regularizers, optimizer=sgd, check=False)
    compared = 0
    for term in step:
        if term.formula is None or not np.size(term.value):
            continue
        entry = tuple(data.draw(st.integers(0, n - 1)) for n in term.shape)
        equation = equation_of(term, entry, most)
        assert equation.apart is not None, str(term)
        _, *sides = equation.draw(Text(), digits)
        if len(sides) == 3 and not re.search(r"argmax\(.*…", sides[1]):  # else the number is that of its only operand
            assert_recomputes(sides[-2:], digits)
            compared += 1
    assume(len(step.given[0].value))
    assert compared


@given(trainings(np.float32), st.data())
def test_every_printed_number_of_float32_recomputes_too(training, data):
    (step,) = explain(*training[:4], regularizers=training.regularizers, check=False)
    for term in step:
        if term.formula is not None and np.size(term.value):
            entry = tuple(data.draw(st.integers(0, n - 1)) for n in term.shape)
            _, *sides = equation_of(term, entry).draw(Text(), 3)
            if len(sides) == 3 and not re.search(
                r"argmax\(.*…", sides[1]
            ):  # else the number is that of its only operand
                assert_recomputes(sides[-2:], 3)


def test_the_text_is_the_equations_down_to_the_data():
    lines = explained().explain("dL/dW1[0, 2]").text(width=100).split("\n")
    assert lines[0] == "dL/dW1[0, 2] = x[0, 0] * dL/dz1[0, 2] = 1.76405 * 0.0206745 = 0.0364708"
    assert lines[1] == "dL/dz1[0, 2] = dL/dh1[0, 2] * dh1/dz1[0, 2] = 0.0827402 * 0.249872 = 0.0206745"
    assert "h1[0, 2] = 1 / (1 + exp(-z1[0, 2])) = 1 / (1 + exp(-(-0.0452952))) = 0.488678" in lines
    assert any(line.startswith("given: x[0, 0] = 1.76405, ") for line in lines)


def test_each_number_stands_once_and_each_operand_is_there():
    found = explained().explain("W1*[1, 1]", equations=1000)
    labels = [(str(equation.term), equation.entry) for equation in found.equations]
    assert len(labels) == len(set(labels))
    known = {*labels, *((str(term), entry) for term, entry in found.given)}
    for equation in found.equations:
        for term, entry in equation.operands:
            assert (str(term), entry) in known
    assert found.left_out == 0


def test_no_more_equations_are_shown_than_asked_for_and_the_rest_is_counted():
    whole, short = explained().explain("L", equations=1000), explained().explain("L", equations=3)
    assert len(short.equations) == 3
    assert short.left_out > 0
    assert "numbers on the way are not shown" in str(short)
    assert len(whole.equations) > 3
    assert "not shown" not in str(whole)


def test_a_long_sum_is_shortened_and_its_rest_added_up():
    net = Linear(50, 1, bias=False, rng=0)
    explanation = explain(net, MSELoss(), normal(1, 50), normal(1, 1), check=False)
    found = explanation.explain("z1[0, 0]", most=4)
    assert "(47 more)" in str(found)
    assert len(found.given) == 6
    assert "more" not in explanation.explain("z1[0, 0]", most=50).text(width=5000)


def test_of_many_numbers_the_largest_is_among_those_that_are_shown():
    explanation = explain(ReLU(), CrossEntropyLoss(), np.arange(20.0)[None, :], np.array([0]), check=False)
    _, _, numbers, _ = equation_of(explanation["e1"], (0, 3), 4).draw(Text(), 6)
    assert "max(0, 1, 2, 19, …)" in numbers


class Unstated(Brick):
    def forward(self, x):
        return np.sort(x, axis=1), np.argsort(x, axis=1)

    def backward(self, dy, order):
        dx = np.empty_like(dy)
        np.put_along_axis(dx, order, dy, axis=1)
        return dx


def test_a_number_without_a_formula_names_its_brick_and_what_it_was_given():
    explanation = explain(
        Sequential(Linear(2, 3, rng=0), Unstated()), MSELoss(), normal(4, 2), normal(4, 3), check=False
    )
    text = str(explanation.explain("h1[0, 1]"))
    assert re.fullmatch(r"h1\[0, 1\] = \S+   \(computed by Unstated\(\) at net\[1\], from z1 \(4 × 3\)\)", text)


def test_what_is_given_is_said_to_be_given():
    assert str(explained().explain("x[0, 1]")) == "x[0, 1] = 0.400157   (given: data)"


@given(trainings(), st.sampled_from([20, 50, 80]))
def test_no_line_is_too_wide(training, width):
    explanation = explain(*training[:4], regularizers=training.regularizers, check=False)
    text = explanation.explain("L").text(width=width)
    assert max(map(len, text.split("\n"))) <= width
    assert text.startswith("L ")


@given(trainings())
def test_its_html_is_well_formed_and_holds_no_script(training):
    html = explain(*training[:4], regularizers=training.regularizers, check=False).explain("L").html()
    root = ET.fromstring(html)  # noqa: S314
    assert root.tag == "div"
    assert "script" not in {element.tag for element in root.iter()}
    assert root.find(".//math") is not None


def test_it_shows_itself():
    found = explained().explain("dL/dW1[0, 2]")
    assert isinstance(found, Entry)
    assert repr(found) == "Entry(dL/dW1[0, 2] = 0.0364708, 20 equations)"
    assert str(found) == found.text()
    assert found._repr_html_() == found.html()
    assert found._repr_latex_() == found.latex()


def test_entries_of_a_step_are_those_of_that_step():
    net = Linear(1, 1, weight=np.array([[2.0]]), bias=False)
    sgd = SGD(net.parameters(), lr=0.5)
    explanation = explain(net, MSELoss(), np.array([[1.0]]), np.array([[5.0]]), optimizer=sgd, steps=2)
    assert str(explanation.explain("W1[0, 0]", step=2)).startswith("W1[0, 0] = 3.5 ")
    assert str(explanation.explain("W1*[0, 0]", step=1)).startswith("W1*[0, 0] = W1[0, 0] - ")


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("dL/dW", r"no term dL/dW in step 1: did you mean dL/dW2, dL/dW1 or dL/dz2\?"),
        (
            "dL/dW1",
            r"dL/dW1 has the shape \(2, 3\), so an entry of it needs 2 numbers in brackets, such as dL/dW1\[0, 2\]",
        ),
        ("L[0]", "L is one number, so it has no entries"),
        ("W1[5, 0]", r"W1 has the shape \(2, 3\), so there is no entry W1\[5, 0\]"),
        ("W1[a, b]", r"whole numbers in the brackets of W1\[a, b\]"),
        ("nothing like it", "there is no term nothing like it in step 1: there are x, t, W1"),
        (3, "needs an entry as text"),
    ],
)
def test_an_entry_that_is_not_there_is_refused_with_what_is(entry, told):
    with pytest.raises(OptionError, match=told):
        explained().explain(entry)


@pytest.mark.parametrize("options", [{"step": 2}, {"step": 0}, {"most": 2}, {"equations": 0}, {"digits": 0}])
def test_options_that_cannot_be_are_refused(options):
    with pytest.raises(OptionError, match=r"Explanation.explain needs"):
        explained().explain("L", **options)


def test_entries_are_counted_from_the_end_as_well():
    net = Sequential(Residual(Linear(2, 2, rng=0)), ReLU())
    explanation = explain(net, MSELoss(), normal(3, 2), normal(3, 2), check=False)
    assert str(explanation.explain("h2[-1, -2]")) == str(explanation.explain("h2[2, 0]"))
