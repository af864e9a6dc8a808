"""The transformer that reads sonnets."""

import re

import numpy as np
import pytest

from scripts import example, run, size_of_png

char_transformer = example("char_transformer")


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
    weights = char_transformer.attention_to(net, characters, "Let me not")
    assert weights.shape == (4, 10, 10)
    np.testing.assert_allclose(weights.sum(axis=2), 1.0, rtol=1e-5)
    assert not np.triu(weights, 1).any()


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
