"""Every small mistake in a backward pass of legonet is found."""

import numpy as np
import pytest

from legonet import GradientError, Tanh
from legonet.testing import check_brick
from strategies import normal, public_bricks
from testing.mutants import difference, equivalent, fate, mutants_of

EQUIVALENT = equivalent()

every_brick = pytest.mark.parametrize("kind", public_bricks(), ids=lambda kind: kind.__name__)


@every_brick
def test_every_mutant_is_caught(kind):
    made = mutants_of(kind)
    missed = [mutant.name for mutant in made if mutant.name not in EQUIVALENT and not fate(mutant)]
    print(f"{len(made)} mutants of {kind.__name__}, {len(missed)} missed")  # noqa: T201 - shown by pytest -s
    assert len(made) >= 4  # as many as of `return dy`
    assert missed == []


@every_brick
def test_a_mutant_that_is_called_equivalent_does_the_same(kind):
    listed = [mutant for mutant in mutants_of(kind) if mutant.name in EQUIVALENT]
    assert {mutant.name: difference(mutant) for mutant in listed} == dict.fromkeys([m.name for m in listed], "")
    assert [fate(mutant, count=3) for mutant in listed] == [""] * len(listed)


def test_no_mutant_is_called_equivalent_that_is_not_made():
    assert set(EQUIVALENT) <= {mutant.name for kind in public_bricks() for mutant in mutants_of(kind)}


def test_among_the_mutants_are_the_usual_mistakes():
    names = {mutant.name.removeprefix("Tanh.backward: ") for mutant in mutants_of(Tanh)}
    assert {
        "1.0 - y * y → 1.0 + y * y",
        "1.0 - y * y → y * y",
        "dy * (1.0 - y * y) → dy",
        "dy * (1.0 - y * y) → 1.0 - y * y",
        "return dy * (1.0 - y * y) → return -(dy * (1.0 - y * y))",
        "return dy * (1.0 - y * y) → return dy * (1.0 - y * y) * 0.5",
    } <= names


def test_a_mutant_is_reported_like_any_wrong_brick():
    mutant = next(mutant for mutant in mutants_of(Tanh) if mutant.name.endswith("1.0 - y * y → 1.0 + y * y"))
    x = normal(3, 2)
    with pytest.raises(GradientError, match=r"Tanh\(\)"), np.errstate(all="warn"):
        check_brick(mutant.of(Tanh(), (x,)), x)
