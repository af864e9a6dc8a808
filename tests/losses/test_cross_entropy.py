import numpy as np
import pytest
from hypothesis import strategies as st

from legonet import CrossEntropyLoss, DtypeError, OptionError, RangeError, ShapeError
from legonet.testing import Floats, Integers, brick_test
from strategies import LAYOUTS, assert_close, normal, seeds

sizes = st.integers(1, 3)


@st.composite
def cases(draw, dtype=np.float64):
    rng, classes = np.random.default_rng(draw(seeds)), draw(sizes)
    y = rng.normal(size=(*draw(st.tuples(*[st.integers(0, 3)] * draw(st.integers(1, 2)))), classes)).astype(dtype)
    weights = draw(st.sampled_from([None, rng.uniform(0.5, 2, classes)]))
    smoothing, ignored = draw(st.sampled_from([0.0, 0.25])), draw(st.sampled_from([None, 0, -1]))
    loss = CrossEntropyLoss(label_smoothing=smoothing, ignore_index=ignored, class_weights=weights)
    if ignored is None and draw(st.booleans()):
        return loss, (y, rng.dirichlet(np.ones(classes), y.shape[:-1]).astype(dtype))
    return loss, (y, rng.integers(ignored or 0, classes, y.shape[:-1]))


_FLOAT16 = "it tells apart float16 alone, which has a test of its own"

EQUIVALENT = {
    "CrossEntropyLoss.backward: np.asarray(dx, log_p.dtype) → dx": _FLOAT16,
    "CrossEntropyLoss.backward: np.asarray(dz.T, e.dtype) → dz.T": _FLOAT16,
}

OPTIONS = {"label_smoothing": [0.0, 0.25], "weighted": [False, True]}


def build(classes, label_smoothing, weighted, ignored=None):
    weights = np.linspace(0.5, 2.0, classes) if weighted else None
    return CrossEntropyLoss(label_smoothing=label_smoothing, ignore_index=ignored, class_weights=weights)


test_its_derivative_by_classes = brick_test(
    build, "(batch, ..., classes)", Integers("(batch, ...)", below="classes"), options=OPTIONS
)
test_its_derivative_by_probabilities = brick_test(
    build,
    Floats("(batch, classes)", low=-10, high=10),
    Floats("(batch, classes)", low=0, high=1),
    options=OPTIONS,
)
test_its_derivative_with_ignored_targets = brick_test(
    build,
    "(batch, classes)",
    Integers("(batch,)", low=-1, below="classes"),
    options={**OPTIONS, "ignored": [-1, 0]},
    sizes={"classes": [2, 3, 1]},
)


loss = CrossEntropyLoss()
Y = np.log(np.array([[1.0, 2.0, 1.0], [6.0, 1.0, 1.0]]))  # shares: 1/4, 1/2, 1/4; 3/4, 1/8, 1/8
SHARES = np.array([[0.25, 0.5, 0.25], [0.75, 0.125, 0.125]])
CLASSES = np.array([1, 2])
WEIGHTS = np.array([1.0, 2.0, 6.0])


def both(loss, y, target):
    value, cache = loss.forward(y, target)
    assert type(value) is float
    return value, loss.backward(1.0, cache)


def test_the_numbers_worked_by_hand_with_two_rows_and_three_classes():
    value, dy = both(loss, Y, CLASSES)
    assert value == pytest.approx((np.log(2) + np.log(8)) / 2, rel=1e-15)
    np.testing.assert_allclose(dy, [[0.125, -0.25, 0.125], [0.375, 0.0625, -0.4375]], rtol=1e-15)
    assert loss.backward(4.0, loss.forward(Y, CLASSES)[1]).tolist() == (4 * dy).tolist()


def test_class_weights_weigh_the_mean():
    value, dy = both(CrossEntropyLoss(class_weights=WEIGHTS), Y, CLASSES)
    assert value == pytest.approx((2 * np.log(2) + 6 * np.log(8)) / (2 + 6), rel=1e-15)
    np.testing.assert_allclose(dy, [[0.0625, -0.125, 0.0625], [0.5625, 0.09375, -0.65625]], rtol=1e-15)


def test_smoothed_labels_are_probabilities():
    smoothed = both(CrossEntropyLoss(label_smoothing=0.3), Y, CLASSES)
    by_hand = both(loss, Y, np.array([[0.1, 0.8, 0.1], [0.1, 0.1, 0.8]]))
    assert smoothed[0] == pytest.approx(by_hand[0], rel=1e-14)
    np.testing.assert_allclose(smoothed[1], by_hand[1], rtol=1e-13)


