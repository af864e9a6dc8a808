"""The article's worked step: every formula of one training step with its numbers, as text, as a page and in LaTeX.

``python examples/explain_step.py`` runs one step of the article's network of two layers and shows how every number of
it came about. It prints the step, says where one entry of a gradient comes from, and writes three files: a page for a
browser, text and LaTeX. ``--help`` lists what can be varied.
"""

import argparse
import io
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from _common import Parser, open_folder, whole_number
from legonet import SGD, Array, Linear, MSELoss, Sequential, Sigmoid
from legonet.explain import Explanation, explain

ENTRY = "dL/dW1[0, 2]"  # whose origin is printed


def build() -> tuple[Sequential, Array, Array]:
    """Return the network with the article's initial weights, its one observation and the target."""
    first = np.array([[-0.67746455, 0.37769425, -0.07365253], [-0.53663519, 0.60920496, 0.21149622]])
    second = np.array([[-0.41491732, -0.30992816], [-0.31583913, -0.27706468], [-0.44701662, 0.15231059]])
    net = Sequential(
        Linear(2, 3, weight=first, bias=False),
        Sigmoid(),
        Linear(3, 2, weight=second, bias=False),
        Sigmoid(),
    )
    return net, np.array([[1.76405235, 0.40015721]]), np.array([[1.0, 0.0]])


def work_out() -> Explanation:
    """Return the worked step."""
    net, x, target = build()
    return explain(net, MSELoss(), x, target, optimizer=SGD(net.parameters(), lr=0.001))


def write(explanation: Explanation, folder: Path, digits: int) -> list[Path]:
    """Write the page, the text and the LaTeX; return their paths."""
    contents = {
        "worked-step.html": explanation.html(title="The article's step, worked"),
        "worked-step.txt": explanation.text(digits=digits) + "\n",
        "worked-step.tex": explanation.latex(document=True, digits=digits),
    }
    for name, content in contents.items():
        (folder / name).write_text(content, encoding="utf-8")
    return [folder / name for name in contents]


# --- The command line ---


def read_options(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the options, all of them checked."""
    parser = Parser("Show the article's training step with every formula, its numbers and its result.")
    parser.add_argument(
        "--digits",
        type=whole_number(1, 17),
        default=6,
        metavar="DIGITS",
        help="significant digits of the numbers in text and LaTeX (default: %(default)s)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("output"),
        metavar="FOLDER",
        help="where the files go; made if it is not there (default: %(default)s)",
    )
    options = parser.parse_args(argv)
    options.folder = open_folder(parser, options.output, pictures=False)
    return options


def main(argv: Sequence[str] | None = None) -> int:
    """Run the step, print it, write the files; return the exit code."""
    options = read_options(argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal may lack the letters of mathematics; the files have them
    try:
        explanation = work_out()
        print(explanation.text(digits=options.digits))
        print(f"\nWhere {ENTRY} comes from:\n")
        print(explanation.explain(ENTRY, digits=options.digits))
        print()
        for path in write(explanation, options.folder, options.digits):
            print(f"Written: {path}")
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    except OSError as error:
        print(f"explain_step.py: error: cannot write the files: {error.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
