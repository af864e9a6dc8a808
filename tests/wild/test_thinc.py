"""Thinc: its wrong gradients are found, and its others pass."""

import numpy as np
import pytest

from legonet import OptionError
from legonet.interop import from_thinc
from legonet.testing import check_brick
from wild.findings import TARGETS, X, thinc_loss, thinc_model

thinc = pytest.importorskip("thinc.api")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

RIGHT = {
    "Linear": lambda t: t.Linear(2, 3),
    "Sigmoid": lambda t: t.Sigmoid(2, 3),
    "Relu": lambda t: t.Relu(2, 3),
    "Maxout": lambda t: t.Maxout(2, 3),
    "Mish": lambda t: t.Mish(2, 3),
    "Swish": lambda t: t.Swish(2, 3),
    "HardSwish": lambda t: t.HardSwish(2, 3),
    "LayerNorm": lambda t: t.LayerNorm(3),
    "softmax_activation": lambda t: t.softmax_activation(),
    "Dropout": lambda t: t.Dropout(0.5),
    "chain": lambda t: t.chain(t.Linear(4, 3), t.Relu(2, 4)),
    "concatenate": lambda t: t.concatenate(t.Sigmoid(2, 3), t.Linear(2, 3)),
    "residual": lambda t: t.residual(t.Linear(3, 3)),
    "add(Linear, Linear)": lambda t: t.add(t.Linear(2, 3), t.Linear(2, 3)),
}


@pytest.mark.parametrize("make", RIGHT.values(), ids=RIGHT)
def test_right_layers_pass(make):
    check_brick(thinc_model(make), X)


def test_a_right_loss_passes():
    check_brick(thinc_loss("CosineDistance"), X, TARGETS)


def test_parameters_are_called_after_their_models():
    brick = thinc_model(lambda t: t.add(t.Linear(2, 3), t.Linear(2, 3)))
    assert [name for name, _ in brick.named_parameters()] == ["linear.W", "linear.b", "2.linear.W", "2.linear.b"]
    assert repr(thinc_model(lambda t: t.Relu(2, 3))) == "from_thinc(relu)"


def test_gradients_add_up_and_float32_is_kept():
    brick = thinc_model(lambda t: t.Linear(2, 3))
    for _ in range(2):
        y, cache = brick.forward(X.astype(np.float32))
        dx = brick.backward(np.ones_like(y), cache)
    assert dict(brick.named_parameters())["linear.b"].grad.tolist() == [8.0, 8.0]
    assert y.dtype == dx.dtype == np.float32


def test_misuse_is_refused():
    with pytest.raises(OptionError, match=r"needs a thinc.api.Model, but got 3"):
        from_thinc(3)
    with pytest.raises(OptionError, match="needs an initialized model, but linear has no W yet"):
        from_thinc(thinc.Linear())
