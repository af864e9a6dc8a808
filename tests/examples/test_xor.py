"""The XOR experiment, its picture and its command line."""

import io
import math
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from legonet import Linear, Sequential, Sigmoid
from scripts import example, run, size_of_png

common = example("_common")
xor = example("xor")


def rows_of(printed):
    """Return the numbers of the table that xor.py prints: hidden, parameters, steps, loss, accuracy, seconds."""
    lines = printed.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("hidden "))
    assert lines[start].split() == ["hidden", "parameters", "steps", "loss", "accuracy", "seconds"]
    rows = [line.replace(",", "").split() for line in lines[start + 1 :] if line.startswith(" ")]
    return [[float(number) for number in row] for row in rows]


def options_of(*argv):
    return xor.read_options(["--no-pictures", *argv])


def test_the_points_are_the_articles():
    x, target = common.xor_points()
    assert x.shape == target.shape == (300, 2)
    np.testing.assert_allclose(x[0], [1.76405235, 0.40015721], atol=5e-9)
    assert x.dtype == target.dtype == np.float64
    for (a, b), row in zip(x, target, strict=True):
        assert row.tolist() == ([0, 1] if (a > 0) ^ (b > 0) else [1, 0])


def test_a_tie_and_a_nan_are_not_accurate():
    target = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    y = np.array([[0.2, 0.1], [0.2, 0.1], [0.3, 0.3], [math.nan, math.nan]])
    assert common.accuracy(y, target) == 0.25


