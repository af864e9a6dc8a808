import gc
import itertools
import sys
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from legonet import (
    SGD,
    Add,
    Average,
    Brick,
    Concatenate,
    Graph,
    L2Regularizer,
    Linear,
    MSELoss,
    Multiply,
    Parallel,
    Parameter,
    Residual,
    Sequential,
    ShapeError,
    Sigmoid,
    Tanh,
)
from legonet.errors import GradientError, OptionError
from legonet.testing import Integers, brick_test, check_brick, check_network
from legonet.training import backpropagate
from strategies import assert_close, both_passes, fingerprint, freeze, gradients, like, normal, seeds

WIDTH = 2

_AS_MANY = "there are as many of each"
_NO_GRADIENT = "where none comes down, the bricks drawn here have nothing to add; those that have are tested below"
_NEEDLESS = "more is computed than needed, and left unused; the gradients are the same"

EQUIVALENT = {
    "Graph.backward_parameters: self._learning or learning(self.wiring, self.bricks)"
    " → learning(self.wiring, self.bricks)": _NEEDLESS,
    "Graph._backward: True → False": _AS_MANY,
    "Graph._backward: True → False (2)": _AS_MANY,
    "Graph._backward: True → False (3)": _AS_MANY,
    "Graph._backward: if dh is None: → if False:": _NO_GRADIENT,
    "Graph._backward: if wanted.isdisjoint(sources): → if False:": _NEEDLESS,
    "Graph._backward: brick.backward_parameters → brick.backward": _NEEDLESS,
    "Graph._backward: if source in wanted: → if True:": _NEEDLESS,
}


# Graphs drawn at random -----------------------------------------------------------------------------------------------


def pair(seed, dtype):
    """Return a graph with two outputs, to be a node of another one."""
    linear = Linear(WIDTH, WIDTH, rng=seed, dtype=dtype)
    return Graph(inputs=["a"], nodes={"p": (Tanh(), "a"), "q": (linear, "p")}, outputs=["p", "q"])


@st.composite
def graphs(draw, dtype=np.float64):
    """Draw a graph of any wiring; what is used nowhere else becomes an output."""
    inputs = ["x", "z"][: draw(st.integers(1, 2))]
    shared, values, nodes = Linear(WIDTH, WIDTH, rng=0, dtype=dtype), [*inputs], {}
    for number in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from(["linear", "shared", "tanh", "add", "multiply", "mean", "residual", "pair"]))
        arity = draw(st.integers(1, 3)) if kind in ("add", "mean") else 2 if kind == "multiply" else 1
        sources = draw(st.lists(st.sampled_from(values), min_size=arity, max_size=arity))
        linear = Linear(WIDTH, WIDTH, rng=draw(seeds), dtype=dtype)
        brick = {
            "linear": linear,
            "shared": shared,
            "tanh": Tanh(),
            "add": Add(),
            "multiply": Multiply(),
            "mean": Average(),
            "residual": Residual(Sequential(linear, Tanh())),
            "pair": pair(number, dtype),
        }[kind]
        name = f"h{number}"
        key = draw(st.sampled_from([(name, f"{name}b"), (name, "_"), ("_", name)])) if kind == "pair" else name
        nodes[key] = (brick, *sources)
        values += [each for each in (key if isinstance(key, tuple) else (key,)) if each != "_"]
    used = {source for _, *sources in nodes.values() for source in sources}
    lost = [name for name in inputs if name not in used]
    if lost:
        nodes["last"] = (Add(), *lost)
        values.append("last")
    outputs = [name for name in values if name not in used and name not in inputs]
    more = [name for name in values if name in used and name not in inputs]
    outputs += draw(st.lists(st.sampled_from(more), unique=True, max_size=1)) if more else []
    order = draw(st.permutations(list(nodes)))
    return Graph(inputs=inputs, nodes={name: nodes[name] for name in order}, outputs=draw(st.permutations(outputs)))


@st.composite
def cases(draw, dtype=np.float64):
    net = draw(graphs(dtype))
    rows = draw(st.integers(0, 3))
    return net, tuple(normal(rows, WIDTH, seed=draw(seeds), dtype=dtype) for _ in net.wiring.inputs)


