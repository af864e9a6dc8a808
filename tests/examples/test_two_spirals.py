"""Plain and residual networks on two spirals."""

import re

import numpy as np

from scripts import example, run, size_of_png

two_spirals = example("two_spirals")


def rows_of_spirals(printed):
    """Return the table that two_spirals.py prints, a dictionary of numbers for each (network, blocks)."""
    head, *rows = [line.split("  ") for line in printed.splitlines() if "  " in line]
    names = [name.strip() for name in head if name]
    assert names == [
        "network",
        "blocks",
        "layers",
        "parameters",
        "steps",
        "loss",
        "accuracy",
        "on new points",
        "seconds",
    ]
    cells = [[cell.strip().replace(",", "") for cell in row if cell] for row in rows]
    return {(row[0], int(row[1])): dict(zip(names[2:], map(float, row[2:]), strict=True)) for row in cells}


def test_the_points_of_two_spirals_are_apart_and_balanced():
    x, target = two_spirals.spirals(400, np.random.default_rng(0))
    assert x.shape == target.shape == (400, 2)
    assert target.sum(axis=0).tolist() == [200, 200]
    # Half a turn maps one spiral to the other; along a spiral of two turns, the way from the centre grows by 3 in 4 pi.
    way = np.hypot(*x.T)
    angle = np.arctan2(x[:, 1], x[:, 0]) - np.pi * target[:, 1]
    off = (way - 3 * angle / (4 * np.pi) + 0.75) % 1.5 - 0.75
    assert np.abs(off).max() < 0.45
    assert np.abs(off).mean() < 0.1


def test_the_two_networks_differ_in_their_shortcuts_alone():
    plain, residual = (two_spirals.build(3, residual=each, rng=np.random.default_rng(0)) for each in (False, True))
    for one, other in zip(plain.parameters(), residual.parameters(), strict=True):
        np.testing.assert_array_equal(one.value, other.value)
    x = np.random.default_rng(1).normal(size=(5, 2))
    h = residual[0](x)
    for block in plain[1:4]:
        h = h + block(h)
    np.testing.assert_allclose(residual(x), plain[4:](h), rtol=1e-12)
    assert np.abs(plain(x) - residual(x)).max() > 1e-3


def test_a_deep_network_learns_two_spirals_with_shortcuts_only(tmp_path):
    done = run("two_spirals.py", "--blocks", "2", "30", "--steps", "500", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = rows_of_spirals(done.stdout)
    assert list(rows) == [("plain", 2), ("residual", 2), ("plain", 30), ("residual", 30)]
    assert [row["layers"] for row in rows.values()] == [6, 6, 62, 62]
    assert [row["parameters"] for row in rows.values()] == [686, 686, 9422, 9422]
    assert {row["steps"] for row in rows.values()} == {500}
    assert rows["plain", 30]["accuracy"] < 0.8 < 0.95 < rows["residual", 30]["on new points"]
    assert rows["residual", 30]["loss"] < 0.05 < 0.2 < rows["plain", 30]["loss"]
    assert sorted(path.name for path in tmp_path.rglob("*.*")) == ["two-spirals-2.png", "two-spirals-30.png"]
    for blocks in (2, 30):
        assert size_of_png(tmp_path / "output" / f"two-spirals-{blocks}.png") == (1500, 405)
    shown = re.findall(
        r"^(\d+) blocks, (\w+): step +([\d,]+) of 500, loss \d\.\d{4}, accuracy \d\.\d{3}$", done.stderr, re.M
    )
    assert len(shown) == len(done.stderr.splitlines()) == 4 * 5


def test_an_option_of_two_spirals_changes_what_it_says(capsys):
    def train(*argv):
        assert two_spirals.main(["--no-pictures", "--blocks", "1", "--steps", "30", *argv]) == 0
        return [[*row.values()][:-1] for row in rows_of_spirals(capsys.readouterr().out).values()]

    plain = train()
    assert train("--seed", "0", "--lr", "0.003", "--weight-decay", "0.01") == train("--blocks", "1", "1") == plain
    assert train("--steps", "31")[0][2] == 31
    for other in (["--seed", "1"], ["--lr", "0.1"], ["--weight-decay", "30"]):
        assert train(*other)[0][3] != plain[0][3], other


def test_two_spirals_whose_loss_is_no_number_says_so(tmp_path, capsys):
    assert two_spirals.main(["--blocks", "1", "--steps", "40", "--lr", "1e308", "--output", str(tmp_path)]) == 0
    printed = capsys.readouterr()
    assert "1 blocks, plain: the loss is no longer a number; try a smaller --lr" in printed.err
    assert size_of_png(tmp_path / "two-spirals-1.png") == (1500, 405)


def test_ctrl_c_ends_two_spirals_early_with_what_there_was(tmp_path, monkeypatch, capsys):
    steps = 0

    def clip_norm(*args):
        nonlocal steps
        steps += 1
        if steps == 61:
            raise KeyboardInterrupt
        return spirals_clip_norm(*args)

    spirals_clip_norm = two_spirals.clip_norm
    monkeypatch.setattr(two_spirals, "clip_norm", clip_norm)
    assert two_spirals.main(["--blocks", "1", "2", "--steps", "40", "--output", str(tmp_path)]) == 130
    printed = capsys.readouterr()
    rows = rows_of_spirals(printed.out)
    assert {key: row["steps"] for key, row in rows.items()} == {("plain", 1): 40, ("residual", 1): 20}
    assert [path.name for path in tmp_path.iterdir()] == ["two-spirals-1.png"]
    assert printed.err.splitlines()[-1] == "Stopped early: this is what there was."


def test_a_picture_of_two_spirals_that_cannot_be_written_does_not_lose_the_table(tmp_path, capsys):
    (tmp_path / "two-spirals-1.png").mkdir()
    assert two_spirals.main(["--blocks", "1", "--steps", "5", "--output", str(tmp_path)]) == 1
    printed = capsys.readouterr()
    assert list(rows_of_spirals(printed.out)) == [("plain", 1), ("residual", 1)]
    assert printed.err.splitlines()[-1].startswith("two_spirals.py: error: cannot write the pictures: ")
