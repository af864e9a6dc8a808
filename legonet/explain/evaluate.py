"""Compute what a formula says, with a bound of its rounding error, and take single entries of it apart."""

import ast
import math
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from functools import reduce
from itertools import product
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
MUCH = 2_000_000
"""Of a formula of more products than that, whose result is known, only some entries are computed."""
FEW = 200
"""So many at most."""

COUNTED = 25
"""Where a number of terms is looked for, as by argmax, so many are written out: they are counted by the reader."""

EPS, MAX = float(np.finfo(float).eps), float(np.finfo(float).max)

_erf = np.vectorize(math.erf, otypes=[float])


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def _times(size: Any, error: Any) -> Any:
    """Return an error that is multiplied by something, of which nothing is left where one of the two is 0."""
    product = np.abs(size) * error
    return np.where(np.equal(size, 0) | np.equal(error, 0), 0.0, product) if np.any(np.isnan(product)) else product


def _roundings(count: int) -> float:
    """Return how many roundings a sum of so many numbers has in effect: of many, most cancel each other."""
    return min(count, 8 + 2 * math.sqrt(count))


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
    kind : type, optional
        The floating-point numbers that it computes with.

    Attributes
    ----------
    operands, errors : dict
        The values, and the bounds of their errors in units of eps.
    skipped : dict
        Where a value is not computed, as that would take too much: a mask.
    wanted : dict
        Places of targets that are computed in any case.
    """

    def __init__(self, operands: Mapping[str, Any], kind: Any = float) -> None:
        self.kind = kind
        self.skipped: dict[str, Array] = {}
        self.wanted: dict[str, list[tuple[int, ...]]] = {}
        self.operands = {name: value for name, value in operands.items() if not isinstance(value, range)}
        self.lengths = {name: len(value) for name, value in operands.items() if isinstance(value, range)}
        self.errors: dict[str, Any] = {}
        self.index: dict[str, Any] = {}
        self.fill = 0.0
        self.missing: Any = False
        self.shape: tuple[int, ...] | None = None

    def wider(self) -> "Calculator":
        """Return another one of what is known so far, that computes with larger numbers, where the machine has them."""
        other = type(self)(self.operands, np.longdouble)
        other.lengths, other.errors, other.wanted = self.lengths, dict(self.errors), self.wanted
        return other

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
            shape = shapes.get(statement.target)
            some = shape is not None and self.cost(statement, shape) > MUCH
            value, error = self._some(statement, shape) if some else self.assigned(statement, shape)
            self._assign(statement.target, value, error)

    def _assign(self, target: str, value: Any, error: Any) -> None:
        self.operands[target], self.errors[target] = value, error

    def cost(self, statement: Statement, shape: tuple[int, ...] | None) -> int:
        """Return how many products a statement in index notation takes, 0 for one that speaks of whole arrays."""
        if not is_index_notation(statement, self._arrays()):
            return 0
        return math.prod(self.ranges(statement, shape).values())

    def _some(self, statement: Statement, shape: Any) -> Pair:
        """Return a few entries of a statement that costs too much, and NaN in the place of all others."""
        each = self.cost(statement, shape) // max(math.prod(shape), 1)
        count = min(max(MUCH // max(each, 1), 1), FEW)
        flat = np.linspace(0, math.prod(shape) - 1, count).astype(int)
        where = [tuple(map(int, np.unravel_index(number, shape))) for number in flat]
        where += self.wanted.get(statement.target, [])
        value, error, skipped = np.full(shape, np.nan, self.kind), np.full(shape, np.nan), np.ones(shape, bool)
        places = tuple(np.transpose(where))
        value[places], error[places] = self.entries(statement, shape, where)
        skipped[places] = False
        self.skipped[statement.target] = skipped
        return value, error

    def assigned(self, statement: Statement, shape: tuple[int, ...] | None = None) -> Pair:
        """Return the value of a statement that needs no loop, and its error; `shape` is the target's, if known."""
        if is_index_notation(statement, self._arrays()):
            return self._entrywise(statement, shape)
        if statement.indices:
            raise OptionError(f"with indices every array needs one for each axis: {brief(str(statement), 80)}")
        self.shape = shape
        value, error = self.value(statement.formula)
        value, error = np.asarray(value, self.kind), np.broadcast_to(error, np.shape(value))
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
        return np.concatenate(values).astype(self.kind), np.concatenate(errors)

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
            raise OptionError(f"{name!r} in a formula is no input, no attribute, no index and not assigned before")
        value = self.operands[name]
        if isinstance(value, np.ndarray) and value.dtype.kind in "fbiu":
            value = value.astype(self.kind) if value.dtype.kind in "fb" else value
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
                a, b = np.asarray(a, self.kind), np.asarray(b, self.kind)
                power = np.power(a, b)
                error = _times(_times(np.power(a, b - 1), np.abs(b)), ea) + _times(_times(np.log(np.abs(a)), power), eb)
                return power, error + 2 * np.abs(power)
        a = a if np.ndim(a) else np.zeros(np.shape(b)[0])
        b = b if np.ndim(b) else np.zeros(np.shape(a)[-1])
        ea, eb = np.broadcast_to(ea, np.shape(a)), np.broadcast_to(eb, np.shape(b))
        size = np.abs(a) @ np.abs(b)
        return a @ b, np.abs(a) @ eb + ea @ np.abs(b) + _roundings(np.shape(a)[-1]) * size

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
        found = np.where(inside, value[tuple(safe)], self.fill)
        return found, 0.0 if exact else np.where(inside, error[tuple(safe)], 0.0)

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
        x = np.asarray(x, self.kind)
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
            lost = np.isneginf(value).any()  # as infinite as what is beyond the end, which is never chosen
            inside = np.broadcast_to(self._is_there(node.args[0]) if lost else True, value.shape)
            chosen = inside & ((value == value.max(axis=axes, keepdims=True)) | np.isnan(value))
            return self._first_largest(chosen, axes), 0.0
        if name in ("max", "min"):
            return REDUCE[name](value, axis=axes, keepdims=keep), np.max(error, axis=axes, keepdims=keep)
        total = np.sum(value, axis=axes, keepdims=keep)
        size = np.sum(np.abs(value), axis=axes, keepdims=keep)
        bound = np.sum(error, axis=axes, keepdims=keep) + _roundings(count) * size
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
        values = np.array([np.asarray(value, self.kind) for value, _ in pairs])
        errors = np.array([np.broadcast_to(error, np.shape(value)) for value, error in pairs])
        if name in ("max", "min"):
            return REDUCE[name](values, axis=0), np.max(errors, axis=0)
        bound = errors.sum(axis=0) + _roundings(len(pairs)) * np.abs(values).sum(axis=0)
        total = values.sum(axis=0)
        return (total / len(pairs), bound / len(pairs)) if name == "mean" else (total, bound)

    def _entrywise(self, statement: Statement, shape: tuple[int, ...] | None) -> Pair:
        ranges = self.ranges(statement, shape)
        shape = tuple(ranges[_name(index)] for index in statement.indices)
        value, error = self.entries(statement, shape, np.argwhere(np.ones(shape, bool)))
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
            self._assign(statement.target, np.zeros(known, self.kind), np.zeros(known))
        self.index[name] = 0
        for statement in [*group, *group]:  # twice, as an item may be made from one that comes further below
            item = self.shape_of(statement.formula)
            known = shapes.get(statement.target, (*item[:axis], steps, *item[axis:]))
            self._assign(statement.target, np.zeros(known, self.kind), np.zeros(known))
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

        Terms that are not there, because an index is outside of its array or a comparison of indices is false, are left
        out. Of a sum of more than `most` others the first ones and the last are written out; between them stands
        ``rest(count, value)``, the sum of those in between.
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
                return operand if _is_zero(operand) else ast.UnaryOp(node.op, operand)
            case ast.BinOp(op=ast.MatMult()):
                return self._product(node, where)
            case ast.BinOp() if self._is_count(node):
                return ast.Constant(int(self.value(node)[0]))
            case ast.BinOp():
                return _tidy(ast.BinOp(self._at(node.left, where), node.op, self._at(node.right, where)))
            case ast.Compare():
                made = ast.Compare(self._at(node.left, where), node.ops, [self._at(node.comparators[0], where)])
                if _reads(made, self._floats()):
                    return made
                true = int(self.value(made)[0])
                return made if true and _reads(made, self._arrays()) else ast.Constant(true)
            case ast.Subscript():
                return self._indexed(node, where)
            case ast.Call():
                return self._called(node, where)
        return node

    def _floats(self) -> dict[str, int]:
        """Return the arrays that are not of whole numbers."""
        return {name: axes for name, axes in self._arrays().items() if not _whole(self.operands[name])}

    def _is_count(self, node: ast.expr) -> bool:
        """Whether a formula makes a whole number of indices, such as ``3 * u + v``."""
        whole = (ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod)
        for inner in ast.walk(node):
            if isinstance(inner, ast.Call) or (isinstance(inner, ast.BinOp) and not isinstance(inner.op, whole)):
                return False
            if isinstance(inner, ast.Constant) and not isinstance(inner.value, int):
                return False
        names = [*names_in(node)]
        return bool(names) and all(name in self.index for name in names)

    def _product(self, node: ast.BinOp, where: tuple[int, ...]) -> ast.expr:
        def term(k: int) -> ast.expr:
            return self._factors(node, where, k)

        values = self._products(node, where)
        return _added(self._some_terms("sum", self._kept("sum", node, values, term), values, term))

    def _products(self, node: ast.BinOp, where: tuple[int, ...]) -> Array:
        """Return the terms of an entry of a matrix product."""
        row, column = self._row_and_column(node, where)
        left: Any = np.broadcast_to(self.value(node.left)[0], self.shape_of(node.left))
        right: Any = np.broadcast_to(self.value(node.right)[0], self.shape_of(node.right))
        products: Array = left[row] * right[(slice(None), *column)]
        return products

    def _row_and_column(self, node: ast.BinOp, where: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return which row of the left matrix and which column of the right one meet at a place of the product."""
        at = len(self.shape_of(node.left)) - 1
        return where[:at], where[at:] if len(self.shape_of(node.right)) > 1 else ()

    def _factors(self, node: ast.BinOp, where: tuple[int, ...], k: int) -> ast.expr:
        """Return the term of number k of an entry of a matrix product."""
        row, column = self._row_and_column(node, where)
        return _tidy(ast.BinOp(self._at(node.left, (*row, k)), ast.Mult(), self._at(node.right, (k, *column))))

    def _kept(self, name: str, body: ast.expr, values: Array, term: Callable[[int], ast.expr]) -> Any:
        """Return the numbers of the terms of a reduction that are there, given the values of all."""
        if name in ("max", "min"):
            return np.flatnonzero(values != OUTSIDE[name])
        there = np.ones(len(values), bool)
        if name != "argmax" and any(isinstance(inner, ast.Subscript) for inner in ast.walk(body)):
            for number in np.flatnonzero(values == 0):
                there[number] = not _is_zero(term(int(number)))
        return np.flatnonzero(there)

    def _some_terms(self, name: str, every: Any, values: Array, term: Callable[[int], ast.expr]) -> list[ast.expr]:
        """Write terms out, by their numbers; of a long sum the first ones and the last, and what the rest comes to."""
        numbers = [int(number) for number in every[: self.most]]
        if len(every) <= (COUNTED if name == "argmax" else self.most):
            return [term(int(number)) for number in every]
        if name in ("max", "min", "argmax"):
            if name != "argmax":  # the one that is taken is among those that are shown
                taken = int(values[every].argmax() if name == "max" else values[every].argmin())
                numbers[-1] = int(every[max(taken, self.most - 1)])
            return [*map(term, numbers), ast.Constant(Ellipsis)]
        middle = every[self.most - 2 : -1]
        counted: list[ast.expr] = [ast.Constant(len(middle)), ast.Constant(float(np.sum(values[middle])))]
        rest = ast.Call(ast.Name("rest", ast.Load()), counted, [])
        return [*map(term, numbers[: self.most - 2]), rest, term(int(every[-1]))]

    def _indexed(self, node: ast.Subscript, where: tuple[int, ...]) -> ast.expr:
        index = parts(node.slice)
        rest = list(where)
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
        outside, self.fill = self.fill, OUTSIDE.get(name, 0.0)
        terms, count = (self._over_indices if self._over(node) else self._over_axes)(name, node, where)
        self.fill = outside
        if name in ("max", "min", "argmax"):
            return ast.Call(ast.Name(name, ast.Load()), terms, [])
        return _added(terms) if name == "sum" else ast.BinOp(_added(terms), ast.Div(), ast.Constant(count))

    def _over_axes(self, name: str, node: ast.Call, where: tuple[int, ...]) -> tuple[list[ast.expr], int]:
        """Return the terms of a reduction over one axis or all, as they are written, and how many there are."""
        body, axis = node.args[0], _axis(node)
        shape = self.shape_of(body)
        place: list[Any] = [*_aligned(where, self.shape_of(node))] if axis is not None else [slice(None)] * len(shape)
        if axis is not None:
            place[axis] = slice(None)
        free = [a for a, at in enumerate(place) if isinstance(at, slice)]
        sizes = [shape[a] for a in free]

        def term(number: int) -> ast.expr:
            for a, at in zip(free, np.unravel_index(number, sizes) if sizes else (), strict=True):
                place[a] = int(at)
            return self._at(body, tuple(place))

        values = np.ravel(np.broadcast_to(self.value(body)[0], shape)[tuple(place)])
        return self._some_terms(name, self._kept(name, body, values, term), values, term), len(values)

    def _over_indices(self, name: str, node: ast.Call, where: tuple[int, ...]) -> tuple[list[ast.expr], int]:
        """Return the terms of a reduction over indices, as they are written, and how many there are."""
        body, indices = node.args[0], self._over(node)
        ranges = self.reach if self.reach.keys() >= set(indices) else self.ranges(Statement("", (), node), None)
        sizes = [ranges[i] for i in indices]
        if is_index_notation(Statement("", (), node), self._arrays()):
            values, there = self._grid(body, indices, sizes)
            every = np.flatnonzero(values != self.fill if name in ("max", "min") else there | (name == "argmax"))
            return self._some_terms(name, every, values, self._numbered(body, indices, sizes, where)), len(values)
        # A sum of matrix products is written as one sum, over the index and over what the product sums.
        matrices = name == "sum" and isinstance(body, ast.BinOp) and isinstance(body.op, ast.MatMult)
        found = [np.zeros(0)]
        for place in np.ndindex(*sizes):
            self.index.update(zip(indices, place, strict=True))
            if matrices:
                found.append(self._products(body, where))  # type: ignore[arg-type]
            else:
                value = np.asarray(self.value(body)[0], float)
                found.append(np.atleast_1d(value[_aligned(where, value.shape)]))
        for i in indices:
            self.index.pop(i, None)
        values = np.concatenate(found)
        if matrices:
            sizes = [*sizes, len(found[-1])]
        term = self._numbered(body, indices, sizes, where)
        return self._some_terms(name, self._kept(name, body, values, term), values, term), len(values)

    def _numbered(
        self, body: ast.expr, indices: tuple[str, ...], sizes: list[int], where: tuple[int, ...]
    ) -> Callable[[int], ast.expr]:
        """Return the function that writes a term of a reduction over indices, by its number."""

        def term(number: int) -> ast.expr:
            place = [int(at) for at in np.unravel_index(number, sizes)]
            self.index.update(zip(indices, place, strict=False))
            product = len(place) > len(indices)
            made = self._factors(body, where, place[-1]) if product else self._at(body, where)  # type: ignore[arg-type]
            for i in indices:
                self.index.pop(i)
            return made

        return term

    def _grid(self, body: ast.expr, indices: tuple[str, ...], sizes: list[int]) -> tuple[Array, Any]:
        """Return the values of all terms of a reduction over indices, and which of the terms are there."""
        kept, self.bound = dict(self.index), []
        values, there = [np.zeros(0)], [np.zeros(0, bool)]
        step = max(1, CHUNK // max(1, math.prod(sizes[1:])))
        for start in range(0, sizes[0], step):
            some = [min(step, sizes[0] - start), *sizes[1:]]
            for k, i in enumerate(indices):
                along = np.arange(some[k]) + (0 if k else start)
                self.index[i] = along.reshape([-1 if a == k else 1 for a in range(len(sizes))])
            values.append(np.ravel(np.broadcast_to(self.value(body)[0], some)))
            there.append(np.ravel(np.broadcast_to(self._is_there(body), some)))
        self.index = kept
        return np.concatenate(values), np.concatenate(there)

    def _is_there(self, node: ast.expr) -> Any:
        """Return where a formula is more than a 0 that comes from indices alone, as `_at` has it for one place."""
        match node:
            case ast.Constant():
                return np.asarray(node.value != 0)
            case ast.UnaryOp():
                return self._is_there(node.operand)
            case ast.BinOp() | ast.Name() if self._is_count(node):
                return np.asarray(self.value(node)[0]) != 0
            case ast.BinOp(op=ast.Mult()):
                return self._is_there(node.left) & self._is_there(node.right)
            case ast.BinOp(op=ast.Add() | ast.Sub()):
                return self._is_there(node.left) | self._is_there(node.right)
            case ast.BinOp(op=ast.Div()) if _is_divisor(node.right):
                return self._is_there(node.left)
            case ast.Compare() if not _reads(node, self._floats()):
                return np.asarray(self.value(node)[0]) != 0
            case ast.Subscript():
                inside: Any = np.True_
                for i, size in zip(parts(node.slice), self.shape_of(node.value), strict=False):
                    at = np.asarray(self.value(i)[0])
                    inside = inside & (at == np.floor(at)) & (at >= 0) & (at < size)
                return inside
        return np.True_


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
    index: list[ast.expr] = [ast.Constant(i) for i in where]
    inside = index[0] if len(index) == 1 else ast.Tuple(index, ast.Load())
    return ast.Subscript(ast.Name(name, ast.Load()), inside, ast.Load())


def _reads(node: ast.AST, arrays: Mapping[str, int]) -> bool:
    return any(isinstance(name, ast.Name) and arrays.get(name.id, 0) for name in ast.walk(node))


def _whole(value: Any) -> bool:
    return np.asarray(value).dtype.kind in "iu"


def _is_zero(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == 0 and node.value is not False


def _is_divisor(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and bool(node.value)


def _added(terms: list[ast.expr]) -> ast.expr:
    there = [term for term in terms if not _is_zero(term)]
    return reduce(_plus, there) if there else ast.Constant(0)


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
    if isinstance(node.op, ast.Div) and _is_zero(node.left) and _is_divisor(node.right):
        return node.left
    return _plus(node.left, node.right) if isinstance(node.op, ast.Add) else node