class Naive:
    """Both passes of a graph by recursion over the names, as one would write them without a thought of cost."""

    def __init__(self, net, inputs, dy):
        self.net, self.values, self.caches = net, dict(zip(net.wiring.inputs, inputs, strict=True)), {}
        self.dy = dict(zip(net.wiring.outputs, dy if isinstance(dy, tuple) else (dy,), strict=True))
        self.node_of = {name: node for node in net.wiring.nodes for name in node.targets}
        self.y = [self.value(name) for name in net.wiring.outputs]
        self.dx = [self.gradient(name) for name in net.wiring.inputs]

    def value(self, name):
        if name not in self.values:
            node = self.node_of[name]
            y, self.caches[node] = self.net.bricks[node.name].forward(*map(self.value, node.sources))
            self.values |= zip(node.targets, y if isinstance(y, tuple) else (y,), strict=True)
        return self.values[name]

    def gradient(self, name):
        """Sum what comes back along each path; a node is run once for each path through it, on its share."""
        total = self.dy.get(name, np.zeros_like(self.values[name]))
        for node in self.net.wiring.nodes:
            for place, source in enumerate(node.sources):
                if source == name:
                    dys = tuple(
                        np.zeros_like(self.values[target]) if target == "_" else self.gradient(target)
                        for target in node.targets
                    )
                    back = self.net.bricks[node.name].backward(dys if len(dys) > 1 else dys[0], self.caches[node])
                    total = total + (back[place] if isinstance(back, tuple) else back)
        return total


@given(cases(), seeds)
def test_it_does_what_a_naive_interpreter_does(case, seed):
    net, inputs = case
    y, cache = net.forward(*inputs)
    dy = like(y, seed)
    dx = net.backward(dy, cache)
    gradients(net)
    naive = Naive(net, inputs, dy)
    gradients(net)
    assert_close(y if isinstance(y, tuple) else [y], naive.y, 0)
    assert_close(dx if isinstance(dx, tuple) else [dx], naive.dx, 1e-10)


@given(cases(), seeds)
def test_its_gradients_agree_with_finite_differences(case, seed):
    net, inputs = case
    check_brick(net, *inputs, rng=seed)


@given(cases())
def test_the_order_in_which_nodes_are_written_changes_nothing(case):
    net, inputs = case
    names, nodes, outputs = net.wiring.inputs, net.wiring.nodes, net.wiring.outputs
    written = {
        (node.targets if len(node.targets) > 1 else node.name): (net.bricks[node.name], *node.sources)
        for node in reversed(nodes)
    }
    other = Graph(inputs=names, nodes=written, outputs=outputs)
    assert_close(both_passes(other, inputs)[: len(outputs)], both_passes(net, inputs)[: len(outputs)], 0)


# Series-parallel networks, once of containers and once as a graph -----------------------------------------------------


def trees():
    leaf = st.sampled_from(["linear", "tanh", "sigmoid"])
    return st.recursive(
        leaf,
        lambda inside: st.one_of(
            st.tuples(st.just("chain"), st.lists(inside, max_size=3)),
            st.tuples(st.just("residual"), st.lists(inside, min_size=1, max_size=1)),
            st.tuples(st.just("projected"), st.lists(inside, min_size=2, max_size=2)),
            st.tuples(
                st.sampled_from(["add", "mean", "multiply", "concatenate"]), st.lists(inside, min_size=1, max_size=3)
            ),
        ),
        max_leaves=6,
    )


