import itertools
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from legonet import SGD, Brick, Linear, MSELoss, Parameter, Sequential, ShapeError, Sigmoid, Tanh
from legonet.training import backpropagate
from strategies import assert_close, gradients, like, normal, normals, seeds, sizes

_NOTE_ONLY = "from here on it is read for the note on an error alone"
_LONGER = "only as many caches as bricks are read, from the front"
_NEEDLESS = "more is computed than needed, and left unused; the gradients of the parameters are the same"

_NONE_BELOW = "there is no brick before number 0: it finds 0 as well"

EQUIVALENT = {
    "Sequential.backward: self._backward(dy, caches, lowest=-1) → self._backward(dy, caches * 2, lowest=-1)": _LONGER,
    "Sequential.backward_parameters: self._backward(dy, caches, lowest)"
    " → self._backward(dy, caches * 2, lowest)": _LONGER,
    "Sequential.backward_parameters: if lowest > 0: → if True:": _NONE_BELOW,
    "Sequential.backward_parameters: lowest > 0 → lowest >= 0": _NONE_BELOW,
    "Sequential.backward_parameters: 0 → -1": _NONE_BELOW,
    "Sequential.backward_parameters: 0 → 1": "a brick 0 that gets its parameters later has a test below",
    "Sequential._backward: place - 1 → place * 2 - 1": _NEEDLESS,
    "Sequential._backward: place = lowest → place = -lowest": _NOTE_ONLY,
    "Sequential._backward: place = lowest → place = lowest * 2": _NOTE_ONLY,
    "Sequential._backward: place = lowest → place = lowest * 0.5": _NOTE_ONLY,
    "Sequential._backward: lowest → dy (3)": _NOTE_ONLY,
    "Sequential._backward: lowest → caches (3)": _NOTE_ONLY,
    "Sequential._backward: self.bricks[lowest].backward_parameters → self.bricks[lowest].backward": _NEEDLESS,
}


@st.composite
def cases(draw, dtype=np.float64):
    """Draw a chain that may be empty, and may hold chains."""
    x = draw(normals(dtype))
    width, bricks = x.shape[1], []
    for kind in draw(st.lists(st.sampled_from([Linear, Sigmoid, Tanh, Sequential]), max_size=4)):
        if kind is Linear:
            bricks.append(Linear(width, width := draw(sizes), rng=draw(seeds), dtype=dtype))
        elif kind is Sequential:
            inside = Linear(width, width := draw(sizes), rng=draw(seeds), dtype=dtype)
            bricks.append(Sequential(inside, draw(st.sampled_from([Sigmoid(), Tanh(), Sequential()]))))
        else:
            bricks.append(kind())
    return Sequential(*bricks), (x,)


class Spy(Brick):
    """Does what the brick inside it does, and writes down each call, what it was handed and what it gave."""

    def __init__(self, inside, calls):
        self.inside, self.calls = inside, calls

    def __repr__(self):
        return f"Spy({self.inside!r})"

    def forward(self, x):
        y, cache = self.inside.forward(x)
        self.calls.append((self, "forward", x, y))
        return y, cache

    def backward(self, dy, cache):
        dx = self.inside.backward(dy, cache)
        self.calls.append((self, "backward", dy, dx))
        return dx

    def backward_parameters(self, dy, cache):
        self.inside.backward_parameters(dy, cache)
        self.calls.append((self, "backward_parameters", dy, None))


def watched(*bricks):
    calls = []
    return Sequential(*(Spy(brick, calls) for brick in bricks)), calls


def bricks():
    rng = np.random.default_rng(0)
    return [Linear(3, 4, rng=rng), Sigmoid(), Linear(4, 2, rng=rng), Tanh()]


def test_forward_hands_the_output_of_each_brick_to_the_next_one():
    first, second, third, fourth = bricks()
    x = normal(5, 3)
    y, _ = Sequential(first, second, third, fourth).forward(x)
    np.testing.assert_array_equal(y, fourth(third(second(first(x)))))


