"""The gallery: every wrong brick is found and its fault named, no right one is blamed."""

import os
import zlib

import numpy as np
import pytest

from gallery.collection import all_cases
from gallery.right_kinks import Quantile
from gallery.right_reductions import MulticlassMargin
from legonet import GradientError
from legonet.testing import diagnosis
from legonet.testing.check import explain
from legonet.testing.compare import Tally
from legonet.testing.diagnosis.guesses import CAUSES
from legonet.testing.examine import examine
from legonet.testing.inputs import Refused
from legonet.testing.points import Point
from legonet.testing.probe import Fault
from legonet.testing.recipe import Recipe

WRONG, RIGHT = all_cases()
POINTS = 100
"""Within how many points a wrong brick is to be found."""

PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "dev")

CHECKS = {"ci": 4, "thorough": 100}.get(PROFILE, 2)
"""At how many points each right brick is checked; 100 each are more than 20,000 in all."""

FOUND = WRONG[:: {"ci": 1, "thorough": 1}.get(PROFILE, 4)]
"""The wrong bricks that are searched for a fault."""

NAMED = WRONG[:: {"ci": 3, "thorough": 1}.get(PROFILE, 16)]
"""The wrong bricks whose fault is to be named, which takes longer."""


def recipe_of(case):
    return Recipe(case.build, case.inputs, case.sizes, case.options, case.call_differs)


def seed_of(case, seed=0):
    return zlib.crc32(case.name.encode()) + seed


def first_fault(recipe, seed):
    """Return the first point that fails, and its fault."""
    for point in recipe.points(seed, POINTS):
        try:
            examine(point, Tally())
        except Refused:
            continue
        except Fault as fault:
            return point, fault
    return pytest.fail(f"nothing wrong was found in {POINTS} points")


@pytest.mark.parametrize("case", FOUND, ids=lambda case: case.name)
def test_a_wrong_brick_is_found(case):
    first_fault(recipe_of(case), seed_of(case))


@pytest.fixture(scope="module")
def errors():
    """Return what is told of each of the wrong bricks; an experiment of the diagnosis that fails is no answer."""
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(diagnosis, "_safely", lambda experiment, case: list(experiment(case)))
        for case in NAMED:
            recipe = recipe_of(case)
            point, fault = first_fault(recipe, seed_of(case))
            found[case.name] = explain(point, fault, recipe.redraw(point), recipe.constructor)
    return found


@pytest.mark.parametrize("case", NAMED, ids=lambda case: case.name)
def test_a_wrong_brick_is_reported(case, errors):
    error = errors[case.name]
    assert isinstance(error, GradientError)
    assert error.cause in CAUSES
    assert "\n" not in error.short
    assert max(map(len, str(error).splitlines())) <= 80


def test_the_cause_is_named_rightly_for_most(errors):
    missed = [case.name for case in NAMED if errors[case.name].cause not in (case.cause, *case.also)]
    print(f"{len(NAMED) - len(missed)} of {len(NAMED)} causes named rightly")  # noqa: T201 - shown by pytest -s
    # Of a small sample, chance may have it that more are missed.
    assert len(missed) <= (0.06 if len(NAMED) > 50 else 0.3) * len(NAMED), missed


@pytest.mark.parametrize("case", RIGHT, ids=lambda case: case.name)
def test_a_right_brick_is_not_blamed(case):
    tally = Tally()
    for point in recipe_of(case).points(seed_of(case), CHECKS):
        try:
            examine(point, tally)
        except Refused:
            continue
    assert tally.points


def test_the_gallery_is_as_large_as_it_should_be():
    assert len(WRONG) >= 300
    assert len(RIGHT) >= 200
    assert len({case.name for case in WRONG + RIGHT}) == len(WRONG + RIGHT)
    assert {case.cause for case in WRONG} <= set(CAUSES)
    assert {case.cause for case in RIGHT} == {""}


BLAMED_ONCE = {
    "multiclass_margin": (
        MulticlassMargin(best=True),
        [
            np.array(
                [
                    [-8.578441909353543e-06, 1.0806640820717516e-08, -5.535056829941712e-07, -3.462888981572808e-07],
                    [-3.819468628008255e-09, 6.9122670707214675e-09, 8.448841409009027e-09, -3.138478421789272e-07],
                    [-5.410523615270026e-07, -2.6478997458024826e-07, -4.84072670343556e-06, -2.2707833398032123e-06],
                    [-2.578597780886114e-07, 3.5281951928068195e-07, -6.804231467866876e-08, 1.5414544538582733e-07],
                ]
            ),
            np.array([2, 1, 2, 1]),
        ],
        464,
    ),
    "quantile": (
        Quantile(0.9),
        [
            np.array(
                [[-4.543285490444765e-07, -1.7154932603731433e-09, 1.1085493051876437e-06, -1.0694843591300667e-09]]
            )
        ],
        763,
    ),
    "a quantile of many equal entries": (Quantile(0.9), [np.full((2, 9), 0.7)], 5),
}
"""Right bricks at points where earlier forms of the check blamed them."""


@pytest.mark.parametrize("name", BLAMED_ONCE)
def test_a_point_that_was_blamed_once_is_not_any_more(name):
    brick, inputs, seed = BLAMED_ONCE[name]
    tally = Tally()
    examine(Point(brick, inputs, seed=seed), tally)
    assert tally.points == 1
