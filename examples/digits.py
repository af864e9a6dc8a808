"""Two small networks read real handwritten digits: a multilayer perceptron (MLP) and a convolutional network (CNN).

``python examples/digits.py`` trains both on three quarters of the 1,797 images of 8 x 8 pixels that scikit-learn
carries, prints how well they read the other quarter, and draws how they learned and which digits are the hardest.
``--help`` lists what can be varied. It needs scikit-learn: ``pip install "legonet[examples]"``.
"""

import argparse
import importlib
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from _common import BLUE, GREY, ORANGE, Parser, finite_number, new_figure, open_folder, progress, whole_number
from legonet import Adam, Array, Conv2d, CrossEntropyLoss, Flatten, Linear, MaxPool2d, ReLU, Sequential
from legonet.initializers import he_normal
from legonet.special import softmax
from legonet.training import backpropagate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Classes = npt.NDArray[np.integer[Any]]


class Digits(NamedTuple):
    """Images of shape (batch, 1, 8, 8), from 0 to 1, and the digits that they show."""

    images: Array
    classes: Classes


class Moment(NamedTuple):
    """What a network could do after some steps."""

    step: int
    train_loss: float
    test_loss: float
    accuracy: float  # on the digits that it has not seen


class Run(NamedTuple):
    """One training run."""

    name: str
    net: Sequential
    moments: list[Moment]
    seconds: float
    interrupted: bool


# --- The digits, the networks and their training ---


def load() -> tuple[Digits, Digits]:
    """Return the digits to learn from and every fourth of each class to test with, always the same ones."""
    images, classes = importlib.import_module("sklearn.datasets").load_digits(return_X_y=True)
    images = (images / 16).reshape(-1, 1, 8, 8).astype(np.float32)
    order = np.random.default_rng(0).permutation(len(images))
    order = order[np.argsort(classes[order], kind="stable")]
    test = np.arange(len(order)) % 4 == 0
    return Digits(images[order[~test]], classes[order[~test]]), Digits(images[order[test]], classes[order[test]])


def build(rng: np.random.Generator) -> dict[str, Sequential]:
    """Return both networks."""
    f32: Any = np.float32
    return {
        "MLP": Sequential(
            Flatten(),
            Linear(64, 128, weight=he_normal, rng=rng, dtype=f32),
            ReLU(),
            Linear(128, 10, rng=rng, dtype=f32),
        ),
        "CNN": Sequential(
            Conv2d(1, 16, 3, padding=1, weight=he_normal, rng=rng, dtype=f32),
            ReLU(),
            MaxPool2d(2),
            Conv2d(16, 32, 3, padding=1, weight=he_normal, rng=rng, dtype=f32),
            ReLU(),
            MaxPool2d(2),
            Flatten(),
            Linear(32 * 2 * 2, 10, rng=rng, dtype=f32),
        ),
    }


def train(name: str, net: Sequential, digits: Digits, unseen: Digits, options: argparse.Namespace) -> Run:
    """Train one network. Ctrl-C ends it early, and so does a loss that is no longer a number."""
    rng = np.random.default_rng(options.seed)
    loss, adam = CrossEntropyLoss(), Adam(net.parameters(), lr=options.lr)
    size, count = options.batch_size, len(digits.images)

    def measure(step: int) -> Moment:
        y = net(unseen.images)
        right = y[np.arange(len(y)), unseen.classes] == y.max(axis=1)  # NaN is never right
        return Moment(step, loss(net(digits.images), digits.classes), loss(y, unseen.classes), float(right.mean()))

    steps = options.epochs * math.ceil(count / size)
    start, step, interrupted = time.perf_counter(), 0, False
    moments = [measure(step)]
    with progress(name, steps) as show:
        try:
            while step < steps and math.isfinite(moments[-1].train_loss):
                for rows in np.split(rng.permutation(count), range(size, count, size)):
                    backpropagate(net, loss, digits.images[rows], digits.classes[rows])
                    adam.step()
                    step += 1
                moments.append(measure(step))
                show(step, f"loss {moments[-1].train_loss:.4f}, accuracy {moments[-1].accuracy:.3f}")
        except KeyboardInterrupt:
            interrupted = True
    return Run(name, net, moments, time.perf_counter() - start, interrupted)


def table(runs: Sequence[Run]) -> str:
    """Return how the runs ended, one a line."""
    lines = ["network  parameters   steps  accuracy  seconds"]
    for name, net, moments, seconds, _ in runs:
        size = sum(parameter.value.size for parameter in net.parameters())
        lines.append(f"{name:7}  {size:10,}  {moments[-1].step:6,}  {moments[-1].accuracy:8.3f}  {seconds:7.1f}")
    return "\n".join(lines)


# --- The picture ---