def test_probabilities_of_one_class_are_that_class():
    for y in (Y, Y * 30):
        value, dy = both(loss, y, np.eye(3)[CLASSES])
        assert value == pytest.approx(loss(y, CLASSES), rel=1e-14)
        np.testing.assert_allclose(dy, both(loss, y, CLASSES)[1], rtol=1e-13)


def test_weighted_probabilities_are_averaged_over_the_rows_alone():
    value, dy = both(CrossEntropyLoss(class_weights=WEIGHTS), Y[:1], np.array([[0.5, 0.5, 0.0]]))
    assert value == pytest.approx(0.5 * np.log(4) + 2 * 0.5 * np.log(2), rel=1e-15)
    np.testing.assert_allclose(dy, SHARES[:1] * 1.5 - [[0.5, 1.0, 0.0]], rtol=1e-15)


@pytest.mark.parametrize("ignored", [-100, 0, 7])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
def test_what_is_ignored_might_as_well_not_be_there(ignored, smoothing, weights):
    y = np.array([Y[0], [np.nan, -np.inf, 5.0], Y[1]])
    options = {"label_smoothing": smoothing, "class_weights": weights}
    value, dy = both(CrossEntropyLoss(ignore_index=ignored, **options), y, np.array([1, ignored, 2]))
    wanted = both(CrossEntropyLoss(**options), Y, CLASSES)
    assert value == wanted[0]
    assert dy.tolist() == [wanted[1][0].tolist(), [0.0] * 3, wanted[1][1].tolist()]


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("rows", [0, 2])
def test_where_nothing_counts_the_loss_is_0(rows, smoothing):
    value, dy = both(
        CrossEntropyLoss(ignore_index=-1, label_smoothing=smoothing), np.ones((rows, 3)), np.full(rows, -1)
    )
    assert value == 0.0
    assert dy.tolist() == [[0.0] * 3] * rows
    assert both(loss, np.ones((0, 3)), np.ones((0, 3)))[0] == 0.0
    assert both(CrossEntropyLoss(class_weights=np.zeros(3)), Y, CLASSES)[0] == 0.0


@pytest.mark.parametrize("classes", [3, 40])
def test_predictions_may_lie_along_further_axes(classes):
    y, target = normal(2, 5, 4, classes), np.arange(40).reshape(2, 5, 4) % classes
    value, dy = both(loss, y, target)
    flat = both(loss, y.reshape(-1, classes), target.ravel())
    assert value == flat[0]
    assert dy.tolist() == flat[1].reshape(y.shape).tolist()


@pytest.mark.parametrize("target", [np.array([0]), np.array([[1.0, 0.0]])], ids=["class", "probabilities"])
def test_the_digits_of_a_small_loss_and_of_its_derivative_are_kept(target):
    value, dy = both(loss, np.array([[0.0, -40.0]]), target)
    assert value == pytest.approx(np.exp(-40), rel=1e-15)
    np.testing.assert_allclose(dy, [[-np.exp(-40), np.exp(-40)]], rtol=1e-14)


def test_a_class_that_cannot_be_costs_nothing_unless_it_is_the_right_one():
    y = np.array([[0.0, -np.inf, 0.0]])
    for target in (np.array([0]), np.array([[1.0, 0.0, 0.0]])):
        value, dy = both(loss, y, target)
        assert value == pytest.approx(np.log(2), rel=1e-15)
        np.testing.assert_allclose(dy, [[-0.5, 0.0, 0.5]], rtol=1e-15)
    for target in (np.array([1]), np.array([[0.0, 1.0, 0.0]])):
        value, dy = both(loss, y, target)
        assert value == np.inf
        np.testing.assert_allclose(dy, [[0.5, -1.0, 0.5]], rtol=1e-15)


@pytest.mark.parametrize("target", [np.array([1]), np.array([[0.0, 1.0]])], ids=["class", "probabilities"])
def test_the_largest_numbers_give_the_largest_losses(target):
    value, dy = both(loss, np.array([[1e308, -1e307]]), target)
    assert value == 1.1e308
    assert dy.tolist() == [[1.0, -1.0]]
    assert both(loss, np.array([[1e308, -1e308]]), target)[0] == np.inf


