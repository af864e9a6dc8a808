"""The article's worked step as text, as a page and in LaTeX."""

import re

import numpy as np
import pytest

from scripts import example, run
from test_article import PRINTED, W1, W2, X, Y

explain_step = example("explain_step")

SYMBOLS = {
    "h2 - y": "dL/dh2",
    "h2 (1 - h2)": "dh2/dz2",
    "h1 (1 - h1)": "dh1/dz1",
    "W1 after": "W1*",
    "W2 after": "W2*",
}


def test_it_is_the_articles_step():
    net, x, target = explain_step.build()
    assert np.array_equal(x, X)
    assert np.array_equal(target, Y)
    assert [np.array_equal(p.value, w) for p, w in zip(net.parameters(), [W1, W2], strict=True)] == [True, True]


@pytest.mark.parametrize("name", PRINTED)
def test_the_step_has_every_number_of_the_article(name):
    term = explain_step.work_out()[SYMBOLS.get(name, name)]
    np.testing.assert_allclose(term.value, PRINTED[name], rtol=0, atol=2e-8)  # it starts from 8 digits, and prints 8


def test_it_prints_the_step_and_where_an_entry_comes_from_and_writes_three_files(tmp_path, capsys):
    assert explain_step.main(["--output", str(tmp_path / "made")]) == 0
    step, _, rest = capsys.readouterr().out.partition("\nWhere dL/dW1[0, 2] comes from:\n")
    paths = [tmp_path / "made" / f"worked-step.{suffix}" for suffix in ("html", "txt", "tex")]
    page, text, latex = (path.read_text(encoding="utf-8") for path in paths)
    assert step == text
    assert "\ndL/dW1[0, 2] = x[0, 0] * dL/dz1[0, 2] = 1.76405 * 0.0206745 = 0.0364708\n" in rest
    assert rest.splitlines()[-3:] == [f"Written: {path}" for path in paths]
    assert "<title>The article&#x27;s step, worked</title>" in page
    assert "<math" in page
    assert latex.startswith(r"\documentclass")


def test_digits_are_those_of_the_text_the_entry_and_the_latex(tmp_path, capsys):
    assert explain_step.main(["--digits", "3", "--output", str(tmp_path)]) == 0
    assert "= 1.76 * 0.0207 = 0.0365\n" in capsys.readouterr().out
    for suffix in ("txt", "tex"):
        numbers = re.findall(r"0\.0*(\d+)", (tmp_path / f"worked-step.{suffix}").read_text(encoding="utf-8"))
        assert max(map(len, numbers)) == 3


@pytest.mark.parametrize("digits", ["0", "18", "many"])
def test_digits_that_no_number_has_are_a_one_line_error(digits, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        explain_step.main(["--digits", digits, "--output", str(tmp_path / "made")])
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"error: argument --digits: needs a whole number from 1 to 17, but got '{digits}'" in line
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file_is_a_one_line_error(tmp_path, capsys):
    (tmp_path / "occupied").write_text("a file")
    with pytest.raises(SystemExit) as stop:
        explain_step.main(["--output", str(tmp_path / "occupied")])
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "error: argument --output: cannot write to " in line


def test_it_needs_neither_matplotlib_nor_a_terminal_that_knows_all_letters(tmp_path):
    done = run("explain_step.py", cwd=tmp_path, without=["matplotlib", "tqdm"])
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "z1 = x @ W1" in done.stdout
    assert len(list((tmp_path / "output").iterdir())) == 3


def test_a_file_that_cannot_be_written_is_a_one_line_error(tmp_path, capsys):
    (tmp_path / "worked-step.tex").mkdir()
    assert explain_step.main(["--output", str(tmp_path)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("explain_step.py: error: cannot write the files: ")


def test_ctrl_c_is_one_line(tmp_path, monkeypatch, capsys):
    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr(explain_step, "work_out", interrupt)
    assert explain_step.main(["--output", str(tmp_path)]) == 130
    assert capsys.readouterr().err == "Stopped.\n"
