import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from legonet import (
    GRU,
    SGD,
    DtypeError,
    Embedding,
    Linear,
    MSELoss,
    RangeError,
    Sequential,
    ShapeError,
    SinusoidalPositions,
)
from legonet.initializers import zeros
from legonet.testing import Integers, brick_test, check_brick
from legonet.training import backpropagate
from strategies import mostly_some, seeds

W = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])

test_its_derivative = brick_test(
    Embedding, Integers("(batch, ...)", below="vocabulary"), independent_rows=True, sizes={"vocabulary": (1, 4)}
)


_SHAPE_ONLY = "of W, the shape and the dtype alone are used"
_NEGATIVE = "any negative number does"

EQUIVALENT = {
    "Embedding.backward: W = self.weight.value → W = -self.weight.value": _SHAPE_ONLY,
    "Embedding.backward: W = self.weight.value → W = self.weight.value * 2": _SHAPE_ONLY,
    "Embedding.backward: W = self.weight.value → W = self.weight.value * 0.5": _SHAPE_ONLY,
    "Embedding.backward: self.weight.value → self.weight.grad": _SHAPE_ONLY,
    "Embedding.backward: 1 → 2": _NEGATIVE,
    "Embedding.backward: 1 → 2 (2)": _NEGATIVE,
}


@st.composite
def cases(draw, dtype=np.float64):
    shape, words = draw(st.lists(mostly_some, min_size=1, max_size=3)), draw(st.integers(1, 4))
    kind = draw(st.sampled_from([np.int64, np.uint8]))
    x = np.random.default_rng(draw(seeds)).integers(0, words, shape, kind)
    return Embedding(words, draw(mostly_some), rng=draw(seeds), dtype=dtype), (x,)


def test_the_numbers_worked_by_hand():
    embedding = Embedding(3, 2, weight=W)
    y, cache = embedding.forward(np.array([[2, 0], [2, 2]]))
    assert y.tolist() == [[[4.0, 5.0], [0.0, 1.0]], [[4.0, 5.0], [4.0, 5.0]]]
    dy = np.array([[[1.0, 0.0], [0.0, 10.0]], [[100.0, 0.0], [0.0, 1000.0]]])
    assert embedding.backward(dy, cache) is None
    assert embedding.weight.grad.tolist() == [[0.0, 10.0], [0.0, 0.0], [101.0, 1000.0]]


@given(st.integers(1, 30), st.integers(0, 200), st.integers(0, 3), seeds)
def test_its_gradient_is_the_sum_over_the_places_of_each_word(words, places, features, seed):
    rng = np.random.default_rng(seed)
    x, dy = rng.integers(0, words, places), rng.integers(-100, 100, (places, features)).astype(float)
    embedding = Embedding(words, features)
    embedding.weight.grad += 7.0
    wanted = embedding.weight.grad.copy()
    np.add.at(wanted, x, dy)
    embedding.backward(dy, x)
    np.testing.assert_array_equal(embedding.weight.grad, wanted)


def test_a_word_that_is_not_there_has_no_gradient_even_beside_infinity():
    embedding = Embedding(3, 1)
    embedding.backward(np.array([[np.inf], [np.nan]]), np.array([0, 1]))
    np.testing.assert_array_equal(embedding.weight.grad, [[np.inf], [np.nan], [0.0]])


def test_infinities_that_meet_give_nan_in_silence():
    embedding = Embedding(2, 1)
    embedding.backward(np.array([[np.inf], [-np.inf]]), np.array([1, 1]))
    np.testing.assert_array_equal(embedding.weight.grad, [[0.0], [np.nan]])


