import numpy as np
import pytest
from hypothesis import strategies as st

from legonet import (
    SGD,
    Add,
    Average,
    Brick,
    Concatenate,
    Linear,
    MSELoss,
    Multiply,
    OptionError,
    Parallel,
    Parameter,
    Residual,
    Sequential,
    ShapeError,
    Sigmoid,
    Tanh,
)
from legonet.testing import brick_test, check_brick
from legonet.training import backpropagate
from strategies import assert_close, fingerprint, freeze, gradients, normal, normals, seeds

_LONGER = "only the first two of the caches are read: those of the bricks, and that of the merge"
_NEEDLESS = "more is computed than needed, and left unused; the gradients of the parameters are the same"

EQUIVALENT = {
    "Parallel.backward: self._backward(dy, caches, lambda brick, dh, cache: brick.backward(dh, cache))"
    " → self._backward(dy, caches * 2, lambda brick, dh, cache: brick.backward(dh, cache))": _LONGER,
    "Parallel.backward_parameters:"
    " self._backward(dy, caches, lambda brick, dh, cache: brick.backward_parameters(dh, cache))"
    " → self._backward(dy, caches * 2, lambda brick, dh, cache: brick.backward_parameters(dh, cache))": _LONGER,
    "Parallel.backward_parameters: brick.backward_parameters → brick.backward": _NEEDLESS,
    "Parallel._backward: dx if dh is None else plus(dx, run(brick, dh, cache))"
    " → dx if False else plus(dx, run(brick, dh, cache))": "a merge that leaves a gradient out has a test below",
    "Parallel._backward: True → False": "there are as many of each",
}

MERGES = [Add(), Average(), Multiply(), Concatenate()]


@st.composite
def cases(draw, dtype=np.float64):
    x = draw(normals(dtype))
    width, bricks = draw(st.sampled_from([0, 1, 3, x.shape[1], x.shape[1]])), []
    for kind in draw(st.lists(st.sampled_from(["linear", "chain", "tanh", "tanh"]), min_size=1, max_size=3)):
        linear = Linear(x.shape[1], width, rng=draw(seeds), dtype=dtype)
        if kind == "tanh" and width == x.shape[1]:
            bricks.append(Tanh())
        else:
            bricks.append(linear if kind == "linear" else Sequential(Tanh(), linear))
    return Parallel(*bricks, merge=draw(st.sampled_from(MERGES))), (x,)


def two_branches(n, m, rng, merge):
    return Parallel(Linear(n, m, rng=rng), Sequential(Linear(n, m, rng=rng), Tanh()), merge=merge)


test_its_derivative = brick_test(two_branches, "(batch, n)", options={"merge": MERGES}, independent_rows=True)


class Gate(Brick):
    """A merge of one's own, with a parameter: y = s a b."""

    def __init__(self):
        self.scale = Parameter(np.array([2.0]))

    def forward(self, a, b):
        return self.scale.value * a * b, (a, b)

    def backward(self, dy, cache):
        a, b = cache
        self.scale.grad += (dy * a * b).sum()
        return self.scale.value * dy * b, self.scale.value * dy * a


class Lookup(Brick):
    """Rows by whole numbers, without a gradient by its input."""

    def __init__(self):
        self.table = Parameter(normal(3, 2))

    def forward(self, indices):
        return self.table.value[indices], indices

    def backward(self, dy, indices):
        np.add.at(self.table.grad, indices, dy)


def test_the_numbers_worked_by_hand():
    double, triple = (Linear(1, 1, weight=np.array([[factor]])) for factor in (2.0, 3.0))
    y, cache = Parallel(double, triple, merge=Multiply()).forward(np.array([[5.0]]))
    assert y.tolist() == [[150.0]]  # 10 · 15
    dx = Parallel(double, triple, merge=Multiply()).backward(np.array([[1.0]]), cache)
    assert dx.tolist() == [[60.0]]  # 15 · 2 + 10 · 3, the slope of 6 x²
    assert double.weight.grad.tolist() == [[75.0]]  # 15 · 5
    assert triple.weight.grad.tolist() == [[50.0]]  # 10 · 5


def test_without_a_merge_the_outputs_are_added():
    x = normal(4, 3)
    np.testing.assert_array_equal(Parallel(Tanh(), Sigmoid())(x), Tanh()(x) + Sigmoid()(x))


def test_an_empty_chain_beside_a_brick_is_a_residual():
    linear, x, dy = Linear(3, 3, rng=0), normal(4, 3), normal(4, 3, seed=1)
    results = []
    for net in (Parallel(linear, Sequential()), Residual(linear)):
        y, cache = net.forward(x)
        results.append([y, net(x), net.backward(dy, cache), *gradients(linear)])
    assert_close(*results, 0)


def test_a_merge_of_ones_own_with_parameters_is_trained_as_well():
    x = normal(4, 3)
    check_brick(Parallel(Tanh(), Sigmoid(), merge=Gate()), x)
    net = Parallel(Tanh(), Linear(3, 3, rng=0), merge=Gate())
    check_brick(net, x)
    assert [name for name, _ in net.named_parameters()] == ["bricks.1.weight", "bricks.1.bias", "merge.scale"]


def test_bricks_without_an_input_gradient_give_none():
    net, indices = Parallel(Lookup(), Lookup()), np.array([0, 2, 2])
    check_brick(net, indices)
    assert net.backward(normal(3, 2), net.forward(indices)[1]) is None


