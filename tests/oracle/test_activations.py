"""The activations against PyTorch, and both against mpmath where PyTorch has lost its digits."""

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from legonet import ELU, GELU, LeakyReLU, LogSoftmax, PReLU, ReLU, Sigmoid, SiLU, Softmax, Softplus, Tanh

shapes = st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple)
seeds = st.integers(0, 2**32 - 1)


def both(ours, theirs, x, dy):
    """Return y and dx of a brick, and those of a function of PyTorch."""
    x_theirs = torch.tensor(x, requires_grad=True)
    y_theirs = theirs(x_theirs)
    y_theirs.backward(torch.tensor(dy))
    y, cache = ours.forward(x)
    return (y, ours.backward(dy, cache)), (y_theirs.detach().numpy(), x_theirs.grad.numpy())


def normal(shape, seed, scale=4):
    rng = np.random.default_rng(seed)
    return rng.normal(size=shape) * scale, rng.normal(size=shape)


ELEMENTWISE = {
    "ReLU": (ReLU(), torch.relu),
    "LeakyReLU": (LeakyReLU(slope=0.3), lambda x: functional.leaky_relu(x, 0.3)),
    "PReLU": (PReLU(slope=-0.3), lambda x: functional.prelu(x, torch.tensor([-0.3], dtype=torch.float64))),
    "ELU": (ELU(alpha=0.7), lambda x: functional.elu(x, alpha=0.7)),
    "Softplus": (Softplus(), lambda x: functional.softplus(x, threshold=100)),
    "GELU": (GELU(), functional.gelu),
    "SiLU": (SiLU(), functional.silu),
    "Sigmoid": (Sigmoid(), torch.sigmoid),
    "Tanh": (Tanh(), torch.tanh),
}


