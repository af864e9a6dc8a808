"""legonet against PyTorch. Needs the extra ``oracle``; run it with ``pytest tests/oracle``."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from legonet import Linear, MSELoss, Residual, Sequential, Sigmoid, Tanh

sizes = st.integers(1, 5)
seeds = st.integers(0, 2**32 - 1)


@settings(deadline=None)
@given(batch=sizes, inputs=sizes, hidden=sizes, outputs=sizes, seed=seeds, bias=st.booleans())
def test_a_network_has_the_loss_and_the_gradients_of_pytorch(batch, inputs, hidden, outputs, seed, bias):
    rng = np.random.default_rng(seed)
    net = Sequential(
        Linear(inputs, hidden, rng=rng, bias=bias), Tanh(), Linear(hidden, outputs, rng=rng, bias=bias), Sigmoid()
    )
    x, target = rng.normal(size=(batch, inputs)), rng.normal(size=(batch, outputs))
    y, cache = net.forward(x)
    loss, loss_cache = MSELoss().forward(y, target)
    dx = net.backward(MSELoss().backward(1.0, loss_cache), cache)

    theirs = {name: torch.tensor(p.value, requires_grad=True) for name, p in net.named_parameters()}
    x_theirs = torch.tensor(x, requires_grad=True)
    h = torch.tanh(x_theirs @ theirs["bricks.0.weight"] + theirs.get("bricks.0.bias", 0))
    y_theirs = torch.sigmoid(h @ theirs["bricks.2.weight"] + theirs.get("bricks.2.bias", 0))
    # PyTorch's mean squared error also averages over the outputs and has no factor 1/2, as MSELoss's notes say.
    loss_theirs = torch.nn.functional.mse_loss(y_theirs, torch.tensor(target)) * outputs / 2
    loss_theirs.backward()

    np.testing.assert_allclose(loss, loss_theirs.item(), rtol=1e-12)
    np.testing.assert_allclose(dx, x_theirs.grad.numpy(), rtol=1e-10, atol=1e-14)
    for name, parameter in net.named_parameters():
        np.testing.assert_allclose(parameter.grad, theirs[name].grad.numpy(), rtol=1e-10, atol=1e-14)


def test_linear_holds_the_transpose_of_pytorchs_weight():
    torch.manual_seed(0)
    linear = torch.nn.Linear(3, 2, dtype=torch.float64)
    ours = Linear(3, 2, weight=linear.weight.detach().numpy().T, bias=linear.bias.detach().numpy())
    x = np.random.default_rng(0).normal(size=(4, 3))
    np.testing.assert_allclose(ours(x), linear(torch.tensor(x)).detach().numpy(), rtol=0, atol=1e-15)  # |y| < 2


def test_a_residual_adds_its_input_as_in_pytorch():
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=(50, 4)) * 4, rng.normal(size=(50, 4))
    x_theirs = torch.tensor(x, requires_grad=True)
    y_theirs = x_theirs + torch.tanh(x_theirs)
    y_theirs.backward(torch.tensor(dy))
    y, cache = Residual(Tanh()).forward(x)
    np.testing.assert_allclose(y, y_theirs.detach().numpy(), rtol=1e-13)
    np.testing.assert_allclose(Residual(Tanh()).backward(dy, cache), x_theirs.grad.numpy(), rtol=1e-13, atol=1e-15)
