"""Bricks wired in any way that has no cycle."""

from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any

from legonet.arrays import brief
from legonet.brick import Brick, refuse_output
from legonet.errors import OptionError
from legonet.graphs.gradients import alone_or_tuple, by_inputs, check_upstream, floats_among, kinds_of, plus, together
from legonet.graphs.mermaid import Draw
from legonet.graphs.outline import outline
from legonet.graphs.places import note_place
from legonet.graphs.wiring import by_names, learning, wire


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
        """Return the outputs, and of each node its cache, which inputs were of floats, and the kinds of its outputs."""
        caches: list[Any] = []

        def run(brick: Brick[Any], inputs: list[Any], targets: tuple[str, ...]) -> Any:
            pair = brick.forward(*inputs)
            if type(pair) is not tuple:
                refuse_output(brick, pair)
            y, cache = pair
            caches.append((cache, floats_among(inputs), kinds_of(y) if isinstance(y, tuple) else ()))
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
        return self._run(inputs, lambda brick, inputs, targets: brick(*inputs))

    def sketch(self, draw: Draw, *inputs: Any) -> Any:
        """Draw each node with its names, for `mermaid`."""

        def run(brick: Brick[Any], inputs: list[Any], targets: tuple[str, ...]) -> Any:
            return draw(brick, *inputs, name=", ".join(targets), outputs=len(targets))

        return self._run(inputs, run)

    def _run(self, inputs: tuple[Any, ...], run: Callable[..., Any]) -> Any:
        """Run each node on the values that it is fed from, and return the outputs."""
        names = self.wiring.inputs
        if len(inputs) != len(names):
            needed = f"{brief(self, 80)} needs {len(names)} inputs ({brief(', '.join(names))})"
            raise OptionError(f"{needed}, but got {len(inputs)}")
        values = dict(zip(names, inputs, strict=True))
        for name, sources, targets, done in self.wiring.nodes:
            brick = self.bricks[name]
            try:
                y = run(brick, [values[source] for source in sources], targets)
                if isinstance(y, tuple) or len(targets) > 1:
                    values.update(by_names(targets, y))
                else:
                    values[name] = y
            except Exception as error:
                note_place(error, self, name, brick)
                raise
            for needless in done:
                del values[needless]
        return alone_or_tuple(tuple(map(values.get, self.wiring.outputs)))

    def _backward(self, dy: Any, caches: list[Any], wanted: Set[str]) -> dict[str, Any]:
        """Run the nodes backward, and return the gradients by the inputs; only those by what is wanted are computed."""
        outputs = self.wiring.outputs
        check_upstream(self, dy, len(outputs))
        upstream = zip(outputs, dy if len(outputs) > 1 else (dy,), strict=True)
        gradients = {name: gradient for name, gradient in upstream if name in wanted}
        for (name, sources, targets, _), (cache, floats, kinds) in zip(
            reversed(self.wiring.nodes), reversed(caches), strict=True
        ):
            brick = self.bricks[name]
            try:
                dh = together(gradients, targets, kinds) if kinds else gradients.pop(name, None)
                if dh is None:
                    continue
                if wanted.isdisjoint(sources):
                    brick.backward_parameters(dh, cache)
                    continue
                dx = by_inputs(name, brick.backward(dh, cache), len(sources), floats)
                for source, gradient in zip(sources, dx, strict=True):
                    if source in wanted:
                        gradients[source] = plus(gradients.get(source), gradient)
            except Exception as error:
                note_place(error, self, name, brick)
                raise
        return gradients

    def __repr__(self) -> str:
        written = {
            node.targets if len(node.targets) > 1 else node.name: (self.bricks[node.name], *node.sources)
            for node in self.wiring.nodes
        }
        return f"Graph(inputs={[*self.wiring.inputs]}, nodes={written}, outputs={[*self.wiring.outputs]})"

    def __str__(self) -> str:
        return outline(self)
