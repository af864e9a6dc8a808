"""Options of some parameters only, chosen by their names: no decay on biases, a frozen layer, a smaller rate."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, NamedTuple, TypeAlias, cast

from legonet.arrays import brief
from legonet.checks import check_flag, check_number, check_parameters
from legonet.errors import OptionError
from legonet.parameter import Parameter

Parameters: TypeAlias = Iterable[Parameter] | Iterable[tuple[str, Parameter]]
"""Parameters, or pairs of a name and a parameter as ``net.named_parameters()`` yields them."""


@dataclass(frozen=True, init=False)
class Group:
    """Options for the parameters whose names match a pattern.

    Of several groups that match a name, the later one wins, option by option.

    Parameters
    ----------
    pattern : str
        A shell-style pattern of names: ``*`` stands for any characters, ``?`` for one, ``[ab]`` for one of some. It
        must match a whole name, such as ``"bricks.0.bias"``; upper and lower case differ.
    lr_factor : float, optional
        By how much the optimizer's learning rate is multiplied, at least 0. A schedule of the rate so acts on all
        parameters alike.
    weight_decay : float, optional
        Their own weight decay instead of the optimizer's, at least 0.
    frozen : bool, optional
        Whether they stay as they are. A step leaves zeros in their gradients all the same.

    Raises
    ------
    OptionError
        If the pattern is no text, or an option is out of its bounds.

    Notes
    -----
    PyTorch's groups have rates of their own instead: its ``{"params": head, "lr": 0.01}`` beside a common rate of 0.1
    is ``lr_factor=0.1``.

    Examples
    --------
    >>> from legonet import SGD, Linear, Sequential, Sigmoid
    >>> from legonet.optimizers import Group
    >>> net = Sequential(Linear(2, 3), Sigmoid(), Linear(3, 1))
    >>> groups = [Group("*bias", weight_decay=0.0), Group("bricks.0.*", frozen=True)]
    >>> sgd = SGD(net.named_parameters(), lr=0.1, weight_decay=1e-4, groups=groups)
    """

    pattern: str
    lr_factor: float | None
    weight_decay: float | None
    frozen: bool | None

    def __init__(
        self,
        pattern: str,
        *,
        lr_factor: float | None = None,
        weight_decay: float | None = None,
        frozen: bool | None = None,
    ) -> None:
        if not isinstance(pattern, str):
            raise OptionError(f"Group needs pattern as a text such as '*bias', but pattern is {brief(repr(pattern))}")
        for name, value in (("lr_factor", lr_factor), ("weight_decay", weight_decay)):
            object.__setattr__(self, name, None if value is None else check_number("Group", name, value, at_least=0))
        object.__setattr__(self, "pattern", pattern)
        object.__setattr__(self, "frozen", None if frozen is None else check_flag("Group", "frozen", frozen))

    def __repr__(self) -> str:
        options = {"lr_factor": self.lr_factor, "weight_decay": self.weight_decay, "frozen": self.frozen}
        given = "".join(f", {name}={value}" for name, value in options.items() if value is not None)
        return f"Group({self.pattern!r}{given})"


class Options(NamedTuple):
    """What goes for a parameter, all groups taken together.

    Examples
    --------
    >>> from legonet.optimizers.groups import Options
    >>> Options()
    Options(lr_factor=1.0, weight_decay=None, frozen=False)
    """

    lr_factor: float = 1.0
    """What the learning rate is multiplied by."""
    weight_decay: float | None = None
    """The weight decay; None for that of the optimizer."""
    frozen: bool = False
    """Whether the parameter stays as it is."""


def read_groups(who: str, groups: Sequence[Group]) -> tuple[Group, ...]:
    """Return the groups as a tuple, or refuse what is something else."""
    if isinstance(groups, Group | str) or not isinstance(groups, Iterable):
        raise OptionError(f"{who} needs groups as a list of Group, but groups is {brief(repr(groups), 80)}")
    found = tuple(groups)
    for place, group in enumerate(found):
        if not isinstance(group, Group):
            raise OptionError(f"{who} needs groups of kind Group, but number {place} is {brief(repr(group), 80)}")
    return found


def read_parameters(
    who: str, parameters: Parameters, groups: Sequence[Group]
) -> tuple[tuple[Parameter, ...], list[Options]]:
    """Return the parameters and the options of each, or refuse them."""
    names, plain = _split(parameters)
    found = check_parameters(who, cast(Iterable[Parameter], plain))
    groups = read_groups(who, groups)
    for group in groups:
        if names is None:
            hint = "pass net.named_parameters() instead of net.parameters()"
            raise OptionError(
                f"{who} needs named parameters for {brief(repr(group), 80)}, but they have no names: {hint}"
            )
        if not any(fnmatchcase(name, group.pattern) for name in names):
            near = ", ".join(brief(repr(name), 40) for name in difflib.get_close_matches(group.pattern, names, 3, 0.0))
            pattern = brief(repr(group.pattern), 60)
            raise OptionError(f"{who} needs patterns that match a name, but {pattern} matches none; near are {near}")
    return found, [_options(name, groups) for name in names or [""] * len(found)]


def _split(parameters: Any) -> tuple[list[str] | None, Any]:
    """Return names and parameters of what is a list of pairs; anything else as it is, without names."""
    if isinstance(parameters, str | Parameter) or not isinstance(parameters, Iterable):
        return None, parameters
    if hasattr(parameters, "parameters"):
        return None, parameters
    pairs = list(parameters)
    if not all(isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str) for pair in pairs) or not pairs:
        return None, pairs
    return [name for name, _ in pairs], [parameter for _, parameter in pairs]


def _options(name: str, groups: Sequence[Group]) -> Options:
    options = Options()
    for group in groups:
        if fnmatchcase(name, group.pattern):
            given = {option: getattr(group, option) for option in Options._fields}
            options = options._replace(**{option: value for option, value in given.items() if value is not None})
    return options
