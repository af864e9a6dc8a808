"""The losses against PyTorch, and against mpmath where it matters. Run it with ``pytest tests/oracle``."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from legonet import CrossEntropyLoss

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