@pytest.mark.parametrize("target", [np.array([1, 0]), np.array([[0.0, 1.0], [0.5, 0.5]])], ids=["class", "shares"])
def test_not_a_number_makes_the_loss_and_its_row_not_a_number(target):
    value, dy = both(loss, np.array([[np.nan, 0.0], [0.0, 0.0]]), target)
    assert np.isnan(value)
    assert np.isnan(dy[0]).all()
    assert np.isfinite(dy[1]).all()
    value, dy = both(loss, np.array([[np.inf, 0.0], [0.0, 0.0]]), target)
    assert not np.isfinite(value)
    assert np.isnan(dy[0]).any()


def test_a_sum_beyond_the_largest_float16_is_no_infinity():
    value, dy = both(loss, np.tile(np.array([[0.0, 30000.0]], np.float16), (10, 1)), np.zeros(10, int))
    assert value == 30000.0
    assert dy.dtype == np.float16


@pytest.mark.parametrize("kind", ["class", "shares", "smoothed"])
def test_very_many_classes_of_float16_have_their_loss_and_gradient(kind):
    y, target = np.zeros((2, 70000), np.float16), np.array([0, 69999])
    if kind == "shares":
        target = np.zeros_like(y)
        target[0, 0] = target[1, 69999] = 1.0
    value, dy = both(CrossEntropyLoss(label_smoothing=0.5 * (kind == "smoothed")), y, target)
    assert value == pytest.approx(np.log(70000), rel=1e-3)
    own = 0.25 if kind == "smoothed" else 0.5
    wanted = np.full(y.shape, own / 70000)
    wanted[0, 0] = wanted[1, 69999] = -own
    np.testing.assert_allclose(dy, wanted, rtol=2e-3, atol=1e-7)
    assert dy.dtype == np.float16


def test_shares_of_float16_may_sum_to_more_than_it_can_hold():
    value, dy = both(loss, np.zeros((1, 70000), np.float16), np.ones((1, 70000), np.float16))
    assert value == pytest.approx(70000 * np.log(70000), rel=1e-3)
    np.testing.assert_allclose(dy, 0.0, atol=0.01)


def test_a_class_of_weight_0_costs_nothing_even_if_it_cannot_be_but_not_a_number_stays():
    y, weighted = np.array([[0.0, -np.inf], [0.0, 0.0]]), CrossEntropyLoss(class_weights=np.array([1.0, 0.0]))
    value, dy = both(weighted, y, np.array([1, 0]))
    assert value == pytest.approx(np.log(2), rel=1e-15)
    np.testing.assert_allclose(dy, [[0.0, 0.0], [-0.5, 0.5]], rtol=1e-15)
    y[0] = np.nan
    for target in (np.array([1, 0]), np.array([[0.0, 1.0], [1.0, 0.0]])):
        value, dy = both(weighted, y, target)
        assert np.isnan(value)
        assert np.isnan(dy[0]).all()


@pytest.mark.parametrize(
    ("target", "error", "words"),
    [
        (np.array([0, 3]), RangeError, r"needs target from 0 to 2, but target\[1\] is 3"),
        (np.array([0, -1]), RangeError, r"needs target from 0 to 2, but target\[1\] is -1"),
        (np.array([0.0, 1.0]), DtypeError, "needs target of whole numbers, but target has dtype float64: pass target"),
        (np.array([0, 1, 2]), ShapeError, r"needs target of shape \(2,\), but target has shape \(3,\)"),
        (np.array([[0], [1]]), ShapeError, r"needs target of shape \(2,\), but target has shape \(2, 1\)"),
        (np.eye(3, dtype=int)[:2], DtypeError, "needs target of dtype float64, but target has dtype int64: pass"),
        (np.ones((2, 4)), ShapeError, r"needs target of shape \(2, 3\), but target has shape \(2, 4\)"),
        (np.array([[0.0, 1.5, 0.0]] * 2), RangeError, r"needs target from 0 to 1, but target\[0, 1\] is 1.5"),
        ([0, 1], DtypeError, "needs target as a NumPy array, but target is a list"),
    ],
)
def test_a_bad_target_is_refused(target, error, words):
    with pytest.raises(error, match=rf"^CrossEntropyLoss\(\) {words}"):
        loss.forward(Y, target)


