import pytest
from hypothesis import given
from hypothesis import strategies as st

from legonet import Add, Brick, Graph, Linear, Multiply, OptionError, Tanh
from legonet.graphs.wiring import wire


def graph(nodes, inputs=("x",), outputs=("y",)):
    return Graph(inputs=inputs, nodes=nodes, outputs=outputs)


class Masked(Brick):
    def forward(self, x, mask=None):
        return x, None

    def backward(self, dy, cache):
        return dy


class Pair(Masked):
    def forward(self, a, b):
        return a, None


def chain(*names):
    """Wire each name to the one before it, the first one to the last."""
    return {name: (Add(), "x", source) for source, name in zip((names[-1], *names[:-1]), names, strict=True)}


TANH = (Tanh(), "x")
WRONG = {
    "a cycle": (chain("a", "b", "y"), "without a cycle, but there is a → b → y → a"),
    "a node that feeds itself": ({"y": (Add(), "x", "y")}, "but there is y → y"),
    "a cycle beside the way": ({"y": (Add(), "x", "b"), "b": (Tanh(), "c"), "c": (Tanh(), "b")}, "is b → c → b"),
    "an unknown name": ({"y": (Tanh(), "hiden"), "hidden": TANH}, "y is fed from 'hiden', which is none: did you mean"),
    "a name like no other": ({"y": (Tanh(), "quite_another")}, r"y is fed from 'quite_another', which is none$"),
    "a source that is no name": ({"y": (Tanh(), 3)}, "y is fed from 3, which is none"),
    "a brick as a source": ({"y": (Tanh(), Tanh())}, r"y is fed from Tanh\(\), which is none"),
    "a list as a source": ({"y": (Add(), ["x", "x"])}, r"y is fed from \['x', 'x'\], which is none"),
    "the nameless output as a source": ({("y", "_"): TANH, "z": (Tanh(), "_")}, "z is fed from '_', which is none"),
    "a node that is not used": ({"y": TANH, "h": TANH}, "h is used nowhere: make it an output, or leave it out"),
    "an output of a node that is not used": ({("y", "s"): TANH}, "s is used nowhere: call it _, or use it"),
    "too many inputs of a brick": ({"y": (Tanh(), "x", "x")}, r"node y, Tanh\(\), fed from 1, but .* from 2 \(x, x\)"),
    "too few inputs of a brick": ({"y": (Pair(), "x")}, r"node y, Pair\(\), fed from 2, but it is fed from 1 \(x\)"),
    "three for one or two": ({"y": (Masked(), "x", "x", "x")}, "fed from 1 to 2, but it is fed from 3"),
    "none for one or more": (
        {"h": (Add(),), "y": (Add(), "h", "x")},
        "fed from 1 or more, but .* from none",
    ),
    "too many inputs of a graph": ({"y": (graph({"y": TANH}), "x", "x")}, "fed from 1, but it is fed from 2"),
    "no brick": ({"y": (3, "x")}, "needs a brick at node y, but got 3"),
    "a class": ({"y": (Tanh, "x")}, "needs a brick at node y, but got <class"),
    "the brick alone": ({"y": Tanh()}, r"node y as a brick and what it is fed from, .* but it is Tanh\(\)"),
    "nothing": ({"y": ()}, r"node y as a brick and what it is fed from, .* but it is \(\)"),
    "a list": ({"y": [Tanh(), "x"]}, r"node y as a brick .* but it is \[Tanh\(\), 'x'\]"),
    "a name with a dot": ({"h.1": TANH, "y": (Tanh(), "h.1")}, "letters, digits and _, .* a node has the name 'h.1'"),
    "an empty name": ({"": TANH, "y": TANH}, "a node has the name ''"),
    "a name that is none": ({1: TANH, "y": TANH}, "a node has the name 1"),
    "the nameless": ({"_": TANH, "y": TANH}, "a node has the name '_'"),
    "nameless outputs": ({("_", "_"): TANH, "y": TANH}, r"an output of each node, but one has the name \('_', '_'\)"),
    "no names": ({(): TANH, "y": TANH}, r"an output of each node, but one has the name \(\)"),
    "the name of an input": ({"x": TANH, "y": TANH}, "inputs and nodes of different names, but two have the name 'x'"),
    "a name of two nodes": ({"y": TANH, ("y", "_"): TANH}, "different names, but two have the name 'y'"),
    "no dictionary": ([("y", Tanh(), "x")], r"nodes as a dictionary, .* but nodes is \[\('y'"),
}


