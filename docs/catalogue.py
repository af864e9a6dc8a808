"""Write the tables of choose-your-bricks.md: formula, picture and source of each brick, taken from the code itself."""

import inspect
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from reference_pages import find, first_line, groups

from legonet import Parameter

SECTIONS = {
    "activations": "ReLU LeakyReLU PReLU ELU Softplus Sigmoid Tanh GELU SiLU Softmax LogSoftmax",
    "dense": "Linear Embedding SinusoidalPositions",
    "convolution": "Conv1d Conv2d ConvTranspose2d MaxPool2d AvgPool2d GlobalAvgPool2d",
    "sequence": "RNN LSTM GRU Bidirectional MultiHeadAttention TransformerBlock LastStep GlobalAvgPool1d",
    "normalisation": "LayerNorm RMSNorm BatchNorm",
    "noise": "Dropout GaussianNoise",
    "shape": "Flatten Reshape Transpose Add Average Multiply Concatenate",
    "containers": "Sequential Residual Parallel Graph",
}
"""Bricks and containers in the order of the page; what is in none of these comes last, in the section `further`."""
PACKAGES = ("bricks", "graphs", "losses", "regularizers", "optimizers")
WIDTH, HEIGHT, EDGE = 150, 100, 4.0
FUNCTION, DERIVATIVE, AXIS = "#2f7fc1", "#d97a1e", "#9a9a9a"  # seen on light and on dark ground

Curve = tuple[np.ndarray, np.ndarray]