class Both:
    """The containers of a tree, and the nodes that do the same, of the same bricks."""

    def __init__(self):
        self.rng, self.nodes = np.random.default_rng(0), {}

    def node(self, brick, *sources):
        name = f"n{len(self.nodes)}"
        self.nodes[name] = (brick, *sources)
        return name

    def build(self, tree, source):
        if isinstance(tree, str):
            brick = {"linear": Linear(WIDTH, WIDTH, rng=self.rng), "tanh": Tanh(), "sigmoid": Sigmoid()}[tree]
            return brick, self.node(brick, source)
        kind, inside = tree
        if kind == "chain":
            bricks = []
            for each in inside:
                brick, source = self.build(each, source)
                bricks.append(brick)
            return Sequential(*bricks), source
        bricks, ends = zip(*(self.build(each, source) for each in inside), strict=True)
        if kind == "residual":
            return Residual(*bricks), self.node(Add(), *ends, source)
        if kind == "projected":
            return Residual(*bricks), self.node(Add(), *ends)
        if kind == "concatenate":
            merge, narrow = Concatenate(), Linear(len(bricks) * WIDTH, WIDTH, rng=self.rng)
            end = self.node(narrow, self.node(merge, *ends))
            return Sequential(Parallel(*bricks, merge=merge), narrow), end
        merge = {"add": Add(), "mean": Average(), "multiply": Multiply()}[kind]
        return Parallel(*bricks, merge=merge), self.node(merge, *ends)


@given(trees(), st.integers(0, 3), seeds)
def test_a_series_parallel_network_is_the_same_as_containers_and_as_a_graph(tree, rows, seed):
    both = Both()
    inside, end = both.build(tree, "x")
    last = Linear(WIDTH, 1, rng=both.rng)
    nested = Sequential(inside, last)
    graph = Graph(inputs=["x"], nodes={**both.nodes, "y": (last, end)}, outputs=["y"])
    x, results = normal(rows, WIDTH, seed=seed), []
    assert {id(p) for p in nested.parameters()} == {id(p) for p in graph.parameters()}
    for net in (nested, graph):
        y, cache = net.forward(x)
        dy = normal(rows, 1, seed=seed + 1)
        results.append([net(x), y, net.backward(dy, cache)])
        results[-1] += [parameter.grad.copy() for parameter in nested.parameters()]
        gradients(net)
        net.backward_parameters(dy, cache)
        results[-1] += gradients(nested)
    assert_close(results[0][:2], results[1][:2], 0)
    assert_close(*results)


# By hand --------------------------------------------------------------------------------------------------------------


def numbers(*values):
    return np.array([values])


class Masked(Brick):
    """Keeps the rows where the mask is True; the mask has no gradient."""

    def forward(self, x, mask=None):
        keep = np.ones((len(x), 1)) if mask is None else mask[:, None].astype(float)
        return x * keep, keep

    def backward(self, dy, keep):
        return dy * keep

    def __call__(self, x, mask=None):
        return self.forward(x, mask)[0]


class Lookup(Brick):
    """Rows by whole numbers, without a gradient by its input."""

    def __init__(self, rows=3):
        self.table = Parameter(normal(rows, 2))

    def forward(self, indices):
        return self.table.value[indices], indices

    def backward(self, dy, indices):
        np.add.at(self.table.grad, indices, dy)


class Spy(Brick):
    """Does what the brick inside it does, and writes down each call."""

    def __init__(self, inside, calls):
        self.inside, self.calls = inside, calls

    def forward(self, *inputs):
        return self.inside.forward(*inputs)

    def backward(self, dy, cache):
        self.calls.append((repr(self.inside), "backward"))
        return self.inside.backward(dy, cache)

    def backward_parameters(self, dy, cache):
        self.calls.append((repr(self.inside), "backward_parameters"))
        self.inside.backward_parameters(dy, cache)


def block(n, m, rng):
    return Graph(
        inputs=["x"],
        nodes={"h": (Linear(n, m, rng=rng), "x"), "a": (Tanh(), "h"), "y": (Add(), "h", "a")},
        outputs=["y"],
    )


def masked(n, m, rng):
    return Graph(
        inputs=["x", "mask"],
        nodes={
            "h": (Linear(n, m, rng=rng), "x"),
            "a": (Masked(), "h", "mask"),
            "b": (Tanh(), "a"),
            "y": (Masked(), "b", "mask"),
        },
        outputs=["y"],
    )


def two_ends(n, m, rng):
    return Graph(
        inputs=["x", "z"],
        nodes={"h": (Linear(n, m, rng=rng), "x"), "y": (Multiply(), "h", "z"), "a": (Tanh(), "h")},
        outputs=["y", "a"],
    )


