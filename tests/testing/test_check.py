"""The check of one brick: what is right passes, a wrong number is found and told, and nothing is lost or changed."""

import copy
from functools import partial

import numpy as np
import pytest
from hypothesis import given

from legonet import (
    SGD,
    Brick,
    DtypeError,
    GradientError,
    Graph,
    L2Regularizer,
    Linear,
    MSELoss,
    OptionError,
    Parameter,
    Residual,
    Sequential,
    ShapeError,
    Sigmoid,
    Tanh,
)
from legonet.testing import Floats, Integers, Report, check_brick
from legonet.testing.compare import Tally
from legonet.testing.examine import examine
from legonet.testing.points import Point, vary_parameters
from legonet.testing.probe import Fault
from strategies import fingerprint, normal, seeds
from testing.bricks import Affine, Dropout, ForgetsShift, HalfOfSquare, Product, Square, Table

X, Y = normal(4, 3, seed=1), normal(4, 3, seed=2)
INDICES = np.array([0, 2, 2, 1])


class WrongSign(Square):
    def backward(self, dy, x):
        return -2 * dy * x


class WrongInTheFourthDigit(Square):
    def backward(self, dy, x):
        return 2.0002 * dy * x


class WrongAtOneEntry(Square):
    def backward(self, dy, x):
        dx = 2 * dy * x
        dx[-1, 1] = 0.0
        return dx


class NotANumber(Square):
    def backward(self, dy, x):
        return np.full_like(dy, np.nan)


class ReturnsNothing(Square):
    def backward(self, dy, x):
        pass


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


class FirstRowOnly(Affine):
    def backward(self, dy, x):
        self.scale.grad += (dy * x).sum(axis=0)
        self.shift.grad += dy[0]
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


class LosesRepeatedRows(Table):
    def backward(self, dy, indices):
        self.rows.grad[indices] += dy


class SwapsItsInputs(Product):
    def backward(self, dy, cache):
        return super().backward(dy, cache)[::-1]


class OneGradientOfTwo(Product):
    def backward(self, dy, cache):
        return super().backward(dy, cache)[0]


class MSEWithoutTheRows(MSELoss):
    def backward(self, dloss, error):
        return dloss * error


class ArticlesRegularizer(L2Regularizer):
    """Adds the scalar λ ΣW² to every entry, in place of λ W."""

    def backward(self, dloss, cache):
        for weight in self.weights:
            weight.grad += dloss * self.strength * np.sum(weight.value**2)


class ForgetsAZeroShift(Affine):
    """Right as long as the shift is 0, as it is at first."""

    def __init__(self):
        super().__init__()
        self.shift.value[...] = 0

    def forward(self, x):
        return (x + self.shift.value) ** 2 * self.scale.value, x

    def backward(self, dy, x):
        slope = 2 * x * self.scale.value
        self.scale.grad += (dy * (x + self.shift.value) ** 2).sum(axis=0)
        self.shift.grad += (dy * slope).sum(axis=0)
        return dy * slope


def ridge(kind=L2Regularizer):
    return kind([Parameter(normal(2, 3)), Parameter(normal(3, seed=1))], strength=1e-4)


WRONG = {
    WrongSign: ((X,), "dx", "backward gives dx[0, 0] = "),
    HalfOfSquare: ((X,), "dx", "(3 of 3 entries of dx are wrong)"),
    WrongInTheFourthDigit: ((X,), "dx", "backward gives dx[0, 0] = "),
    WrongAtOneEntry: ((X,), "dx", "(1 of 3 entries of dx are wrong)"),
    NotANumber: ((X,), "dx", "dx[0, 0] = nan, but finite differences"),
    ReturnsNothing: ((X,), "dx", "backward gives no dx, but the derivative is dx[0, 0] = "),
    TransposedWeight: ((X,), "dx", "backward gives dx[0, 0] = "),
    TransposedGradient: ((X,), "weight.grad", "backward gives weight.grad[0, 1] = "),
    ForgetsShift: ((X,), "shift.grad", "backward gives shift.grad[0] = 0, but"),
    ForgetsAZeroShift: ((X,), "dx", "backward gives dx["),
    FirstRowOnly: ((X,), "shift.grad", "(3 of 3 entries of shift.grad are wrong)"),
    SumsOverEverything: ((X,), "shift.grad", "shift.grad[0] = "),
    AveragesOverRows: ((X,), "scale.grad", "scale.grad[0] = "),
    LosesRepeatedRows: ((INDICES,), "rows.grad", "entries of rows.grad are wrong)"),
    SwapsItsInputs: ((X, Y), "dleft", "dleft[0, 0] = "),
    OneGradientOfTwo: ((X, Y), "dright", "backward gives no dright, but the derivative is dright[0, 0] = "),
    MSEWithoutTheRows: ((X, Y), "dy", "dy[0, 0] = "),
    partial(ridge, ArticlesRegularizer): ((), "weights.0.grad", "weights.0.grad[0, 0] = "),
}


