"""How to build a brick and what it takes: where each argument comes from, and points made of it."""

from functools import partial

import numpy as np
import pytest

from legonet import L2Regularizer, Linear, OptionError, Parameter
from legonet.testing import Floats, Integers
from legonet.testing.inputs import PROFILES, Refused
from legonet.testing.points import from_generator
from legonet.testing.recipe import Recipe
from strategies import fingerprint, normal
from testing.bricks import Affine, Dropout, Product, Square, Table

ONE_TO_NINE = set(range(1, 10))


class Noted(Square):
    """Keeps what it was made with."""

    def __init__(self, in_, width, rng, *rest, flag=False, name="a", **more):
        self.given = {"in_": in_, "width": width, "flag": flag, "name": name, **more}
        self.rng = rng


def points(recipe, count=30, seed=0):
    return list(recipe.points(seed, count))


def test_each_argument_comes_from_where_its_name_is_known():
    recipe = Recipe(Noted, ["(batch, in)"], {"width": [7]}, {"flag": [False, True], "depth": [2]})
    made = points(recipe)
    assert recipe.arguments == {"in_": "size", "width": "size", "rng": "rng", "flag": "option", "depth": "option"}
    for point in made:
        given = point.brick.given
        assert point.inputs[0].shape == (point.sizes["batch"], given["in_"])
        assert (given["width"], given["name"], given["depth"]) == (7, "a", 2)
        assert isinstance(point.brick.rng, np.random.Generator)
        assert point.options == {"flag": given["flag"], "depth": 2}
    assert {point.brick.given["flag"] for point in made} == {False, True}


def test_an_argument_without_a_default_is_a_size():
    assert {
        p.brick.weight.value.shape[1] for p in points(Recipe(Linear, ["(n, in_features)"], {}, {}), 400)
    } == ONE_TO_NINE


def test_an_argument_with_a_default_is_left_alone_unless_it_is_named():
    assert {len(p.brick.scale.value) for p in points(Recipe(Affine, ["(n, 3)"], {}, {}))} == {3}
    assert {len(p.brick.scale.value) for p in points(Recipe(Affine, ["(n, features)"], {}, {}), 400)} == ONE_TO_NINE
    table = Recipe(Table, [Integers("(n,)", below="rows")], {}, {})
    assert {len(p.brick.rows.value) for p in points(table, 400)} == ONE_TO_NINE


def test_the_profiles_take_turns():
    turns = [point.profile for point in points(Recipe(Square, ["(n,)"], {}, {}), len(PROFILES) + 1)]
    assert turns == [*PROFILES, "typical"]


def test_the_same_seed_gives_the_same_points():
    recipe = Recipe(Linear, ["(batch, in_features)"], {}, {"bias": [True, False]})
    one, other, third = (points(recipe, 10, seed) for seed in (0, 0, 1))
    assert [fingerprint(*p.inputs, *p.brick.parameters()) for p in one] == [
        fingerprint(*p.inputs, *p.brick.parameters()) for p in other
    ]
    assert fingerprint(*one[0].inputs) != fingerprint(*third[0].inputs)


def test_at_ties_two_inputs_are_the_same_at_times():
    made = points(Recipe(Product, ["(4, 4)", "(4, 4)"], {}, {}), 17 * 12)
    same = [np.array_equal(*p.inputs) for p in made if p.profile == "ties"]
    assert 0 < sum(same) < 12


def test_constants_and_bounds_go_along():
    recipe = Recipe(Product, [Floats("(n,)", low=0), Floats("(n,)", high=2, constant=True)], {}, {}, True)
    point = points(recipe, 1)[0]
    assert list(point.constants) == ["right"]
    assert list(point.bounds) == [(0, np.inf), (-np.inf, 2)]
    assert point.call_differs


def test_sizes_that_the_brick_refuses_are_left_out():
    def even(n):
        if n % 2:
            raise ValueError("n must be even")
        return Square()

    made = points(Recipe(even, ["(batch, n)"], {}, {}))
    assert 0 < len(made) < 30
    assert {p.sizes["n"] for p in made} == {2, 4}


def test_a_brick_that_cannot_be_built_at_all_is_told():
    def never(n):
        raise KeyError("n")

    with pytest.raises(OptionError, match=r"^never raises KeyError when it is built") as caught:
        points(Recipe(never, ["(batch, n)"], {}, {}))
    assert isinstance(caught.value.__cause__, KeyError)


