import inspect
import re

import pytest

import legonet
from legonet import DtypeError, GradientError, LegonetError, OptionError, RangeError, ShapeError, errors

TREE = {
    ShapeError: (LegonetError, ValueError),
    DtypeError: (LegonetError, TypeError),
    RangeError: (LegonetError, ValueError),
    OptionError: (LegonetError, ValueError, TypeError),
    GradientError: (LegonetError, AssertionError),
}
DEFINED = [value for value in vars(errors).values() if inspect.isclass(value)]


@pytest.mark.parametrize(("error", "bases"), TREE.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_an_error_is_a_legonet_error_and_the_python_error_it_is_like(error, bases):
    assert error.__bases__ == bases
    for base in bases:
        with pytest.raises(base, match="text"):
            raise error("text")


def test_every_error_is_in_this_tree_and_public():
    assert set(DEFINED) == {LegonetError, *TREE}
    assert {error.__name__ for error in DEFINED} <= set(legonet.__all__)


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes():
    tree, drawn, last = errors.__doc__.split("A message says")[0], {}, ""
    for name, base in re.findall(r"(?:── (\w+) +)?(?:also|and) (\w+)", tree):
        drawn[name or last] = [*drawn.get(name or last, ["LegonetError"]), base]
        last = name or last
    assert drawn == {error.__name__: [base.__name__ for base in bases] for error, bases in TREE.items()}


def test_a_gradient_error_made_by_hand_tells_its_message_alone():
    error = GradientError("text")
    assert (error.brick, error.gradient, error.cause, error.diagnosis, error.short) == ("",) * 5