def test_backward_calls_each_brick_once_and_hands_on_the_very_array_that_it_got():
    net, calls = watched(*bricks())
    y, caches = net.forward(normal(5, 3))
    calls.clear()
    dy = np.ones_like(y)
    dx = net.backward(dy, caches)
    assert [(spy, what) for spy, what, *_ in calls] == [(spy, "backward") for spy in reversed(net.bricks)]
    given_to, returned = ([call[place] for call in calls] for place in (2, 3))
    assert all(one is other for one, other in zip(given_to, [dy, *returned], strict=False))
    assert dx is returned[-1]


def test_called_it_calls_its_bricks_which_may_do_something_else_than_in_training():
    class Noise(Brick):
        def forward(self, x):
            return x + 1000.0, None

        def backward(self, dy, cache):
            return dy

        def __call__(self, x):
            return x

    x = normal(5, 3)
    np.testing.assert_array_equal(Sequential(Noise(), Sequential(Noise()))(x), x)
    np.testing.assert_array_equal(Sequential(Noise(), Sequential(Noise())).forward(x)[0], x + 1000.0 + 1000.0)


def test_training_calls_each_brick_once_and_the_lowest_one_for_its_parameters_only():
    net, calls = watched(*bricks())
    y, caches = net.forward(normal(5, 3))
    calls.clear()
    net.backward_parameters(np.ones_like(y), caches)
    assert [what for _, what, *_ in calls] == ["backward", "backward", "backward", "backward_parameters"]
    assert [spy for spy, *_ in calls] == list(reversed(net.bricks))


def test_training_runs_nothing_below_the_first_parameter():
    net, calls = watched(Sigmoid(), Sequential(Tanh()), *bricks())
    y, caches = net.forward(normal(5, 3))
    calls.clear()
    net.backward_parameters(np.ones_like(y), caches)
    assert [spy for spy, *_ in calls] == list(reversed(net.bricks[2:]))


def test_training_of_a_nested_network_does_not_compute_the_input_gradient_either():
    inside, calls = watched(Tanh(), *bricks())
    net = Sequential(Sigmoid(), inside, Sigmoid())
    y, caches = net.forward(normal(5, 3))
    calls.clear()
    net.backward_parameters(np.ones_like(y), caches)
    assert [what for _, what, *_ in calls] == ["backward", "backward", "backward", "backward_parameters"]


def test_training_without_any_parameter_runs_nothing():
    net, calls = watched(Sigmoid(), Tanh())
    y, caches = net.forward(normal(5, 3))
    calls.clear()
    net.backward_parameters(np.ones_like(y), caches)
    assert calls == []


@given(cases())
def test_training_adds_the_same_gradients_as_the_whole_backward_pass(case):
    net, (x,) = case
    y, caches = net.forward(x)
    net.backward(like(y), caches)
    whole = gradients(net)
    net.backward_parameters(like(y), caches)
    assert_close(gradients(net), whole, 0)


@given(st.integers(0, 4), st.integers(0, 4))
def test_nesting_changes_nothing(start, stop):
    flat, inside = Sequential(*bricks()), bricks()
    nested = Sequential(*inside[:start], Sequential(*inside[start:stop]), *inside[max(start, stop) :])
    results = []
    for net in (flat, nested):
        y, caches = net.forward(normal(5, 3))
        results.append([y, net.backward(like(y), caches), *gradients(net)])
    assert_close(*results, 0)


class Late(Brick):
    """Has no parameter until its first forward."""

    scale = None

    def forward(self, x):
        self.scale = self.scale or Parameter(np.ones(x.shape[1]))
        return x * self.scale.value, x

    def backward(self, dy, x):
        self.scale.grad += (dy * x).sum(axis=0)
        return dy * self.scale.value


@pytest.mark.parametrize(
    "net",
    [
        Sequential(Late()),
        Sequential(Late(), Linear(3, 2, rng=0)),
        Sequential(Tanh(), Late(), Linear(3, 2, rng=0)),
    ],
    ids=repr,
)
def test_a_brick_that_gets_parameters_later_is_trained_as_well(net):
    late = next(brick for brick in net if isinstance(brick, Late))
    y, caches = net.forward(normal(5, 3))
    net.backward_parameters(np.ones_like(y), caches)
    assert late.scale.grad.all()


