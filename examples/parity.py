"""Is the number of ones odd? An LSTM reads strings of bits, also much longer ones than it has ever seen.

``python examples/parity.py`` trains two networks of the same size on strings of 1 to 30 bits: an LSTM, which reads them
bit by bit, and a feed-forward network, which sees them whole. It prints how well they do and draws what they learned.
``--help`` lists what can be varied.

One wrong bit turns the answer around, so nothing short of all bits helps. The LSTM needs to find one rule, and uses it
at each bit; the other network has weights of its own for each place, and would have to find all of them at once.
"""

import argparse
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from _common import BLUE, GREY, ORANGE, Parser, finite_number, new_figure, open_folder, progress, whole_number
from legonet import LSTM, SGD, Array, Brick, Linear, MSELoss, Sequential, Tanh
from legonet.training import backpropagate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LONGEST, LONGER = 30, 100  # bits: in training, and in the test of what was learned
BATCH = 64  # strings in a step
MOMENTS = 50  # so often a run is measured


class Reader(Brick[tuple[Any, Any, tuple[int, ...]]]):
    """An LSTM that reads a string, and a linear brick that makes one number of its last state."""

    def __init__(self, hidden: int, *, rng: np.random.Generator) -> None:
        self.lstm = LSTM(1, hidden, rng=rng)
        self.readout = Linear(hidden, 1, rng=rng)

    def forward(self, bits: Array) -> tuple[Array, tuple[Any, Any, tuple[int, ...]]]:
        """Return one number for each string; where a string is over, bits is 0, and the state stays as it was."""
        h, lstm_cache = self.lstm.forward(bits[:, :, np.newaxis], bits != 0)
        y, readout_cache = self.readout.forward(h[:, -1])
        return y, (lstm_cache, readout_cache, h.shape)

    def backward(self, dy: Array, cache: tuple[Any, Any, tuple[int, ...]]) -> Array:
        """Hand the gradient to the last state, and from there back through time."""
        lstm_cache, readout_cache, shape = cache
        dh = np.zeros(shape, dy.dtype)
        dh[:, -1] = self.readout.backward(dy, readout_cache)
        return self.lstm.backward(dh, lstm_cache)[:, :, 0]


class Moment(NamedTuple):
    """What a network could do after some steps."""

    step: int
    loss: float
    accuracy: float


class Run(NamedTuple):
    """One training run."""

    name: str
    net: Any
    moments: list[Moment]
    seconds: float
    interrupted: bool


# --- The strings, the networks and their training ---


def draw_strings(rng: np.random.Generator, count: int, shortest: int, longest: int) -> tuple[Array, Array]:
    """Return strings of random lengths, of shape (count, longest), and their parities, of shape (count, 1).

    A bit is -1 or 1, and 0 where the string is over. The parity is 1 if the number of ones is odd, else -1.
    """
    bits = rng.choice([-1.0, 1.0], (count, longest))
    bits[np.arange(longest) >= rng.integers(shortest, longest + 1, (count, 1))] = 0.0
    return bits, parity(bits)[:, -1:]


def parity(bits: Array) -> Array:
    """Return for each bit the parity of the string up to there."""
    ones = np.cumsum(bits > 0, axis=1)
    return 2.0 * (ones % 2) - 1.0


def share_right(y: Array, target: Array) -> float:
    """Return the share of rows where y has the sign of the target; NaN is never right."""
    return float(np.mean(y * target > 0))