@pytest.mark.parametrize(("nodes", "told"), WRONG.values(), ids=WRONG)
def test_wrong_nodes_are_refused_by_name(nodes, told):
    with pytest.raises(OptionError, match=f"^Graph .*{told}") as caught:
        graph(nodes)
    assert len(str(caught.value)) <= 300


ENDS = {
    "an input that is not used": ({"inputs": ["x", "mask"]}, "a use for each input, but mask is used nowhere"),
    "an input twice": ({"inputs": ["x", "x"]}, "different names, but two have the name 'x'"),
    "an illegal input": ({"inputs": ["x", "2"]}, "an input has the name '2'"),
    "an input that is no name": ({"inputs": [None]}, "an input has the name None"),
    "a text for a list of inputs": (
        {"inputs": "x"},
        r'inputs as a list of names, such as \["x"\], but inputs is \'x\'',
    ),
    "a set of inputs": ({"inputs": {"x"}}, "inputs as a list of names, .* but inputs is {'x'}"),
    "a text for a list of outputs": ({"outputs": "y"}, "outputs as a list of names, .* but outputs is 'y'"),
    "no outputs": ({"outputs": []}, r"outputs as a list of names, .* but outputs is \[\]"),
    "an output that is no node": ({"outputs": ["yy"]}, r"outputs that are nodes, but 'yy' is none: did you mean y\?"),
    "an output that is no name": ({"outputs": [3]}, "outputs that are nodes, but 3 is none$"),
    "an output that is an input": ({"outputs": ["x"]}, "outputs that are nodes, but x is an input"),
    "an output twice": ({"outputs": ["y", "y"]}, "outputs of different names, but two have the name 'y'"),
}


@pytest.mark.parametrize(("ends", "told"), ENDS.values(), ids=ENDS)
def test_wrong_ends_are_refused_by_name(ends, told):
    with pytest.raises(OptionError, match=f"^Graph needs .*{told}") as caught:
        graph({"y": TANH}, **ends)
    assert len(str(caught.value)) <= 300


def test_a_message_stays_short_whatever_the_names_are():
    long = [f"h{number}_{'x' * 100}" for number in range(20)]
    for nodes in (chain(*long, "y"), {"y": (Tanh(), *long), **dict.fromkeys(long, TANH)}):
        with pytest.raises(OptionError) as caught:
            graph(nodes)
        assert len(str(caught.value)) <= 300


@given(st.permutations(["a", "b", "c", "d", "y"]))
def test_nodes_run_as_they_are_written_but_each_after_those_that_it_is_fed_from(order):
    nodes = {"a": ("x",), "b": ("a",), "c": ("x",), "d": ("a", "c"), "y": ("d", "b")}
    wiring, bricks = wire(["x"], {name: (Add(), *nodes[name]) for name in order}, ["y"])
    names = [node.name for node in wiring.nodes]
    assert sorted(names) == sorted(order)
    assert list(bricks) == names
    for place, name in enumerate(names):
        assert set(nodes[name]) <= {"x", *names[:place]}
        earlier = [other for other in order[: order.index(name)] if other in names[place:]]
        assert all(not set(nodes[other]) <= {"x", *names[:place]} for other in earlier)


def test_each_node_knows_what_no_later_one_needs():
    nodes = {"h": TANH, "a": (Tanh(), "h"), ("y", "_"): (Multiply(), "h", "a")}
    wiring, _ = wire(["x"], nodes, ["y"])
    assert {node.name: node.done for node in wiring.nodes} == {"h": ("x",), "a": (), "y": ("h", "a", "_")}


def test_a_brick_whose_signature_cannot_be_seen_takes_any_number():
    class Hidden(Masked):
        class Forward:
            __signature__ = "none"

            def __call__(self, x):
                return x, None

        forward = Forward()

    assert graph({"y": (Hidden(), "x", "x")}).wiring.nodes[0].sources == ("x", "x")


def test_a_graph_may_be_fed_from_nothing():
    linear = Linear(2, 2)

    class Weight(Brick):
        def __init__(self):
            self.weight = linear.weight

        def forward(self):
            return self.weight.value.copy(), None

        def backward(self, dy, cache):
            self.weight.grad += dy

    net = Graph(inputs=[], nodes={"y": (Weight(),)}, outputs=["y"])
    y, cache = net.forward()
    assert net.backward(y, cache) is None
    assert linear.weight.grad.tolist() == y.tolist()