def name(kind):
    return kind.__name__ if isinstance(kind, type) else kind.args[0].__name__


def words(error):
    return " ".join(str(error).split())


@pytest.mark.parametrize(("kind", "told"), WRONG.items(), ids=lambda one: "" if isinstance(one, tuple) else name(one))
def test_a_wrong_number_is_found_and_nothing_is_changed(kind, told):
    inputs, gradient, message = told
    brick = kind()
    before = fingerprint(*inputs, *brick.parameters())
    with pytest.raises(GradientError) as caught:
        check_brick(brick, *inputs)
    error = caught.value
    assert str(error).startswith(repr(brick))
    assert error.brick == repr(brick)
    assert error.gradient == gradient
    assert message in words(error)
    assert fingerprint(*inputs, *brick.parameters()) == before


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("kind", WRONG, ids=name)
def test_a_wrong_number_is_found_whatever_is_drawn(kind, seed):
    brick = vary_parameters(kind(), 0, np.random.default_rng(seed))
    with pytest.raises(Fault):
        examine(Point(brick, WRONG[kind][0], seed=seed), Tally())


RIGHT = {
    "square": (Square(), (X,)),
    "affine": (Affine(), (X,)),
    "three axes": (Square(), (normal(2, 1, 3),)),
    "table": (Table(), (INDICES,)),
    "product": (Product(), (X, Y)),
    "one input used as both": (Product(), (X, X)),
    "loss": (MSELoss(), (X, Y)),
    "regularizer": (ridge(), ()),
    "chain": (Sequential(Affine(), Tanh(), Linear(3, 2, rng=0), Sequential(Sigmoid(), Square())), (X,)),
    "brick used twice": (Sequential(shared := Linear(3, 3, rng=0), Tanh(), shared), (X,)),
    "empty chain": (Sequential(), (X,)),
    "no rows": (Affine(), (X[:0],)),
    "float32": (Sequential(Linear(3, 2, rng=0, dtype=np.float32), Sigmoid()), (X.astype(np.float32),)),
    "float16": (Linear(3, 2, rng=0, dtype=np.float16), (X.astype(np.float16),)),
    "large numbers": (Sequential(Linear(3, 2, rng=0), Square()), (1e4 * X,)),
    "a large number beside small ones": (Affine(), (np.array([[1e8, 1.0, 1.0]]),)),
    "small numbers": (Sequential(Linear(3, 2, rng=0), Sigmoid()), (1e-6 * X,)),
}


@pytest.mark.parametrize(("brick", "inputs"), RIGHT.values(), ids=RIGHT)
def test_a_right_brick_passes_and_is_left_as_it_was(brick, inputs):
    for parameter in brick.parameters():
        parameter.grad += 7.0
    before = fingerprint(*inputs, *brick.parameters())
    report = check_brick(brick, *inputs)
    assert report.verified
    assert report.unresolved == 0
    assert fingerprint(*inputs, *brick.parameters()) == before


@given(seeds)
def test_a_right_brick_passes_whatever_is_drawn(seed):
    net = Sequential(Linear(3, 2, rng=seed), Tanh(), Linear(2, 2, rng=seed))
    assert check_brick(net, normal(3, 3, seed=seed), rng=seed).verified


def test_every_derivative_is_counted():
    # 4 inputs, 6 parameters of the weight and 3 of the bias; the bias is 0 at first and is moved for a second point.
    assert check_brick(Linear(2, 3, rng=0), X[:2, :2]) == Report("Linear(2, 3)", 26, 0, 2)


def test_a_wrong_brick_is_found_inside_a_network():
    with pytest.raises(GradientError) as caught:
        check_brick(Sequential(Linear(3, 3, rng=0), ForgetsShift(), Tanh()), X)
    assert caught.value.gradient == "bricks.1.shift.grad"


def test_a_target_without_a_gradient_is_not_checked():
    class Rounded(MSELoss):
        def forward(self, y, target):
            return super().forward(y, np.round(target))

    assert check_brick(Rounded(), X, Y).right == X.size


