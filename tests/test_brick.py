import numpy as np
import pytest

from legonet import Brick, Graph, Linear, OptionError, Parameter, Sequential, Sigmoid, Tanh
from legonet.testing import check_brick


class Holder(Brick):
    """Holds whatever it is given as attributes."""

    def __init__(self, **attributes):
        vars(self).update(attributes)

    def forward(self, x):
        return x, None

    def backward(self, dy, cache):
        for parameter in self.parameters():
            parameter.grad += 1.0
        return dy


def parameter():
    return Parameter(np.zeros(2))


def names(brick):
    return [name for name, _ in brick.named_parameters()]


def test_parameters_come_in_the_order_of_the_attributes():
    first, second = parameter(), parameter()
    holder = Holder(b=first, number=3, text="abc", a=second, array=np.zeros(2), nothing=None)
    assert list(holder.named_parameters()) == [("b", first), ("a", second)]
    assert holder.parameters() == [first, second]


def test_lists_tuples_dictionaries_and_bricks_are_searched_at_any_depth():
    inside = Holder(scale=parameter(), more={"x": [parameter()], 3: (parameter(), parameter())})
    assert names(Holder(parts=[inside, parameter()])) == [
        "parts.0.scale",
        "parts.0.more.x.0",
        "parts.0.more.3.0",
        "parts.0.more.3.1",
        "parts.1",
    ]


def test_a_shared_parameter_comes_once_under_its_first_name():
    shared = parameter()
    assert list(Holder(a=shared, b=[shared], c=Holder(d=shared)).named_parameters()) == [("a", shared)]


def test_a_shared_brick_comes_once():
    linear = Linear(2, 2)
    assert names(Sequential(linear, Sigmoid(), linear)) == ["bricks.0.weight", "bricks.0.bias"]


def test_bricks_that_know_each_other_are_no_endless_loop():
    parent, child = Holder(scale=parameter()), Holder(shift=parameter())
    parent.child, child.parent = child, parent
    assert names(parent) == ["scale", "child.shift"]


def test_a_brick_may_have_names_of_its_own_for_its_parameters_and_keeps_them_inside_of_others():
    class Renamed(Holder):
        def named_parameters(self):
            for name, found in super().named_parameters():
                yield name.upper(), found

    shared = parameter()
    renamed = Renamed(scale=shared, inside=Holder(shift=parameter()))
    assert names(renamed) == ["SCALE", "INSIDE.SHIFT"]
    assert names(Holder(parts=[renamed], again=shared)) == ["parts.0.SCALE", "parts.0.INSIDE.SHIFT"]


def test_equal_parameters_are_still_two():
    assert len(Holder(a=parameter(), b=parameter()).parameters()) == 2


def test_a_brick_without_parameters_has_none():
    assert Sigmoid().parameters() == []


def test_called_it_gives_the_output_alone():
    x = np.ones((1, 2))
    assert Holder()(x) is x


def test_backward_parameters_runs_backward_if_there_are_parameters():
    holder = Holder(scale=parameter())
    assert holder.backward_parameters(np.ones((1, 2)), None) is None
    assert holder.scale.grad.tolist() == [1.0, 1.0]


def test_backward_parameters_does_nothing_without_parameters():
    class NoBackward(Holder):
        def backward(self, dy, cache):
            raise AssertionError

    assert NoBackward().backward_parameters(np.ones((1, 2)), None) is None


@pytest.mark.parametrize("missing", ["forward", "backward"])
def test_a_brick_without_both_methods_cannot_be_built(missing):
    methods = {name: lambda self, *inputs: inputs for name in ("forward", "backward") if name != missing}
    with pytest.raises(TypeError, match=missing):
        type("Half", (Brick,), methods)()


def test_it_prints_the_name_of_its_class():
    assert repr(Holder(scale=parameter())) == "Holder()"


def test_a_brick_from_outside_needs_two_methods_and_no_constructor():
    class Cube(Brick):
        def forward(self, x):
            return x**3, x

        def backward(self, dy, x):
            return dy * 3 * x**2

    net = Sequential(Cube(), Linear(2, 1, rng=0))
    check_brick(net, np.array([[1.0, -2.0], [0.5, 3.0]]))


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_a_forward_that_forgets_its_cache_is_refused_by_name(rows):
    class NoCache(Brick):
        def forward(self, x):
            return 2 * x

        def backward(self, dy, cache):
            return 2 * dy

    x = np.ones((rows, 2))
    told = (
        r"NoCache\(\) needs forward to return the output and the cache, as in return y, cache, but it returns a ndarray"
    )
    graph = Graph(inputs=["x"], nodes={"y": (NoCache(), "x")}, outputs=["y"])
    for call in (NoCache(), Sequential(NoCache()).forward, graph.forward):
        with pytest.raises(OptionError, match=told):
            call(x)


def test_bricks_in_a_list_get_a_hint():
    with pytest.raises(OptionError, match=r"write Sequential\(\*bricks\)"):
        Sequential([Tanh(), Tanh()])
