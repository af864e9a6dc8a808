"""Read the formulas of a brick from its own source, where that is nothing but formulas."""

import ast
import builtins
import inspect
import math
import textwrap
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from legonet.arrays import quiet, rows
from legonet.brick import Brick
from legonet.checks import check_scalar
from legonet.formulas import Formulas
from legonet.interop.functions import _Functions
from legonet.parameter import Parameter
from legonet.special import sigmoid, softplus, sum_of_squares

from .language import Statement, call_of, names_in

LETTERS = {"weight": "W", "bias": "b", "gain": "g"}
"""What formulas call parameters of these names; others keep theirs."""
RESERVED = {"rows", "columns", "N"}
"""Names that mean something else."""


class UnreadableError(Exception):
    """Source has what formulas cannot say."""


@dataclass(frozen=True)
class Value:
    """What an expression stands for.

    Attributes
    ----------
    node : ast.expr
        The expression in the notation of formulas.
    number : object
        An array, a number, a parameter or an option: what the source gives for the inputs at hand.
    shape : tuple of int
        The shape that the notation gives, in which what was summed over stays as an axis of size 1.
    rows : bool
        Whether the first axis counts the rows of the first input.
    reshaped : bool
        Whether it is laid out in another way, which is right only where it is a result.
    made : bool
        Whether it is an array of its own, which nothing but one name has.
    """

    node: ast.expr
    number: Any
    shape: tuple[int, ...]
    rows: bool = False
    reshaped: bool = False
    made: bool = False

    @property
    def plain(self) -> bool:
        """Whether the notation gives the very shape of the source."""
        return self.shape == np.shape(self.number) and not self.reshaped

    @property
    def atom(self) -> bool:
        """Whether it needs no line of its own."""
        return isinstance(self.node, ast.Name | ast.Constant)


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
            return _Reader(brick, inputs).formulas()
    except Exception:  # whatever it is that was not expected there: it cannot be read
        return None


