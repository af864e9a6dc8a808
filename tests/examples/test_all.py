"""What all examples do alike: the loop, bad options, no pictures, no matplotlib, an interruption."""

import math
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from scripts import example, run

common = example("_common")
xor = example("xor")
exploding_gradient = example("exploding_gradient")
char_transformer = example("char_transformer")
parity = example("parity")
digits = example("digits")
two_spirals = example("two_spirals")


class Moment(NamedTuple):
    step: int
    loss: float = 0.5


@pytest.mark.parametrize(
    ("steps", "moments", "measured"),
    [(10, 5, [0, 2, 4, 6, 8, 10]), (11, 5, [0, 2, 4, 6, 8, 10, 11]), (3, 5, [0, 1, 2, 3]), (5, 1, [0, 5])],
)
def test_a_run_is_measured_at_its_start_in_between_and_at_its_end(steps, moments, measured):
    taken = []
    found, seconds, interrupted = common.run_steps("run", steps, taken.append, Moment, moments)
    assert taken == list(range(steps))
    assert [moment.step for moment in found] == measured
    assert seconds > 0
    assert not interrupted


def test_a_run_that_is_interrupted_is_measured_once_more():
    def take_step(step):
        if step == 7:
            raise KeyboardInterrupt

    found, _, interrupted = common.run_steps("run", 10, take_step, Moment, 2)
    assert [moment.step for moment in found] == [0, 5, 7]
    assert interrupted


def test_a_run_ends_where_its_loss_is_no_number():
    def measure(step):
        return Moment(step, math.nan if step == 4 else 0.5)

    found, _, interrupted = common.run_steps("run", 10, lambda step: None, measure, 5)
    assert [moment.step for moment in found] == [0, 2, 4]
    assert not interrupted


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


SHORT = [  # digits.py needs scikit-learn: tests/oracle/test_digits.py runs it
    "xor.py",
    "exploding_gradient.py",
    "parity.py",
    "two_spirals.py",
]


@pytest.mark.parametrize("script", SHORT)
def test_without_matplotlib_all_but_the_pictures_is_done(script, tmp_path):
    done = run(script, "--steps", "2", cwd=tmp_path, without=["matplotlib", "tqdm"])
    assert done.returncode == 0, done.stderr
    assert "accuracy" in done.stdout
    assert done.stderr.splitlines()[0] == "There will be no pictures: they need matplotlib, pip install matplotlib"
    assert "Picture" not in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("script", SHORT)
def test_no_pictures_writes_nothing(script, tmp_path, monkeypatch, capsys):
    module = example(script.removesuffix(".py"))
    monkeypatch.chdir(tmp_path)
    assert module.main(["--steps", "2", "--no-pictures"]) == 0
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
        pytest.skip("needs a folder that even the superuser cannot write to, as Linux has")
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
    "explain_step.py": {"--digits": "6", "--output": "output"},
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