@pytest.mark.parametrize(
    ("build", "options", "message"),
    [
        (3, {}, "brick_test needs a class or a function that builds the brick"),
        (Square(), {}, "builds the brick: for a ready brick there is check_brick"),
        (Square, {"flag": [1]}, "brick_test: Square has no argument 'flag'"),
        (lambda: np.tanh, {}, "builds no Brick, but something of type ufunc"),
        (Linear, {"bias": True}, "legal values of bias as a list, but got True"),
        (Linear, {"bias": []}, "legal values of bias as a list"),
        (Linear, {"bias": "no"}, "legal values of bias as a list, but got 'no'"),
        (Linear, {"bias": {True}}, "legal values of bias as a list"),
    ],
    ids=lambda value: getattr(value, "__name__", repr(value))[:30],
)
def test_what_builds_no_brick_is_refused(build, options, message):
    with pytest.raises(OptionError, match=message):
        points(Recipe(build, ["(n, in_features)"], {}, options))


def test_unknown_sizes_are_refused():
    with pytest.raises(OptionError, match="somebody: 'm' in sizes is no axis of the inputs and no argument of Square"):
        Recipe(Square, ["(n,)"], {"m": [1]}, {}, who="somebody")


def test_the_bound_of_an_input_is_a_known_size():
    with pytest.raises(OptionError, match="'clases', the bound of an input, is the name of no size"):
        Recipe(Square, [Integers("(n,)", below="clases")], {}, {})


@pytest.mark.parametrize("sizes", [{"n": [10**5], "m": [10**5]}, {"...": [(10**4, 10**4)]}])
def test_absurd_sizes_are_refused_before_anything_is_made(sizes):
    recipe = Recipe(Square, ["(...)"] if "..." in sizes else ["(n, m)"], sizes, {})
    with pytest.raises(OptionError, match="larger than a check needs: a few entries are enough"):
        points(recipe, 1)


def test_a_failing_point_can_be_drawn_again_at_other_sizes():
    recipe = Recipe(Linear, ["(batch, in_features)"], {"batch": [3], "in_features": [4]}, {"bias": [False]})
    point = points(recipe, 1)[0]
    redraw = recipe.redraw(point)
    same = redraw(seed=point.seed, profile=point.profile)
    smaller = redraw(sizes={"batch": 1}, bias=True)
    assert same.sizes == point.sizes
    assert smaller.inputs[0].shape == (1, 4)
    assert (same.brick.bias, smaller.brick.bias is None) == (None, False)


def test_a_failing_point_cannot_be_drawn_again_where_the_brick_refuses():
    def even(n):
        if n % 2:
            raise ValueError
        return Square()

    recipe = Recipe(even, ["(n,)"], {"n": [2]}, {})
    point = points(recipe, 1)[0]
    assert recipe.redraw(point)(sizes={"n": 1}) is None


def test_a_point_knows_the_call_that_builds_its_brick():
    recipe = Recipe(Linear, ["(batch, in_features)"], {"in_features": [2], "out_features": [3]}, {"bias": [False]})
    wanted = "Linear(in_features=2, out_features=3, bias=False, rng=np.random.default_rng(0))"
    assert recipe.constructor(points(recipe, 1)[0]) == wanted
    recipe = Recipe(Dropout, ["(n,)"], {}, {})
    assert recipe.constructor(points(recipe, 1)[0]) == "Dropout(rng=np.random.default_rng(0))"
    recipe = Recipe(lambda: Linear(2, 3), ["(n, 2)"], {}, {})
    assert recipe.constructor(points(recipe, 1)[0]) == ""  # the brick prints itself


def test_a_partial_and_a_brick_without_inputs_are_built_as_well():
    recipe = Recipe(partial(Linear, out_features=2), ["(batch, in_features)"], {}, {})
    assert {p.brick.weight.value.shape[1] for p in points(recipe, 5)} == {2}
    ridge = Recipe(lambda rows: L2Regularizer([Parameter(normal(rows, 2))], strength=1), [], {"rows": [2]}, {})
    assert points(ridge, 1)[0].inputs == []


def test_what_is_drawn_can_be_steered():
    recipe = Recipe(Square, ["(batch, n)"], {}, {})
    assert recipe.point(lambda low, high: low, "zeros").inputs[0].shape == (0, 1)
    assert recipe.point(from_generator(np.random.default_rng(0)), sizes={"n": 9}).inputs[0].shape[1] == 9
    assert issubclass(Refused, Exception)
