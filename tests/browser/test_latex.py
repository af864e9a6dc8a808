"""LaTeX itself takes an explanation; run where a TeX is installed: ``pytest tests/browser/test_latex.py``."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from explain.article import explained
from legonet import Conv2d, CrossEntropyLoss, Flatten, Linear, MaxPool2d, ReLU, Sequential, Softmax
from legonet.explain import Explanation, explain
from networks import trainings
from strategies import normal

pytestmark = pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")


def overfull(explanation: Explanation, folder: Path, digits: int = 6) -> list[float]:
    """Compile a document; return by how many points its lines are too wide."""
    (folder / "step.tex").write_text(explanation.latex(document=True, digits=digits), encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "step.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)  # noqa: S603
    told = done.stdout.decode("utf-8", "replace")
    assert done.returncode == 0, told[-3000:]
    return [float(points) for points in re.findall(r"Overfull \\hbox \((\d+\.?\d*)pt too wide", told)]


@pytest.mark.parametrize("digits", [6, 9])
def test_the_step_of_the_article_compiles_and_no_line_is_too_wide(tmp_path, digits):
    assert max(overfull(explained(), tmp_path, digits), default=0) < 1


def test_a_network_for_images_compiles_and_no_line_is_much_too_wide(tmp_path):
    net = Sequential(Conv2d(1, 2, 3, rng=0), ReLU(), MaxPool2d(2), Flatten(), Linear(8, 3, rng=1))
    explanation = explain(net, CrossEntropyLoss(), normal(2, 1, 6, 6), np.array([0, 2]))
    assert max(overfull(explanation, tmp_path), default=0) < 20


def test_text_of_all_kinds_compiles(tmp_path):
    class Odd(Softmax):
        def __repr__(self) -> str:
            return "Odd(a_b, 50%, #1, {x}, c\\d, ~, ^, &, $, λ, é, 数, \x00)"

    overfull(explain(Odd(), CrossEntropyLoss(), normal(2, 3), np.array([0, 5])), tmp_path)


@given(trainings())
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_network_compiles(tmp_path, training):
    overfull(explain(*training[:4], regularizers=training.regularizers), tmp_path)
