"""Compute what a formula says, with a bound of its rounding error, and take single entries of it apart."""

import ast
import math
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from functools import reduce
from itertools import islice, product
from typing import Any, TypeAlias

import numpy as np

from legonet.arrays import Array, brief
from legonet.errors import OptionError

from .language import AXES, REDUCTIONS, Statement, call_of, indices_summed, is_index_notation, names_in, parts

Pair: TypeAlias = tuple[Any, Any]
"""A value, and the bound of its error in units of eps."""

UNFIT = (ValueError, TypeError, LookupError, ArithmeticError)
"""What NumPy and Python raise where shapes or numbers do not fit."""

CHUNK = 1_000_000
"""How many products of an index notation are computed at a time."""

EPS, MAX = float(np.finfo(float).eps), float(np.finfo(float).max)

_erf = np.vectorize(math.erf, otypes=[float])


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def _times(size: Any, error: Any) -> Any:
    """Return an error that is multiplied by something, of which nothing is left where one of the two is 0."""
    product = np.abs(size) * error
    return np.where(np.equal(size, 0) | np.equal(error, 0), 0.0, product) if np.any(np.isnan(product)) else product


FUNCTIONS: dict[str, tuple[Callable[..., Any], Callable[[Any], Any]]] = {
    "exp": (np.exp, np.exp),
    "log": (np.log, lambda x: 1 / np.abs(x)),
    "log1p": (np.log1p, lambda x: 1 / np.abs(1 + x)),
    "expm1": (np.expm1, np.exp),
    "sqrt": (np.sqrt, lambda x: 0.5 / np.sqrt(x)),
    "abs": (np.abs, np.ones_like),
    "sign": (np.sign, np.zeros_like),
    "tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "sin": (np.sin, lambda x: np.abs(np.cos(x))),
    "cos": (np.cos, lambda x: np.abs(np.sin(x))),
    "sigmoid": (lambda x: _sigmoid(x), lambda x: _sigmoid(x) * _sigmoid(-x)),
    "softplus": (lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))), lambda x: _sigmoid(x)),
    "erf": (lambda x: _erf(x) if np.size(x) else np.asarray(x), lambda x: 1.13 * np.exp(-x * x)),
}
"""Each function of an entry, and the size of its derivative."""

REDUCE: dict[str, Any] = {"sum": np.sum, "mean": np.mean, "max": np.max, "min": np.min}
OUTSIDE = {"max": -np.inf, "min": np.inf, "argmax": -np.inf}
"""What stands beyond the end of an array in a reduction, else 0."""


