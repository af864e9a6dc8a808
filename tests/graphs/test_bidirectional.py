import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from legonet import (
    GRU,
    LSTM,
    RNN,
    SGD,
    Bidirectional,
    Brick,
    DtypeError,
    Linear,
    MSELoss,
    OptionError,
    Sequential,
    ShapeError,
    Tanh,
)
from legonet.initializers import normal as normal_numbers
from legonet.testing import Integers, brick_test
from legonet.training import backpropagate
from strategies import assert_close, both_passes, fingerprint, gradients, like, mostly_some, normal, seeds

_NEEDLESS = "more is computed than needed, and left unused; the gradients of the parameters are the same"

EQUIVALENT = {
    f"Bidirectional.backward_parameters: self.{name}.backward_parameters → self.{name}.backward": _NEEDLESS
    for name in ("forward_brick", "backward_brick")
}


@st.composite
def cases(draw, dtype=np.float64):
    batch, time, inputs, hidden, other = draw(st.tuples(*[mostly_some] * 5))
    f = RNN(inputs, hidden, rng=draw(seeds), dtype=dtype)
    if draw(st.booleans()):
        net = Bidirectional(f, Linear(inputs, other, rng=draw(seeds), dtype=dtype))
        return net, (normal(batch, time, inputs, dtype=dtype),)
    net = Bidirectional(f, GRU(inputs, other, rng=draw(seeds), dtype=dtype))
    return net, (normal(batch, time, inputs, dtype=dtype), normal(batch, time, seed=draw(seeds)) > 0)


def both(features, rng):
    return Bidirectional(GRU(features, 2, rng=rng), RNN(features, 1, rng=rng))


SIZES = {"time": (0, 3)}
MASK = Integers("(batch, time)", below=2, dtype=bool)

test_its_derivative = brick_test(both, "(batch, time, features)", sizes=SIZES, independent_rows=True)
test_its_derivative_with_a_mask = brick_test(both, "(batch, time, features)", MASK, sizes=SIZES, independent_rows=True)
test_around_the_same_brick_twice = brick_test(
    lambda features, rng: (lambda brick: Bidirectional(brick, brick))(RNN(features, 2, rng=rng)),
    "(batch, time, features)",
)


class Sum(Brick):
    """The sum of all steps up to now."""

    def forward(self, x):
        return np.cumsum(x, axis=1), x.shape

    def backward(self, dy, shape):
        return np.cumsum(dy[:, ::-1], axis=1)[:, ::-1]


def test_the_numbers_worked_by_hand():
    net = Bidirectional(Sum(), Sum())
    y, cache = net.forward(np.array([[[1.0], [10.0], [100.0]]]))
    assert y.tolist() == [[[1.0, 111.0], [11.0, 110.0], [111.0, 100.0]]]
    dx = net.backward(np.array([[[1.0, 1000.0], [10.0, 0.0], [100.0, 0.0]]]), cache)
    assert dx.tolist() == [[[1111.0], [1110.0], [1100.0]]]


@given(lengths=st.lists(st.integers(1, 4), min_size=1, max_size=4), seed=seeds)
def test_padding_at_the_end_does_not_disturb_the_brick_that_meets_it_first(lengths, seed):
    rng = np.random.default_rng(seed)
    net = Bidirectional(*(LSTM(2, 3, bias=normal_numbers, rng=rng) for _ in range(2)))
    x, dy = rng.normal(size=(len(lengths), 4, 2)), rng.normal(size=(len(lengths), 4, 6))
    mask = np.arange(4) < np.array(lengths)[:, np.newaxis]
    dy[~mask] = 0.0
    y, cache = net.forward(x, mask)
    dx, found = net.backward(dy, cache), gradients(net)
    wanted = [np.zeros_like(gradient) for gradient in found]
    for row, length in enumerate(lengths):
        alone, own_cache = net.forward(x[row : row + 1, :length])
        assert_close([y[row, :length]], alone)
        assert not y[row, length:, 3:].any()  # the zero state
        assert_close([dx[row, :length]], net.backward(dy[row : row + 1, :length], own_cache))
        wanted = [total + own for total, own in zip(wanted, gradients(net), strict=True)]
    assert_close(found, wanted)


def test_a_mask_of_nothing_but_true_changes_nothing():
    net, x = both(2, np.random.default_rng(0)), normal(4, 5, 2)
    assert_close(both_passes(net, (x, np.full((4, 5), True))), both_passes(net, (x,)), 0)


def test_infinities_that_meet_give_nan_in_silence():
    net = Bidirectional(Sum(), Sum())
    _, cache = net.forward(np.zeros((1, 1, 1)))
    assert np.isnan(net.backward(np.array([[[np.inf, -np.inf]]]), cache)).all()


def test_bidirectional_bricks_stack():
    rng = np.random.default_rng(0)
    net = Sequential(Bidirectional(GRU(2, 3, rng=rng), GRU(2, 3, rng=rng)), both(6, rng))
    assert net(normal(4, 5, 2)).shape == (4, 5, 3)


