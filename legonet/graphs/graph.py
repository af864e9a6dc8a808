"""Bricks wired in any way that has no cycle."""

from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any

import numpy as np

from legonet.arrays import brief
from legonet.brick import Brick
from legonet.errors import OptionError
from legonet.graphs.gradients import alone_or_tuple, by_inputs, check_upstream, plus
from legonet.graphs.outline import outline
from legonet.graphs.wiring import Node, learning, wire


class Graph(Brick[list[Any]]):
    r"""Bricks as the nodes of a directed acyclic graph, with one or more inputs and outputs.

    .. math::

        \text{forward} \quad& h_k = f_k(h_i, h_j, \dots) \quad \text{for each node} \; k
        \; \text{that is fed from} \; i, j, \dots \\
        \text{backward} \quad& \frac{\partial L}{\partial h_i} =
        \sum_{k \; \text{fed from} \; i} \frac{\partial L}{\partial h_k} \cdot \frac{\partial f_k}{\partial h_i}

    Nodes run as they are written, but each after those that it is fed from; backward runs the other way round. What is
    used several times has its gradients summed, into a new array. The same brick may stand at several nodes: its
    parameters are shared, and their gradients add up.

    Parameters
    ----------
    inputs : sequence of str
        The names of the inputs, in the order in which `forward` takes them.
    nodes : mapping
        For each name a brick and the names of what it is fed from, in the order in which the brick takes them:
        ``"h": (Linear(2, 3), "x")`` is read as h = Linear(2, 3)(x). They may stand in any order. A brick of several
        outputs has a name for each, as in ``("y", "state"): (brick, "x")``; ``_`` stands for one that nobody needs.
    outputs : sequence of str
        The names of the nodes that are the outputs. They may feed other nodes as well.

    Attributes
    ----------
    bricks : dict of Brick
        The bricks by the names of their nodes, in the order in which they run; a node of several outputs goes by the
        first of its names.
    wiring : Wiring
        Which node is fed from which.

    Raises
    ------
    OptionError
        If the wiring is wrong: there is a cycle, a name is unknown, illegal or used twice, an input or a node is used
        nowhere, an output is no node, a brick takes another number of inputs, or something is no brick. In the passes,
        if there is another number of inputs or upstream gradients.

    Notes
    -----
    With one output, `forward` returns it, and with several a tuple of all; so does `backward` with the gradients by
    the inputs. An input that has no gradient, such as a mask or the numbers of words, gets None.

    What a pass needs no longer is let go: an output after the last node that is fed from it, and a gradient once it is
    used. ``backward_parameters`` computes no gradient by anything that has no parameter below it.

    An error in a pass carries a note that says which node it came from.

    References
    ----------
    Griewank and Walther, *Evaluating Derivatives*, 2nd edition, 2008, section 3.2.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import Add, Graph, Linear, Tanh
    >>> net = Graph(
    ...     inputs=["x"],
    ...     nodes={"h": (Linear(2, 3), "x"), "a": (Tanh(), "h"), "y": (Add(), "h", "a")},
    ...     outputs=["y"],
    ... )
    >>> print(net)
    Graph(x → y): 9 parameters
      [h] Linear(2, 3) ← x  9  weight (2, 3), bias (3,)
      [a] Tanh() ← h        0
      [y] Add() ← h, a      0
    >>> net(np.zeros((4, 2))).shape
    (4, 3)
    >>> [name for name, _ in net.named_parameters()]
    ['bricks.h.weight', 'bricks.h.bias']
    """

    def __init__(self, *, inputs: Sequence[str], nodes: Mapping[Any, tuple[Any, ...]], outputs: Sequence[str]) -> None:
        self.wiring, self.bricks = wire(inputs, nodes, outputs)
        targets = {name for node in self.wiring.nodes for name in node.targets}
        self._values = targets.union(self.wiring.inputs)
        # Where each node has a parameter below it, that stays so. Else it is looked up in each pass: there are bricks
        # that make their parameters in the first forward.
        self._learning = targets if targets == learning(self.wiring, self.bricks) else set()

    def forward(self, *inputs: Any) -> tuple[Any, list[Any]]:
        """Return the outputs, and the caches of the nodes for `backward`."""
        caches: list[Any] = []

        def run(node: Node, inputs: list[Any]) -> Any:
            y, cache = self.bricks[node.name].forward(*inputs)
            caches.append(cache if node.plain else (cache, _floats(inputs), _kinds(y)))
            return y

        return self._run(inputs, run), caches

    def backward(self, dy: Any, caches: list[Any]) -> Any:
        """Add the gradients of all parameters and return dL/dx for each input x.

        With several outputs, dy is a tuple with one gradient for each; None for one that the loss does not depend on.
        """
        gradients = self._backward(dy, caches, self._values)
        return alone_or_tuple(tuple(map(gradients.get, self.wiring.inputs)))

    def backward_parameters(self, dy: Any, caches: list[Any]) -> None:
        """Add the gradients of all parameters; only what has a parameter below it has its gradient computed."""
        self._backward(dy, caches, self._learning or learning(self.wiring, self.bricks))

    def __call__(self, *inputs: Any) -> Any:
        """Return the outputs alone, as inference needs them; no cache is kept."""
        return self._run(inputs, lambda node, inputs: self.bricks[node.name](*inputs))

    def _run(self, inputs: tuple[Any, ...], run: Callable[[Node, list[Any]], Any]) -> Any:
        """Run each node on the values that it is fed from."""
        names, outputs = self.wiring.inputs, self.wiring.outputs
        if len(inputs) != len(names):
            needed = f"{brief(self, 80)} needs {len(names)} inputs ({brief(', '.join(names))})"
            raise OptionError(f"{needed}, but got {len(inputs)}")
        values = dict(zip(names, inputs, strict=True))
        for node in self.wiring.nodes:
            try:
                sources, plain = node.sources, node.plain
                y = run(node, [values[sources[0]]] if plain else [values[source] for source in sources])
                if plain and not isinstance(y, tuple):
                    values[node.name] = y
                else:
                    values.update(_by_names(node, y))
            except Exception as error:
                self._note_node(error, node)
                raise
            for name in node.done:
                del values[name]
        return alone_or_tuple(tuple(map(values.get, outputs)))

    def _backward(self, dy: Any, caches: list[Any], wanted: Set[str]) -> dict[str, Any]:
        """Run the nodes backward, and return the gradients by the inputs; only what is wanted is computed."""
        outputs = self.wiring.outputs
        check_upstream(self, dy, len(outputs))
        upstream = zip(outputs, dy if len(outputs) > 1 else (dy,), strict=True)
        gradients = {name: dy for name, dy in upstream if name in wanted}
        for node, cache in zip(reversed(self.wiring.nodes), reversed(caches), strict=True):
            name, sources, targets, _, plain = node
            try:
                if plain:
                    dy, floats = gradients.pop(name, None), ()
                else:
                    cache, floats, kinds = cache
                    dy = _together([gradients.pop(target, None) for target in targets], kinds)
                if dy is None:
                    continue
                if wanted.isdisjoint(sources):
                    self.bricks[name].backward_parameters(dy, cache)
                    continue
                dx = self.bricks[name].backward(dy, cache)
                for source, gradient in zip(sources, by_inputs(name, dx, len(sources), floats), strict=True):
                    if source in gradients:
                        gradients[source] = plus(gradients[source], gradient)
                    elif source in wanted:
                        gradients[source] = gradient
            except Exception as error:
                self._note_node(error, node)
                raise
        return gradients

    def _note_node(self, error: Exception, node: Node) -> None:
        error.add_note(f"  in Graph[{brief(node.name)}]: {brief(self.bricks[node.name], 80)}")

    def __repr__(self) -> str:
        written = {
            node.targets if len(node.targets) > 1 else node.name: (self.bricks[node.name], *node.sources)
            for node in self.wiring.nodes
        }
        return f"Graph(inputs={[*self.wiring.inputs]}, nodes={written}, outputs={[*self.wiring.outputs]})"

    def __str__(self) -> str:
        return outline(self)