test_its_derivative = brick_test(block, "(batch, n)", independent_rows=True)
test_its_derivative_with_a_mask = brick_test(masked, "(batch, n)", Integers("(batch,)", below=2, dtype=bool))
test_its_derivative_with_two_inputs_and_outputs = brick_test(two_ends, "(batch, n)", "(batch, m)")


def test_the_numbers_worked_by_hand():
    double, triple = (Linear(1, 1, weight=numbers(factor)) for factor in (2.0, 3.0))
    net = Graph(
        inputs=["x"],
        nodes={"a": (double, "x"), "b": (triple, "a"), "y": (Multiply(), "a", "b")},
        outputs=["y"],
    )
    y, cache = net.forward(numbers(5.0))
    assert y.tolist() == [[300.0]]  # 10 · 30
    assert net.backward(numbers(1.0), cache).tolist() == [[120.0]]  # the slope of 12 x²
    assert triple.weight.grad.tolist() == [[100.0]]  # dL/db a = 10 · 10
    assert double.weight.grad.tolist() == [[300.0]]  # dL/da x = (30 + 10 · 3) · 5


def test_several_inputs_and_outputs_are_tuples():
    net, x, z = two_ends(3, 2, 0), normal(4, 3), normal(4, 2)
    y, cache = net.forward(x, z)
    assert isinstance(y, tuple)
    h = net.bricks["h"](x)
    assert_close(y, (h * z, np.tanh(h)), 0)
    assert_close(net(x, z), y, 0)
    dx, dz = net.backward((np.ones((4, 2)), np.zeros((4, 2))), cache)
    assert_close([dx, dz], [z @ net.bricks["h"].weight.value.T, h])


def test_an_output_that_the_loss_does_not_depend_on_may_have_none_as_its_gradient():
    net, x, z = two_ends(3, 2, 0), normal(4, 3), normal(4, 2)
    y, cache = net.forward(x, z)
    results = []
    for silent in (None, np.zeros((4, 2))):
        results.append([*net.backward((y[0], silent), cache), *gradients(net)])
    assert_close(*results, 0)
    assert net.backward((None, y[1]), cache)[1] is None


def test_an_output_may_feed_other_nodes_as_well():
    linear = Linear(2, 2, rng=0)
    net = Graph(inputs=["x"], nodes={"h": (linear, "x"), "y": (Tanh(), "h")}, outputs=["h", "y"])
    check_brick(net, normal(3, 2))


def test_an_input_without_a_gradient_gets_none_and_may_feed_several_nodes():
    net, x, mask = masked(3, 2, 0), normal(4, 3), np.array([True, False, True, True])
    y, cache = net.forward(x, mask)
    assert not y[1].any()
    dx, dmask = net.backward(np.ones_like(y), cache)
    assert dx.shape == x.shape
    assert not dx[1].any()
    assert dmask is None


def test_a_mask_that_comes_before_the_floats_gets_none_as_well():
    class Turned(Masked):
        def forward(self, mask, x):
            return super().forward(x, mask)

    net = Graph(inputs=["x", "mask"], nodes={"y": (Turned(), "mask", "x")}, outputs=["y"])
    y, cache = net.forward(normal(2, 3), np.array([True, False]))
    dx, dmask = net.backward(np.ones_like(y), cache)
    assert dx.tolist() == [[1, 1, 1], [0, 0, 0]]
    assert dmask is None


def test_words_are_looked_up_without_an_input_gradient():
    lookup = Lookup()
    net = Graph(inputs=["words"], nodes={"h": (lookup, "words"), "y": (Tanh(), "h")}, outputs=["y"])
    words = np.array([0, 2, 2])
    check_brick(net, words)
    y, cache = net.forward(words)
    assert net.backward(np.ones_like(y), cache) is None
    assert lookup.table.grad[2].all()


