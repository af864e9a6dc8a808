"""A small transformer learns to write, one character after the other, from 47 sonnets by Shakespeare.

``python examples/char_transformer.py`` trains it, tells how many bits it pays for a character of 5 other sonnets, draws
the loss and what an attention head looks at, and lets it write. ``--help`` lists what can be varied.

A model that gives the next character the probability p pays -log2 p bits for it. To know nothing costs 5.88 bits, as
there are 59 characters; to know how common each is costs less, and to know the one before it less still. The
transformer has to beat that. So small a text is soon known by heart in part: the loss of the held-out sonnets comes to
a halt while that of the others goes on falling. Kept is the network as it was at its best.

The text, ``data/sonnets.txt``, holds 52 of Shakespeare's 154 sonnets (1609, in modern spelling; in the public domain).
"""

import argparse
import copy
import math
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from _common import BLUE, GREY, ORANGE, Parser, finite_number, new_figure, open_folder, progress, whole_number
from legonet import (
    Adam,
    Array,
    CrossEntropyLoss,
    Embedding,
    LayerNorm,
    Linear,
    Sequential,
    SinusoidalPositions,
    TransformerBlock,
)
from legonet.initializers import normal
from legonet.special import softmax
from legonet.training import backpropagate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Text: TypeAlias = npt.NDArray[Any]  # characters as whole numbers

TEXT = Path(__file__).parent / "data" / "sonnets.txt"
HELD_OUT = 5  # so many sonnets, the last ones, are not trained on
WINDOW, BATCH = 32, 32  # characters that the network sees at once, and windows in a step
FEATURES, HEADS, HIDDEN, BLOCKS, DROPOUT = 64, 4, 128, 2, 0.2
MOMENTS = 40  # so often a run is measured
LINE = "My mistress' eyes are nothing"  # a held-out one; the attention to it is drawn


class Moment(NamedTuple):
    """How well the network did after some steps, in bits per character."""

    step: int
    train: float  # of the windows since the moment before; with dropout
    held_out: float


class Run(NamedTuple):
    """One training run."""

    moments: list[Moment]
    best: Moment
    net: Sequential  # as it was at the best moment
    seconds: float
    interrupted: bool


# --- The text ---


def read_text() -> tuple[str, Text, Text]:
    """Return the characters in use, the text to train on and the held-out text, both as numbers."""
    text = TEXT.read_text(encoding="ascii")
    characters = "".join(sorted(set(text)))
    numbers = np.array([characters.index(character) for character in text])
    start = len("\n\n".join(text.split("\n\n")[:-HELD_OUT]) + "\n\n")
    return characters, numbers[:start], numbers[start:]


def windows(text: Text) -> tuple[Text, Text]:
    """Cut a text into windows; return them, and for each place the character that comes next."""
    count = (len(text) - 1) // WINDOW
    return text[: count * WINDOW].reshape(count, WINDOW), text[1 : count * WINDOW + 1].reshape(count, WINDOW)


def draw_windows(text: Text, rng: np.random.Generator) -> tuple[Text, Text]:
    """Return windows from anywhere in a text, and for each place the character that comes next."""
    places = rng.integers(len(text) - WINDOW, size=(BATCH, 1)) + np.arange(WINDOW)
    return text[places], text[places + 1]


# --- What is known without a network ---


def baselines(train: Text, held_out: Text, size: int) -> dict[str, float]:
    """Return what simpler models pay for the held-out text, in bits per character; all of them count, from 1."""
    before, target = windows(held_out)
    singles = 1.0 + np.bincount(train, minlength=size)
    pairs = np.ones((size, size))
    np.add.at(pairs, (train[:-1], train[1:]), 1.0)
    return {
        "nothing": math.log2(size),
        "how common each character is": -float(np.mean(np.log2(singles[target] / singles.sum()))),
        "the character before": -float(np.mean(np.log2(pairs[before, target] / pairs.sum(axis=1)[before]))),
    }


# --- The network and its training ---


def build(size: int, rng: np.random.Generator) -> Sequential:
    """Return a network that takes characters, (batch, time), and gives a score to each that may come next."""
    dtype = np.float32
    blocks = [
        TransformerBlock(FEATURES, HEADS, HIDDEN, causal=True, dropout=DROPOUT, rng=rng, dtype=dtype)
        for _ in range(BLOCKS)
    ]
    return Sequential(
        Embedding(size, FEATURES, weight=partial(normal, std=1.0), rng=rng, dtype=dtype),  # as large as the positions
        SinusoidalPositions(),
        *blocks,
        LayerNorm(FEATURES, dtype=dtype),
        Linear(FEATURES, size, rng=rng, dtype=dtype),
    )


def bits(net: Sequential, text: Text) -> float:
    """Return what the network pays for a text, in bits per character; it sees no further back than its window."""
    inputs, target = windows(text)
    return float(CrossEntropyLoss()(net(inputs), target)) / math.log(2)


