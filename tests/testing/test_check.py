"""The check of a brick: what is right passes, and each kind of mistake is named."""

import re
from functools import partial

import numpy as np
import pytest
from hypothesis import given

from legonet import (
    Brick,
    DtypeError,
    GradientError,
    L2Regularizer,
    Linear,
    MSELoss,
    OptionError,
    Parameter,
    Sequential,
    Sigmoid,
    Tanh,
)
from legonet.testing import check_brick
from strategies import fingerprint, normal, seeds

X, Y = normal(4, 3, seed=1), normal(4, 3, seed=2)
INDICES = np.array([0, 2, 2, 1])


class Square(Brick):
    """A right brick; the wrong ones below change one thing of it."""

    def forward(self, x):
        return x**2, x

    def backward(self, dy, x):
        return 2 * dy * x


class Affine(Brick):
    """A right brick with two parameters; the wrong ones below change one thing of it."""

    def __init__(self, features=3):
        self.scale, self.shift = Parameter(normal(features, seed=3)), Parameter(normal(features, seed=4))

    def forward(self, x):
        return x * self.scale.value + self.shift.value, x

    def backward(self, dy, x):
        self.scale.grad += (dy * x).sum(axis=0)
        self.shift.grad += dy.sum(axis=0)
        return dy * self.scale.value


class Table(Brick):
    """A right brick that looks up rows; it has no gradient by its integers."""

    def __init__(self):
        self.rows = Parameter(normal(3, 2))

    def forward(self, indices):
        return self.rows.value[indices], indices

    def backward(self, dy, indices):
        np.add.at(self.rows.grad, indices, dy)


class Late(Affine):
    """A right brick that makes its parameters when it sees how many features there are."""

    def __init__(self):
        pass

    def forward(self, x):
        if not self.parameters():
            super().__init__(x.shape[1])
        return super().forward(x)


class Product(Brick):
    """A right brick of two inputs, with a gradient by each."""

    def forward(self, left, right):
        return left * right, (left, right)

    def backward(self, dy, cache):
        left, right = cache
        return dy * right, dy * left


class WrongSign(Square):
    def backward(self, dy, x):
        return -2 * dy * x


class WrongFactor(Square):
    def backward(self, dy, x):
        return dy * x


class WrongBySmallFactor(Square):
    def backward(self, dy, x):
        return 2.0001 * dy * x


class WrongAtOneEntry(Square):
    def backward(self, dy, x):
        dx = 2 * dy * x
        dx[2, 1] = 0.0
        return dx


class NotANumber(Square):
    def backward(self, dy, x):
        return np.full_like(dy, np.nan)


class LeavesDyOut(Square):
    def backward(self, dy, x):
        return 2 * x


class UsesTheSizeOfDy(Square):
    def backward(self, dy, x):
        return 2 * np.abs(dy) * x


class ReturnsNothing(Square):
    def backward(self, dy, x):
        pass


class ReturnsAList(Square):
    def backward(self, dy, x):
        return (2 * dy * x).tolist()


class WrongShape(Square):
    def backward(self, dy, x):
        return (2 * dy * x).sum(axis=0)


class TransposedShape(Square):
    def backward(self, dy, x):
        return (2 * dy * x).T


class WritesIntoDy(Square):
    def backward(self, dy, x):
        dy *= 2 * x
        return dy


class WritesIntoItsInputOnTheWayDown(Square):
    def backward(self, dy, x):
        x *= 2
        return dy * x


class WritesIntoItsInputOnTheWayUp(Square):
    def forward(self, x):
        x -= x.mean()
        return super().forward(x)


class ClipsItsInputInPlace(Square):
    def forward(self, x):
        np.clip(x, -0.5, 0.5, out=x)
        return super().forward(x)


class OtherWhenCalled(Square):
    def __call__(self, x):
        return x**2 + 1


class ReturnsNoArray(Square):
    def forward(self, x):
        return x.tolist(), x


class ReturnsYAlone(Square):
    def forward(self, x):
        return x**2


class ReturnsThree(Square):
    def forward(self, x):
        return x**2, x, x


class TransposedWeight(Brick):
    def __init__(self):
        self.weight = Parameter(normal(3, 3))

    def forward(self, x):
        return x @ self.weight.value, x

    def backward(self, dy, x):
        self.weight.grad += x.T @ dy
        return dy @ self.weight.value


