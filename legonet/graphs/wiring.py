"""The wiring of a graph: which node is fed from which, checked, and in the order in which they run."""

import difflib
import heapq
import inspect
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from legonet.arrays import brief
from legonet.brick import Brick
from legonet.errors import OptionError
from legonet.graphs.gradients import learns

UNUSED = "_"
"""The name of an output that nobody needs."""


class Node(NamedTuple):
    """A place in a graph that holds a brick."""

    name: str
    sources: tuple[str, ...]
    """What it is fed from: names of inputs and of outputs of nodes."""
    targets: tuple[str, ...]
    """What its outputs are called: its own name, if there is one."""
    done: tuple[str, ...] = ()
    """What no later node needs."""


@dataclass(frozen=True)
class Wiring:
    """The nodes of a graph, each after those that it is fed from, and its ends."""

    inputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[str, ...]


def wire(inputs: Sequence[str], nodes: Mapping[Any, Any], outputs: Sequence[str]) -> tuple[Wiring, dict[str, Any]]:
    """Check what `Graph` is given, and return its wiring and its bricks by the names of their nodes.

    Parameters
    ----------
    inputs, nodes, outputs
        As in `Graph`.

    Returns
    -------
    Wiring, dict
        The wiring, and the bricks in the same order.

    Raises
    ------
    OptionError
        If they make no directed acyclic graph in which all is used.
    """
    for what, names in (("inputs", inputs), ("outputs", outputs)):
        if isinstance(names, str) or not isinstance(names, Sequence) or (what == "outputs" and not names):
            raise OptionError(f'Graph needs {what} as a list of names, such as ["x"], but {what} is {_show(names)}')
    if not isinstance(nodes, Mapping):
        needed = 'Graph needs nodes as a dictionary, such as {"y": (Linear(2, 3), "x")}'
        raise OptionError(f"{needed}, but nodes is {_show(nodes)}")
    found = [_node(key, given) for key, given in nodes.items()]
    bricks = {node.name: brick for node, brick in found}
    unordered = [node for node, _ in found]
    _check_names(inputs, unordered, outputs)
    _check_sources(inputs, unordered)
    _check_uses(inputs, unordered, outputs)
    ordered = list(_ordered(unordered))
    for node in ordered:
        _check_count(node, bricks[node.name])
    wiring = Wiring(tuple(inputs), tuple(_with_ends(ordered, outputs)), tuple(outputs))
    return wiring, {node.name: bricks[node.name] for node in ordered}


def learning(wiring: Wiring, bricks: Mapping[str, Brick[Any]]) -> set[str]:
    """Return the names of all values that have a parameter below them.

    Parameters
    ----------
    wiring : Wiring
        Of a graph.
    bricks : mapping
        Its bricks by the names of their nodes.

    Returns
    -------
    set of str
        The names.
    """
    found: set[str] = set()
    for node in wiring.nodes:
        if not found.isdisjoint(node.sources) or learns(bricks[node.name]):
            found.update(node.targets)
    return found


def by_names(targets: tuple[str, ...], y: Any) -> dict[str, Any]:
    """Return the outputs of a node by their names.

    Parameters
    ----------
    targets : tuple of str
        The names.
    y : object
        What its brick gives: one output, or a tuple of several.

    Returns
    -------
    dict
        The outputs.

    Raises
    ------
    OptionError
        If there are more or fewer.
    """
    outputs = y if isinstance(y, tuple) else (y,)
    if len(outputs) != len(targets):
        needed = f"Graph needs a name for each output of a node, {len(outputs)} here"
        raise OptionError(f"{needed}, but the names are {brief(', '.join(targets))}")
    return dict(zip(targets, outputs, strict=True))


def _node(key: Any, given: Any) -> tuple[Node, Brick[Any]]:
    targets = key if isinstance(key, tuple) else (key,)
    for name in targets:
        _check_name(name, f"a node has the name {_show(key)}", unused=len(targets) > 1)
    named = [name for name in targets if name != UNUSED]
    if not named:
        raise OptionError(f"Graph needs a name for an output of each node, but one has the name {_show(key)}")
    if not isinstance(given, tuple) or not given:
        needed = f'Graph needs node {brief(named[0])} as a brick and what it is fed from, such as (Linear(2, 3), "x")'
        raise OptionError(f"{needed}, but it is {_show(given)}")
    brick, *sources = given
    if not isinstance(brick, Brick):
        raise OptionError(f"Graph needs a brick at node {brief(named[0])}, but got {_show(brick)}")
    return Node(named[0], tuple(sources), targets), brick


def _check_name(name: object, told: str, unused: bool = False) -> None:
    if not isinstance(name, str) or not name.isidentifier() or (name == UNUSED and not unused):
        raise OptionError(f"Graph needs names of letters, digits and _, such as x or h_1, but {told}")


