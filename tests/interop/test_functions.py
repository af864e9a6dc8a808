"""A plain pair of functions becomes a brick that can be checked."""

import copy
import re
from functools import partial

import numpy as np
import pytest

from legonet import GradientError, OptionError
from legonet.interop import from_functions
from legonet.testing import check_brick

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
