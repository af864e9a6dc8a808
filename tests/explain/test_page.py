"""The page of an explanation: whole, of a modest size, harmless, and every number of it follows from others of it."""

import html
import math
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explain.article import TERMS, explained
from legonet import (
    SGD,
    Array,
    Brick,
    CrossEntropyLoss,
    Formulas,
    L2Regularizer,
    Linear,
    MSELoss,
    ReLU,
    Residual,
    Sequential,
    Sigmoid,
)
from legonet.explain import Explanation, explain
from legonet.explain.views.figures import exact, figures
from networks import trainings
from strategies import normal

VOID = {"meta", "input", "img", "br"}


@pytest.fixture(scope="module")
def article() -> Explanation:
    return explained()


@pytest.fixture(scope="module")
def large() -> Explanation:
    rng = np.random.default_rng(0)
    net = Sequential(Linear(784, 256, rng=rng), ReLU(), Linear(256, 128, rng=rng), ReLU(), Linear(128, 10, rng=rng))
    x, target = rng.normal(size=(128, 784)), rng.integers(0, 10, 128)
    return explain(net, CrossEntropyLoss(), x, target, optimizer=SGD(net.parameters(), lr=0.1))


def small(steps: int = 1, rows: int = 4, check: bool = True) -> Explanation:
    net = Sequential(Linear(2, 3, rng=0), Residual(Sequential(Linear(3, 3, rng=1), Sigmoid())), Linear(3, 2, rng=2))
    sgd = SGD(net.parameters(), lr=0.1, momentum=0.9)
    penalties = [L2Regularizer([net[0].weight], strength=0.1)]
    x, target = normal(rows, 2, seed=3), normal(rows, 2, seed=4)
    return explain(net, MSELoss(), x, target, regularizers=penalties, optimizer=sgd, steps=steps, check=check)


def read(page: str) -> ET.Element:
    return ET.fromstring(page.removeprefix("<!DOCTYPE html>\n"))  # noqa: S314 - our own


