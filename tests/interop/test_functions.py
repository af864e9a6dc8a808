"""A plain pair of functions becomes a brick that can be checked."""

import copy
import pickle
import re
from functools import partial

import numpy as np
import pytest

from legonet import SGD, GradientError, Linear, MSELoss, OptionError, Residual, Sequential, Tanh
from legonet.interop import from_functions
from legonet.testing import brick_test, check_brick
from legonet.training import backpropagate
from strategies import normal

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 3))
W = RNG.normal(size=(3, 2))
B = np.array([1.0, -2.0])


def affine(x, W, b):
    return x @ W + b, (x, W)


def affine_backward(dy, cache):
    x, W = cache
    return dy @ W.T, {"W": x.T @ dy, "b": dy.sum(axis=0)}


def inputs_backward(dy, cache):
    dx, gradients = affine_backward(dy, cache)
    return dx, gradients["W"], gradients["b"]


def test_a_pair_with_parameters_by_name():
    brick = from_functions(affine, affine_backward, parameters={"W": W, "b": B})
    y, cache = brick.forward(X)
    dx = brick.backward(np.ones_like(y), cache)
    brick.backward(np.ones_like(y), cache)
    named = dict(brick.named_parameters())
    assert list(named) == ["W", "b"]
    assert np.array_equal(y, X @ W + B)
    assert np.array_equal(dx, np.ones((4, 2)) @ W.T)
    assert named["b"].grad.tolist() == [8.0, 8.0]
    check_brick(brick, X)


def test_weights_may_be_inputs_like_all_others():
    brick = from_functions(affine, inputs_backward)
    assert brick.parameters() == []
    check_brick(brick, X, W, B)


def test_without_a_cache_backward_gets_the_inputs_and_parameters():
    brick = from_functions(
        lambda x, s: x * s, lambda dy, x, s: (dy * s, {"s": (dy * x).sum(axis=0)}), parameters={"s": np.ones(3)}
    )
    check_brick(brick, X)


def test_a_loss_and_a_penalty_are_floats():
    def mse(y, target):
        return float(np.sum((y - target) ** 2)), y - target

    check_brick(from_functions(mse, lambda dloss, error: 2 * dloss * error), X, X[::-1].copy())
    ridge = from_functions(
        lambda W: float(np.sum(W**2)), lambda dloss, W: {"W": 2 * dloss * W}, parameters={"W": W}, name="ridge"
    )
    check_brick(ridge)
    article = from_functions(
        lambda W: float(np.sum(W**2)), lambda dloss, W: {"W": 0 * W + dloss * np.sum(W**2)}, parameters={"W": W}
    )
    with pytest.raises(GradientError):
        check_brick(article)


def test_integer_inputs_have_no_gradient():
    def embed(rows, W):
        return W[rows], (rows, W.shape)

    def backward(dy, cache):
        rows, shape = cache
        dW = np.zeros(shape)
        np.add.at(dW, rows, dy)
        return None, {"W": dW}

    def assigning(dy, cache):
        rows, shape = cache
        dW = np.zeros(shape)
        dW[rows] = dy
        return None, {"W": dW}

    rows = np.array([0, 2, 2, 1])
    check_brick(from_functions(embed, backward, parameters={"W": W}), rows)
    with pytest.raises(GradientError):
        check_brick(from_functions(embed, assigning, parameters={"W": W}), rows)


@pytest.mark.parametrize(
    "backward",
    [
        lambda dy, cache: (2 * dy @ cache[1].T, {"W": cache[0].T @ dy, "b": dy.sum(axis=0)}),
        lambda dy, cache: (dy @ cache[1].T, {"W": cache[0].T @ dy, "b": dy}),
        lambda dy, cache: (dy @ cache[1].T, {"W": cache[0].T @ dy, "b": dy.sum()}),
        lambda dy, cache: (dy @ cache[1].T, {"W": cache[0].T @ dy}),
        lambda dy, cache: (None, {"W": cache[0].T @ dy, "b": dy.sum(axis=0)}),
    ],
    ids=["factor", "no sum", "scalar", "b forgotten", "no dx"],
)
def test_wrong_gradients_are_found(backward):
    with pytest.raises(GradientError):
        check_brick(from_functions(affine, backward, parameters={"W": W, "b": B}), X)


@pytest.mark.parametrize("wrong", [False, True])
def test_functions_that_draw_from_the_global_generator_draw_the_same_numbers(wrong):
    def dropout(x):
        mask = np.random.rand(*x.shape) < 0.5  # noqa: NPY002 - as foreign code does
        return x * mask, mask

    def backward(dy, mask):
        return dy * (np.random.rand(*dy.shape) < 0.5 if wrong else mask)  # noqa: NPY002

    brick = from_functions(dropout, backward)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    assert np.array_equal(brick(X), brick(X))
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002
    if wrong:
        with pytest.raises(GradientError):
            check_brick(brick, X)
    else:
        check_brick(brick, X)


def test_it_is_called_after_its_forward_unless_it_has_a_name():
    assert repr(from_functions(affine, affine_backward)) == "from_functions(affine)"
    assert repr(from_functions(affine, affine_backward, name="Affine")) == "Affine"
    assert repr(from_functions(partial(affine, b=0.0), affine_backward)) == "from_functions(affine(b=0.0))"


