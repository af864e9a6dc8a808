"""What cannot be checked is refused, with the reason."""

import threading

import numpy as np
import pytest

from legonet import Brick, OptionError, Parameter
from legonet.testing import check_brick
from strategies import normal
from testing.bricks import Affine, Square

X = normal(3, 2)


class Hiding(Square):
    """Scales by a parameter that it holds in an unusual place."""

    def forward(self, x):
        return x * self.place.value, x

    def backward(self, dy, x):
        self.place.grad += 5
        return dy * self.place.value


class InSlots(Hiding):
    __slots__ = ("held",)

    def __init__(self):
        self.held = Parameter(np.ones(2))

    place = property(lambda self: self.held)


class InTheClass(Hiding):
    held = Parameter(np.ones(2))
    place = property(lambda self: self.held)


class InASet(Hiding):
    def __init__(self):
        self.held = {Parameter(np.ones(2))}

    place = property(lambda self: next(iter(self.held)))


class Plain:
    def __init__(self):
        self.held = Parameter(np.ones(2))


class InAnObject(Hiding):
    def __init__(self):
        self.part = Plain()

    place = property(lambda self: self.part.held)


@pytest.mark.parametrize("kind", [InSlots, InTheClass, InASet, InAnObject])
def test_a_parameter_that_nobody_finds_is_told(kind):
    with pytest.raises(OptionError, match=r"check_brick finds no way to the Parameter \w+.*held"):
        check_brick(kind(), X)
    assert not InTheClass.held.grad.any()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1.0, 2.0], "it is of type list"),
        (np.ones(2) * 1j, "it is an array of dtype complex128"),
        (np.ones(2, dtype=int), "it is an array of dtype int64"),
        (np.ma.ones(2), "it is of type MaskedArray"),
        (np.array([np.nan, 1.0]), r"scale.value of Affine\(.*holds NaN or infinity"),
    ],
)
def test_parameters_are_arrays_of_finite_numbers(value, message):
    brick = Affine(2)
    brick.scale.value = value
    for inputs in (X, "(n, 2)"):
        with pytest.raises(OptionError, match=message):
            check_brick(brick, inputs)


def test_parameters_that_overlap_in_memory_are_told():
    brick = Affine(2)
    brick.shift.value = brick.scale.value
    with pytest.raises(OptionError, match=r"scale.value and shift.value of Affine\(.*share their memory"):
        check_brick(brick, X)


def test_a_brick_that_cannot_be_copied_is_told():
    brick = Square()
    brick.lock = threading.Lock()
    with pytest.raises(OptionError, match=r"the check works on copies, but copy\.deepcopy of Square fails: TypeError"):
        check_brick(brick, X)


class Odd(Brick):
    def forward(self, x):
        return x, None

    def backward(self, dy, cache):
        return dy

    def __repr__(self):
        raise ValueError("no name")


def test_a_repr_that_fails_is_not_what_the_report_is_about():
    assert repr(check_brick(Odd(), X)).startswith("<Odd>: 6 of 6")


def test_numpys_global_generator_is_left_alone():
    class Drawing(Square):
        def forward(self, x):
            np.random.seed(0)  # noqa: NPY002
            return super().forward(x)

    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    check_brick(Drawing(), X)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((Square(), X), {"constants": 3}, "check_brick needs constants as names of inputs, but got 3"),
        ((Square(), X), {"rng": [1.5]}, "check_brick needs rng as"),
        ((Square(), X, X), {}, r"forward of Square\(\) takes fewer than 2 inputs"),
        ((Square(), "(²,)"), {}, "axes are names and numbers"),
        ((Square(), "(n, m)"), {"sizes": {"n": [10**9]}}, "larger than a check needs"),
        ((Square(), "(n,)"), {"sizes": {"n": True}}, "sizes are a whole number"),
    ],
)
def test_other_misuse_is_told(arguments, options, message):
    with pytest.raises(OptionError, match=message):
        check_brick(*arguments, **options)


class ReplacesItsArray(Affine):
    def forward(self, x):
        self.scale.value = self.scale.value.copy()
        return super().forward(x)


class ReplacesItsParameter(Affine):
    def forward(self, x):
        self.scale = Parameter(self.scale.value)
        return super().forward(x)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (ReplacesItsArray, r"forward puts another array in\s+the place of scale.value"),
        (ReplacesItsParameter, r"forward puts another\s+Parameter in the place of scale"),
    ],
)
def test_parameters_stay_in_their_places(kind, message):
    with pytest.raises(AssertionError, match=message):
        check_brick(kind(2), X)
