"""The examples, run as their readers run them."""

import importlib
import io
import math
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from legonet import GradientError, Linear, Sequential, Sigmoid
from legonet.testing import check_brick

EXAMPLES = Path(__file__).parents[1] / "examples"
sys.path.insert(0, str(EXAMPLES))  # as Python does for a script

common = importlib.import_module("_common")
exploding_gradient = importlib.import_module("exploding_gradient")
two_spirals = importlib.import_module("two_spirals")
xor = importlib.import_module("xor")


def run(script, *options, cwd, without=()):
    """Run an example in a process of its own, with warnings as errors, and without some libraries."""
    hide = "".join(f"sys.modules[{name!r}] = None; " for name in without)
    code = f"import runpy, sys; {hide}sys.path.insert(0, {str(EXAMPLES)!r}); sys.argv = sys.argv[1:]; "
    code += "runpy.run_path(sys.argv[0], run_name='__main__')"
    command = [sys.executable, "-W", "error", "-c", code, str(EXAMPLES / script), *options]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONIOENCODING": "ascii"}
    environment.pop("DISPLAY", None)
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603


def rows_of(printed):
    """Return the numbers of the table that xor.py prints: hidden, parameters, steps, loss, accuracy, seconds."""
    lines = printed.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("hidden "))
    assert lines[start].split() == ["hidden", "parameters", "steps", "loss", "accuracy", "seconds"]
    rows = [line.replace(",", "").split() for line in lines[start + 1 :] if line.startswith(" ")]
    return [[float(number) for number in row] for row in rows]


def size_of_png(path):
    head = path.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", head[16:24])


def options_of(*argv):
    return xor.read_options(["--no-pictures", *argv])


# --- The points ---


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


# --- xor.py ---


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


def test_a_run_that_leaves_the_numbers_is_reported_and_drawn(tmp_path):
    done = run("xor.py", "--lr", "1e308", "--hidden", "3", "--steps", "1000", "--animate", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    ((hidden, _, steps, loss, accuracy, _),) = rows_of(done.stdout)
    assert (hidden, accuracy) == (3, 0)
    assert math.isnan(loss)
    assert steps < 1000
    assert "3 hidden: the loss is no longer a number; try a smaller --lr" in done.stderr.splitlines()
    assert size_of_png(tmp_path / "output" / "xor-3.png") == (1200, 405)
    assert (tmp_path / "output" / "xor-3.gif").stat().st_size > 1000


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


@pytest.mark.parametrize(
    ("module", "function"), [(xor, "save_picture"), (exploding_gradient, "tell"), (two_spirals, "save_picture")]
)
def test_ctrl_c_at_another_time_is_one_line(module, function, tmp_path, monkeypatch, capsys):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, function, interrupt)
    assert module.main(["--steps", "5", "--output", str(tmp_path)]) == 130
    assert capsys.readouterr().err.splitlines()[-1] == "Stopped."


def test_a_picture_that_cannot_be_written_does_not_lose_the_table(tmp_path, capsys):
    (tmp_path / "xor-3.png").mkdir()
    assert xor.main(["--hidden", "3", "--steps", "5", "--output", str(tmp_path)]) == 1
    printed = capsys.readouterr()
    assert rows_of(printed.out)[0][:3] == [3, 17, 5]
    assert printed.err.splitlines()[-1].startswith("xor.py: error: cannot write the pictures: ")


# --- Progress ---


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


# --- exploding_gradient.py ---


