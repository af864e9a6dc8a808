"""The check as a test: right bricks pass it, wrong ones fail it at a small and round point."""

import inspect
import re
import sys

import hypothesis
import numpy as np
import pytest

from legonet import Brick, GradientError, L2Regularizer, Linear, MSELoss, OptionError, Parameter, Sequential, Tanh
from legonet.testing import Floats, Integers, brick_test
from strategies import normal
from testing.bricks import Affine, Dropout, ForgetsShift, HalfOfSquare, Product, Square, Table


def net(n, hidden, rng):
    return Sequential(Linear(n, hidden, rng=rng), Tanh(), Linear(hidden, 1, rng=rng))


# As a user writes them: pytest collects them by their names.
test_linear = brick_test(Linear, "(batch, in_features)", options={"bias": [True, False]})
test_network = brick_test(net, "(batch, n)")
test_loss = brick_test(MSELoss, "(batch, n)", "(batch, n)")
test_regularizer = brick_test(lambda rows: L2Regularizer([Parameter(normal(rows, 2))], strength=0.1))
test_table = brick_test(Table, Integers("(batch,)", below="rows"))
test_dropout = brick_test(Dropout, "(batch, ...)", call_differs=True)
test_two_inputs = brick_test(Product, "(batch, n)", Floats("(batch, n)", low=0, high=1))
test_affine = brick_test(Affine, "(batch, features)", sizes={"features": (1, 6), "batch": [0, 1, 5]})


def test_the_test_is_a_function_of_no_arguments_with_the_name_of_the_brick():
    assert test_linear.__name__ == test_linear.__qualname__ == "test_Linear"
    assert test_linear.__doc__ == "Check the gradients of Linear."
    assert all(p.default is None for p in inspect.signature(test_linear).parameters.values())


class TestInAClass:
    test_linear = brick_test(Linear, "(batch, in_features)", settings=hypothesis.settings(max_examples=3))


def test_settings_are_those_of_one_test():
    seen = []

    class Counted(Square):
        def __init__(self):
            seen.append(self)

    brick_test(Counted, "(n,)", settings=hypothesis.settings(max_examples=7, database=None))()
    assert 7 <= len(seen) <= 9


def test_a_test_that_compares_nothing_says_so():
    with pytest.raises(OptionError, match="brick_test has nothing to compare: all arrays of Square were empty"):
        brick_test(Square, "(n, m)", sizes={"n": [0]})()


def failing(*arguments, **options):
    with pytest.raises(GradientError) as caught:
        brick_test(*arguments, **options)()
    return caught.value


def test_a_wrong_brick_is_told_at_one_entry_of_a_round_number():
    error = failing(HalfOfSquare, "(batch, n)")
    assert error.gradient == "dx"
    assert re.search(r"x = np\.array\(\[\[-?\d\.\d\]\]\)", str(error))
    assert "brick = HalfOfSquare()" in str(error)


def test_the_constructor_that_fails_is_told():
    class WrongWithoutBias(Linear):
        def backward(self, dy, x):
            return super().backward(dy, x) * (1 if self.bias else 2)

    error = failing(WrongWithoutBias, "(batch, in_features)", options={"bias": [True, False]})
    assert "WrongWithoutBias(in_features=1, out_features=1, bias=False, rng=" in " ".join(str(error).split())


def test_a_brick_that_is_wrong_for_one_size_only_is_found():
    class WrongForThree(Square):
        def backward(self, dy, x):
            return 2 * dy * x * (1 if x.shape[-1] != 3 else 1.01)

    many = hypothesis.settings(max_examples=200, derandomize=True, database=None)
    assert failing(WrongForThree, "(batch, n)", settings=many).gradient == "dx"


def test_a_forgotten_parameter_is_found_although_it_starts_at_zero():
    class Shifted(ForgetsShift):
        def __init__(self, features):
            super().__init__(features)
            self.shift.value[...] = 0

    assert failing(Shifted, "(batch, features)").gradient == "shift.grad"


def test_it_fails_again_and_alike():
    test = brick_test(HalfOfSquare, "(batch, n)")
    texts = []
    for _ in range(2):
        with pytest.raises(GradientError) as caught:
            test()
        texts.append(str(caught.value))
    assert texts[0] == texts[1]


def test_the_error_of_backward_is_the_cause():
    class Raises(Square):
        def backward(self, dy, x):
            raise KeyError("x")

    assert isinstance(failing(Raises, "(batch, n)").__cause__, KeyError)


def test_what_the_brick_refuses_is_left_out():
    class Root(Brick):
        def forward(self, x):
            if np.any(x <= 0):
                raise ValueError("x must be positive")
            return np.sqrt(x), x

        def backward(self, dy, x):
            return dy / (2 * np.sqrt(x))

    brick_test(Root, Floats("(batch, n)", low=1e-3))()


def test_a_brick_that_takes_hardly_anything_is_told_so():
    class Picky(Square):
        def forward(self, x):
            raise ValueError("x must be magic")

    with pytest.raises(
        OptionError, match=r"Picky takes hardly any of the inputs .*: forward raises ValueError: x must"
    ):
        brick_test(Picky, "(batch, n)")()


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((Square(), "(n,)"), {}, "for a ready brick there is check_brick"),
        ((Square, "(n,)"), {"options": {"flag": [True]}}, "brick_test: Square has no argument 'flag'"),
        ((Square, "n"), {}, "axes are names and numbers"),
        ((Square, normal(3)), {}, "an input is given as its axes"),
        ((Square, "(n,)"), {"sizes": {"m": [1]}}, "brick_test: 'm' in sizes is no axis"),
        ((Square, "(n,)"), {"sizes": [2, 3]}, r"brick_test needs sizes as a dictionary by name, but got \[2, 3\]"),
        ((Square, "(n,)"), {"options": True}, "brick_test needs options as a dictionary by name, but got True"),
        ((Square, "(n,)"), {"settings": 5}, r"brick_test needs settings as a hypothesis\.settings, but got 5"),
    ],
)
def test_what_cannot_be_understood_is_refused_at_once(arguments, options, message):
    with pytest.raises(OptionError, match=message):
        brick_test(*arguments, **options)


def test_legal_values_of_an_option_are_a_list():
    with pytest.raises(OptionError, match="brick_test needs the legal values of bias as a list, but got True"):
        brick_test(Linear, "(batch, in_features)", options={"bias": True})()


def test_hypothesis_is_asked_for_if_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    with pytest.raises(OptionError, match=r'brick_test needs Hypothesis: pip install "legonet\[testing\]"'):
        brick_test(Square, "(n,)")
