"""Right, wrong, or not to be told apart: at smooth points, kinks, ties, jumps, ends of a domain."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gallery.right_kinks import ReLU
from legonet import Brick, GradientError, Linear, Sequential
from legonet.testing import Floats, check_brick
from legonet.testing.compare import Judge, Tally, compare
from legonet.testing.examine import examine
from legonet.testing.points import Point
from legonet.testing.probe import Fault, Probe
from strategies import normal, seeds
from testing.bricks import Pointwise, Square

X = normal(3, 2, seed=1)
ZEROS = np.zeros(3)


def relu(at_zero):
    return Pointwise(lambda x: np.maximum(x, 0), lambda x: np.where(x == 0, at_zero, x > 0))


# -- kinks -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at_zero", [0.0, 0.5, 1.0])
def test_at_a_kink_anything_between_the_one_sided_slopes_is_right(at_zero):
    assert check_brick(relu(at_zero), np.array([0.0, 1.0, -1.0, 0.0])).verified


@pytest.mark.parametrize("at_zero", [-0.1, 1.1, 2.0, np.nan, np.inf])
def test_at_a_kink_anything_else_is_wrong(at_zero):
    with pytest.raises(GradientError) as caught:
        check_brick(relu(at_zero), np.array([0.0, 1.0, -1.0, 0.0]))
    assert caught.value.gradient == "dx"


RIGHT = {
    "absolute value": (np.abs, np.sign, ZEROS),
    "staircase": (np.floor, lambda x: 0 * x, np.array([0.0, 1.0, 0.3])),
    "jump": (lambda x: (x > 0) + x, lambda x: 0 * x + 1, ZEROS),
    "sign": (np.sign, lambda x: 0 * x, np.array([0.0, 2.0])),
    "clipped": (lambda x: np.clip(x, -1, 1), lambda x: np.abs(x) <= 1, np.array([1.0, -1.0, 0.0, 3.0])),
    "flat at first": (lambda x: np.maximum(x, 0) ** 2, lambda x: 2 * np.maximum(x, 0), ZEROS),
    "root": (np.cbrt, lambda x: 1 / (3 * np.cbrt(x) ** 2), np.array([1.0, -8.0, 1e-3])),
    "float32 inside": (
        lambda x: np.tanh(x.astype(np.float32)).astype(np.float64),
        lambda x: 1 - np.tanh(x) ** 2,
        X,
    ),
    "float16 inside": (lambda x: x.astype(np.float16).astype(np.float64), lambda x: 0 * x + 1, X),
    "steep": (lambda x: np.tanh(1e4 * x), lambda x: 1e4 / np.cosh(np.clip(1e4 * x, -300, 300)) ** 2, 1e-4 * X),
    "saturated": (np.tanh, lambda x: 1 / np.cosh(x) ** 2, np.array([20.0, 300.0, -50.0])),
    "cancellation": (lambda x: (x + 1e8) - 1e8, lambda x: 0 * x + 1, X),
    "all magnitudes": (lambda x: x**3, lambda x: 3 * x**2, np.array([1e-8, 1e-3, 1.0, 1e4, 1e8, 0.0])),
    "tiny outputs": (lambda x: 1e-250 * x**2, lambda x: 2e-250 * x, X),
    "huge outputs": (lambda x: 1e250 * x**2, lambda x: 2e250 * x, X),
}


@pytest.mark.parametrize(("function", "slope", "x"), RIGHT.values(), ids=RIGHT)
@pytest.mark.parametrize("seed", range(3))
def test_a_right_function_is_not_blamed(function, slope, x, seed):
    with np.errstate(all="ignore"):
        check_brick(Pointwise(function, slope), x, rng=seed)


WRONG = {
    "twice the slope at 0": (np.abs, lambda x: np.where(x == 0, 2.0, np.sign(x)), ZEROS),
    "NaN at 0": (lambda x: x * np.abs(x), lambda x: 2 * x**2 / np.abs(x), np.array([0.0, 1.0])),
    "infinite at 0": (lambda x: x, lambda x: np.where(x == 0, np.inf, 1), np.array([0.0, 1.0])),
    "infinite where it is steep": (lambda x: np.tanh(50 * x), lambda x: np.where(x == 0, np.inf, 50.0), np.zeros(1)),
    "wrong at 0 alone": (np.sin, lambda x: np.where(x == 0, 0.0, np.cos(x)), np.array([0.0, 1.0])),
    "wrong at 1 alone": (np.sin, lambda x: np.where(x == 1, 0.0, np.cos(x)), np.array([0.5, 1.0])),
    "wrong beyond 1": (np.sin, lambda x: np.where(x > 1, 0.0, np.cos(x)), np.array([0.5, 1.5])),
    "wrong for negative ones": (np.square, lambda x: 2 * np.abs(x), np.array([1.0, -1.0])),
    "saturated too early": (np.tanh, lambda x: np.where(np.abs(x) > 3, 0, 1 / np.cosh(x) ** 2), np.array([3.5])),
    "a tenth of a percent": (np.exp, lambda x: 1.001 * np.exp(x), X),
    "five digits": (np.exp, lambda x: 1.00001 * np.exp(x), X),
    "small outputs": (lambda x: 1e-9 * x**2, lambda x: 1e-9 * x, X),
    "huge outputs": (lambda x: 1e250 * x**2, lambda x: 1e250 * x, X),
    "a tiny part": (lambda x: x + 1e-3 * x**2, lambda x: 0 * x + 1, X),
    "float32 inside": (
        lambda x: np.tanh(x.astype(np.float32)).astype(np.float64),
        lambda x: 1.1 * (1 - np.tanh(x) ** 2),
        X,
    ),
}


@pytest.mark.parametrize(("function", "slope", "x"), WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("seed", range(3))
def test_a_wrong_slope_is_found(function, slope, x, seed):
    with pytest.raises(Fault):
        examine(Point(Pointwise(function, slope), [x], seed=seed), Tally())


@given(st.floats(1e-4, 10.0), seeds, st.sampled_from([1.0, -1.0]))
def test_a_wrong_factor_is_found_whatever_its_size(apart, seed, sign):
    brick = Pointwise(np.exp, lambda x: (1 + sign * apart) * np.exp(x))
    with pytest.raises(Fault):
        compare_at(brick, [normal(2, seed=seed)], seed)


@given(st.floats(-12, 3), seeds)
def test_a_right_function_is_never_blamed_however_small_or_steep(power, seed):
    scale = 10.0**power
    tally = compare_at(Pointwise(lambda x: np.sin(scale * x), lambda x: scale * np.cos(scale * x)), [normal(3)], seed)
    assert tally.right == 3


def compare_at(brick, inputs, seed=0, **options):
    probe, rng, tally = Probe(brick, inputs, **options), np.random.default_rng(seed), Tally()
    with np.errstate(all="ignore"):
        compare(probe, rng.choice([-1.0, 1.0], len(probe.outputs())) * 1.1, rng, tally)
    return tally


# -- ties --------------------------------------------------------------------------------------------------------------


class Maximum(Brick):
    """The greatest entry of each row; how a tie is shared is up to the brick."""

    def __init__(self, share):
        self.share = share

    def forward(self, x):
        return x.max(axis=1), x

    def backward(self, dy, x):
        at_top = (x == x.max(axis=1, keepdims=True)).astype(x.dtype)
        return dy[:, None] * self.share(at_top)


def first(at_top):
    return at_top * (np.cumsum(at_top, axis=1) == 1)


def equally(at_top):
    return at_top / at_top.sum(axis=1, keepdims=True)


def to_each(at_top):
    return at_top


TIED = np.array([[1.0, 1.0, 0.0], [2.0, 2.0, 2.0], [0.0, 1.0, 3.0]])


@pytest.mark.parametrize("share", [first, equally])
def test_a_tie_may_go_to_one_or_be_shared(share):
    assert check_brick(Maximum(share), TIED).verified
    assert check_brick(Maximum(share), "(batch, n)").verified


def test_a_tie_that_is_counted_twice_is_wrong():
    with pytest.raises(GradientError) as caught:
        check_brick(Maximum(to_each), TIED)
    assert "dx: if all entries move alike, backward gives " in caught.value.short
    with pytest.raises(GradientError):
        check_brick(Maximum(to_each), "(batch, n)")


class Greater(Brick):
    """The greater of two inputs."""

    def __init__(self, left, right):
        self.ties = left, right

    def forward(self, left, right):
        return np.maximum(left, right), (left, right)

    def backward(self, dy, cache):
        left, right = cache
        tie = left == right
        return dy * np.where(tie, self.ties[0], left > right), dy * np.where(tie, self.ties[1], right > left)


def test_a_tie_of_two_inputs_may_go_to_either_but_not_to_both():
    for ties in [(1, 0), (0, 1), (0.5, 0.5)]:
        assert check_brick(Greater(*ties), X, X).verified
    with pytest.raises(GradientError) as caught:
        check_brick(Greater(1, 1), X, X)
    assert "dleft and dright: if all entries move alike" in caught.value.short
    with pytest.raises(GradientError):
        check_brick(Greater(0, 0), X, X)


# -- ends of a domain --------------------------------------------------------------------------------------------------


def test_within_the_bounds_a_right_function_passes_up_to_both_ends():
    entropy = Pointwise(lambda x: x * np.log(x), lambda x: np.log(x) + 1)
    assert check_brick(entropy, Floats("(n,)", low=1e-6, high=1)).verified
    arcsine = Pointwise(np.arcsin, lambda x: 1 / np.sqrt(1 - x**2))
    with np.errstate(all="ignore"):
        assert check_brick(arcsine, Floats("(n,)", low=-1, high=1)).points > 20


def test_at_an_end_of_the_domain_a_wrong_slope_is_found():
    wrong = Pointwise(lambda x: x**1.5, lambda x: 3 * np.sqrt(x))
    with pytest.raises(GradientError):
        check_brick(wrong, Floats("(n,)", low=0, high=1))


def test_forward_is_never_called_beyond_the_bounds():
    seen = []

    def noted(x):
        seen.extend(x.ravel())
        return np.sqrt(x)

    check_brick(Pointwise(noted, lambda x: 0.5 / np.sqrt(x)), Floats("(n,)", low=0.25, high=2))
    assert 0.25 <= min(seen) <= max(seen) <= 2


class RaisesAround(Square):
    """Takes the points that were given, and refuses others beside them."""

    def forward(self, x):
        if np.any(np.abs(x - np.round(x, 1)) > self.radius):
            raise ValueError("too far away")
        return super().forward(x)

    def backward(self, dy, x):
        return self.factor * dy * x


def around(radius, factor=2.0):
    brick = RaisesAround()
    brick.radius, brick.factor = radius, factor
    return brick


ROUND = np.array([0.3, -1.2, 2.5])


@pytest.mark.parametrize("radius", [1e-2, 1e-3, 1e-4, 1e-6])
def test_a_small_neighbourhood_is_enough(radius):
    assert check_brick(around(radius), ROUND).verified
    with pytest.raises(GradientError):
        check_brick(around(radius, 3.0), ROUND)


def test_without_neighbours_to_agree_a_small_mistake_is_not_told_apart():
    assert check_brick(around(1e-4, 2.0005), ROUND).unresolved == 3


def test_an_infinite_gradient_is_not_blamed_where_the_derivative_may_be():
    steep = Pointwise(lambda x: np.sqrt(np.abs(x)), lambda x: np.sign(x) / (2 * np.sqrt(np.abs(x))))
    infinite = Pointwise(steep.function, lambda x: np.where(x == 0, np.inf, steep.slope(x)))
    assert compare_at(infinite, [np.array([0.0, 1.0])]).unresolved == 1
    assert compare_at(around(0.0, np.nan), [ROUND]).unresolved == 3


def test_at_an_end_of_the_domain_nobody_is_blamed_for_that_point_alone():
    brick = Pointwise(np.square, lambda x: np.where(x == 0, 5.0, 2 * x))
    tally = compare_at(brick, [np.array([0.0, 0.5])], bounds=[(0, 1)])
    assert (tally.right, tally.unresolved) == (1, 1)


def test_neighbours_without_a_gradient_agree_that_it_is_wrong():
    brick = Pointwise(np.square, lambda x: np.where(x == np.round(x, 1), 3 * x, np.nan))
    with pytest.raises(Fault, match="finite differences"):
        compare_at(brick, [ROUND])


def test_what_is_tiny_beside_the_upstream_gradient_is_not_told_apart():
    report = check_brick(Pointwise(lambda x: 1e-250 * x**2, lambda x: 1e-250 * x), X)
    assert (report.right, report.unresolved) == (0, X.size)


def test_without_a_neighbourhood_nothing_is_known_and_nobody_is_blamed():
    report = check_brick(around(0.0, 3.0), ROUND)
    assert (report.right, report.unresolved) == (0, 3)
    assert not report.verified


# -- gradients that are not there --------------------------------------------------------------------------------------


class Sum(Brick):
    def forward(self, x):
        return x.sum(axis=1), x

    def backward(self, dy, x):
        return None


def test_no_gradient_is_right_where_the_derivative_is_0():
    class Constant(Sum):
        def forward(self, x):
            return np.ones(len(x)), None

    assert check_brick(Constant(), X).right == X.size


def test_no_gradient_of_a_large_array_may_be_right():
    class Constant(Sum):
        def forward(self, x):
            return np.ones(len(x)), None

    assert check_brick(Constant(), normal(5, 20)).right == 44


def test_no_gradient_is_wrong_elsewhere():
    with pytest.raises(GradientError, match="backward gives no dx") as caught:
        check_brick(Sum(), X)
    assert caught.value.gradient == "dx"


def test_no_gradient_of_a_large_array_is_wrong_as_well():
    with pytest.raises(GradientError, match="backward gives no dx"):
        check_brick(Sum(), normal(5, 20))


# -- large arrays ------------------------------------------------------------------------------------------------------


class Cumulated(Brick):
    """Its gradient may be wrong in one place out of many."""

    def __init__(self, wrong):
        self.wrong = wrong

    def forward(self, x):
        return np.cumsum(np.sin(x)), x

    def backward(self, dy, x):
        dx = np.cumsum(dy[::-1])[::-1] * np.cos(x)
        dx[-1] += self.wrong
        return dx if self.wrong is not np.nan else np.where(np.arange(len(x)) == len(x) - 1, np.nan, dx)


def test_large_arrays_are_compared_along_directions():
    x = np.linspace(-1, 1, 500)
    tally = compare_at(Cumulated(0.0), [x])
    assert (tally.right, tally.unresolved) == (44, 0)
    assert tally.notes == ["arrays of more than 40 entries were sampled: 40 entries and 4 random directions each"]
    with pytest.raises(Fault, match="along a random direction of signs"):
        compare_at(Cumulated(500.0), [x])
    assert compare_at(Cumulated(np.nan), [x]).unresolved == 4


def test_a_direction_along_which_the_function_jumps_tells_nothing():
    jumps = Pointwise(lambda x: np.floor(3 * x) + x, lambda x: 0 * x + 1)
    x = np.concatenate([[0.0, 1 / 3, 1.0], np.linspace(0.1, 0.3, 60)])
    assert compare_at(jumps, [x]).unresolved <= 7


def test_a_direction_across_kinks_is_judged_by_its_neighbours():
    tally = compare_at(relu(0.0), [np.zeros(100)])
    assert tally.right >= 40


# -- tallies and judges ------------------------------------------------------------------------------------------------


def test_a_note_is_kept_once():
    tally = Tally()
    for text in ("a", "b", "a"):
        tally.note(text)
    assert tally.notes == ["a", "b"]


def test_neighbours_end_where_there_are_none():
    probe = Probe(around(0.0), [ROUND])
    judge = Judge(probe, np.ones(3), np.random.default_rng(0))
    assert list(judge.neighbours(1e-3)) == []


def test_neighbours_stay_within_the_bounds():
    probe = Probe(Square(), [np.array([0.0, 1.0, 0.5])], bounds=[(0, 1)])
    judge = Judge(probe, np.ones(3), np.random.default_rng(0))
    for _, near in zip(range(10), judge.neighbours(1e-1), strict=False):
        assert np.all((near.probe.inputs[0] >= 0) & (near.probe.inputs[0] <= 1))


@pytest.mark.parametrize(
    ("function", "slope", "x"),
    [
        (lambda x: x - np.tanh(x), lambda x: np.tanh(x) ** 2, [-5.8e-7, 1.1e-6, 9e-8]),
        (lambda x: np.log(1 + np.exp(x)), lambda x: 1 / (1 + np.exp(-x)), [-26.7, -28.1, -30.2]),
    ],
    ids=["x - tanh x", "log(1 + exp x)"],
)
def test_a_gradient_is_not_blamed_where_forward_loses_the_digits(function, slope, x):
    check_brick(Pointwise(function, slope), np.array(x))


# -- kinks inside of containers ----------------------------------------------------------------------------------------


def opposite_slopes(rectifier):
    """Compute relu(x) - relu(-x) = x, whose derivative at 0 is 1 where the chain rule gives 0."""
    first = Linear(1, 2, weight=np.array([[1.0, -1.0]]), bias=False)
    return Sequential(first, rectifier, Linear(2, 1, weight=np.array([[1.0], [-1.0]]), bias=False))


def test_right_bricks_at_a_kink_make_a_right_chain():
    examine(Point(opposite_slopes(ReLU(0.0)), [np.array([[0.0], [1.0]])]), Tally())


def test_a_wrong_brick_at_a_kink_makes_a_wrong_chain():
    with pytest.raises(Fault, match=r"dx\[0, 0\]"):
        examine(Point(opposite_slopes(ReLU(3.0)), [np.array([[0.0]])]), Tally())


class Greatest(Brick):
    """The greater of what two bricks give; where they are equal, both get the whole gradient."""

    def __init__(self, left, right):
        self.left, self.right = left, right

    def forward(self, x):
        (one, first), (other, second) = self.left.forward(x), self.right.forward(x)
        return np.maximum(one, other), (one >= other, first, other >= one, second)

    def backward(self, dy, cache):
        left, first, right, second = cache
        return self.left.backward(dy * left, first) + self.right.backward(dy * right, second)


def test_ties_of_a_container_itself_are_not_excused_by_its_parts():
    same = np.array([[0.5]])
    net = Greatest(Linear(1, 1, weight=same, bias=False), Linear(1, 1, weight=same.copy(), bias=False))
    with pytest.raises(Fault):
        examine(Point(net, [np.array([[2.0]])]), Tally())