def test_a_copy_has_parameters_of_its_own():
    brick = from_functions(affine, affine_backward, parameters={"W": W, "b": B})
    twin = copy.deepcopy(brick)
    twin.parameters()[0].value[:] = 0
    assert not np.array_equal(brick(X), twin(X))
    assert not np.shares_memory(brick.parameters()[0].value, W)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((3, affine_backward), {}, "needs forward as a function, but forward is 3"),
        ((affine, None), {}, "needs backward as a function"),
        ((affine, affine_backward), {"parameters": [W]}, "needs parameters as a dictionary"),
        ((affine, affine_backward), {"parameters": {"W": [1]}}, "but W is [1]"),
        ((affine, affine_backward), {"parameters": {"W": np.arange(3)}}, "floating-point arrays"),
    ],
)
def test_misuse_is_refused(arguments, options, message):
    with pytest.raises(OptionError, match=re.escape(message)):
        from_functions(*arguments, **options)


@pytest.mark.parametrize(
    ("forward", "backward", "parameters", "message"),
    [
        (lambda x, **p: (x, x, x), None, None, "a tuple of 3"),
        (lambda x, **p: x, lambda dy, x, **p: (dy, W), {"W": W}, "as a dictionary in last place"),
        (lambda x, **p: x, lambda dy, x, **p: (dy, {"dW": W}), {"W": W}, "gave one of 'dW'"),
        (lambda x, **p: x, lambda dy, x, **p: (dy, {"W": W}), None, "gave some without"),
        (lambda x, **p: x, lambda dy, x, **p: {"W": W}, None, "gave some without"),
        (lambda x, **p: x, lambda dy, x, **p: (dy, W), None, "backward of from_functions(<lambda>) gave 2"),
    ],
)
def test_misuse_in_the_passes_is_refused(forward, backward, parameters, message):
    brick = from_functions(forward, backward or affine_backward, parameters=parameters)
    with pytest.raises(OptionError, match=re.escape(message)):
        brick.backward(X, brick.forward(X)[1])


# As a brick among others ----------------------------------------------------------------------------------------------


def function_affine(n, k, dtype=np.float64, seed=0):
    parameters = {"W": normal(n, k, seed=seed, dtype=dtype), "b": np.zeros(k, dtype)}
    return from_functions(affine, affine_backward, parameters=parameters, name="Affine")


def function_tanh():
    return from_functions(np.tanh, lambda dy, x: dy * (1 - np.tanh(x) ** 2))


test_its_derivative = brick_test(
    function_affine, "(batch, n)", options={"dtype": [np.float64], "seed": [0, 1]}, independent_rows=True
)


@pytest.mark.parametrize(
    "net",
    [
        Sequential(function_affine(3, 4), Tanh(), function_affine(4, 2)),
        Sequential(Linear(3, 4, rng=0), function_tanh(), Linear(4, 2, rng=1)),
        Residual(function_affine(3, 3)),
        Residual(Sequential(function_tanh()), function_affine(3, 3)),
        Residual(from_functions(lambda x: x, lambda dy, x: dy)),
        Sequential(*[function_affine(3, 3)] * 2),
    ],
    ids=repr,
)
def test_inside_of_containers_it_is_checked_as_any_brick(net):
    check_brick(net, X, independent_rows=True)


def test_it_learns_exactly_as_the_brick_that_does_the_same():
    bricks = [Linear(2, 8, rng=0), Tanh(), Linear(8, 1, rng=1)]
    functions = [function_affine(2, 8), function_tanh(), function_affine(8, 1)]
    for function, brick in zip(functions, bricks, strict=True):
        for mine, its in zip(function.parameters(), brick.parameters(), strict=True):
            mine.value = its.value.copy()
    x = normal(16, 2)
    target, losses = x[:, :1] * x[:, 1:], []
    for net in (Sequential(*bricks), Sequential(*functions)):
        sgd = SGD(net.parameters(), lr=0.1, momentum=0.9)
        for _ in range(50):
            loss = backpropagate(net, MSELoss(), x, target).loss
            sgd.step()
        losses.append(loss)
    assert losses[0] < 0.1
    assert losses[1] == pytest.approx(losses[0], rel=1e-10)


def test_its_parameters_have_their_names_in_a_network_and_in_its_table():
    net = Sequential(function_affine(3, 4), Residual(function_affine(4, 4)))
    names = [name for name, _ in net.named_parameters()]
    assert names == ["bricks.0.W", "bricks.0.b", "bricks.1.brick.W", "bricks.1.brick.b"]
    assert str(net).splitlines()[1] == "  [0] Affine      16  W (3, 4), b (4,)"


def test_float32_stays_float32_as_far_as_the_functions_keep_it():
    net = Sequential(function_affine(3, 4, np.float32), function_tanh(), Linear(4, 2, rng=0, dtype=np.float32))
    y, cache = net.forward(X.astype(np.float32))
    dx = net.backward(np.ones_like(y), cache)
    assert {array.dtype for array in (y, dx, *(parameter.grad for parameter in net.parameters()))} == {
        np.dtype(np.float32)
    }
    check_brick(net, X.astype(np.float32))


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])  # noqa: S301
def test_a_copy_of_a_network_of_functions_learns_by_itself(duplicate):
    net = Sequential(function_affine(3, 2), from_functions(np.positive, passed_on))
    other = duplicate(net)
    before = net(X)
    assert np.array_equal(other(X), before)
    backpropagate(other, MSELoss(), X, np.zeros((4, 2)))
    SGD(other.parameters(), lr=0.1).step()
    assert np.array_equal(net(X), before)
    assert not np.allclose(other(X), before)
    assert not net.parameters()[0].grad.any()


def passed_on(dy, x):
    return dy


def test_what_a_function_raises_says_where_it_stands():
    with pytest.raises(ValueError, match="matmul") as caught:
        Sequential(Tanh(), function_affine(3, 2))(np.zeros((4, 5)))
    assert caught.value.__notes__ == ["  in Sequential[1]: Affine"]