class Calculator:
    """Computes formulas from their operands.

    Parameters
    ----------
    operands : mapping
        Arrays and numbers by their names; a range is how far an index goes. Statements add to it.
    """

    def __init__(self, operands: Mapping[str, Any]) -> None:
        self.operands = {name: value for name, value in operands.items() if not isinstance(value, range)}
        self.lengths = {name: len(value) for name, value in operands.items() if isinstance(value, range)}
        self.errors: dict[str, Any] = {}
        self.index: dict[str, Any] = {}
        self.fill = 0.0
        self.missing: Any = False
        self.shape: tuple[int, ...] | None = None

    # Values

    def run(self, statements: Sequence[Statement], shapes: Mapping[str, tuple[int, ...]] = {}) -> None:
        """Compute statements in turn; those for one index after the other, as ``h[:, t]``, together."""
        with np.errstate(all="ignore"):
            for group, step in _groups(statements):
                try:
                    self._run(group, step, shapes)
                except OptionError:
                    raise
                except UNFIT:
                    raise OptionError(self._unfit(group[0].formula)) from None

    def _run(self, group: list[Statement], step: int, shapes: Mapping[str, tuple[int, ...]]) -> None:
        if step:
            self._loop(group, step, shapes)
        else:
            (statement,) = group
            value, error = self.assigned(statement, shapes.get(statement.target))
            self.operands[statement.target], self.errors[statement.target] = value, error

    def assigned(self, statement: Statement, shape: tuple[int, ...] | None = None) -> Pair:
        """Return the value of a statement that needs no loop, and its error; `shape` is the target's, if known."""
        if is_index_notation(statement, self._arrays()):
            return self._entrywise(statement, shape)
        if statement.indices:
            raise OptionError(f"with indices every array needs one for each axis: {brief(str(statement), 80)}")
        self.shape = shape
        value, error = self.value(statement.formula)
        value, error = np.asarray(value, float), np.broadcast_to(error, np.shape(value))
        if shape is not None and value.shape != shape and _without_ones(value.shape) == _without_ones(shape):
            value, error = value.reshape(shape), error.reshape(shape)
        return value, error

    def entries(self, statement: Statement, shape: tuple[int, ...], where: Sequence[tuple[int, ...]]) -> Pair:
        """Return some entries of a statement in index notation, and their errors."""
        ranges = self.ranges(statement, shape)
        free = [_name(index) for index in statement.indices]
        bound = [name for name in ranges if name not in free]
        sizes = [ranges[name] for name in bound]
        points = np.array(where, dtype=int).reshape(len(where), len(free))
        at_once = max(1, CHUNK // max(1, math.prod(sizes)))
        values, errors = [], []
        for start in range(0, len(points), at_once):
            some = points[start : start + at_once]
            axes = (len(some), *[1] * len(bound))
            self.index = {name: some[:, k].reshape(axes) for k, name in enumerate(free)}
            for k, name in enumerate(bound):
                self.index[name] = np.arange(sizes[k]).reshape([-1 if k + 1 == a else 1 for a in range(len(axes))])
            self.bound = bound
            value, error = self.value(statement.formula)
            self.index = {}
            values.append(np.broadcast_to(value, axes).reshape(len(some)))
            errors.append(np.broadcast_to(error, axes).reshape(len(some)))
        if not values:
            return np.zeros(0), np.zeros(0)
        return np.concatenate(values).astype(float), np.concatenate(errors)

    def ranges(self, statement: Statement, shape: tuple[int, ...] | None) -> dict[str, int]:
        """Return how far each index goes: along the target, an axis where it stands alone, or as its name says."""
        found: dict[str, int] = {}
        free = [_name(index) for index in statement.indices if isinstance(index, ast.Name)]
        if shape is not None:
            if len(statement.indices) != len(shape):
                raise OptionError(f"{statement.target} has {len(shape)} axes: {brief(str(statement), 80)}")
            found = dict(zip([_name(index) for index in statement.indices], shape, strict=True))
        wanted = {name for node in ast.walk(statement.formula) for name in self._over(node)} | set(free)
        for node in ast.walk(statement.formula):
            if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
                array = self.operands.get(node.value.id)
                if array is None:
                    continue
                for axis, index in enumerate(parts(node.slice)):
                    if isinstance(index, ast.Name) and index.id in wanted and axis < np.ndim(array):
                        found.setdefault(index.id, np.shape(array)[axis])
        found |= {name: length for name, length in self.lengths.items() if name in wanted and name not in found}
        missing = wanted - found.keys()
        if missing:
            told = f"index {sorted(missing)[0]!r} must stand alone in an array somewhere, to know how far it goes"
            raise OptionError(f"{told}: {statement}")
        return found

    def value(self, node: ast.expr) -> Pair:
        """Return the value of a formula, and the bound of its error."""
        try:
            return self._value(node)
        except OptionError:
            raise
        except UNFIT:
            raise OptionError(self._unfit(node)) from None

    def _unfit(self, node: ast.expr) -> str:
        """Say that a formula cannot be computed, and the shapes of the arrays that it speaks of."""
        told = [f"{name} has shape {np.shape(self.operands[name])}" for name in names_in(node) if name in self.operands]
        return f"{brief(ast.unparse(node), 60)} cannot be computed" + f": {', '.join(told)}" * bool(told)

    def _value(self, node: ast.expr) -> Pair:
        match node:
            case ast.Constant(value=float(number)):  # 0.1 is rounded, 0.5 is counted so too
                return number, 0.0 if number.is_integer() else 0.5 * abs(number)
            case ast.Constant():
                return node.value, 0.0
            case ast.Name():
                if node.id in self.index:
                    return self.index[node.id], 0.0
                return self._operand(node.id)
            case ast.Attribute():
                value, error = self.value(node.value)
                return np.asarray(value).T, np.asarray(error).T
            case ast.UnaryOp():
                value, error = self.value(node.operand)
                return -value, error
            case ast.BinOp():
                return self._binary(node)
            case ast.Compare():
                (left, _), (right, _) = self.value(node.left), self.value(node.comparators[0])
                return 1.0 * _COMPARE[type(node.ops[0])](left, right), 0.0
            case ast.Subscript():
                return self._subscript(node)
            case ast.Call():
                return self._call(node)
        raise OptionError(f"a formula cannot have {ast.unparse(node)!r}")

    def _operand(self, name: str) -> Pair:
        if name not in self.operands:
            raise OptionError(f"{name!r} in a formula is no input, no attribute of the brick and not assigned before")
        value = self.operands[name]
        if isinstance(value, np.ndarray) and value.dtype.kind in "fbiu":
            value = value.astype(float) if value.dtype.kind in "fb" else value
        return value, self.errors.get(name, 0.0)

    def _binary(self, node: ast.BinOp) -> Pair:
        (a, ea), (b, eb) = self.value(node.left), self.value(node.right)
        match node.op:
            case ast.Add():
                return a + b, ea + eb + np.abs(a + b)
            case ast.Sub():
                return a - b, ea + eb + np.abs(a - b)
            case ast.Mult():
                return a * b, _times(a, eb) + _times(b, ea) + np.abs(a * b)
            case ast.Div():
                quotient = np.divide(a, b)
                eb = np.where(np.isfinite(b), np.minimum(eb, MAX), eb)
                beyond = np.where(np.isinf(b), np.abs(a) / MAX / EPS, 0.0)  # b may be just too large for a float
                return quotient, (ea + _times(quotient, eb)) / np.abs(b) + np.abs(quotient) + beyond
            case ast.FloorDiv():
                return a // b, 0.0
            case ast.Mod():
                return a % b, 0.0
            case ast.Pow():
                a, b = np.asarray(a, float), np.asarray(b, float)
                power = np.power(a, b)
                error = _times(_times(np.power(a, b - 1), np.abs(b)), ea) + _times(_times(np.log(np.abs(a)), power), eb)
                return power, error + 2 * np.abs(power)
        a = a if np.ndim(a) else np.zeros(np.shape(b)[0])
        b = b if np.ndim(b) else np.zeros(np.shape(a)[-1])
        ea, eb = np.broadcast_to(ea, np.shape(a)), np.broadcast_to(eb, np.shape(b))
        size = np.abs(a) @ np.abs(b)
        return a @ b, np.abs(a) @ eb + ea @ np.abs(b) + np.shape(a)[-1] * size

    def _subscript(self, node: ast.Subscript) -> Pair:
        value, error = self.value(node.value)
        value, error = np.asarray(value), np.broadcast_to(error, np.shape(value))
        index = [
            slice(self._bound(i.lower), self._bound(i.upper)) if isinstance(i, ast.Slice) else self.value(i)[0]
            for i in parts(node.slice)
        ]
        if len(index) > value.ndim:
            raise OptionError(f"{ast.unparse(node)!r} has {len(index)} indices, but the array has {value.ndim} axes")
        if len(index) < value.ndim and any(np.ndim(i) for i in index if not isinstance(i, slice)):
            raise OptionError(f"{ast.unparse(node)!r} needs an index for each of the {value.ndim} axes of the array")
        inside: Any = True
        safe: list[Any] = []
        for axis, i in enumerate(index):
            if isinstance(i, slice):
                safe.append(i)
                continue
            whole = np.asarray(np.floor(i), int)
            fine = (np.asarray(i) == whole) & (whole >= 0) & (whole < value.shape[axis])
            inside = inside & fine
            if self.fill:
                self.missing = self.missing | ~fine
            safe.append(np.where(fine, whole, 0) if fine.ndim else int(whole) if fine else 0)
        if 0 in [n for n, i in zip(value.shape, index, strict=False) if not isinstance(i, slice)]:
            shape = np.broadcast_shapes(*[np.shape(i) for i in index if not isinstance(i, slice)])
            return np.full(shape, self.fill), 0.0
        return np.where(inside, value[tuple(safe)], self.fill), np.where(inside, error[tuple(safe)], 0.0)

    def _bound(self, node: ast.expr | None) -> int | None:
        return None if node is None else int(self.value(node)[0])

    def _call(self, node: ast.Call) -> Pair:
        name = call_of(node)
        if name in REDUCTIONS and (len(node.args) == 1 or _axis(node) is not None or self._over(node)):
            return self._reduce(name, node)
        values = [self.value(arg) for arg in node.args]
        if name in ("max", "min"):
            (a, ea), (b, eb) = values
            return (np.maximum if name == "max" else np.minimum)(a, b), np.maximum(ea, eb)
        if name == "where":
            (condition, _), (a, ea), (b, eb) = values
            return np.where(condition, a, b), np.where(condition, ea, eb)
        if name == "rows":
            value = np.asarray(values[0][0])
            shape: Any = (math.prod(value.shape[:-1]), value.shape[-1])
            return value.reshape(shape), np.broadcast_to(values[0][1], value.shape).reshape(shape)
        if name == "reshape":
            value = np.asarray(values[0][0])
            shape = self.shape or value.shape
            return value.reshape(shape), np.broadcast_to(values[0][1], value.shape).reshape(shape)
        if name == "concat":
            axis = self._keyword(node, "axis")
            errors = [np.broadcast_to(error, np.shape(value)) for value, error in values]
            return np.concatenate([value for value, _ in values], axis), np.concatenate(errors, axis)
        function, slope = FUNCTIONS[name]
        x, error = values[0]
        x = np.asarray(x, float)
        y = function(x)
        return y, (_times(slope(x), error) if np.any(error) else 0.0) + 2 * np.abs(y)

    def _over(self, node: ast.AST) -> tuple[str, ...]:
        """Return the indices that a reduction goes over."""
        if not isinstance(node, ast.Call) or call_of(node) not in REDUCTIONS:
            return ()
        return tuple(index for index in indices_summed(node) if index not in self.operands)

    def _keyword(self, node: ast.Call, name: str) -> int:
        return next(int(self.value(word.value)[0]) for word in node.keywords if word.arg == name)

    def _reduce(self, name: str, node: ast.Call) -> Pair:
        indices = self._over(node)
        looping = [i for i in indices if i not in self.index]
        if looping:
            return self._sum_of_matrices(name, node, looping)
        outside, self.fill, self.missing = (self.fill, self.missing), OUTSIDE.get(name, 0.0) if indices else 0.0, False
        value, error = self.value(node.args[0])
        missing, (self.fill, self.missing) = self.missing, outside
        value = np.where(missing, OUTSIDE[name], value) if name in OUTSIDE else np.asarray(value)
        axes: Any = tuple(1 + self.bound.index(i) for i in indices) if indices else _axis(node)
        if indices:  # what does not depend on an index is there as often as the index goes
            full = np.broadcast_shapes(value.shape, *[np.shape(self.index[i]) for i in indices])
            value = np.broadcast_to(value, full)
        error = np.broadcast_to(error, value.shape)
        keep = axes is not None
        count = math.prod(value.shape) if axes is None else math.prod(np.array(value.shape)[list(np.atleast_1d(axes))])
        if name in OUTSIDE and (not count or np.any(np.all(np.broadcast_to(missing, value.shape), axis=axes))):
            raise OptionError(f"{ast.unparse(node)!r} goes over nothing")
        if name == "argmax":
            return self._first_largest(value, axes), 0.0
        if name in ("max", "min"):
            return REDUCE[name](value, axis=axes, keepdims=keep), np.max(error, axis=axes, keepdims=keep)
        total = np.sum(value, axis=axes, keepdims=keep)
        bound = np.sum(error, axis=axes, keepdims=keep) + count * np.sum(np.abs(value), axis=axes, keepdims=keep)
        return (total / max(count, 1), bound / max(count, 1)) if name == "mean" else (total, bound)

    def _first_largest(self, value: Array, axes: tuple[int, ...] | int | None) -> Any:
        """Return the number of the first largest entry, as the axes are counted through."""
        if not isinstance(axes, tuple):
            return np.argmax(value, axis=axes, keepdims=axes is not None)
        rest = [axis for axis in range(value.ndim) if axis not in axes]
        moved = value.transpose(*rest, *axes)
        flat = moved.reshape(*[value.shape[axis] for axis in rest], -1)
        return flat.argmax(axis=-1).reshape([1 if axis in axes else value.shape[axis] for axis in range(value.ndim)])

    def _sum_of_matrices(self, name: str, node: ast.Call, indices: list[str]) -> Pair:
        """Return Σ of matrices over indices, such as ``sum(x[:, t].T @ da[:, t], t)``."""
        statement = Statement("", (), node)
        ranges = self.ranges(statement, None)
        pairs = []
        for place in product(*[range(ranges[i]) for i in indices]):
            self.index.update(zip(indices, place, strict=True))
            pairs.append(self.value(node.args[0]))
        if not pairs:  # nothing to sum: zeros of the shape that one term would have
            self.index.update(dict.fromkeys(indices, 0))
            shape = self.shape_of(node.args[0])
            pairs = [(np.zeros(shape), np.zeros(shape))]
        for i in indices:
            self.index.pop(i, None)
        values = np.array([np.asarray(value, float) for value, _ in pairs])
        errors = np.array([np.broadcast_to(error, np.shape(value)) for value, error in pairs])
        if name in ("max", "min"):
            return REDUCE[name](values, axis=0), np.max(errors, axis=0)
        bound = errors.sum(axis=0) + len(pairs) * np.abs(values).sum(axis=0)
        total = values.sum(axis=0)
        return (total / len(pairs), bound / len(pairs)) if name == "mean" else (total, bound)

    def _entrywise(self, statement: Statement, shape: tuple[int, ...] | None) -> Pair:
        ranges = self.ranges(statement, shape)
        shape = tuple(ranges[_name(index)] for index in statement.indices)
        value, error = self.entries(statement, shape, [*np.ndindex(shape)])
        return value.reshape(shape), error.reshape(shape)

    def _loop(self, group: list[Statement], step: int, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Compute statements for one index after the other, upwards or, if `step` is -1, downwards."""
        axis, name = _loop(group[0])
        steps = next((shapes[s.target][axis] for s in group if s.target in shapes), None)
        if steps is None:
            steps = self.ranges(Statement("", (), ast.Tuple([s.formula for s in group], ast.Load())), None).get(name)
        if steps is None:
            for node in (node for s in group for node in ast.walk(s.formula)):
                if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
                    array, index = self.operands.get(node.value.id), parts(node.slice)
                    if array is not None and len(index) > axis and isinstance(index[axis], ast.Name):
                        steps = np.shape(array)[axis]
                        break
        if steps is None:
            raise OptionError(f"index {name!r} must stand alone in an array somewhere, to know how far it goes")
        for statement in group:
            known = shapes.get(statement.target, ())
            self.operands[statement.target], self.errors[statement.target] = np.zeros(known), np.zeros(known)
        self.index[name] = 0
        for statement in [*group, *group]:  # twice, as an item may be made from one that comes further below
            item = self.shape_of(statement.formula)
            known = shapes.get(statement.target, (*item[:axis], steps, *item[axis:]))
            self.operands[statement.target], self.errors[statement.target] = np.zeros(known), np.zeros(known)
        for now in range(steps)[::step]:
            self.index[name] = now
            place = (slice(None),) * axis + (now,)
            for statement in group:
                value, error = self.value(statement.formula)
                self.operands[statement.target][place], self.errors[statement.target][place] = value, error
        self.index.pop(name)

    # Shapes

    def _arrays(self) -> dict[str, int]:
        return {name: np.ndim(value) for name, value in self.operands.items()}

    def shape_of(self, node: ast.expr) -> tuple[int, ...]:
        """Return the shape of what a formula gives, without computing it."""
        match node:
            case ast.Name():
                return () if node.id in self.index else np.shape(self.operands.get(node.id, 0.0))
            case ast.Attribute():
                return self.shape_of(node.value)[::-1]
            case ast.UnaryOp():
                return self.shape_of(node.operand)
            case ast.BinOp(op=ast.MatMult()):
                left, right = self.shape_of(node.left), self.shape_of(node.right)
                return (*left[:-1], *right[1:]) if len(right) > 1 else left[:-1]
            case ast.BinOp():
                return np.broadcast_shapes(self.shape_of(node.left), self.shape_of(node.right))
            case ast.Compare():
                return np.broadcast_shapes(self.shape_of(node.left), self.shape_of(node.comparators[0]))
            case ast.Subscript():
                empty = np.broadcast_to(0.0, self.shape_of(node.value))
                index = [
                    slice(self._bound(i.lower), self._bound(i.upper)) if isinstance(i, ast.Slice) else 0
                    for i in parts(node.slice)
                ]
                kept = [range(n)[i] for n, i in zip(empty.shape, index, strict=False) if isinstance(i, slice)]
                return (*map(len, kept), *empty.shape[len(index) :])
            case ast.Call():
                return self._shape_of_call(node)
        return ()

    def _shape_of_call(self, node: ast.Call) -> tuple[int, ...]:
        name, shapes = call_of(node), [self.shape_of(arg) for arg in node.args]
        if name in REDUCTIONS and (self._over(node) or len(node.args) == 1 or _axis(node) is not None):
            axis = _axis(node)
            if self._over(node):
                return shapes[0]
            if axis is None:
                return ()
            kept = list(shapes[0])
            kept[axis] = 1
            return tuple(kept)
        if name == "rows":
            return math.prod(shapes[0][:-1]), shapes[0][-1]
        if name == "reshape":
            return self.shape or shapes[0]
        if name == "concat":
            axis = self._keyword(node, "axis")
            whole = list(shapes[0])
            whole[axis] = sum(shape[axis] for shape in shapes)
            return tuple(whole)
        return np.broadcast_shapes(*shapes)

    # Single entries

    def take_apart(
        self, statement: Statement, entry: tuple[int, ...], shape: tuple[int, ...], most: int = 6
    ) -> ast.expr:
        """Return the formula of one entry: every array with whole numbers in brackets, every sum written out.

        Of a sum of more than `most` terms the first ones and the last are written out; between them stands
        ``rest(count, value)``, the sum of the others.
        """
        self.most, self.shape = most, shape
        with np.errstate(all="ignore"):
            if is_index_notation(statement, self._arrays()):
                self.index = {_name(i): k for i, k in zip(statement.indices, entry, strict=True)}
                self.reach = self.ranges(statement, shape)
                where: tuple[int, ...] = ()
            elif statement.loops:
                axis, name = _loop(statement)
                self.index = {name: entry[axis]}
                where = entry[:axis] + entry[axis + 1 :]
            else:
                self.index = {}
                made = self.shape_of(statement.formula)
                flat = int(np.ravel_multi_index(entry, shape)) if entry else 0
                where = entry
                if made != shape and _without_ones(made) == _without_ones(shape):
                    where = tuple(int(i) for i in np.unravel_index(flat, made)) if made else ()
            apart = self._at(statement.formula, where)
        self.index = {}
        return apart

    def _at(self, node: ast.expr, where: tuple[int, ...]) -> ast.expr:
        match node:
            case ast.Constant():
                return node
            case ast.Name():
                if node.id in self.index:
                    return ast.Constant(int(self.index[node.id]))
                return _leaf(node.id, _aligned(where, np.shape(self.operands[node.id])))
            case ast.Attribute():
                return self._at(node.value, _aligned(where, self.shape_of(node))[::-1])
            case ast.UnaryOp():
                return ast.UnaryOp(node.op, self._at(node.operand, where))
            case ast.BinOp(op=ast.MatMult()):
                return self._product(node, where)
            case ast.BinOp():
                return _tidy(ast.BinOp(self._at(node.left, where), node.op, self._at(node.right, where)))
            case ast.Compare():
                made = ast.Compare(self._at(node.left, where), node.ops, [self._at(node.comparators[0], where)])
                floats = {name: axes for name, axes in self._arrays().items() if not _whole(self.operands[name])}
                return made if _reads(made, floats) else ast.Constant(int(self.value(made)[0]))
            case ast.Subscript():
                return self._indexed(node, where)
            case ast.Call():
                return self._called(node, where)
        return node

    def _product(self, node: ast.BinOp, where: tuple[int, ...]) -> ast.expr:
        row, column = self._row_and_column(node, where)

        def values(every: Any) -> Array:
            a = np.array([_number(self, self._at(node.left, (*row, k))) for k in every])
            b = np.array([_number(self, self._at(node.right, (k, *column))) for k in every])
            return np.asarray(a * b)

        every = range(self.shape_of(node.left)[-1])
        return self._written_out(every, lambda k: self._factors(node, where, k), values)

    def _row_and_column(self, node: ast.BinOp, where: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return which row of the left matrix and which column of the right one meet at a place of the product."""
        at = len(self.shape_of(node.left)) - 1
        return where[:at], where[at:] if len(self.shape_of(node.right)) > 1 else ()

    def _factors(self, node: ast.BinOp, where: tuple[int, ...], k: int) -> ast.expr:
        """Return the term of number k of an entry of a matrix product."""
        row, column = self._row_and_column(node, where)
        return _tidy(ast.BinOp(self._at(node.left, (*row, k)), ast.Mult(), self._at(node.right, (k, *column))))

    def _written_out(self, every: Sequence[Any], term: Callable[[Any], ast.expr], values: Any) -> ast.expr:
        """Write a sum out, or its first and last terms and the sum of the rest."""
        if len(every) <= self.most:
            return _added([made for made in map(term, every) if not _is_zero(made)])
        first = 0
        shown: list[ast.expr] = []
        while first < len(every) and len(shown) < self.most - 2:  # what is beyond an array's end is left out
            shown += [made for made in [term(every[first])] if not _is_zero(made)]
            first += 1
        middle = every[first : len(every) - 1]
        if not middle:
            return _added([*shown, *[made for made in map(term, every[first:]) if not _is_zero(made)]])
        rest = ast.Constant(float(np.sum(values(middle))))
        elided = ast.Call(ast.Name("rest", ast.Load()), [ast.Constant(len(middle)), rest], [])
        return _added([*shown, elided, *[made for made in [term(every[-1])] if not _is_zero(made)]])

    def _indexed(self, node: ast.Subscript, where: tuple[int, ...]) -> ast.expr:
        index = parts(node.slice)
        rest = list(where)
        kept = sum(isinstance(i, ast.Slice) for i in index)
        shape = self.shape_of(node.value)
        rest = list(_aligned(tuple(rest), self.shape_of(node)))
        full: list[int] = []
        for axis, i in enumerate(index):
            if isinstance(i, ast.Slice):
                full.append(range(shape[axis])[self._slice(i)][rest.pop(0)])
            else:
                value = self.value(i)[0]
                if value != int(value) or not 0 <= value < shape[axis]:
                    return ast.Constant(0)
                full.append(int(value))
        del kept
        return self._at(node.value, (*full, *rest))

    def _slice(self, node: ast.Slice) -> slice:
        return slice(self._bound(node.lower), self._bound(node.upper))

    def _called(self, node: ast.Call, where: tuple[int, ...]) -> ast.expr:
        name = call_of(node)
        if name in REDUCTIONS and (len(node.args) == 1 or _axis(node) is not None or self._over(node)):
            return self._reduced(name, node, where)
        if name in ("rows", "reshape"):
            inner, outer = self.shape_of(node.args[0]), self.shape_of(node)
            flat = int(np.ravel_multi_index(_aligned(where, outer), outer)) if outer else 0
            return self._at(node.args[0], tuple(int(i) for i in np.unravel_index(flat, inner)) if inner else ())
        if name == "concat":
            axis = self._keyword(node, "axis") % len(where)
            place = where[axis]
            for arg in node.args:
                size = self.shape_of(arg)[axis]
                if place < size:
                    return self._at(arg, (*where[:axis], place, *where[axis + 1 :]))
                place -= size
        if name == "where" and isinstance(chosen := self._at(node.args[0], where), ast.Constant):
            return self._at(node.args[1] if chosen.value else node.args[2], where)
        return ast.Call(node.func, [self._at(arg, where) for arg in node.args], [])

    def _reduced(self, name: str, node: ast.Call, where: tuple[int, ...]) -> ast.expr:
        body, indices = node.args[0], self._over(node)
        shape, axis = self.shape_of(body), _axis(node)
        if indices:
            ranges = self.reach if all(i in getattr(self, "reach", {}) for i in indices) else {}
            if not ranges:
                ranges = self.ranges(Statement("", (), node), None)
            # A sum of matrix products is written as one sum, over the index and over what the product sums.
            matrices = name == "sum" and isinstance(body, ast.BinOp) and isinstance(body.op, ast.MatMult)
            if matrices:
                self.index.update(dict.fromkeys(indices, 0))
                inner = self.shape_of(body.left)[-1]  # type: ignore[attr-defined]
                for i in indices:
                    self.index.pop(i)
                places: Any = [*product(*[range(ranges[i]) for i in indices], range(inner))]
            else:
                places = self._places(name, body, indices, ranges)

            def at(place: tuple[int, ...]) -> ast.expr:
                self.index.update(zip(indices, place, strict=False))
                made = self._factors(body, where, place[-1]) if matrices else self._at(body, where)  # type: ignore[arg-type]
                for i in indices:
                    self.index.pop(i)
                return made
        else:
            axes = range(len(shape)) if axis is None else (axis % len(shape),)
            base = [*_aligned(where, self.shape_of(node))] if axis is not None else [0] * len(shape)
            places = [*product(*[range(shape[a]) for a in axes])]

            def at(place: tuple[int, ...]) -> ast.expr:
                full = list(base)
                for a, k in zip(axes, place, strict=True):
                    full[a] = k
                return self._at(body, tuple(full))

        if name in ("max", "min", "argmax"):
            shown = [at(place) for place in islice(places, self.most)]
            if len(places) > self.most:
                shown.append(ast.Constant(Ellipsis))
            return ast.Call(ast.Name(name, ast.Load()), shown, [])
        count = len(places) if not indices else math.prod(ranges[i] for i in indices)
        total = self._written_out(places, at, lambda some: np.array([_number(self, at(place)) for place in some]))
        return total if name == "sum" else ast.BinOp(total, ast.Div(), ast.Constant(count))

    def _places(self, name: str, body: ast.expr, indices: tuple[str, ...], ranges: Mapping[str, int]) -> Any:
        """Return the places that a sum over indices goes over; of many, those where there is something."""
        sizes = [ranges[i] for i in indices]
        if math.prod(sizes) <= 64 or name != "sum":
            return [*product(*map(range, sizes))]
        kept = dict(self.index)
        for k, i in enumerate(indices):
            self.index[i] = np.arange(sizes[k]).reshape([-1 if a == k else 1 for a in range(len(sizes))])
        self.bound = []
        value = np.broadcast_to(self.value(body)[0], sizes)
        self.index = kept
        return [tuple(map(int, place)) for place in np.argwhere(value != 0)]


_COMPARE: dict[type[ast.cmpop], Any] = {
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
}


def _name(index: ast.expr) -> str:
    if not isinstance(index, ast.Name):
        raise OptionError(f"the target of a formula needs indices that are names, but one is {ast.unparse(index)!r}")
    return index.id


def _loop(statement: Statement) -> tuple[int, str]:
    """Return the axis and the name of the index that a statement is taken for one after the other."""
    return next(((axis, i.id) for axis, i in enumerate(statement.indices) if isinstance(i, ast.Name)), (0, ""))


def _groups(statements: Sequence[Statement]) -> Iterator[tuple[list[Statement], int]]:
    """Yield what is to be computed together, and which way its index goes: 1 up, -1 down, 0 if there is none."""
    group: list[Statement] = []
    way = 0
    for at, statement in enumerate(statements):
        needed = _way(statement, {later.target for later in statements[at:]})
        back = _way(statement, {earlier.target for earlier in group})
        fits = group and statement.loops and _loop(statement) == _loop(group[0])
        if group and not (fits and needed in (0, way or needed) and back in (0, way)):
            yield group, way or 1
            group, way = [], 0
        if statement.loops:
            group.append(statement)
            way = way or needed
        else:
            yield [statement], 0
    if group:
        yield group, way or 1


def _way(statement: Statement, targets: Container[str]) -> int:
    """Return 1 if a statement looks back along its index at one of the targets, as at t - 1, and -1 if ahead."""
    name = _loop(statement)[1] if statement.loops else ""
    for node in ast.walk(statement.formula):
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id in targets:
            for index in parts(node.slice):
                if isinstance(index, ast.BinOp) and ast.unparse(index.left) == name:
                    return 1 if isinstance(index.op, ast.Sub) else -1
    return 0


def _axis(node: ast.Call) -> int | None:
    """Return the axis that a reduction goes over; None if it goes over all or over indices."""
    return next((AXES[a.id] for a in node.args[1:] if isinstance(a, ast.Name) and a.id in AXES), None)


def _without_ones(shape: Iterable[int]) -> list[int]:
    return [n for n in shape if n != 1]


def _aligned(where: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the place in an array of a shape that is broadcast to the place `where`."""
    last = where[len(where) - len(shape) :] if shape else ()
    return tuple(0 if n == 1 else i for i, n in zip(last, shape, strict=True))


def _leaf(name: str, where: tuple[int, ...]) -> ast.expr:
    if not where:
        return ast.Name(name, ast.Load())
    return ast.Subscript(
        ast.Name(name, ast.Load()), ast.Tuple([ast.Constant(i) for i in where], ast.Load()), ast.Load()
    )


def _number(calculator: Calculator, node: ast.expr) -> float:
    return float(np.asarray(calculator.value(node)[0]))


def _reads(node: ast.AST, arrays: Mapping[str, int]) -> bool:
    return any(isinstance(name, ast.Name) and arrays.get(name.id, 0) for name in ast.walk(node))


def _whole(value: Any) -> bool:
    return np.asarray(value).dtype.kind in "iu"


def _is_zero(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == 0 and node.value is not False


def _added(terms: list[ast.expr]) -> ast.expr:
    if not terms:
        return ast.Constant(0)
    return reduce(_plus, terms)


def _plus(left: ast.expr, right: ast.expr) -> ast.expr:
    """Return a + (b + c) as a + b + c."""
    if isinstance(right, ast.BinOp) and isinstance(right.op, ast.Add | ast.Sub):
        return ast.BinOp(_plus(left, right.left), right.op, right.right)
    return ast.BinOp(left, ast.Add(), right)


def _tidy(node: ast.BinOp) -> ast.expr:
    """Leave out what a factor 0 or 1 from indices makes needless."""
    if isinstance(node.op, ast.Mult):
        for one, other in ((node.left, node.right), (node.right, node.left)):
            if isinstance(one, ast.Constant) and type(one.value) is int and one.value in (0, 1):
                return one if one.value == 0 else other
    if isinstance(node.op, ast.Add | ast.Sub) and _is_zero(node.right):
        return node.left
    if isinstance(node.op, ast.Add | ast.Sub) and _is_zero(node.left):
        return node.right if isinstance(node.op, ast.Add) else ast.UnaryOp(ast.USub(), node.right)
    return _plus(node.left, node.right) if isinstance(node.op, ast.Add) else node
