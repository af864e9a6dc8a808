import sys

import numpy as np
import pytest

from legonet import (
    Add,
    Bidirectional,
    Brick,
    Graph,
    Linear,
    OptionError,
    Parallel,
    Parameter,
    Residual,
    Sequential,
    Tanh,
    TransformerBlock,
)
from legonet.arrays import brief
from legonet.graphs.places import MOST_DEEP, MOST_NOTES, inside, nested_deep, note_place
from strategies import normal


class MyError(Exception):
    pass


class Fails(Brick):
    """Hands x on, but fails in one of the methods."""

    def __init__(self, method):
        self.method, self.weight = method, Parameter(np.ones(1))

    def fail_in(self, method):
        if method == self.method:
            raise MyError

    def forward(self, x, mask=None):
        self.fail_in("forward")
        return x, None

    def backward(self, dy, cache):
        self.fail_in("backward")
        return dy

    def backward_parameters(self, dy, cache):
        self.fail_in("backward_parameters")

    def __call__(self, x, mask=None):
        self.fail_in("__call__")
        return x

    def __repr__(self):
        return "Fails()"


class FailsAsMerge(Fails):
    def forward(self, a, b):
        return super().forward(a)

    def backward(self, dy, cache):
        return super().backward(dy, cache), dy

    def __call__(self, a, b):
        return super().__call__(a)


def block(name):
    def build(fails):
        made = TransformerBlock(2, 1, 3)
        setattr(made, name, fails)
        return made

    return build


PARTS = ["attention_norm", "attention", "attention_dropout", "network_norm", "network", "network_dropout"]

CONTAINERS = {
    "Sequential[0]": Sequential,
    "Sequential[1]": lambda fails: Sequential(Tanh(), fails, Tanh()),
    "Residual[0]": lambda fails: Residual(fails, Linear(2, 2)),
    "Residual[1]": lambda fails: Residual(Linear(2, 2), fails),
    "Parallel[0]": lambda fails: Parallel(fails, Linear(2, 2)),
    "Parallel[1]": lambda fails: Parallel(Linear(2, 2), fails),
    "Parallel[merge]": lambda fails: Parallel(Linear(2, 2), Tanh(), merge=FailsAsMerge(fails.method)),
    "Graph[h]": lambda fails: Graph(
        inputs=["x"], nodes={"a": (Tanh(), "x"), "h": (fails, "a"), "y": (Add(), "a", "h")}, outputs=["y"]
    ),
    "Bidirectional[0]": lambda fails: Bidirectional(fails, Linear(2, 2)),
    "Bidirectional[1]": lambda fails: Bidirectional(Linear(2, 2), fails),
    **{f"TransformerBlock[{name}]": block(name) for name in PARTS},
}


def run(net, method, x):
    if method in ("forward", "__call__"):
        return getattr(net, method)(x)
    y, cache = net.forward(x)
    return getattr(net, method)(np.ones_like(y), cache)


@pytest.mark.parametrize("method", ["forward", "backward", "backward_parameters", "__call__"])
@pytest.mark.parametrize("place", CONTAINERS)
def test_an_error_says_in_which_brick_of_which_container_it_arose(place, method):
    x = normal(3, 4, 2)
    # A container may run backward of a part where its own backward_parameters is called.
    for inner in (method, "backward") if method == "backward_parameters" else (method,):
        part, notes = CONTAINERS[place](Fails(inner)), None
        try:
            run(Sequential(part, Tanh()), method, x)
        except MyError as error:
            notes = error.__notes__
            break
    assert notes == [f"  in {place}: Fails()", f"  in Sequential[0]: {brief(part, 80)}"]


def test_an_error_of_python_gets_no_place_if_it_is_no_exception():
    class Stop(Fails):
        def fail_in(self, method):
            raise KeyboardInterrupt

    for kind in (Sequential, Residual):
        with pytest.raises(KeyboardInterrupt) as caught:
            kind(Stop(""))(normal(2, 2))
        assert not hasattr(caught.value, "__notes__")


def test_a_block_without_an_error_notes_nothing_and_hides_none():
    with inside(Tanh(), 0, Tanh()):
        pass
    with pytest.raises(ZeroDivisionError, match="mine") as caught, inside(Sequential(), "a", Tanh()):
        raise ZeroDivisionError("mine")
    assert caught.value.__notes__ == ["  in Sequential[a]: Tanh()"]