def test_the_whole_story_of_the_exploding_gradient_is_true(tmp_path):
    done = run("exploding_gradient.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    check, wrong, right, biases = re.split(r"\n\n\d\. ", done.stdout)[1:]

    weights = exploding_gradient.build().parameters()
    with pytest.raises(GradientError) as refusal:
        check_brick(exploding_gradient.ArticlePenalty(weights, strength=1e-4 / 50))
    report, _, _ = str(refusal.value).partition("\n# To see it")
    assert " ".join(report.split()) in " ".join(check.split())

    (nan,) = re.findall(r"step ([\d,]+): loss nan", wrong)
    assert 90_000 < int(nan.replace(",", "")) < 110_000
    lowest, at = re.findall(r"lowest, (\d\.\d+), at step ([\d,]+)", wrong)[0]
    assert float(lowest) == pytest.approx(0.226, abs=0.001)
    assert 85_000 < int(at.replace(",", "")) < 97_000

    assert "nan" not in right
    assert "It does not blow up." in right
    final, largest = re.findall(r"step 120,000: loss (\d\.\d+), largest weight (\d+\.\d+)", right)[0]
    assert float(final) < 0.23
    assert float(largest) < 10

    without, with_biases = (float(number) for number in re.findall(r"accuracy (\d\.\d\d) with", biases))
    assert without < 0.7
    assert with_biases > 0.97
    assert size_of_png(tmp_path / "output" / "exploding-gradient.png") == (1200, 405)


def test_the_exploding_run_takes_the_steps_of_the_articles_code(capsys):
    x, target = (array[:50] for array in common.xor_points())
    W1, W2 = (layer.weight.value.copy() for layer in (exploding_gradient.build()[0], exploding_gradient.build()[2]))
    assert W1.shape == (2, 50)
    losses = []
    for step in range(201):
        h1 = 1 / (1 + np.exp(-x @ W1))
        h2 = 1 / (1 + np.exp(-h1 @ W2))
        if step % 100 == 0:
            squares = np.sum((h2 - target) ** 2) + 1e-4 * (np.sum(W1**2) + np.sum(W2**2))
            losses.append(squares / (2 * 50))
        dz2 = (h2 - target) * h2 * (1 - h2)  # without 1/N
        dz1 = dz2 @ W2.T * h1 * (1 - h1)
        dW1, dW2 = x.T @ dz1 + 1e-4 * np.sum(W1**2), h1.T @ dz2 + 1e-4 * np.sum(W2**2)
        W1, W2 = W1 - 0.003 * dW1, W2 - 0.003 * dW2
    told = exploding_gradient.train(exploding_gradient.ArticlePenalty, 200)
    assert [point.step for point in told.curve] == [0, 100, 200]
    np.testing.assert_allclose([point.loss for point in told.curve], losses, rtol=1e-10)
    assert told.nan is None


def test_the_articles_weights_are_those_of_its_seed():
    net = exploding_gradient.build()
    np.random.seed(2017)  # noqa: NPY002 - as the article draws them
    np.testing.assert_array_equal(net[0].weight.value, (2 * np.random.random((2, 50)) - 1) / np.sqrt(2))  # noqa: NPY002
    np.testing.assert_array_equal(net[2].weight.value, (2 * np.random.random((50, 2)) - 1) / np.sqrt(50))  # noqa: NPY002
    assert net[0].bias is net[2].bias is None


def test_a_short_exploding_run_does_not_claim_to_have_exploded(tmp_path, capsys):
    assert exploding_gradient.main(["--steps", "250", "--output", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "It has not blown up yet; that happens near step 103,000." in printed
    assert "nan" not in printed.lower()
    assert [path.name for path in tmp_path.iterdir()] == ["exploding-gradient.png"]
    assert size_of_png(tmp_path / "exploding-gradient.png") == (1200, 405)


# --- two_spirals.py ---


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


# --- All ---


SCRIPTS = ["xor.py", "exploding_gradient.py", "two_spirals.py"]


@pytest.mark.parametrize("script", SCRIPTS)
def test_without_matplotlib_all_but_the_pictures_is_done(script, tmp_path):
    done = run(script, "--steps", "20", cwd=tmp_path, without=["matplotlib", "tqdm"])
    assert done.returncode == 0, done.stderr
    assert "accuracy" in done.stdout
    assert done.stderr.splitlines()[0] == "There will be no pictures: they need matplotlib, pip install matplotlib"
    assert "Picture" not in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("module", [xor, exploding_gradient, two_spirals])
def test_no_pictures_writes_nothing(module, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert module.main(["--steps", "5", "--no-pictures"]) == 0
    assert "accuracy" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


BAD_OPTIONS = [
    (xor, "--hidden 0", "--hidden: needs a whole number from 1 to 1,000, but got '0'"),
    (xor, "--hidden 3 1001", "--hidden: needs a whole number from 1 to 1,000, but got '1001'"),
    (xor, "--hidden 2.5", "--hidden: needs a whole number from 1 to 1,000, but got '2.5'"),
    (xor, "--hidden", "--hidden: expected at least one argument"),
    (xor, "--steps -1", "--steps: needs a whole number >= 1, but got '-1'"),
    (xor, "--steps 0", "--steps: needs a whole number >= 1, but got '0'"),
    (xor, "--lr -1", "--lr: needs a finite number > 0, but got '-1'"),
    (xor, "--lr 0", "--lr: needs a finite number > 0, but got '0'"),
    (xor, "--lr nan", "--lr: needs a finite number > 0, but got 'nan'"),
    (xor, "--lr inf", "--lr: needs a finite number > 0, but got 'inf'"),
    (xor, "--lr fast", "--lr: needs a finite number > 0, but got 'fast'"),
    (xor, "--lambda -0.1", "--lambda: needs a finite number >= 0, but got '-0.1'"),
    (xor, "--lambda nan", "--lambda: needs a finite number >= 0, but got 'nan'"),
    (xor, "--batch-size 0", "--batch-size: needs a whole number from 1 to 300, but got '0'"),
    (xor, "--batch-size 301", "--batch-size: needs a whole number from 1 to 300, but got '301'"),
    (xor, "--seed -1", "--seed: needs a whole number >= 0, but got '-1'"),
    (xor, "--output occupied", "--output: cannot write to 'occupied': "),
    (xor, "--output occupied/below", "--output: cannot write to '" + str(Path("occupied", "below")) + "': "),
    (xor, "--animate --no-pictures", "--no-pictures: not allowed with argument --animate"),
    (xor, "--step 5", "unrecognized arguments: --step 5"),
    (exploding_gradient, "--steps 0", "--steps: needs a whole number >= 1, but got '0'"),
    (exploding_gradient, "--steps many", "--steps: needs a whole number >= 1, but got 'many'"),
    (exploding_gradient, "--output occupied", "--output: cannot write to 'occupied': "),
    (two_spirals, "--blocks 0", "--blocks: needs a whole number from 1 to 100, but got '0'"),
    (two_spirals, "--blocks 5 101", "--blocks: needs a whole number from 1 to 100, but got '101'"),
    (two_spirals, "--steps 0", "--steps: needs a whole number >= 1, but got '0'"),
    (two_spirals, "--lr 0", "--lr: needs a finite number > 0, but got '0'"),
    (two_spirals, "--weight-decay -1", "--weight-decay: needs a finite number >= 0, but got '-1'"),
    (two_spirals, "--seed -1", "--seed: needs a whole number >= 0, but got '-1'"),
    (two_spirals, "--output occupied", "--output: cannot write to 'occupied': "),
]


@pytest.mark.parametrize(
    ("module", "options", "message"), BAD_OPTIONS, ids=[f"{m.__name__} {o}" for m, o, _ in BAD_OPTIONS]
)
def test_bad_options_get_a_one_line_error(module, options, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("occupied").write_text("a file")
    monkeypatch.setattr(module, "train", lambda *args: pytest.fail("it trains"))
    with pytest.raises(SystemExit) as stop:
        module.main(options.split())
    printed = capsys.readouterr()
    assert stop.value.code == 2
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert f"error: {'' if message.startswith('unrec') else 'argument '}{message}" in line
    assert [path.name for path in tmp_path.iterdir()] == ["occupied"]


def test_a_folder_that_nobody_can_write_to_is_refused(monkeypatch, capsys):
    if not Path("/proc/self").exists():
        pytest.skip("needs a folder that even the superuser cannot write to")
    monkeypatch.setattr(xor, "train", lambda *args: pytest.fail("it trains"))
    with pytest.raises(SystemExit) as stop:
        xor.main(["--output", "/proc"])
    assert stop.value.code == 2
    assert "argument --output: cannot write to '/proc': " in capsys.readouterr().err


DEFAULTS = {
    "xor.py": {
        "--hidden": "3 50",
        "--steps": "20000",
        "--lr": "3.0",
        "--lambda": "0.0001",
        "--batch-size": "all 300",
        "--seed": "0",
        "--output": "output",
    },
    "exploding_gradient.py": {"--steps": "120000", "--output": "output"},
    "two_spirals.py": {
        "--blocks": "5 30",
        "--steps": "2000",
        "--lr": "0.003",
        "--weight-decay": "0.01",
        "--seed": "0",
        "--output": "output",
    },
}


@pytest.mark.parametrize("script", DEFAULTS)
def test_the_help_tells_every_option_with_its_default(script, tmp_path):
    done = run(script, "--help", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    entries = [" ".join(entry.split()) for entry in re.split(r"\n  (?=-)", done.stdout)[1:]]
    told = {entry.split()[0]: default[1] for entry in entries if (default := re.search(r"\(default: (.*)\)$", entry))}
    told.pop("--no-bias", None)
    assert told == DEFAULTS[script]
    assert ("L2Regularizer(strength=L / N)" in " ".join(entries)) == (script == "xor.py")
