"""The article's experiment: a small network learns XOR, and a picture shows how.

``python examples/xor.py`` trains two networks, one of 3 and one of 50 hidden neurons, prints how well they do, and
draws the article's three panels of each: accuracy, decision boundary, loss. ``--help`` lists what can be varied.

Three neurons are barely enough: with some three seeds in ten they get stuck near an accuracy of 0.80.
"""

import argparse
import copy
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from _common import (
    BLUE,
    Parser,
    accuracy,
    draw_boundary,
    finite_number,
    new_figure,
    open_folder,
    run_steps,
    whole_number,
    xor_points,
)
from legonet import SGD, Array, L2Regularizer, Linear, MSELoss, Sequential, Sigmoid
from legonet.training import backpropagate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOMENTS = 200  # so often a run is measured
FRAMES = 25  # so many of them make the animation


class Moment(NamedTuple):
    """What a network could do after some steps."""

    step: int
    loss: float  # with the penalty
    accuracy: float
    net: Sequential  # a copy of the network as it was

    def __str__(self) -> str:
        return f"loss {self.loss:.4f}, accuracy {self.accuracy:.3f}"


class Run(NamedTuple):
    """One training run."""

    hidden: int
    moments: list[Moment]
    seconds: float
    interrupted: bool


# --- The network and its training ---


def build(hidden: int, *, bias: bool, rng: np.random.Generator) -> Sequential:
    """Return the article's network: 2 inputs, some hidden neurons, and one output for each class."""
    return Sequential(
        Linear(2, hidden, bias=bias, rng=rng),
        Sigmoid(),
        Linear(hidden, 2, bias=bias, rng=rng),
        Sigmoid(),
    )


def train(hidden: int, x: Array, target: Array, options: argparse.Namespace) -> Run:
    """Train one network. Ctrl-C ends it early, and so does a loss that is no longer a number."""
    rng = np.random.default_rng(options.seed)
    net = build(hidden, bias=options.bias, rng=rng)
    weights = [parameter for name, parameter in net.named_parameters() if name.endswith("weight")]
    mse = MSELoss()
    ridge = L2Regularizer(weights, strength=options.penalty / options.batch_size)
    sgd = SGD(net.parameters(), lr=options.lr)

    def take_step(_: int) -> None:
        rows: slice | Array = slice(None)
        if options.batch_size < len(x):
            rows = rng.choice(len(x), options.batch_size, replace=False)
        backpropagate(net, mse, x[rows], target[rows], regularizers=[ridge])
        sgd.step()

    def measure(step: int) -> Moment:
        y = net(x)
        return Moment(step, mse(y, target) + ridge(), accuracy(y, target), copy.deepcopy(net))

    return Run(hidden, *run_steps(f"{hidden} hidden", options.steps, take_step, measure, MOMENTS))


def table(runs: Sequence[Run]) -> str:
    """Return how the runs ended, one a line."""
    lines = ["hidden  parameters     steps    loss  accuracy  seconds"]
    for hidden, moments, seconds, _ in runs:
        step, loss, right, net = moments[-1]
        size = sum(parameter.value.size for parameter in net.parameters())
        lines.append(f"{hidden:6}  {size:10,}  {step:8,}  {loss:6.4f}  {right:8.3f}  {seconds:7.1f}")
    return "\n".join(lines)


# --- The pictures ---


def draw(figure: "Figure", run: Run, now: Moment, x: Array, target: Array) -> None:
    """Draw the article's three panels as they were at the moment `now`."""
    neurons, steps = "neuron" + "s" * (run.hidden > 1), "step" + "s" * (now.step != 1)
    state = f"accuracy {now.accuracy:.2f}" if math.isfinite(now.loss) else "the loss is no longer a number"
    biases = "" if any(name.endswith("bias") for name, _ in now.net.named_parameters()) else ", no biases"
    figure.suptitle(f"XOR with {run.hidden} hidden {neurons}{biases}: {state} after {now.step:,} {steps}")
    left, middle, right = figure.subplots(1, 3, width_ratios=[1.25, 1, 1.25])
    draw_curve(left, run, now, [moment.accuracy for moment in run.moments])
    left.set(title="Accuracy", ylim=(0, 1.03))
    draw_boundary(middle, now.net, x, target)
    draw_curve(right, run, now, [moment.loss for moment in run.moments])
    highest = max((moment.loss for moment in run.moments if math.isfinite(moment.loss)), default=1.0)
    right.set(title="Loss", ylim=(0, 1.05 * highest))