def _floats(inputs: list[Any]) -> tuple[int, ...]:
    """Return which inputs are of floating-point numbers: the others have no gradient."""
    return tuple(place for place, x in enumerate(inputs) if not isinstance(x, np.ndarray) or x.dtype.kind == "f")


def _kinds(y: Any) -> list[tuple[tuple[int, ...], np.dtype[Any]]]:
    """Return the shape and dtype of each of several outputs: one that nobody needs has a gradient of zeros."""
    return [(np.shape(part), np.asarray(part).dtype) for part in y] if isinstance(y, tuple) else []


def _together(dys: list[Any], kinds: list[tuple[tuple[int, ...], np.dtype[Any]]]) -> Any:
    """Return the upstream gradient of a node: one array, or a tuple for several outputs; None if there is none."""
    if not kinds or all(dy is None for dy in dys):
        return dys[0]
    return tuple(np.zeros(*kind) if dy is None else dy for dy, kind in zip(dys, kinds, strict=True))


def _by_names(node: Node, y: Any) -> dict[str, Any]:
    """Return the outputs of a node by their names."""
    outputs = y if isinstance(y, tuple) else (y,)
    if len(outputs) != len(node.targets):
        needed = f"Graph needs a name for each output of a node, {len(outputs)} here"
        raise OptionError(f"{needed}, but the names are {brief(', '.join(node.targets))}")
    return dict(zip(node.targets, outputs, strict=True))
