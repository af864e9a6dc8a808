"""The LSTM that counts ones."""

import re

import numpy as np

from legonet.testing import check_brick
from scripts import example, size_of_png

parity = example("parity")


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
