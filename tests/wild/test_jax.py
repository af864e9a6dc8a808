"""JAX: its own functions pass, and wrong custom_vjp rules are found."""

from functools import partial

import numpy as np
import pytest

from legonet import GradientError, OptionError
from legonet.interop import from_jax
from legonet.testing import check_brick

jax = pytest.importorskip("jax")
jnp = jax.numpy

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 3))
W = RNG.normal(size=(3, 2))

RIGHT = {
    "gelu": (from_jax(jax.nn.gelu), X),
    "relu": (from_jax(jax.nn.relu), X),
    "relu at 0": (from_jax(jax.nn.relu), np.array([[0.0, 1.0, -1.0]])),
    "softmax": (from_jax(jax.nn.softmax), X),
    "logsumexp": (from_jax(partial(jax.nn.logsumexp, axis=1)), X),
    "standardize": (from_jax(jax.nn.standardize), X),
    "max, ties": (from_jax(partial(jnp.max, axis=1)), np.ones((2, 3))),
    "rows": (from_jax(lambda rows, W: W[rows], parameters={"W": W}), np.array([0, 1, 1, 2])),
    "linear": (from_jax(lambda x, W, b: jnp.tanh(x @ W + b), parameters={"W": W, "b": np.zeros(2)}), X),
    "loss": (from_jax(lambda y, target: jnp.mean((y - target) ** 2)), X, X[::-1].copy()),
    "several outputs": (from_jax(lambda x: (jnp.sin(x), x.sum(axis=0))), X),
}


@pytest.mark.parametrize(("brick", "inputs"), [(f, x) for f, *x in RIGHT.values()], ids=RIGHT)
def test_jaxs_own_pass(brick, inputs):
    check_brick(brick, *inputs)


def square(factor):
    @jax.custom_vjp
    def square(x):
        return x**2

    square.defvjp(lambda x: (x**2, x), lambda x, dy: (factor * dy * x,))
    return square


def test_a_right_rule_passes():
    check_brick(from_jax(square(2)), X)


@pytest.mark.parametrize("factor", [1, -2, 2.001])
def test_wrong_rules_are_found(factor):
    with pytest.raises(GradientError):
        check_brick(from_jax(square(factor)), X)


def test_dtypes_are_kept_and_float64_is_switched_on_inside_only():
    brick = from_jax(jnp.sin)
    for dtype in (np.float32, np.float64):
        y, cache = brick.forward(X.astype(dtype))
        assert y.dtype == brick.backward(y, cache).dtype == dtype
    assert jnp.ones(1, dtype=np.float32).dtype == jnp.asarray(np.ones(1)).dtype == np.float32


def test_names():
    brick = RIGHT["linear"][0]
    assert [name for name, _ in brick.named_parameters()] == ["W", "b"]
    assert repr(brick) == "from_jax(<lambda>)"
    assert repr(from_jax(square(2))) == "from_jax(square)"
    assert repr(from_jax(jnp.sin, name="sine")) == "sine"


def test_misuse_is_refused():
    with pytest.raises(OptionError, match="needs function as a function, but function is 3"):
        from_jax(3)
    with pytest.raises(OptionError, match="needs parameters as a dictionary"):
        from_jax(jnp.sin, parameters=[W])
    with pytest.raises(OptionError, match="needs a JAX array as output, but it returned"):
        from_jax(lambda x: [x]).forward(X)