def test_a_loss_may_be_a_node_and_the_data_its_target():
    rng = np.random.default_rng(0)
    nodes = {"y": (Linear(3, 2, rng=rng), "x"), "loss": (MSELoss(), "y", "target")}
    net = Graph(inputs=["x", "target"], nodes=nodes, outputs=["loss", "y"])
    x, target = normal(4, 3), normal(4, 2)
    (loss, y), cache = net.forward(x, target)
    assert loss == MSELoss()(y, target)
    dx, dtarget = net.backward((1.0, None), cache)
    assert dtarget is None
    found = gradients(net)
    backpropagate(net.bricks["y"], MSELoss(), x, target)
    assert_close(gradients(net), found, 0)
    assert_close([dx], [((y - target) / 4) @ net.bricks["y"].weight.value.T])


def test_a_penalty_is_a_node_that_is_fed_from_nothing():
    linear = Linear(2, 2, rng=0)
    nodes = {"y": (linear, "x"), "penalty": (L2Regularizer([linear.weight], strength=0.1),)}
    net = Graph(inputs=["x"], nodes=nodes, outputs=["y", "penalty"])
    (y, penalty), cache = net.forward(normal(3, 2))
    assert penalty > 0
    net.backward_parameters((np.zeros_like(y), 1.0), cache)
    np.testing.assert_allclose(linear.weight.grad, 0.1 * linear.weight.value)


def test_an_output_of_a_brick_that_nobody_needs_has_a_gradient_of_zeros():
    net = Graph(inputs=["x"], nodes={("_", "h"): (pair(0, np.float64), "x"), "y": (Tanh(), "h")}, outputs=["y"])
    check_brick(net, normal(3, WIDTH))
    assert list(net.bricks) == ["h", "y"]


def test_the_same_value_may_be_fed_twice_into_a_brick():
    net = Graph(inputs=["x"], nodes={"y": (Multiply(), "x", "x")}, outputs=["y"])
    y, cache = net.forward(numbers(3.0))
    assert y.tolist() == [[9.0]]
    assert net.backward(numbers(1.0), cache).tolist() == [[6.0]]


def test_a_shared_brick_adds_up_its_gradients_and_is_counted_and_named_once():
    shared, x, dy = Linear(2, 2, rng=0), normal(3, 2), normal(3, 2, seed=1)
    apart = [Linear(2, 2, rng=0) for _ in range(2)]
    results = []
    for first, second in ([shared, shared], apart):
        nodes = {"a": (first, "x"), "b": (Tanh(), "a"), "y": (second, "b")}
        net = Graph(inputs=["x"], nodes=nodes, outputs=["y"])
        y, cache = net.forward(x)
        results.append([y, net.backward(dy, cache)])
    assert_close(*results, 0)
    assert_close([shared.weight.grad], [apart[0].weight.grad + apart[1].weight.grad])
    net = Graph(inputs=["x"], nodes={"a": (shared, "x"), "y": (shared, "a")}, outputs=["y"])
    assert [name for name, _ in net.named_parameters()] == ["bricks.a.weight", "bricks.a.bias"]


def test_containers_nest_in_each_other():
    rng = np.random.default_rng(0)
    graph = block(2, 2, rng)
    net = Sequential(
        Parallel(Residual(graph), Sequential(block(2, 2, rng), Tanh()), merge=two_in(rng)),
        Graph(inputs=["x"], nodes={"a": (Parallel(Tanh(), graph), "x"), "y": (Residual(graph), "a")}, outputs=["y"]),
    )
    check_brick(net, normal(3, 2))


def two_in(rng):
    nodes = {"c": (Concatenate(), "a", "b"), "y": (Linear(4, 2, rng=rng), "c")}
    return Graph(inputs=["a", "b"], nodes=nodes, outputs=["y"])


def test_called_it_calls_its_bricks_which_may_do_something_else_than_in_training():
    class Noise(Brick):
        def forward(self, x):
            return x + 1000.0, None

        def backward(self, dy, cache):
            return dy

        def __call__(self, x):
            return x

    inside = Graph(inputs=["x"], nodes={"y": (Noise(), "x")}, outputs=["y"])
    net = Graph(inputs=["x"], nodes={"a": (inside, "x"), "y": (Parallel(Noise(), Noise()), "a")}, outputs=["y"])
    x = normal(2, 3)
    np.testing.assert_array_equal(net(x), x + x)
    assert (net.forward(x)[0] > 1000).all()


