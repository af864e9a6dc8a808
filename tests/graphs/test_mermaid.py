import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from legonet import (
    Add,
    Brick,
    Concatenate,
    Graph,
    L2Regularizer,
    Linear,
    MSELoss,
    Parallel,
    Residual,
    Sequential,
    Tanh,
)
from legonet.graphs import mermaid
from legonet.graphs.mermaid import _quoted

BOX = r'n\d+(\["[^"]*"\]|\(\["[^"]*"\]\)|\(\("\+"\)\))'
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


@given(st.text())
def test_no_label_can_break_the_drawing(text):
    class Odd(Own):
        def __repr__(self):
            return text

    lines(Sequential(Odd(()), Residual(Odd(()))))
    assert re.fullmatch(r"(?:[\w (),.=:+-]|#\d+;)*", _quoted(text))
