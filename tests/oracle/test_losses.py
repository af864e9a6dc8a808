"""The losses against PyTorch, and against mpmath where it matters. Run it with ``pytest tests/oracle``."""

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from legonet import BinaryCrossEntropyLoss, CrossEntropyLoss, HuberLoss, KLDivergenceLoss, L1Loss, MaxNorm, Parameter

sizes = st.integers(1, 4)
seeds = st.integers(0, 2**32 - 1)
functional = torch.nn.functional


def both(loss, y, target, theirs):
    """Return value and gradient, ours and theirs."""
    value, cache = loss.forward(y, target)
    y_theirs = torch.tensor(y, requires_grad=True)
    value_theirs = theirs(y_theirs, torch.tensor(target))
    value_theirs.backward()
    return value, loss.backward(1.0, cache), value_theirs.item(), y_theirs.grad.numpy()


def assert_agree(loss, y, target, theirs):
    value, dy, value_theirs, dy_theirs = both(loss, y, target, theirs)
    np.testing.assert_allclose(value, value_theirs, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(dy, dy_theirs, rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize("kind", ["classes", "ignored", "probabilities"])
@settings(deadline=None)
@given(
    shape=st.lists(sizes, min_size=1, max_size=3),
    classes=sizes,
    seed=seeds,
    smoothed=st.booleans(),
    weighted=st.booleans(),
)
def test_cross_entropy_is_that_of_pytorch_in_every_combination(kind, shape, classes, seed, smoothed, weighted):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(*shape, classes)) * 3
    smoothing, weights = 0.3 * smoothed, rng.uniform(0.1, 2, classes) if weighted else None
    ignored = -100
    target = rng.dirichlet(np.ones(classes), shape) if kind == "probabilities" else rng.integers(0, classes, shape)
    if kind == "ignored":
        ignored = int(rng.choice([-1, 0, classes + 5]))
        target[rng.random(shape) < 0.4] = ignored
        if (target == ignored).all():
            return

    def theirs(y, target):
        flat = target.reshape(-1, classes) if kind == "probabilities" else target.reshape(-1)
        w = None if weights is None else torch.tensor(weights)
        return functional.cross_entropy(
            y.reshape(-1, classes), flat, weight=w, ignore_index=ignored, label_smoothing=smoothing
        )

    loss = CrossEntropyLoss(
        label_smoothing=smoothing, ignore_index=ignored if kind == "ignored" else None, class_weights=weights
    )
    assert_agree(loss, y, target, theirs)


shapes = st.lists(sizes, min_size=1, max_size=3)


@settings(deadline=None)
@given(shapes, seeds, st.sampled_from([0.3, 1.0, 2.5]))
def test_l1_and_huber_are_those_of_pytorch_summed_and_divided_by_the_rows(shape, seed, delta):
    rng = np.random.default_rng(seed)
    y, target = rng.normal(size=shape) * 3, rng.normal(size=shape)
    rows = shape[0]
    assert_agree(L1Loss(), y, target, lambda y, t: functional.l1_loss(y, t, reduction="sum") / rows)
    assert_agree(HuberLoss(delta=delta), y, target, lambda y, t: functional.huber_loss(y, t, "sum", delta=delta) / rows)


@settings(deadline=None)
@given(shapes, seeds, st.booleans())
def test_binary_cross_entropy_and_kl_divergence_are_those_of_pytorch(shape, seed, hard):
    rng = np.random.default_rng(seed)
    y, target = rng.normal(size=shape) * 5, rng.uniform(size=shape)
    target = np.round(target) if hard else target
    assert_agree(
        BinaryCrossEntropyLoss(),
        y,
        target,
        lambda y, t: functional.binary_cross_entropy_with_logits(y, t, reduction="sum") / shape[0],
    )
    assert_agree(KLDivergenceLoss(), y, target, lambda y, t: functional.kl_div(y, t, reduction="batchmean"))


@settings(deadline=None)
@given(shapes, seeds)
def test_max_norm_is_renorm_of_pytorch(shape, seed):
    weight = Parameter(np.random.default_rng(seed).normal(size=[*shape, 3]))
    wanted = torch.renorm(torch.tensor(weight.value), 2, len(shape), 1.2).numpy()
    MaxNorm([weight], limit=1.2).apply()
    np.testing.assert_allclose(weight.value, wanted, rtol=1e-6)  # PyTorch divides by the length + 1e-7


# Against the truth ---------------------------------------------------------------------------------------------------


def exact_cross_entropy(y, label):
    """Return the loss of one row, its condition number, and its gradient."""
    with mpmath.workprec(200):
        z = [mpmath.mpf(value) for value in y]
        e = [mpmath.exp(value - max(z)) for value in z]
        others = mpmath.fsum(e[:label] + e[label + 1 :])
        total = others + e[label]
        loss = mpmath.log1p(others / e[label])
        gradient = [value / total for value in e]
        gradient[label] = -others / total
        condition = mpmath.fsum(abs(a * b) for a, b in zip(z, gradient, strict=True)) / loss if loss else 0
        return loss, float(condition), gradient


def rows_of_logits(classes):
    rng = np.random.default_rng(classes)
    scales = 10 ** rng.uniform(-3, 2.5, (60, 1))
    return np.vstack([rng.normal(size=(60, classes)) * scales, np.arange(classes) * -40.0, np.zeros(classes)])


def errors_in_ulp(classes):
    """Return the largest error of losses and gradients, in ULP relative to the larger of 1 and the condition."""
    worst_loss = worst_gradient = 0.0
    for number, y in enumerate(rows_of_logits(classes)):
        for label in {0, number % classes, int(y.argmax())}:
            value, cache = CrossEntropyLoss().forward(y[np.newaxis], np.array([label]))
            loss, condition, gradient = exact_cross_entropy(y, label)
            worst_loss = max(worst_loss, float(abs(value - loss)) / np.spacing(float(loss)) / max(1.0, condition))
            for one, true in zip(CrossEntropyLoss().backward(1.0, cache)[0], gradient, strict=True):
                unit = np.spacing(abs(float(true))) * max(1.0, np.abs(y).max())
                worst_gradient = max(worst_gradient, float(abs(one - true)) / unit)
    return worst_loss, worst_gradient


@pytest.mark.parametrize("classes", [2, 3, 10, 31, 32, 100])
def test_cross_entropy_is_within_2_ulp_of_the_truth_and_its_gradient_within_4(classes):
    worst_loss, worst_gradient = errors_in_ulp(classes)
    print(f"{classes} classes: loss {worst_loss:.2f}, gradient {worst_gradient:.2f} ULP")  # noqa: T201
    assert worst_loss <= 2
    assert worst_gradient <= 4


def test_cross_entropies_keep_the_tail_that_pytorch_loses():
    y, target = np.array([[0.0, -40.0]]), np.array([0])
    value, dy, value_theirs, dy_theirs = both(CrossEntropyLoss(), y, target, functional.cross_entropy)
    assert value_theirs == dy_theirs[0, 0] == 0.0
    assert value == pytest.approx(float(mpmath.exp(-40)), rel=1e-15)
    assert dy[0, 0] == pytest.approx(-float(mpmath.exp(-40)), rel=1e-15)
    theirs = functional.binary_cross_entropy_with_logits
    value, dy, value_theirs, dy_theirs = both(BinaryCrossEntropyLoss(), y[:, 1:], np.zeros((1, 1)), theirs)
    assert value == pytest.approx(float(mpmath.exp(-40)), rel=1e-15)
