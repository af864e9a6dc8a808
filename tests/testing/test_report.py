"""What the check has to say: 80 columns, code that shows the failure again, one line for a log."""

import numpy as np
import pytest

from legonet import Brick, GradientError, Linear, MSELoss, Parameter, Sequential, Tanh
from legonet.testing import Floats, Integers, Report, brick_test, check_brick
from legonet.testing.compare import Tally
from legonet.testing.diagnosis import Diagnosis, Guess
from legonet.testing.points import Point
from legonet.testing.probe import Comparison, Fault
from legonet.testing.report import as_code, failure, success
from strategies import normal
from testing.bricks import Affine, Dropout, ForgetsShift, HalfOfSquare, Square, Table

X, Y = normal(4, 3, seed=1), normal(4, 3, seed=2)
WRONG_ENTRY = Comparison("dx", (0, 1), 1.0, 2.0, 1e-13, special=False, wrong=2, compared=6)
LONG = (
    "a factor that nobody would have thought of, and that takes a sentence of several lines in a terminal to be told, "
    "because the evidence is long"
)


# -- of a brick that is right ------------------------------------------------------------------------------------------


def test_a_right_brick_is_told_in_a_line():
    assert repr(Report("Tanh()", 12, 0, 1)) == "Tanh(): 12 of 12 derivatives are right, at 1 point"
    assert repr(Report("Tanh()", 12, 0, 60)) == "Tanh(): 12 of 12 derivatives are right, at 60 points"


def test_what_else_is_worth_knowing_comes_below():
    assert repr(Report("Tanh()", 95, 5, 60, 3, ("a note",))).splitlines() == [
        "Tanh(): 95 of 100 derivatives are right, at 60 points",
        "  5 are hidden by rounding",
        "  forward refused 3 further points",
        "  a note",
    ]


def test_when_most_is_hidden_it_is_not_verified():
    assert Report("Tanh()", 9, 1, 1).verified
    assert not Report("Tanh()", 8, 1, 1).verified
    assert repr(Report("Tanh()", 8, 1, 1)).splitlines()[1:] == [
        "  1 is hidden by rounding",
        "  not verified: fewer than nine in ten derivatives can be told right from wrong",
    ]


def test_when_most_points_are_refused_it_is_not_verified():
    assert Report("Tanh()", 9, 0, 1, 4).verified
    assert repr(Report("Tanh()", 9, 0, 1, 5)).splitlines()[1:] == [
        "  forward refused 5 further points",
        "  not verified: forward refused more than four in five points",
    ]


def test_when_there_is_nothing_to_compare_it_says_so():
    report = Report("Tanh()", 0, 0, 2)
    assert repr(report) == "Tanh(): nothing to compare at 2 points: the arrays are empty"
    assert not report.verified


def test_reports_of_the_same_are_the_same():
    tally = Tally(12, 1, points=2, notes=["a note"])
    assert success(Point(Square(), [X]), tally, 4) == Report("Square()", 12, 1, 2, 4, ("a note",))


# -- of one that is wrong ----------------------------------------------------------------------------------------------


def told(fault, *guesses, varied=(), point=None, constructor=None):
    point = point or Point(HalfOfSquare(), [np.array([[1.0, 2.0]])])
    return failure(point, fault, Diagnosis(guesses, varied), constructor)


def wrong_entry(comparison=WRONG_ENTRY):
    return Fault("backward gives dx[0, 1] = 1, but finite differences of forward give 2", "", "dx", comparison)


def test_a_wrong_entry_is_told_with_both_numbers_and_the_cause():
    error = told(wrong_entry(), Guess("constant_factor", "dx is halved", True), varied=("seed: wrong",))
    assert str(error).splitlines() == [
        "HalfOfSquare(): backward gives dx[0, 1] = 1, but",
        "  finite differences of forward give 2",
        "  entry     dx[0, 1] (2 of 6 entries of dx are wrong)",
        "  backward  1",
        "  numeric   2 +- 1e-13",
        "  cause     dx is halved",
        "  varied    seed: wrong",
        "# To see it, run:",
        "import numpy as np",
        "from testing.bricks import HalfOfSquare",
        "from legonet.testing import check_brick",
        "brick = HalfOfSquare()",
        "x = np.array([[1.0, 2.0]])",
        "check_brick(brick, x)",
    ]
    assert (error.brick, error.gradient, error.cause) == ("HalfOfSquare()", "dx", "constant_factor")
    assert error.diagnosis == "dx is halved"
    assert error.short == (
        "HalfOfSquare(): backward gives dx[0, 1] = 1, but finite differences of forward give 2 (dx is halved)"
    )


