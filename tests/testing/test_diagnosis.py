"""The diagnosis: what is wrong with a wrong brick is named, and told with its evidence."""

import numpy as np
import pytest

from legonet import Brick, Parameter
from legonet.testing.compare import Tally
from legonet.testing.diagnosis import Diagnosis, diagnose
from legonet.testing.examine import examine
from legonet.testing.inputs import PROFILES, Floats, Integers, Refused
from legonet.testing.points import Point, from_generator
from legonet.testing.probe import Fault
from legonet.testing.recipe import Recipe


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


class Layer(Brick):
    """y = x W + b, and the tools to get it wrong."""

    def __init__(self, features, outputs, rng):
        self.weight = Parameter(rng.normal(size=(features, outputs)))
        self.bias = Parameter(rng.normal(size=outputs))

    def forward(self, x):
        return x @ self.weight.value + self.bias.value, x

    def backward(self, dy, x):
        self.weight.grad += self.by_weight(dy, x)
        self.bias.grad += self.by_bias(dy)
        return self.by_input(dy)

    def by_weight(self, dy, x):
        return x.T @ dy

    def by_bias(self, dy):
        return dy.sum(axis=0)

    def by_input(self, dy):
        return dy @ self.weight.value.T


class WeightAveraged(Layer):
    def by_weight(self, dy, x):
        return x.T @ dy / (len(x) or 1)


class WeightDoubled(Layer):
    def by_weight(self, dy, x):
        return 2 * x.T @ dy


class BiasKeepsRows(Layer):
    def by_bias(self, dy):
        return dy


class BiasOfFirstRow(Layer):
    def by_bias(self, dy):
        return dy[0] if len(dy) else np.zeros(dy.shape[1])


class BiasUnchanged(Layer):
    def by_bias(self, dy):
        return np.zeros(dy.shape[1])


class InputNegative(Layer):
    def by_input(self, dy):
        return -dy @ self.weight.value.T


class InputNotTransposed(Layer):
    def __init__(self, features, rng):
        super().__init__(features, features, rng)

    def by_input(self, dy):
        return dy @ self.weight.value


class Assigned(Layer):
    def backward(self, dy, x):
        self.weight.grad = x.T @ dy
        self.bias.grad += dy.sum(axis=0)
        return self.by_input(dy)


class KeepsInput(Layer):
    def forward(self, x):
        self.x = x
        return super().forward(x)

    def backward(self, dy, x):
        return super().backward(dy, self.x)


class Elementwise(Brick):
    """A function of each entry."""

    def forward(self, x):
        return self.value(x), x

    def backward(self, dy, x):
        return dy * self.slope(x)


class TanhAtInput(Elementwise):
    value = staticmethod(np.tanh)

    def slope(self, x):
        return 1 - x**2


class SinePositiveOnly(Elementwise):
    value = staticmethod(np.sin)

    def slope(self, x):
        return np.where(x > 0, np.cos(x), 0.5)


class ClippedTooLate(Elementwise):
    def value(self, x):
        return np.clip(x, -2, 2)

    def slope(self, x):
        return (np.abs(x) < 3).astype(x.dtype)


class SwishHalf(Elementwise):
    def value(self, x):
        return x / (1 + np.exp(-x))

    def slope(self, x):
        return 1 / (1 + np.exp(-x))


class SquareOfZero(Elementwise):
    def value(self, x):
        return x + x**2

    def slope(self, x):
        return np.where(x == 0, 0.0, 1 + 2 * x)


class LogOverflows(Elementwise):
    def value(self, x):
        return np.logaddexp(0, x)

    def slope(self, x):
        return np.exp(x) / (1 + np.exp(x))


class Softmax(Brick):
    def forward(self, x):
        y = softmax(x)
        return y, y

    def backward(self, dy, y):
        return y * (dy - (dy * y).sum(axis=1, keepdims=True))


class SoftmaxDiagonal(Softmax):
    def backward(self, dy, y):
        return dy * y * (1 - y)


class SoftmaxPlus(Softmax):
    def backward(self, dy, y):
        return y * (dy + (dy * y).sum(axis=1, keepdims=True))


class SoftmaxOverBatch(Softmax):
    def backward(self, dy, y):
        return y * (dy - (dy * y).sum(axis=0, keepdims=True))


class SoftmaxIgnoresUpstream(Softmax):
    def backward(self, dy, y):
        return y - 1.0


class Gain(Brick):
    """y = gain · tanh(x)."""

    def __init__(self, features):
        self.gain = Parameter(np.ones(features))

    def forward(self, x):
        h = np.tanh(x)
        return h * self.gain.value, (x, h)

    def backward(self, dy, cache):
        x, h = cache
        self.gain.grad += self.by_gain(dy, x, h)
        return self.by_input(dy, h)

    def by_gain(self, dy, x, h):
        return (dy * h).sum(axis=0)

    def by_input(self, dy, h):
        return dy * self.gain.value * (1 - h**2)


