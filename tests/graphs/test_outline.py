import numpy as np
import pytest

from legonet import Add, Brick, Concatenate, Graph, Linear, Parallel, Parameter, Residual, Sequential, Sigmoid
from legonet.graphs.outline import outline
from strategies import normal


def test_a_line_for_each_brick_with_its_parameters_aligned():
    net = Sequential(Linear(100, 30), Sigmoid(), Linear(30, 1, bias=False))
    assert outline(net).splitlines() == [
        "Sequential: 3,060 parameters",
        "  [0] Linear(100, 30)            3,030  weight (100, 30), bias (30,)",
        "  [1] Sigmoid()                      0",
        "  [2] Linear(30, 1, bias=False)     30  weight (30, 1)",
    ]


def test_containers_inside_are_indented():
    net = Sequential(Sigmoid(), Sequential(Sequential(Linear(2, 1)), Sigmoid()))
    assert outline(net).splitlines() == [
        "Sequential: 3 parameters",
        "  [0] Sigmoid()             0",
        "  [1] Sequential            3",
        "      [0] Sequential        3",
        "          [0] Linear(2, 1)  3  weight (2, 1), bias (1,)",
        "      [1] Sigmoid()         0",
    ]


def test_a_shared_parameter_counts_once_in_the_sum():
    linear = Linear(2, 2, bias=False)
    assert outline(Sequential(linear, linear)).splitlines() == [
        "Sequential: 4 parameters",
        "  [0] Linear(2, 2, bias=False)  4  weight (2, 2)",
        "  [1] Linear(2, 2, bias=False)     shared with [0]",
    ]


def test_a_container_of_nothing_is_one_line():
    assert outline(Sequential()) == "Sequential: 0 parameters"
    assert outline(Sequential(Sequential())).splitlines()[1:] == ["  [0] Sequential()  0"]


def test_a_container_of_ones_own_is_shown_the_same_way():
    class Sum(Brick):
        def __init__(self, *bricks):
            self.bricks = list(bricks)

        def forward(self, x):
            passes = [brick.forward(x) for brick in self.bricks]
            return sum(y for y, _ in passes), [cache for _, cache in passes]

        def backward(self, dy, caches):
            return sum(brick.backward(dy, cache) for brick, cache in zip(self.bricks, caches, strict=True))

    both = Sum(Linear(2, 1), Linear(2, 1))
    assert both(normal(3, 2)).shape == (3, 1)
    assert outline(both).splitlines() == [
        "Sum: 6 parameters",
        "  [0] Linear(2, 1)  3  weight (2, 1), bias (1,)",
        "  [1] Linear(2, 1)  3  weight (2, 1), bias (1,)",
    ]


def test_nodes_have_their_names_and_say_what_they_are_fed_from():
    inside = Graph(inputs=["a"], nodes={"b": (Sigmoid(), "a"), "c": (Sigmoid(), "b")}, outputs=["b", "c"])
    linear = Linear(2, 2)
    nodes = {"h": (linear, "x"), ("k", "_"): (inside, "h"), "y": (Add(), "k", "h"), "z": (linear, "y")}
    assert outline(Graph(inputs=["x"], nodes=nodes, outputs=["z"])).splitlines() == [
        "Graph(x → z): 6 parameters",
        "  [h] Linear(2, 2) ← x        6  weight (2, 2), bias (2,)",
        "  [k, _] Graph(a → b, c) ← h  0",
        "      [b] Sigmoid() ← a       0",
        "      [c] Sigmoid() ← b       0",
        "  [y] Add() ← k, h            0",
        "  [z] Linear(2, 2) ← y           shared with [h]",
    ]


def test_a_parallel_shows_its_merge():
    net = Residual(Sequential(Parallel(Sigmoid(), Linear(2, 1), merge=Concatenate()), Linear(3, 2)))
    assert outline(net).splitlines() == [
        "Residual: 11 parameters",
        "  [0] Sequential                        11",
        "      [0] Parallel                       3",
        "          [0] Sigmoid()                  0",
        "          [1] Linear(2, 1)               3  weight (2, 1), bias (1,)",
        "          [merge] Concatenate(axis=-1)   0",
        "      [1] Linear(3, 2)                   8  weight (3, 2), bias (2,)",
    ]


def test_a_dictionary_of_bricks_shows_its_keys():
    class Named(Brick):
        def __init__(self, **bricks):
            self.bricks = bricks

        def forward(self, x):
            return x, None

        def backward(self, dy, cache):
            return dy

    assert outline(Named(first=Sigmoid(), second=Linear(1, 1))).splitlines() == [
        "Named: 2 parameters",
        "  [first] Sigmoid()      0",
        "  [second] Linear(1, 1)  2  weight (1, 1), bias (1,)",
    ]


def test_one_parameter_is_no_parameters():
    assert outline(Sequential(Linear(1, 1, bias=False))).splitlines()[0] == "Sequential: 1 parameter"


class Many(Brick):
    """Has parameters of long names."""

    def __init__(self, count, length=1):
        self.length = length
        self.p = [Parameter(np.ones(2)) for _ in range(count)]

    def forward(self, x):
        return x, None

    def backward(self, dy, cache):
        return dy

    def __repr__(self):
        return "M" * self.length


def test_a_line_has_a_hundred_columns_and_tells_how_many_shapes_are_left_out():
    *_, few, many = outline(Sequential(Many(8), Many(40))).splitlines()
    assert few.endswith("  p.0 (2,), p.1 (2,), p.2 (2,), p.3 (2,), p.4 (2,), p.5 (2,), p.6 (2,), p.7 (2,)")
    assert many.endswith(", p.5 (2,), p.6 (2,) and 33 more")
    assert len(many) <= 100


@pytest.mark.parametrize("length", [1, 10, 30, 45, 59])
def test_no_line_is_wider_unless_its_first_shape_is(length):
    table = outline(Sequential(Many(30, length), Many(9, length))).splitlines()
    assert max(map(len, table)) <= 100
    assert all("p.0 (2,)" in line for line in table[1:])


def test_a_brick_that_prints_at_length_is_cut():
    _, short, long = outline(Sequential(Many(1), Many(1, 500))).splitlines()
    assert short.index("p.0") == long.index("p.0") < 80


def test_a_first_shape_that_is_too_wide_is_shown_all_the_same():
    net = Sequential(*[nested(Many(2, 50), 6)])
    assert outline(net).splitlines()[-1].endswith("  p.0 (2,) and 1 more")


def nested(brick, depth):
    return Sequential(nested(brick, depth - 1)) if depth else brick


def test_a_container_that_holds_itself_is_shown_once():
    for inside in ((), (Linear(1, 1),)):
        net = Sequential(*inside)
        net.bricks = (*inside, net)
        assert outline(net).splitlines()[-1].endswith("shared with the whole")
