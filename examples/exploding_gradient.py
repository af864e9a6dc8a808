"""The article's "exploding gradient" was a wrong derivative, and a check finds it before the first step.

The article, "One LEGO at a time" by Omar U. Florez, trains 50 hidden neurons with an L2 penalty, sees the loss blow up
after some 100,000 steps, and blames exploding gradients. Here the same run is built from bricks, with the penalty as
the article's code has it, and blows up in the same way. `check_brick` refuses that penalty; with a right one the run
goes on. ``python examples/exploding_gradient.py`` tells it step by step.

What is taken over from the article's code
------------------------------------------
- The network without biases, its initial weights, its learning rate 0.003 and lambda 0.0001.
- The "minibatch" of N = 50 points, which are the first 50 of the 300 in every step.
- The wrong derivative of the penalty, see `ArticlePenalty`.
- Both of its gradients lack the factor 1/N that its loss has. This does no harm: it is the same as a learning rate
  N times larger. So the bricks are used as they are, with the rate 0.003 N = 0.15.
"""

import math
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from _common import BLUE, ORANGE, Parser, accuracy, new_figure, open_folder, whole_number, xor_points
from legonet import SGD, Brick, GradientError, L2Regularizer, Linear, MSELoss, Parameter, Sequential, Sigmoid
from legonet.testing import check_brick
from legonet.training import backpropagate

HIDDEN = 50
ROWS = 50
LEARNING_RATE = 0.003
LAMBDA = 1e-4
"""The article's settings."""

EVERY = 100  # so many steps lie between two points of a curve


class ArticlePenalty(Brick[None]):
    """The penalty strength/2 times the sum of all W², with the derivative that the article's code has for it."""

    def __init__(self, weights: Sequence[Parameter], *, strength: float) -> None:
        self.weights = weights
        self.strength = strength

    def forward(self) -> tuple[float, None]:
        """Return the penalty: this is right."""
        return self.strength / 2 * sum(float(np.sum(weight.value**2)) for weight in self.weights), None

    def backward(self, dloss: float, cache: None) -> None:
        """Add one number, strength times the sum of W², to each entry of the gradient: this is wrong.

        Right is ``strength * weight.value``. The wrong one is positive for every weight, be it too large or too
        small, so it pushes all of them down, for ever, and the harder the larger they have become.
        """
        for weight in self.weights:
            weight.grad += dloss * self.strength * np.sum(weight.value**2)


class Point(NamedTuple):
    """A step of a run."""

    step: int
    loss: float  # with the penalty
    largest: float  # the largest |W|


class Run(NamedTuple):
    """What happened in a run."""

    curve: list[Point]
    lowest: tuple[float, int]  # the lowest loss, and its step
    nan: int | None  # the first step whose loss is not a number


# --- The runs ---


def build(*, bias: bool = False) -> Sequential:
    """Return the article's network with its initial weights."""
    rng = np.random.RandomState(2017)  # the article's generator
    W1 = (2 * rng.random_sample((2, HIDDEN)) - 1) / math.sqrt(2)
    W2 = (2 * rng.random_sample((HIDDEN, 2)) - 1) / math.sqrt(HIDDEN)
    return Sequential(
        Linear(2, HIDDEN, weight=W1, bias=bias),
        Sigmoid(),
        Linear(HIDDEN, 2, weight=W2, bias=bias),
        Sigmoid(),
    )


def train(penalty: type[ArticlePenalty] | type[L2Regularizer], steps: int) -> Run:
    """Repeat the article's run with one of the two penalties, until the loss is not a number."""
    x, target = (array[:ROWS] for array in xor_points())
    net, mse = build(), MSELoss()
    regularizer = penalty(net.parameters(), strength=LAMBDA / ROWS)
    sgd = SGD(net.parameters(), lr=LEARNING_RATE * ROWS)
    curve: list[Point] = []
    lowest, told = (math.inf, 0), 0
    with np.errstate(over="ignore", invalid="ignore"):  # infinity is part of the story
        for step in range(steps + 1):
            result = backpropagate(net, mse, x, target, regularizers=[regularizer])
            loss = result.loss + result.penalty
            if math.isnan(loss):
                print(f"   step {step:7,}: loss nan")
                return Run(curve, lowest, nan=step)
            lowest = min(lowest, (loss, step))
            if (step % EVERY == 0 or step == steps) and math.isfinite(loss):
                largest = max(float(np.abs(weight.value).max()) for weight in net.parameters())
                curve.append(Point(step, loss, largest))
                if step * 6 >= told * steps:
                    told = step * 6 // steps + 1
                    print(f"   step {step:7,}: loss {loss:.4f}, largest weight {largest:.2f}", flush=True)
            sgd.step()
    return Run(curve, lowest, nan=None)


