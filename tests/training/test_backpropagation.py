import numpy as np
import pytest

from legonet import (
    Add,
    Graph,
    L2Regularizer,
    LegonetError,
    Linear,
    MSELoss,
    Multiply,
    OptionError,
    Sequential,
    ShapeError,
    Sigmoid,
)
from legonet.training import Backpropagated, backpropagate
from strategies import assert_close, gradients, normal

X, TARGET, mse = normal(5, 3, seed=1), normal(5, 2, seed=2), MSELoss()


def network():
    rng = np.random.default_rng(0)
    return Sequential(Linear(3, 4, rng=rng), Sigmoid(), Linear(4, 2, rng=rng))


def ridges(net):
    return [L2Regularizer([net[place].weight], strength=strength) for place, strength in ((0, 0.1), (2, 0.3))]


def test_it_is_the_lines_of_the_protocol_one_after_the_other():
    by_hand, net = network(), network()
    y, caches = by_hand.forward(X)
    loss, loss_cache = mse.forward(y, TARGET)
    by_hand.backward(mse.backward(1.0, loss_cache), caches)
    penalties = 0.0
    for ridge in ridges(by_hand):
        penalty, cache = ridge.forward()
        ridge.backward(1.0, cache)
        penalties += penalty
    result = backpropagate(net, mse, X, TARGET, regularizers=ridges(net))
    assert (result.loss, result.penalty) == (loss, penalties)
    assert_close([result.y, *gradients(net)], [y, *gradients(by_hand)], 0)


def test_without_regularizers_the_penalty_is_0():
    assert backpropagate(network(), mse, X, TARGET).penalty == 0.0


def test_the_result_has_its_three_parts_in_this_order():
    result = backpropagate(network(), mse, X, TARGET)
    assert isinstance(result, Backpropagated)
    loss, penalty, y = result
    assert loss is result.loss
    assert penalty is result.penalty
    assert y is result.y
    assert type(loss) is type(penalty) is float


def test_the_output_is_the_one_before_the_step():
    net = network()
    np.testing.assert_array_equal(backpropagate(net, mse, X, TARGET).y, net(X))


def test_gradients_of_several_calls_add_up():
    once, twice = network(), network()
    backpropagate(once, mse, X, TARGET)
    backpropagate(twice, mse, X, TARGET)
    backpropagate(twice, mse, X, TARGET)
    assert_close(gradients(twice), [2 * gradient for gradient in gradients(once)])


def test_the_gradients_of_a_batch_are_the_mean_of_those_of_its_rows():
    whole, rows = network(), network()
    backpropagate(whole, mse, X, TARGET)
    for row in range(5):
        backpropagate(rows, mse, X[row : row + 1], TARGET[row : row + 1])
    assert_close([5 * gradient for gradient in gradients(whole)], gradients(rows))


def test_the_gradient_by_the_data_is_not_computed():
    class NoInputGradient(Linear):
        def backward(self, dy, x):
            raise AssertionError

    net = NoInputGradient(3, 2, rng=0)
    backpropagate(net, mse, X, TARGET)
    assert net.weight.grad.all()


def test_regularizers_may_come_from_a_generator():
    net = network()
    result = backpropagate(net, mse, X, TARGET, regularizers=(ridge for ridge in ridges(net)))
    assert result.penalty == sum(ridge() for ridge in ridges(net))


def test_an_empty_batch_has_no_loss_and_no_gradient():
    net = network()
    result = backpropagate(net, mse, X[:0], TARGET[:0])
    assert result.loss == 0.0
    assert not any(gradient.any() for gradient in gradients(net))


def test_not_a_number_in_the_data_is_seen_in_the_loss_without_a_warning():
    assert np.isnan(backpropagate(network(), mse, X * np.nan, TARGET).loss)


def test_a_target_of_another_shape_leaves_the_gradients_as_they_are():
    net = network()
    with pytest.raises(ShapeError, match=r"MSELoss\(\) needs target of shape \(5, 2\)"):
        backpropagate(net, mse, X, TARGET[:, 0])
    assert not any(gradient.any() for gradient in gradients(net))


def gated():
    nodes = {"h": (Linear(3, 2, rng=0), "x"), "y": (Multiply(), "h", "gate")}
    return Graph(inputs=["x", "gate"], nodes=nodes, outputs=["y"])


def test_a_network_of_several_inputs_takes_a_tuple():
    net, by_hand, gate = gated(), gated(), normal(5, 2, seed=3)
    result = backpropagate(net, mse, (X, gate), TARGET)
    y, cache = by_hand.forward(X, gate)
    loss, loss_cache = mse.forward(y, TARGET)
    by_hand.backward(mse.backward(1.0, loss_cache), cache)
    assert result.loss == loss
    assert_close([result.y, *gradients(net)], [y, *gradients(by_hand)], 0)


def test_a_tuple_of_one_is_one_input():
    assert backpropagate(network(), mse, (X,), TARGET).loss == backpropagate(network(), mse, X, TARGET).loss


def test_a_tuple_of_another_number_of_inputs_is_refused():
    with pytest.raises(OptionError, match=r"Graph\(.*needs 2 inputs \(x, gate\), but got 1"):
        backpropagate(gated(), mse, X, TARGET)
    needed = (
        "backpropagate needs x as an array, or as a tuple of the arrays that the network takes, but x is a tuple of"
    )
    for x in ((), (X, X)):
        with pytest.raises(OptionError, match=f"{needed} {len(x)}"):
            backpropagate(network(), mse, x, TARGET)


def test_an_error_in_a_brick_stays_that_with_a_tuple_as_well():
    with pytest.raises(ShapeError, match=r"Add\(\) needs x1 of shape \(5, 3\), but x1 has shape \(5, 2\)"):
        backpropagate(Add(), mse, (X, TARGET), X)
    with pytest.raises(LegonetError, match=r"Linear\(3, 4\) needs x as a NumPy array, but x is a list"):
        backpropagate(network(), mse, (X.tolist(),), TARGET)