class Balanced(HTMLParser):
    """Fails where an element is not closed in its turn."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        assert tag in VOID | {"mspace"}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def plain(text: str) -> str:
    """Return a number as Python writes it."""
    return text.replace("−", "-").replace("∞", "inf")


def entries(page: str) -> dict[str, float]:
    """Return all numbers that can be pointed at, by the names of their entries."""
    found = re.findall(r'title="([^"]+) = ([^" ]+)"', page)
    return {html.unescape(name): float(plain(value)) for name, value in found}


def assert_whole(page: str) -> None:
    """The page is well-formed, names nothing twice, and everything it speaks of is there."""
    root = read(page)
    parser = Balanced()
    parser.feed(page)
    assert parser.open == []
    names = [each.get("id") for each in root.iter() if each.get("id")]
    assert len(names) == len(set(names))
    for each in root.iter():
        for wanted in (each.get("popovertarget"), (each.get("href") or "").removeprefix("#")):
            assert not wanted or wanted in names
    lights = set(re.findall(r"\bt\d+\b", " ".join(each.get("class", "") for each in root.iter())))
    assert lights == set(re.findall(r"\) \.(t\d+)\{", page))
    assert_harmless(page)


def assert_harmless(page: str) -> None:
    """There is no script, and nothing comes from elsewhere."""
    assert not re.search(r"<script|javascript:|https?:|@import|url\(|<link|<iframe", page, re.IGNORECASE)
    assert not [name for each in read(page).iter() for name in each.attrib if name.startswith("on")]
    assert all(source.startswith("data:image/png;base64,") for source in re.findall(r'src="([^"]*)"', page))


def test_the_articles_numbers_are_all_on_the_page(article: Explanation) -> None:
    page = article.html()
    assert_whole(page)
    found = entries(page)
    for name, wanted in TERMS.items():
        for place, number in np.ndenumerate(wanted):
            assert found[f"{name}{list(place)}"] == pytest.approx(number, rel=0, abs=1.1e-8)


def test_the_chain_rule_is_drawn_with_its_box_and_numbers(article: Explanation) -> None:
    root = read(article.html())
    chain = [each for each in root.iter("div") if each.get("class") == "chain"][-1]
    upper, lower = chain.iter("tr")
    assert "".join(upper.itertext()) == "∂L∂W1=∂L∂h1·∂h1∂z1·∂z1∂W1"
    boxed = [each for each in upper.iter() if "box" in (each.get("class") or "").split()]
    assert ["".join(each.itertext()) for each in boxed] == ["∂L∂h1"]
    assert "0.0259910.0151530.082740" in "".join(lower.itertext())


def test_a_gradient_that_is_used_twice_says_where(article: Explanation) -> None:
    (uses,) = [each for each in read(article.html()).iter("p") if each.get("class") == "uses"]
    assert "".join(uses.itertext()) == "computed once, reused by ∂L∂W2, ∂L∂h1"


def test_badges_tell_what_finite_differences_say(article: Explanation) -> None:
    badges = [each for each in read(article.html()).iter("p") if each.get("class") == "badge right"]
    assert len(badges) == 2
    assert all("✓ finite differences: 6 of 6 agree" in (each.text or "") for each in badges)


def value_of(formula: str) -> float:
    """Compute a formula with numbers as it stands on the page."""
    text = re.sub(r"e<sup>((?:[^<]|<(?!/?sup>))*)</sup>", r"exp(\1)", formula)
    text = re.sub(r"<sup>([^<]*)</sup>", r"**(\1)", text)
    text = re.sub(r"\(\d+ more: ([^)]*)\)", r"(\1)", text)
    text = plain(html.unescape(text)).replace("·", "*").replace("√", "sqrt")
    assert re.fullmatch(r"[-+*/(), .\de]*|.*\b(exp|sqrt|max|min|log|abs)\b.*", text), text
    functions = {name: getattr(math, name) for name in ("exp", "sqrt", "log")} | {"max": max, "min": min, "abs": abs}
    return float(eval(text, {"__builtins__": {}}, functions))  # noqa: S307 - our own


def assert_recomputes(page: str) -> int:
    """Each number follows from the numbers printed before it, within their rounding; return how many there were."""
    count = 0
    for pop in re.findall(r'popover="auto" id="[^"]*">(.*?)</div>', page):
        rows = [re.findall(r"<td>(.*?)</td>", row) for row in re.findall(r"<tr[^>]*>(.*?)</tr>", pop)]
        if rows:
            *terms, (_, _, _, total) = rows
            added = 0.0
            for sign, _, numbers, value in terms:
                printed = float(plain(value))
                assert not numbers or value_of(numbers) == pytest.approx(printed, rel=2e-7, abs=1e-8)
                added += -printed if sign == "−" else printed
            assert added == pytest.approx(float(plain(total)), rel=2e-7, abs=1e-8 * len(terms))
            count += 1
            continue
        lines = re.findall(r"<p>(?:<b>)?= (.*?)(?:</b>)?</p>", pop)
        for numbers in lines[1:-1]:
            assert value_of(numbers) == pytest.approx(float(plain(lines[-1])), rel=5e-7, abs=2e-8)
            count += 1
    return count


def test_every_number_recomputes_from_those_it_is_made_of(article: Explanation) -> None:
    computed = [term for term in article.steps[0] if term.formula is not None]
    assert assert_recomputes(article.html()) == sum(np.size(term.value) for term in computed) == 61


@settings(max_examples=10)
@given(rows=st.integers(1, 9), steps=st.integers(1, 3))
def test_the_numbers_of_a_batch_recompute_too(rows: int, steps: int) -> None:
    assert assert_recomputes(small(steps, rows).html()) > 50


@settings(max_examples=25)
@given(training=trainings(), sample=st.integers(0, 3))
def test_pages_of_networks_drawn_at_random_are_whole(training: Any, sample: int) -> None:
    rows = len(training.x[0] if isinstance(training.x, tuple) else training.x)
    explanation = explain(*training[:4], regularizers=training.regularizers)
    page = explanation.html(sample=min(sample, max(rows - 1, 0)))
    assert_whole(page)
    assert len(page.encode()) < 2_000_000
    for term in explanation.steps[0]:
        assert f'aria-label="{html.escape(str(term.symbol))}' in page


def test_a_large_network_has_a_page_of_modest_size(large: Explanation) -> None:
    page = large.html()
    assert len(page.encode()) < 1_500_000
    assert_whole(page)
    assert page.count("<details>") >= 20
    assert "779 more" in page


def test_many_steps_are_shortened_and_the_page_says_so() -> None:
    explanation = small(25, check=False)
    page = explanation.html()
    assert len(page.encode()) < 2_000_000
    shown = len(re.findall(r'id="lx-s\d+"', page))
    assert 2 <= shown <= 12
    assert f"{shown} of 25 are shown" in page
    assert 'id="lx-s1"' in page
    assert 'id="lx-s25"' in page


def test_a_network_of_many_layers_is_shortened_and_the_page_says_so() -> None:
    blocks = [Residual(Sequential(Linear(32, 32, rng=k), Sigmoid())) for k in range(24)]
    net = Sequential(*blocks, Linear(32, 10, rng=0))
    x, target = normal(16, 32), np.arange(16) % 10
    sgd = SGD(net.parameters(), lr=0.1)
    explanation = explain(net, CrossEntropyLoss(), x, target, optimizer=sgd, steps=2, check=False)
    page = explanation.html()
    assert len(page.encode()) < 2_000_000
    assert "What is behind each number is left out here" in page
    assert "popovertarget" not in page
    assert_whole(page)


def test_each_step_has_its_place_on_the_slider_with_its_loss() -> None:
    explanation = small(3)
    root = read(explanation.html())
    labels = ["".join(each.itertext()) for each in root.iter("label")][:3]
    losses = [[term.value for term in step.loss if str(term) == "L"][-1] for step in explanation]
    for number, (label, loss) in enumerate(zip(labels, losses, strict=True), 1):
        name, _, told = label.partition("L = ")
        assert name == str(number)
        assert float(told) == pytest.approx(loss, rel=1e-4)
    ticks = [each for each in root.iter("input") if each.get("name") == "lx-step"]
    assert [each.get("checked") for each in ticks] == ["checked", None, None]


def parts_of_one(page: str, name: str) -> list[float]:
    """Return the numbers that one row alone has, where a term is computed."""
    card = next(
        each for each in read(page).iter("div") if (each.get("id") or "").startswith("lx-") and named(each, name)
    )
    one = next(each for each in card.iter("div") if each.get("class") == "one" and next(each.iter("table"), None))
    return [float(plain("".join(cell.itertext()))) for cell in one.iter("td")]


def named(card: ET.Element, name: str) -> bool:
    return any((each.get("aria-label") or "").split(",")[0] == name for each in card.iter("span"))


@pytest.mark.parametrize("name", ["dL/dW3", "dL/db3", "dL/dW2"])
def test_what_the_rows_give_to_a_gradient_adds_up_to_it(name: str) -> None:
    explanation = small()
    shares = [parts_of_one(explanation.html(sample=row), name) for row in range(4)]
    np.testing.assert_allclose(np.sum(shares, axis=0), np.ravel(explanation[name].value), atol=4e-5)
    assert not np.allclose(shares[0], shares[1], atol=1e-3)


@pytest.mark.parametrize("name", ["dL/dW3", "dL/db3"])
def test_the_chain_rule_of_a_row_begins_with_what_that_row_gives(name: str) -> None:
    explanation = small()
    total = 0.0
    for row in range(4):
        page = read(explanation.html(sample=row))
        card = next(e for e in page.iter("div") if (e.get("id") or "").startswith("lx-") and named(e, name))
        chain = next(each for each in card.iter("div") if each.get("class") == "chain")
        lower = [*chain.iter("tr")][1]
        one = next(each for each in lower.iter("span") if each.get("class") == "one")
        numbers = [plain("".join(cell.itertext())) for cell in one.iter("mtd")]
        total = total + np.array([float(text) for text in numbers])
        np.testing.assert_allclose(
            np.array(numbers, float), parts_of_one(explanation.html(sample=row), name), atol=1e-4
        )
    np.testing.assert_allclose(total, np.ravel(explanation[name].value), atol=4e-4)


def test_a_row_alone_shows_the_numbers_of_that_row() -> None:
    explanation = small()
    for row in (0, 2):
        found = parts_of_one(explanation.html(sample=row), "z1")
        np.testing.assert_allclose(found, explanation["z1"].value[row], atol=1e-5)


def test_a_batch_of_one_row_has_no_switch(article: Explanation) -> None:
    assert "<fieldset" not in article.html()
    assert 'id="lx-one"' in small().html()


def test_outputs_in_one_notebook_do_not_disturb_each_other(article: Explanation) -> None:
    one, two = article._repr_html_(), article._repr_html_()
    names = [set(re.findall(r' id="([^"]+)"', each)) for each in (one, two)]
    assert names[0]
    assert not names[0] & names[1]
    style = re.sub(r"/\*.*?\*/", "", one[one.index("<style>") + 7 : one.index("</style>")])
    for selectors in re.findall(r"([^{}]+)\{", style):
        for selector in re.sub(r"\([^()]*(\([^()]*(\([^()]*\))*[^()]*\))*[^()]*\)", "", selectors).split(","):
            assert selector.strip().startswith("@") or ".lx" in selector or "#lx" in selector, selector
    assert_harmless(one)
    assert "<html" not in one


class Hostile(Brick[Array]):
    def forward(self, x: Array) -> tuple[Array, None]:
        return 1.1 * x, None

    def backward(self, dy: Array, cache: None) -> Array:
        return 1.1 * dy

    def __repr__(self) -> str:
        return "<script>alert(1)</script>\"&'<b onload=alert(2)>"


class Tripled(Brick[Array]):
    formulas = Formulas(["y = 2 * x"], ["dx = 3 * dy"])

    def forward(self, x: Array) -> tuple[Array, None]:
        return 3 * x, None

    def backward(self, dy: Array, cache: None) -> Array:
        return 3 * dy


def test_what_a_brick_prints_does_no_harm() -> None:
    explanation = explain(Sequential(Linear(2, 2, rng=0), Hostile()), MSELoss(), normal(3, 2), normal(3, 2))
    page = explanation.html(title="</title><script>alert(3)</script>")
    assert "<script" not in page
    root = read(page)
    assert "<script>alert(1)</script>" in "".join(next(root.iter("main")).itertext())
    assert "<title>&lt;/title&gt;" in page
    assert not [each for each in root.iter() for name in each.attrib if name.startswith("on")]


def test_a_brick_that_computes_something_else_than_its_formula_is_marked() -> None:
    explanation = explain(Sequential(Linear(2, 2, rng=0), Tripled()), MSELoss(), normal(3, 2), normal(3, 2))
    page = explanation.html()
    (off,) = [each for each in read(page).iter("div") if "off" in (each.get("class") or "").split()]
    assert explanation["h1"].note in "".join(off.itertext())
    assert "✗ the brick computes" in "".join(off.itertext())


def test_a_step_that_fails_is_shown_up_to_where_it_fails() -> None:
    net = Sequential(Linear(2, 2, rng=0), Sigmoid(), Linear(5, 1, rng=0))
    explanation = explain(net, MSELoss(), normal(3, 2), normal(3, 1))
    page = explanation.html()
    assert_whole(page)
    text = "".join(next(read(page).iter("main")).itertext())
    assert text.index("Sigmoid()net[1]") < text.index("✗ the step ends here") < text.index("ShapeError: Linear(5, 1)")
    assert explanation.steps[0].failure is not None
    assert str(explanation.steps[0].failure.error) in text
    assert "h1 of shape 3 × 2" in text
    assert "✗ failed" in text


def test_infinity_is_marked_where_it_arises() -> None:
    net = Sequential(Linear(1, 1, weight=np.array([[1e200]]), bias=False), Linear(1, 1, weight=np.array([[1e200]])))
    with np.errstate(all="ignore"):
        explanation = explain(net, MSELoss(), np.ones((1, 1)), np.ones((1, 1)))
    page = explanation.html()
    assert page.count("NaN or ∞ arises here, from finite numbers") == sum(term.arose for term in explanation.steps[0])
    assert '<td class="x">' in page
    assert_whole(page)


def test_what_is_not_finite_from_the_start_is_marked_as_given() -> None:
    with np.errstate(all="ignore"):
        explanation = explain(Linear(1, 1, rng=0), MSELoss(), np.array([[np.nan]]), np.ones((1, 1)))
    page = explanation.html()
    assert page.count("NaN or ∞ stands in what is given") == 1
    assert_whole(page)


class Odd(Hostile):
    """Gives what is no array of numbers."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def forward(self, x: Array) -> tuple[Any, None]:
        return self.value, None


