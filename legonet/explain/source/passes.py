"""Read the formulas of a brick from its own source, where that is nothing but formulas."""

import ast
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from legonet.brick import Brick
from legonet.explain.language import Statement, names_in
from legonet.formulas import Formulas
from legonet.interop.functions import _Functions

from .expressions import RESERVED, Expressions
from .function import Function, UnreadableError
from .values import Value, copied, holds, is_view, name_of


def formulas_from_source(brick: Brick[Any], inputs: Sequence[Any]) -> Formulas | None:
    """Return the formulas that the source of a brick states for some inputs, None if it states more than formulas.

    The two methods, or the functions given to `legonet.interop.from_functions`, may hold assignments to names,
    ``+=`` to the gradients of parameters, checks of the inputs and the final return. A wrong formula is read as the
    wrong formula that it is.

    Parameters
    ----------
    brick : Brick
        Whose source is read.
    inputs : sequence
        What `forward` is given.

    Returns
    -------
    Formulas or None
        What the source says, in the names that it has.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import Brick
    >>> from legonet.explain.source import formulas_from_source
    >>> class Softsign(Brick):
    ...     def forward(self, x):
    ...         return x / (1 + np.abs(x)), x
    ...
    ...     def backward(self, dy, x):
    ...         return dy / (1 + np.abs(x)) ** 2
    >>> formulas_from_source(Softsign(), [np.ones((2, 3))])
    Formulas(forward=['y = x / (1 + abs(x))'], backward=['dx = dy / (1 + abs(x)) ** 2'], names={})
    """
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return _Passes(brick, inputs).formulas()
    except Exception:  # whatever it is that was not expected there: it cannot be read
        return None


