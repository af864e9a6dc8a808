import numpy as np

from legonet import GRU
from legonet.testing import Integers, brick_test
from strategies import recurrent_cases

cases = recurrent_cases(GRU)

_ZERO = "zero times any number is zero"
_VECTOR = "a vector is its own transpose"

EQUIVALENT = {
    "GRU._back_in_time: dh = np.zeros_like(h[0]) → dh = -np.zeros_like(h[0])": _ZERO,
    "GRU._back_in_time: dh = np.zeros_like(h[0]) → dh = np.zeros_like(h[0]) * 2": _ZERO,
    "GRU._back_in_time: dh = np.zeros_like(h[0]) → dh = np.zeros_like(h[0]) * 0.5": _ZERO,
    "GRU._back_in_time: np.zeros_like(h[0]) → h[0]": "the first state is zero",
    "GRU._back_in_time: 0 → -1": "only its shape is used",
    "GRU._add_gradients: self.bias.grad += ones(time * batch, h.dtype).dot(rows(da))"
    " → self.bias.grad += ones(time * batch, h.dtype).dot(rows(da)).T": _VECTOR,
    "GRU._add_gradients: ones(time * batch, h.dtype).dot(rows(da))"
    " → ones(time * batch, h.dtype).T.dot(rows(da))": _VECTOR,
}

MASK = Integers("(batch, time)", below=2, dtype=bool)
SIZES = {"time": (0, 3)}

test_its_derivative = brick_test(GRU, "(batch, time, in_features)", sizes=SIZES, independent_rows=True)
test_its_derivative_with_a_mask = brick_test(
    GRU, "(batch, time, in_features)", MASK, sizes=SIZES, independent_rows=True
)


def test_the_numbers_worked_by_hand():
    # Without weights, and with biases that give r = 1/2, z = 3/4 and n = 1/2.
    gru = GRU(
        1,
        1,
        input_weight=np.zeros((1, 3)),
        hidden_weight=np.zeros((1, 3)),
        bias=np.array([0.0, np.log(3.0), np.arctanh(0.5)]),
    )
    y, cache = gru.forward(np.zeros((1, 2, 1)))
    np.testing.assert_allclose(y, [[[1 / 8], [1 / 8 + 3 / 32]]], rtol=1e-14)
    dx = gru.backward(np.array([[[0.0], [1.0]]]), cache)
    assert dx.tolist() == [[[0.0], [0.0]]]
    # dh_2 = 1, dh_1 = 3/4; dn = dh (1 - z)(1 - n²), dz = dh (h - n) z (1 - z) with h = 1/8 and 0
    dz = (1 / 8 - 1 / 2) * 3 / 16 + 3 / 4 * (0 - 1 / 2) * 3 / 16
    np.testing.assert_allclose(gru.bias.grad, [0.0, dz, (1 + 3 / 4) * 1 / 4 * 3 / 4], rtol=1e-14)


def test_the_reset_gate_multiplies_after_the_weight_and_leaves_the_bias_out():
    rng = np.random.default_rng(0)
    gru, x = GRU(2, 3, rng=rng, bias=lambda rng, shape: rng.normal(size=shape)), rng.normal(size=(2, 4, 2))
    W, U, b = (np.split(parameter.value, 3, axis=-1) for parameter in gru.parameters())
    h = np.zeros((2, 3))
    for t, y in enumerate(gru(x).swapaxes(0, 1)):
        r, z = (1 / (1 + np.exp(-(x[:, t] @ W[k] + h @ U[k] + b[k]))) for k in range(2))
        n = np.tanh(x[:, t] @ W[2] + b[2] + r * (h @ U[2]))
        h = (1 - z) * n + z * h
        np.testing.assert_allclose(y, h, rtol=0, atol=1e-15)