def test_a_target_with_a_gradient_is_checked():
    class Both(MSELoss):
        def backward(self, dloss, error):
            dy = super().backward(dloss, error)
            return dy, dy

    with pytest.raises(GradientError, match=r"backward gives dtarget\[0, 0\] = "):
        check_brick(Both(), X, Y)


def test_a_loss_that_raises_in_backward_is_told_so():
    class Raises(MSELoss):
        def backward(self, dloss, error):
            raise KeyError("rows")

    with pytest.raises(GradientError, match=r"backward raises KeyError for inputs of\s+shapes"):
        check_brick(Raises(), X, Y)


def test_an_input_of_whole_numbers_needs_no_gradient():
    class Pick(Brick):
        def forward(self, x, indices):
            return x[np.arange(len(x)), indices], (x.shape, x.dtype, indices)

        def backward(self, dy, cache):
            shape, dtype, indices = cache
            dx = np.zeros(shape, dtype)
            dx[np.arange(len(dx)), indices] = dy
            return dx, None

    assert check_brick(Pick(), X, INDICES).right == X.size


def test_without_being_told_a_mask_is_an_input_like_any_other():
    class Masked(Brick):
        def forward(self, x, mask):
            return x * mask, mask

        def backward(self, dy, mask):
            return dy * mask, None

    assert check_brick(Masked(), X, Y, constants=["mask"]).right == X.size
    with pytest.raises(GradientError, match="backward gives no dmask"):
        check_brick(Masked(), X, Y)
    with pytest.raises(GradientError, match=r"constants=\('mask',\)"):
        check_brick(type("Wrong", (Masked,), {"backward": lambda self, dy, mask: dy})(), X, Y, constants=("mask",))


def test_an_input_may_go_by_any_name():
    class Any(Square):
        def forward(self, *arrays):
            return super().forward(*arrays)

        def backward(self, dy, x):
            return dy

    with pytest.raises(GradientError, match=r"backward gives dx\[0, 0\]"):
        check_brick(Any(), X)


# -- the same again ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("inputs", [(X,), ("(batch, features)",)], ids=["arrays", "shapes"])
def test_the_same_seed_gives_the_same_text(inputs):
    texts = []
    for rng in (0, 0, np.random.default_rng(1), np.random.default_rng(1)):
        with pytest.raises(GradientError) as caught:
            check_brick(HalfOfSquare(), *inputs, rng=rng)
        texts.append(str(caught.value))
    assert texts[0] == texts[1] != texts[2] == texts[3]


def test_without_a_seed_it_is_0():
    with pytest.raises(GradientError) as one:
        check_brick(HalfOfSquare(), X)
    with pytest.raises(GradientError) as other:
        check_brick(HalfOfSquare(), X, rng=0)
    assert str(one.value) == str(other.value)


def test_none_stands_for_any_seed():
    assert check_brick(Square(), X, rng=None).verified


def test_the_generator_of_a_brick_stays_where_it_was():
    brick = Dropout(rng=5)
    state = copy.deepcopy(brick.rng.bit_generator.state)
    for _ in range(2):
        check_brick(brick, X, call_differs=True)
        assert brick.rng.bit_generator.state == state


def test_a_network_in_training_may_be_checked():
    net = Sequential(Linear(3, 2, rng=0), Tanh())
    sgd = SGD(net.parameters(), lr=0.1)
    check_brick(net, X)
    net.parameters()[0].grad += 1
    before = net.parameters()[0].value.copy()
    sgd.step()
    np.testing.assert_allclose(net.parameters()[0].value, before - 0.1)