def draw_curve(axes: "Axes", run: Run, now: Moment, values: Sequence[float]) -> None:
    """Draw values over the steps up to `now`, with a dot at the end."""
    steps = [moment.step for moment in run.moments if moment.step <= now.step]
    axes.plot(steps, values[: len(steps)], color=BLUE, linewidth=1.6)
    axes.plot(steps[-1], values[len(steps) - 1], "o", color=BLUE, markersize=4, clip_on=False)
    axes.set(xlabel="step", xlim=(0, max(run.moments[-1].step, 1)))
    axes.locator_params(axis="x", nbins=4, integer=True)
    axes.xaxis.set_major_formatter("{x:,.0f}")


def save_picture(run: Run, x: Array, target: Array, path: Path) -> None:
    """Draw the end of a run."""
    with new_figure() as figure:
        draw(figure, run, run.moments[-1], x, target)
        figure.savefig(path)
    print(f"Picture: {path}")


def save_animation(run: Run, x: Array, target: Array, path: Path) -> None:
    """Draw a run from its start to its end: at first slowly, as most happens early."""
    from matplotlib.animation import PillowWriter

    last = len(run.moments) - 1
    frames = sorted({round(last * (frame / (FRAMES - 1)) ** 2) for frame in range(FRAMES)})
    writer = PillowWriter(fps=5)
    with new_figure() as figure, writer.saving(figure, path, dpi=100):
        for frame in frames + frames[-1:] * 5:  # the last one stays for a second more
            figure.clear()
            draw(figure, run, run.moments[frame], x, target)
            writer.grab_frame()
    print(f"Animation: {path}")


# --- The command line ---


def read_options(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the options, all of them checked."""
    parser = Parser("Train the article's network on its 300 XOR points, and draw what it learned.")
    add = parser.add_argument
    add(
        "--hidden",
        type=whole_number(1, 1000),
        nargs="+",
        default=[3, 50],
        metavar="H",
        help="hidden neurons, a run for each number (default: 3 50)",
    )
    add(
        "--steps",
        type=whole_number(1),
        default=20_000,
        metavar="STEPS",
        help="steps of gradient descent in a run (default: %(default)s)",
    )
    add(
        "--lr",
        type=finite_number(zero=False),
        default=3.0,
        metavar="RATE",
        help="learning rate, by which a step multiplies the gradient (default: %(default)s)",
    )
    add(
        "--lambda",
        dest="penalty",
        type=finite_number(zero=True),
        default=1e-4,
        metavar="L",
        help="strength of the penalty as the article counts it: L / (2 N) times the sum of the squared weights, where "
        "N is the batch size; that is L2Regularizer(strength=L / N) (default: %(default)s)",
    )
    add(
        "--no-bias",
        dest="bias",
        action="store_false",
        help="leave the biases out, as the article does (default: with biases; without, XOR cannot be learned)",
    )
    add(
        "--batch-size",
        type=whole_number(1, 300),
        default=300,
        metavar="N",
        help="points in a step, drawn at random (default: all %(default)s)",
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
        help="where the pictures go; made if it is not there (default: %(default)s)",
    )
    pictures = parser.add_mutually_exclusive_group()
    pictures.add_argument("--animate", action="store_true", help="draw an animation (GIF) of each run as well")
    pictures.add_argument("--no-pictures", dest="pictures", action="store_false", help="draw nothing")
    options = parser.parse_args(argv)
    options.hidden = list(dict.fromkeys(options.hidden))
    options.folder = open_folder(parser, options.output) if options.pictures else None
    return options


def main(argv: Sequence[str] | None = None) -> int:
    """Train, print the table, draw; return the exit code."""
    options = read_options(argv)
    x, target = xor_points()
    runs: list[Run] = []
    try:
        while len(runs) < len(options.hidden) and not (runs and runs[-1].interrupted):
            runs.append(train(options.hidden[len(runs)], x, target, options))
        print(table(runs))
        for run in runs:
            if not math.isfinite(run.moments[-1].loss):
                print(f"{run.hidden} hidden: the loss is no longer a number; try a smaller --lr", file=sys.stderr)
            if options.folder is not None:
                path = options.folder / f"xor-{run.hidden}{'' if options.bias else '-no-bias'}.png"
                save_picture(run, x, target, path)
                if options.animate:
                    save_animation(run, x, target, path.with_suffix(".gif"))
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    except OSError as error:
        print(f"xor.py: error: cannot write the pictures: {error.strerror}", file=sys.stderr)
        return 1
    if runs[-1].interrupted:
        print("Stopped early: this is what there was.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
