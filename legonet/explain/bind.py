"""Bring the formulas of a brick together with what it computed: which name is which array or number."""

import ast
import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

import numpy as np

from legonet.arrays import brief
from legonet.brick import Brick
from legonet.errors import OptionError
from legonet.formulas import Formulas, Pass
from legonet.parameter import Parameter

from .language import REDUCTIONS, Statement, call_of, names_in, read, simplified, spread, without_rows


@dataclass
class Bound:
    """The formulas of one call of a brick.

    Attributes
    ----------
    forward, backward : list of Statement
        Without what is None, and with ``...`` written out.
    values : dict
        What is known before the first statement: inputs, parameters, options, N, and ranges of indices.
    parameters : dict
        The parameters among them.
    inputs, outputs : tuple of str
        What the formulas call them.
    """

    forward: list[Statement]
    backward: list[Statement]
    values: dict[str, Any]
    parameters: dict[str, Parameter]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def local(self, name: str) -> tuple[str, str] | None:
        """Return y and x if a name such as ``dy_dx`` is the derivative of one by the other."""
        top, _, bottom = name.partition("_d")
        if bottom and top.startswith("d") and top[1:] in {*self.outputs, *(s.target for s in self.forward)}:
            return top[1:], bottom
        return None

    def needed(self, results: Sequence[str]) -> list[Statement]:
        """Return the statements of the backward pass that lead to some results."""
        wanted, kept = set(results), []
        for statement in reversed(self.backward):
            local = self.local(statement.target)
            factor = local is not None and (f"d{local[1]}" in results or local[1] not in self.inputs)
            if statement.target in wanted or (factor and local[1] not in self.inputs):  # type: ignore[index]
                wanted |= set(names_in(statement.formula))
                kept.append(statement)
            elif factor:
                kept.append(statement)
        return kept[::-1]


def formulas_of(brick: Brick[Any], inputs: Sequence[Any]) -> Formulas | None:
    """Return the formulas that a brick states for some inputs, None if it states none."""
    stated = getattr(brick, "formulas", None)
    if callable(stated) and not isinstance(stated, Formulas):
        stated = stated(*inputs)
    if stated is not None and not isinstance(stated, Formulas):
        who = brief(type(brick).__name__)
        raise OptionError(f"{who} needs formulas as Formulas(forward, backward), but it has {brief(stated)}")
    return stated


def input_names(brick: Brick[Any], count: int) -> tuple[str, ...]:
    """Return what `forward` calls its inputs; those of ``*inputs`` are x0, x1 and so on."""
    try:
        parameters = list(inspect.signature(type(brick).forward).parameters.values())[1:]
    except (TypeError, ValueError):
        parameters = []
    plain = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return tuple([*plain, *[f"x{number}" for number in range(count)]][:count])


def bind(
    brick: Brick[Any],
    inputs: Sequence[Any],
    output: Any,
    upstream: Any = None,
    stated: Formulas | None = None,
    cache: Any = None,
) -> Bound | None:
    """Return the formulas of a call with what their names stand for, None if the brick states none.

    Parameters
    ----------
    brick : Brick
        Whose formulas they are.
    inputs : sequence
        What `forward` was given.
    output : object
        What it returned: an array, a number, or a tuple of several outputs.
    upstream : float, optional
        What `backward` was given, if it is a number: 1, for the loss itself, drops out.
    stated : Formulas, optional
        Taken in the place of those that the brick states.
    cache : object, optional
        What `forward` returned for `backward`.
    """
    stated = formulas_of(brick, inputs) if stated is None else stated
    if stated is None:
        return None
    passed = Pass(inputs, output, cache)
    with np.errstate(all="ignore"):  # what is read may be infinite
        given = {name: meant(passed) if callable(meant) else meant for name, meant in stated.names.items()}
    stated = replace(stated, names=given)
    renamed = {meant: name for name, meant in stated.names.items() if isinstance(meant, str)}
    names = [renamed.get(name, name) for name in input_names(brick, len(inputs))]
    return settle(stated, dict(zip(names, inputs, strict=True)), output, upstream, brick)