# -- shapes in place of arrays -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("brick", "inputs", "options"),
    [
        (Affine(), ("(batch, 3)",), {}),
        (Square(), ("(...)",), {}),
        (Square(), ("()",), {}),
        (MSELoss(), ("(batch, n)", "(batch, n)"), {"sizes": {"batch": (1, 3), "n": [2]}}),
        (Table(), (Integers("(batch,)", below=3),), {}),
        (Product(), ("(batch, n)", Floats("(batch, n)", low=0, high=1, constant=True)), {}),
        (Product(), ("(batch, n)", "(batch, n)"), {"constants": ["left"]}),
        (Dropout(), ("(batch, n)",), {"call_differs": True}),
        (ridge(), (), {}),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_right_brick_passes_by_its_shapes_alone(brick, inputs, options):
    before = fingerprint(*brick.parameters())
    report = check_brick(brick, *inputs, **options)
    assert report.verified
    assert report.points == (100 if inputs else 1)
    assert fingerprint(*brick.parameters()) == before


def test_a_wrong_brick_is_found_by_its_shapes_and_told_at_a_small_one():
    with pytest.raises(GradientError, match=r"x = np\.array\(\[\[-?\d\.\d\]\]\)"):
        check_brick(HalfOfSquare(), "(batch, n)")


def test_points_that_forward_refuses_are_counted():
    class Root(Brick):
        def forward(self, x):
            if np.any(x <= 0):
                raise ValueError("x must be positive")
            return np.sqrt(x), x

        def backward(self, dy, x):
            return dy / (2 * np.sqrt(x))

    report = check_brick(Root(), "(batch, n)")
    assert report.points + report.refused == 100
    assert report.refused > 20
    assert f"forward refused {report.refused} further points" in repr(report)
    assert check_brick(Root(), Floats("(batch, n)", low=1e-3)).refused < 10


def test_a_loss_that_rounding_hides_is_counted_and_not_verified():
    class Offset(Brick):
        """The derivative is lost in the last digit of the output."""

        def forward(self, x):
            return x + 1e15, None

        def backward(self, dy, cache):
            return 50 * dy

    report = check_brick(Offset(), np.array([0.5]))
    assert (report.right, report.unresolved) == (0, 1)
    assert not report.verified
    assert "hidden by rounding\n  not verified: " in repr(report)


def test_large_arrays_are_sampled_and_it_says_so():
    report = check_brick(Linear(20, 30, rng=0), normal(5, 20))
    assert report.notes == ("arrays of more than 40 entries were sampled: 40 entries and 4 random directions each",)
    assert report.notes[0] in repr(report)
    assert report.right == 2 * (44 + 44 + 30)


def test_a_mistake_anywhere_in_a_large_array_is_found():
    class OneWrong(Brick):
        def __init__(self):
            self.weight = Parameter(normal(20, 30))

        def forward(self, x):
            return x @ self.weight.value, x

        def backward(self, dy, x):
            self.weight.grad += x.T @ dy
            self.weight.grad[7, 11] += 9 * dy[0, 0]
            return dy @ self.weight.value.T

    with pytest.raises(GradientError) as caught:
        check_brick(OneWrong(), normal(5, 20))
    assert "along a random direction of signs" in caught.value.short
    assert caught.value.gradient == "weight.grad"


# -- bad use -----------------------------------------------------------------------------------------------------------


class ByHand:
    def forward(self, x):
        return x

    def backward(self, dy):
        return dy


class Draws(Square):
    def forward(self, x):
        raise ValueError("no numbers today")


class Logarithm(Square):
    def forward(self, x):
        return np.log(x), x


BAD = {
    "no brick": ((3,), {}, OptionError, "check_brick needs a Brick, but got 3"),
    "a class": ((Sigmoid, X), {}, OptionError, "check_brick needs a Brick, but got <class .*: pass an instance"),
    "of another library": ((ByHand(), X), {}, OptionError, "wrap it with legonet.interop.from_object"),
    "a list": ((Sigmoid(), X.tolist()), {}, DtypeError, r"input 0 is a list: pass numpy\.asarray\("),
    "None": ((MSELoss(), X, None), {}, DtypeError, "input 1 is a NoneType"),
    "complex numbers": ((Sigmoid(), X + 1j), {}, DtypeError, "input 0 has dtype complex128"),
    "whole numbers": ((Square(), INDICES), {}, OptionError, r"nothing to check: .*pass x\.astype\(float\)"),
    "whole numbers by shape": ((Square(), Integers("(n,)")), {}, OptionError, r"nothing to check: .*pass x\.astype"),
    "nothing": ((Square(),), {}, OptionError, "nothing to check: .* no parameters, and no inputs"),
    "arrays and shapes": ((MSELoss(), X, "(n,)"), {}, OptionError, "either arrays or shapes"),
    "shapes and a list": ((MSELoss(), "(n,)", [1.0]), {}, OptionError, "an input is given as its axes"),
    "sizes of arrays": ((Square(), X), {"sizes": {"n": [2]}}, OptionError, "sizes for named axes only"),
    "sizes of no axis": ((Square(), "(n,)"), {"sizes": {"m": [2]}}, OptionError, "'m' in sizes is no axis"),
    "constants": ((Square(), X), {"constants": ["z"]}, OptionError, r"'z' in constants is no input of Square"),
    "a seed": ((Square(), X), {"rng": "0"}, OptionError, "check_brick needs rng as a numpy.random.Generator"),
    "too large": (
        (Square(), "(n, m)"),
        {"sizes": {"n": [10**4], "m": [10**4]}},
        OptionError,
        "larger than a check needs",
    ),
    "axes": ((Square(), "(batch"), {}, OptionError, r"axes are names and numbers, .* not '\(batch'"),
    "a negative number": ((Logarithm(), X), {}, OptionError, "forward gives NaN or infinity, where .* other inputs"),
    "NaN in": ((Square(), np.array([np.nan])), {}, OptionError, "NaN or infinity for inputs that contain such"),
    "NaN always": ((Logarithm(), Floats("(n,)", high=-1)), {}, OptionError, "takes none of the inputs .* NaN"),
    "an error of forward": ((Draws(), X), {}, ValueError, "no numbers today"),
    "an error of forward, by shape": ((Draws(), "(n,)"), {}, OptionError, "takes none of .* ValueError: no numbers"),
    "a shape of forward": ((Linear(3, 2), X[:, :2]), {}, ShapeError, r"Linear\(3, 2\) needs x of shape \(batch, 3\)"),
    "too few inputs": ((MSELoss(), X), {}, OptionError, r"forward of MSELoss\(\) also needs target: give an array"),
}


@pytest.mark.parametrize(("arguments", "options", "error", "message"), BAD.values(), ids=BAD)
def test_bad_use_gets_a_clear_error(arguments, options, error, message):
    with pytest.raises(error, match=message) as caught:
        check_brick(*arguments, **options)
    assert len(str(caught.value)) <= 300


def test_an_error_of_forward_is_raised_as_it_is():
    own = KeyError("mine")

    class Raises(Square):
        def forward(self, x):
            raise own

    with pytest.raises(KeyError) as caught:
        check_brick(Raises(), X)
    assert caught.value is own


def test_the_error_of_backward_is_the_cause_of_the_report():
    class Raises(Square):
        def backward(self, dy, x):
            return dy @ x

    with pytest.raises(GradientError) as caught:
        check_brick(Raises(), X)
    assert isinstance(caught.value.__cause__, ValueError)


def test_a_brick_that_cannot_bear_other_parameters_is_checked_as_it_is():
    class OnlyZero(Affine):
        """Refuses a shift other than 0."""

        def __init__(self):
            super().__init__()
            self.shift.value[...] = 0

        def forward(self, x):
            if len(x) and np.any(np.abs(self.shift.value) > 0.1):
                raise ValueError("the shift is too large")
            return super().forward(x)

    assert check_brick(OnlyZero(), X).points == 1


class Halved(Brick):
    """A square whose derivative lacks its factor 2."""

    def forward(self, x):
        return x * x, x

    def backward(self, dy, x):
        return dy * x


@pytest.mark.parametrize(
    ("net", "where"),
    [
        (Sequential(Linear(3, 3, rng=0), Halved(), Tanh()), "bricks.1 of Sequential(Linear(3, 3), Halved(), Tanh())"),
        (Sequential(Tanh(), Residual(Sequential(Halved()))), "bricks.1.brick.bricks.0 of Sequential(Tanh(), Residual("),
        (Graph(inputs=["x"], nodes={"s": (Halved(), "x")}, outputs=["s"]), "bricks.s of Graph(inputs=['x'], nodes="),
    ],
    ids=["Sequential", "nested", "Graph"],
)
def test_the_report_of_a_container_is_that_of_the_brick_inside_it_that_is_wrong(net, where):
    with pytest.raises(GradientError) as caught:
        check_brick(net, X)
    text = " ".join(str(caught.value).split())
    assert text.startswith("Halved(): backward gives dx[0, 0] =")
    assert f"where {where}" in text
    assert "dx is 2.000 times too small" in text
    assert caught.value.brick == "Halved()"


def test_a_container_that_is_wrong_with_right_bricks_is_reported_itself():
    class Doubled(Residual):
        def backward(self, dy, caches):
            return 2 * super().backward(dy, caches)

    with pytest.raises(GradientError, match=r"^Doubled\(Tanh\(\)\)|^Residual\(Tanh\(\)\)") as caught:
        check_brick(Doubled(Tanh()), X)
    assert "where" not in str(caught.value)