class TransposedGradient(TransposedWeight):
    def backward(self, dy, x):
        self.weight.grad += dy.T @ x
        return dy @ self.weight.value.T


class ForgetsAParameter(Affine):
    def backward(self, dy, x):
        self.scale.grad += (dy * x).sum(axis=0)
        return dy * self.scale.value


class OverwritesAGradient(Affine):
    def backward(self, dy, x):
        self.scale.grad = (dy * x).sum(axis=0)
        self.shift.grad += dy.sum(axis=0)
        return dy * self.scale.value


class OverwritesAGradientInPlace(Affine):
    def backward(self, dy, x):
        self.scale.grad += (dy * x).sum(axis=0)
        self.shift.grad[:] = dy.sum(axis=0)
        return dy * self.scale.value


class LosesAPartOfTheGradientThere(Affine):
    def backward(self, dy, x):
        self.scale.grad *= 0.99
        return super().backward(dy, x)


class MissesTheSumOverRows(Affine):
    def backward(self, dy, x):
        self.scale.grad += (dy * x).sum(axis=0)
        self.shift.grad += dy[0]
        return dy * self.scale.value


class GradientOfEveryRow(Affine):
    def backward(self, dy, x):
        self.scale.grad += (dy * x).sum(axis=0)
        self.shift.grad = self.shift.grad + dy
        return dy * self.scale.value


class SumsOverEverything(Affine):
    def backward(self, dy, x):
        self.scale.grad += (dy * x).sum(axis=0)
        self.shift.grad += dy.sum()
        return dy * self.scale.value


class AveragesOverRows(Affine):
    def backward(self, dy, x):
        self.scale.grad += (dy * x).mean(axis=0)
        self.shift.grad += dy.sum(axis=0)
        return dy * self.scale.value


class WritesIntoAParameter(Affine):
    def backward(self, dy, x):
        dx = super().backward(dy, x)
        self.scale.value -= 0.1 * self.scale.grad
        return dx


class OtherParameterGradients(Affine):
    def backward_parameters(self, dy, x):
        self.scale.grad += (dy * x).sum(axis=0)


class LosesRepeatedRows(Table):
    def backward(self, dy, indices):
        self.rows.grad[indices] += dy


class SetsRows(Table):
    def backward(self, dy, indices):
        self.rows.grad[indices] = dy


class WritesIntoItsIndices(Table):
    def forward(self, indices):
        indices[0] = 1
        return super().forward(indices)


class SwapsItsInputs(Product):
    def backward(self, dy, cache):
        return super().backward(dy, cache)[::-1]


class MSEWithoutTheRows(MSELoss):
    def backward(self, dloss, error):
        return dloss * error


class MSEWithoutTheUpstreamGradient(MSELoss):
    def backward(self, dloss, error):
        return error / len(error)


class MSEOfAnIntegerKind(MSELoss):
    def forward(self, y, target):
        return int(super().forward(y, target)[0]), y - target


class ArticlesRegularizer(L2Regularizer):
    """Adds the scalar λ ΣW² to every entry, in place of λ W."""

    def backward(self, dloss, cache):
        for weight in self.weights:
            weight.grad += dloss * self.strength * np.sum(weight.value**2)


def ridge(kind=L2Regularizer):
    return kind([Parameter(normal(2, 3)), Parameter(normal(3, seed=1))], strength=1e-4)


