"""A network as a drawing, in the text that Mermaid makes a picture of."""

import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Any, TypeAlias

from legonet.arrays import brief
from legonet.brick import Brick
from legonet.graphs.wiring import Wiring

Draw: TypeAlias = Callable[..., Any]
"""What a container's `sketch` is given: ``draw(brick or text, *inputs, name="", outputs=1)``."""


def mermaid(net: Brick[Any]) -> str:
    """Return a brick, a loss or a whole network as the text of a Mermaid flowchart.

    Containers are boxes around what is in them. Bricks that stand at several places, and share their parameters, are
    joined by a dotted line. GitHub, GitLab, JupyterLab, Sphinx (with an extension) and https://mermaid.live draw it.

    Parameters
    ----------
    net : Brick
        What to draw.

    Returns
    -------
    str
        The text, without a line break at its end.

    Notes
    -----
    A container of your own says how its bricks are wired by a method ``sketch(draw, *inputs)``: that is its formula,
    with ``draw(brick, *inputs)`` for what a brick makes of its inputs, and a text in the place of the brick for what
    the container itself does to them. That of `Residual` without a projection is::

        def sketch(self, draw, x):
            return draw("+", draw(self.brick, x), x)

    Without it, the bricks in the attribute ``bricks`` are drawn, but no arrows between them.

    References
    ----------
    https://mermaid.js.org/syntax/flowchart.html

    Examples
    --------
    >>> from legonet import Linear, Residual, Sequential, Tanh
    >>> from legonet.graphs import mermaid
    >>> print(mermaid(Sequential(Linear(2, 2), Residual(Tanh()))))
    flowchart TD
      n0(["x"])
      subgraph n1["Sequential"]
        n2["Linear(2, 2)"]
        subgraph n3["Residual"]
          n4["Tanh()"]
          n5(("+"))
        end
      end
      n6(["output"])
      n0 --> n2
      n2 --> n4
      n4 --> n5
      n2 --> n5
      n5 --> n6
    """
    drawing, wiring = _Drawing(), getattr(net, "wiring", None)
    inputs = wiring.inputs if isinstance(wiring, Wiring) else tuple(_inputs(net))
    names = wiring.outputs if isinstance(wiring, Wiring) else ("output",)
    ends = drawing.draw(net, *[drawing.box(name, "([", "])") for name in inputs], outputs=len(names))
    for end, name in zip(ends if isinstance(ends, tuple) else (ends,), names, strict=True):
        drawing.join([end], drawing.box(name, "([", "])"))
    return "\n  ".join(["flowchart TD", *drawing.boxes, *drawing.arrows, *drawing.same_bricks()])


def _inputs(brick: Brick[Any]) -> Iterator[str]:
    for parameter in inspect.signature(brick.forward).parameters.values():
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD, parameter.VAR_POSITIONAL):
            yield parameter.name


class _Drawing:
    """The lines of a flowchart as they come up: boxes first, so that each stays in its container, then arrows."""

    def __init__(self) -> None:
        self.boxes: list[str] = []
        self.arrows: list[str] = []
        self.places: dict[int, list[str]] = {}
        self.count = self.depth = 0

    def box(self, label: str, left: str = "[", right: str = "]", kind: str = "") -> str:
        """Draw a box, and return its id."""
        name = f"n{self.count}"
        self.count += 1
        self.boxes.append(f'{"  " * self.depth}{kind}{name}{left}"{_quoted(label)}"{right}')
        return name

    def join(self, sources: Iterable[str | None], target: str) -> str:
        """Draw an arrow from each of some boxes to another one, and return that one as what comes next."""
        self.arrows += [f"{source} --> {target}" for source in sources if source is not None]
        return target

    def same_bricks(self) -> list[str]:
        """Return a dotted line between the boxes of each brick that is drawn several times."""
        found = [places for places in self.places.values() if len(places) > 1]
        return [f'{one} -. "same brick" .- {other}' for places in found for one, other in pairwise(places)]

    def draw(self, what: Brick[Any] | str, *inputs: str | None, name: str = "", outputs: int = 1) -> Any:
        """Draw a brick or a text that is fed from some boxes, and return the box of its output, or a tuple of several.

        None in the place of a box stands for an input that is left out.
        """
        ends = self._text(what, inputs) if isinstance(what, str) else self._brick(what, inputs, name)
        return (ends,) * outputs if outputs > 1 and not isinstance(ends, tuple) else ends

    def _text(self, text: str, inputs: tuple[str | None, ...]) -> str:
        return self.join(inputs, self.box(text, "((", "))"))

    def _brick(self, brick: Brick[Any], inputs: tuple[str | None, ...], name: str) -> Any:
        label, bricks = f"{name}: " if name else "", getattr(brick, "bricks", ())
        if not bricks:
            place = self.box(label + brief(brick, 80))
            if brick.parameters():
                self.places.setdefault(id(brick), []).append(place)
            return self.join(inputs, place)
        around = self.box(f"{label}{type(brick).__name__}", kind="subgraph ")
        self.depth += 1
        sketch = getattr(brick, "sketch", None)
        if sketch is not None:
            ends = sketch(self.draw, *inputs)
        else:
            for inside in bricks.values() if isinstance(bricks, dict) else bricks:
                self.draw(inside)
            ends = self.join(inputs, around)
        self.depth -= 1
        self.boxes.append(f"{'  ' * self.depth}end")
        return ends


def _quoted(label: str) -> str:
    """Write all but plain characters as Mermaid's codes, so that none is read as syntax, HTML or Markdown."""
    return re.sub(r"[^\w (),.=:+-]|^[+-](?= )", lambda found: f"#{ord(found[0])};", label)