class GainForgotten(Gain):
    def by_input(self, dy, h):
        return dy * (1 - h**2)


class GainOfInput(Gain):
    def by_gain(self, dy, x, h):
        return (dy * x).sum(axis=0)


class Table(Brick):
    def __init__(self, words, features, rng):
        self.rows = Parameter(rng.normal(size=(words, features)))

    def forward(self, words):
        return self.rows.value[words], words

    def backward(self, dy, words):
        self.rows.grad[words] += dy


class Difference(Brick):
    def forward(self, a, b):
        return np.sin(a) * b, (a, b)

    def backward(self, dy, cache):
        a, b = cache
        return dy * np.sin(a), dy * b * np.cos(a)


class Reversed(Brick):
    """Sums from the left, and backward too."""

    def forward(self, x):
        return np.cumsum(x, axis=1), None

    def backward(self, dy, cache):
        return np.cumsum(dy, axis=1)


class Masked(Brick):
    def forward(self, x, mask):
        return np.sin(x) * mask, (x, mask)

    def backward(self, dy, cache):
        x, _ = cache
        return dy * np.cos(x), None


class Noise(Brick):
    def __init__(self, rng):
        self.rng = np.random.default_rng(rng.integers(99))

    def forward(self, x):
        return x * self.rng.normal(size=x.shape), x.shape

    def backward(self, dy, shape):
        return dy * self.rng.normal(size=shape)


class Ridge(Brick):
    def __init__(self, rows, rng):
        self.weight = Parameter(rng.normal(size=rows))

    def forward(self):
        return 0.15 * float(np.sum(self.weight.value**2)), None

    def backward(self, dloss, cache):
        self.weight.grad += dloss * 0.15 * np.sum(self.weight.value**2)


class Maximum(Brick):
    def forward(self, x):
        y = x.max(axis=1)
        return y, (x, y)

    def backward(self, dy, cache):
        x, y = cache
        return (x == y[:, None]) * dy[:, None]


class Standardized(Brick):
    """(x - mean) / std along rows; the deviation is differentiated, the mean is not."""

    epsilon = 1e-3

    def forward(self, x):
        centred = x - x.mean(axis=1, keepdims=True)
        std = np.sqrt((centred**2).mean(axis=1, keepdims=True) + self.epsilon)
        return centred / std, (centred / std, std)

    def backward(self, dy, cache):
        y, std = cache
        return (dy - y * (dy * y).mean(axis=1, keepdims=True)) / std


class RootEpsilon(Brick):
    epsilon = 1e-4

    def forward(self, x):
        length = np.sqrt((x**2).sum(axis=1) + self.epsilon)
        return length, x

    def backward(self, dy, x):
        return (dy / (np.sqrt((x**2).sum(axis=1)) + self.epsilon))[:, None] * x


class Rolled(Brick):
    """Each row is mixed with the next one."""

    def forward(self, x):
        return x + 0.5 * np.roll(x, 1, axis=0), None

    def backward(self, dy, cache):
        return dy + 0.5 * np.roll(dy, 1, axis=0)


ROWS = ["(batch, features)"]
FIT = {"outputs": (1, 2, 3, 4)}

WRONG = [
    (WeightAveraged, ROWS, "size_factor", "the batch size"),
    (WeightDoubled, ROWS, "constant_factor", "2.000 times too large"),
    (BiasKeepsRows, ROWS, "missing_sum", "sum over axis 0"),
    (BiasOfFirstRow, ROWS, "missing_sum", "sum over all"),
    (BiasUnchanged, ROWS, "missing_gradient", "bias.grad: backward gives zeros"),
    (InputNegative, ROWS, "sign", "dx has the wrong sign"),
    (InputNotTransposed, ROWS, "transposed", "not with its transpose"),
    (Assigned, ROWS, "overwritten", "weight.grad += ..."),
    (KeepsInput, ROWS, "stale_state", "another forward pass"),
    (TanhAtInput, ROWS, "wrong_variable", "x in place of y"),
    (SinePositiveOnly, ROWS, "threshold", "where x is below 0"),
    (ClippedTooLate, ROWS, "threshold", "|x|"),
    (SwishHalf, ROWS, "missing_path", "product rule"),
    (SquareOfZero, ROWS, "special_value", "only where x is 0"),
    (LogOverflows, ROWS, "overflow", "not finite"),
    (SoftmaxDiagonal, ROWS, "missing_path", "depends on other entries"),
    (SoftmaxPlus, ROWS, "sign", "off the diagonal"),
    (SoftmaxOverBatch, ROWS, "wrong_axis", "axis 0"),
    (SoftmaxIgnoresUpstream, ROWS, "upstream_ignored", "does not depend on"),
    (GainForgotten, ROWS, "forgotten_parameter", "gain = 1"),
    (GainOfInput, ROWS, "wrong_variable", "dy times x"),
    (Table, [Integers("(batch,)", below="words")], "scatter", "np.add.at"),
    (Difference, ["(batch, features)"] * 2, "exchanged", "exchanged"),
    (Reversed, ROWS, "wrong_axis", "transpose"),
    (Masked, [*ROWS, Integers("(batch, features)", below=2, dtype=bool)], "mask", "the mask is not applied"),
    (Noise, ROWS, "random", "random numbers"),
    (Ridge, [], "wrong_formula", "the penalty's value is added instead of its gradient"),
    (Maximum, ROWS, "ties", "equal"),
    (Standardized, ROWS, "missing_path", "as of a mean"),
    (RootEpsilon, ROWS, "epsilon", "epsilon"),
    (Rolled, ROWS, "batch_mixed", "transpose"),
]