def settle(
    stated: Formulas, inputs: Mapping[str, Any], output: Any, upstream: Any = None, owner: object = None
) -> Bound:
    """Return formulas with what their names stand for.

    Parameters
    ----------
    stated : Formulas
        The formulas.
    inputs : mapping
        What is given, by name.
    output : object
        What comes out: an array, a number, or a tuple of several outputs.
    upstream : float, optional
        The gradient by the output, if it is a number: 1 drops out.
    owner : object, optional
        Whose attributes the other names are.
    """
    forward, backward = [read(line) for line in stated.forward], [read(line) for line in stated.backward]
    if not forward:
        raise OptionError(f"formulas of {brief(type(owner).__name__)} need a line for the forward pass")
    several = len(output) if isinstance(output, tuple) else 1
    outputs = tuple(statement.target for statement in forward[-several:])
    names = tuple(inputs)
    values: dict[str, Any] = dict(inputs)
    assigned = {statement.target for statement in forward + backward}
    upstreams = {f"d{name}" for name in outputs}
    parameters: dict[str, Parameter] = {}
    nothing: dict[str, Any] = {name: None for name in names if values[name] is None}
    if isinstance(upstream, int | float) and upstream == 1:
        nothing |= dict.fromkeys(upstreams, 1)
    indices = {name for statement in forward + backward for name in _indices(statement)}
    for name in dict.fromkeys(name for statement in forward + backward for name in names_in(statement.formula)):
        if name in values or name in assigned or name in upstreams or name in ("rows", "columns"):
            continue
        if name in indices and name not in stated.names:
            continue
        if isinstance(stated.names.get(name), range):
            values[name] = stated.names[name]
            continue
        value = _look_up(owner, name, stated.names, [*inputs.values()])
        if isinstance(value, Parameter):
            parameters[name] = value
            value = value.value
        if value is None:
            nothing[name] = None
        values[name] = value
    gone = {f"d{name}" for name, value in nothing.items() if value is None}
    axes = {
        name: np.ndim(value) for name, value in values.items() if value is not None and not isinstance(value, range)
    }
    axes |= {name: np.ndim(y) for name, y in zip(outputs, output if several > 1 else [output], strict=True)}
    axes |= {f"d{name}": count for name, count in axes.items()}

    def settled(statements: list[Statement]) -> list[Statement]:
        found = []
        for s in statements:
            local = s.target.partition("_d")[2]
            if s.target not in gone and (not local or f"d{local}" not in gone):
                formula = without_rows(simplified(s.formula, nothing), axes)
                found.append(spread(Statement(s.target, s.indices, formula), axes))
        return found

    values = {name: value for name, value in values.items() if value is not None}
    return Bound(settled(forward), settled(backward), values, parameters, names, outputs)


def _look_up(owner: object, name: str, names: Mapping[str, Any], inputs: Sequence[Any]) -> Any:
    """Return what a name stands for: what the formulas say, an attribute of the brick, or N."""
    meant = names.get(name, name)
    if not isinstance(meant, str):
        return meant
    if name == "N" and name not in names and not hasattr(owner, "N"):
        return max(len(inputs[0]) if inputs and np.ndim(inputs[0]) else 1, 1)
    try:
        value = attrgetter(meant)(owner)
    except AttributeError:
        who = brief(type(owner).__name__)
        known = "an input, an attribute of the brick, nor listed in names"
        raise OptionError(f"formulas of {who} speak of {brief(name)}, which is neither {known}") from None
    return value


def _indices(statement: Statement) -> Iterator[str]:
    """Yield the names of a statement that count along axes."""
    for index in statement.indices:
        yield from names_in(index)
    for node in ast.walk(statement.formula):
        if isinstance(node, ast.Call) and call_of(node) in REDUCTIONS:
            yield from (arg.id for arg in node.args[1:] if isinstance(arg, ast.Name))
