"""Containers and merging bricks against PyTorch's automatic differentiation."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from legonet import (
    Add,
    Average,
    Concatenate,
    Graph,
    Linear,
    Multiply,
    Parallel,
    Residual,
    Sequential,
    Sigmoid,
    Tanh,
)

sizes = st.integers(1, 4)
seeds = st.integers(0, 2**32 - 1)
FUNCTIONS = {Tanh: torch.tanh, Sigmoid: torch.sigmoid}
MERGES = {
    Add: lambda xs: sum(xs[1:], xs[0]),
    Average: lambda xs: torch.stack(xs).mean(0),
    Multiply: lambda xs: torch.stack(xs).prod(0),
    Concatenate: lambda xs: torch.cat(xs, -1),
}


class Theirs:
    """What a network of legonet computes, by PyTorch."""

    def __init__(self, net):
        self.parameters = {id(p): torch.tensor(p.value, requires_grad=True) for p in net.parameters()}

    def run(self, net, *xs):
        if type(net) in FUNCTIONS:
            return FUNCTIONS[type(net)](*xs)
        if type(net) in MERGES:
            return MERGES[type(net)](xs)
        if isinstance(net, Linear):
            y = xs[0] @ self.parameters[id(net.weight)]
            return y if net.bias is None else y + self.parameters[id(net.bias)]
        if isinstance(net, Sequential):
            for brick in net:
                xs = (self.run(brick, *xs),)
            return xs[0]
        if isinstance(net, Residual):
            return self.run(net.brick, *xs) + (self.run(net.projection, *xs) if net.projection else xs[0])
        if isinstance(net, Parallel):
            return self.run(net.merge, *(self.run(brick, *xs) for brick in net.bricks))
        values = dict(zip(net.wiring.inputs, xs, strict=True))
        for node in net.wiring.nodes:
            values[node.name] = self.run(net.bricks[node.name], *(values[source] for source in node.sources))
        return values[net.wiring.outputs[0]]


def assert_agrees(net, *inputs):
    theirs, xs = Theirs(net), [torch.tensor(x, requires_grad=True) for x in inputs]
    y_theirs = theirs.run(net, *xs)
    y, cache = net.forward(*inputs)
    dy = np.random.default_rng(1).normal(size=y.shape)
    y_theirs.backward(torch.tensor(dy))
    dx = net.backward(dy, cache)
    np.testing.assert_allclose(y, y_theirs.detach().numpy(), rtol=1e-12, atol=1e-14)
    for mine, other in zip(dx if isinstance(dx, tuple) else (dx,), xs, strict=True):
        np.testing.assert_allclose(mine, other.grad.numpy(), rtol=1e-10, atol=1e-13)
    for parameter in net.parameters():
        grad = theirs.parameters[id(parameter)].grad
        np.testing.assert_allclose(parameter.grad, grad.numpy(), rtol=1e-10, atol=1e-13)


def inception(n, m, rng):
    """Return two blocks of branches side by side, each with a shortcut, as in the paper, of dense layers."""

    def block(inputs):
        branches = [
            Linear(inputs, m, rng=rng),
            Sequential(Linear(inputs, m, rng=rng), Tanh(), Linear(m, m, rng=rng)),
            Sequential(Tanh(), Linear(inputs, 1, rng=rng, bias=False)),
        ]
        outputs = 2 * m + 1
        wide = Parallel(*branches, merge=Concatenate())
        return Residual(wide, Linear(inputs, outputs, rng=rng)), outputs

    first, width = block(n)
    second, width = block(width)
    return Sequential(first, Tanh(), second, Sigmoid())


def highway(n, m, rng):
    """Return a graph with a gate, a shared brick, a fan-out of three and two inputs."""
    shared = Linear(n, n, rng=rng)
    nodes = {
        "y": (Linear(3 * n, m, rng=rng), "all"),
        "h": (Sequential(shared, Tanh()), "x"),
        "gate": (Sequential(Linear(n, n, rng=rng), Sigmoid()), "x"),
        "gated": (Multiply(), "h", "gate", "z"),
        "again": (shared, "gated"),
        "sum": (Add(), "again", "x", "h"),
        "all": (Concatenate(), "sum", "mean", "gated"),
        "mean": (Average(), "h", "x", "z"),
    }
    return Graph(inputs=["x", "z"], nodes=nodes, outputs=["y"])


@settings(deadline=None)
@given(batch=sizes, n=sizes, m=sizes, seed=seeds)
def test_a_net_of_branches_and_shortcuts_agrees_with_pytorch(batch, n, m, seed):
    rng = np.random.default_rng(seed)
    assert_agrees(inception(n, m, rng), rng.normal(size=(batch, n)))


@settings(deadline=None)
@given(batch=sizes, n=sizes, m=sizes, seed=seeds)
def test_a_graph_of_two_inputs_agrees_with_pytorch(batch, n, m, seed):
    rng = np.random.default_rng(seed)
    assert_agrees(highway(n, m, rng), rng.normal(size=(batch, n)), rng.normal(size=(batch, n)))


@pytest.mark.parametrize("merge", [Add(), Average(), Multiply(), Concatenate()], ids=repr)
@pytest.mark.parametrize("count", [1, 2, 5])
def test_merging_bricks_agree_with_pytorch(merge, count):
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=(4, 3)) for _ in range(count)]
    inputs[0][0] = 0.0
    assert_agrees(merge, *inputs)


def test_dense_connections_agree_with_pytorch():
    rng, nodes, names = np.random.default_rng(0), {}, ["x"]
    for number in range(6):
        nodes[f"c{number}"] = (Concatenate(), *names)
        nodes[f"h{number}"] = (Sequential(Linear(2 * len(names), 2, rng=rng), Tanh()), f"c{number}")
        names.append(f"h{number}")
    assert_agrees(Graph(inputs=["x"], nodes=nodes, outputs=[names[-1]]), rng.normal(size=(5, 2)))