class Deaf(Hostile):
    """Takes whatever it gets."""

    def forward(self, x: Any) -> tuple[Array, None]:
        return np.zeros((2, 1)), None


@pytest.mark.parametrize(
    "value",
    [
        np.array([[1j, 2], [3, 4]]),
        np.array([["<b>", "&"]] * 2),
        {"<i>": 1},
        np.zeros((2, 0)),
        np.array([[True], [False]]),
    ],
    ids=["complex", "texts", "dict", "empty", "bools"],
)
def test_what_is_no_array_of_numbers_is_shown_as_it_prints(value: Any) -> None:
    explanation = explain(Sequential(Linear(2, 2, rng=0), Odd(value), Deaf()), MSELoss(), normal(2, 2), normal(2, 1))
    assert_whole(explanation.html())
    assert_harmless(explanation._repr_html_())


def test_a_brick_without_formulas_shows_its_name_and_numbers() -> None:
    explanation = explain(Sequential(Linear(2, 2, rng=0), Hostile()), MSELoss(), normal(3, 2), normal(3, 2))
    found = entries(explanation.html())
    for place, value in np.ndenumerate(explanation["h1"].value):
        assert found[f"h1{list(place)}"] == pytest.approx(value, abs=1e-8)


@given(values=st.lists(st.floats(allow_subnormal=False), min_size=1, max_size=9))
def test_figures_tell_the_numbers(values: list[float]) -> None:
    for value, text in zip(values, figures(values), strict=True):
        assert float(plain(text)) == pytest.approx(value, rel=6e-3, abs=0, nan_ok=True)
    for value in values:
        assert float(plain(exact(value))) == pytest.approx(value, rel=5.1e-6, abs=0, nan_ok=True)


def test_figures_of_a_matrix_have_the_same_decimals() -> None:
    assert figures([-1.40982136, 0.91005018, 0.0]) == ["−1.40982", "0.91005", "0"]
    assert figures([2.0, -3.0]) == ["2", "−3"]
    assert figures([1e-12, 1.0, float("inf")]) == ["1e−12", "1", "∞"]
    assert figures([-1.025730727, 5.5e-7]) == ["−1.0257307", "5.5e−7"]
    assert figures([-1.025730727, 0.000123]) == ["−1.025731", "0.000123"]
    assert figures([12.0, 0.00123]) == ["12.00000", "0.00123"]
    assert exact(0.00164061234567) == "0.00164061"
    assert exact(1.5e-9) == "1.5e−9"