def learn_xor(*, bias: bool) -> float:
    """Return the accuracy of the network after 2,000 steps on all 300 points, with right derivatives."""
    x, target = xor_points()
    net, mse = build(bias=bias), MSELoss()
    sgd = SGD(net.parameters(), lr=3.0)
    for _ in range(2_000):
        backpropagate(net, mse, x, target)
        sgd.step()
    return accuracy(net(x), target)


# --- The story ---


def tell(steps: int) -> tuple[Run, Run]:
    """Run everything, print what happens, and return the run with the article's penalty and that with the right one."""
    print(f"The article's run: {HIDDEN} hidden neurons, rate {LEARNING_RATE}, lambda {LAMBDA}, {ROWS} points.")

    print("\n1. Before the first step, check_brick looks at the article's penalty:")
    try:
        check_brick(ArticlePenalty(build().parameters(), strength=LAMBDA / ROWS))
    except GradientError as error:
        report, _, _ = str(error).partition("\n# To see it")
        print(textwrap.indent(report, "   "))

    print("\n2. Train with it all the same:")
    wrong = train(ArticlePenalty, steps)
    if wrong.nan is None:
        print("   It has not blown up yet; that happens near step 103,000.")
    else:
        print("   The loss was lowest, {:.4f}, at step {:,}; then the weights ran away.".format(*wrong.lowest))

    print("\n3. The same run with L2Regularizer, which passes the check:")
    check_brick(L2Regularizer(build().parameters(), strength=LAMBDA / ROWS))
    right = train(L2Regularizer, steps)
    print("   It does not blow up." if right.nan is None else f"   It blows up at step {right.nan:,}.")

    print("\n4. The loss is still high, as the article's network has no biases. The same network on all 300")
    print("   points, 2,000 steps at rate 3, with right derivatives:")
    for bias, name in ((False, "without"), (True, "with")):
        print(f"   accuracy {learn_xor(bias=bias):.2f} {name} biases", flush=True)
    print("   Flipping the sign of x leaves XOR as it is, but turns every hidden sigmoid h into 1 - h.")
    print("   So without biases an output that is the same for x and -x is the same everywhere.")
    return wrong, right


def draw(wrong: Run, right: Run, path: Path) -> None:
    """Draw losses and largest weights over the steps, with a cross where the wrong run leaves the numbers."""
    with new_figure() as figure:
        figure.suptitle("The article's run, with its own derivative of the penalty and with the right one")
        for axes, column, title in zip(figure.subplots(1, 2), (1, 2), ("Loss", "Largest weight"), strict=True):
            ((steps, values), (right_steps, right_values)) = (
                ([point.step for point in run.curve], [point[column] for point in run.curve]) for run in (wrong, right)
            )
            low, high = min(values + right_values), max(right_values)
            bottom, top = low - 0.05 * (high - low), high + 0.6 * (high - low)
            axes.plot(right_steps, right_values, color=BLUE, linewidth=1.8, label="right derivative")
            axes.plot(steps, values, color=ORANGE, linewidth=1.8, label="the article's derivative")
            if wrong.nan is not None:
                axes.plot(wrong.nan, top, "X", color=ORANGE, markersize=8, clip_on=False)
                text, place = f"NaN at step {wrong.nan:,}", (wrong.nan, top)
                axes.annotate(text, place, (-20, -6), textcoords="offset points", ha="right", va="top", color=ORANGE)
            axes.set(title=title, xlabel="step", xlim=(0, right_steps[-1]), ylim=(bottom, top))
            axes.locator_params(axis="x", nbins=6, integer=True)
            axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.legend(loc="upper left", bbox_to_anchor=(0, 0.9))
        figure.savefig(path)
    print(f"\nPicture: {path}")


# --- The command line ---


def main(argv: Sequence[str] | None = None) -> int:
    """Tell the story and draw it; return the exit code."""
    parser = Parser('Repeat the article\'s "exploding gradient", find the wrong derivative, run on with a right one.')
    parser.add_argument(
        "--steps",
        type=whole_number(1),
        default=120_000,
        metavar="STEPS",
        help="steps of gradient descent in the runs with and without the wrong derivative (default: %(default)s)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("output"),
        metavar="FOLDER",
        help="where the picture goes; made if it is not there (default: %(default)s)",
    )
    parser.add_argument("--no-pictures", dest="pictures", action="store_false", help="draw nothing")
    options = parser.parse_args(argv)
    folder = open_folder(parser, options.output) if options.pictures else None
    try:
        wrong, right = tell(options.steps)
        if folder is not None:
            draw(wrong, right, folder / "exploding-gradient.png")
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    except OSError as error:
        print(f"{parser.prog}: error: cannot write the picture: {error.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