def test_names_and_bricks_that_print_at_length_are_cut():
    error, kind = ValueError(), type("K" * 500, (Tanh,), {})
    note_place(error, kind(), "n" * 500, kind())
    assert len(error.__notes__[0]) < 200


def nest(brick, depth, around=Sequential):
    for _ in range(depth):
        brick = around(brick)
    return brick


def test_no_more_places_are_told_than_anybody_reads():
    for around in (Sequential, Residual):
        with pytest.raises(MyError) as caught:
            nest(Fails("forward"), 50, around).forward(normal(2, 2))
        assert len(caught.value.__notes__) == MOST_NOTES


# Deep nesting ---------------------------------------------------------------------------------------------------------


def test_bricks_nested_a_hundred_deep_work():
    net, x = nest(Linear(2, 2, rng=0), 100), normal(3, 2)
    y, cache = net.forward(x)
    np.testing.assert_array_equal(y, net(x))
    assert net.backward(y, cache).shape == x.shape


def test_parameters_are_found_however_deep_they_are():
    net = nest(Linear(2, 2), 400)
    assert [name for name, _ in net.named_parameters()] == ["bricks.0." * 400 + name for name in ("weight", "bias")]


def test_parameters_are_found_in_lists_that_hold_themselves():
    net = Sequential(Linear(2, 2))
    net.more = [net.bricks, Parameter(np.ones(1))]
    net.more.append(net.more)
    assert [name for name, _ in net.named_parameters()] == ["bricks.0.weight", "bricks.0.bias", "more.1"]


@pytest.fixture
def _little_room():
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(400)
    yield
    sys.setrecursionlimit(before)


TOO_DEEP = "needs bricks that Python's limit of recursion has room for, but they are nested more than 100 deep, or"


@pytest.mark.usefixtures("_little_room")
@pytest.mark.parametrize("method", ["forward", "__call__"])
@pytest.mark.parametrize("around", [Sequential, Residual, Parallel])
def test_bricks_nested_deeper_than_python_can_run_are_refused_in_words(around, method):
    net = nest(Tanh(), 400, around)
    with pytest.raises(OptionError, match=f"{around.__name__} {TOO_DEEP}") as caught:
        getattr(net, method)(normal(3, 2))
    assert len(str(caught.value)) <= 300
    assert len(caught.value.__notes__) == MOST_NOTES


@pytest.mark.usefixtures("_little_room")
@pytest.mark.parametrize("method", ["backward", "backward_parameters"])
def test_a_cache_nested_deeper_than_python_can_run_is_refused_in_words(method):
    cache = normal(3, 2)
    for _ in range(400):
        cache = [cache]
    with pytest.raises(OptionError, match=f"Sequential {TOO_DEEP}"):
        getattr(nest(Linear(2, 2, rng=0), 400), method)(normal(3, 2), cache)


def holding_itself():
    net = Sequential(Tanh(), Linear(2, 2))
    net.bricks = (*net.bricks, net)
    return net


def test_a_container_that_holds_itself_is_refused_in_words():
    net = holding_itself()
    for call in (net, net.forward):
        with pytest.raises(OptionError, match=f"Sequential {TOO_DEEP} one holds itself"):
            call(normal(3, 2))
    assert len(net.parameters()) == 2


def test_a_brick_that_calls_itself_for_ever_is_not_put_down_to_the_nesting():
    class Endless(Tanh):
        def forward(self, x):
            return self.forward(x)

    with pytest.raises(RecursionError) as caught:
        Sequential(Endless()).forward(normal(2, 2))
    assert caught.value.__notes__ == ["  in Sequential[0]: Endless()"]


def test_nesting_is_measured_without_recursion():
    class Own(Brick):
        def __init__(self, held):
            self.held = {"a": [held, (held,)]}
            self.held["itself"] = self.held

        def forward(self, x):
            raise AssertionError

        backward = forward

    assert not nested_deep(Tanh())
    assert not nested_deep(nest(Tanh(), MOST_DEEP - 1, Own))
    assert nested_deep(nest(Tanh(), MOST_DEEP, Own))
    assert nested_deep(holding_itself())
