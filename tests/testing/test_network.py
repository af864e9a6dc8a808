"""A network with its loss and its penalties: each term is checked apart."""

import numpy as np
import pytest

from legonet import (
    GRU,
    Add,
    GradientError,
    Graph,
    L2Regularizer,
    LastStep,
    Linear,
    MSELoss,
    OptionError,
    Sequential,
    Tanh,
)
from legonet.testing import Integers, check_network
from strategies import fingerprint, normal

X, TARGET = normal(4, 2), normal(4, 3, seed=1)


def network():
    return Sequential(Linear(2, 3, rng=0), Tanh())


class RowsForgotten(MSELoss):
    def backward(self, dloss, error):
        return dloss * error


class ValueForGradient(L2Regularizer):
    def backward(self, dloss, cache):
        for weight in self.weights:
            weight.grad += dloss * self.forward()[0]


def test_the_terms_are_told_apart():
    net = network()
    ridge = L2Regularizer(net.parameters(), strength=0.1)
    before = fingerprint(X, TARGET, net.parameters())
    report = check_network(net, MSELoss(), X, TARGET, regularizers=[ridge])
    assert [note.partition(":")[0] for note in report.notes] == ["data term", repr(ridge), "all together"]
    assert report.verified
    assert report.unresolved == 0
    assert fingerprint(X, TARGET, net.parameters()) == before


def test_without_penalties_there_is_the_data_term_alone():
    report = check_network(network(), MSELoss(), X, TARGET)
    assert repr(report).startswith("data term: ")
    assert report.notes == (f"data term: {report.right} of {report.right}",)


def test_a_mistake_in_the_data_term_is_found_there():
    with pytest.raises(GradientError, match=r"data term of Sequential") as caught:
        check_network(network(), RowsForgotten(), X, TARGET)
    assert caught.value.cause == "size_factor"


def test_a_mistake_in_a_tiny_penalty_is_found_there():
    net = network()
    penalty = ValueForGradient(net.parameters(), strength=1e-9)
    with pytest.raises(GradientError) as caught:
        check_network(net, MSELoss(), 1e3 * X, TARGET, regularizers=[penalty])
    assert caught.value.brick == repr(penalty)
    assert "the penalty's value is added" in caught.value.diagnosis


def test_the_same_seed_gives_the_same_report():
    first, second = (check_network(network(), MSELoss(), X, TARGET, rng=np.random.default_rng(3)) for _ in range(2))
    assert first == second


def test_shapes_may_take_the_place_of_arrays():
    report = check_network(network(), MSELoss(), "(batch, 2)", "(batch, 3)", sizes={"batch": [2, 3]})
    assert report.verified
    assert report.points == 100


def masked():
    nodes = {"h": (GRU(2, 3, rng=0), "series", "mask"), "y": (LastStep(), "h")}
    return Graph(inputs=["mask", "series"], nodes=nodes, outputs=["y"])


def test_a_network_of_several_inputs_takes_a_tuple():
    net = masked()
    ridge, x = L2Regularizer(net.parameters(), strength=0.1), (normal(4, 3) > 0, normal(4, 3, 2))
    assert check_network(net, MSELoss(), x, TARGET, regularizers=[ridge]).verified
    shapes = Integers("(batch, time)", below=2, dtype=bool), "(batch, time, 2)"
    assert check_network(net, MSELoss(), shapes, "(batch, 3)", sizes={"time": [2, 3]}).points == 100


def test_a_mistake_in_the_gradient_by_one_of_several_inputs_is_found_and_called_by_its_name():
    class Doubled(Graph):
        def backward(self, dy, caches):
            left, target = super().backward(dy, caches)
            return left, 2 * target

    net = Doubled(inputs=["left", "target"], nodes={"y": (Add(), "left", "target")}, outputs=["y"])
    with pytest.raises(GradientError, match=r"backward gives dtarget\[") as caught:
        check_network(net, MSELoss(), (X, normal(4, 2, seed=2)), normal(4, 2, seed=3))
    assert caught.value.gradient == "dtarget"


def test_another_number_of_inputs_than_the_network_takes_is_refused():
    with pytest.raises(OptionError, match=r"forward of Sequential\(.*\) takes fewer than 2 inputs"):
        check_network(network(), MSELoss(), (X, X), TARGET)
    with pytest.raises(OptionError, match=r"forward of Sequential\(.*\) also needs x"):
        check_network(network(), MSELoss(), (), TARGET)


def test_a_note_of_any_term_is_kept():
    net = Sequential(Linear(2, 50, rng=0))
    ridge = L2Regularizer(net.parameters(), strength=0.1)
    notes = check_network(net, MSELoss(), X, normal(4, 50), regularizers=[ridge]).notes
    assert sum("more than 40 entries" in note for note in notes) == 1


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((3, MSELoss(), X, TARGET), {}, "check_network needs a Brick as net, but got 3"),
        ((network(), "mse", X, TARGET), {}, "check_network needs a Brick as loss, but got 'mse'"),
        ((network(), MSELoss(), X, TARGET), {"regularizers": [1]}, "needs a Brick as regularizers, but got 1"),
        ((network(), MSELoss(), "(batch, 2)", "(batch, 3)"), {"sizes": [2]}, "needs sizes as a dictionary"),
        (
            (network(), MSELoss(), X, TARGET),
            {"regularizers": L2Regularizer(network().parameters(), strength=1.0)},
            "check_network needs regularizers as a list of bricks, but got L2Regularizer",
        ),
        ((network(), MSELoss(), X, "(batch, 3)"), {}, "either arrays or shapes"),
    ],
)
def test_bad_use_gets_a_clear_error(arguments, options, message):
    with pytest.raises(OptionError, match=message):
        check_network(*arguments, **options)
