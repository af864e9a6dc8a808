import copy
import pickle

import numpy as np
import pytest

from legonet import SGD, Linear, OptionError, Parameter, Residual, Sequential, Tanh
from legonet.optimizers import FlatParameters, Group
from legonet.optimizers.groups import Options


def net():
    return Sequential(Linear(2, 3, rng=0), Tanh(), Residual(Linear(3, 3, rng=1)), Linear(3, 1, rng=2))


def options_of(groups):
    """Return the options of each parameter by its name, as the vectors have them."""
    given = net()
    flat = FlatParameters("it", given.named_parameters(), groups)
    found = {}
    for _, g, options in flat.vectors():
        g.fill(1.0)
        found |= {name: options for name, parameter in given.named_parameters() if parameter.grad.all()}
        g.fill(0.0)
    return found


def test_without_groups_all_share_one_vector():
    assert set(options_of([]).values()) == {Options()}
    assert len(FlatParameters("it", net().named_parameters()).vectors()) == 1


def test_a_later_group_wins_option_by_option():
    found = options_of(
        [
            Group("*", weight_decay=0.1, lr_factor=0.5),
            Group("*bias", weight_decay=0.0),
            Group("bricks.0.*", frozen=True),
            Group("bricks.0.bias", frozen=False, lr_factor=2),
        ]
    )
    assert found == {
        "bricks.0.weight": Options(0.5, 0.1, True),
        "bricks.0.bias": Options(2.0, 0.0, False),
        "bricks.2.brick.weight": Options(0.5, 0.1, False),
        "bricks.2.brick.bias": Options(0.5, 0.0, False),
        "bricks.3.weight": Options(0.5, 0.1, False),
        "bricks.3.bias": Options(0.5, 0.0, False),
    }


@pytest.mark.parametrize(
    ("pattern", "matched"),
    [
        ("bricks.0.weight", {"bricks.0.weight"}),
        ("bricks.?.bias", {"bricks.0.bias", "bricks.3.bias"}),
        ("bricks.[02].*", {"bricks.0.weight", "bricks.0.bias", "bricks.2.brick.weight", "bricks.2.brick.bias"}),
        ("*brick.*", {"bricks.2.brick.weight", "bricks.2.brick.bias"}),
    ],
)
def test_patterns_are_those_of_the_shell_and_match_whole_names(pattern, matched):
    found = options_of([Group(pattern, frozen=True)])
    assert {name for name, options in found.items() if options.frozen} == matched


def test_there_is_one_vector_for_each_dtype_and_set_of_options():
    pairs = [(f"{number}.{kind}", Parameter(np.zeros(2, kind))) for number in range(9) for kind in ("f4", "f8")]
    groups = [Group("[012].*", lr_factor=0.5), Group("[345].*", lr_factor=0.5), Group("8.f4", weight_decay=0.0)]
    vectors = FlatParameters("it", pairs, groups).vectors()
    assert [(theta.dtype, theta.size, options) for theta, _, options in vectors] == [
        (np.float32, 12, Options(0.5)),
        (np.float64, 12, Options(0.5)),
        (np.float32, 4, Options()),
        (np.float64, 6, Options()),
        (np.float32, 2, Options(1.0, 0.0)),
    ]


@pytest.mark.parametrize("pattern", ["*.wieght", "bricks.0.WEIGHT", "weight", "", "bricks.9.*", "bias*"])
def test_a_pattern_that_matches_nothing_is_refused_with_names_that_are_near(pattern):
    message = f"SGD needs patterns that match a name, but '{pattern}' matches none; near are "
    with pytest.raises(OptionError) as caught:
        SGD(net().named_parameters(), lr=0.1, groups=[Group("*"), Group(pattern, frozen=True)])
    assert str(caught.value).startswith(message)
    near = str(caught.value).removeprefix(message).replace("'", "").split(", ")
    assert len(near) == 3
    assert set(near) <= {name for name, _ in net().named_parameters()}
    if pattern == "*.wieght":
        assert all(name.endswith("weight") for name in near)


def test_groups_of_parameters_without_names_are_refused_with_what_to_pass():
    with pytest.raises(OptionError, match=r"needs named parameters .* pass net\.named_parameters\(\) instead"):
        SGD(net().parameters(), lr=0.1, groups=[Group("*bias", weight_decay=0.0)])


@pytest.mark.parametrize("groups", [Group("*"), "*bias", None, 3])
def test_groups_that_are_no_list_are_refused(groups):
    with pytest.raises(OptionError, match="SGD needs groups as a list of Group, but groups is "):
        SGD(net().named_parameters(), lr=0.1, groups=groups)


@pytest.mark.parametrize("group", ["*bias", {"params": "*bias"}, None, ("*bias", 0.0)])
def test_a_group_that_is_none_is_refused(group):
    with pytest.raises(OptionError, match="SGD needs groups of kind Group, but number 1 is "):
        SGD(net().named_parameters(), lr=0.1, groups=[Group("*"), group])


def test_a_group_does_not_change_compares_by_its_options_and_prints_them():
    group = Group("*bias", weight_decay=0, frozen=np.bool_(True))
    assert repr(group) == "Group('*bias', weight_decay=0.0, frozen=True)"
    assert group == Group("*bias", frozen=True, weight_decay=0.0) != Group("*bias")
    assert copy.deepcopy(group) == pickle.loads(pickle.dumps(group)) == group  # noqa: S301 (its own dump)
    with pytest.raises(AttributeError):
        group.frozen = False


def test_a_name_may_come_twice_and_the_group_goes_for_both():
    first, second = Linear(1, 1, rng=0), Linear(1, 1, rng=1)
    pairs = [*first.named_parameters(), *second.named_parameters()]
    sgd = SGD(pairs, lr=1.0, groups=[Group("bias", frozen=True)])
    for _, parameter in pairs:
        parameter.grad += 1.0
    sgd.step()
    assert first.bias.value == second.bias.value == 0.0
    assert not any(parameter.grad.any() for _, parameter in pairs)
