"""The digits, which come with scikit-learn: it is in the extra ``oracle``."""

import re
from pathlib import Path

import numpy as np

from scripts import example, run, size_of_png

digits = example("digits")


def table_of_digits(printed):
    """Return the table that digits.py prints: by network its parameters, steps, accuracy, seconds."""
    lines = printed.splitlines()
    assert lines[0].split() == ["network", "parameters", "steps", "accuracy", "seconds"]
    rows = [line.replace(",", "").split() for line in lines[1:3]]
    return {name: [float(number) for number in numbers] for name, *numbers in rows}


def test_both_networks_read_digits_that_they_have_never_seen_and_are_drawn(tmp_path):
    done = run("digits.py", "--epochs", "12", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    table = table_of_digits(done.stdout)
    assert {name: row[:2] for name, row in table.items()} == {"MLP": [9610, 516], "CNN": [6090, 516]}
    assert min(row[2] for row in table.values()) >= 0.97
    assert size_of_png(tmp_path / "output" / "digits.png") == (1200, 405)
    assert f"Picture: {Path('output', 'digits.png')}" in done.stdout
    assert all(
        re.fullmatch(r"(MLP|CNN): step +\d+ of 516, loss .*, accuracy .*", line) for line in done.stderr.splitlines()
    )


def test_a_quarter_of_each_digit_is_never_learned_from():
    learned, unseen = digits.load()
    assert (learned.images.shape, unseen.images.shape) == ((1347, 1, 8, 8), (450, 1, 8, 8))
    assert learned.images.dtype == np.float32
    assert (learned.images.min(), learned.images.max()) == (0, 1)
    shares = np.bincount(unseen.classes) / (np.bincount(unseen.classes) + np.bincount(learned.classes))
    assert np.abs(shares - 0.25).max() < 0.005
    both = np.concatenate([learned.images, unseen.images]).reshape(1797, 64)
    assert len(np.unique(both, axis=0)) == 1797


def test_without_scikit_learn_one_line_says_what_to_install(tmp_path):
    done = run("digits.py", cwd=tmp_path, without=["sklearn"])
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line == 'digits.py: error: the digits come with scikit-learn: pip install "legonet[examples]"'


def test_digits_that_blow_up_end_early_and_say_so(tmp_path, capsys):
    with np.errstate(all="ignore"):
        assert digits.main(["--lr", "1e38", "--output", str(tmp_path)]) == 0
    printed = capsys.readouterr()
    assert "MLP: the loss is no longer a number; try a smaller --lr" in printed.err
    assert "CNN: the loss is no longer a number; try a smaller --lr" in printed.err
    assert size_of_png(tmp_path / "digits.png") == (1200, 405)


def test_ctrl_c_while_learning_digits_shows_what_there_was(monkeypatch, capsys):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(digits, "backpropagate", interrupted)
    assert digits.main(["--no-pictures"]) == 130
    printed = capsys.readouterr()
    assert printed.out.splitlines()[1].split()[:3] == ["MLP", "9,610", "0"]
    assert printed.err == "Stopped early: this is what there was.\n"


def test_without_matplotlib_all_but_the_pictures_is_done(tmp_path):
    done = run("digits.py", "--epochs", "2", cwd=tmp_path, without=["matplotlib", "tqdm"])
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[0] == "There will be no pictures: they need matplotlib, pip install matplotlib"
    assert list(table_of_digits(done.stdout)) == ["MLP", "CNN"]
    assert list(tmp_path.iterdir()) == []


def test_no_pictures_writes_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert digits.main(["--epochs", "2", "--no-pictures"]) == 0
    assert list(table_of_digits(capsys.readouterr().out)) == ["MLP", "CNN"]
    assert list(tmp_path.iterdir()) == []