WRONG_X = r"backward gives dx\[0, 0\] = .*, but finite differences of forward give "
WRONG = {
    WrongSign: ((X,), WRONG_X),
    WrongFactor: ((X,), WRONG_X + r".* \(12 of 12 entries of dx are wrong\)"),
    WrongBySmallFactor: ((X,), WRONG_X),
    WrongAtOneEntry: ((X,), r"dx\[2, 1\] = 0, but finite .* \(1 of 12 entries of dx are wrong\)"),
    NotANumber: ((X,), r"dx\[0, 0\] = nan"),
    LeavesDyOut: ((X,), WRONG_X),
    UsesTheSizeOfDy: ((X,), r"backward gives dx\[\d, \d\] = "),
    ReturnsNothing: ((X,), r"backward gives dx of type NoneType, but x has shape \(4, 3\)"),
    ReturnsAList: ((X,), r"backward gives dx of type list, but x has shape \(4, 3\)"),
    WrongShape: ((X,), r"backward gives dx of shape \(3,\), but x has shape \(4, 3\)"),
    TransposedShape: ((X,), r"backward gives dx of shape \(3, 4\), but x has shape \(4, 3\)"),
    WritesIntoDy: ((X,), "writes into dy"),
    WritesIntoItsInputOnTheWayDown: ((X,), "writes into input 0"),
    WritesIntoItsInputOnTheWayUp: ((X,), "writes into input 0"),
    ClipsItsInputInPlace: ((X,), "writes into input 0"),
    OtherWhenCalled: ((X,), "called, it gives another output than forward"),
    ReturnsNoArray: ((X,), "forward gives a list, but its output must be a NumPy array or a float"),
    ReturnsYAlone: ((X[:2],), "forward gives a ndarray, but must give the output and the cache"),
    ReturnsThree: ((X,), "forward gives a tuple, but must give the output and the cache"),
    TransposedWeight: ((X,), WRONG_X),
    TransposedGradient: ((X,), r"dweight\[0, 1\] = "),
    ForgetsAParameter: ((X,), r"backward gives dshift\[0\] = 0, but .* \(3 of 3 entries of dshift are wrong\)"),
    OverwritesAGradient: ((X,), r"does not add the same to scale\.grad each time: write scale\.grad \+="),
    OverwritesAGradientInPlace: ((X,), r"does not add the same to shift\.grad each time: write shift\.grad \+="),
    LosesAPartOfTheGradientThere: ((X,), r"does not add the same to scale\.grad each time"),
    partial(OverwritesAGradient, 3): ((1e-3 * X,), r"does not add the same to scale\.grad each time"),
    MissesTheSumOverRows: ((X,), r"dshift\[0\] = "),
    GradientOfEveryRow: ((X,), r"backward gives dshift of shape \(4, 3\), but shift has shape \(3,\)"),
    SumsOverEverything: ((X,), r"dshift\[0\] = "),
    AveragesOverRows: ((X,), r"dscale\[0\] = "),
    WritesIntoAParameter: ((X,), "writes into parameter scale"),
    OtherParameterGradients: ((X,), r"does not add the same to shift\.grad"),
    LosesRepeatedRows: ((INDICES,), r"drows\[2, 0\] = .* \(2 of 6 entries of drows are wrong\)"),
    SetsRows: ((INDICES,), r"does not add the same to rows\.grad each time"),
    WritesIntoItsIndices: ((INDICES.copy(),), "writes into input 0"),
    SwapsItsInputs: ((X, Y), WRONG_X),
    MSEWithoutTheRows: ((X, Y), WRONG_X),
    MSEWithoutTheUpstreamGradient: ((X, Y), WRONG_X),
    MSEOfAnIntegerKind: ((X, Y), "forward gives a int, but its output must be"),
    partial(ridge, ArticlesRegularizer): ((), r"dweights\.0\[0, 0\] = "),
}


def name(kind):
    return kind.__name__ if isinstance(kind, type) else f"{kind.func.__name__} {kind.args[0]}"


@pytest.mark.parametrize(
    ("kind", "inputs", "message"), [(kind, *rest) for kind, rest in WRONG.items()], ids=map(name, WRONG)
)
def test_a_wrong_brick_is_refused_and_told_what_is_wrong(kind, inputs, message):
    brick = kind()
    before = fingerprint(*inputs, *brick.parameters())
    with pytest.raises(GradientError, match=message) as caught:
        check_brick(brick, *inputs)
    assert str(caught.value).startswith(repr(brick))
    assert len(str(caught.value)) <= 300
    assert fingerprint(*inputs, *brick.parameters()) == before


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("kind", WRONG, ids=map(name, WRONG))
def test_a_wrong_brick_is_refused_whatever_numbers_are_drawn(kind, seed):
    with pytest.raises(GradientError):
        check_brick(kind(), *WRONG[kind][0], rng=seed)


