"""The optimizers and schedules against PyTorch's. Needs the extra ``oracle``; run it with ``pytest tests/oracle``."""

import numpy as np
import pytest
import torch

from legonet import SGD, Adam, AdamW, Parameter, RMSProp
from legonet.optimizers import Group

SHAPES = [(3, 4), (4,), (2, 3)]
NAMES = ["0.weight", "0.bias", "1.weight"]


def walk(optimizer, theirs, steps=150, dtype=np.float64, tolerance=1e-10, spread=1.0):
    """Take the same steps with both, at rates that change, and compare after each.

    `optimizer` makes ours of named parameters, `theirs` makes PyTorch's of tensors.
    """
    rng = np.random.default_rng(0)
    start = [rng.normal(size=shape).astype(dtype) for shape in SHAPES]
    parameters = [Parameter(value) for value in start]
    tensors = [torch.tensor(value, requires_grad=True) for value in start]
    ours, other = optimizer(list(zip(NAMES, parameters, strict=True))), theirs(tensors)
    first, rates = ours.lr, [group["lr"] for group in other.param_groups]
    for number in range(steps):
        factor = (1 + np.sin(number)) / (1 + 0.1 * number)
        ours.lr = first * factor
        for group, rate in zip(other.param_groups, rates, strict=True):
            group["lr"] = rate * factor
        for mine, tensor in zip(parameters, tensors, strict=True):
            gradient = (rng.normal(size=mine.value.shape) * spread ** rng.normal() + start[0].mean()).astype(dtype)
            mine.grad += gradient
            tensor.grad = torch.tensor(gradient)
        ours.step()
        other.step()
        for mine, tensor in zip(parameters, tensors, strict=True):
            np.testing.assert_allclose(mine.value, tensor.detach().numpy(), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("weight_decay", [0.0, 0.01])
@pytest.mark.parametrize(("momentum", "nesterov"), [(0.0, False), (0.9, False), (0.9, True), (0.3, True)])
def test_sgd_takes_the_steps_of_pytorch(momentum, nesterov, weight_decay):
    options = {"lr": 0.1, "momentum": momentum, "nesterov": nesterov, "weight_decay": weight_decay}
    walk(lambda named: SGD(named, **options), lambda tensors: torch.optim.SGD(tensors, **options))


@pytest.mark.parametrize("weight_decay", [0.0, 0.01, 0.5])
@pytest.mark.parametrize(("beta1", "beta2"), [(0.9, 0.999), (0.0, 0.9), (0.5, 0.0), (0.99, 0.5)])
@pytest.mark.parametrize("eps", [1e-8, 0.1])
@pytest.mark.parametrize(
    ("kind", "theirs"), [(Adam, torch.optim.Adam), (AdamW, torch.optim.AdamW)], ids=["Adam", "AdamW"]
)
def test_adam_and_adamw_take_the_steps_of_pytorch(kind, theirs, eps, beta1, beta2, weight_decay):
    options = {"lr": 0.02, "eps": eps, "weight_decay": weight_decay}
    walk(
        lambda named: kind(named, beta1=beta1, beta2=beta2, **options),
        lambda tensors: theirs(tensors, betas=(beta1, beta2), **options),
        spread=100.0,
    )


@pytest.mark.parametrize("weight_decay", [0.0, 0.01])
@pytest.mark.parametrize(("rho", "momentum"), [(0.99, 0.0), (0.9, 0.9), (0.0, 0.5)])
@pytest.mark.parametrize("eps", [1e-8, 0.1])
def test_rmsprop_takes_the_steps_of_pytorch(eps, rho, momentum, weight_decay):
    options = {"lr": 0.02, "eps": eps, "momentum": momentum, "weight_decay": weight_decay}
    walk(
        lambda named: RMSProp(named, rho=rho, **options),
        lambda tensors: torch.optim.RMSprop(tensors, alpha=rho, **options),
        spread=100.0,
    )


@pytest.mark.parametrize(
    ("kind", "theirs"),
    [
        (SGD, torch.optim.SGD),
        (Adam, torch.optim.Adam),
        (AdamW, torch.optim.AdamW),
        (RMSProp, torch.optim.RMSprop),
    ],
)
def test_the_defaults_are_those_of_pytorch_and_float32_stays_near(kind, theirs):
    options = {"lr": 0.1} if kind is SGD else {}
    walk(lambda named: kind(named, **options), lambda tensors: theirs(tensors, **options), spread=100.0)
    walk(
        lambda named: kind(named, **options),
        lambda tensors: theirs(tensors, **options),
        dtype=np.float32,
        tolerance=2e-5,
    )


@pytest.mark.parametrize(
    ("kind", "theirs"),
    [
        (SGD, torch.optim.SGD),
        (Adam, torch.optim.Adam),
        (AdamW, torch.optim.AdamW),
        (RMSProp, torch.optim.RMSprop),
    ],
)
def test_groups_are_the_groups_of_pytorch(kind, theirs):
    groups = [Group("*bias", weight_decay=0.0), Group("1.*", lr_factor=0.25)]
    walk(
        lambda named: kind(named, lr=0.1, weight_decay=0.3, groups=groups),
        lambda tensors: theirs(
            [
                {"params": tensors[:1]},
                {"params": tensors[1:2], "weight_decay": 0.0},
                {"params": tensors[2:], "lr": 0.025},
            ],
            lr=0.1,
            weight_decay=0.3,
        ),
    )
