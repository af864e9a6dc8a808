import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from legonet import (
    RNN,
    Add,
    Bidirectional,
    Brick,
    Concatenate,
    Graph,
    L2Regularizer,
    Linear,
    MSELoss,
    Parallel,
    Residual,
    Sequential,
    Sigmoid,
    Tanh,
    TransformerBlock,
    graphs,
)
from legonet.graphs import mermaid
from legonet.graphs.mermaid import _quoted

BOX = r'n\d+(\["[^"]*"\]|\(\["[^"]*"\]\)|\(\("[^"]*"\)\))'
LINE = re.compile(rf'flowchart TD| +({BOX}|subgraph n\d+\["[^"]*"\]|end|n\d+ --> n\d+|n\d+ -\. "same brick" \.- n\d+)')


def lines(net):
    """Return the lines of a drawing; each is of the few kinds there are, and ids are drawn before they are used."""
    drawn = mermaid(net).splitlines()
    assert [line for line in drawn if not LINE.fullmatch(line)] == []
    boxes = re.findall(r"^ +(?:subgraph )?(n\d+)[\[(]", "\n".join(drawn), re.MULTILINE)
    assert len(boxes) == len(set(boxes))
    assert {name for line in drawn if "-->" in line or "-." in line for name in re.findall(r"\bn\d+", line)} <= {*boxes}
    assert sum("subgraph" in line for line in drawn) == sum(line.strip() == "end" for line in drawn)
    return drawn


def test_a_graph_shows_names_inputs_and_outputs():
    nodes = {"h": (Linear(2, 3), "x"), "a": (Tanh(), "h"), "y": (Add(), "h", "a")}
    assert lines(Graph(inputs=["x"], nodes=nodes, outputs=["y", "a"])) == [
        "flowchart TD",
        '  n0(["x"])',
        '  subgraph n1["Graph"]',
        '    n2["h: Linear(2, 3)"]',
        '    n3["a: Tanh()"]',
        '    n4["y: Add()"]',
        "  end",
        '  n5(["y"])',
        '  n6(["a"])',
        "  n0 --> n2",
        "  n2 --> n3",
        "  n2 --> n4",
        "  n3 --> n4",
        "  n4 --> n5",
        "  n3 --> n6",
    ]


def test_branches_meet_in_the_merge_and_shared_bricks_are_joined():
    linear = Linear(2, 2)
    assert lines(Parallel(linear, Sequential(Tanh(), linear), merge=Concatenate())) == [
        "flowchart TD",
        '  n0(["x"])',
        '  subgraph n1["Parallel"]',
        '    n2["Linear(2, 2)"]',
        '    subgraph n3["Sequential"]',
        '      n4["Tanh()"]',
        '      n5["Linear(2, 2)"]',
        "    end",
        '    n6["Concatenate(axis=-1)"]',
        "  end",
        '  n7(["output"])',
        "  n0 --> n2",
        "  n0 --> n4",
        "  n4 --> n5",
        "  n2 --> n6",
        "  n5 --> n6",
        "  n6 --> n7",
        '  n2 -. "same brick" .- n5',
    ]


def test_a_projection_is_named():
    drawn = lines(Residual(Tanh(), Linear(2, 2)))
    assert '    n3["projection: Linear(2, 2)"]' in drawn
    assert drawn[-4:] == ["  n0 --> n3", "  n2 --> n4", "  n3 --> n4", "  n4 --> n5"]


def test_a_transformer_block_shows_its_two_shortcuts_and_where_the_mask_goes():
    drawn = lines(TransformerBlock(2, 1, 3))
    assert drawn[:15] == [
        "flowchart TD",
        '  n0(["x"])',
        '  n1(["mask"])',
        '  subgraph n2["TransformerBlock"]',
        '    n3["LayerNorm(2, eps=1e-05)"]',
        '    n4["MultiHeadAttention(2, 1)"]',
        '    n5["Dropout(0)"]',
        '    n6(("+"))',
        '    n7["LayerNorm(2, eps=1e-05)"]',
        '    subgraph n8["Sequential"]',
        '      n9["Linear(2, 3)"]',
        '      n10["GELU()"]',
        '      n11["Linear(3, 2)"]',
        "    end",
        '    n12["Dropout(0)"]',
    ]
    arrows = {tuple(line.split(" --> ")) for line in (line.strip() for line in drawn) if "-->" in line}
    first = {("n0", "n3"), ("n3", "n4"), ("n1", "n4"), ("n4", "n5"), ("n0", "n6"), ("n5", "n6")}
    second = {("n6", "n7"), ("n7", "n9"), ("n9", "n10"), ("n10", "n11"), ("n11", "n12"), ("n6", "n13"), ("n12", "n13")}
    assert arrows == first | second | {("n13", "n14")}


def test_a_mask_that_nobody_gives_is_not_drawn():
    block, both = TransformerBlock(2, 1, 3), Bidirectional(RNN(2, 1), RNN(2, 1))
    for net in (Sequential(block), Graph(inputs=["x"], nodes={"y": (both, "x")}, outputs=["y"])):
        assert not any("mask" in line or "None" in line for line in lines(net))


