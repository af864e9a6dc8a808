import sys

import numpy as np
import pytest

from legonet import Linear, OptionError, Parameter
from legonet.checks import (
    check_dtype,
    check_flag,
    check_integer,
    check_number,
    check_parameters,
    check_rng,
    check_scalar,
    check_size,
)

PARAMETER = Parameter(np.zeros(2))


@pytest.mark.parametrize("value", [0, 3, sys.maxsize, np.int8(3), np.uint64(3)], ids=repr)
def test_a_size_is_a_whole_number_from_0(value):
    size = check_size("it", "n", value)
    assert size == value
    assert type(size) is int


@pytest.mark.parametrize("value", [-1, 2.0, np.float64(2), True, np.True_, "2", None, [2], 2j, 2**63], ids=repr)
def test_no_other_size_is_taken(value):
    with pytest.raises(OptionError) as caught:
        check_size("it", "n", value)
    assert str(caught.value) == f"it needs n as a whole number >= 0, but n is {value!r}"


@pytest.mark.parametrize("value", [0, -100, 2**70, np.int8(-3), np.uint64(3)], ids=repr)
def test_an_integer_is_a_whole_number(value):
    integer = check_integer("it", "n", value)
    assert integer == value
    assert type(integer) is int


@pytest.mark.parametrize("value", [2.0, np.float64(2), True, np.True_, "2", None, [2], 2j], ids=repr)
def test_no_other_integer_is_taken(value):
    with pytest.raises(OptionError) as caught:
        check_integer("it", "n", value)
    assert str(caught.value) == f"it needs n as a whole number, but n is {value!r}"


@pytest.mark.parametrize("value", [-2, -1, np.int8(3), sys.maxsize], ids=repr)
def test_an_integer_may_have_a_least_one(value):
    assert check_integer("it", "n", value, at_least=-2) == value


@pytest.mark.parametrize("value", [0, -1, 1.0, True, "2", 2**63], ids=repr)
def test_below_the_least_integer_none_is_taken(value):
    with pytest.raises(OptionError) as caught:
        check_integer("it", "n", value, at_least=1)
    assert str(caught.value) == f"it needs n as a whole number >= 1, but n is {value!r}"


@pytest.mark.parametrize("value", [True, False, np.True_, np.False_], ids=repr)
def test_a_flag_is_true_or_false(value):
    assert check_flag("it", "n", value) is bool(value)


@pytest.mark.parametrize("value", [0, 1, 1.0, "no", "", None, [], [False], np.array(True), np.int8(1)], ids=repr)
def test_nothing_else_is_a_flag(value):
    with pytest.raises(OptionError) as caught:
        check_flag("it", "n", value)
    assert str(caught.value) == f"it needs n as True or False, but n is {value!r}"


@pytest.mark.parametrize("value", [0.5, 1, np.float32(0.5), np.int8(1)], ids=repr)
def test_a_number_becomes_a_float(value):
    number = check_number("it", "n", value)
    assert number == value
    assert type(number) is float


@pytest.mark.parametrize("value", ["1", None, True, np.True_, 1j, [1.0], np.ones(1), np.nan, np.inf, -np.inf], ids=repr)
def test_what_is_no_finite_number_is_refused(value):
    with pytest.raises(OptionError, match=r"^it needs n as a finite number > 0, but n is"):
        check_number("it", "n", value, above=0)


@pytest.mark.parametrize("value", [10**400, -(10**400)], ids=["huge", "-huge"])
def test_a_whole_number_beyond_all_floats_is_refused(value):
    with pytest.raises(OptionError, match="it needs n as a finite number"):
        check_number("it", "n", value)


@pytest.mark.parametrize(
    ("bound", "inside", "outside", "words"),
    [
        ({"above": 0}, [1e-300, 1.0], [0.0, -1e-300], "> 0"),
        ({"at_least": 0}, [0.0, 1.0], [-1e-300], ">= 0"),
        ({"below": 1}, [0.999999], [1.0, 1.1], "< 1"),
        ({"at_most": 1}, [1.0], [1.0000001], "<= 1"),
        ({"at_least": 0, "below": 1}, [0.0, 0.5], [-0.1, 1.0], ">= 0 and < 1"),
        ({"above": -1, "at_most": 1}, [-0.5, 1.0], [-1.0, 2.0], "> -1 and <= 1"),
    ],
    ids=str,
)
def test_a_number_must_be_within_its_bounds(bound, inside, outside, words):
    for value in inside:
        assert check_number("it", "n", value, **bound) == value
    for value in outside:
        with pytest.raises(OptionError) as caught:
            check_number("it", "n", value, **bound)
        assert str(caught.value) == f"it needs n as a finite number {words}, but n is {value!r}"


