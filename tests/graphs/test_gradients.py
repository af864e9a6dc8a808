import numpy as np
import pytest

from legonet import (
    Brick,
    DtypeError,
    GradientError,
    Graph,
    Linear,
    OptionError,
    Parallel,
    Residual,
    Sequential,
    ShapeError,
    Tanh,
)
from legonet.graphs.gradients import alone_or_tuple, by_inputs, check_upstream, learns, plus
from strategies import fingerprint, freeze, normal


def test_a_sum_is_a_new_array():
    one, other = normal(2, 3), normal(2, 3, seed=1)
    freeze(one, other)
    before = fingerprint(one, other)
    total = plus(one, other)
    np.testing.assert_array_equal(total, one + other)
    assert not np.shares_memory(total, one)
    assert not np.shares_memory(total, other)
    assert fingerprint(one, other) == before


def test_none_is_no_gradient():
    one = normal(2, 3)
    assert plus(None, one) is one
    assert plus(one, None) is one
    assert plus(None, None) is None


def test_infinity_minus_infinity_is_quiet():
    assert np.isnan(plus(np.array([np.inf]), np.array([-np.inf]))).all()


@pytest.mark.parametrize(
    ("given", "count", "floats", "found"),
    [
        ("a", 1, (0,), ("a",)),
        (("a",), 1, (0,), ("a",)),
        (("a", "b"), 2, (0, 1), ("a", "b")),
        (("a", None), 2, (0,), ("a", None)),
        ("a", 2, (0,), ("a", None)),
        ("a", 2, (1,), (None, "a")),
        (("a", "b"), 4, (1, 3), (None, "a", None, "b")),
        ("a", 2, (0, 1), ("a", None)),  # as of a loss, whose target is of floats
        (None, 1, (), (None,)),
        (None, 3, (), (None, None, None)),
        (None, 0, (), ()),
    ],
)
def test_gradients_belong_to_the_inputs_of_floats_or_else_to_the_first(given, count, floats, found):
    assert by_inputs("who", given, count, floats) == found


def test_more_gradients_than_inputs_are_refused():
    with pytest.raises(GradientError, match="backward of h gives 3 gradients for 2 inputs"):
        by_inputs("h", ("a", "b", "c"), 2)


def test_a_single_value_loses_its_tuple():
    assert alone_or_tuple(("a",)) == "a"
    assert alone_or_tuple(("a", "b")) == ("a", "b")
    assert alone_or_tuple((None,)) is None
    assert alone_or_tuple(()) is None


def test_upstream_gradients_are_a_tuple_of_one_for_each_of_several_outputs():
    check_upstream("Graph", "anything", 1)
    check_upstream("Graph", ("a", "b"), 2)
    for given, told in ((["a", "b"], "a list"), (("a",), "1 gradients"), (None, "a NoneType")):
        with pytest.raises(OptionError, match=f"Graph needs dy as a tuple of 2 gradients, but dy is {told}"):
            check_upstream("Graph", given, 2)


def test_a_brick_learns_if_there_is_a_parameter_anywhere_in_it():
    assert learns(Sequential(Tanh(), Sequential(Linear(2, 2))))
    assert not learns(Sequential(Tanh(), Sequential()))


@pytest.mark.parametrize(
    ("other", "error", "message"),
    [
        (np.ones((4, 1)), ShapeError, r"need the same shape, but have \(4, 3\) and \(4, 1\)"),
        (np.ones((4, 3), np.float32), DtypeError, "need the same dtype, but have float64 and float32"),
        (2.0, ShapeError, r"need the same shape, but have \(4, 3\) and float"),
    ],
    ids=["shape", "dtype", "a number"],
)
def test_gradients_that_meet_are_never_stretched_or_converted(other, error, message):
    for pair in ((np.ones((4, 3)), other), (other, np.ones((4, 3)))):
        with pytest.raises(error, match="gradients that meet need"):
            plus(*pair)
    with pytest.raises(error, match=message):
        plus(np.ones((4, 3)), other)


def test_an_upstream_gradient_that_would_be_stretched_is_refused_where_an_output_feeds_another_node():
    net = Graph(inputs=["x"], nodes={"h": (Linear(3, 3, rng=0), "x"), "y": (Tanh(), "h")}, outputs=["h", "y"])
    _, caches = net.forward(normal(4, 3))
    with pytest.raises(ShapeError, match="gradients that meet"):
        net.backward((np.ones((4, 1)), np.ones((4, 3))), caches)


def test_no_upstream_gradient_is_refused_and_not_taken_for_nothing_to_do():
    net = Graph(inputs=["x"], nodes={"y": (Linear(3, 1, rng=0), "x")}, outputs=["y"])
    _, caches = net.forward(normal(4, 3))
    for backward in (net.backward, net.backward_parameters):
        with pytest.raises(DtypeError, match="needs dy as a NumPy array, but dy is a NoneType"):
            backward(None, caches)


class SummedOverRows(Brick):
    """Doubles, and gives a gradient of another shape than its input."""

    def forward(self, x):
        return 2 * x, None

    def backward(self, dy, cache):
        return (2 * dy).sum(axis=0)


@pytest.mark.parametrize("container", [Residual(SummedOverRows()), Parallel(SummedOverRows(), Tanh())], ids=repr)
def test_a_brick_whose_gradient_has_another_shape_is_not_helped_by_broadcasting(container):
    y, cache = container.forward(normal(4, 3))
    with pytest.raises(ShapeError, match="gradients that meet"):
        container.backward(np.ones_like(y), cache)
