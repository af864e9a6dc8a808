import numpy as np
import pytest

from legonet import LSTM
from legonet.testing import Integers, brick_test
from strategies import recurrent_cases

cases = recurrent_cases(LSTM)

_THIRD = "of four blocks, the third is also the last but one"
_VECTOR = "a vector is its own transpose"

EQUIVALENT = {
    "LSTM._back_in_time: 2 * len(U) → -2 * len(U)": _THIRD,
    "LSTM._back_in_time: 2 * len(U) → 2 * -len(U)": _THIRD,
    "LSTM._back_in_time: np.zeros_like(h[0]) → h[0]": "the first state is zero",
    "LSTM._back_in_time: 0 → -1": "only its shape is used",
    "LSTM._back_in_time: np.zeros_like(c[0]) → c[0]": "the first state is zero",
    "LSTM._back_in_time: 0 → -1 (2)": "only its shape is used",
    "LSTM._add_gradients: self.bias.grad += ones(time * batch, h.dtype).dot(rows(da))"
    " → self.bias.grad += ones(time * batch, h.dtype).dot(rows(da)).T": _VECTOR,
    "LSTM._add_gradients: ones(time * batch, h.dtype).dot(rows(da))"
    " → ones(time * batch, h.dtype).T.dot(rows(da))": _VECTOR,
}

MASK = Integers("(batch, time)", below=2, dtype=bool)
SIZES = {"time": (0, 3)}

test_its_derivative = brick_test(LSTM, "(batch, time, in_features)", sizes=SIZES, independent_rows=True)
test_its_derivative_with_a_mask = brick_test(
    LSTM, "(batch, time, in_features)", MASK, sizes=SIZES, independent_rows=True
)


def test_the_numbers_worked_by_hand():
    # Without weights, and with biases that give the gates i = 1/2, f = 2/3, o = 3/4 and g = 1/2.
    bias = np.array([0.0, np.log(2.0), np.arctanh(0.5), np.log(3.0)])
    lstm = LSTM(1, 1, input_weight=np.zeros((1, 4)), hidden_weight=np.zeros((1, 4)), bias=bias)
    y, cache = lstm.forward(np.zeros((1, 2, 1)))
    c1, c2 = 1 / 4, 2 / 3 * 1 / 4 + 1 / 4
    np.testing.assert_allclose(y, [[[0.75 * np.tanh(c1)], [0.75 * np.tanh(c2)]]], rtol=1e-14)
    dx = lstm.backward(np.array([[[0.0], [1.0]]]), cache)
    assert dx.tolist() == [[[0.0], [0.0]]]
    dc2 = 0.75 * (1 - np.tanh(c2) ** 2)
    dc1 = dc2 * 2 / 3
    da = [(dc1 + dc2) / 2 / 4, dc2 * c1 * 2 / 9, (dc1 + dc2) / 2 * 3 / 4, np.tanh(c2) * 3 / 16]
    np.testing.assert_allclose(lstm.bias.grad, da, rtol=1e-14)


def test_open_gates_keep_what_the_cell_holds_and_its_gradient():
    # i opens for x = 1 and is shut for x = 0; f and o are open; g is 1: the cell counts.
    big = 1000.0
    weight, bias = np.array([[2 * big, 0.0, 0.0, 0.0]]), np.array([-big, big, big, big])
    lstm = LSTM(1, 1, input_weight=weight, hidden_weight=np.zeros((1, 4)), bias=bias)
    x = np.array([[[1.0], [0.0], [0.0], [1.0], [0.0]]])
    y, cache = lstm.forward(x)
    np.testing.assert_allclose(np.arctanh(y)[0, :, 0], [1, 1, 1, 2, 2], rtol=1e-13)
    lstm.backward(np.ones_like(y), cache)
    assert lstm.input_weight.grad.tolist() == [[0.0, 0.0, 0.0, 0.0]]  # all gates are saturated


def test_the_states_are_those_of_the_formulas_written_out():
    rng = np.random.default_rng(0)
    lstm, x = LSTM(2, 3, rng=rng, bias=lambda rng, shape: rng.normal(size=shape)), rng.normal(size=(2, 4, 2))
    W, U, b = (np.split(parameter.value, 4, axis=-1) for parameter in lstm.parameters())
    h, c = np.zeros((2, 3)), np.zeros((2, 3))
    for t, y in enumerate(lstm(x).swapaxes(0, 1)):
        i, f, g, o = (x[:, t] @ W[k] + h @ U[k] + b[k] for k in range(4))
        c = c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
        h = np.tanh(c) / (1 + np.exp(-o))
        np.testing.assert_allclose(y, h, rtol=0, atol=1e-15)


@pytest.mark.parametrize("hidden", [0, 1, 3])
def test_at_the_start_the_cells_remember(hidden):
    assert LSTM(2, hidden).bias.value.tolist() == [0.0] * hidden + [1.0] * hidden + [0.0] * 2 * hidden
