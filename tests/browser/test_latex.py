"""The LaTeX of an explanation compiles."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from explained import NETWORKS

PDFLATEX = shutil.which("pdflatex")
pytestmark = pytest.mark.skipif(PDFLATEX is None, reason="pdflatex is not installed")


def compiled(text: str, folder: Path) -> str:
    """Compile a document and return what LaTeX said."""
    assert PDFLATEX is not None
    (folder / "step.tex").write_text(text, encoding="utf-8")
    command = [PDFLATEX, "-halt-on-error", "-interaction=nonstopmode", "step.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=120)  # noqa: S603
    log = (folder / "step.log").read_text(encoding="utf-8", errors="replace")
    assert done.returncode == 0, log[-2000:]
    assert (folder / "step.pdf").stat().st_size > 5000
    return log


def overfull(log: str) -> list[float]:
    """Return by how many points each line is too wide."""
    return [float(points) for points in re.findall(r"Overfull \\hbox \(([\d.]+)pt too wide\)", log)]


@pytest.mark.parametrize("name", NETWORKS)
def test_the_document_compiles(name: str, tmp_path: Path) -> None:
    log = compiled(NETWORKS[name]().latex(document=True), tmp_path)
    assert "Missing character" not in log


def test_the_article_fits_the_page(tmp_path: Path) -> None:
    assert [
        points for points in overfull(compiled(NETWORKS["article"]().latex(document=True), tmp_path)) if points > 20
    ] == []


def test_a_line_that_is_too_wide_is_found(tmp_path: Path) -> None:
    text = (
        NETWORKS["article"]()
        .latex(document=True)
        .replace(r"\end{document}", "\\hbox to 9cm{\\hskip 12cm}\n\\end{document}")
    )
    assert max(overfull(compiled(text, tmp_path))) > 80


def test_what_goes_into_a_document_of_ones_own_needs_amsmath_only(tmp_path: Path) -> None:
    head = "\\documentclass{article}\n\\usepackage{amsmath}\n\\begin{document}\n"
    compiled(head + NETWORKS["residual"]().latex() + "\\end{document}\n", tmp_path)