class _Reader:
    """Reads both passes of a brick, and computes them on the way, to know every shape."""

    def __init__(self, brick: Brick[Any], inputs: Sequence[Any]) -> None:
        if {"forward", "backward"} & vars(brick).keys():
            raise UnreadableError
        self.brick: Any = brick
        self.inputs = inputs
        self.names: dict[str, Any] = {}
        self.used = set(RESERVED)
        self.parameters: dict[int, tuple[Value, str]] = {}
        self.values: dict[int, Value] = {}
        self.lines: dict[str, Statement] = {}
        self.outputs: dict[str, Value] = {}
        self.gradients: dict[str, Value] = {}
        self.owner = ""

    # The two passes

    def formulas(self) -> Formulas:
        """Return what both passes say."""
        pair = isinstance(self.brick, _Functions)
        forward, backward = self.brick._functions if pair else (type(self.brick).forward, type(self.brick).backward)
        source, given = _Source(forward), {}
        arguments = source.arguments
        if not pair:
            self.owner, arguments = arguments[0], arguments[1:]
        own = [name for name in arguments if pair and name in self.brick._parameters]
        arguments = [name for name in arguments if name not in own]
        if len(arguments) != len(self.inputs) or {*arguments} & RESERVED:
            raise UnreadableError
        for place, (name, x) in enumerate(zip(arguments, self.inputs, strict=True)):
            given[name] = Value(_name(name), x, np.shape(x), rows=place == 0 and np.ndim(x) > 0)
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
        source = _Source(backward)
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
        return Value(_name(f"d{name}"), ones, np.shape(ones), y.rows)

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
                renamed = {old: _name(name)}
                self.lines = {
                    key: Statement(key, (), _Renamed(renamed).visit(_copy(line.formula)))
                    for key, line in self.lines.items()
                }
                self.gradients = {
                    key: replace(v, node=_Renamed(renamed).visit(_copy(v.node))) for key, v in self.gradients.items()
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

    # Names

    def _fresh(self, name: str, *others: str, parameter: bool = False) -> str:
        """Return a name that nothing has yet, and take it."""
        candidates = [name, *others, *[f"{name}_{k}" for k in range(2, 100)]]
        for candidate in candidates:
            taken = {candidate, f"d{candidate}"} if parameter else {candidate}
            if not taken & self.used:
                self.used |= taken
                return candidate
        raise UnreadableError

    def _parameter(self, parameter: Parameter, path: str, name: str) -> Value:
        if id(parameter) not in self.parameters:
            name = self._fresh(LETTERS.get(name, name), name, parameter=True)
            self.names[name] = parameter if isinstance(self.brick, _Functions) else path
            shape = np.shape(parameter.value)
            value = Value(_name(name), parameter.value, shape)
            self.parameters[id(parameter)] = Value(_name(name), parameter, shape), name
            self.values[id(parameter)] = value
        return self.parameters[id(parameter)][0]

    def _line(self, name: str, value: Value) -> str:
        name = self._fresh(name)
        self.lines[name] = Statement(name, (), value.node)
        return name

    def _named(self, name: str, value: Any) -> dict[str, Any]:
        """Return what a name stands for from now on; what is computed gets a line."""
        if not isinstance(value, Value) or value.atom or isinstance(value.number, int):
            return {name: value}
        line = self._line(name, value)
        return {name: replace(value, node=_name(line))}

    # Statements

    def _body(self, source: "_Source", known: dict[str, Any], *, returns: bool = True) -> Any:
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
                shared = not old.made or _holds(others, old) or any(_is_view(view, old.node) for view in views)
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

    # Expressions

    def _value(self, node: ast.expr) -> Any:
        """Return what an expression stands for: a Value, a tuple or a dictionary of them, or None."""
        match node:
            case ast.Constant(value=None):
                return None
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return Value(node, number, ())
            case ast.Name(id=name) if name in self.scope:
                return self.scope[name]
            case ast.Tuple(elts=parts):
                return tuple(self._value(part) for part in parts)
            case ast.Dict(keys=keys, values=values):
                return {ast.literal_eval(key): self._value(v) for key, v in zip(keys, values, strict=True) if key}
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                x = self._array(operand)
                return replace(x, node=ast.UnaryOp(ast.USub(), x.node), number=-x.number, made=True)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self._array(operand)
            case ast.BinOp(left=left, op=op, right=right):
                return self._binary(op, self._array(left), self._array(right))
            case ast.BoolOp(op=ast.Or(), values=[first, ast.Constant(value=1)]):
                return self._rows_or_one(self._value(first))
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                a, b = self._array(left), self._array(right)
                return self._each(ast.Compare(a.node, [op], [b.node]), _COMPARE[type(op)](a.number, b.number), a, b)
            case ast.Subscript(value=owner, slice=ast.Constant(value=key)):
                return self._value(owner)[key]
            case ast.Subscript(value=owner, slice=ast.UnaryOp()) as subscript:
                return self._value(owner)[ast.literal_eval(subscript.slice)]
            case ast.Attribute():
                return self._attribute(node)
            case ast.Call():
                return self._call(node)
            case ast.Name():
                return self._constant(self.source.known(node, self.scope), node.id)
        raise UnreadableError

    def _array(self, node: ast.expr) -> Value:
        """Return an array or a number."""
        value = self._value(node)
        if not isinstance(value, Value) or value.reshaped or isinstance(value.number, Parameter | bool):
            raise UnreadableError
        if np.asarray(value.number).dtype.kind not in "bif":
            raise UnreadableError
        return value

    def _constant(self, number: Any, name: str) -> Value:
        """Return a number that the source takes from elsewhere."""
        if isinstance(number, bool) or not isinstance(number, int | float | np.number):
            raise UnreadableError
        if number == math.pi:
            name = "π"
        if type(self.names.get(name)) is not type(number) or self.names[name] != number:
            name = self._fresh(name)
        self.names[name] = number
        return Value(_name(name), number, ())

    def _attribute(self, node: ast.Attribute) -> Any:
        path = ast.unparse(node)
        if path.startswith(f"{self.owner}.") and self.owner and path.replace(".", "").isidentifier():
            return self._option(path.removeprefix(f"{self.owner}."))
        if not self._is_value(node):
            return self._constant(self.source.known(node, self.scope), node.attr)
        owner = self._value(node.value)
        if isinstance(owner.number, Parameter):
            if node.attr != "value":
                raise UnreadableError
            return self.values[id(owner.number)]
        match node.attr:
            case "T" if owner.plain:
                turned = ast.Attribute(owner.node, "T", ast.Load()) if np.ndim(owner.number) > 1 else owner.node
                return Value(turned, owner.number.T, owner.shape[::-1], owner.rows and np.ndim(owner.number) == 1)
            case "shape":
                return tuple(self._size(owner, axis) for axis in range(np.ndim(owner.number)))
            case "ndim" | "size":
                number = getattr(owner.number, node.attr)
                return Value(ast.Constant(number), number, ())
        raise UnreadableError

    def _option(self, path: str) -> Any:
        """Return what an attribute of the brick stands for."""
        found: Any = self.brick
        names = path.split(".")
        for place, name in enumerate(names):
            found = getattr(found, name)
            if isinstance(found, Parameter):
                parameter = self._parameter(found, ".".join(names[: place + 1]), name)
                if names[place + 1 :] == ["value"]:
                    return self.values[id(found)]
                if names[place + 1 :]:
                    inner = ast.parse(".".join(["p", *names[place + 1 :]]), mode="eval").body
                    self.scope["p"], before = parameter, self.scope.get("p")
                    value = self._value(inner)
                    self.scope["p"] = before
                    return value
                return parameter
        if isinstance(found, bool) or not isinstance(found, int | float | np.number | np.ndarray):
            raise UnreadableError
        paths = {meant: name for name, meant in self.names.items() if isinstance(meant, str)}
        name = paths.get(path) or self._fresh(names[-1])
        self.names[name] = path
        return Value(_name(name), found, np.shape(found))

    def _size(self, x: Value, axis: int) -> Value:
        number = np.shape(x.number)[axis]
        return Value(_name("N") if axis == 0 and x.rows and number else ast.Constant(number), number, ())

    def _rows_or_one(self, value: Value) -> Value:
        """Return N for ``len(x) or 1``, as N is 1 of no rows."""
        if not isinstance(value.number, int):
            raise UnreadableError
        return replace(value, node=value.node if value.number else ast.Constant(1), number=value.number or 1)

    def _binary(self, op: ast.operator, a: Value, b: Value) -> Value:
        if isinstance(op, ast.MatMult):
            if not (a.plain and b.plain and np.ndim(a.number) and np.ndim(b.number) in (1, 2)):
                raise UnreadableError
            number = a.number @ b.number
            return Value(
                ast.BinOp(a.node, op, b.node), number, np.shape(number), a.rows and np.ndim(number) > 0, made=True
            )
        truths = [np.asarray(x.number).dtype.kind == "b" for x in (a, b)]
        if isinstance(op, ast.BitAnd) and all(truths):
            op = ast.Mult()
        if type(op) not in _BINARY or (all(truths) and not isinstance(op, ast.Mult | ast.Div)):
            raise UnreadableError
        number = _BINARY[type(op)](a.number, b.number)
        return self._each(ast.BinOp(a.node, op, b.node), number, a, b)

    def _each(self, node: ast.expr, number: Any, *operands: Value) -> Value:
        """Return what is computed of each entry, if the notation broadcasts as the source does."""
        shape, real = np.broadcast_shapes(*[x.shape for x in operands]), np.shape(number)
        arrays = [x for x in operands if np.ndim(x.number)]
        ones = len(shape) - len(real)
        fine = shape[max(ones, 0) :] == real and all(n == 1 for n in shape[: max(ones, 0)])
        columns = all(x.shape == (*np.shape(x.number), 1) for x in arrays) and shape == (*real, 1)
        if not (fine or columns or shape == () or not arrays) or any(x.reshaped for x in operands):
            raise UnreadableError
        counted = any(x.rows and np.ndim(x.number) == len(real) for x in arrays)
        return Value(node, number, shape, counted and len(real) > 0, made=True)

    # Calls

    def _call(self, node: ast.Call) -> Any:
        words = {word.arg: word.value for word in node.keywords}
        if isinstance(node.func, ast.Attribute) and self._is_value(node.func.value):
            name, args = _METHODS[node.func.attr], [node.func.value, *node.args]
        else:
            function = self.source.known(node.func, self.scope)
            name, args = _FUNCTIONS[function], node.args
        if name in ("same", "check_scalar"):
            return self._array(args[2 if name == "check_scalar" else 0])
        if name == "array":
            return self._array(args[0])
        if name == "astype" and len(args) == 2 and not words:
            return self._as_floats(*args)
        if name == "len":
            (x,) = map(self._array, args)
            return self._size(x, 0)
        if name in _REDUCTIONS and not (name in ("max", "min") and isinstance(node.func, ast.Name)):
            return self._reduction(name, args, words)
        if name in ("reshape", "rows"):
            return self._reshaped(name, args, words)
        if words:
            raise UnreadableError
        values = [self._array(arg) for arg in args]
        if name in ("max", "min"):
            return self._larger_whole_number(name, values)
        if name == "transpose" and len(values) == 1 and values[0].plain:
            turned = ast.Attribute(values[0].node, "T", ast.Load())
            return Value(turned, values[0].number.T, values[0].shape[::-1])
        if name in _OPERATORS:
            return self._binary(_OPERATORS[name](), *values)
        if name in ("ones_like", "zeros_like"):
            number = np.ones_like(values[0].number) * (name == "ones_like")
            return Value(ast.Constant(int(name == "ones_like")), number, (), values[0].rows)
        return self._elementwise(name, values)

    def _as_floats(self, array: ast.expr, dtype: ast.expr) -> Value:
        """Return an array of the dtype of another one, or of Python's floats."""
        value = self._array(array)
        if isinstance(dtype, ast.Attribute) and dtype.attr == "dtype":
            kind = np.asarray(self._array(dtype.value).number).dtype
        else:
            kind = np.dtype(self.source.known(dtype, self.scope))
        number = np.asarray(value.number)
        if kind.kind != "f" or not np.can_cast(number.dtype, kind):  # fewer digits are more than a formula says
            raise UnreadableError
        return replace(value, number=number.astype(kind))

    def _elementwise(self, name: str, values: list[Value]) -> Value:
        nodes = [value.node for value in values]
        numbers = [value.number for value in values]
        if name == "square" and len(values) == 1:
            return self._binary(ast.Pow(), values[0], Value(ast.Constant(2), 2, ()))
        if name == "sum_of_squares" and len(values) == 1:
            made = self._binary(ast.Pow(), values[0], Value(ast.Constant(2), 2, ()))
            return Value(_called("sum", made.node), float(np.sum(made.number)), (), made=True)
        if name == "clip" and len(values) == 3:
            low = self._elementwise("maximum", values[:2])
            return self._elementwise("minimum", [low, values[2]])
        if name in _PAIRS and len(values) == 2:
            number = getattr(np, name)(*numbers)
            if isinstance(nodes[1], ast.Name):  # which would be an index
                nodes = nodes[::-1]
            if isinstance(nodes[1], ast.Name):
                larger = ast.Compare(nodes[1], [ast.GtE() if name == "maximum" else ast.LtE()], [nodes[0]])
                return self._each(_called("where", larger, *nodes[::-1]), number, *values)
            return self._each(_called(_PAIRS[name], *nodes), number, *values)
        if name == "where" and len(values) == 3:
            return self._each(_called(name, *nodes), np.where(*numbers), *values)
        if name in _ELEMENTWISE and len(values) == 1:
            return self._each(_called(name, nodes[0]), _ELEMENTWISE[name](numbers[0]), values[0])
        raise UnreadableError

    def _is_value(self, node: ast.expr) -> bool:
        while isinstance(node, ast.Attribute):
            node = node.value
        return not isinstance(node, ast.Name) or node.id in {*self.scope, self.owner}

    def _larger_whole_number(self, name: str, values: list[Value]) -> Value:
        """Return N for ``max(len(x), 1)``."""
        if name != "max" or len(values) != 2:
            raise UnreadableError
        size, one = values if isinstance(values[1].node, ast.Constant) else values[::-1]
        if one.number != 1 or not isinstance(one.node, ast.Constant):
            raise UnreadableError
        return self._rows_or_one(size)

    def _reduction(self, name: str, args: list[ast.expr], words: Mapping[str | None, ast.expr]) -> Value:
        x, *more = args
        value = self._array(x)
        given = dict(words)
        if more:
            (given["axis"],) = more
        if not given.keys() <= {"axis", "keepdims"}:
            raise UnreadableError
        keep = "keepdims" in given and ast.literal_eval(given["keepdims"])
        axis = self._axis(given["axis"]) if "axis" in given else None
        node, count = value.node, np.ndim(value.number)
        if not value.plain and (axis is not None or np.size(value.number) != math.prod(value.shape)):
            raise UnreadableError
        words_of_numpy: dict[str, Any] = {"axis": axis, "keepdims": bool(keep)}
        number = getattr(np, name)(value.number, **words_of_numpy)
        axes = (*range(count),) if axis is None else tuple(a % count for a in np.atleast_1d(axis))
        over: Sequence[ast.expr]
        shape: tuple[int, ...]
        if {*axes} == {*range(count)} and not (keep and count != 1):
            over, shape = ([_name("rows")], (1,)) if axis is not None and count == 1 else ([], ())
        elif axes == (0,):
            over, shape = [_name("rows")], (1, *value.shape[1:])
        elif axes == (count - 1,):
            over, shape = [_name("columns")], (*value.shape[:-1], 1)
        elif {*axes} == {*range(count - 1)} and not keep:
            node, over = _called("rows", node), [_name("rows")]
            shape = (1, value.shape[-1])
            if name in ("var", "std"):
                raise UnreadableError
        else:
            raise UnreadableError
        if name in ("var", "std"):
            mean: ast.expr = _called("mean", node, *over)
            same = [n for n, line in self.lines.items() if ast.dump(line.formula) == ast.dump(mean)]
            off = ast.BinOp(node, ast.Sub(), _name(same[0]) if same else mean)
            made: ast.expr = _called("mean", ast.BinOp(off, ast.Pow(), ast.Constant(2)), *over)
            made = _called("sqrt", made) if name == "std" else made
        else:
            made = _called(name, node, *over)
        return Value(made, number, shape, value.rows and 0 not in axes, made=True)

    def _axis(self, node: ast.expr) -> Any:
        found = self._value(node)
        if found is None:
            return None
        numbers = tuple(part.number for part in found) if isinstance(found, tuple) else found.number
        if not all(type(number) is int for number in np.atleast_1d(numbers).tolist()):
            raise UnreadableError
        return numbers

    def _reshaped(self, name: str, args: list[ast.expr], words: Mapping[str | None, ast.expr]) -> Value:
        x = self._array(args[0])
        if words or not x.plain or np.ndim(x.number) < 1:
            raise UnreadableError
        matrix = (math.prod(x.shape[:-1]), x.shape[-1])
        if name == "rows":
            number = rows(x.number)
        else:
            sizes = [self._axis(arg) for arg in args[1:]]
            number = np.reshape(x.number, sizes[0] if len(sizes) == 1 else tuple(sizes))
        if number.shape == x.shape:
            return x
        if number.shape == matrix:
            return Value(_called("rows", x.node), number, matrix)
        return Value(_called("reshape", x.node), number, number.shape, x.rows and len(number) == len(x.number), True)


class _Source:
    """A function's source, and what its names stand for.

    Parameters
    ----------
    function : callable
        A plain function; that it is `quiet` does not matter.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        function = inspect.unwrap(function)
        if not isinstance(function, FunctionType):
            raise UnreadableError
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
        if not isinstance(tree, ast.FunctionDef) or tree.name != function.__name__:
            raise UnreadableError
        self.outside: Mapping[str, Any] = {**vars(builtins), **function.__globals__}
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        self.outside |= {name: cell.cell_contents for name, cell in cells}
        if any(self.known(decorator, {}) is not quiet for decorator in tree.decorator_list):
            raise UnreadableError
        if tree.args.vararg or tree.args.kwarg or tree.args.kwonlyargs:
            raise UnreadableError
        self.arguments = [argument.arg for argument in (*tree.args.posonlyargs, *tree.args.args)]
        if self.arguments != [*function.__code__.co_varnames[: len(self.arguments)]]:
            raise UnreadableError
        self.body = tree.body

    def known(self, node: ast.expr, scope: Mapping[str, Any]) -> Any:
        """Return what a name, or an attribute of a module, stands for outside of the function."""
        if isinstance(node, ast.Attribute):
            owner = self.known(node.value, scope)
            if not isinstance(owner, ModuleType):
                raise UnreadableError
            return getattr(owner, node.attr)
        if not isinstance(node, ast.Name) or node.id in scope:
            raise UnreadableError
        return self.outside[node.id]


class _Renamed(ast.NodeTransformer):
    def __init__(self, names: Mapping[str, ast.expr]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> Any:
        return self.names.get(node.id, node)

    def visit_Call(self, node: ast.Call) -> Any:
        return ast.Call(node.func, [self.visit(arg) for arg in node.args], [])


_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.FloorDiv: lambda a, b: a // b,
    ast.Mod: lambda a, b: a % b,
    ast.Pow: lambda a, b: a**b,
}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
}
_ELEMENTWISE: dict[str, Callable[[Any], Any]] = {
    name: getattr(np, name) for name in ("exp", "log", "log1p", "expm1", "sqrt", "abs", "sign", "tanh", "sin", "cos")
} | {"sigmoid": sigmoid, "softplus": softplus, "erf": np.vectorize(math.erf, otypes=[float])}
_PAIRS = {"maximum": "max", "minimum": "min"}
_REDUCTIONS = ("sum", "mean", "max", "min", "var", "std")
_OPERATORS: dict[str, type[ast.operator]] = {
    "add": ast.Add,
    "subtract": ast.Sub,
    "multiply": ast.Mult,
    "divide": ast.Div,
    "power": ast.Pow,
    "dot": ast.MatMult,
    "matmul": ast.MatMult,
}
_METHODS = {name: name for name in (*_REDUCTIONS, "dot", "reshape", "clip", "transpose")} | {
    "copy": "same",
    "astype": "astype",
}
_FUNCTIONS: dict[Any, str] = {
    **{function: name for name, function in _ELEMENTWISE.items()},
    **{getattr(np, name): name for name in (*_PAIRS, *_REDUCTIONS, *_OPERATORS)},
    **{getattr(np, name): name for name in ("where", "square", "clip", "reshape", "transpose")},
    **{getattr(np, name): name for name in ("ones_like", "zeros_like")},
    **{getattr(math, name): name for name in ("exp", "log", "log1p", "expm1", "sqrt", "tanh", "sin", "cos", "erf")},
    **{getattr(builtins, name): name for name in ("abs", "len", "max", "min")},
    rows: "rows",
    float: "same",
    np.asarray: "array",
    np.float64: "same",
    check_scalar: "check_scalar",
    sum_of_squares: "sum_of_squares",
}
"""What functions are called here, by what they are and not by what a source calls them."""


def _name(name: str) -> ast.Name:
    return ast.Name(name, ast.Load())


def _called(name: str, *args: ast.expr) -> ast.Call:
    return ast.Call(_name(name), [*args], [])


def _copy(node: ast.expr) -> ast.expr:
    return ast.parse(ast.unparse(node), mode="eval").body


def _holds(values: Any, wanted: Value) -> bool:
    """Whether the array of a value is among others."""
    if isinstance(values, Value):
        return _is_view(values.node, wanted.node)
    parts = values.values() if isinstance(values, dict) else values if isinstance(values, list | tuple) else ()
    return any(_holds(part, wanted) for part in parts)


def _is_view(node: ast.expr, of: ast.expr) -> bool:
    """Whether an expression is an array itself, or its numbers laid out in another way."""
    while isinstance(node, ast.Attribute | ast.Call):
        if isinstance(node, ast.Call) and call_of(node) not in ("rows", "reshape"):
            return False
        node = node.value if isinstance(node, ast.Attribute) else node.args[0]
    return ast.dump(node) == ast.dump(of)