def write(folder: Path) -> None:
    """Write one table a section, and the pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {group.name: group.paths for group in groups()}
    bricks = {path.rpartition(".")[2]: path for name in ("bricks", "graphs") for path in found[name]}
    sections = {section: [bricks.pop(name) for name in names.split()] for section, names in SECTIONS.items()}
    classes = {path for path in bricks.values() if inspect.isclass(find(path))}
    sections["further"] = sorted(classes)
    for name in PACKAGES[2:]:
        sections[name] = found[name]
    for section, paths in sections.items():
        shown = [path for path in paths if _formula(path)]
        pictures = any(_curves(find(path)) for path in shown)
        rows = "".join(_row(path, folder, pictures) for path in shown)
        widths = "23 53 24" if pictures else "30 70"
        text = f".. list-table::\n   :widths: {widths}\n   :class: catalogue\n\n{rows}" if shown else ""
        _write(folder / f"{section}.txt", text)


def _row(path: str, folder: Path, pictures: bool) -> str:
    value = find(path)
    name = path.rpartition(".")[2]
    source = f"_modules/{inspect.getmodule(value).__name__.replace('.', '/')}.html"
    first = first_line(value)
    cells = [
        f":py:obj:`{name} <{path}>`\n\n{first}\n\n`source <{source}>`__",
        ".. math::\n\n" + _indent(_formula(path), 3),
    ]
    if pictures:
        drawn = _picture(name, value, folder)
        cells.append(f".. image:: {drawn}\n   :alt: {name} and its derivative" if drawn else "\\")
    first, *others = (_indent(cell, 7).lstrip() for cell in cells)
    return f"   * - {first}\n" + "".join(f"     - {cell}\n" for cell in others)


def _formula(path: str) -> str:
    """Return the first block of mathematics in a docstring: the formulas of both passes."""
    text = inspect.getdoc(find(path)) or ""
    block = re.search(r"^\.\. math::\n\n((?:    .*\n|\n)+)", text + "\n", re.MULTILINE)
    return inspect.cleandoc(block[1]) if block else ""


def _picture(name: str, value: type, folder: Path) -> str:
    """Draw a function and its derivative, and return where the picture is; nowhere if it is no such function."""
    curves = _curves(value)
    if curves is None:
        return ""
    _write(folder / f"{name}.svg", _svg(curves))
    return f"/generated/catalogue/{name}.svg"


@cache
def _curves(value: Any) -> list[Curve] | None:
    """Return a function and its derivative as curves, if a brick is a function of each entry by itself."""
    x = np.linspace(-EDGE, EDGE, 321)[:, np.newaxis]
    for passes in (_of_an_activation, _of_a_loss, _of_a_regularizer):
        try:
            y, dy = passes(value, x)
        except (AttributeError, TypeError, ValueError):  # it needs options, or is something else
            continue
        if y is not None:
            return [(x.ravel(), y.ravel()), (x.ravel(), dy.ravel())]
    return None


def _of_an_activation(kind: Callable[[], Any], x: np.ndarray) -> tuple[np.ndarray | None, Any]:
    if list(inspect.signature(kind.forward).parameters) != ["self", "x"]:
        return None, None
    brick = kind()
    y, cache = brick.forward(x)
    by_itself = np.shape(y) == x.shape and np.allclose(brick(x.T), y.T) and not np.array_equal(y, x)
    return (y, brick.backward(np.ones_like(y), cache)) if by_itself else (None, None)


def _of_a_loss(kind: Callable[[], Any], x: np.ndarray) -> tuple[np.ndarray | None, Any]:
    if list(inspect.signature(kind.forward).parameters) != ["self", "y", "target"]:
        return None, None
    loss = kind()
    pairs = [loss.forward(row[np.newaxis], np.zeros((1, 1))) for row in x]
    dy = [loss.backward(1.0, cache) for _, cache in pairs]
    y = np.array([value for value, _ in pairs])
    return (y, np.concatenate(dy)) if np.ptp(y) else (None, None)


def _of_a_regularizer(kind: Callable[..., Any], x: np.ndarray) -> tuple[np.ndarray | None, Any]:
    options = list(inspect.signature(kind).parameters)
    if options[:1] != ["weights"] or not hasattr(kind, "backward"):
        return None, None
    y, dy = [], []
    for row in x:
        weight = Parameter(row)
        penalty = kind([weight], **dict.fromkeys(options[1:], 1.0))
        value, cache = penalty.forward()
        penalty.backward(1.0, cache)
        y.append(value)
        dy.append(weight.grad.copy())
    return np.array(y), np.array(dy)


def _svg(curves: list[Curve]) -> str:
    """Draw curves from -EDGE to EDGE; the derivative is dashed."""
    low = min(-1.2, max(-EDGE, min(float(y.min()) for _, y in curves) - 0.2))
    high = max(1.2, min(EDGE, max(float(y.max()) for _, y in curves) + 0.2))

    def place(x: float, y: float) -> str:
        left = (x + EDGE) / (2 * EDGE) * WIDTH
        return f"{left:.1f},{(high - y) / (high - low) * HEIGHT:.1f}"

    axes = f'<path d="M{place(-EDGE, 0)} L{place(EDGE, 0)} M{place(0, low)} L{place(0, high)}" stroke="{AXIS}"/>'
    ticks = "".join(f"M{place(x, 0)} m0,-2 v4 " for x in (-3, -2, -1, 1, 2, 3))
    ticks += "".join(f"M{place(0, y)} m-2,0 h4 " for y in (-3, -2, -1, 1, 2, 3) if low < y < high)
    axes += f'<path d="{ticks}" stroke="{AXIS}"/>'
    lines = ""
    for (x, y), colour, dash in zip(curves, (FUNCTION, DERIVATIVE), ("", ' stroke-dasharray="5 3"'), strict=True):
        jumps = np.abs(np.diff(y, prepend=y[0])) > 0.3  # a derivative may jump: the pen is lifted there
        pen = ["M" if number == 0 or jumps[number] else "L" for number in range(len(y))]
        inside = [(p, a, b) for p, a, b in zip(pen, x, y, strict=True) if low - 1 <= b <= high + 1]
        drawn = " ".join(f"{'M' if not number else p}{place(a, b)}" for number, (p, a, b) in enumerate(inside))
        lines += f'<path d="{drawn}" stroke="{colour}" stroke-width="2"{dash}/>'
    start = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">'
    return f'{start}<g fill="none">{axes}{lines}</g></svg>\n'


def _indent(text: str, spaces: int) -> str:
    return "\n".join(" " * spaces + line if line else "" for line in text.split("\n"))


def _write(path: Path, text: str) -> None:
    if not path.exists() or path.read_text(encoding="utf-8") != text:  # what is as it was is not built again
        path.write_text(text, encoding="utf-8")