RIGHT = {
    "square": (Square(), (X,)),
    "affine": (Affine(), (X,)),
    "three axes": (Square(), (normal(2, 1, 3),)),
    "table": (Table(), (INDICES,)),
    "product": (Product(), (X, Y)),
    "sigmoid": (Sigmoid(), (X,)),
    "linear": (Linear(3, 2, rng=0), (X,)),
    "loss": (MSELoss(), (X, Y)),
    "regularizer": (ridge(), ()),
    "chain": (Sequential(Affine(), Tanh(), Linear(3, 2, rng=0), Sequential(Sigmoid(), Square())), (X,)),
    "brick used twice": (Sequential(shared := Linear(3, 3, rng=0), Tanh(), shared), (X,)),
    "empty chain": (Sequential(), (X,)),
    "empty batch": (Affine(), (X[:0],)),
    "parameters that are made in forward": (Late(), (X,)),
    "float32": (Sequential(Linear(3, 2, rng=0, dtype=np.float32), Sigmoid()), (X.astype(np.float32),)),
    "float16": (Linear(3, 2, rng=0, dtype=np.float16), (X.astype(np.float16),)),
    "large numbers": (Sequential(Linear(3, 2, rng=0), Square()), (1e4 * X,)),
    "a large number beside small ones": (Affine(), (np.array([[1e8, 1.0, 1.0]]),)),
    "small numbers": (Sequential(Linear(3, 2, rng=0), Sigmoid()), (1e-6 * X,)),
    "one input used as both": (Product(), (X, X)),
}


@pytest.mark.parametrize(("brick", "inputs"), RIGHT.values(), ids=RIGHT)
def test_a_right_brick_passes_and_is_left_as_it_was(brick, inputs):
    for parameter in brick.parameters():
        parameter.grad += 7.0
    before = fingerprint(*inputs, *brick.parameters())
    assert check_brick(brick, *inputs) is None
    assert fingerprint(*inputs, *brick.parameters()) == before


@given(seeds)
def test_a_right_brick_passes_whatever_numbers_are_drawn(seed):
    check_brick(Sequential(Linear(3, 2, rng=seed), Tanh(), Linear(2, 2, rng=seed)), normal(3, 3, seed=seed), rng=seed)


def test_a_wrong_brick_is_found_inside_a_network():
    with pytest.raises(GradientError, match=r"dbricks\.1\.shift\[0\] = 0"):
        check_brick(Sequential(Linear(3, 3, rng=0), ForgetsAParameter(), Tanh()), X)


def test_a_target_that_a_loss_does_not_differentiate_is_not_checked():
    class Absolute(MSELoss):
        def forward(self, y, target):
            return super().forward(y, np.round(target))

    check_brick(Absolute(), X, Y)


def test_an_input_of_integers_needs_no_gradient():
    class Pick(Brick):
        def forward(self, x, indices):
            return x[np.arange(len(x)), indices], (x.shape, indices)

        def backward(self, dy, cache):
            shape, indices = cache
            dx = np.zeros(shape)
            dx[np.arange(len(dx)), indices] = dy
            return dx, None

    check_brick(Pick(), X, INDICES)


def test_the_numbers_drawn_follow_the_generator():
    messages = []
    for rng in (0, 0, 1, np.random.default_rng(1)):
        with pytest.raises(GradientError) as caught:
            check_brick(WrongFactor(), X, rng=rng)
        messages.append(str(caught.value))
    assert messages[0] == messages[1] != messages[2] == messages[3]


def test_the_numbers_drawn_are_the_same_ones_when_nothing_is_said():
    with pytest.raises(GradientError) as caught:
        check_brick(WrongFactor(), X)
    with pytest.raises(GradientError, match=re.escape(str(caught.value))):
        check_brick(WrongFactor(), X, rng=0)


def test_at_an_input_that_is_not_a_number_there_is_no_derivative_to_compare_with():
    x = X.copy()
    x[1, 2] = np.nan
    with pytest.raises(GradientError, match=r"dx\[0, 0\] = .*, but finite differences of forward give nan"):
        check_brick(Affine(), x)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((3,), OptionError, "check_brick needs a Brick, but got 3"),
        ((Sigmoid, X), OptionError, "check_brick needs a Brick, but got <class"),
        ((Sigmoid(), X.tolist()), DtypeError, "check_brick needs input 0 as a NumPy array, but input 0 is a list"),
        ((MSELoss(), X, None), DtypeError, "check_brick needs input 1 as a NumPy array, but input 1 is a NoneType"),
        ((Square(), INDICES), OptionError, "check_brick needs input 0 of a floating-point dtype to check its gradient"),
        ((Sigmoid(), X + 1j), DtypeError, "check_brick needs input 0 of a floating-point dtype"),
    ],
)
def test_what_cannot_be_checked_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        check_brick(*arguments)


def test_an_error_of_the_brick_itself_is_raised_as_it_is():
    with pytest.raises(ValueError, match=r"Linear\(3, 2\) needs x of shape \(batch, 3\)"):
        check_brick(Linear(3, 2), np.zeros((4, 2)))