def test_a_brick_used_twice_adds_up_both_gradients():
    shared = Linear(3, 3, rng=0)
    first, second = Linear(3, 3, rng=0), Linear(3, 3, rng=0)
    results = []
    for net in (Sequential(shared, Tanh(), shared), Sequential(first, Tanh(), second)):
        y, caches = net.forward(normal(5, 3))
        results.append([y, net.backward(like(y), caches)])
    assert_close(*results, 0)
    for name in ("weight", "bias"):
        both = getattr(first, name).grad + getattr(second, name).grad
        assert_close([getattr(shared, name).grad], [both])
    assert len(Sequential(shared, Tanh(), shared).parameters()) == 2


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
def test_several_forwards_may_come_before_their_backwards_in_any_order(order):
    net, inputs = Sequential(*bricks()), [normal(rows, 3, seed=rows) for rows in (2, 5, 3)]
    alone = []
    for x in inputs:
        y, caches = net.forward(x)
        alone.append([y, net.backward(like(y), caches), *gradients(net)])
    passes = [net.forward(x) for x in inputs]
    for number in order:
        y, caches = passes[number]
        assert_close([y, net.backward(like(y), caches), *gradients(net)], alone[number], 0)


def test_a_validation_in_between_changes_nothing():
    quiet, interrupted = Sequential(*bricks()), Sequential(*bricks())
    y, caches = quiet.forward(normal(5, 3))
    quiet.backward(like(y), caches)
    y, caches = interrupted.forward(normal(5, 3))
    interrupted(normal(7, 3, seed=1))
    interrupted.forward(normal(2, 3, seed=2))
    interrupted.backward(like(y), caches)
    assert_close(gradients(interrupted), gradients(quiet), 0)


