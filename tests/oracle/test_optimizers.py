"""Optimizers, schedules, clipping and averages against PyTorch; needs the extra ``oracle``: ``pytest tests/oracle``."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from legonet import SGD, Adam, AdamW, Parameter, RMSProp
from legonet.optimizers import (
    CosineDecay,
    ExponentialDecay,
    Group,
    LinearDecay,
    MovingAverage,
    OneCycle,
    ReduceOnPlateau,
    StepDecay,
    WarmUp,
    clip_norm,
    clip_values,
)

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


def rates_of_pytorch(make, steps, lr=0.3):
    """Return the rates that a scheduler of PyTorch sets, one for each step."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)
    scheduler, rates = make(optimizer), []
    for number in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if number + 1 < steps:
            scheduler.step()
    return rates


lr_scheduler = torch.optim.lr_scheduler
SCHEDULES = {
    "StepLR": (StepDecay(7, factor=0.3), lambda o: lr_scheduler.StepLR(o, 7, gamma=0.3)),
    "ExponentialLR": (ExponentialDecay(0.97), lambda o: lr_scheduler.ExponentialLR(o, 0.97)),
    "CosineAnnealingLR": (
        CosineDecay(99, end=0.1),
        lambda o: lr_scheduler.CosineAnnealingLR(o, 99, eta_min=0.03),
    ),
    "LinearLR, up": (WarmUp(20, start=0.2), lambda o: lr_scheduler.LinearLR(o, 0.2, 1.0, total_iters=20)),
    "LinearLR, down": (LinearDecay(60, end=0.1), lambda o: lr_scheduler.LinearLR(o, 1.0, 0.1, total_iters=60)),
    "OneCycleLR": (OneCycle(100), lambda o: lr_scheduler.OneCycleLR(o, 0.3, total_steps=100)),
    "OneCycleLR, other options": (
        OneCycle(100, rise=0.45, start=0.1, end=0.001),
        lambda o: lr_scheduler.OneCycleLR(
            o, 0.3, total_steps=100, pct_start=0.45, div_factor=10.0, final_div_factor=100.0
        ),
    ),
    "SequentialLR": (
        WarmUp(20, start=0.2).then(CosineDecay(80), at=20),
        lambda o: lr_scheduler.SequentialLR(
            o,
            [lr_scheduler.LinearLR(o, 0.2, 1.0, total_iters=20), lr_scheduler.CosineAnnealingLR(o, 80)],
            milestones=[20],
        ),
    ),
    "ChainedScheduler": (
        WarmUp(20, start=0.2) * ExponentialDecay(0.97),
        lambda o: lr_scheduler.ChainedScheduler(
            [lr_scheduler.LinearLR(o, 0.2, 1.0, total_iters=20), lr_scheduler.ExponentialLR(o, 0.97)]
        ),
    ),
}


@pytest.mark.filterwarnings("ignore:The epoch parameter")  # of SequentialLR about itself
@pytest.mark.parametrize(("schedule", "theirs"), SCHEDULES.values(), ids=SCHEDULES)
def test_schedules_give_the_rates_of_pytorch(schedule, theirs):
    rates = [0.3 * schedule(step) for step in range(100)]
    np.testing.assert_allclose(rates, rates_of_pytorch(theirs, 100), rtol=1e-12, atol=1e-15)


@settings(deadline=None)
@given(
    st.lists(st.one_of(st.floats(0.0, 3.0), st.just(float("nan"))), min_size=1, max_size=60),
    st.integers(0, 3),
    st.integers(0, 3),
    st.sampled_from([0.0, 1e-4, 0.3]),
    st.sampled_from([0.0, 0.2]),
)
def test_reduce_on_plateau_falls_when_pytorch_does(losses, patience, cooldown, threshold, lowest):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=0.5, patience=patience, cooldown=cooldown, threshold=threshold, min_lr=lowest, eps=0.0
    )
    ours = ReduceOnPlateau(factor=0.5, patience=patience, cooldown=cooldown, threshold=threshold, lowest=lowest)
    for loss in losses:
        theirs.step(loss)
        assert ours(loss) == optimizer.param_groups[0]["lr"]


@pytest.mark.parametrize("limit", [0.1, 1.0, 100.0])
def test_clipping_is_that_of_pytorch_but_for_its_1e_6(limit):
    rng = np.random.default_rng(0)
    gradients = [rng.normal(size=shape) for shape in SHAPES]
    for clip, theirs in (
        (clip_values, torch.nn.utils.clip_grad_value_),
        (clip_norm, torch.nn.utils.clip_grad_norm_),
    ):
        parameters = [Parameter(np.zeros(shape)) for shape in SHAPES]
        tensors = [torch.zeros(shape, dtype=torch.float64, requires_grad=True) for shape in SHAPES]
        for parameter, tensor, gradient in zip(parameters, tensors, gradients, strict=True):
            parameter.grad += gradient
            tensor.grad = torch.tensor(gradient)
        norm, norm_theirs = clip(parameters, limit), theirs(tensors, limit)
        if norm is not None:
            np.testing.assert_allclose(norm, norm_theirs.item(), rtol=1e-14)
        for parameter, tensor in zip(parameters, tensors, strict=True):
            np.testing.assert_allclose(parameter.grad, tensor.grad.numpy(), rtol=1e-6)


def test_a_moving_average_is_that_of_pytorch():
    rng = np.random.default_rng(0)
    module = torch.nn.Linear(3, 2, dtype=torch.float64)
    theirs = torch.optim.swa_utils.AveragedModel(module, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9))
    theirs.update_parameters(module)
    weight = Parameter(module.weight.detach().numpy())
    average = MovingAverage([weight], decay=0.9, correction=False)
    for _ in range(50):
        change = rng.normal(size=(2, 3))
        weight.value += change
        with torch.no_grad():
            module.weight += torch.tensor(change)
        average.update()
        theirs.update_parameters(module)
        np.testing.assert_allclose(average.values[0], theirs.module.weight.detach().numpy(), rtol=1e-12, atol=1e-13)