def test_gradients_that_meet_are_summed_into_new_arrays():
    class Through(Brick):
        def forward(self, x):
            return x, None

        def backward(self, dy, cache):
            return dy

    nodes = {"a": (Through(), "x"), "b": (Through(), "a"), "c": (Through(), "a"), "d": (Through(), "a")}
    net = Graph(inputs=["x"], nodes=nodes, outputs=["b", "c", "d"])
    x, dys = normal(2, 3), tuple(normal(2, 3, seed=number) for number in range(3))
    freeze(x, *dys)
    before = fingerprint(x, *dys)
    dx = net.backward(dys, net.forward(x)[1])
    np.testing.assert_allclose(dx, sum(dys))
    assert not any(np.shares_memory(dx, dy) for dy in dys)
    assert fingerprint(x, *dys) == before


# What is computed, and what is kept -----------------------------------------------------------------------------------


def test_nothing_below_the_first_parameters_is_computed_in_training():
    calls, rng = [], np.random.default_rng(0)
    nodes = {
        "free": (Tanh(), "x"),
        "first": (Linear(3, 3, rng=rng), "free"),
        "beside": (Sigmoid(), "x"),
        "sum": (Add(), "first", "beside"),
        "y": (Linear(3, 2, rng=rng), "sum"),
        "aside": (Average(), "free", "beside"),
    }
    spied = {name: (Spy(brick, calls), *sources) for name, (brick, *sources) in nodes.items()}
    net = Graph(inputs=["x"], nodes=spied, outputs=["y", "aside"])
    y, cache = net.forward(normal(4, 3))
    net.backward_parameters(y, cache)
    assert calls == [
        ("Linear(3, 2)", "backward"),
        ("Add()", "backward"),
        ("Linear(3, 3)", "backward_parameters"),
    ]
    found = gradients(net)
    net.backward(y, cache)
    assert_close(found, gradients(net), 0)


def test_training_without_any_parameter_runs_nothing():
    calls = []
    net = Graph(inputs=["x"], nodes={"y": (Spy(Tanh(), calls), "x")}, outputs=["y"])
    y, cache = net.forward(normal(4, 3))
    net.backward_parameters(y, cache)
    assert calls == []


class Late(Brick):
    """Has no parameter until its first forward."""

    scale = None

    def forward(self, x):
        self.scale = self.scale or Parameter(np.ones(x.shape[1]))
        return x * self.scale.value, x

    def backward(self, dy, x):
        self.scale.grad += (dy * x).sum(axis=0)
        return dy * self.scale.value


@pytest.mark.parametrize("last", [Linear(3, 2, rng=0), Sigmoid()], ids=repr)
def test_a_brick_that_gets_parameters_later_is_trained_as_well(last):
    late = Late()
    nodes = {"a": (Tanh(), "x"), "b": (late, "a"), "c": (Tanh(), "b"), "y": (last, "c")}
    net = Graph(inputs=["x"], nodes=nodes, outputs=["y"])
    y, cache = net.forward(normal(4, 3))
    net.backward_parameters(y, cache)
    assert late.scale.grad.all()


def test_a_brick_that_is_put_in_the_place_of_another_is_run_and_trained():
    net, x = block(3, 2, 0), normal(4, 3)
    net.bricks["h"] = Linear(3, 2, rng=5)
    y, cache = net.forward(x)
    net.backward_parameters(y, cache)
    assert gradients(net.bricks["h"])[0].any()
    assert_close([y], [net(x)], 0)


class Watch(Brick):
    """Notes how many of the earlier outputs are still alive, and hands on a new array that it does not keep."""

    def __init__(self, seen, alive):
        self.seen, self.alive = seen, alive

    def forward(self, x):
        y = self(x)
        return y, None

    def __call__(self, x):
        gc.collect()
        self.alive.append(sum(each() is not None for each in self.seen))
        y = x + 1.0
        self.seen.append(weakref.ref(y))
        return y

    def backward(self, dy, cache):
        return self(dy)


