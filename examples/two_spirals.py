"""Two spirals: a deep network learns to tell them apart if its blocks have a shortcut, and hardly without.

``python examples/two_spirals.py`` trains a plain and a residual network of 5 blocks, and both again of 30. The two of
a pair begin with the same weights and differ in the shortcuts alone: a block of the plain one computes f(x), one of the
residual one x + f(x). It prints how well they do, and draws accuracy, decision boundaries and loss of each pair.

They are trained by AdamW with a decay of the weights but not of the biases, gradients of a length of at most 1, and a
learning rate that warms up and then falls along a cosine.
"""

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from _common import (
    BLUE,
    ORANGE,
    Parser,
    accuracy,
    draw_boundary,
    finite_number,
    new_figure,
    open_folder,
    run_steps,
    whole_number,
)
from legonet import AdamW, Array, Brick, Linear, MSELoss, Residual, Sequential, Sigmoid, Tanh
from legonet.optimizers import CosineDecay, Group, WarmUp, clip_norm
from legonet.training import backpropagate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

POINTS = 400
TURNS = 2
WIDTH = 12  # neurons in each hidden layer
BATCH_SIZE = 100
MOMENTS = 100  # so often a run is measured


class Moment(NamedTuple):
    """What a network could do after some steps."""

    step: int
    loss: float
    accuracy: float

    def __str__(self) -> str:
        return f"loss {self.loss:.4f}, accuracy {self.accuracy:.3f}"


class Run(NamedTuple):
    """One training run."""

    blocks: int
    residual: bool
    net: Sequential
    moments: list[Moment]
    seconds: float
    interrupted: bool

    @property
    def name(self) -> str:
        """What the network is called."""
        return "residual" if self.residual else "plain"


# --- The points, the networks and their training ---