@pytest.mark.parametrize("dtype", ["u1", "i1", "u8", ">i4"])
def test_whole_numbers_of_any_kind_are_words(dtype):
    embedding = Embedding(3, 2, weight=W)
    y, cache = embedding.forward(np.array([2, 0, 2], dtype))
    assert y.tolist() == [[4.0, 5.0], [0.0, 1.0], [4.0, 5.0]]
    embedding.backward(np.ones((3, 2)), cache)
    assert embedding.weight.grad.tolist() == [[1.0, 1.0], [0.0, 0.0], [2.0, 2.0]]


@pytest.mark.parametrize(
    ("x", "error", "words"),
    [
        (np.array([0, 3]), RangeError, r"Embedding\(3, 2\) needs x from 0 to 2, but x\[1\] is 3"),
        (np.array([[0], [-1]]), RangeError, r"Embedding\(3, 2\) needs x from 0 to 2, but x\[1, 0\] is -1"),
        (np.array([0.0]), DtypeError, r"Embedding\(3, 2\) needs x of whole numbers, but x has dtype float64"),
        (np.array([True]), DtypeError, r"Embedding\(3, 2\) needs x of whole numbers, but x has dtype bool"),
        ([0, 1], DtypeError, r"Embedding\(3, 2\) needs x as a NumPy array, but x is a list"),
        (np.array(1), ShapeError, r"Embedding\(3, 2\) needs x of shape \(batch, ...\), but x has shape \(\)"),
    ],
)
def test_what_are_no_words_is_refused(x, error, words):
    for call in (Embedding.forward, Embedding.__call__):
        with pytest.raises(error, match=words):
            call(Embedding(3, 2), x)


def test_an_upstream_gradient_of_another_shape_is_refused_and_nothing_is_added():
    embedding = Embedding(3, 2)
    for dy in (np.ones((2, 3)), np.ones(2), np.ones((1, 2))):
        with pytest.raises(ShapeError, match=r"Embedding\(3, 2\) needs dy of shape \(2, 2\), but dy has shape"):
            embedding.backward(dy, np.array([0, 1]))
    assert not embedding.weight.grad.any()


def test_an_empty_vocabulary_has_no_words():
    embedding = Embedding(0, 2)
    assert embedding(np.zeros((0, 4), int)).shape == (0, 4, 2)
    with pytest.raises(RangeError, match=r"Embedding\(0, 2\) needs no x at all, but x\[0\] is 0"):
        embedding(np.array([0]))


def test_only_the_rows_that_are_used_learn():
    embedding = Embedding(4, 2, weight=zeros)
    sgd = SGD(embedding.parameters(), lr=1.0)
    y, cache = embedding.forward(np.array([1, 3, 1]))
    embedding.backward(np.ones_like(y), cache)
    sgd.step()
    assert embedding.weight.value.tolist() == [[0.0, 0.0], [-2.0, -2.0], [0.0, 0.0], [-1.0, -1.0]]


def test_a_network_from_words_to_numbers_is_right_and_learns():
    rng = np.random.default_rng(0)
    net = Sequential(Embedding(5, 3, rng=rng), SinusoidalPositions(), GRU(3, 8, rng=rng), Linear(8, 1, rng=rng))
    x = rng.integers(0, 5, (16, 6))
    check_brick(net, x[:2, :3])
    target = np.cumsum(x == 3, axis=1)[:, :, np.newaxis].astype(float)  # how many threes there have been
    sgd = SGD(net.parameters(), lr=0.02, momentum=0.9)
    for _ in range(400):
        loss = backpropagate(net, MSELoss(), x, target).loss
        sgd.step()
    assert loss < 0.05


def test_by_default_the_rows_are_normal_with_the_standard_deviation_one_tenth():
    weight = Embedding(1000, 100, rng=0).weight.value
    assert abs(weight.std() - 0.1) < 0.001
    assert abs(weight.mean()) < 0.001


def test_it_prints_as_it_is_written():
    assert repr(Embedding(3, 2)) == "Embedding(3, 2)"
    assert repr(Embedding(3, 2, dtype=np.float32)) == "Embedding(3, 2, dtype=float32)"
