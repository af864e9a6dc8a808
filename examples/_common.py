"""What the examples share: the points, the loop, and the chores of a script (options, progress, folder, pictures)."""

import argparse
import importlib
import math
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeVar

import numpy as np

from legonet import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from legonet import Sequential

# Blue and orange stay apart for every kind of colour vision (Okabe and Ito, 2008).
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#555555"

STYLE: dict[str, Any] = {
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.labelcolor": GREY,
    "grid.color": "#e8e8e8",
    "grid.linewidth": 0.6,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "figure.titlesize": 10,
    "figure.titleweight": "bold",
    "legend.frameon": False,
}


def xor_points() -> tuple[Array, Array]:
    """Return the article's 300 points, of shape (300, 2), and their classes as one-hot rows, of shape (300, 2).

    The class is the exclusive or of the two signs: [1, 0] where they are equal, [0, 1] where they differ.
    """
    x = np.random.RandomState(0).randn(300, 2)  # the article's generator
    differ = (x[:, 0] > 0) != (x[:, 1] > 0)
    return x, np.column_stack([~differ, differ]).astype(float)


def accuracy(y: Array, target: Array) -> float:
    """Return the share of rows where the output of the right class is the larger one; NaN is never right."""
    return float(np.mean(y[target == 1] > y[target == 0]))


class Moment(Protocol):
    """What a network could do after some steps; its text is shown while it learns."""

    @property
    def step(self) -> int:
        """How many steps it has taken."""

    @property
    def loss(self) -> float:
        """When this is no longer a number, training is over."""


AnyMoment = TypeVar("AnyMoment", bound=Moment)


def run_steps(
    title: str,
    steps: int,
    take_step: Callable[[int], object],
    measure: Callable[[int], AnyMoment],
    moments: int,
) -> tuple[list[AnyMoment], float, bool]:
    """Take the steps of a run: `take_step` is given how many are done.

    It measures at the start, at the end, and about as many `moments` in between. Ctrl-C ends it early, and so does a
    loss that is no longer a number. Return what was measured, the seconds it took, and whether it was interrupted.
    """
    every = max(1, steps // moments)
    start, step, interrupted = time.perf_counter(), 0, False
    measured = [measure(step)]
    with progress(title, steps) as show:
        try:
            while step < steps and math.isfinite(measured[-1].loss):
                take_step(step)
                step += 1
                if step % every == 0:
                    measured.append(measure(step))
                    show(step, str(measured[-1]))
        except KeyboardInterrupt:
            interrupted = True
    if measured[-1].step < step:
        measured.append(measure(step))
    return measured, time.perf_counter() - start, interrupted


class Parser(argparse.ArgumentParser):
    """A parser that reports a bad option in one line, with exit code 2."""

    def __init__(self, description: str) -> None:
        super().__init__(description=description, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Print the message and leave."""
        self.exit(2, f"{self.prog}: error: {message} (--help explains the options)\n")


def whole_number(low: int, high: int | None = None) -> Callable[[str], int]:
    """Return a reader of whole numbers from `low` to `high` for `argparse`."""
    needed = f"a whole number >= {low}" if high is None else f"a whole number from {low} to {high:,}"

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = low - 1
        if number < low or (high is not None and number > high):
            raise argparse.ArgumentTypeError(f"needs {needed}, but got {text!r}")
        return number

    return read


def finite_number(*, zero: bool) -> Callable[[str], float]:
    """Return a reader of finite numbers above 0, or from 0 on if `zero`, for `argparse`."""

    def read(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not (math.isfinite(number) and (number > 0 or (zero and number == 0))):
            raise argparse.ArgumentTypeError(f"needs a finite number {'>=' if zero else '>'} 0, but got {text!r}")
        return number

    return read


def open_folder(parser: argparse.ArgumentParser, folder: Path, *, pictures: bool = True) -> Path | None:
    """Return the folder, made and proven writable, or None if it is for `pictures` and no matplotlib can draw them.

    A folder that cannot be written to is an error of the option ``--output``: known before training, not after.
    """
    try:
        if pictures:
            importlib.import_module("matplotlib.figure")
    except ImportError:
        print("There will be no pictures: they need matplotlib, pip install matplotlib", file=sys.stderr)
        return None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        parser.error(f"argument --output: cannot write to {str(folder)!r}: {error.strerror}")
    return folder


@contextmanager
def progress(title: str, steps: int) -> Iterator[Callable[[int, str], None]]:
    """Give a function that shows how far training is: by tqdm's bar on a terminal, otherwise in five lines."""
    try:
        tqdm = importlib.import_module("tqdm").tqdm if sys.stderr.isatty() else None
    except ImportError:
        tqdm = None
    if tqdm is not None:
        layout = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} steps{postfix}"
        with tqdm(total=steps, desc=title, bar_format=layout, dynamic_ncols=True) as bar:

            def advance(step: int, text: str) -> None:
                bar.set_postfix_str(text, refresh=False)
                bar.update(step - bar.n)

            yield advance
        return

    fifths = 0

    def report(step: int, text: str) -> None:
        nonlocal fifths
        if step * 5 // steps > fifths:
            fifths = step * 5 // steps
            print(f"{title}: step {step:{len(f'{steps:,}')},} of {steps:,}, {text}", file=sys.stderr, flush=True)

    yield report


@contextmanager
def new_figure(width: float = 8) -> Iterator["Figure"]:
    """Give an empty figure of 1200 x 405 pixels (150 an inch of its width) in the style of the examples.

    It needs no display.
    """
    from matplotlib import style
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    with style.context(["default", STYLE]):
        figure = Figure(figsize=(width, 2.7), dpi=150, layout=ConstrainedLayoutEngine(w_pad=0.08))
        yield figure


def draw_boundary(axes: "Axes", net: "Sequential", x: Array, target: Array, title: str = "Decision boundary") -> None:
    """Colour the plane by what the network says of it; on it the points, with a black rim if they are wrong."""
    from matplotlib.colors import LinearSegmentedColormap

    edge = 3.2
    line = np.linspace(-edge, edge, 200)
    plane = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    y = net(plane)
    lead = (y[:, 1] - y[:, 0]).reshape(len(line), len(line))  # above 0 the network says: the second class
    colours = LinearSegmentedColormap.from_list("classes", [BLUE, "white", ORANGE])
    axes.imshow(lead, cmap=colours, vmin=-1, vmax=1, alpha=0.5, origin="lower", aspect="auto", extent=(-edge, edge) * 2)
    if lead.min() < 0 < lead.max():
        axes.contour(line, line, lead, levels=[0], colors="black", linewidths=1)
    wrong = ~(np.sum(net(x) * (2 * target - 1), axis=1) > 0)
    for column, colour, marker in ((0, BLUE, "o"), (1, ORANGE, "D")):
        for rows, rim in ((~wrong, "white"), (wrong, "black")):
            points = x[rows & (target[:, column] == 1)]
            axes.scatter(points[:, 0], points[:, 1], s=11, color=colour, marker=marker, edgecolors=rim, linewidths=0.5)
    axes.set(title=title, xlabel="$x_1$", ylabel="$x_2$", xticks=range(-3, 4), yticks=range(-3, 4))
    axes.grid(visible=False)