def spirals(points: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return points on two spirals, of shape (points, 2), and their classes as one-hot rows, of shape (points, 2)."""
    second = np.arange(points) % 2 == 1
    way = np.sqrt(rng.uniform(0.02, 1, size=points))  # from the centre to the end, everywhere as dense
    angle = 2 * np.pi * TURNS * way + np.pi * second
    x = 3 * way[:, np.newaxis] * np.column_stack([np.cos(angle), np.sin(angle)])
    return x + rng.normal(scale=0.06, size=x.shape), np.column_stack([~second, second]).astype(float)


def build(blocks: int, *, residual: bool, rng: np.random.Generator) -> Sequential:
    """Return a network of blocks of two layers each, with a shortcut around each block or without."""
    inside: list[Brick[Any]] = []
    for _ in range(blocks):
        block = Sequential(Linear(WIDTH, WIDTH, rng=rng), Tanh(), Linear(WIDTH, WIDTH, rng=rng))
        inside.append(Residual(block) if residual else block)
    return Sequential(Linear(2, WIDTH, rng=rng), *inside, Tanh(), Linear(WIDTH, 2, rng=rng), Sigmoid())


def train(blocks: int, residual: bool, x: Array, target: Array, options: argparse.Namespace) -> Run:
    """Train one network. Ctrl-C ends it early, and so does a loss that is no longer a number."""
    rng = np.random.default_rng(options.seed)
    net, mse = build(blocks, residual=residual, rng=rng), MSELoss()
    adamw = AdamW(
        net.named_parameters(),
        lr=options.lr,
        weight_decay=options.weight_decay,
        groups=[Group("*bias", weight_decay=0.0)],
    )
    rate = options.lr * WarmUp(options.steps / 20, start=0.05) * CosineDecay(options.steps)

    def take_step(step: int) -> None:
        rows = rng.choice(len(x), BATCH_SIZE, replace=False)
        backpropagate(net, mse, x[rows], target[rows])
        clip_norm(net.parameters(), 1.0)
        adamw.lr = rate(step)
        adamw.step()

    def measure(step: int) -> Moment:
        y = net(x)
        return Moment(step, mse(y, target), accuracy(y, target))

    title = f"{blocks} blocks, {'residual' if residual else 'plain'}"
    return Run(blocks, residual, net, *run_steps(title, options.steps, take_step, measure, MOMENTS))


def table(runs: Sequence[Run], x: Array, target: Array) -> str:
    """Return how the runs ended, one a line, and how well the networks do on the new points given."""
    lines = ["network   blocks  layers  parameters   steps    loss  accuracy  on new points  seconds"]
    for run in runs:
        step, loss, right = run.moments[-1]
        size = sum(parameter.value.size for parameter in run.net.parameters())
        new = accuracy(run.net(x), target)
        lines.append(
            f"{run.name:8}  {run.blocks:6}  {2 * run.blocks + 2:6}  {size:10,}  {step:6,}  {loss:6.4f}  {right:8.3f}"
            f"  {new:13.3f}  {run.seconds:7.1f}"
        )
    return "\n".join(lines)


# --- The picture ---


def save_picture(runs: Sequence[Run], x: Array, target: Array, path: Path) -> None:
    """Draw the runs of one depth: accuracy, the decision boundary of each network, and loss."""
    blocks = runs[0].blocks
    with new_figure(width=10) as figure:
        figure.suptitle(f"Two spirals, {blocks} block{'s' * (blocks > 1)} ({2 * blocks + 2} layers)")
        left, *planes, right = figure.subplots(1, 2 + len(runs), width_ratios=[1.2, *[1] * len(runs), 1.2])
        draw_curves(left, runs, [[moment.accuracy for moment in run.moments] for run in runs])
        left.set(title="Accuracy", ylim=(0, 1.03))
        left.legend(loc="lower right")
        for axes, run in zip(planes, runs, strict=True):
            state = f"{run.name.capitalize()}: accuracy {run.moments[-1].accuracy:.2f}"
            draw_boundary(axes, run.net, x, target, title=state)
        draw_curves(right, runs, [[moment.loss for moment in run.moments] for run in runs])
        losses = [moment.loss for run in runs for moment in run.moments if math.isfinite(moment.loss)]
        right.set(title="Loss", ylim=(0, 1.05 * max(losses, default=1.0)))
        figure.savefig(path)
    print(f"Picture: {path}")


def draw_curves(axes: "Axes", runs: Sequence[Run], values: Sequence[Sequence[float]]) -> None:
    """Draw the values of each run over its steps."""
    for run, line in zip(runs, values, strict=True):
        steps, colour = [moment.step for moment in run.moments], BLUE if run.residual else ORANGE
        axes.plot(steps, line, color=colour, linewidth=1.6, label=run.name)
        axes.plot(steps[-1], line[-1], "o", color=colour, markersize=4, clip_on=False)
    axes.set(xlabel="step", xlim=(0, max(1, *(run.moments[-1].step for run in runs))))
    axes.locator_params(axis="x", nbins=4, integer=True)
    axes.xaxis.set_major_formatter("{x:,.0f}")


# --- The command line ---


def read_options(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the options, all of them checked."""
    parser = Parser("Train plain and residual networks on two spirals, and compare them.")
    add = parser.add_argument
    add(
        "--blocks",
        type=whole_number(1, 100),
        nargs="+",
        default=[5, 30],
        metavar="B",
        help="blocks of two layers, a pair of runs for each number (default: 5 30)",
    )
    add(
        "--steps",
        type=whole_number(1),
        default=2000,
        metavar="STEPS",
        help="steps of a run (default: %(default)s)",
    )
    add(
        "--lr",
        type=finite_number(zero=False),
        default=0.003,
        metavar="RATE",
        help="learning rate at its highest (default: %(default)s)",
    )
    add(
        "--weight-decay",
        type=finite_number(zero=True),
        default=0.01,
        metavar="D",
        help="by D times the learning rate, each step shrinks the weights (default: %(default)s)",
    )
    add(
        "--seed",
        type=whole_number(0),
        default=0,
        metavar="SEED",
        help="seed of the points, the initial weights and the batches (default: %(default)s)",
    )
    add(
        "--output",
        type=Path,
        default=Path("output"),
        metavar="FOLDER",
        help="where the pictures go; made if it is not there (default: %(default)s)",
    )
    add("--no-pictures", dest="pictures", action="store_false", help="draw nothing")
    options = parser.parse_args(argv)
    options.blocks = list(dict.fromkeys(options.blocks))
    options.folder = open_folder(parser, options.output) if options.pictures else None
    return options


def main(argv: Sequence[str] | None = None) -> int:
    """Train, print the table, draw; return the exit code."""
    options = read_options(argv)
    rng = np.random.default_rng(options.seed)
    (x, target), new = spirals(POINTS, rng), spirals(5 * POINTS, rng)
    todo = [(blocks, residual) for blocks in options.blocks for residual in (False, True)]
    runs: list[Run] = []
    try:
        while len(runs) < len(todo) and not (runs and runs[-1].interrupted):
            runs.append(train(*todo[len(runs)], x, target, options))
        print(table(runs, *new))
        for run in runs:
            if not math.isfinite(run.moments[-1].loss):
                print(
                    f"{run.blocks} blocks, {run.name}: the loss is no longer a number; try a smaller --lr",
                    file=sys.stderr,
                )
        for blocks in dict.fromkeys(run.blocks for run in runs):
            if options.folder is not None:
                pair = [run for run in runs if run.blocks == blocks]
                save_picture(pair, x, target, options.folder / f"two-spirals-{blocks}.png")
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    except OSError as error:
        print(f"two_spirals.py: error: cannot write the pictures: {error.strerror}", file=sys.stderr)
        return 1
    if runs[-1].interrupted:
        print("Stopped early: this is what there was.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