def test_by_default_3_and_50_neurons_learn_xor_and_are_drawn(tmp_path):
    done = run("xor.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (three, fifty) = rows_of(done.stdout)
    assert three[:3] == [3, 17, 20_000]
    assert fifty[:3] == [50, 252, 20_000]
    assert three[4] >= 0.90
    assert fifty[4] >= 0.99
    assert fifty[3] < three[3] < 0.07
    assert sorted(path.name for path in tmp_path.rglob("*.*")) == ["xor-3.png", "xor-50.png"]
    for hidden in (3, 50):
        assert size_of_png(tmp_path / "output" / f"xor-{hidden}.png") == (1200, 405)
        assert f"Picture: {Path('output', f'xor-{hidden}.png')}" in done.stdout
    shown = re.findall(
        r"^(\d+) hidden: step +([\d,]+) of 20,000, loss \d\.\d{4}, accuracy \d\.\d{3}$", done.stderr, re.M
    )
    assert shown == [(hidden, f"{step},000") for hidden in ("3", "50") for step in (4, 8, 12, 16, 20)]
    assert len(done.stderr.splitlines()) == len(shown)


def test_the_animation_shows_the_run_from_its_start_to_its_end(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(xor, "FRAMES", 6)
    image = pytest.importorskip("PIL.Image")
    assert xor.main(["--hidden", "3", "--steps", "300", "--animate", "--output", str(tmp_path)]) == 0
    assert f"Animation: {tmp_path / 'xor-3.gif'}" in capsys.readouterr().out
    with image.open(tmp_path / "xor-3.gif") as animation:
        assert animation.format == "GIF"
        assert animation.size == (800, 270)
        assert animation.n_frames == 6
        first, first_seconds = np.asarray(animation.convert("RGB"), dtype=float), animation.info["duration"] / 1000
        animation.seek(5)
        last, last_seconds = np.asarray(animation.convert("RGB"), dtype=float), animation.info["duration"] / 1000
    assert np.abs(first - last).mean() > 2
    assert first_seconds == pytest.approx(0.2)
    assert last_seconds == pytest.approx(1.2)
    assert size_of_png(tmp_path / "xor-3.png") == (1200, 405)


def test_an_option_changes_what_it_says(tmp_path, capsys):
    def train(*argv):
        assert xor.main(["--no-pictures", "--hidden", "4", "--steps", "50", *argv]) == 0
        return rows_of(capsys.readouterr().out)[0][:-1]

    plain = train()
    assert plain[:3] == [4, 22, 50]
    assert train() == plain
    assert train("--seed", "0", "--lr", "3", "--lambda", "1e-4", "--batch-size", "300") == plain
    assert train("--no-bias")[:3] == [4, 16, 50]
    assert train("--steps", "60")[:3] == [4, 22, 60]
    for other in (["--seed", "1"], ["--lr", "1"], ["--lambda", "30"], ["--batch-size", "10"]):
        assert train(*other)[3] != plain[3], other


@pytest.mark.parametrize("batch_size", [300, 50])
def test_lambda_is_counted_as_in_the_article(batch_size):
    x, target = common.xor_points()
    first = xor.train(
        5, x, target, options_of("--lambda", "2", "--steps", "1", "--batch-size", str(batch_size))
    ).moments[0]
    weights = first.net[0].weight.value, first.net[2].weight.value
    error = np.sum((first.net(x) - target) ** 2) / (2 * 300)
    penalty = 2 / (2 * batch_size) * sum(np.sum(weight**2) for weight in weights)
    assert first.loss == pytest.approx(error + penalty, rel=1e-12)


def test_a_step_descends_the_gradient_of_the_loss_with_its_penalty():
    x, target = common.xor_points()
    before, after = xor.train(3, x, target, options_of("--lambda", "2", "--steps", "1", "--lr", "0.5")).moments
    h1 = before.net[:2](x)
    y = before.net(x)
    dz2 = (y - target) / 300 * y * (1 - y)
    dz1 = dz2 @ before.net[2].weight.value.T * h1 * (1 - h1)
    for layer, inputs, dz in ((0, x, dz1), (2, h1, dz2)):
        W, b = before.net[layer].weight.value, before.net[layer].bias.value
        np.testing.assert_allclose(after.net[layer].weight.value, W - 0.5 * (inputs.T @ dz + 2 / 300 * W), rtol=1e-9)
        np.testing.assert_allclose(after.net[layer].bias.value, b - 0.5 * dz.sum(axis=0), rtol=1e-9, atol=1e-12)


def test_without_biases_xor_cannot_be_learned(tmp_path, capsys):
    assert xor.main(["--hidden", "10", "--steps", "3000", "--no-bias", "--output", str(tmp_path)]) == 0
    assert rows_of(capsys.readouterr().out)[0][4] < 0.75
    assert [path.name for path in tmp_path.iterdir()] == ["xor-10-no-bias.png"]
    assert xor.main(["--hidden", "10", "--steps", "3000", "--no-pictures"]) == 0
    assert rows_of(capsys.readouterr().out)[0][4] > 0.95


def test_the_plane_is_coloured_by_what_the_network_says_there():
    pytest.importorskip("matplotlib")
    x, target = common.xor_points()
    # The second output is the larger one where x_1 > 1 + x_2 / 2.
    net = Sequential(Linear(2, 2, weight=np.array([[-4.0, 4.0], [2.0, -2.0]]), bias=np.array([4.0, -4.0])), Sigmoid())
    with common.new_figure() as figure:
        axes = figure.subplots()
        common.draw_boundary(axes, net, x, target)
    (image,) = axes.images
    left, right, bottom, top = image.get_extent()
    lead = np.asarray(image.get_array())
    rows, columns = lead.shape
    for a, b in ((2, -1), (-2, 1), (2, 2.5), (0.5, -2.5), (1.5, 0), (0.5, 0), (3, 0), (-3, 0)):
        place = round((b - bottom) / (top - bottom) * (rows - 1)), round((a - left) / (right - left) * (columns - 1))
        assert (lead[place] > 0) == (a > 1 + b / 2), (a, b)
    assert image.origin == "lower"
    drawn = [points for points in axes.collections if hasattr(points, "get_offsets") and len(points.get_offsets()) > 2]
    by_look = {}
    for points in drawn:
        looks = (tuple(points.get_facecolors()[0][:3]), tuple(points.get_edgecolors()[0][:3]))
        by_look[looks] = by_look.get(looks, 0) + len(points.get_offsets())
    wrong = (x[:, 0] > 1 + x[:, 1] / 2) != (target[:, 1] == 1)
    black = sum(number for (_, rim), number in by_look.items() if rim == (0, 0, 0))
    assert sum(by_look.values()) == 300
    assert black == wrong.sum()


@pytest.mark.parametrize("output", [[0.0, 1.0], [math.nan, math.nan]])
def test_a_plane_of_one_colour_has_no_boundary(output):
    pytest.importorskip("matplotlib")
    net = Linear(2, 2, weight=np.zeros((2, 2)), bias=np.array(output))
    with common.new_figure() as figure:
        axes = figure.subplots()
        common.draw_boundary(axes, net, *common.xor_points())
        figure.draw_without_rendering()
    assert not [lines for lines in axes.collections if hasattr(lines, "levels")]


def test_a_run_that_leaves_the_numbers_is_reported_and_drawn(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(xor, "FRAMES", 4)
    options = ["--lr", "1e308", "--hidden", "3", "--steps", "1000", "--animate", "--output", str(tmp_path)]
    assert xor.main(options) == 0
    printed = capsys.readouterr()
    ((hidden, _, steps, loss, accuracy, _),) = rows_of(printed.out)
    assert (hidden, accuracy) == (3, 0)
    assert math.isnan(loss)
    assert steps < 1000
    assert "3 hidden: the loss is no longer a number; try a smaller --lr" in printed.err.splitlines()
    assert size_of_png(tmp_path / "xor-3.png") == (1200, 405)
    assert (tmp_path / "xor-3.gif").stat().st_size > 1000


def test_ctrl_c_keeps_what_there_is(tmp_path, monkeypatch, capsys):
    steps = 0

    def backpropagate(*args, **kwargs):
        nonlocal steps
        steps += 1
        if steps == 151:
            raise KeyboardInterrupt
        return xor_backpropagate(*args, **kwargs)

    xor_backpropagate = xor.backpropagate
    monkeypatch.setattr(xor, "backpropagate", backpropagate)
    assert xor.main(["--hidden", "3", "7", "--steps", "20000", "--output", str(tmp_path)]) == 130
    printed = capsys.readouterr()
    assert [row[:3] for row in rows_of(printed.out)] == [[3, 17, 150]]
    assert [path.name for path in tmp_path.iterdir()] == ["xor-3.png"]
    assert printed.err.splitlines()[-1] == "Stopped early: this is what there was."


def test_a_picture_that_cannot_be_written_does_not_lose_the_table(tmp_path, capsys):
    (tmp_path / "xor-3.png").mkdir()
    assert xor.main(["--hidden", "3", "--steps", "5", "--output", str(tmp_path)]) == 1
    printed = capsys.readouterr()
    assert rows_of(printed.out)[0][:3] == [3, 17, 5]
    assert printed.err.splitlines()[-1].startswith("xor.py: error: cannot write the pictures: ")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_gets_a_bar_with_loss_and_accuracy(monkeypatch):
    pytest.importorskip("tqdm")
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    monkeypatch.setenv("COLUMNS", "100")
    assert xor.main(["--hidden", "3", "--steps", "1000", "--no-pictures"]) == 0
    last = terminal.getvalue().split("\r")[-1]
    assert re.match(r"3 hidden: 100%\|[#█]+\| 1000/1000 steps, loss 0\.\d{4}, accuracy 0\.\d{3}", last), last


def test_a_terminal_without_tqdm_gets_lines(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    assert xor.main(["--hidden", "3", "--steps", "1000", "--no-pictures"]) == 0
    lines = terminal.getvalue().splitlines()
    assert [line[:29] for line in lines] == [f"3 hidden: step {step:5,} of 1,000" for step in range(200, 1001, 200)]
