"""A network as a table: its bricks, their numbers of parameters and the shapes of these."""

from collections.abc import Iterator
from typing import Any

from legonet.arrays import brief
from legonet.brick import Brick
from legonet.graphs.wiring import Wiring

WIDTH = 100
"""The columns of a table, as far as bricks with long names leave room for their shapes."""


def outline(net: Brick[Any]) -> str:
    """Return a table of the bricks of a container, one a line, those of a container inside it indented.

    Parameters
    ----------
    net : Brick
        A container: a brick with a sequence or a dictionary of bricks as its attribute ``bricks``. The brick in an
        attribute ``merge``, which brings their outputs together, comes last.

    Returns
    -------
    str
        The table. Parameters that bricks share count once in the sum of the first line.

    Examples
    --------
    >>> from legonet import Linear, Sequential, Sigmoid
    >>> from legonet.graphs.outline import outline
    >>> print(outline(Sequential(Sequential(Linear(2, 3), Sigmoid()), Linear(3, 1))))
    Sequential: 13 parameters
      [0] Sequential        9
          [0] Linear(2, 3)  9  weight (2, 3), bias (3,)
          [1] Sigmoid()     0
      [1] Linear(3, 1)      4  weight (3, 1), bias (1,)
    """
    rows = list(_rows(net, "  ", {id(net): "the whole"}))
    width, digits = (max((len(row[column]) for row in rows), default=0) for column in (0, 1))
    left = WIDTH - width - digits - 4
    table = [f"{name:{width}}  {count:>{digits}}  {_cut(shapes, left)}".rstrip() for name, count, shapes in rows]
    total = _count(net)
    return "\n".join([f"{_head(net)}: {total} parameter{'' if total == '1' else 's'}", *table])


def _rows(net: Brick[Any], indent: str, seen: dict[int, str]) -> Iterator[tuple[str, str, list[str]]]:
    for name, brick, fed in _inside(net):
        label = f"{indent}[{name}]"
        if id(brick) in seen and (brick.parameters() or hasattr(brick, "bricks")):
            yield f"{label} {brief(brick)}{fed}", "", [f"shared with {seen[id(brick)]}"]
            continue
        seen[id(brick)] = label.strip()
        inside = list(_rows(brick, indent + "    ", seen))
        shapes = [] if inside else [f"{name} {p.value.shape}" for name, p in brick.named_parameters()]
        yield f"{label} {_head(brick) if inside else brief(brick, 60)}{fed}", _count(brick), shapes
        yield from inside


def _cut(shapes: list[str], width: int) -> str:
    """Return as many shapes as there is room for, at least one, and how many more there are."""
    for shown in range(len(shapes), 1, -1):
        more = len(shapes) - shown
        text = ", ".join(shapes[:shown]) + (f" and {more} more" if more else "")
        if len(text) <= width:
            return text
    return ", ".join(shapes[:1]) + (f" and {len(shapes) - 1} more" if len(shapes) > 1 else "")


def _inside(net: Brick[Any]) -> Iterator[tuple[str, Brick[Any], str]]:
    """Yield the bricks of a container with their names and what they are fed from."""
    bricks, wiring, merge = (getattr(net, name, None) for name in ("bricks", "wiring", "merge"))
    if isinstance(wiring, Wiring) and isinstance(bricks, dict):
        for node in wiring.nodes:
            fed = f" ← {', '.join(node.sources)}" if node.sources else ""
            yield ", ".join(node.targets), bricks[node.name], fed
    else:
        for key, brick in bricks.items() if isinstance(bricks, dict) else enumerate(bricks or ()):
            yield str(key), brick, ""
    if isinstance(merge, Brick):
        yield "merge", merge, ""


def _head(net: Brick[Any]) -> str:
    """Return the kind of a container, and for a graph the names of its ends."""
    wiring = getattr(net, "wiring", None)
    ends = f"({', '.join(wiring.inputs)} → {', '.join(wiring.outputs)})" if isinstance(wiring, Wiring) else ""
    return type(net).__name__ + ends


def _count(brick: Brick[Any]) -> str:
    return f"{sum(parameter.value.size for parameter in brick.parameters()):,}"
