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
digits = importlib.import_module("digits")
char_transformer = importlib.import_module("char_transformer")
exploding_gradient = importlib.import_module("exploding_gradient")
parity = importlib.import_module("parity")
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
    ("module", "function"),
    [
        (xor, "save_picture"),
        (exploding_gradient, "tell"),
        (char_transformer, "table"),
        (parity, "table"),
        (two_spirals, "save_picture"),
    ],
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


# --- char_transformer.py ---


def costs_of(printed):
    """Return what the models pay, by what they know, from the table that char_transformer.py prints."""
    return {what: float(bits) for bits, what in re.findall(r"^ *(\d+\.\d\d|nan)  (.*)$", printed, re.M)}


def test_the_text_is_52_sonnets_of_14_lines_and_the_last_five_are_held_out():
    characters, text, held_out = char_transformer.read_text()
    whole = "".join(characters[number] for number in np.concatenate([text, held_out]))
    assert whole == char_transformer.TEXT.read_text(encoding="ascii")
    sonnets = whole.removesuffix("\n").split("\n\n")
    assert [len(sonnet.split("\n")) for sonnet in sonnets] == [14] * 52
    assert "".join(characters[number] for number in held_out).removesuffix("\n").split("\n\n") == sonnets[-5:]
    assert characters == "".join(sorted(set(whole)))


def test_each_place_of_a_window_has_the_next_character_as_its_target(monkeypatch):
    monkeypatch.setattr(char_transformer, "WINDOW", 3)
    inputs, target = char_transformer.windows(np.arange(11))
    assert inputs.tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert target.tolist() == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    drawn = [char_transformer.draw_windows(np.arange(11), np.random.default_rng(seed)) for seed in range(20)]
    assert {int(inputs[row, 0]) for inputs, _ in drawn for row in range(len(inputs))} == set(range(8))
    for inputs, target in drawn:
        np.testing.assert_array_equal(target, inputs + 1)
        np.testing.assert_array_equal(inputs, inputs[:, :1] + np.arange(3))


def test_the_simpler_models_pay_by_what_they_have_counted(monkeypatch):
    monkeypatch.setattr(char_transformer, "WINDOW", 2)
    train, held_out = np.array([0, 1, 0, 1, 0, 2]), np.array([0, 1, 0, 0])
    known = char_transformer.baselines(train, held_out, 3)
    # one pair of windows, [0, 1] and its targets [1, 0]; counts from 1: (4, 3, 2) of 9; after 0: (1, 3, 2), after 1:
    # (3, 1, 1)
    assert list(known.values()) == pytest.approx(
        [np.log2(3), -(np.log2(3 / 9) + np.log2(4 / 9)) / 2, -(np.log2(3 / 6) + np.log2(3 / 5)) / 2]
    )


