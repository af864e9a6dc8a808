import numpy as np
import pytest
from hypothesis import strategies as st

from legonet import SGD, Brick, DtypeError, Linear, MSELoss, OptionError, Residual, Sequential, ShapeError, Tanh
from legonet.testing import brick_test, check_brick
from legonet.training import backpropagate
from strategies import fingerprint, freeze, gradients, normal, normals, seeds, sizes

_LONGER = "only as many caches as bricks are read, from the front"
_NEEDLESS = "more is computed than needed, and left unused; the gradients of the parameters are the same"

EQUIVALENT = {
    "Residual.backward: self.brick.backward(dy, caches[0]) → self.brick.backward(dy, caches[0] * 2)": _LONGER,
    "Residual.backward_parameters: brick.backward_parameters → brick.backward": _NEEDLESS,
}


@st.composite
def cases(draw, dtype=np.float64):
    x = draw(normals(dtype))
    width = draw(sizes) if draw(st.booleans()) else x.shape[1]
    inside = Sequential(Linear(x.shape[1], width, rng=draw(seeds), dtype=dtype), Tanh())
    plain = width == x.shape[1] and draw(st.booleans())
    return Residual(inside, None if plain else Linear(x.shape[1], width, rng=draw(seeds), dtype=dtype)), (x,)


def block(n, hidden, rng):
    return Residual(Sequential(Linear(n, hidden, rng=rng), Tanh(), Linear(hidden, n, rng=rng)))


def projected(n, outputs, rng):
    return Residual(Sequential(Linear(n, outputs, rng=rng), Tanh()), Linear(n, outputs, bias=False, rng=rng))


test_its_derivative = brick_test(block, "(batch, n)", independent_rows=True)
test_its_derivative_with_a_projection = brick_test(projected, "(batch, n)", independent_rows=True)
test_residuals_nest = brick_test(lambda n, rng: Residual(Residual(block(n, 2, rng))), "(batch, n)")


def test_the_numbers_worked_by_hand():
    net = Residual(Linear(2, 2, weight=np.array([[1.0, 2.0], [3.0, 4.0]]), bias=np.array([0.5, -0.5])))
    y, cache = net.forward(np.array([[1.0, -1.0]]))
    assert y.tolist() == [[-0.5, -3.5]]  # [-2 + 0.5, -2 - 0.5] + [1, -1]
    assert net.backward(np.array([[10.0, 1.0]]), cache).tolist() == [[22.0, 35.0]]  # [12, 34] + [10, 1]
    assert net.brick.weight.grad.tolist() == [[10.0, 1.0], [-10.0, -1.0]]


def test_a_shared_brick_gets_the_gradients_of_both_branches():
    linear = Linear(2, 2, rng=0)
    x, dy = normal(3, 2), normal(3, 2, seed=1)
    check_brick(Residual(linear, linear), x)
    twice = Residual(linear, linear)
    twice.backward(dy, twice.forward(x)[1])
    both, cache = gradients(linear)[0], linear.forward(x)[1]
    linear.backward(2 * dy, cache)
    np.testing.assert_allclose(both, linear.weight.grad)


def test_an_upstream_gradient_is_neither_written_into_nor_handed_out():
    net = Residual(Tanh())
    x, dy = normal(3, 2), normal(3, 2, seed=1)
    freeze(x, dy)
    before = fingerprint(x, dy)
    dx = net.backward(dy, net.forward(x)[1])
    assert not np.shares_memory(dx, dy)
    assert fingerprint(x, dy) == before


def test_training_needs_no_gradient_by_the_data():
    rng = np.random.default_rng(0)
    net, x = Sequential(Linear(2, 4, rng=rng), block(4, 8, rng), Linear(4, 1, rng=rng)), normal(64, 2)
    target, sgd = x[:, :1] * x[:, 1:], SGD(net.parameters(), lr=0.1)
    first = backpropagate(net, MSELoss(), x, target).loss
    for _ in range(500):
        sgd.step()
        last = backpropagate(net, MSELoss(), x, target).loss
    assert last < first / 5


def test_parameters_have_the_names_of_the_branches():
    names = [name for name, _ in projected(2, 3, np.random.default_rng(0)).named_parameters()]
    assert names == ["brick.bricks.0.weight", "brick.bricks.0.bias", "projection.weight"]


@pytest.mark.parametrize("call", [Residual.forward, Residual.__call__])
def test_another_shape_than_the_shortcut_is_refused(call):
    with pytest.raises(ShapeError, match=r"Linear\(2, 3\) gives \(4, 3\): give a projection"):
        call(Residual(Linear(2, 3)), normal(4, 2))
    with pytest.raises(ShapeError, match=r"needs f\(x\) of the shape of the shortcut, \(4, 1\), but Tanh\(\) gives"):
        call(Residual(Tanh(), Linear(2, 1)), normal(4, 2))


class Wider(Brick):
    def forward(self, x):
        return x.astype(np.float64), None

    def backward(self, dy, cache):
        raise AssertionError


@pytest.mark.parametrize("call", [Residual.forward, Residual.__call__])
@pytest.mark.parametrize(("branches", "shortcut"), [((Wider(),), "float32"), ((Tanh(), Wider()), "float64")])
def test_another_dtype_than_that_of_the_shortcut_is_refused(call, branches, shortcut):
    words = rf"Residual\(.*\) needs f\(x\) of dtype {shortcut}, but f\(x\) has dtype float"
    with pytest.raises(DtypeError, match=words):
        call(Residual(*branches), normal(4, 2, dtype=np.float32))


class Several(Wider):
    def forward(self, x):
        return (x, x), None


@pytest.mark.parametrize("call", [Residual.forward, Residual.__call__])
def test_what_cannot_be_added_is_refused(call):
    with pytest.raises(DtypeError, match=r"Residual\(Sequential\(\)\) needs x of a floating-point dtype"):
        call(Residual(Sequential()), np.ones((4, 2), int))
    with pytest.raises(DtypeError, match=r"Residual\(.*\) needs f\(x\) as a NumPy array, but f\(x\) is a tuple"):
        call(Residual(Several()), normal(4, 2))
    with pytest.raises(DtypeError, match=r"Residual\(.*\) needs p\(x\) as a NumPy array, but p\(x\) is a tuple"):
        call(Residual(Tanh(), Several()), normal(4, 2))


def test_the_other_byte_order_is_taken_as_by_other_bricks():
    x = normal(4, 2).astype(">f8")
    np.testing.assert_array_equal(Residual(Tanh())(x), Residual(Tanh())(normal(4, 2)))


@pytest.mark.parametrize(("arguments", "name"), [((3,), "brick"), ((None,), "brick"), ((Tanh(), 3), "projection")])
def test_what_is_no_brick_is_refused(arguments, name):
    with pytest.raises(OptionError, match=f"Residual needs a brick as {name}, but got {arguments[-1]}"):
        Residual(*arguments)


def test_it_prints_as_it_is_written_and_as_a_table():
    net = Residual(Sequential(Linear(2, 3), Tanh()), Linear(2, 3, bias=False))
    assert repr(net) == "Residual(Sequential(Linear(2, 3), Tanh()), Linear(2, 3, bias=False))"
    assert str(net).splitlines() == [
        "Residual: 15 parameters",
        "  [0] Sequential                9",
        "      [0] Linear(2, 3)          9  weight (2, 3), bias (3,)",
        "      [1] Tanh()                0",
        "  [1] Linear(2, 3, bias=False)  6  weight (2, 3)",
    ]