def test_without_bounds_the_message_has_no_gap():
    with pytest.raises(OptionError) as caught:
        check_number("it", "n", None)
    assert str(caught.value) == "it needs n as a finite number, but n is None"


@pytest.mark.parametrize("value", [1.5, 2, np.float32(0.5), np.int8(1), np.nan, -np.inf], ids=repr)
def test_a_scalar_is_any_number_and_becomes_a_float(value):
    scalar = check_scalar("it", "n", value)
    assert scalar == value or np.isnan(value)
    assert type(scalar) is float


@pytest.mark.parametrize("value", ["1", None, True, np.True_, 1j, [1.0], np.ones(1), np.array(1.0)], ids=repr)
def test_nothing_else_is_a_scalar(value):
    with pytest.raises(OptionError) as caught:
        check_scalar("it", "n", value)
    assert str(caught.value) == f"it needs n as a number, but n is {value!r}"


def test_a_scalar_must_fit_into_a_float():
    with pytest.raises(OptionError, match=r"^it needs n as a number, but n is 1000.*\.\.\."):
        check_scalar("it", "n", 10**400)


@pytest.mark.parametrize("dtype", [float, "f2", np.float32, np.dtype("f8"), np.longdouble, "float16"], ids=str)
def test_every_floating_point_dtype_is_taken(dtype):
    assert check_dtype("it", dtype) == np.dtype(dtype)


@pytest.mark.parametrize(
    "dtype",
    [
        int,
        bool,
        complex,
        object,
        str,
        "nonsense",
        3,
        [("a", float)],
        "(2,)f4",
        "M8",
        "i4,(",
        {"names": ["a"], "formats": []},
    ],
    ids=str,
)
def test_no_other_dtype_is_taken(dtype):
    with pytest.raises(OptionError, match=r"^it needs dtype as a floating-point dtype, but dtype is "):
        check_dtype("it", dtype)


def test_a_generator_is_handed_through_itself():
    rng = np.random.default_rng(0)
    assert check_rng("it", rng) is rng


def test_a_seed_is_the_one_of_numpy():
    assert check_rng("it", 7).random() == np.random.default_rng(7).random()


def test_none_is_fresh_entropy():
    assert check_rng("it", None).random() != check_rng("it", None).random()


@pytest.mark.parametrize("rng", ["7", -1, 1.5, np.random, object(), np.array([0.5])], ids=type)
def test_no_other_source_of_random_numbers_is_taken(rng):
    with pytest.raises(OptionError, match=r"^it needs rng as a numpy\.random\.Generator, .* but rng is ") as caught:
        check_rng("it", rng)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("kind", [list, tuple, iter, dict.fromkeys], ids=lambda kind: kind.__name__)
def test_parameters_may_come_in_any_iterable(kind):
    other = Parameter(np.zeros(2))
    assert check_parameters("it", kind([PARAMETER, other])) == (PARAMETER, other)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ([], "it needs at least one parameter, but the list is empty"),
        ([PARAMETER, PARAMETER], "it needs each parameter once, but one of the 2 comes twice"),
        ([PARAMETER, 3], "it needs parameters, but number 1 is of <class 'int'>"),
        (PARAMETER, "it needs a list of parameters, but got Parameter(shape=(2,), dtype=float64)"),
        (Linear(2, 3), "it needs a list of parameters, but got Linear(2, 3): pass its .parameters()"),
        (3, "it needs a list of parameters, but got 3"),
        (None, "it needs a list of parameters, but got None"),
    ],
)
def test_anything_else_is_refused_with_what_was_found(parameters, message):
    with pytest.raises(OptionError) as caught:
        check_parameters("it", parameters)
    assert str(caught.value) == message


def test_the_method_itself_in_place_of_its_result_is_refused():
    with pytest.raises(OptionError, match="it needs a list of parameters"):
        check_parameters("it", Linear(2, 3).parameters)


def test_named_parameters_and_a_method_that_was_not_called_get_a_hint():
    with pytest.raises(OptionError, match=r"number 0 is of <class 'tuple'>: pass net\.parameters\(\), without names"):
        check_parameters("it", Linear(2, 2).named_parameters())
    with pytest.raises(OptionError, match=r"call it$"):
        check_parameters("it", Linear(2, 2).parameters)