def test_a_bidirectional_turns_time_around_before_and_after_its_second_brick():
    assert lines(Sequential(Bidirectional(RNN(2, 1), RNN(2, 3))))[3:] == [
        '    subgraph n2["Bidirectional"]',
        '      n3["RNN(2, 1)"]',
        '      n4(("R"))',
        '      n5["RNN(2, 3)"]',
        '      n6(("R"))',
        '      n7(("side by side"))',
        "    end",
        "  end",
        '  n8(["output"])',
        "  n0 --> n3",
        "  n0 --> n4",
        "  n4 --> n5",
        "  n5 --> n6",
        "  n3 --> n7",
        "  n6 --> n7",
        "  n7 --> n8",
    ]


def test_a_graph_in_a_graph_may_leave_out_what_its_containers_can_do_without():
    nodes = {"h": (TransformerBlock(2, 1, 3), "x", "mask"), "y": (TransformerBlock(2, 1, 3), "h")}
    drawn = lines(Graph(inputs=["x", "mask"], nodes=nodes, outputs=["y"]))
    assert sum(line.startswith("  n1 --> ") for line in drawn) == 1


@pytest.mark.parametrize(
    ("net", "inputs"),
    [
        (Linear(2, 2), ["x"]),
        (MSELoss(), ["y", "target"]),
        (Sequential(), ["x"]),
        (Add(), ["inputs"]),
        (L2Regularizer(Linear(2, 2).parameters(), strength=1), []),
    ],
    ids=repr,
)
def test_a_single_brick_a_loss_and_a_penalty_are_drawn_with_their_inputs(net, inputs):
    drawn = lines(net)
    assert drawn[1 : len(inputs) + 1] == [f'  n{number}(["{name}"])' for number, name in enumerate(inputs)]
    assert drawn[-1] == f"  n{len(inputs)} --> n{len(inputs) + 1}"


def test_outputs_that_nobody_needs_and_graphs_in_graphs_are_drawn():
    inside = Graph(inputs=["a", "b"], nodes={"s": (Add(), "a", "b"), "t": (Tanh(), "s")}, outputs=["s", "t"])
    net = Graph(inputs=["x", "z"], nodes={("s", "_"): (inside, "x", "z"), "y": (Tanh(), "s")}, outputs=["y"])
    drawn = lines(net)
    assert '    subgraph n3["s, _: Graph"]' in drawn
    assert "  n4 --> n6" in drawn  # from the inner sum to the outer tanh


class Own(Brick):
    """A container of one's own."""

    def __init__(self, bricks):
        self.bricks = bricks

    def forward(self, x):
        return x, None

    def backward(self, dy, cache):
        return dy

    def __repr__(self):
        return f"Own {self.bricks}"


@pytest.mark.parametrize("bricks", [[Tanh(), Tanh()], {"a": Tanh(), "b": Tanh()}], ids=["list", "dictionary"])
def test_a_container_of_ones_own_is_a_box_around_its_bricks(bricks):
    assert lines(Sequential(Own(bricks), Tanh()))[3:7] == [
        '    subgraph n2["Own"]',
        '      n3["Tanh()"]',
        '      n4["Tanh()"]',
        "    end",
    ]
    assert "  n2 --> n5" in lines(Sequential(Own(bricks), Tanh()))


class Gated(Own):
    """A container of one's own that says how its bricks are wired, with two outputs."""

    def sketch(self, draw, x):
        gate = draw(self.bricks["gate"], x)
        return draw("times", draw(self.bricks["f"], x, name="f"), gate), gate


def test_a_container_of_ones_own_may_say_how_its_bricks_are_wired():
    gated = Gated({"f": Tanh(), "gate": Sigmoid()})
    net = Graph(inputs=["x"], nodes={("y", "g"): (gated, "x"), "z": (Linear(2, 2), "g")}, outputs=["y", "z"])
    assert lines(net)[3:] == [
        '    subgraph n2["y, g: Gated"]',
        '      n3["Sigmoid()"]',
        '      n4["f: Tanh()"]',
        '      n5(("times"))',
        "    end",
        '    n6["z: Linear(2, 2)"]',
        "  end",
        '  n7(["y"])',
        '  n8(["z"])',
        "  n0 --> n3",
        "  n0 --> n4",
        "  n4 --> n5",
        "  n3 --> n5",
        "  n3 --> n6",
        "  n5 --> n7",
        "  n6 --> n8",
    ]


def test_a_brick_of_several_outputs_is_one_box():
    class Pair(Tanh):
        def forward(self, x):
            return (x, x), None

    drawn = lines(Graph(inputs=["x"], nodes={("a", "b"): (Pair(), "x")}, outputs=["a", "b"]))
    assert drawn[-2:] == ["  n2 --> n3", "  n2 --> n4"]


def test_each_container_that_is_public_says_how_its_bricks_are_wired():
    kinds = [kind for kind in vars(graphs).values() if isinstance(kind, type)]
    assert len(kinds) == 6
    assert [kind for kind in kinds if not hasattr(kind, "sketch")] == []


@given(st.text())
def test_no_label_can_break_the_drawing(text):
    class Odd(Own):
        def __repr__(self):
            return text

    lines(Sequential(Odd(()), Residual(Odd(()))))
    assert re.fullmatch(r"(?:[\w (),.=:+-]|#\d+;)*", _quoted(text))