def test_a_branch_that_the_merge_gives_no_gradient_is_left_out():
    class First(Brick):
        def forward(self, a, b):
            return a, None

        def backward(self, dy, cache):
            return dy, None

    net, x, dy = Parallel(Tanh(), Linear(3, 3), merge=First()), normal(4, 3), normal(4, 3, seed=1)
    np.testing.assert_array_equal(net.backward(dy, net.forward(x)[1]), Tanh().backward(dy, np.tanh(x)))
    assert not any(gradient.any() for gradient in gradients(net))


def test_the_gradient_by_x_is_a_new_array_and_nothing_is_written_into():
    net, x, dy = Parallel(Sequential(), Sequential(), merge=Average()), normal(3, 2), normal(3, 2, seed=1)
    freeze(x, dy)
    before = fingerprint(x, dy)
    dx = net.backward(dy, net.forward(x)[1])
    assert not np.shares_memory(dx, dy)
    assert fingerprint(x, dy) == before


def test_a_shared_brick_gets_the_gradients_of_both_branches():
    linear, x = Linear(2, 2, rng=0), normal(3, 2)
    net = Parallel(linear, Sequential(Tanh(), linear), merge=Multiply())
    check_brick(net, x)
    assert len(net.parameters()) == 2


class Counted(Tanh):
    """Writes down each backward."""

    def __init__(self):
        self.calls = []

    def backward(self, dy, y):
        self.calls.append("backward")
        return super().backward(dy, y)


def test_training_computes_nothing_where_no_parameter_is_below():
    free, below = Counted(), Counted()
    net, x = Parallel(free, Sequential(below, Linear(3, 3, rng=0))), normal(4, 3)
    y, cache = net.forward(x)
    net.backward_parameters(y, cache)
    assert free.calls == below.calls == []
    assert gradients(net)[0].any()


def test_it_learns():
    rng = np.random.default_rng(0)
    net = Sequential(
        Parallel(Sequential(Linear(2, 8, rng=rng), Tanh()), Linear(2, 2, rng=rng), merge=Concatenate()),
        Linear(10, 1, rng=rng),
    )
    x = normal(64, 2)
    target, sgd = x[:, :1] * x[:, 1:], SGD(net.parameters(), lr=0.1)
    first = backpropagate(net, MSELoss(), x, target).loss
    for _ in range(1000):
        sgd.step()
        last = backpropagate(net, MSELoss(), x, target).loss
    assert last < first / 5


def test_an_error_on_the_way_up_says_at_which_brick():
    net = Parallel(Tanh(), Sequential(Linear(5, 2)))
    for run in (net.forward, net):
        with pytest.raises(ShapeError, match=r"Linear\(5, 2\) needs x") as caught:
            run(normal(4, 3))
        assert caught.value.__notes__ == [
            "  in Sequential[0]: Linear(5, 2)",
            "  in Parallel[1]: Sequential(Linear(5, 2))",
        ]


def test_outputs_that_do_not_fit_together_are_an_error_of_the_merge():
    net = Parallel(Tanh(), Linear(3, 2))
    for run in (net.forward, net):
        with pytest.raises(
            ShapeError, match=r"Add\(\) needs x1 of shape \(4, 3\), but x1 has shape \(4, 2\)"
        ) as caught:
            run(normal(4, 3))
        assert caught.value.__notes__ == ["  in Parallel[merge]: Add()"]


@pytest.mark.parametrize("method", ["backward", "backward_parameters"])
def test_an_error_on_the_way_down_says_at_which_brick(method):
    net = Parallel(Linear(3, 2, rng=0), Linear(3, 2, rng=0))
    y, (caches, merge_cache) = net.forward(normal(4, 3))
    with pytest.raises(ShapeError, match=r"Add\(\) needs dy of shape \(4, 2\)") as caught:
        getattr(net, method)(y[:3], (caches, merge_cache))
    assert caught.value.__notes__ == ["  in Parallel[merge]: Add()"]
    with pytest.raises(ShapeError, match=r"Linear\(3, 2\) needs dy of shape \(3, 2\)") as caught:
        getattr(net, method)(y, ([caches[0], caches[1][:3]], merge_cache))
    assert caught.value.__notes__ == ["  in Parallel[1]: Linear(3, 2)"]


@pytest.mark.parametrize(
    ("arguments", "merge", "told"),
    [
        ((), Add(), "got none"),
        ((Tanh(), 3), Add(), "number 1 is 3"),
        ((Tanh, Tanh()), Add(), "number 0 is <class"),
        ((Tanh(),), None, "merge is None"),
        ((Tanh(),), "sum", "merge is 'sum'"),
    ],
)
def test_what_is_no_brick_is_refused(arguments, merge, told):
    with pytest.raises(OptionError, match=f"Parallel needs bricks, as in .*, but {told}"):
        Parallel(*arguments, merge=merge)


def test_it_prints_as_it_is_written_and_as_a_table():
    net = Parallel(Sequential(Linear(2, 3), Tanh()), Linear(2, 3, bias=False), merge=Multiply())
    assert repr(net) == "Parallel(Sequential(Linear(2, 3), Tanh()), Linear(2, 3, bias=False), merge=Multiply())"
    assert str(net).splitlines() == [
        "Parallel: 15 parameters",
        "  [0] Sequential                9",
        "      [0] Linear(2, 3)          9  weight (2, 3), bias (3,)",
        "      [1] Tanh()                0",
        "  [1] Linear(2, 3, bias=False)  6  weight (2, 3)",
        "  [merge] Multiply()            0",
    ]