def test_an_unsure_diagnosis_says_so_and_names_the_two_likeliest():
    guesses = [Guess("sign", "one", False), Guess("mask", "two", False), Guess("scatter", "three", False)]
    text = str(told(wrong_entry(), *guesses))
    assert "  cause     not sure; the likeliest:\n            1. one\n            2. two\n" in text
    assert "three" not in text
    assert "  cause     not sure, but perhaps:\n            1. one\n#" in str(told(wrong_entry(), guesses[0]))


def test_without_a_guess_the_cause_is_what_the_fault_says():
    error = told(Fault("it writes into x", "mutation", "x"))
    assert (error.cause, error.diagnosis, error.short) == ("mutation", "", "HalfOfSquare(): it writes into x")
    assert "  gradient  x\n" in str(error)
    assert "entry" not in str(error)


def test_a_sentence_that_says_the_same_is_not_repeated_in_the_short_form():
    fault = Fault("it writes into x", "mutation", "x")
    assert told(fault, Guess("mutation", "it writes into x", True)).short == "HalfOfSquare(): it writes into x"


@pytest.mark.parametrize(
    ("comparison", "line"),
    [
        (Comparison("bias.grad", (), 1.0, 2.0, 1e-9, False, 1, 1), "  entry     bias.grad"),
        (Comparison("dx", (0,), np.nan, 2.0, 1e-9, False, 1, 1), "  backward  nan"),
        (Comparison("dx", (0,), 1 / 3, 1e-20 / 3, 1e-9, False, 1, 1), "  backward  0.33333333"),
        (Comparison("dx", (0,), 0.0, 1e-20 / 3, 1.26e-30, False, 1, 1), "  numeric   3.3333333e-21 +- 1e-30"),
    ],
)
def test_numbers_are_told_to_eight_digits(comparison, line):
    assert line in str(told(wrong_entry(comparison))).splitlines()


def test_a_gradient_that_is_missing_has_no_number():
    missing = Comparison("dx", (0,), np.nan, 2.0, 1e-9, False, 1, 1)
    assert "  backward  none\n" in str(told(Fault("backward gives no dx", "missing_gradient", "dx", missing)))


def test_nothing_is_wider_than_80_columns():
    wide = Affine(30)
    point = Point(wide, [normal(3, 30)], seed=7, constants=("x",), call_differs=True)
    error = told(Fault(LONG, "", "dx", WRONG_ENTRY), Guess("sign", LONG, False), varied=(LONG, LONG), point=point)
    assert max(map(len, f"legonet.errors.GradientError: {error}".splitlines())) <= 80
    assert LONG in " ".join(str(error).split())


@pytest.mark.parametrize("kind", [HalfOfSquare, ForgetsShift])
def test_the_short_form_is_one_line(kind):
    with pytest.raises(GradientError) as caught:
        check_brick(kind(), X)
    assert "\n" not in caught.value.short
    assert caught.value.short.startswith(f"{kind.__name__}(): backward gives ")


# -- code that shows it ------------------------------------------------------------------------------------------------


class WrongExponential(Brick):
    def forward(self, x):
        return np.exp(np.minimum(x, 0.0)), x

    def backward(self, dy, x):
        return 2 * dy * np.exp(x) * (x < 0)


class WrongLoss(MSELoss):
    def backward(self, dloss, error):
        return dloss * error


class WrongMask(Brick):
    def forward(self, x, mask):
        return x * mask, mask

    def backward(self, dy, mask):
        return dy


class WrongTable(Table):
    def backward(self, dy, indices):
        self.rows.grad[indices] += dy


class WrongDropout(Dropout):
    def backward(self, dy, mask):
        return dy


class WrongForFloat32(Square):
    def backward(self, dy, x):
        return 2.1 * dy * x