@pytest.mark.parametrize("run", [Graph.forward, Graph.__call__])
def test_an_output_that_no_later_node_needs_and_no_cache_holds_is_let_go(run):
    seen, alive = [], []
    names = ["x", "a", "b", "c", "d", "y"]
    nodes = {name: (Watch(seen, alive), source) for source, name in itertools.pairwise(names)}
    run(Graph(inputs=["x"], nodes=nodes, outputs=["y"]), normal(2, 3))
    assert alive == [0, 1, 1, 1, 1]


def test_a_gradient_that_is_used_is_let_go():
    seen, alive = [], []
    names = ["x", "a", "b", "c", "d", "y"]
    nodes = {name: (Watch(seen, alive), source) for source, name in itertools.pairwise(names)}
    net = Graph(inputs=["x"], nodes=nodes, outputs=["y"])
    y, cache = net.forward(normal(2, 3))
    del seen[:], alive[:], y
    net.backward(normal(2, 3), cache)
    assert max(alive) <= 1


@pytest.fixture
def _threads_that_switch_all_the_time():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_threads_that_switch_all_the_time")
def test_eight_threads_get_bit_for_bit_what_one_gets():
    net = two_ends(3, 2, 0)
    inputs = [(normal(rows, 3, seed=rows), normal(rows, 2, seed=rows)) for rows in range(1, 9)]

    def passes(case):
        return [(net.forward(*case)[0], net(*case)) for _ in range(50)]

    with ThreadPoolExecutor(8) as pool:
        threaded = list(pool.map(passes, inputs))
    for one, other in zip(threaded, map(passes, inputs), strict=True):
        for mine, its in zip(one, other, strict=True):
            np.testing.assert_array_equal(mine[0], its[0])
            np.testing.assert_array_equal(mine[1], its[1])


def test_a_graph_of_two_inputs_is_trained_by_a_tuple():
    net, x = Graph(inputs=["x", "z"], nodes={"y": (two_in(0), "x", "z")}, outputs=["y"]), normal(64, 2)
    z, mse = normal(64, 2, seed=1), MSELoss()
    target, sgd = x + 2 * z, SGD(net.parameters(), lr=0.1)
    first = backpropagate(net, mse, (x, z), target).loss
    for _ in range(200):
        sgd.step()
        last = backpropagate(net, mse, (x, z), target).loss
    assert last < first / 1000


def test_a_graph_is_checked_with_its_loss():
    net = block(3, 2, 0)
    ridge = L2Regularizer([net.bricks["h"].weight], strength=0.1)
    assert check_network(net, MSELoss(), normal(4, 3), normal(4, 2), regularizers=[ridge]).verified


@pytest.mark.parametrize("step", [1, -1])
def test_a_long_chain_is_no_problem(step):
    names = [f"h{number}" for number in range(5000)]
    written = list(zip(names, ["x", *names[:-1]], strict=True))[::step]
    start = time.perf_counter()
    net = Graph(inputs=["x"], nodes={name: (Tanh(), source) for name, source in written}, outputs=[names[-1]])
    y, cache = net.forward(normal(1, 1))
    assert np.isfinite(net.backward(y, cache)).all()
    assert [node.name for node in net.wiring.nodes] == names
    assert time.perf_counter() - start < 2.0  # each name looked up once, not once for each other


def test_the_checker_calls_the_inputs_by_their_names():
    class Doubled(Graph):
        def backward(self, dy, caches):
            left, right = super().backward(dy, caches)
            return left, 2 * right

    net = Doubled(inputs=["left", "right"], nodes={"y": (Add(), "left", "right")}, outputs=["y"])
    with pytest.raises(GradientError, match=r"backward gives dright\["):
        check_brick(net, normal(3, 2), normal(3, 2, seed=1))


# Errors in a pass -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("run", [Graph.forward, Graph.__call__])
def test_an_error_on_the_way_up_says_at_which_node(run):
    inside = Graph(inputs=["a"], nodes={"b": (Linear(5, 2), "a")}, outputs=["b"])
    net = Graph(inputs=["x"], nodes={"h": (Tanh(), "x"), "y": (inside, "h")}, outputs=["y"])
    with pytest.raises(ShapeError, match=r"Linear\(5, 2\) needs x of shape \(batch, 5\)") as caught:
        run(net, normal(2, 3))
    assert caught.value.__notes__ == ["  in Graph[b]: Linear(5, 2)", f"  in Graph[y]: {inside!r}"]