class _Passes(Expressions):
    """Reads both passes of a brick."""

    def __init__(self, brick: Brick[Any], inputs: Sequence[Any]) -> None:
        if {"forward", "backward"} & vars(brick).keys():
            raise UnreadableError
        super().__init__(brick)
        self.inputs = inputs
        self.outputs: dict[str, Value] = {}
        self.gradients: dict[str, Value] = {}

    # The two passes

    def formulas(self) -> Formulas:
        """Return what both passes say."""
        pair = isinstance(self.brick, _Functions)
        forward, backward = self.brick._functions if pair else (type(self.brick).forward, type(self.brick).backward)
        source, given = Function(forward), {}
        arguments = source.arguments
        if not pair:
            self.owner, arguments = arguments[0], arguments[1:]
        own = [name for name in arguments if pair and name in self.brick._parameters]
        arguments = [name for name in arguments if name not in own]
        if len(arguments) != len(self.inputs) or {*arguments} & RESERVED:
            raise UnreadableError
        for place, (name, x) in enumerate(zip(arguments, self.inputs, strict=True)):
            given[name] = Value(name_of(name), x, np.shape(x), rows=place == 0 and np.ndim(x) > 0)
            self.used |= {name, f"d{name}"}
            if pair:
                self.names[name] = f"x{place}"
        for name in own:
            self._parameter(self.brick._parameters[name], name, name)
            given[name] = self.values[id(self.brick._parameters[name])]  # functions are given the array
        result = self._body(source, dict(given))
        cached = isinstance(result, tuple)
        if not cached and not pair:
            raise UnreadableError
        y, cache = result if cached else (result, None)
        outputs = self._outputs(y)
        kept = [*self._needed(outputs)]
        upstream = [self._upstream(name) for name in outputs]
        cache = self._from_outside(cache, outputs)
        source = Function(backward)
        names = source.arguments
        if not pair:
            self.owner, names = names[0], names[1:]
        dy: Any = tuple(upstream) if isinstance(y, tuple) else upstream[0]
        if cached and len(names) == 2:
            given = {names[0]: dy, **self._named(names[1], cache)}
        elif pair and not cached:
            given = (
                {name: given[name] for name in names[1:] if name in own}
                | {
                    name: given[old]
                    for name, old in zip([n for n in names[1:] if n not in own], arguments, strict=True)
                }
                | {names[0]: dy}
            )
        else:
            raise UnreadableError
        before = [*self.lines]
        returned = self._body(source, given, returns=False)
        if own:
            *rest, by_name = returned if isinstance(returned, tuple) else (returned,)
            returned = rest[0] if len(rest) == 1 else tuple(rest)
            for name, gradient in by_name.items():
                self._add(self.brick._parameters[name], gradient)
        self._returned(returned, arguments)
        results = self._results()
        needed = [name for name in self._needed(results) if name not in kept]
        for name in [*kept, *needed]:
            self._take_names(self.lines[name].formula)
        told = {name: meant for name, meant in self.names.items() if meant is not None}
        order = [name for name in needed if name in before] + [name for name in needed if name not in before]
        return Formulas([str(self.lines[n]) for n in kept], [str(self.lines[n]) for n in order], told)

    def _outputs(self, y: Any) -> list[str]:
        """Return the names of the outputs, each of which has a line."""
        found = []
        for k, value in enumerate(y if isinstance(y, tuple) else (y,)):
            name = value.node.id if isinstance(value.node, ast.Name) else ""
            if name not in self.lines or name in found:
                letter = "L" if not np.ndim(value.number) else "y"
                name = self._line(f"{letter}{k + 1}" if isinstance(y, tuple) else letter, value)
            shape = np.shape(value.number)
            if [n for n in value.shape if n != 1] != [n for n in shape if n != 1] or f"d{name}" in self.used:
                raise UnreadableError
            found.append(name)
            self.outputs[name] = value
        order = [*self.lines]
        after = [name for name in self._needed(found) if order.index(name) > order.index(found[0])]
        if after != found[1:]:
            raise UnreadableError
        self.used |= {f"d{name}" for name in found}
        return found

    def _upstream(self, name: str) -> Value:
        y = self.outputs[name]
        ones = np.ones_like(y.number, dtype=float) if np.ndim(y.number) else 1.0
        return Value(name_of(f"d{name}"), ones, np.shape(ones), y.rows)

    def _from_outside(self, value: Any, outputs: list[str]) -> Any:
        """Return the cache as backward sees it: an output has its very shape there."""
        if isinstance(value, tuple):
            return tuple(self._from_outside(part, outputs) for part in value)
        if isinstance(value, dict):
            return {name: self._from_outside(part, outputs) for name, part in value.items()}
        if not isinstance(value, Value):
            return value
        value = replace(value, made=False)
        if isinstance(value.node, ast.Name) and value.node.id in outputs:
            return replace(value, shape=np.shape(value.number), reshaped=False)
        if any(name in outputs and not self.outputs[name].plain for name in names_in(value.node)):
            raise UnreadableError
        return value

    def _returned(self, value: Any, arguments: list[str]) -> None:
        """Take what backward returned as the gradients of the inputs."""
        parts = value if isinstance(value, tuple) else (value,)
        if len(parts) > len(arguments) and parts != (None,):
            raise UnreadableError
        for name, part in zip(arguments, parts, strict=False):
            if part is not None:
                x = self.inputs[arguments.index(name)]
                self.gradients[f"d{name}"] = self._as_result(part, np.shape(x))

    def _as_result(self, value: Value, shape: tuple[int, ...]) -> Value:
        alike = [n for n in value.shape if n != 1] == [n for n in np.shape(value.number) if n != 1]
        if not alike or np.shape(value.number) != shape:
            raise UnreadableError
        return value

    def _add(self, parameter: Any, value: Value) -> None:
        """Add to the gradient of a parameter."""
        known, name = self.parameters[id(parameter)]
        value = self._as_result(value, np.shape(known.number.value))
        before = self.gradients.get(f"d{name}")
        if before is not None:
            if before.reshaped or value.reshaped or before.shape != value.shape:
                raise UnreadableError
            value = replace(value, node=ast.BinOp(before.node, ast.Add(), value.node))
        self.gradients[f"d{name}"] = value

    def _results(self) -> list[str]:
        """Give every gradient a line of its name; what is only another name for one takes its place."""
        for name, value in self.gradients.items():
            old = value.node.id if isinstance(value.node, ast.Name) else ""
            twice = [v for v in self.gradients.values() if isinstance(v.node, ast.Name) and v.node.id == old]
            if old in self.lines and len(twice) == 1 and old not in self.forward_lines:
                self.lines = {name if key == old else key: line for key, line in self.lines.items()}
                renamed = {old: name_of(name)}
                self.lines = {
                    key: Statement(key, (), _Renamed(renamed).visit(copied(line.formula)))
                    for key, line in self.lines.items()
                }
                self.gradients = {
                    key: replace(v, node=_Renamed(renamed).visit(copied(v.node))) for key, v in self.gradients.items()
                }
        for name, value in self.gradients.items():
            if not (isinstance(value.node, ast.Name) and value.node.id == name):
                self.lines[name] = Statement(name, (), value.node)
        return [*self.gradients]

    def _needed(self, results: Sequence[str]) -> list[str]:
        """Return the names of the lines that lead to some results, in order."""
        wanted = set(results)
        for name in reversed(self.lines):
            if name in wanted:
                wanted |= set(names_in(self.lines[name].formula))
        return [name for name in self.lines if name in wanted]

    def _take_names(self, node: ast.expr) -> None:
        if "N" in names_in(node):
            self.names["N"] = max(len(self.inputs[0]), 1)

    # Statements

    def _body(self, source: Function, known: dict[str, Any], *, returns: bool = True) -> Any:
        """Read a function, and return what it returns."""
        self.scope = {**known}
        self.source = source
        self.forward_lines = set() if returns else {*self.lines}
        for statement in source.body[:-1]:
            self._statement(statement)
        last = source.body[-1]
        if isinstance(last, ast.Return):
            result = None if last.value is None else self._value(last.value)
            if returns and not isinstance(self.brick, _Functions) and not isinstance(result, tuple):
                raise UnreadableError
            if returns and isinstance(result, tuple) and len(result) != 2:
                raise UnreadableError
            return result
        if returns:
            raise UnreadableError
        self._statement(last)
        return None

    def _statement(self, statement: ast.stmt) -> None:
        match statement:
            case ast.Expr(value=ast.Constant()) | ast.Pass() | ast.Assert():
                return
            case ast.Expr(value=ast.Call(func=func)):
                called = self.source.known(func, self.scope)
                if not (called.__name__.startswith("check_") and called.__module__.startswith("legonet.")):
                    raise UnreadableError
            case ast.Assign(targets=targets, value=value):
                found = self._value(value)
                for target in targets:
                    self._assign(target, found)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self._assign(target, self._value(value))
            case ast.AugAssign(target=ast.Name(id=name), op=op, value=value):
                old = self.scope[name]
                others = [v for other, v in self.scope.items() if other != name]
                views = [line.formula for line in self.lines.values()]
                shared = not old.made or holds(others, old) or any(is_view(view, old.node) for view in views)
                shared = shared and not isinstance(old.number, int | float | np.generic)
                if shared:  # then another array would change with it
                    raise UnreadableError
                new = self._binary(op, self._without_line(old), self._array(value))
                if np.shape(new.number) != np.shape(old.number):
                    raise UnreadableError
                self._assign(ast.Name(name), new)
            case ast.AugAssign(target=target, op=ast.Add() | ast.Sub() as op, value=value):
                if isinstance(target, ast.Subscript):
                    if ast.unparse(target.slice) not in ("...", ":"):
                        raise UnreadableError
                    target = target.value
                if not (isinstance(target, ast.Attribute) and target.attr == "grad"):
                    raise UnreadableError
                parameter = self._value(target.value)
                added = self._value(value)
                if isinstance(op, ast.Sub):
                    added = replace(added, node=ast.UnaryOp(ast.USub(), added.node))
                self._add(parameter.number, added)
            case _:
                raise UnreadableError

    def _without_line(self, value: Value) -> Value:
        """Return what nothing has used yet without a line of its own, so that ``z = x @ W; z += b`` is one line."""
        name = value.node.id if isinstance(value.node, ast.Name) else ""
        formulas = [*(line.formula for line in self.lines.values()), *(v.node for v in self.gradients.values())]
        if not value.made or name not in self.lines or any(name in names_in(formula) for formula in formulas):
            return value
        self.used.discard(name)
        return replace(value, node=self.lines.pop(name).formula)

    def _assign(self, target: ast.expr, value: Any) -> None:
        match target:
            case ast.Name(id=name):
                self.scope |= self._named(name, value)
            case ast.Tuple(elts=parts) | ast.List(elts=parts) if isinstance(value, tuple):
                for part, one in zip(parts, value, strict=True):
                    self._assign(part, one)
            case _:
                raise UnreadableError


class _Renamed(ast.NodeTransformer):
    def __init__(self, names: Mapping[str, ast.expr]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> Any:
        return self.names.get(node.id, node)

    def visit_Call(self, node: ast.Call) -> Any:
        return ast.Call(node.func, [self.visit(arg) for arg in node.args], [])
