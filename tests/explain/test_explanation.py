"""An explanation shows itself, and is saved whole or not at all."""

import os
import re
import stat
from pathlib import Path

import numpy as np
import pytest

from explain.article import explained
from legonet import SGD, L1Regularizer, L2Regularizer, Linear, MSELoss
from legonet.errors import OptionError
from legonet.explain import Explanation, explain


@pytest.fixture(scope="module")
def article() -> Explanation:
    return explained()


def several() -> Explanation:
    net = Linear(1, 1, weight=np.array([[2.0]]), bias=False)
    return explain(
        net, MSELoss(), np.array([[1.0]]), np.array([[5.0]]), optimizer=SGD(net.parameters(), lr=0.5), steps=3
    )


def test_its_repr_is_one_line(article):
    assert repr(article) == "Explanation(1 step, 22 terms, loss 0.300525)"
    assert re.fullmatch(r"Explanation\(3 steps, \d+ terms, loss 4.5 → 0.28125\)", repr(several()))


def test_it_shows_itself_as_text_page_and_latex(article):
    assert str(article) == article.text()
    assert article._repr_latex_() == article.latex()
    assert "<math" in article._repr_html_()


def test_several_steps_are_shown_one_after_the_other():
    text, latex = several().text(), several().latex()
    for number, loss in enumerate(("4.5", "1.125", "0.28125"), 1):
        assert text.count(f"Step {number} of 3: the loss is {loss}\n") == 1
        assert latex.count(rf"\section*{{Step {number} of 3: the loss is {loss}}}") == 1


@pytest.mark.parametrize(
    ("suffix", "start"), [("txt", "One training step"), ("tex", r"\documentclass"), ("html", "<!DOCTYPE")]
)
def test_it_is_saved_as_the_suffix_says(article, tmp_path, suffix, start):
    for path in (tmp_path / f"step.{suffix}", str(tmp_path / f"again.{suffix.upper()}")):
        article.save(path)
        assert Path(path).read_text(encoding="utf-8").startswith(start)


@pytest.mark.parametrize("path", ["step.pdf", "step", ".html", 3, None])
def test_another_suffix_is_refused(article, path):
    with pytest.raises(OptionError, match=r"Explanation.save needs"):
        article.save(path)


def test_a_write_that_is_interrupted_leaves_the_old_file_whole(article, tmp_path, monkeypatch):
    path = tmp_path / "step.txt"
    path.write_text("old", encoding="utf-8")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        article.save(path)
    assert path.read_text(encoding="utf-8") == "old"
    assert [*tmp_path.iterdir()] == [path]


def test_a_file_that_is_replaced_keeps_its_mode_and_a_new_one_has_the_usual(article, tmp_path):
    usual = tmp_path / "usual"
    usual.touch()
    path = tmp_path / "step.txt"
    article.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(usual.stat().st_mode)
    path.chmod(0o600)
    article.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_folder_that_is_not_there_is_said_by_the_system(article, tmp_path):
    with pytest.raises(FileNotFoundError):
        article.save(tmp_path / "nowhere" / "step.txt")


def test_a_link_stays_a_link_and_a_long_name_is_a_name(article, tmp_path):
    (tmp_path / "link.txt").symlink_to(tmp_path / "step.txt")
    article.save(tmp_path / "link.txt")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "step.txt").read_text(encoding="utf-8").startswith("One training step")
    article.save(tmp_path / f"{'n' * 250}.txt")
    assert len([*tmp_path.iterdir()]) == 3


def test_a_read_only_file_is_left(article, tmp_path, monkeypatch):
    path = tmp_path / "step.txt"
    path.write_text("kept", encoding="utf-8")
    monkeypatch.setattr(os, "access", lambda *_: False)  # the superuser may write to any
    with pytest.raises(PermissionError, match="read-only"):
        article.save(path)
    assert path.read_text(encoding="utf-8") == "kept"


def test_numbers_of_one_name_say_whose_they_are():
    net = Linear(2, 2, rng=0)
    penalties = [L2Regularizer([net.weight], strength=0.5), L1Regularizer([net.weight], strength=0.25)]
    explanation = explain(net, MSELoss(), np.ones((2, 2)), np.zeros((2, 2)), regularizers=penalties)
    text = str(explanation.explain("L"))
    assert "λ = 0.5 (L2Regularizer)" in text
    assert "λ = 0.25 (L1Regularizer)" in text


def test_a_term_is_found_by_its_symbol_and_a_near_one_is_suggested(article):
    assert article["dL/dW1"].shape == (2, 3)
    with pytest.raises(OptionError, match=r"there is no term dL/dw1 in step 1: did you mean .*dL/dW1"):
        article["dL/dw1"]