@pytest.mark.parametrize(
    ("target", "error", "words"),
    [
        (np.array([-1, 3]), RangeError, r"needs target from 0 to 2, but target\[1\] is 3"),
        (SHARES, DtypeError, "needs target of whole numbers, but target has dtype float64"),
        ([0, -1], DtypeError, "needs target as a NumPy array, but target is a list"),
        (np.array(["0", "-1"]), DtypeError, "needs target of whole numbers, but target has dtype <U2"),
        (np.array([0, -1], "m8[s]"), DtypeError, r"needs target of whole numbers, but target has dtype timedelta64"),
        (np.array(-1), ShapeError, r"needs target of shape \(2,\), but target has shape \(\)"),
        (np.ma.array([0, -1]), DtypeError, "needs target as a plain NumPy array, but target is a MaskedArray"),
    ],
)
def test_a_bad_target_is_refused_where_one_may_be_ignored(target, error, words):
    with pytest.raises(error, match=rf"^CrossEntropyLoss\(ignore_index=-1\) {words}"):
        CrossEntropyLoss(ignore_index=-1).forward(Y, target)


def test_logits_of_another_shape_are_refused():
    with pytest.raises(ShapeError, match=r"needs y of shape \(batch, ..., classes\), but y has shape \(3,\)"):
        loss.forward(np.zeros(3), np.array(0))
    with pytest.raises(ShapeError, match=r"needs y of shape \(batch, 3\), but y has shape \(2, 4\)"):
        CrossEntropyLoss(class_weights=WEIGHTS).forward(np.zeros((2, 4)), CLASSES)
    with pytest.raises(RangeError, match=r"needs no target at all, but target\[0\] is 1"):
        loss.forward(np.zeros((2, 0)), CLASSES)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint64, ">i4"])
def test_classes_of_any_dtype_are_taken_and_an_ignored_index_may_lie_beyond_it(dtype):
    for ignored in (None, -100, 300, 2**70):
        assert CrossEntropyLoss(ignore_index=ignored)(Y, CLASSES.astype(dtype)) == loss(Y, CLASSES)


@pytest.mark.parametrize("smoothing", [-0.1, 1.1, np.nan, "0.1", None, True])
def test_a_smoothing_that_is_none_is_refused(smoothing):
    words = "CrossEntropyLoss needs label_smoothing as a finite number >= 0 and <= 1, but label_smoothing is"
    with pytest.raises(OptionError, match=words):
        CrossEntropyLoss(label_smoothing=smoothing)


@pytest.mark.parametrize("ignored", [1.0, "1", True, [1]])
def test_an_ignored_index_that_is_none_is_refused(ignored):
    with pytest.raises(OptionError, match="CrossEntropyLoss needs ignore_index as a whole number, but ignore_index is"):
        CrossEntropyLoss(ignore_index=ignored)


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_class_weights_that_are_none_are_refused(bad):
    with pytest.raises(OptionError, match=r"CrossEntropyLoss needs class_weights as finite numbers >= 0, but class_"):
        CrossEntropyLoss(class_weights=np.array([1.0, bad]))
    with pytest.raises(DtypeError, match="CrossEntropyLoss needs class_weights as a NumPy array"):
        CrossEntropyLoss(class_weights=[1.0, 2.0])


def test_class_weights_are_copied():
    weights = WEIGHTS.copy()
    weighted = CrossEntropyLoss(class_weights=weights)
    before = weighted(Y, CLASSES)
    weights[:] = 5.0
    assert weighted(Y, CLASSES) == before


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("classes", [4, 40])
def test_the_layout_in_memory_changes_nothing(layout, classes):
    y, target = normal(5, classes), np.arange(5) % classes
    for given in (target, np.eye(classes)[target]):
        value, dy = both(loss, layout(y), layout(given))
        assert value == pytest.approx(loss(y, target), rel=1e-14)
        np.testing.assert_allclose(dy, both(loss, y, target)[1], rtol=1e-13)


def test_it_prints_as_it_is_written():
    assert repr(CrossEntropyLoss()) == "CrossEntropyLoss()"
    loss = CrossEntropyLoss(label_smoothing=0.1, ignore_index=0, class_weights=np.array([1.0, 2.0]))
    assert repr(loss) == "CrossEntropyLoss(label_smoothing=0.1, ignore_index=0, class_weights=array([1., 2.]))"


@pytest.mark.parametrize("scale", [1e-50, 1.0, 1e308])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_scale_of_the_class_weights_cancels(scale, smoothing, dtype):
    y, target = normal(5, 3, dtype=dtype), np.array([0, 2, 1, 1, 0])
    weights = np.array([1.0, 0.5, 0.25])
    results = []
    for w in (weights, weights * scale):
        loss = CrossEntropyLoss(class_weights=w, label_smoothing=smoothing)
        value, cache = loss.forward(y, target)
        results.append([value, loss.backward(1.0, cache)])
    assert_close(*results, 1e-6 if dtype == np.float32 else 1e-13)