def train(characters: str, text: Text, held_out: Text, options: argparse.Namespace) -> Run:
    """Train a network; the learning rate falls to zero in a straight line. Ctrl-C ends it early."""
    rng = np.random.default_rng(options.seed)
    net = build(len(characters), rng)
    loss, adam = CrossEntropyLoss(), Adam(net.parameters(), lr=options.lr)
    every = max(1, options.steps // MOMENTS)
    start, step, interrupted = time.perf_counter(), 0, False
    recent: list[float] = []
    best, kept = Moment(0, bits(net, text[: len(held_out)]), bits(net, held_out)), copy.deepcopy(net)
    moments = [best]
    with progress("transformer", options.steps) as show:
        try:
            while step < options.steps and math.isfinite(moments[-1].held_out):
                adam.lr = options.lr * (1 - step / options.steps)
                recent.append(backpropagate(net, loss, *draw_windows(text, rng)).loss / math.log(2))
                adam.step()
                step += 1
                if step % every == 0 or step == options.steps:
                    moments.append(Moment(step, float(np.mean(recent)), bits(net, held_out)))
                    recent = []
                    if moments[-1].held_out < best.held_out:
                        best, kept = moments[-1], copy.deepcopy(net)
                    show(step, f"{moments[-1].train:.2f} bits, {moments[-1].held_out:.2f} held out")
        except KeyboardInterrupt:
            interrupted = True
    return Run(moments, best, kept, time.perf_counter() - start, interrupted)


def write(net: Sequential, characters: str, length: int, rng: np.random.Generator) -> str:
    """Let the network write: each character is drawn by its probability, given those before it."""
    text = [characters.index("\n")]
    for _ in range(length):
        scores = net(np.array([text[-WINDOW:]]))[0, -1].astype(np.float64)
        text.append(int(rng.choice(len(characters), p=softmax(scores))))
    return "".join(characters[number] for number in text[1:])


def attention_to(net: Sequential, characters: str, line: str) -> Array:
    """Return what the heads of the first block look at in a line, of shape (heads, time, time)."""
    _, caches = net.forward(np.array([[characters.index(character) for character in line]]))
    _, attention, *_ = caches[2]  # what the parts of that block keep for their backward passes
    return np.asarray(attention.weights[0])


# --- What is told and drawn ---


def table(known: dict[str, float], best: Moment) -> str:
    """Return what each model pays for the held-out sonnets."""
    rows = known | {f"the transformer, after step {best.step:,}": best.held_out}
    return "\n".join(f"{cost:5.2f}  {what}" for what, cost in rows.items())


def draw_losses(axes: "Axes", known: dict[str, float], run: Run) -> None:
    """Draw the loss over the steps, and as lines across what simpler models pay."""
    steps = [moment.step for moment in run.moments]
    for name, colour in (("train", ORANGE), ("held_out", BLUE)):
        values = [getattr(moment, name) for moment in run.moments]
        axes.plot(steps, values, color=colour, linewidth=1.6, label=name.replace("_", " "))
    axes.plot(run.best.step, run.best.held_out, "o", color=BLUE, markersize=4)
    for what, cost in known.items():
        axes.axhline(cost, color=GREY, linestyle=":", linewidth=1)
        axes.annotate(what, (1, cost), xycoords=("axes fraction", "data"), ha="right", va="bottom", color=GREY)
    axes.set(title="Loss", xlabel="step", ylabel="bits per character", ylim=(0, 6.4))
    axes.set_xlim(0, max(run.moments[-1].step, 1))
    axes.locator_params(axis="x", nbins=5, integer=True)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.legend(loc="lower left")


def draw_attention(axes: "Axes", net: Sequential, characters: str) -> None:
    """Draw how much each character of a line, from top to bottom, looks at itself and at those before it."""
    weights = attention_to(net, characters, LINE)
    sharpest = weights[np.argmax([np.mean(np.max(head, axis=1)) for head in weights])]
    axes.imshow(sharpest, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    places = range(len(LINE))
    axes.set_xticks(places, list(LINE), fontsize=6)
    axes.set_yticks(places, list(LINE), fontsize=6)
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.set(title="Where a head of the first block looks", xlabel="at", ylabel="from")


def save_picture(known: dict[str, float], run: Run, characters: str, path: Path) -> None:
    """Draw losses and attention."""
    with new_figure() as figure:
        figure.suptitle(f"A transformer reads sonnets: {run.best.held_out:.2f} bits for each held-out character")
        left, right = figure.subplots(1, 2, width_ratios=[1.6, 1])
        draw_losses(left, known, run)
        draw_attention(right, run.net, characters)
        figure.savefig(path)
    print(f"Picture: {path}")


# --- The command line ---


def read_options(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the options, all of them checked."""
    parser = Parser("Train a small transformer on sonnets by Shakespeare, character by character, and let it write.")
    add = parser.add_argument
    add(
        "--steps",
        type=whole_number(1),
        default=1200,
        metavar="STEPS",
        help="steps of training, each on 32 windows of 32 characters (default: %(default)s)",
    )
    add(
        "--lr",
        type=finite_number(zero=False),
        default=0.006,
        metavar="RATE",
        help="learning rate of Adam at the start; it falls to 0 (default: %(default)s)",
    )
    add(
        "--length",
        type=whole_number(0, 100_000),
        default=400,
        metavar="N",
        help="characters to write in the end (default: %(default)s)",
    )
    add(
        "--seed",
        type=whole_number(0),
        default=0,
        metavar="SEED",
        help="seed of the initial weights, of the windows and of what is written (default: %(default)s)",
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
    """Train, print the table, draw, write; return the exit code."""
    options = read_options(argv)
    characters, text, held_out = read_text()
    known = baselines(text, held_out, len(characters))
    try:
        run = train(characters, text, held_out, options)
        steps = f"{run.moments[-1].step:,} steps, {run.seconds:.0f} seconds"
        print(f"Bits per character of the held-out sonnets, by what is known ({steps}):\n{table(known, run.best)}")
        if not math.isfinite(run.moments[-1].held_out):
            print("The loss is no longer a number; try a smaller --lr", file=sys.stderr)
        if options.folder is not None:
            save_picture(known, run, characters, options.folder / "char-transformer.png")
        if options.length:
            written = write(run.net, characters, options.length, np.random.default_rng(options.seed))
            print(f"\nIt writes:\n\n{written}")
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    except OSError as error:
        print(f"char_transformer.py: error: cannot write the picture: {error.strerror}", file=sys.stderr)
        return 1
    if run.interrupted:
        print("Stopped early: this is what there was.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
