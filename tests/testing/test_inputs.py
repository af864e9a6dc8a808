"""What a brick may be fed with: the axes, the sizes, the values."""

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from legonet import OptionError
from legonet.testing import Floats, Integers
from legonet.testing.inputs import (
    PROFILES,
    Refused,
    as_spec,
    draw_floats,
    draw_integers,
    names_of_axes,
    parse_axes,
    shape_of,
)
from legonet.testing.points import draw_sizes, from_generator, vary_parameters
from strategies import fingerprint, seeds
from testing.bricks import Affine

profiles = st.sampled_from(list(PROFILES))
shapes = st.lists(st.integers(0, 4), max_size=3).map(tuple)


@pytest.mark.parametrize(
    ("axes", "parts"),
    [
        ("(batch, in)", ("batch", "in")),
        ("(batch, 3, height_2, width)", ("batch", 3, "height_2", "width")),
        ("(n,)", ("n",)),
        ("(n)", ("n",)),
        ("( )", ()),
        ("()", ()),
        (" (batch,...) ", ("batch", "...")),
        ("(größe, 0)", ("größe", 0)),
    ],
)
def test_axes_are_names_and_numbers(axes, parts):
    assert parse_axes(axes) == parts


@pytest.mark.parametrize(
    "axes",
    [
        "(batch",
        "batch, in",
        "",
        "()()",
        "(a b)",
        "(a,,b)",
        "(,)",
        "(-1)",
        "(2x)",
        "(1.5)",
        "(..., ...)",
        "(99999999)",
        3,
    ],
)
@pytest.mark.parametrize("kind", [Floats, Integers])
def test_other_axes_are_refused(kind, axes):
    with pytest.raises(OptionError, match="axes are names and numbers, such as"):
        kind(axes)


@given(st.text(max_size=8))
def test_any_text_is_parsed_or_refused(text):
    with contextlib.suppress(OptionError):
        assert all(isinstance(part, int) or part == "..." or part.isidentifier() for part in parse_axes(text))


@pytest.mark.parametrize(
    "text",
    [
        "Floats('(batch, in)')",
        "Floats('(n,)', low=0, high=1)",
        "Floats('(n,)', constant=True)",
        "Integers('(n,)')",
        "Integers('(n,)', low=1, below='classes')",
        "Integers('(n,)', below=2, dtype=bool)",
    ],
)
def test_an_input_prints_as_it_is_made(text):
    names = {"Floats": Floats, "Integers": Integers}
    assert repr(eval(text, names)).replace("<class 'bool'>", "bool") == text  # noqa: S307


def test_bounds_must_leave_room():
    with pytest.raises(OptionError, match="Floats needs low < high, but low is 1 and high is 1"):
        Floats("(n,)", low=1, high=1)


def test_a_text_stands_for_floats_and_other_things_for_nothing():
    assert as_spec("(n,)") == Floats("(n,)")
    assert as_spec(Integers("(n,)")) == Integers("(n,)")
    with pytest.raises(OptionError, match="an input is given as its axes"):
        as_spec((3, 4))


def test_a_name_counts_once_and_a_bound_of_integers_is_one():
    specs = [Floats("(batch, 3, n)"), Integers("(batch, time)", below="words")]
    assert names_of_axes(specs) == ["batch", "n", "time", "words"]
    assert shape_of(specs[0], {"batch": 2, "n": 5}) == (2, 3, 5)
    assert shape_of(Floats("(batch, ...)"), {"batch": 2, "...": (4, 1)}) == (2, 4, 1)


# -- sizes -------------------------------------------------------------------------------------------------------------


def drawn(text, ranges=(), extra=(), count=800):
    draw = from_generator(np.random.default_rng(0))
    return [draw_sizes([Floats(text)], dict(ranges), draw, extra) for _ in range(count)]


def found(sizes, name):
    return {one[name] for one in sizes}


def test_the_batch_may_be_empty_and_nothing_else():
    sizes = drawn("(channels, batch, n)", extra=["out"])
    assert found(sizes, "batch") == set(range(10))
    assert found(sizes, "channels") == found(sizes, "n") == found(sizes, "out") == set(range(1, 10))
    assert all(sum(size > 4 for size in one.values()) <= 1 for one in sizes)


def test_without_a_batch_the_first_axis_may_be_empty():
    assert found(drawn("(rows, n)"), "rows") == set(range(10))
    assert found(drawn("(rows, n)"), "n") == set(range(1, 10))


def test_dots_stand_for_one_to_three_axes():
    several = found(drawn("(batch, ...)"), "...")
    assert {len(one) for one in several} == {1, 2, 3}
    assert {size for one in several for size in one} == {1, 2, 3}


def test_legal_sizes_are_a_pair_a_list_or_one():
    ranges = {"n": (2, 5), "m": [7, 1], "k": 6, "pairs": [(1, 2), (3,)]}
    sizes = drawn("(n, m, k)", ranges)
    assert found(sizes, "n") == {2, 3, 4, 5}
    assert found(sizes, "m") == {1, 7}
    assert found(sizes, "k") == {6}
    assert found(sizes, "pairs") == {(1, 2), (3,)}