def test_it_learns_what_takes_both_directions():
    rng = np.random.default_rng(0)
    x = rng.choice([-1.0, 1.0], (64, 6, 1))
    target = np.repeat(x[:, :1] * x[:, -1:], 6, axis=1)  # at each step: are the first and the last alike?
    net = Sequential(
        Bidirectional(LSTM(1, 8, rng=rng), LSTM(1, 8, rng=rng)), Linear(16, 8, rng=rng), Tanh(), Linear(8, 1, rng=rng)
    )
    sgd = SGD(net.parameters(), lr=0.05, momentum=0.9)
    for _ in range(600):
        loss = backpropagate(net, MSELoss(), x, target).loss
        sgd.step()
    assert loss < 0.05


def test_training_needs_no_gradient_by_the_data():
    class NoInputGradient(Linear):
        def backward(self, dy, x):
            raise AssertionError

    net, same = (Bidirectional(kind(2, 3, rng=0), kind(2, 1, rng=1)) for kind in (NoInputGradient, Linear))
    y, cache = net.forward(normal(4, 5, 2))
    net.backward_parameters(like(y), cache)
    same.backward(like(y), cache)
    assert_close(gradients(net), gradients(same), 0)


def test_parameters_have_the_names_of_the_bricks():
    names = [name for name, _ in Bidirectional(RNN(1, 1), Linear(1, 1, bias=False)).named_parameters()]
    wanted = ["input_weight", "hidden_weight", "bias"]
    assert names == [*(f"forward_brick.{name}" for name in wanted), "backward_brick.weight"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [((3, RNN(1, 1)), "forward_brick, but got 3"), ((RNN(1, 1), None), "backward_brick, but got None")],
)
def test_what_is_no_brick_is_refused(arguments, words):
    with pytest.raises(OptionError, match=f"Bidirectional needs a brick as {words}"):
        Bidirectional(*arguments)


class Last(Brick):
    def forward(self, x):
        return x[:, -1], x.shape

    def backward(self, dy, shape):
        raise AssertionError


class Shorter(Last):
    def forward(self, x):
        return x[:, 1:], x.shape


class Wider(Last):
    def forward(self, x):
        return x.astype(np.float64), x.shape


@pytest.mark.parametrize("call", [Bidirectional.forward, Bidirectional.__call__])
@pytest.mark.parametrize(("brick", "made"), [(Last(), r"\(4, 2\)"), (Shorter(), r"\(4, 4, 2\)")])
def test_a_brick_that_does_not_keep_batch_and_time_is_refused(call, brick, made):
    for net, part in ((Bidirectional(Tanh(), brick), r"g\(R x\)"), (Bidirectional(brick, Tanh()), r"f\(x\)")):
        words = rf"Bidirectional.* needs {part} of shape \(4, 5, features\), but {part} has shape {made}$"
        with pytest.raises(ShapeError, match=words):
            call(net, normal(4, 5, 2))


@pytest.mark.parametrize("call", [Bidirectional.forward, Bidirectional.__call__])
def test_a_brick_that_does_not_keep_the_dtype_is_refused(call):
    for net, part in ((Bidirectional(Tanh(), Wider()), r"g\(R x\)"), (Bidirectional(Wider(), Tanh()), r"f\(x\)")):
        words = rf"Bidirectional.* needs {part} of dtype float32, but {part} has dtype float64"
        with pytest.raises(DtypeError, match=words):
            call(net, normal(4, 5, 2, dtype=np.float32))
        assert call(net, normal(4, 5, 2)) is not None


def test_what_is_no_sequence_no_mask_or_no_upstream_gradient_is_refused_and_nothing_is_added():
    net = both(2, np.random.default_rng(0))
    name = r"Bidirectional\(GRU\(2, 2\), RNN\(2, 1\)\)"
    with pytest.raises(ShapeError, match=rf"{name} needs x of shape \(batch, time, ...\), but x has shape \(4,\)"):
        net(normal(4))
    with pytest.raises(ShapeError, match=rf"{name} needs mask of shape \(4, 5\), but mask has shape \(4,\)"):
        net.forward(normal(4, 5, 2), np.full(4, True))
    _, cache = net.forward(normal(4, 5, 2))
    before = fingerprint(net.parameters())
    for dy in (normal(4, 5, 2), normal(4, 5, 4), normal(4, 3)):
        for call in (net.backward, net.backward_parameters):
            with pytest.raises(ShapeError, match=rf"{name} needs dy of shape \(4, 5, 3\), but dy has shape"):
                call(dy, cache)
    assert fingerprint(net.parameters()) == before


def test_it_prints_as_it_is_written_and_as_a_table():
    net = Bidirectional(RNN(2, 3), Linear(2, 1))
    assert repr(net) == "Bidirectional(RNN(2, 3), Linear(2, 1))"
    assert str(net).splitlines() == [
        "Bidirectional: 21 parameters",
        "  [0] RNN(2, 3)     18  input_weight (2, 3), hidden_weight (3, 3), bias (3,)",
        "  [1] Linear(2, 1)   3  weight (2, 1), bias (1,)",
    ]
