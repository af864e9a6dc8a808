"""A network as a drawing, in the text that Mermaid makes a picture of."""

import inspect
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from legonet.arrays import brief
from legonet.brick import Brick
from legonet.graphs.graph import Graph
from legonet.graphs.parallel import Parallel
from legonet.graphs.residual import Residual
from legonet.graphs.sequential import Sequential


def mermaid(net: Brick[Any]) -> str:
    """Return a brick, a loss or a whole network as the text of a Mermaid flowchart.

    Containers are boxes around what is in them. Bricks that stand at several places, and share their parameters, are
    joined by a dotted line. GitHub, GitLab, JupyterLab, Sphinx (with an extension) and https://mermaid.live draw it.

    Parameters
    ----------
    net : Brick
        What to draw. Of a container of your own, the bricks in its attribute ``bricks`` are drawn, but not how they are
        wired.

    Returns
    -------
    str
        The text, without a line break at its end.

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
    drawing = _Drawing()
    inputs = list(net.wiring.inputs) if isinstance(net, Graph) else list(_inputs(net))
    ends = drawing.draw(net, [drawing.box(name, "([", "])") for name in inputs], "")
    for number, end in enumerate(ends):
        name = net.wiring.outputs[number] if isinstance(net, Graph) else "output"
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

    def join(self, sources: list[str], target: str) -> list[str]:
        """Draw an arrow from each of some boxes to another one, and return that one as what comes next."""
        self.arrows += [f"{source} --> {target}" for source in sources]
        return [target]

    def same_bricks(self) -> list[str]:
        """Return a dotted line between the boxes of each brick that is drawn several times."""
        found = [places for places in self.places.values() if len(places) > 1]
        return [f'{one} -. "same brick" .- {other}' for places in found for one, other in pairwise(places)]

    def draw(self, brick: Brick[Any], sources: list[str], name: str) -> list[str]:
        """Draw a brick that is fed from some boxes, and return the box of each of its outputs."""
        label = f"{name}: " if name else ""
        bricks = getattr(brick, "bricks", ())
        if not bricks:
            place = self.box(label + brief(brick, 80))
            if brick.parameters():
                self.places.setdefault(id(brick), []).append(place)
            return self.join(sources, place)
        around = self.box(f"{label}{type(brick).__name__}", kind="subgraph ")
        self.depth += 1
        ends = self._inside(brick, sources, around)
        self.depth -= 1
        self.boxes.append(f"{'  ' * self.depth}end")
        return ends

    def _inside(self, brick: Brick[Any], sources: list[str], around: str) -> list[str]:
        match brick:
            case Sequential():
                for inside in brick.bricks:
                    sources = self.draw(inside, sources, "")
                return sources
            case Residual():
                ends = self.draw(brick.brick, sources, "")
                shortcut = sources if brick.projection is None else self.draw(brick.projection, sources, "projection")
                return self.join(ends + shortcut, self.box("+", "((", "))"))
            case Parallel():
                ends = [end for inside in brick.bricks for end in self.draw(inside, sources, "")]
                return self.draw(brick.merge, ends, "")
            case Graph():
                values = dict(zip(brick.wiring.inputs, sources, strict=True))
                for node in brick.wiring.nodes:
                    fed = [values[source] for source in node.sources]
                    ends = self.draw(brick.bricks[node.name], fed, ", ".join(node.targets))
                    ends = ends * len(node.targets) if len(ends) == 1 else ends
                    values |= dict(zip(node.targets, ends, strict=True))
                return [values[name] for name in brick.wiring.outputs]
        bricks = getattr(brick, "bricks", ())
        for inside in bricks.values() if isinstance(bricks, dict) else bricks:
            self.draw(inside, [], "")
        return self.join(sources, around)


def _quoted(label: str) -> str:
    """Write all but plain characters as Mermaid's codes, so that none is read as syntax, HTML or Markdown."""
    return re.sub(r"[^\w (),.=:+-]|^[+-](?= )", lambda found: f"#{ord(found[0])};", label)