class WrongWithoutRows(Square):
    def backward(self, dy, x):
        return 2 * dy * x if x.size else np.zeros(7)


class WrongTableWithoutRows(Table):
    def backward(self, dy, indices):
        super().backward(dy, indices)
        return None if indices.size else (1, 2, 3)


class WrongLinear(Linear):
    def backward(self, dy, x):
        return -super().backward(dy, x)


class Nested(Brick):
    """Its parameter sits in a list."""

    def __init__(self):
        self.parts = [(Parameter(normal(2)),)]

    def forward(self, x):
        return x * self.parts[0][0].value, x

    def backward(self, dy, x):
        self.parts[0][0].grad += (dy * x).sum(axis=0)
        return dy


FAILING = {
    "arrays": lambda: check_brick(HalfOfSquare(), X),
    "shapes": lambda: check_brick(HalfOfSquare(), "(batch, n)"),
    "another seed": lambda: check_brick(HalfOfSquare(), X, rng=5),
    "parameters": lambda: check_brick(ForgetsShift(), X),
    "parameters in a list": lambda: check_brick(Nested(), X[:, :2]),
    "a loss": lambda: check_brick(WrongLoss(), X, Y),
    "a constant": lambda: check_brick(WrongMask(), X, Y, constants=["mask"]),
    "a boolean mask": lambda: check_brick(WrongMask(), X, Y > 9),
    "integers": lambda: check_brick(WrongTable(), np.array([1, 1, 0])),
    "small integers": lambda: check_brick(WrongTable(), np.array([1, 1, 0], np.int8)),
    "float32": lambda: check_brick(WrongForFloat32(), X.astype(np.float32)),
    "minus infinity": lambda: check_brick(WrongExponential(), np.array([-np.inf, -1.0])),
    "no rows": lambda: check_brick(WrongWithoutRows(), X[:0]),
    "no integers": lambda: check_brick(WrongTableWithoutRows(), np.zeros(0, int)),
    "another output when called": lambda: check_brick(WrongDropout(), X, call_differs=True),
    "options": brick_test(WrongLinear, "(batch, in_features)", options={"bias": [True, False]}),
    "a test": brick_test(WrongTable, Integers("(batch,)", below="rows"), sizes={"rows": [2]}),
    "a test with constants": brick_test(WrongMask, "(n,)", Floats("(n,)", constant=True)),
}


def code_in(error):
    text = str(error)
    return text[text.index("# To see it, run:") :]


@pytest.mark.parametrize("check", FAILING.values(), ids=FAILING)
def test_the_code_in_a_report_fails_again_when_it_is_run(check):
    with pytest.raises(GradientError) as caught:
        check()
    assert max(map(len, str(caught.value).splitlines())) <= 80
    with pytest.raises(GradientError) as again:
        exec(code_in(caught.value), {})  # noqa: S102
    assert again.value.gradient == caught.value.gradient


def test_a_brick_of_the_main_module_is_there_already():
    class Own(Square):
        __module__ = "__main__"

    assert as_code(Point(Own(), [X[:1, :1].round()])) == [
        "import numpy as np",
        "from legonet.testing import check_brick",
        "brick = Own()",
        "x = np.array([[0.0]])",
        "check_brick(brick, x)",
    ]


def test_of_large_arrays_only_the_shape_is_told():
    lines = as_code(Point(Square(), [np.zeros((20, 30), np.float32)]))
    assert lines[-2] == "x = ...  # float32, of shape (20, 30)"


class Inner(Brick):
    """Needs an argument, and prints without it."""

    def __init__(self, n):
        self.n = n

    def forward(self, x):
        return x, None

    def backward(self, dy, cache):
        return 2 * dy


def test_code_is_not_made_of_a_container_whose_brick_prints_without_its_arguments():
    code = as_code(Point(Sequential(Linear(2, 2, rng=0), Inner(3)), [X]))
    assert next(line for line in code if line.startswith("brick = ")).startswith("brick = ...  # Sequential(")


def test_public_bricks_are_imported_from_the_top():
    code = as_code(Point(Sequential(Tanh()), [X]))
    assert code[1:3] == ["from legonet import Sequential", "from legonet import Tanh"]
