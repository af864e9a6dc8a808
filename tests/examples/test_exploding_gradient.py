"""The story of the exploding gradient."""

import re

import numpy as np
import pytest

from legonet import GradientError
from legonet.testing import check_brick
from scripts import example, run, size_of_png

common = example("_common")
exploding_gradient = example("exploding_gradient")


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