def failing(build, inputs, sizes, seeds=120):
    """Return the first point where something is wrong, what it is, and a way to build the brick again."""
    recipe = Recipe(build, inputs, sizes, {})
    draw = from_generator(np.random.default_rng(1))
    for number in range(seeds):
        try:
            point = recipe.point(draw, list(PROFILES)[number % len(PROFILES)])
            examine(point, Tally())
        except Refused:
            continue
        except Fault as fault:
            return point, fault, recipe.redraw(point)
    raise AssertionError(f"{build.__name__} was not found wrong")


def sizes_for(build):
    names = build.__init__.__code__.co_varnames if build.__init__ is not Brick.__init__ else ()
    return {name: (2, 3, 4) for name in ("outputs", "rows", "words") if name in names}


@pytest.mark.parametrize(("build", "inputs", "cause", "phrase"), WRONG, ids=[row[0].__name__ for row in WRONG])
def test_the_cause_of_a_wrong_brick_is_named_with_its_evidence(build, inputs, cause, phrase):
    found = diagnose(*failing(build, inputs, sizes_for(build)))
    assert found.guesses[0].cause == cause, found
    assert phrase in found.guesses[0].sentence, found
    assert found.guesses[0].sure
    assert len(found.guesses) == 1
    assert len(found.guesses[0].sentence) <= 200


def test_the_same_point_gives_the_same_diagnosis():
    point, fault, redraw = failing(WeightAveraged, ROWS, FIT)
    assert diagnose(point, fault, redraw) == diagnose(point, fault, redraw)


def test_it_says_what_was_varied():
    assert "other sizes: wrong as well" in diagnose(*failing(WeightDoubled, ROWS, FIT)).varied


@pytest.mark.parametrize("build", [WeightDoubled, InputNegative, BiasUnchanged, SoftmaxPlus, SwishHalf, GainForgotten])
def test_a_brick_with_given_arrays_is_diagnosed_without_drawing_others(build):
    inputs = np.random.default_rng(3).normal(size=(4, 3))
    names = build.__init__.__code__.co_varnames[1:4] if build.__init__ is not Brick.__init__ else ()
    given = {"features": 3, "outputs": 2, "rng": np.random.default_rng(3)}
    point = Point(build(**{name: given[name] for name in names if name in given}), [inputs], seed=2)
    for parameter in point.brick.parameters():
        parameter.value = parameter.value * np.linspace(0.6, 1.7, parameter.value.size).reshape(parameter.value.shape)
    with pytest.raises(Fault) as caught:
        examine(point, Tally())
    wanted = {row[0]: row[2] for row in WRONG}[build]
    assert diagnose(point, caught.value).guesses[0].cause == wanted


def test_a_formula_that_nothing_explains_gets_two_guesses_and_no_certainty():
    class Odd(Elementwise):
        value = staticmethod(np.exp)

        def slope(self, x):
            return np.cos(3 * x) + 2.2

    found = diagnose(*failing(Odd, ROWS, {}))
    assert [guess.cause for guess in found.guesses] == ["wrong_formula", "wrong_variable"]
    assert not any(guess.sure for guess in found.guesses)


def test_a_brick_that_fails_in_every_experiment_is_still_diagnosed():
    class Touchy(Elementwise):
        calls = 0

        def value(self, x):
            Touchy.calls += 1
            if Touchy.calls > 40:
                raise RuntimeError("no more")
            return x**2

        def slope(self, x):
            return x

    point = Point(Touchy(), [np.array([[0.5, -1.0]])])
    found = diagnose(point, Fault("dx is wrong", "", "dx"))
    assert isinstance(found, Diagnosis)
    assert found.guesses


def test_a_redraw_that_fails_does_not_matter():
    point, fault, _ = failing(WeightDoubled, ROWS, FIT)

    def redraw(**_):
        raise ValueError("no")

    assert diagnose(point, fault, redraw).guesses


def test_bounded_inputs_stay_within_their_bounds():
    class Entropy(Brick):
        def forward(self, p):
            assert p.size == 0 or 0 < p.min() <= p.max() < 1
            return -p * np.log(p), p

        def backward(self, dy, p):
            return dy * (np.log(p) + 1)

    found = diagnose(*failing(Entropy, [Floats("(batch, features)", low=1e-6, high=1 - 1e-6)], {}))
    assert found.guesses[0].cause == "sign"