def _check_names(inputs: Sequence[str], nodes: list[Node], outputs: Sequence[str]) -> None:
    for name in inputs:
        _check_name(name, f"an input has the name {_show(name)}")
    values = [*inputs, *(name for node in nodes for name in node.targets if name != UNUSED)]
    _check_different(values, "inputs and nodes")
    known = set(values)
    for name in outputs:
        if not isinstance(name, str) or name not in known:
            raise OptionError(f"Graph needs outputs that are nodes, but {_show(name)} is none{_nearest(name, values)}")
        if name in inputs:
            raise OptionError(f"Graph needs outputs that are nodes, but {name} is an input")
    _check_different(outputs, "outputs")


def _check_different(names: Sequence[str], what: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise OptionError(f"Graph needs {what} of different names, but two have the name {_show(name)}")
        seen.add(name)


def _check_sources(inputs: Sequence[str], nodes: list[Node]) -> None:
    values = {*inputs, *(name for node in nodes for name in node.targets)} - {UNUSED}
    for node in nodes:
        for source in node.sources:
            if not isinstance(source, str) or source not in values:
                told = f"node {brief(node.name)} is fed from {_show(source)}, which is none{_nearest(source, values)}"
                raise OptionError(f"Graph feeds nodes from inputs and nodes, but {told}")


def _check_uses(inputs: Sequence[str], nodes: list[Node], outputs: Sequence[str]) -> None:
    used = {*outputs, *(source for node in nodes for source in node.sources), UNUSED}
    for name in inputs:
        if name not in used:
            raise OptionError(f"Graph needs a use for each input, but {brief(name)} is used nowhere")
    for node in nodes:
        for name in node.targets:
            if name not in used:
                hint = "make it an output, or leave it out" if len(node.targets) == 1 else "call it _, or use it"
                raise OptionError(f"Graph needs a use for each node, but {brief(name)} is used nowhere: {hint}")


def _ordered(nodes: list[Node]) -> Iterator[Node]:
    """Yield the nodes as they are written, but each after those that it is fed from."""
    node_of = {name: number for number, node in enumerate(nodes) for name in node.targets if name != UNUSED}
    feeding = [{node_of[source] for source in node.sources if source in node_of} for node in nodes]
    fed: list[list[int]] = [[] for _ in nodes]
    for number, others in enumerate(feeding):
        for other in others:
            fed[other].append(number)
    ready = [number for number, others in enumerate(feeding) if not others]
    while ready:
        first = heapq.heappop(ready)
        yield nodes[first]
        for number in fed[first]:
            feeding[number].remove(first)
            if not feeding[number]:
                heapq.heappush(ready, number)
    rest = [node for node, others in zip(nodes, feeding, strict=True) if others]
    if rest:
        cycle = _cycle(rest[0], {name: node for node in rest for name in node.targets if name != UNUSED})
        raise OptionError(f"Graph needs nodes without a cycle, but there is {brief(cycle, 200)}")


def _cycle(node: Node, waiting: dict[str, Node]) -> str:
    """Return the cycle that is met on the way up from a node, such as "a → b → a"."""
    path: list[str] = []
    while node.name not in path:
        path.append(node.name)
        node = next(waiting[source] for source in node.sources if source in waiting)
    return " → ".join([node.name, *reversed(path[path.index(node.name) :])])


def _check_count(node: Node, brick: Brick[Any]) -> None:
    least, most = _counts(brick)
    if not least <= len(node.sources) <= most:
        takes = f"{least}" if least == most else f"{least} or more" if most == math.inf else f"{least} to {most}"
        given = f"{len(node.sources)} ({', '.join(node.sources)})" if node.sources else "none"
        needed = f"Graph needs node {brief(node.name)}, {brief(brick, 60)}, fed from {takes}"
        raise OptionError(f"{needed}, but it is fed from {brief(given, 80)}")


def _counts(brick: Brick[Any]) -> tuple[int, float]:
    """Return how many inputs a brick takes, at least and at most."""
    wiring = getattr(brick, "wiring", None)
    if isinstance(wiring, Wiring):
        return len(wiring.inputs), len(wiring.inputs)
    try:
        parameters = list(inspect.signature(brick.forward).parameters.values())
    except (TypeError, ValueError):
        return 0, math.inf
    plain = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    least = sum(p.default is p.empty for p in plain)
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return max(least, 1), math.inf
    return least, len(plain)


def _with_ends(nodes: list[Node], outputs: Sequence[str]) -> list[Node]:
    """Note down at each node what no later one needs."""
    needed, found = set(outputs), []
    for node in reversed(nodes):
        done = tuple(name for name in dict.fromkeys((*node.sources, *node.targets)) if name not in needed)
        needed |= set(node.sources)
        found.append(node._replace(done=done))
    return found[::-1]


def _nearest(name: object, names: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, [*names], 1, 0.5) if isinstance(name, str) else []
    return f": did you mean {brief(near[0])}?" if near else ""


def _show(value: object) -> str:
    return brief(repr(value) if isinstance(value, str) else value)