def test_a_short_training_already_beats_what_is_common_and_writes(tmp_path):
    done = run("char_transformer.py", "--steps", "60", "--length", "50", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    costs = costs_of(done.stdout)
    assert list(costs) == [
        "nothing",
        "how common each character is",
        "the character before",
        "the transformer, after step 60",
    ]
    nothing, common_ones, before, transformer = costs.values()
    assert (nothing, common_ones, before) == (5.88, 4.47, 3.45)
    assert transformer < common_ones
    written = done.stdout.partition("It writes:\n\n")[2]
    assert len(written) == 51
    assert set(written) <= set(char_transformer.read_text()[0])
    assert [path.name for path in (tmp_path / "output").iterdir()] == ["char-transformer.png"]
    assert size_of_png(tmp_path / "output" / "char-transformer.png") == (1200, 405)
    shown = re.findall(r"^transformer: step +(\d+) of 60, \d\.\d\d bits, \d\.\d\d held out$", done.stderr, re.M)
    assert shown == ["12", "24", "36", "48", "60"]
    assert len(done.stderr.splitlines()) == 5


def small(monkeypatch):
    """Make the transformer a small one, which is quick."""
    for name, size in {"WINDOW": 16, "BATCH": 2, "FEATURES": 8, "HEADS": 2, "HIDDEN": 8, "BLOCKS": 1}.items():
        monkeypatch.setattr(char_transformer, name, size)


def test_the_transformer_does_not_see_what_comes_next():
    net = char_transformer.build(9, np.random.default_rng(0))
    text = np.array([[1, 2, 3, 4, 5]])
    other = np.array([[1, 2, 3, 8, 8]])
    np.testing.assert_array_equal(net(text)[:, :3], net(other)[:, :3])
    assert not np.isclose(net(text)[:, 3:], net(other)[:, 3:]).all(axis=-1).any()


def test_the_heads_look_at_a_line_as_far_as_it_is_known():
    characters = char_transformer.read_text()[0]
    net = char_transformer.build(len(characters), np.random.default_rng(0))
    shares = char_transformer.attention_to(net, characters, "Let me not")
    assert shares.shape == (4, 10, 10)
    np.testing.assert_allclose(shares.sum(axis=2), 1.0, rtol=1e-5)
    assert not np.triu(shares, 1).any()


def test_the_same_seed_learns_and_writes_the_same(monkeypatch, tmp_path, capsys):
    small(monkeypatch)

    def told(*options):
        assert char_transformer.main(["--no-pictures", "--steps", "5", "--length", "30", *options]) == 0
        return re.sub(r"\d+ seconds", "", capsys.readouterr().out)

    plain = told()
    assert told() == plain
    assert told("--seed", "0", "--lr", "0.006") == plain
    for other in (["--seed", "1"], ["--lr", "0.1"], ["--steps", "6"], ["--length", "31"]):
        assert told(*other) != plain, other


def test_the_network_that_is_kept_is_the_one_from_the_best_moment(monkeypatch):
    small(monkeypatch)
    characters, text, held_out = char_transformer.read_text()
    done = char_transformer.train(
        characters, text, held_out, char_transformer.read_options(["--no-pictures", "--steps", "40", "--lr", "0.3"])
    )
    assert done.best.held_out == min(moment.held_out for moment in done.moments)
    assert char_transformer.bits(done.net, held_out) == pytest.approx(done.best.held_out, rel=1e-6)
    assert [moment.step for moment in done.moments] == list(range(41))


def test_a_transformer_that_leaves_the_numbers_is_reported_and_drawn(monkeypatch, tmp_path, capsys):
    small(monkeypatch)
    assert char_transformer.main(["--steps", "200", "--lr", "1e30", "--output", str(tmp_path)]) == 0
    printed = capsys.readouterr()
    assert printed.err.splitlines()[-1] == "The loss is no longer a number; try a smaller --lr"
    assert costs_of(printed.out)["the transformer, after step 0"] < 8
    assert size_of_png(tmp_path / "char-transformer.png") == (1200, 405)


def test_ctrl_c_keeps_what_the_transformer_has_learned(monkeypatch, tmp_path, capsys):
    small(monkeypatch)
    steps = 0

    def interrupted(*args):
        nonlocal steps
        steps += 1
        if steps == 9:
            raise KeyboardInterrupt
        return backpropagate(*args)

    backpropagate = char_transformer.backpropagate
    monkeypatch.setattr(char_transformer, "backpropagate", interrupted)
    assert char_transformer.main(["--steps", "40", "--length", "20", "--output", str(tmp_path)]) == 130
    printed = capsys.readouterr()
    assert "(8 steps, " in printed.out
    assert "It writes:" in printed.out
    assert printed.err.splitlines()[-1] == "Stopped early: this is what there was."
    assert [path.name for path in tmp_path.iterdir()] == ["char-transformer.png"]


def test_a_picture_that_cannot_be_written_does_not_lose_the_losses(monkeypatch, tmp_path, capsys):
    small(monkeypatch)
    (tmp_path / "char-transformer.png").mkdir()
    assert char_transformer.main(["--steps", "2", "--output", str(tmp_path)]) == 1
    printed = capsys.readouterr()
    assert len(costs_of(printed.out)) == 4
    assert printed.err.splitlines()[-1].startswith("char_transformer.py: error: cannot write the picture: ")


def test_without_matplotlib_the_transformer_still_learns_and_writes(tmp_path):
    done = run("char_transformer.py", "--steps", "2", "--length", "5", cwd=tmp_path, without=["matplotlib", "tqdm"])
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[0] == "There will be no pictures: they need matplotlib, pip install matplotlib"
    assert "Picture" not in done.stdout
    assert "It writes:" in done.stdout
    assert list(tmp_path.iterdir()) == []


# --- parity.py ---


def test_the_lstm_learns_parity_and_the_feed_forward_network_does_not(tmp_path, capsys):
    assert parity.main(["--steps", "1600", "--output", str(tmp_path)]) == 0
    printed = capsys.readouterr()
    head, lstm, plain, picture = printed.out.splitlines()
    assert head.split() == ["network", "parameters", "steps", "loss", "accuracy", "longer", "seconds"]
    name, size, steps, loss, right, longer, _ = lstm.replace(",", "").split()
    assert (name, size, steps) == ("LSTM", "329", "1600")
    assert float(loss) < 0.01
    assert float(right) >= 0.99
    assert float(longer) >= 0.99
    name, size, steps, _, right, longer, _ = plain.replace(",", "").split()
    assert (name, size, steps, longer) == ("feed-forward", "321", "1600", "-")
    assert float(right) < 0.65
    assert picture == f"Picture: {tmp_path / 'parity.png'}"
    assert size_of_png(tmp_path / "parity.png") == (1200, 405)
    assert re.search(r"^LSTM: step 1,600 of 1,600, loss 0\.00\d\d, accuracy \d\.\d{3}$", printed.err, re.M)


def test_strings_have_the_parity_of_their_ones():
    bits, target = parity.draw_strings(np.random.default_rng(0), 200, 3, 9)
    lengths = np.sum(bits != 0, axis=1)
    assert set(lengths.tolist()) == set(range(3, 10))
    for row, length, (odd,) in zip(bits, lengths, target, strict=True):
        assert not row[length:].any()
        assert set(row[:length].tolist()) <= {-1.0, 1.0}
        assert odd == (1.0 if np.sum(row == 1) % 2 else -1.0)
    assert parity.parity(np.array([[1.0, -1.0, 1.0, 1.0, 0.0]])).tolist() == [[1.0, 1.0, -1.0, 1.0, 1.0]]


def test_the_reader_is_right_and_does_not_see_what_comes_after_the_end():
    reader = parity.Reader(3, rng=np.random.default_rng(0))
    check_brick(reader, np.random.default_rng(1).normal(size=(4, 5)))
    bits = np.array([[1.0, -1.0, 1.0]])
    assert np.array_equal(reader(bits), reader(np.pad(bits, [(0, 0), (0, 4)])))


def test_an_option_of_the_parity_run_changes_what_it_says(capsys):
    def train(*argv):
        assert parity.main(["--no-pictures", "--steps", "20", *argv]) == 0
        return [line.split()[:-1] for line in capsys.readouterr().out.splitlines()]

    plain = train()
    assert train("--hidden", "8", "--lr", "0.1", "--seed", "0") == plain
    assert train("--hidden", "3")[1][1] == "64"
    for other in (["--seed", "1"], ["--lr", "0.01"], ["--steps", "30"]):
        assert train(*other)[1] != plain[1], other


def test_a_parity_run_that_leaves_the_numbers_is_reported_and_drawn(tmp_path, capsys):
    assert parity.main(["--lr", "1e308", "--steps", "100", "--output", str(tmp_path)]) == 0
    told = capsys.readouterr().err.splitlines()
    assert "feed-forward: the loss is no longer a number; try a smaller --lr" in told
    assert size_of_png(tmp_path / "parity.png") == (1200, 405)


def test_ctrl_c_keeps_what_the_parity_run_has(tmp_path, monkeypatch, capsys):
    steps = 0

    def backpropagate(*args, **kwargs):
        nonlocal steps
        steps += 1
        if steps == 15:
            raise KeyboardInterrupt
        return parity_backpropagate(*args, **kwargs)

    parity_backpropagate = parity.backpropagate
    monkeypatch.setattr(parity, "backpropagate", backpropagate)
    assert parity.main(["--output", str(tmp_path)]) == 130
    printed = capsys.readouterr()
    assert printed.out.splitlines()[1].split()[:3] == ["LSTM", "329", "14"]
    assert [path.name for path in tmp_path.iterdir()] == ["parity.png"]
    assert printed.err.splitlines()[-1] == "Stopped early: this is what there was."


def test_a_parity_picture_that_cannot_be_written_does_not_lose_the_table(tmp_path, capsys):
    (tmp_path / "parity.png").mkdir()
    assert parity.main(["--steps", "5", "--output", str(tmp_path)]) == 1
    printed = capsys.readouterr()
    assert "feed-forward" in printed.out
    assert printed.err.splitlines()[-1].startswith("parity.py: error: cannot write the picture: ")


# --- digits.py ---


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


SHORT = [
    ("xor.py", "--steps"),
    ("exploding_gradient.py", "--steps"),
    ("parity.py", "--steps"),
    ("digits.py", "--epochs"),
    ("two_spirals.py", "--steps"),
]
"""The examples, and the option that makes them short."""


@pytest.mark.parametrize(("script", "length"), SHORT)
def test_without_matplotlib_all_but_the_pictures_is_done(script, length, tmp_path):
    done = run(script, length, "2", cwd=tmp_path, without=["matplotlib", "tqdm"])
    assert done.returncode == 0, done.stderr
    assert "accuracy" in done.stdout
    assert done.stderr.splitlines()[0] == "There will be no pictures: they need matplotlib, pip install matplotlib"
    assert "Picture" not in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("script", "length"), SHORT)