@pytest.mark.parametrize(("ours", "theirs"), ELEMENTWISE.values(), ids=ELEMENTWISE)
@settings(deadline=None, max_examples=30)
@given(shape=shapes, seed=seeds)
def test_elementwise_bricks_agree_with_pytorch(ours, theirs, shape, seed):
    found, wanted = both(ours, theirs, *normal(shape, seed))
    np.testing.assert_allclose(found[0], wanted[0], rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(found[1], wanted[1], rtol=1e-12, atol=2e-15)


@settings(deadline=None, max_examples=30)
@given(shape=st.lists(st.integers(1, 4), min_size=2, max_size=4).map(tuple), seed=seeds)
def test_slopes_for_each_feature_learn_as_in_pytorch(shape, seed):
    x, dy = normal(shape, seed)
    prelu, theirs = PReLU(shape[1]), torch.nn.PReLU(shape[1], dtype=torch.float64)
    found, wanted = both(prelu, theirs, x, dy)
    np.testing.assert_allclose(found[0], wanted[0], rtol=1e-15)
    np.testing.assert_allclose(found[1], wanted[1], rtol=1e-15)
    np.testing.assert_allclose(prelu.slope.grad, theirs.weight.grad.numpy(), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(Softmax(), functional.softmax), (LogSoftmax(), functional.log_softmax)],
    ids=["Softmax", "LogSoftmax"],
)
@settings(deadline=None, max_examples=50)
@given(
    shape=st.lists(st.integers(1, 4), min_size=1, max_size=2),
    classes=st.sampled_from([1, 2, 3, 10, 32, 33, 100]),
    seed=seeds,
    scale=st.sampled_from([1, 4, 100]),
    masked=st.booleans(),
)
def test_softmax_agrees_with_pytorch_with_masked_entries_too(ours, theirs, shape, classes, seed, scale, masked):
    x, dy = normal((*shape, classes), seed, scale)
    if masked:
        x[..., 1::2] = -np.inf
    found, wanted = both(ours, lambda x: theirs(x, dim=-1), x, dy)
    np.testing.assert_allclose(found[0], wanted[0], rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(found[1], wanted[1], rtol=1e-13, atol=1e-14)


def exact_log_softmax(x):
    """Return the first logarithm of the softmax of [0, x]."""
    return -mpmath.log1p(mpmath.exp(x))


def log_softmax_theirs(x):
    return functional.log_softmax(torch.stack([torch.zeros_like(x), x], dim=-1), dim=-1)[..., 0]


def log_softmax_ours(x):
    return LogSoftmax()(np.stack([np.zeros_like(x), x], axis=-1))[..., 0]


def allowed(true, units):
    """Return so many units of the last place of a true value, or one smallest number if it is subnormal."""
    spacing = float(np.spacing(abs(float(true))))
    return units * spacing if abs(true) >= float(np.finfo(np.float64).smallest_normal) else spacing


MORE_EXACT = [
    ("sigmoid", Sigmoid(), torch.sigmoid, lambda x: 1 / (1 + mpmath.exp(-x)), [-709.79, -720.0, -740.0, -745.0]),
    ("softplus", Softplus(), functional.softplus, lambda x: mpmath.log1p(mpmath.exp(x)), [20.007, 21.0, 30.0]),
    ("SiLU", SiLU(), functional.silu, lambda x: x / (1 + mpmath.exp(-x)), [-710.2, -720.0, -745.0]),
    ("GELU", GELU(), functional.gelu, lambda x: x * mpmath.ncdf(x), [-6.0, -8.5, -30.0, -38.0]),
    ("log-softmax", log_softmax_ours, log_softmax_theirs, exact_log_softmax, [-37.5, -40.0, -600.0]),
]
PLACES = [pytest.param(*case[1:4], x, id=f"{case[0]} at {x}") for case in MORE_EXACT for x in case[4]]


@pytest.mark.parametrize(("ours", "theirs", "exact", "x"), PLACES)
def test_where_pytorch_has_lost_its_digits_ours_are_right(ours, theirs, exact, x):
    with mpmath.workdps(800):
        true = exact(mpmath.mpf(x))
        error_of_ours = abs(float(ours(np.array([x]))[0]) - true)
        error_of_theirs = abs(theirs(torch.tensor([x], dtype=torch.float64)).item() - true)
        assert error_of_ours <= allowed(true, 2)
        assert error_of_ours < error_of_theirs


def test_softplus_has_no_threshold_as_pytorchs_has():
    theirs = functional.softplus(torch.tensor([20.007], dtype=torch.float64)).item()
    assert abs(theirs - Softplus()(np.array([20.007]))[0]) > 1e5 * np.spacing(20.007)


def slope_of(brick):
    return lambda x: brick.backward(np.ones_like(x), brick.forward(x)[1])


def slope_theirs(function):
    def slope(x):
        x.requires_grad_()
        function(x).sum().backward()
        return x.grad

    return slope


SLOPES = [
    (
        "GELU",
        GELU(),
        functional.gelu,
        lambda x: mpmath.ncdf(x) + x * mpmath.npdf(x),
        [-0.7517915246935645, -9.0, -30.0],
    ),
    (
        "SiLU",
        SiLU(),
        functional.silu,
        lambda x: mpmath.exp(x) * (1 + x + mpmath.exp(x)) / (1 + mpmath.exp(x)) ** 2,
        [-1.2784645427610737, -712.0, -740.0],
    ),
]
SLOPE_PLACES = [
    pytest.param(slope_of(ours), slope_theirs(theirs), exact, x, id=f"{name} at {x}")
    for name, ours, theirs, exact, places in SLOPES
    for x in places
]


@pytest.mark.parametrize(("ours", "theirs", "exact", "x"), SLOPE_PLACES)
def test_slopes_are_right_at_their_roots_and_in_the_tails(ours, theirs, exact, x):
    with mpmath.workdps(800):
        true = exact(mpmath.mpf(x))
        error_of_ours = abs(float(ours(np.array([x]))[0]) - true)
        error_of_theirs = abs(theirs(torch.tensor([x], dtype=torch.float64)).item() - true)
        assert error_of_ours <= allowed(true, 4)
        assert error_of_ours < error_of_theirs


def test_at_minus_infinity_silu_is_0_where_pytorch_gives_nan():
    assert SiLU()(np.array([-np.inf])).tolist() == [0.0]
    assert functional.silu(torch.tensor([-torch.inf], dtype=torch.float64)).isnan().all()