@pytest.mark.parametrize("legal", [(5, 2), [], -1, (-3, -1), [2.5], "ab", None])
def test_other_sizes_are_refused(legal):
    with pytest.raises(OptionError, match="size"):
        drawn("(n,)", {"n": legal})


# -- values ------------------------------------------------------------------------------------------------------------


@given(profiles, shapes, seeds, st.sampled_from([(0, 1), (-2, 3), (0, np.inf), (1e-3, np.inf), (-np.inf, -1)]))
def test_values_keep_within_the_bounds(profile, shape, seed, bounds):
    low, high = bounds
    values = draw_floats(Floats("()", low=low, high=high), shape, profile, np.random.default_rng(seed))
    assert values.shape == shape
    assert values.dtype == np.float64
    assert np.all((low <= values) & (values <= high))


@given(profiles, shapes, seeds)
def test_without_bounds_values_are_those_of_the_profile(profile, shape, seed):
    values = draw_floats(Floats("()"), shape, profile, np.random.default_rng(seed))
    np.testing.assert_array_equal(values, PROFILES[profile](shape, np.random.default_rng(seed)))


def test_the_profiles_are_what_they_are_called():
    rng = np.random.default_rng(0)
    made = {name: draw((50, 4), rng) for name, draw in PROFILES.items()}
    assert not made["zeros"].any()
    assert set(made["ties"].ravel()) == {-1.0, 0.0, 1.0}
    assert made["positive"].min() > 0 > made["negative"].max()
    assert np.abs(made["tiny"]).max() < 1e-4 < 1e4 <= np.abs(made["huge"]).min()
    assert (made["equal rows"] == made["equal rows"][0]).all()
    assert (made["equal within rows"] == made["equal within rows"][:, :1]).all()
    assert (made["whole numbers"] == np.round(made["whole numbers"])).all()


def test_a_map_has_the_last_word():
    spec = Floats("(n, k)", low=0).map(lambda x: x / (x.sum(axis=1, keepdims=True) + 1))
    values = draw_floats(spec, (3, 2), "large", np.random.default_rng(0))
    assert np.all(values.sum(axis=1) < 1)
    assert "mapped=<function" in repr(spec)


@given(seeds)
def test_integers_keep_within_their_bounds(seed):
    rng = np.random.default_rng(seed)
    assert set(draw_integers(Integers("(n,)", low=-1, below=2), (30,), {}, rng)) <= {-1, 0, 1}
    assert set(draw_integers(Integers("(n,)", below="k"), (30,), {"k": 2}, rng)) <= {0, 1}
    assert draw_integers(Integers("(n,)", below=2, dtype=bool), (2, 3), {}, rng).dtype == bool


def test_an_axis_of_size_0_leaves_no_integers_but_an_empty_array():
    rng = np.random.default_rng(0)
    spec = Integers("(n,)", below="k")
    assert draw_integers(spec, (0, 3), {"k": 0}, rng).shape == (0, 3)
    with pytest.raises(Refused, match="there is no whole number from 0 to below k = 0"):
        draw_integers(spec, (2,), {"k": 0}, rng)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (Integers, {"low": 4, "below": 3}, "Integers needs low < below, but low is 4 and below is 3"),
        (Integers, {"low": 0.5}, "Integers needs low as a whole number, but it is 0.5"),
        (Integers, {"below": None}, "Integers needs below as a whole number or the name of a size, but it is None"),
        (Floats, {"low": "x"}, "Floats needs low and high as numbers, but they are 'x' and inf"),
    ],
)
def test_bounds_that_are_none_are_refused(kind, options, message):
    with pytest.raises(OptionError, match=message):
        kind("(n,)", **options)


def test_several_axes_bound_no_integers():
    with pytest.raises(OptionError, match="Integers needs below as a number or the name of one axis"):
        draw_integers(Integers("(n,)", below="..."), (2,), {"...": (2, 3)}, np.random.default_rng(0))


def test_integers_repeat_often():
    rng = np.random.default_rng(0)
    distinct = [len(set(draw_integers(Integers("(n,)"), (6,), {}, rng))) for _ in range(100)]
    assert sum(count <= 2 for count in distinct) > 30
    assert max(distinct) > 3


# -- parameters --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", range(6))
def test_parameters_are_moved_in_a_copy(how):
    brick = Affine(30)
    brick.shift.value[...] = 0
    before = fingerprint(brick.parameters())
    scale, shift = (p.value for p in vary_parameters(brick, how, np.random.default_rng(0)).parameters())
    assert fingerprint(brick.parameters()) == before
    assert np.array_equal(scale, brick.scale.value) == (how < 3)
    assert (scale == 0).any() == (how == 4)
    assert (len(set(scale)) == 1) == (how == 5)
    assert shift.any() == (how < 3)


def test_parameters_keep_their_dtype_and_may_be_empty():
    brick = Affine(0)
    brick.scale.value = brick.scale.value.astype(np.float32)
    for how in range(6):
        assert vary_parameters(brick, how, np.random.default_rng(0)).scale.value.dtype == np.float32
