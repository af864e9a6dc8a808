import numpy as np

from legonet import RNN
from legonet.testing import Integers, brick_test
from strategies import recurrent_cases

cases = recurrent_cases(RNN)

_ZERO = "zero times any number is zero"
_VECTOR = "a vector is its own transpose"

EQUIVALENT = {
    "RNN._back_in_time: dh = np.zeros_like(h[0]) → dh = -np.zeros_like(h[0])": _ZERO,
    "RNN._back_in_time: dh = np.zeros_like(h[0]) → dh = np.zeros_like(h[0]) * 2": _ZERO,
    "RNN._back_in_time: dh = np.zeros_like(h[0]) → dh = np.zeros_like(h[0]) * 0.5": _ZERO,
    "RNN._back_in_time: np.zeros_like(h[0]) → h[0]": "the first state is zero",
    "RNN._back_in_time: 0 → -1": "only its shape is used",
    "RNN._add_gradients: self.bias.grad += ones(time * batch, h.dtype).dot(rows(da))"
    " → self.bias.grad += ones(time * batch, h.dtype).dot(rows(da)).T": _VECTOR,
    "RNN._add_gradients: ones(time * batch, h.dtype).dot(rows(da))"
    " → ones(time * batch, h.dtype).T.dot(rows(da))": _VECTOR,
}

MASK = Integers("(batch, time)", below=2, dtype=bool)
SIZES = {"time": (0, 3)}

test_its_derivative = brick_test(RNN, "(batch, time, in_features)", sizes=SIZES, independent_rows=True)
test_its_derivative_with_a_mask = brick_test(
    RNN, "(batch, time, in_features)", MASK, sizes=SIZES, independent_rows=True
)


def test_the_numbers_worked_by_hand():
    half = np.arctanh(0.5)
    rnn = RNN(1, 1, input_weight=np.array([[half]]), hidden_weight=np.array([[2.0]]), bias=np.array([0.0]))
    y, cache = rnn.forward(np.array([[[1.0], [-1.0 / half]]]))
    np.testing.assert_allclose(y, [[[0.5], [0.0]]], atol=1e-15)  # tanh(half) = 0.5, tanh(-1 + 2 * 0.5) = 0
    dx = rnn.backward(np.array([[[10.0], [1.0]]]), cache)  # da_2 = 1 * (1 - 0), da_1 = (10 + 2 * 1) * (1 - 0.25)
    np.testing.assert_allclose(dx, [[[9.0 * half], [half]]], rtol=1e-14)
    np.testing.assert_allclose(rnn.input_weight.grad, [[9.0 - 1.0 / half]], rtol=1e-14)
    np.testing.assert_allclose(rnn.hidden_weight.grad, [[0.5]], rtol=1e-14)
    np.testing.assert_allclose(rnn.bias.grad, [10.0], rtol=1e-14)


def test_the_states_are_tanh_of_sums_written_out():
    rng = np.random.default_rng(0)
    rnn, x = RNN(2, 3, rng=rng, bias=lambda rng, shape: rng.normal(size=shape)), rng.normal(size=(2, 4, 2))
    W, U, b = (parameter.value for parameter in rnn.parameters())
    h = np.zeros((2, 3))
    for t, y in enumerate(rnn(x).swapaxes(0, 1)):
        h = np.tanh(x[:, t] @ W + h @ U + b)
        np.testing.assert_allclose(y, h, rtol=0, atol=1e-15)