def draw(figure: "Figure", runs: Sequence[Run], unseen: Digits) -> None:
    """Draw how the networks learned, and what the last of them finds hardest."""
    shares = ", ".join(f"the {run.name} reads {run.moments[-1].accuracy:.1%} right" for run in runs)
    figure.suptitle(f"{len(unseen.images)} handwritten digits never seen before: {shares}")
    panels: Any = figure.subfigures(1, 3, width_ratios=[1, 1, 1.2])
    left, middle, right = panels
    loss, accuracy = left.subplots(), middle.subplots()
    for run, colour in zip(runs, (BLUE, ORANGE), strict=False):
        steps, train_loss, test_loss, rights = zip(*run.moments, strict=True)
        loss.plot(steps, test_loss, color=colour, linewidth=1.6, label=f"{run.name}, unseen digits")
        loss.plot(steps, train_loss, color=colour, linewidth=0.8, linestyle="--", label=f"{run.name}, digits to learn")
        accuracy.plot(steps, rights, color=colour, linewidth=1.6, label=run.name)
    loss.set(title="Loss", yscale="log")
    loss.legend(fontsize=6)
    accuracy.set(title="Accuracy on unseen digits", ylim=(0.8, 1.003))
    accuracy.legend(loc="lower right")
    for axes in (loss, accuracy):
        axes.set(xlabel="step", xlim=(0, max(runs[0].moments[-1].step, 1)))
        axes.locator_params(axis="x", nbins=4, integer=True)
        axes.xaxis.set_major_formatter("{x:,.0f}")
    draw_hardest(right, runs[-1], unseen)


def draw_hardest(figure: Any, run: Run, unseen: Digits) -> None:
    """Show the twelve digits that a network gives the least probability, and what it takes them for."""
    p = softmax(run.net(unseen.images))
    own = p[np.arange(len(p)), unseen.classes]
    wrong = int(np.sum(p.argmax(axis=1) != unseen.classes))
    figure.suptitle(f"Hardest for the {run.name} ({wrong} misread)", fontsize=9, fontweight="normal")
    for axes, row in zip(figure.subplots(3, 4).flat, np.argsort(own, kind="stable")[:12], strict=True):
        draw_digit(axes, unseen.images[row, 0], int(unseen.classes[row]), int(p[row].argmax()), float(own[row]))


def draw_digit(axes: "Axes", image: Array, digit: int, taken_for: int, probability: float) -> None:
    """Show one image; below it what it is, and what it is taken for or how surely it is read."""
    axes.imshow(image, cmap="Greys", vmin=0, vmax=1)
    text, colour = (
        (f"{digit}, read as {taken_for}", ORANGE) if taken_for != digit else (f"{digit}, {probability:.0%} sure", GREY)
    )
    axes.set_xlabel(text, color=colour, fontsize=7)
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)


# --- The command line ---


def read_options(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the options, all of them checked."""
    parser = Parser("Train two networks on scikit-learn's handwritten digits, and draw what they learned.")
    add = parser.add_argument
    add(
        "--epochs",
        type=whole_number(1),
        default=30,
        metavar="EPOCHS",
        help="how often to go through all digits (default: %(default)s)",
    )
    add(
        "--lr",
        type=finite_number(zero=False),
        default=0.003,
        metavar="RATE",
        help="learning rate of Adam (default: %(default)s)",
    )
    add(
        "--batch-size",
        type=whole_number(1, 1000),
        default=32,
        metavar="N",
        help="digits in a step (default: %(default)s)",
    )
    add(
        "--seed",
        type=whole_number(0),
        default=0,
        metavar="SEED",
        help="seed of the initial weights and of the batches (default: %(default)s)",
    )
    add(
        "--output",
        type=Path,
        default=Path("output"),
        metavar="FOLDER",
        help="where the picture goes; made if it is not there (default: %(default)s)",
    )
    add("--no-pictures", dest="pictures", action="store_false", help="draw nothing")
    options = parser.parse_args(argv)
    options.folder = open_folder(parser, options.output) if options.pictures else None
    return options


def main(argv: Sequence[str] | None = None) -> int:
    """Train, print the table, draw; return the exit code."""
    options = read_options(argv)
    try:
        digits, unseen = load()
    except ImportError:
        print('digits.py: error: the digits come with scikit-learn: pip install "legonet[examples]"', file=sys.stderr)
        return 1
    runs: list[Run] = []
    try:
        for name, net in build(np.random.default_rng(options.seed)).items():
            if not (runs and runs[-1].interrupted):
                runs.append(train(name, net, digits, unseen, options))
        print(table(runs))
        for run in runs:
            if not math.isfinite(run.moments[-1].train_loss):
                print(f"{run.name}: the loss is no longer a number; try a smaller --lr", file=sys.stderr)
        if options.folder is not None:
            with new_figure() as figure:
                draw(figure, runs, unseen)
                figure.savefig(options.folder / "digits.png")
            print(f"Picture: {options.folder / 'digits.png'}")
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    except OSError as error:
        print(f"digits.py: error: cannot write the picture: {error.strerror}", file=sys.stderr)
        return 1
    if runs[-1].interrupted:
        print("Stopped early: this is what there was.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