@pytest.fixture
def _threads_that_switch_all_the_time():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_threads_that_switch_all_the_time")
def test_eight_threads_get_bit_for_bit_what_one_gets():
    net = Sequential(*bricks(), Sequential(Sigmoid(), Tanh()))
    inputs = [normal(rows, 3, seed=rows) for rows in range(1, 9)]

    def passes(x):
        results = []
        for _ in range(100):
            y, caches = net.forward(x)
            results.append((y, net[3:].backward(like(y), caches[3:]), net(x)))
        return results

    serial = [passes(x)[:1] * 100 for x in inputs]
    with ThreadPoolExecutor(8) as pool:
        threaded = list(pool.map(passes, inputs))
    for one, other in zip(threaded, serial, strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_empty_sequential_hands_x_and_dy_through():
    net, x, dy = Sequential(), normal(2, 3), normal(2, 3, seed=1)
    y, caches = net.forward(x)
    assert y is x
    assert net(x) is x
    assert net.backward(dy, caches) is dy
    assert net.backward_parameters(dy, caches) is None
    assert net.parameters() == []


def test_an_index_gives_a_brick_and_a_slice_a_sequential_of_the_same_bricks():
    inside = bricks()
    net = Sequential(*inside)
    assert net[0] is inside[0]
    assert net[-1] is inside[-1]
    assert isinstance(net[1:3], Sequential)
    assert net[1:3].bricks == (inside[1], inside[2])
    assert net[::-1].bricks == tuple(reversed(inside))
    with pytest.raises(IndexError):
        net[4]


def test_len_and_iteration_work_as_in_a_list():
    inside = bricks()
    assert len(Sequential(*inside)) == 4
    assert list(Sequential(*inside)) == inside
    assert len(Sequential()) == 0


def test_parameters_are_named_by_their_places():
    net = Sequential(Linear(2, 3), Sequential(Sigmoid(), Linear(3, 1, bias=False)))
    names = [name for name, _ in net.named_parameters()]
    assert names == ["bricks.0.weight", "bricks.0.bias", "bricks.1.bricks.1.weight"]


def test_it_prints_as_it_is_written_and_as_a_table():
    net = Sequential(Linear(2, 3), Sequential(Sigmoid()))
    assert repr(net) == "Sequential(Linear(2, 3), Sequential(Sigmoid()))"
    assert str(net).startswith("Sequential: 9 parameters\n  [0] Linear(2, 3)")


def nested():
    return Sequential(Tanh(), Sequential(Linear(3, 4, rng=0), Sigmoid(), Linear(5, 2, rng=0)))


NOTES = ["  in Sequential[2]: Linear(5, 2)", f"  in Sequential[1]: {nested()[1]!r}"]


@pytest.mark.parametrize("run", [nested().forward, nested()], ids=["forward", "call"])
def test_an_error_on_the_way_up_says_at_which_brick(run):
    with pytest.raises(ShapeError, match=r"Linear\(5, 2\) needs x of shape \(batch, 5\)") as caught:
        run(normal(2, 3))
    assert caught.value.__notes__ == NOTES


@pytest.mark.parametrize("method", ["backward", "backward_parameters"])
def test_an_error_on_the_way_down_says_at_which_brick(method):
    net = Sequential(Tanh(), Sequential(Linear(3, 4, rng=0), Sigmoid(), Linear(4, 2, rng=0)), Tanh())
    _, caches = net.forward(normal(2, 3))
    caches[2] = np.ones((2, 1))
    with pytest.raises(ShapeError, match=r"Linear\(4, 2\) needs dy of shape \(2, 2\)") as caught:
        getattr(net, method)(np.ones((2, 1)), caches)
    assert caught.value.__notes__ == ["  in Sequential[2]: Linear(4, 2)", f"  in Sequential[1]: {net[1]!r}"]


@pytest.mark.parametrize("method", ["backward", "backward_parameters"])
def test_an_error_at_the_lowest_brick_of_the_way_down_has_its_place_as_well(method):
    net = Sequential(Linear(3, 4, rng=0), Sigmoid())
    with pytest.raises(ShapeError, match=r"Linear\(3, 4\) needs dy") as caught:
        getattr(net, method)(np.ones((2, 1)), [np.ones((2, 3)), np.ones((2, 1))])
    assert caught.value.__notes__ == ["  in Sequential[0]: Linear(3, 4)"]


def test_an_error_of_any_kind_in_a_brick_gets_its_place():
    class Broken(Brick):
        def forward(self, x):
            raise ZeroDivisionError("mine")

        def backward(self, dy, cache):
            raise NotImplementedError

    with pytest.raises(ZeroDivisionError, match="mine") as caught:
        Sequential(Sigmoid(), Broken())(normal(2, 3))
    assert caught.value.__notes__ == ["  in Sequential[1]: Broken()"]


def test_a_long_brick_is_cut_in_the_note():
    net = Sequential(Sequential(*[Sigmoid()] * 50, Linear(5, 2)))
    with pytest.raises(ShapeError) as caught:
        net(normal(2, 3))
    assert max(map(len, caught.value.__notes__)) < 120


def test_a_network_that_failed_works_as_before():
    net = Sequential(*bricks())
    y = net(normal(5, 3))
    with pytest.raises(ShapeError):
        net.forward(normal(5, 2))
    np.testing.assert_array_equal(net(normal(5, 3)), y)
    assert not any(gradient.any() for gradient in gradients(net))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_network_keeps_its_dtype_through_forward_backward_and_update(dtype):
    rng = np.random.default_rng(0)
    net = Sequential(Linear(3, 4, rng=rng, dtype=dtype), Sigmoid(), Linear(4, 2, rng=rng, dtype=dtype), Tanh())
    sgd = SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    x, target = normal(5, 3, dtype=dtype), normal(5, 2, dtype=dtype)
    results = [backpropagate(net, MSELoss(), x, target).y, net.backward(target, net.forward(x)[1])]
    sgd.step()
    for parameter in net.parameters():
        results += [parameter.value, parameter.grad]
    assert {array.dtype for array in [*results, net(x)]} == {np.dtype(dtype)}
