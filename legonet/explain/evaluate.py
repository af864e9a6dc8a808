"""Compute what a formula says, with a bound of its rounding error, and take single entries of it apart."""

import ast
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from typing import Any, TypeAlias

import numpy as np

from legonet.arrays import Array
from legonet.errors import OptionError

from .language import (
    AXES,
    REDUCTIONS,
    Statement,
    bounds_in,
    call_of,
    indices_summed,
    is_index_notation,
    names_in,
    parts,
)

Pair: TypeAlias = tuple[Any, Any]
"""A value, and the bound of its error in units of eps."""

CHUNK = 1_000_000
"""How many products of an index notation are computed at a time."""

_erf = np.vectorize(math.erf, otypes=[float])

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
    "sigmoid": (lambda x: 0.5 + 0.5 * np.tanh(0.5 * x), lambda x: 0.25 * np.ones_like(x)),
    "softplus": (lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))), np.ones_like),
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
        Arrays and numbers by their names. Statements add to it.
    """

    def __init__(self, operands: Mapping[str, Any]) -> None:
        self.operands: dict[str, Any] = dict(operands)
        self.errors: dict[str, Any] = {}
        self.index: dict[str, Any] = {}
        self.fill = 0.0
        self.shape: tuple[int, ...] | None = None

    # Values

    def run(self, statements: Sequence[Statement], shapes: Mapping[str, tuple[int, ...]] = {}) -> None:
        """Compute statements in turn; those for one index after the other, as ``h[:, t]``, together."""
        at = 0
        with np.errstate(all="ignore"):
            while at < len(statements):
                group = [statements[at]]
                while (
                    group[0].loops
                    and at + len(group) < len(statements)
                    and statements[at + len(group)].loops
                    and _loop(statements[at + len(group)]) == _loop(group[0])
                ):
                    group.append(statements[at + len(group)])
                at += len(group)
                if group[0].loops:
                    self._loop(group, shapes)
                else:
                    (statement,) = group
                    value, error = self.assigned(statement, shapes.get(statement.target))
                    self.operands[statement.target], self.errors[statement.target] = value, error

    def assigned(self, statement: Statement, shape: tuple[int, ...] | None = None) -> Pair:
        """Return the value of a statement that needs no loop, and its error; `shape` is the target's, if known."""
        if is_index_notation(statement, self._arrays()):
            return self._entrywise(statement, shape)
        self.shape = shape
        value, error = self.value(statement.formula)
        value, error = np.asarray(value, float), np.broadcast_to(error, np.shape(value))
        if shape is not None and value.shape != shape and _without_ones(value.shape) == _without_ones(shape):
            value, error = value.reshape(shape), error.reshape(shape)
        return value, error

    def entries(self, statement: Statement, shape: tuple[int, ...], where: Any) -> Pair:
        """Return some entries of a statement in index notation, and their errors; `where` has a row for each."""
        ranges = self.ranges(statement, shape)
        free = [_name(index) for index in statement.indices]
        bound = [name for name in ranges if name not in free]
        sizes = [ranges[name] for name in bound]
        points = np.asarray(where, dtype=int).reshape(len(where), len(free))
        at_once = max(1, CHUNK // max(1, math.prod(sizes)))
        values, errors = [], []
        for start in range(0, len(points), at_once):
            some = points[start : start + at_once]
            axes = (len(some), *[1] * len(bound))
            self.index = {name: some[:, k].reshape(axes) for k, name in enumerate(free)}
            for k, name in enumerate(bound):
                self.index[name] = np.arange(sizes[k]).reshape([-1 if k + 1 == a else 1 for a in range(len(axes))])
            self.bound = bound
            with np.errstate(all="ignore"):
                value, error = self.value(statement.formula)
            self.index = {}
            values.append(np.broadcast_to(value, axes).reshape(len(some)))
            errors.append(np.broadcast_to(error, axes).reshape(len(some)))
        if not values:
            return np.zeros(0), np.zeros(0)
        return np.concatenate(values).astype(float), np.concatenate(errors)

    def ranges(self, statement: Statement, shape: tuple[int, ...] | None) -> dict[str, int]:
        """Return how far each index goes: along the target, else along an axis where it stands alone."""
        found: dict[str, int] = {}
        free = [_name(index) for index in statement.indices if isinstance(index, ast.Name)]
        if shape is not None:
            found = dict(zip([_name(index) for index in statement.indices], shape, strict=True))
        found |= bounds_in(statement.formula)
        wanted = {name for node in ast.walk(statement.formula) if call_of(node) for name in _summed(node)} | set(free)
        for node in ast.walk(statement.formula):
            if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
                array = self.operands.get(node.value.id)
                if array is None:
                    continue
                for axis, index in enumerate(parts(node.slice)):
                    if isinstance(index, ast.Name) and index.id in wanted and axis < np.ndim(array):
                        found.setdefault(index.id, np.shape(array)[axis])
        missing = wanted - found.keys()
        if missing:
            told = f"index {sorted(missing)[0]!r} must stand alone in an array somewhere, to know how far it goes"
            raise OptionError(f"{told}: {statement}")
        return found

    def value(self, node: ast.expr) -> Pair:
        """Return the value of a formula, and the bound of its error."""
        match node:
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
                return a * b, np.abs(a) * eb + np.abs(b) * ea + np.abs(a * b)
            case ast.Div():
                quotient = np.divide(a, b)
                return quotient, (ea + np.abs(quotient) * eb) / np.abs(b) + np.abs(quotient)
            case ast.FloorDiv():
                return a // b, 0.0
            case ast.Mod():
                return a % b, 0.0
            case ast.Pow():
                power = np.power(np.asarray(a, float), b)
                return power, np.abs(b * np.power(np.asarray(a, float), b - 1)) * ea + 2 * np.abs(power)
        a = a if np.ndim(a) else np.zeros(np.shape(b)[0])
        b = b if np.ndim(b) else np.zeros(np.shape(a)[-1])
        ea, eb = np.broadcast_to(ea, np.shape(a)), np.broadcast_to(eb, np.shape(b))
        size = np.abs(a) @ np.abs(b)
        return a @ b, np.abs(a) @ eb + ea @ np.abs(b) + np.shape(a)[-1] * size

    def _subscript(self, node: ast.Subscript) -> Pair:
        value, error = self.value(node.value)
        if not np.ndim(value):  # nothing of it is there yet
            return 0.0, 0.0
        value = np.asarray(value)
        exact = not np.ndim(error) and not error
        error = np.broadcast_to(error, np.shape(value))
        index = [
            slice(self._bound(i.lower), self._bound(i.upper)) if isinstance(i, ast.Slice) else self.value(i)[0]
            for i in parts(node.slice)
        ]
        if len(index) > value.ndim:
            raise OptionError(f"{ast.unparse(node)!r} has {len(index)} indices, but the array has {value.ndim} axes")
        inside: Any = True
        safe: list[Any] = []
        for axis, i in enumerate(index):
            if isinstance(i, slice):
                safe.append(i)
                continue
            whole = np.asarray(np.floor(i), int)
            fine = (np.asarray(i) == whole) & (whole >= 0) & (whole < value.shape[axis])
            inside = inside & fine
            safe.append(np.where(fine, whole, 0) if fine.ndim else int(whole) if fine else 0)
        if 0 in [n for n, i in zip(value.shape, index, strict=False) if not isinstance(i, slice)]:
            shape = np.broadcast_shapes(*[np.shape(i) for i in index if not isinstance(i, slice)])
            return np.full(shape, self.fill), 0.0
        found = np.where(inside, value[tuple(safe)], self.fill)
        return found, 0.0 if exact else np.where(inside, error[tuple(safe)], 0.0)

    def _bound(self, node: ast.expr | None) -> int | None:
        return None if node is None else int(self.value(node)[0])

    def _call(self, node: ast.Call) -> Pair:
        name = call_of(node)
        if name in REDUCTIONS and (len(node.args) == 1 or _axis(node) is not None or indices_summed(node)):
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
        some = np.any(error)
        return y, (np.where(np.equal(error, 0), 0.0, slope(x) * error) if some else 0.0) + 2 * np.abs(y)

    def _keyword(self, node: ast.Call, name: str) -> int:
        return next(int(self.value(word.value)[0]) for word in node.keywords if word.arg == name)

    def _reduce(self, name: str, node: ast.Call) -> Pair:
        indices = indices_summed(node)
        looping = [i for i in indices if i not in self.index]
        if looping:
            return self._sum_of_matrices(name, node, looping)
        outside, self.fill = self.fill, OUTSIDE.get(name, 0.0)
        value, error = self.value(node.args[0])
        self.fill = outside
        value = np.asarray(value)
        axes: Any = tuple(1 + self.bound.index(i) for i in indices) if indices else _axis(node)
        if indices:  # what does not depend on an index is there as often as the index goes
            full = np.broadcast_shapes(value.shape, *[np.shape(self.index[i]) for i in indices])
            value = np.broadcast_to(value, full)
        error = np.broadcast_to(error, value.shape)
        keep = axes is not None
        count = math.prod(value.shape) if axes is None else math.prod(np.array(value.shape)[list(np.atleast_1d(axes))])
        if name == "argmax":
            return self._first_largest(value, axes), 0.0
        if name in ("max", "min"):
            if not count:
                raise OptionError(f"{ast.unparse(node)!r} goes over nothing")
            return REDUCE[name](value, axis=axes, keepdims=keep), np.max(error, axis=axes, keepdims=keep)
        total = np.sum(value, axis=axes, keepdims=keep)
        bound = np.sum(error, axis=axes, keepdims=keep) + count * np.sum(np.abs(value), axis=axes, keepdims=keep)
        return (total / max(count, 1), bound / max(count, 1)) if name == "mean" else (total, bound)

    def _first_largest(self, value: Array, axes: tuple[int, ...]) -> Any:
        """Return the number of the first largest entry, as the axes are counted through."""
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
        value, error = self.entries(statement, shape, np.argwhere(np.ones(shape, bool)))
        return value.reshape(shape), error.reshape(shape)

    def _loop(self, group: list[Statement], shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Compute statements for one index after the other."""
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
        descending = any(
            isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and ast.unparse(node.left) == name
            for s in group
            for sub in ast.walk(s.formula)
            if isinstance(sub, ast.Subscript)
            for node in parts(sub.slice)
        )
        for statement in group:  # before the first step it is not known how large an item is
            known = shapes.get(statement.target)
            self.operands[statement.target] = 0.0 if known is None else np.zeros(known)
            self.errors[statement.target] = 0.0
        for step in reversed(range(steps)) if descending else range(steps):
            self.index[name] = step
            for statement in group:
                value, error = self.value(statement.formula)
                if not np.ndim(self.operands[statement.target]):
                    shape = list(np.shape(value))
                    shape.insert(axis, steps)
                    self.operands[statement.target] = np.zeros(shape)
                array = self.operands[statement.target]
                if not np.ndim(self.errors[statement.target]):
                    self.errors[statement.target] = np.zeros(array.shape)
                array[(slice(None),) * axis + (step,)] = value
                self.errors[statement.target][(slice(None),) * axis + (step,)] = error
        self.index.pop(name, None)

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
        if name in REDUCTIONS and (indices_summed(node) or len(node.args) == 1 or _axis(node) is not None):
            axis = _axis(node)
            if indices_summed(node):
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

        Terms that are not there, because an index is outside of its array or a comparison of indices is false, are left
        out. Of a sum of more than `most` others the first ones and the last are written out; between them stands
        ``rest(count, value)``, the sum of those in between. So it is with ``max`` and ``min``.
        """
        self.most, self.shape, self.reach = max(most, 2), shape, {}
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
                operand = self._at(node.operand, where)
                return operand if _is(operand, 0) else ast.UnaryOp(node.op, operand)
            case ast.BinOp(op=ast.MatMult()):
                return self._product(node, where)
            case ast.BinOp() if self._is_count(node):
                return ast.Constant(int(self.value(node)[0]))
            case ast.BinOp():
                return _tidy(ast.BinOp(self._at(node.left, where), node.op, self._at(node.right, where)))
            case ast.Compare():
                sides = self._at(node.left, where), self._at(node.comparators[0], where)
                constant = [isinstance(side, ast.Constant) for side in sides]
                outside = any(_is(side, -np.inf, np.inf) for side in sides)
                if all(constant) or outside or not _reads(node, self._arrays()):
                    return ast.Constant(int(self.value(node)[0]))
                return ast.Compare(sides[0], node.ops, [sides[1]])
            case ast.Subscript():
                return self._indexed(node, where)
            case ast.Call():
                return self._called(node, where)
        return node

    def _product(self, node: ast.BinOp, where: tuple[int, ...]) -> ast.expr:
        left, right = self.shape_of(node.left), self.shape_of(node.right)
        row = where[: len(left) - 1]
        column = where[len(left) - 1 :] if len(right) > 1 else ()

        def term(k: int) -> ast.expr:
            pair = self._at(node.left, (*row, k)), self._at(node.right, (k, *column))
            return _tidy(ast.BinOp(pair[0], ast.Mult(), pair[1]))

        every: Sequence[int] = range(left[-1])
        if any(isinstance(inner, ast.Subscript) for inner in ast.walk(node)):
            every = [k for k in every if not _is(term(k), 0)]

        def values(some: Any) -> Array:
            a, b = self.value(node.left)[0], self.value(node.right)[0]
            a, b = np.broadcast_to(a, left), np.broadcast_to(b, right)
            return np.array([a[(*row, k)] * b[(k, *column)] for k in some])

        return _added(self._written_out(every, term, lambda some: np.sum(values(some))))

    def _written_out(self, every: Sequence[Any], term: Callable[[Any], ast.expr], total: Any) -> list[ast.expr]:
        """Write terms out; of many the first ones and the last, and what the rest comes to."""
        if len(every) <= self.most:
            return [*map(term, every)]
        middle = every[self.most - 2 : len(every) - 1]
        rest: list[ast.expr] = [ast.Constant(len(middle)), ast.Constant(float(total(middle)))]
        elided = ast.Call(ast.Name("rest", ast.Load()), rest, [])
        return [*map(term, every[: self.most - 2]), elided, term(every[-1])]

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
                    return ast.Constant(self.fill if self.fill else 0)
                full.append(int(value))
        del kept
        return self._at(node.value, (*full, *rest))

    def _slice(self, node: ast.Slice) -> slice:
        return slice(self._bound(node.lower), self._bound(node.upper))

    def _called(self, node: ast.Call, where: tuple[int, ...]) -> ast.expr:
        name = call_of(node)
        if name in REDUCTIONS and (len(node.args) == 1 or _axis(node) is not None or indices_summed(node)):
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
        outside, self.fill = self.fill, OUTSIDE.get(name, 0.0)
        indices = indices_summed(node)
        terms, count = (self._over_indices if indices else self._over_axes)(name, node, where)
        self.fill = outside
        if name in ("max", "min", "argmax"):
            return ast.Call(ast.Name(name, ast.Load()), terms, [])
        return _added(terms) if name == "sum" else ast.BinOp(_added(terms), ast.Div(), ast.Constant(count))

    def _over_axes(self, name: str, node: ast.Call, where: tuple[int, ...]) -> tuple[list[ast.expr], int]:
        """Return the terms of a reduction over all axes or one, and how many it has."""
        body, axis = node.args[0], _axis(node)
        shape = self.shape_of(body)
        axes = range(len(shape)) if axis is None else (axis % len(shape),)
        base = [*_aligned(where, self.shape_of(node))] if axis is not None else [0] * len(shape)
        sizes = [shape[a] for a in axes]

        def full(flat: Any) -> list[Any]:
            found: list[Any] = list(base)
            for a, k in zip(axes, np.unravel_index(flat, sizes) if sizes else (), strict=True):
                found[a] = k
            return found

        def term(flat: int) -> ast.expr:
            return self._at(body, tuple(map(int, full(flat))))

        def total(some: Any) -> Any:
            value = np.broadcast_to(self.value(body)[0], shape)
            return REDUCE[name](value[tuple(full(np.asarray(some)))])

        every: Sequence[int] = range(math.prod(sizes))
        if any(isinstance(inner, ast.Subscript) for inner in ast.walk(body)):
            every = [flat for flat in every if not self._is_left_out(name, term(flat))]
        return self._all_or_some(name, every, term, total), math.prod(sizes)

    def _over_indices(self, name: str, node: ast.Call, where: tuple[int, ...]) -> tuple[list[ast.expr], int]:
        """Return the terms of a reduction over indices, and how many it has."""
        body, indices = node.args[0], indices_summed(node)
        ranges = self.reach if self.reach.keys() >= set(indices) else self.ranges(Statement("", (), node), None)
        sizes = [ranges[i] for i in indices]

        def term(flat: int) -> ast.expr:
            self.index.update(zip(indices, map(int, np.unravel_index(flat, sizes)), strict=True))
            made = self._at(body, where)
            for i in indices:
                self.index.pop(i)
            return made

        if is_index_notation(Statement("", (), node), self._arrays()):
            every, values = self._there(name, body, indices, sizes)

            def total(some: Any) -> Any:
                return REDUCE[name](values[np.searchsorted(every, some)])
        else:  # terms with axes of their own, such as Σ of x[:, t].T @ da[:, t]
            every = [flat for flat in range(math.prod(sizes)) if not self._is_left_out(name, term(flat))]

            def total(some: Any) -> Any:
                return REDUCE[name]([_number(self, term(flat)) for flat in some])

        return self._all_or_some(name, every, term, total), math.prod(sizes)

    def _is_left_out(self, name: str, term: ast.expr) -> bool:
        return name != "argmax" and _is(term, OUTSIDE.get(name, 0))

    def _all_or_some(self, name: str, every: Any, term: Callable[[Any], ast.expr], total: Any) -> list[ast.expr]:
        if name != "argmax" or len(every) <= self.most:
            return self._written_out(every, term, total)
        return [*map(term, every[: self.most]), ast.Constant(Ellipsis)]

    def _there(self, name: str, body: ast.expr, indices: tuple[str, ...], sizes: list[int]) -> tuple[Any, Array]:
        """Return which terms of a reduction over indices are there, as they are counted through, and their values."""
        kept, self.bound = dict(self.index), []
        inner = math.prod(sizes[1:])
        places, values = [np.zeros(0, int)], [np.zeros(0)]
        step = max(1, CHUNK // max(1, inner))
        for start in range(0, sizes[0], step):
            some = [min(step, sizes[0] - start), *sizes[1:]]
            for k, i in enumerate(indices):
                along = np.arange(some[k]) + (0 if k else start)
                self.index[i] = along.reshape([-1 if a == k else 1 for a in range(len(sizes))])
            value = np.broadcast_to(self.value(body)[0], some)
            there: Any = np.ones(some, bool)
            if name in ("max", "min"):
                there = value != self.fill
            elif name != "argmax":
                there = np.broadcast_to(self._is_there(body), some)
            places.append(np.flatnonzero(there) + start * inner)
            values.append(value[there])
        self.index = kept
        return np.concatenate(places), np.concatenate(values)

    def _is_there(self, node: ast.expr) -> Any:
        """Return where a formula is more than a 0 that comes from indices alone, as `_at` has it for one place."""
        match node:
            case ast.Constant():
                return np.asarray(node.value != 0)
            case ast.BinOp() | ast.Name() if self._is_count(node):
                return np.asarray(self.value(node)[0]) != 0
            case ast.UnaryOp():
                return self._is_there(node.operand)
            case ast.BinOp(op=ast.Div()) if _is_number(node.right):
                return self._is_there(node.left)
            case ast.Subscript(value=ast.Name()):
                shape, inside = self.shape_of(node.value), True
                for i, size in zip(parts(node.slice), shape, strict=False):
                    at = np.asarray(self.value(i)[0])
                    inside = inside & (at == np.floor(at)) & (at >= 0) & (at < size)
                return inside
            case ast.BinOp(op=ast.Mult()):
                return self._is_there(node.left) & self._is_there(node.right)
            case ast.BinOp(op=ast.Add() | ast.Sub()):
                return self._is_there(node.left) | self._is_there(node.right)
            case ast.Compare() if not _reads(node, self._arrays()):
                return np.asarray(self.value(node)[0]) != 0
        return np.True_

    def _is_count(self, node: ast.expr) -> bool:
        """Whether a formula makes a whole number of indices, such as ``3 * u + v``."""
        whole = (ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod)
        if any(isinstance(inner, ast.BinOp) and not isinstance(inner.op, whole) for inner in ast.walk(node)):
            return False
        names = [*names_in(node)]
        return bool(names) and all(name in self.index for name in names)

    # Cost

    def cost(self, statement: Statement, shape: tuple[int, ...]) -> int:
        """Return how many products it takes to compute a statement, more or less.

        Parameters
        ----------
        statement : Statement
            Whose operands are there.
        shape : tuple of int
            Of what it is assigned to.
        """
        if is_index_notation(statement, self._arrays()):
            return math.prod(self.ranges(statement, shape).values())
        steps = 1
        if statement.loops:
            axis, name = _loop(statement)
            steps, self.index = shape[axis], {name: 0}
        self.shape = shape
        products = steps * self._cost(statement.formula)
        self.index = {}
        return products

    def _cost(self, node: ast.expr) -> int:
        looping = [i for i in _summed(node) if i not in self.index]
        if isinstance(node, ast.Call) and looping:
            ranges = self.ranges(Statement("", (), node), None)
            self.index |= dict.fromkeys(looping, 0)
            once = self._cost(node.args[0])
            for i in looping:
                self.index.pop(i)
            return once * math.prod(ranges[i] for i in looping)
        inner = sum(self._cost(child) for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr))
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
            return inner + math.prod(self.shape_of(node)) * (self.shape_of(node.left) or (1,))[-1]
        if isinstance(node, ast.BinOp | ast.Compare | ast.Call):
            return inner + math.prod(self.shape_of(node))
        return inner


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


def _summed(node: ast.AST) -> tuple[str, ...]:
    return indices_summed(node) if isinstance(node, ast.Call) and call_of(node) in REDUCTIONS else ()


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


def _is(node: ast.expr, *numbers: float) -> bool:
    """Whether a node is one of some constants."""
    return isinstance(node, ast.Constant) and node.value in numbers and node.value is not False


def _is_number(node: ast.expr) -> bool:
    """Whether a node is a constant that one can divide by."""
    return isinstance(node, ast.Constant) and bool(node.value)


def _added(terms: list[ast.expr]) -> ast.expr:
    there = [term for term in terms if not _is(term, 0)]
    if not there:
        return ast.Constant(0)
    total = there[0]
    for term in there[1:]:
        total = ast.BinOp(total, ast.Add(), term)
    return total


def _tidy(node: ast.BinOp) -> ast.expr:
    """Leave out what a factor 0 or 1 from indices makes needless."""
    if isinstance(node.op, ast.Mult):
        for one, other in ((node.left, node.right), (node.right, node.left)):
            if isinstance(one, ast.Constant) and type(one.value) is int and one.value in (0, 1):
                return one if one.value == 0 else other
    if isinstance(node.op, ast.Add | ast.Sub) and _is(node.right, 0):
        return node.left
    if isinstance(node.op, ast.Div) and _is(node.left, 0) and _is_number(node.right):
        return node.left
    if isinstance(node.op, ast.Add) and _is(node.left, 0):
        return node.right
    return node