def test_no_pictures_writes_nothing(script, length, tmp_path, monkeypatch, capsys):
    module = importlib.import_module(script.removesuffix(".py"))
    monkeypatch.chdir(tmp_path)
    assert module.main([length, "2", "--no-pictures"]) == 0
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
    (char_transformer, "--steps 0", "--steps: needs a whole number >= 1, but got '0'"),
    (char_transformer, "--lr 0", "--lr: needs a finite number > 0, but got '0'"),
    (char_transformer, "--length -1", "--length: needs a whole number from 0 to 100,000, but got '-1'"),
    (char_transformer, "--seed -1", "--seed: needs a whole number >= 0, but got '-1'"),
    (char_transformer, "--output occupied", "--output: cannot write to 'occupied': "),
    (exploding_gradient, "--steps 0", "--steps: needs a whole number >= 1, but got '0'"),
    (exploding_gradient, "--steps many", "--steps: needs a whole number >= 1, but got 'many'"),
    (exploding_gradient, "--output occupied", "--output: cannot write to 'occupied': "),
    (parity, "--hidden 0", "--hidden: needs a whole number from 1 to 1,000, but got '0'"),
    (parity, "--steps 0", "--steps: needs a whole number >= 1, but got '0'"),
    (parity, "--lr nan", "--lr: needs a finite number > 0, but got 'nan'"),
    (parity, "--seed -1", "--seed: needs a whole number >= 0, but got '-1'"),
    (parity, "--output occupied", "--output: cannot write to 'occupied': "),
    (digits, "--epochs 0", "--epochs: needs a whole number >= 1, but got '0'"),
    (digits, "--lr 0", "--lr: needs a finite number > 0, but got '0'"),
    (digits, "--batch-size 1001", "--batch-size: needs a whole number from 1 to 1,000, but got '1001'"),
    (digits, "--seed x", "--seed: needs a whole number >= 0, but got 'x'"),
    (digits, "--output occupied", "--output: cannot write to 'occupied': "),
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
    "char_transformer.py": {
        "--steps": "1200",
        "--lr": "0.006",
        "--length": "400",
        "--seed": "0",
        "--output": "output",
    },
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
    "parity.py": {"--hidden": "8", "--steps": "3000", "--lr": "0.1", "--seed": "0", "--output": "output"},
    "digits.py": {"--epochs": "30", "--lr": "0.003", "--batch-size": "32", "--seed": "0", "--output": "output"},
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