@pytest.mark.parametrize("method", ["backward", "backward_parameters"])
def test_an_error_on_the_way_down_says_at_which_node(method):
    net = block(3, 2, 0)
    y, cache = net.forward(normal(4, 3))
    with pytest.raises(ShapeError, match=r"Add\(\) needs dy of shape \(4, 2\)") as caught:
        getattr(net, method)(y[:2], cache)
    assert caught.value.__notes__ == ["  in Graph[y]: Add()"]


def test_another_number_of_inputs_or_gradients_is_refused():
    net = two_ends(3, 2, 0)
    for run in (net.forward, net):
        with pytest.raises(OptionError, match=r"Graph\(.* needs 2 inputs \(x, z\), but got 1"):
            run(normal(4, 3))
    _, cache = net.forward(normal(4, 3), normal(4, 2))
    for dy, told in ((normal(4, 2), "a ndarray"), ((normal(4, 2),), "1 gradients"), (None, "a NoneType")):
        with pytest.raises(OptionError, match=f"needs dy as a tuple of 2 gradients, but dy is {told}"):
            net.backward(dy, cache)


@pytest.mark.parametrize(("key", "brick"), [("y", pair(0, float)), (("y", "z"), Tanh()), (("y", "z"), Linear(2, 2))])
def test_another_number_of_outputs_than_names_is_refused_and_never_unpacked(key, brick):
    net = Graph(inputs=["x"], nodes={key: (brick, "x")}, outputs=key if isinstance(key, tuple) else [key])
    with pytest.raises(OptionError, match=r"a name for each output of a node, [12] here, but the names are y"):
        net(normal(2, 2))


def test_more_gradients_than_inputs_are_refused():
    class Generous(Masked):
        def backward(self, dy, keep):
            return dy, dy, dy

    for sources in (["x"], ["x", "x"]):
        net = Graph(inputs=["x"], nodes={"y": (Generous(), *sources)}, outputs=["y"])
        x = normal(2, 3) if len(sources) == 1 else np.ones(2)
        y, cache = net.forward(x)
        with pytest.raises(GradientError, match=r"gives 3 gradients for [12] inputs") as caught:
            net.backward(y, cache)
        assert caught.value.__notes__ == ["  in Graph[y]: Generous()"]


def test_it_prints_as_it_is_written_and_as_a_table():
    net = Graph(
        inputs=["x", "mask"],
        nodes={
            "y": (Add(), "h", "p", "mask"),
            "h": (Residual(Linear(2, 2)), "x"),
            ("p", "_"): (pair(0, np.float64), "h"),
            "penalty": (L2Regularizer([Parameter(np.ones(2))], strength=1.0),),
        },
        outputs=["y", "penalty"],
    )
    inside = "Graph(inputs=['a'], nodes={'p': (Tanh(), 'a'), 'q': (Linear(2, 2), 'p')}, outputs=['p', 'q'])"
    assert repr(net) == (
        "Graph(inputs=['x', 'mask'], nodes={'h': (Residual(Linear(2, 2)), 'x'), "
        f"('p', '_'): ({inside}, 'h'), 'y': (Add(), 'h', 'p', 'mask'), "
        "'penalty': (L2Regularizer(1 parameter, strength=1),)}, outputs=['y', 'penalty'])"
    )
    assert str(net).splitlines() == [
        "Graph(x, mask → y, penalty): 14 parameters",
        "  [h] Residual ← x                                  6",
        "      [0] Linear(2, 2)                              6  weight (2, 2), bias (2,)",
        "  [p, _] Graph(a → p, q) ← h                        6",
        "      [p] Tanh() ← a                                0",
        "      [q] Linear(2, 2) ← p                          6  weight (2, 2), bias (2,)",
        "  [y] Add() ← h, p, mask                            0",
        "  [penalty] L2Regularizer(1 parameter, strength=1)  2  weights.0 (2,)",
    ]
