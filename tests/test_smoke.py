"""Does an installed legonet work? Needs nothing but pytest and NumPy: ``pytest --noconftest tests/test_smoke.py``."""

import numpy as np
import pytest

from legonet import SGD, Brick, GradientError, Linear, MSELoss, Sequential, ShapeError, Sigmoid, Tanh
from legonet.testing import check_brick
from legonet.training import backpropagate

pytestmark = pytest.mark.smoke

XOR = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
TARGET = np.array([[0.0], [1.0], [1.0], [0.0]])


def network():
    rng = np.random.default_rng(0)
    return Sequential(Linear(2, 4, rng=rng), Tanh(), Linear(4, 1, rng=rng), Sigmoid())


def test_a_network_learns_xor():
    net, loss = network(), MSELoss()
    sgd = SGD(net.parameters(), lr=2.0, momentum=0.9)
    losses = []
    for _ in range(300):
        losses.append(backpropagate(net, loss, XOR, TARGET).loss)
        sgd.step()
    assert losses[-1] < 0.05 * losses[0]
    np.testing.assert_array_equal(net(XOR) > 0.5, TARGET > 0.5)


def test_the_gradients_of_a_network_are_right():
    check_brick(network(), XOR)


def test_a_wrong_gradient_is_found():
    class Wrong(Brick):
        def forward(self, x):
            return x**2, x

        def backward(self, dy, x):
            return dy * x

    with pytest.raises(GradientError, match=r"Wrong\(\): backward gives dx"):
        check_brick(Wrong(), XOR + 1.0)


def test_an_error_says_where_it_is():
    with pytest.raises(ShapeError, match=r"Linear\(2, 4\) needs x of shape \(batch, 2\)") as caught:
        network()(np.zeros((3, 5)))
    assert caught.value.__notes__ == ["  in Sequential[0]: Linear(2, 4)"]


def test_a_network_prints_as_a_table():
    assert str(network()).splitlines()[0] == "Sequential: 17 parameters"
