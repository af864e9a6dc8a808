"""Long formulas of LaTeX are broken where a reader would break them, and say what they said."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from explained import NETWORKS
from legonet.explain.styles.latex import seen
from legonet.explain.views.breaking import LONGEST, broken


def without_ends(lines: list[str]) -> str:
    """Return the formula again, without what a line begins and ends with."""
    joined = " ".join(line.removeprefix("& ") for line in lines)
    return re.sub(r"\s+", "", joined.replace(r"\left.", "").replace(r"\right.", ""))


@st.composite
def formulas(draw: st.DrawFn, depth: int = 3) -> str:
    if not depth:
        return draw(st.sampled_from(["x_{12}", r"\frac{a}{b}", "W[0, 1]", r"\text{a, b}", "3.14159"]))
    inner = formulas(depth - 1)
    parts = draw(st.lists(inner, min_size=1, max_size=4))
    sign = draw(st.sampled_from([" + ", " - ", r" \odot ", r" \cdot ", ", "]))
    body = sign.join(parts)
    return rf"f\left( {body} \right)" if draw(st.booleans()) or sign == ", " else body


@given(formulas(), st.integers(10, 80))
def test_nothing_is_lost_and_brackets_are_closed_on_every_line(latex: str, most: int) -> None:
    lines = broken(latex, "& ", most)
    assert without_ends(lines) == re.sub(r"\s+", "", latex)
    for line in lines:
        assert line.count(r"\left") == line.count(r"\right")
        assert line.count("{") == line.count("}")


def test_a_short_formula_is_one_line() -> None:
    assert broken("a + b") == ["a + b"]


def test_a_line_ends_rather_outside_of_brackets() -> None:
    latex = r"aaaaaaaaaaaaaa + \left( bbbbbb + cccccc \right) + dddd"
    assert broken(latex, "& ", 24) == ["aaaaaaaaaaaaaa", r"& + \left( bbbbbb + cccccc \right) + dddd"]


def test_a_bracket_that_is_too_long_is_opened_again() -> None:
    latex = r"f\left( aaaaaaaaaa, bbbbbbbbbb, cccccccccc \right)"
    assert broken(latex, "& ", 16) == [
        r"f\left( aaaaaaaaaa, \right.",
        r"& \left.bbbbbbbbbb, \right.",
        r"& \left.cccccccccc \right)",
    ]


@pytest.mark.parametrize("name", NETWORKS)
def test_no_line_of_a_document_is_much_longer_than_a_page_holds(name: str) -> None:
    for line in NETWORKS[name]().latex().splitlines():
        if line.startswith("&"):
            assert seen(line.removesuffix(r"\\").replace("&", "")) <= 1.35 * LONGEST, line
