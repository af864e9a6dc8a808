"""Read expressions, and compute them on the way, to know every shape."""

import ast
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from legonet.arrays import rows
from legonet.brick import Brick
from legonet.explain.language import Statement
from legonet.interop.functions import _Functions
from legonet.parameter import Parameter

from .function import Function, UnreadableError
from .meanings import BINARY, COMPARE, ELEMENTWISE, FUNCTIONS, METHODS, OPERATORS, PAIRS, REDUCTIONS
from .values import Value, called, name_of

LETTERS = {"weight": "W", "bias": "b", "gain": "g"}
"""What formulas call parameters of these names; others keep theirs."""
RESERVED = {"rows", "columns", "N"}
"""Names that mean something else."""


class Expressions:
    """Reads the expressions of a function of a brick.

    Parameters
    ----------
    brick : Brick
        Whose source is read.
    """

    source: Function
    """The function that is read."""

    def __init__(self, brick: Brick[Any]) -> None:
        self.brick: Any = brick
        self.names: dict[str, Any] = {}
        self.used = set(RESERVED)
        self.parameters: dict[int, tuple[Value, str]] = {}
        self.values: dict[int, Value] = {}
        self.lines: dict[str, Statement] = {}
        self.scope: dict[str, Any] = {}
        self.owner = ""

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
            value = Value(name_of(name), parameter.value, shape)
            self.parameters[id(parameter)] = Value(name_of(name), parameter, shape), name
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
        return {name: replace(value, node=name_of(line))}

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
                return self._each(ast.Compare(a.node, [op], [b.node]), COMPARE[type(op)](a.number, b.number), a, b)
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
        return Value(name_of(name), number, ())

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
        return Value(name_of(name), found, np.shape(found))

    def _size(self, x: Value, axis: int) -> Value:
        number = np.shape(x.number)[axis]
        return Value(name_of("N") if axis == 0 and x.rows and number else ast.Constant(number), number, ())

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
        if type(op) not in BINARY or (all(truths) and not isinstance(op, ast.Mult | ast.Div)):
            raise UnreadableError
        number = BINARY[type(op)](a.number, b.number)
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
            name, args = METHODS[node.func.attr], [node.func.value, *node.args]
        else:
            function = self.source.known(node.func, self.scope)
            name, args = FUNCTIONS[function], node.args
        if name in ("same", "check_scalar"):
            return self._array(args[2 if name == "check_scalar" else 0])
        if name == "array":
            return self._array(args[0])
        if name == "astype" and len(args) == 2 and not words:
            return self._as_floats(*args)
        if name == "len":
            (x,) = map(self._array, args)
            return self._size(x, 0)
        if name in REDUCTIONS and not (name in ("max", "min") and isinstance(node.func, ast.Name)):
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
        if name in OPERATORS:
            return self._binary(OPERATORS[name](), *values)
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
            return Value(called("sum", made.node), float(np.sum(made.number)), (), made=True)
        if name == "clip" and len(values) == 3:
            low = self._elementwise("maximum", values[:2])
            return self._elementwise("minimum", [low, values[2]])
        if name in PAIRS and len(values) == 2:
            number = getattr(np, name)(*numbers)
            if isinstance(nodes[1], ast.Name):  # which would be an index
                nodes = nodes[::-1]
            if isinstance(nodes[1], ast.Name):
                larger = ast.Compare(nodes[1], [ast.GtE() if name == "maximum" else ast.LtE()], [nodes[0]])
                return self._each(called("where", larger, *nodes[::-1]), number, *values)
            return self._each(called(PAIRS[name], *nodes), number, *values)
        if name == "where" and len(values) == 3:
            return self._each(called(name, *nodes), np.where(*numbers), *values)
        if name in ELEMENTWISE and len(values) == 1:
            return self._each(called(name, nodes[0]), ELEMENTWISE[name](numbers[0]), values[0])
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
            over, shape = ([name_of("rows")], (1,)) if axis is not None and count == 1 else ([], ())
        elif axes == (0,):
            over, shape = [name_of("rows")], (1, *value.shape[1:])
        elif axes == (count - 1,):
            over, shape = [name_of("columns")], (*value.shape[:-1], 1)
        elif {*axes} == {*range(count - 1)} and not keep:
            node, over = called("rows", node), [name_of("rows")]
            shape = (1, value.shape[-1])
            if name in ("var", "std"):
                raise UnreadableError
        else:
            raise UnreadableError
        if name in ("var", "std"):
            mean: ast.expr = called("mean", node, *over)
            same = [n for n, line in self.lines.items() if ast.dump(line.formula) == ast.dump(mean)]
            off = ast.BinOp(node, ast.Sub(), name_of(same[0]) if same else mean)
            made: ast.expr = called("mean", ast.BinOp(off, ast.Pow(), ast.Constant(2)), *over)
            made = called("sqrt", made) if name == "std" else made
        else:
            made = called(name, node, *over)
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
            return Value(called("rows", x.node), number, matrix)
        return Value(called("reshape", x.node), number, number.shape, x.rows and len(number) == len(x.number), True)
