"""The worked step of the article "One LEGO at a time" (O. U. Florez), number by number.

One observation, two inputs, three hidden sigmoids, two sigmoid outputs, no biases, learning rate 0.001.
"""

import numpy as np
import pytest

from legonet import SGD, L2Regularizer, Linear, MSELoss, Sequential, Sigmoid
from legonet.training import backpropagate

X = np.array([[1.76405235, 0.40015721]])
Y = np.array([[1.0, 0.0]])
W1 = np.array([[-0.67746455, 0.37769425, -0.07365253], [-0.53663519, 0.60920496, 0.21149622]])
W2 = np.array([[-0.41491732, -0.30992816], [-0.31583913, -0.27706468], [-0.44701662, 0.15231059]])

PRINTED = {
    "z1": [[-1.40982136, 0.91005018, -0.04529517]],
    "h1": [[0.19626223, 0.71301043, 0.48867814]],
    "z2": [[-0.52507645, -0.18394635]],
    "h2": [[0.37166596, 0.45414264]],
    "h2 - y": [[-0.62833404, 0.45414264]],
    "h2 (1 - h2)": [[0.23353037, 0.2478971]],
    "dL/dW2": [[-0.02879856, 0.02209533], [-0.10462365, 0.08027117], [-0.07170623, 0.0550157]],
    "dL/dh1": [[0.02599101, 0.01515256, 0.08274025]],
    "h1 (1 - h1)": [[0.15774337, 0.20462656, 0.24987182]],
    "dL/dW1": [[0.00723246, 0.00546965, 0.03647082], [0.00164061, 0.00124073, 0.00827303]],
    "W1 after": [[-0.67747178, 0.37768878, -0.073689], [-0.53663683, 0.60920372, 0.21148795]],
    "W2 after": [[-0.41488852, -0.30995026], [-0.31573451, -0.27714495], [-0.44694491, 0.15225557]],
}


def network():
    return Sequential(Linear(2, 3, weight=W1, bias=False), Sigmoid(), Linear(3, 2, weight=W2, bias=False), Sigmoid())


@pytest.fixture(scope="module")
def computed():
    """Go through the step by the bricks, one at a time."""
    net, mse = network(), MSELoss()
    sgd = SGD(net.parameters(), lr=0.001)
    first, activate_first, second, activate_second = net

    z1, first_cache = first.forward(X)
    h1, h1_cache = activate_first.forward(z1)
    z2, second_cache = second.forward(h1)
    h2, h2_cache = activate_second.forward(z2)
    _, loss_cache = mse.forward(h2, Y)

    dh2 = mse.backward(1.0, loss_cache)
    dz2 = activate_second.backward(dh2, h2_cache)
    dh1 = second.backward(dz2, second_cache)
    first.backward_parameters(activate_first.backward(dh1, h1_cache), first_cache)
    gradients = {"dL/dW1": first.weight.grad.copy(), "dL/dW2": second.weight.grad.copy()}
    sgd.step()
    return gradients | {
        "z1": z1,
        "h1": h1,
        "z2": z2,
        "h2": h2,
        "h2 - y": dh2,
        "h2 (1 - h2)": activate_second.backward(np.ones_like(h2), h2_cache),
        "dL/dh1": dh1,
        "h1 (1 - h1)": activate_first.backward(np.ones_like(h1), h1_cache),
        "W1 after": first.weight.value,
        "W2 after": second.weight.value,
    }


@pytest.mark.parametrize("number", PRINTED)
def test_a_number_of_the_article_comes_out_of_the_bricks(computed, number):
    np.testing.assert_allclose(computed[number], PRINTED[number], rtol=0, atol=2e-8)


def test_the_three_lines_of_a_training_step_give_the_same_weights():
    net = network()
    sgd = SGD(net.parameters(), lr=0.001)
    result = backpropagate(net, MSELoss(), X, Y)
    gradients = {"dL/dW1": net[0].weight.grad.copy(), "dL/dW2": net[2].weight.grad.copy()}
    sgd.step()
    found = gradients | {"h2": result.y, "W1 after": net[0].weight.value, "W2 after": net[2].weight.value}
    for number, value in found.items():
        np.testing.assert_allclose(value, PRINTED[number], rtol=0, atol=2e-8, err_msg=number)
    assert result.loss == pytest.approx((0.62833404**2 + 0.45414264**2) / 2, abs=2e-8)


def test_the_articles_penalty_is_a_ridge_of_its_strength_divided_by_the_rows():
    strength, net = 1e-2, network()
    x, y = np.repeat(X, 50, axis=0), np.repeat(Y, 50, axis=0)
    ridge = L2Regularizer([net[0].weight, net[2].weight], strength=strength / len(x))
    plain, penalized = network(), backpropagate(net, MSELoss(), x, y, regularizers=[ridge])
    backpropagate(plain, MSELoss(), x, y)
    squares = np.sum(W1**2) + np.sum(W2**2)
    assert penalized.penalty == pytest.approx(strength / (2 * len(x)) * squares, rel=1e-14)
    for place, weight in ((0, W1), (2, W2)):
        wanted = plain[place].weight.grad + strength * weight / len(x)
        np.testing.assert_allclose(net[place].weight.grad, wanted, rtol=1e-12)


def test_the_network_of_the_article_cannot_learn_xor_for_want_of_a_bias():
    """Minus x turns each hidden h into 1 - h: one linear output cannot be right for both."""
    net, x = network()[:2], np.random.default_rng(0).normal(size=(10, 2))
    np.testing.assert_allclose(net(-x), 1 - net(x), rtol=1e-12)