def build(hidden: int, rng: np.random.Generator) -> dict[str, Brick[Any]]:
    """Return an LSTM and a feed-forward network with about as many parameters."""
    reader = Reader(hidden, rng=rng)
    size = sum(parameter.value.size for parameter in reader.parameters())
    neurons = max(1, (size - 1) // (LONGEST + 2))
    plain = Sequential(Linear(LONGEST, neurons, rng=rng), Tanh(), Linear(neurons, 1, rng=rng))
    return {"LSTM": reader, "feed-forward": plain}


def train(name: str, net: Brick[Any], options: argparse.Namespace) -> Run:
    """Train one network. Ctrl-C ends it early, and so does a loss that is no longer a number."""
    rng = np.random.default_rng(options.seed)
    fresh, fresh_target = draw_strings(np.random.default_rng(options.seed + 1), 1000, 1, LONGEST)
    mse = MSELoss()
    optimizer = SGD(net.parameters(), lr=options.lr, momentum=0.9)

    def measure(step: int) -> Moment:
        y = net(fresh)
        return Moment(step, mse(y, fresh_target), share_right(y, fresh_target))

    every = max(1, options.steps // MOMENTS)
    start, step, interrupted = time.perf_counter(), 0, False
    moments = [measure(step)]
    with progress(name, options.steps) as show:
        try:
            while step < options.steps and math.isfinite(moments[-1].loss):
                bits, target = draw_strings(rng, BATCH, 1, LONGEST)
                backpropagate(net, mse, bits, target)
                optimizer.step()
                step += 1
                if step % every == 0:
                    moments.append(measure(step))
                    show(step, f"loss {moments[-1].loss:.4f}, accuracy {moments[-1].accuracy:.3f}")
        except KeyboardInterrupt:
            interrupted = True
    if moments[-1].step < step:
        moments.append(measure(step))
    return Run(name, net, moments, time.perf_counter() - start, interrupted)


def by_length(net: Brick[Any], lengths: Sequence[int], seed: int) -> list[float]:
    """Return how often a network is right on strings of each length."""
    rng = np.random.default_rng(seed)
    shares = []
    for length in lengths:
        bits, target = draw_strings(rng, 200, length, length)
        if not isinstance(net, Reader):  # it needs an input for each place
            bits = np.pad(bits, [(0, 0), (0, LONGEST - length)])
        shares.append(share_right(net(bits), target))
    return shares


def table(runs: Sequence[Run], seed: int) -> str:
    """Return how the runs ended, one a line; `longer` is the accuracy on strings that no network was trained on."""
    lines = ["network       parameters   steps    loss  accuracy  longer  seconds"]
    for name, net, moments, seconds, _ in runs:
        step, loss, right = moments[-1]
        size = sum(parameter.value.size for parameter in net.parameters())
        longer = f"{np.mean(by_length(net, range(LONGEST + 1, LONGER + 1), seed)):.3f}" if name == "LSTM" else "-"
        lines.append(f"{name:12}  {size:10,}  {step:6,}  {loss:6.4f}  {right:8.3f}  {longer:>6}  {seconds:7.1f}")
    return "\n".join(lines)


# --- The picture ---


def draw(figure: "Figure", runs: Sequence[Run], seed: int) -> None:
    """Draw the accuracy over the steps and over the lengths, and how the LSTM reads a string."""
    reader = runs[0]
    figure.suptitle(f"Is the number of ones odd? Two networks, trained on strings of 1 to {LONGEST} bits")
    left, middle, right = figure.subplots(1, 3, width_ratios=[1, 1, 1.3])
    for run, colour in zip(runs, (BLUE, ORANGE), strict=False):
        steps, shares = [m.step for m in run.moments], [m.accuracy for m in run.moments]
        left.plot(steps, shares, color=colour, linewidth=1.6, label=run.name)
        lengths = range(1, (LONGER if run is reader else LONGEST) + 1)
        middle.plot(lengths, by_length(run.net, lengths, seed), color=colour, linewidth=1.6)
    left.set(title="Accuracy while training", xlabel="step", xlim=(0, max(reader.moments[-1].step, 1)))
    left.locator_params(axis="x", nbins=4, integer=True)
    left.xaxis.set_major_formatter("{x:,.0f}")
    left.legend(loc="lower right", bbox_to_anchor=(1, 0.08))
    middle.axvline(LONGEST, color=GREY, linewidth=0.8, linestyle="--")
    middle.text(LONGEST + 2, 0.2, "longer than any\nin training", color=GREY)
    middle.set(title="Accuracy by length", xlabel="bits in a string", xlim=(0, LONGER))
    for axes in (left, middle):
        axes.axhline(0.5, color=GREY, linewidth=0.8, linestyle=":")
        axes.set(ylim=(0, 1.03))
    middle.text(LONGER, 0.44, "guessing", color=GREY, ha="right", va="top")
    draw_reading(right, reader.net, seed)


def draw_reading(axes: "Axes", reader: Reader, seed: int) -> None:
    """Draw what the LSTM says after each bit of a string."""
    bits = draw_strings(np.random.default_rng(seed), 1, 24, 24)[0]
    said = reader.readout(reader.lstm(bits[:, :, np.newaxis])[0])[:, 0]
    places = np.arange(bits.size)
    axes.step(places, parity(bits)[0], where="mid", color=GREY, linewidth=0.8, label="the truth")
    axes.plot(places, said, "o", color=BLUE, markersize=3.5, label="the LSTM")
    axes.set(title="What the LSTM says after each bit", xlabel="the bits of a string, one after the other")
    axes.set(ylim=(-1.6, 1.9), yticks=[-1, 1], yticklabels=["even", "odd"])
    axes.set_xticks(places, ["1" if bit > 0 else "0" for bit in bits[0]])
    axes.grid(visible=False)
    axes.legend(loc="upper right", ncols=2)


# --- The command line ---


def read_options(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the options, all of them checked."""
    parser = Parser("Train an LSTM to tell whether the number of ones in a string is odd, and draw how it does.")
    add = parser.add_argument
    add(
        "--hidden",
        type=whole_number(1, 1000),
        default=8,
        metavar="H",
        help="cells of the LSTM; the feed-forward network gets about as many parameters (default: %(default)s)",
    )
    add(
        "--steps",
        type=whole_number(1),
        default=3000,
        metavar="STEPS",
        help=f"steps of gradient descent, each on {BATCH} new strings (default: %(default)s)",
    )
    add(
        "--lr",
        type=finite_number(zero=False),
        default=0.1,
        metavar="RATE",
        help="learning rate, by which a step multiplies the gradient (default: %(default)s)",
    )
    add(
        "--seed",
        type=whole_number(0),
        default=0,
        metavar="SEED",
        help="seed of the initial weights and of the strings (default: %(default)s)",
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
    runs: list[Run] = []
    try:
        for name, net in build(options.hidden, np.random.default_rng(options.seed)).items():
            if not (runs and runs[-1].interrupted):
                runs.append(train(name, net, options))
        print(table(runs, options.seed))
        for run in runs:
            if not math.isfinite(run.moments[-1].loss):
                print(f"{run.name}: the loss is no longer a number; try a smaller --lr", file=sys.stderr)
        if options.folder is not None:
            path = options.folder / "parity.png"
            with new_figure() as figure:
                draw(figure, runs, options.seed)
                figure.savefig(path)
            print(f"Picture: {path}")
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    except OSError as error:
        print(f"parity.py: error: cannot write the picture: {error.strerror}", file=sys.stderr)
        return 1
    if runs[-1].interrupted:
        print("Stopped early: this is what there was.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
