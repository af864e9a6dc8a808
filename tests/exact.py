"""What formulas say, in forty digits: plain loops over entries, by nothing of what `legonet.explain` computes with."""

import ast
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, TypeAlias

import mpmath
import numpy as np

MP = mpmath.mp.clone()
MP.dps = 40
ZERO, ONE, NAN = MP.mpf(0), MP.mpf(1), MP.nan

Number: TypeAlias = Any
Place: TypeAlias = tuple[int, ...]


class UnclearError(Exception):
    """A formula does not say what to compute."""


class OutsideError(Exception):
    """An index is beyond the end of an array, in a maximum, which leaves that out."""


@dataclass
class Entries:
    """An array of any number of axes, also none: a number for each place."""

    shape: Place
    at: dict[Place, Number]

    @staticmethod
    def of(value: Any) -> "Entries":
        array = np.asarray(value)
        return Entries(array.shape, {place: number(array[place].item()) for place in np.ndindex(array.shape)})

    @staticmethod
    def zeros(shape: Place) -> "Entries":
        return Entries(shape, dict.fromkeys(places(shape), ZERO))

    def reshaped(self, shape: Place) -> "Entries":
        if math.prod(shape) != math.prod(self.shape):
            raise UnclearError(f"{self.shape} as {shape}")
        return Entries(shape, dict(zip(places(shape), (self.at[place] for place in places(self.shape)), strict=True)))

    def seen_from(self, place: Place) -> Number:
        """Return the entry that is broadcast to a place of a larger array."""
        last = place[len(place) - len(self.shape) :]
        return self.at[tuple(0 if size == 1 else i for i, size in zip(last, self.shape, strict=True))]

    @property
    def alone(self) -> Number:
        if self.shape:
            raise UnclearError(f"a number is needed, not an array of shape {self.shape}")
        return self.at[()]


def number(value: Any) -> Number:
    return MP.mpf(int(value) if isinstance(value, bool) else value)


def single(value: Number) -> Entries:
    return Entries((), {(): value})


def places(shape: Iterable[int]) -> Iterator[Place]:
    """Yield every place of an array, the last index fastest."""
    return product(*[range(size) for size in shape])


def broadcast(*shapes: Place) -> Place:
    axes = max(map(len, shapes), default=0)
    result = []
    for sizes in zip(*[(1,) * (axes - len(shape)) + shape for shape in shapes], strict=True):
        others = {size for size in sizes if size != 1}
        if len(others) > 1:
            raise UnclearError(f"shapes {shapes} do not fit")
        result.append(others.pop() if others else 1)
    return tuple(result)


def each(function: Callable[..., Number], *values: Entries) -> Entries:
    """Apply a function to every entry; what is undefined for an entry is NaN there."""

    def safe(*numbers: Number) -> Number:
        try:
            result = function(*numbers)
        except (ZeroDivisionError, ValueError):
            return NAN
        return NAN if isinstance(result, MP.mpc) else result

    shape = broadcast(*[value.shape for value in values])
    return Entries(shape, {place: safe(*[value.seen_from(place) for value in values]) for place in places(shape)})


def power(base: Number, exponent: Number) -> Number:
    return base ** int(exponent) if exponent == MP.floor(exponent) else base**exponent


def larger(a: Number, b: Number) -> Number:
    return NAN if MP.isnan(a) or MP.isnan(b) else max(a, b)


def smaller(a: Number, b: Number) -> Number:
    return -larger(-a, -b)


OPERATORS: dict[type[ast.operator], Callable[[Number, Number], Number]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.FloorDiv: lambda a, b: MP.floor(a / b),
    ast.Mod: lambda a, b: a - b * MP.floor(a / b),
    ast.Pow: power,
}
COMPARISONS: dict[type[ast.cmpop], Callable[[Number, Number], bool]] = {
    ast.Gt: lambda a, b: a > b,
    ast.GtE: lambda a, b: a >= b,
    ast.Lt: lambda a, b: a < b,
    ast.LtE: lambda a, b: a <= b,
    ast.Eq: lambda a, b: a == b,
    ast.NotEq: lambda a, b: a != b,
}
FUNCTIONS: dict[str, Callable[..., Number]] = {
    "exp": MP.exp,
    "log": MP.log,
    "log1p": lambda x: NAN if x < -1 else MP.log1p(x),
    "expm1": MP.expm1,
    "sqrt": MP.sqrt,
    "abs": abs,
    "sign": lambda x: number((x > 0) - (x < 0)),
    "tanh": MP.tanh,
    "sin": MP.sin,
    "cos": MP.cos,
    "sigmoid": lambda x: 1 / (1 + MP.exp(-x)),
    "softplus": lambda x: MP.log1p(MP.exp(x)),
    "erf": MP.erf,
    "where": lambda condition, a, b: a if condition != 0 else b,
    "max": larger,
    "min": smaller,
}
REDUCTIONS = ("sum", "mean", "max", "min", "argmax")


def total(numbers: Sequence[Number]) -> Number:
    result = ZERO
    for one in numbers:
        result += one
    return result


def reduced(name: str, numbers: Sequence[Number]) -> Number:
    if name == "sum":
        return total(numbers)
    if name == "mean":  # as Calculator has it: of nothing it is 0
        return total(numbers) / max(len(numbers), 1)
    if not numbers:
        raise UnclearError(f"{name} of nothing")
    if name == "argmax":
        return number(max(range(len(numbers)), key=lambda k: (numbers[k], -k)))
    best = numbers[0]
    for one in numbers[1:]:
        best = FUNCTIONS[name](best, one)
    return best


def brackets(index: ast.expr) -> list[ast.expr]:
    return list(index.elts) if isinstance(index, ast.Tuple) else [index]


class Exact:
    """Computes formulas from their operands.

    ``known`` has each of them, and the targets of what has been computed; ``shapes`` those of the targets that are
    known from elsewhere.
    """

    def __init__(self, operands: Mapping[str, Any], shapes: Mapping[str, Place] = {}) -> None:
        self.known = {name: Entries.of(value) for name, value in operands.items() if not isinstance(value, range)}
        self.lengths = {name: len(value) for name, value in operands.items() if isinstance(value, range)}
        self.shapes = shapes
        self.index: dict[str, int] = {}
        self.growing: dict[str, tuple[int, dict[int, Entries]]] = {}
        self.leaves_out = False
        self.target = ""
        self.formulas: list[ast.expr] = []

    def run(self, formulas: Iterable[str]) -> None:
        lines = [ast.parse(text).body[0] for text in formulas]
        while lines:
            line: Any = lines.pop(0)
            (target,) = line.targets
            self.formulas = [line.value]
            if isinstance(target, ast.Name):
                self.target = target.id
                self.known[target.id] = self.fitted(target.id, self.value(line.value))
            elif not any(isinstance(index, ast.Slice) for index in brackets(target.slice)):
                self.known[target.value.id] = self.by_index(target, line.value)
            else:
                group = [line]
                while lines and counter(lines[0]) == counter(line):
                    group.append(lines.pop(0))
                self.loop(group)

    def fitted(self, target: str, value: Entries) -> Entries:
        """Return a value in the shape of what it is assigned to, which may have other axes of size 1."""
        shape = self.shapes.get(target, value.shape)
        if [size for size in shape if size != 1] == [size for size in value.shape if size != 1]:
            return value.reshaped(shape)
        if value.shape == () and value.alone == 0:  # a sum of nothing
            return Entries.zeros(shape)
        return value

    def by_index(self, target: ast.Subscript, formula: ast.expr) -> Entries:
        names = [index.id for index in brackets(target.slice) if isinstance(index, ast.Name)]
        name = target.value.id if isinstance(target.value, ast.Name) else ""
        sizes = self.shapes.get(name) or tuple(self.reach(index, [formula]) for index in names)
        result = Entries(sizes, {})
        for place in places(sizes):
            self.index = dict(zip(names, place, strict=True))
            result.at[place] = self.value(formula).alone
        self.index = {}
        return result

    def reach(self, index: str, formulas: Iterable[ast.expr]) -> int:
        """Return how far an index goes: as far as the axis along which it stands alone."""
        for formula in formulas:
            for node in ast.walk(formula):
                if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id in self.known:
                    shape = self.known[node.value.id].shape
                    for axis, each_index in enumerate(brackets(node.slice)):
                        if isinstance(each_index, ast.Name) and each_index.id == index:
                            return shape[axis]
        if index in self.lengths:
            return self.lengths[index]
        raise UnclearError(f"how far does {index} go?")

    def loop(self, group: list[Any]) -> None:
        """Compute ``h[:, t] = ...`` for one t after the other; what is not there yet is 0."""
        axis, index = counter(group[0])
        targets = [line.targets[0].value.id for line in group]
        known = [self.shapes[target] for target in targets if target in self.shapes]
        steps = known[0][axis] if known else self.reach(index, [line.value for line in group])
        self.growing = {target: (axis, {}) for target in targets}
        back = any(speaks_of_the_next(line.value, index) for line in group)
        every = range(steps - 1, -1, -1) if back else range(steps)
        for step in every or [0, 0]:  # of no steps, one that looks at nothing but zeros tells the shapes
            self.index = {index: step}
            for target, line in zip(targets, group, strict=True):
                self.formulas = [line.value]
                self.growing[target][1][step] = self.value(line.value)
        self.index = {}
        for target in targets:
            items = self.growing[target][1]
            one = broadcast(*[item.shape for item in items.values()])
            shape = (*one[:axis], steps, *one[axis:])
            stacked = {
                place: items[place[axis]].seen_from((*place[:axis], *place[axis + 1 :])) for place in places(shape)
            }
            self.known[target] = Entries(shape, stacked)
        self.growing = {}

    def value(self, node: ast.expr) -> Entries:
        match node:
            case ast.Constant():
                return single(number(repr(node.value)))  # the digits that are written
            case ast.Name():
                return single(number(self.index[node.id])) if node.id in self.index else self.operand(node.id)
            case ast.Attribute():
                value = self.value(node.value)
                return Entries(value.shape[::-1], {place[::-1]: one for place, one in value.at.items()})
            case ast.UnaryOp():
                return each(lambda x: -x, self.value(node.operand))
            case ast.BinOp(op=ast.MatMult()):
                return matrix_product(self.value(node.left), self.value(node.right))
            case ast.BinOp():
                return each(OPERATORS[type(node.op)], self.value(node.left), self.value(node.right))
            case ast.Compare():
                compare = COMPARISONS[type(node.ops[0])]
                return each(lambda a, b: number(compare(a, b)), self.value(node.left), self.value(node.comparators[0]))
            case ast.Subscript():
                return self.indexed(node)
            case ast.Call(func=ast.Name()):
                return self.called(node.func.id, node)
        raise UnclearError(ast.unparse(node))

    def operand(self, name: str) -> Entries:
        if name not in self.known:
            raise UnclearError(f"what is {name}?")
        return self.known[name]

    def indexed(self, node: ast.Subscript) -> Entries:
        index = brackets(node.slice)
        if isinstance(node.value, ast.Name) and node.value.id in self.growing:
            return self.item(node.value.id, index)
        value = self.value(node.value)
        if len(index) > len(value.shape):
            raise UnclearError(f"{ast.unparse(node)}: {len(value.shape)} axes")
        return self.picked(value, index)

    def picked(self, value: Entries, index: list[ast.expr]) -> Entries:
        """Return what stands in an array at some indices, zeros if they are beyond its end."""
        kept = [list(range(size)) for size in value.shape]  # along each axis
        alone = [axis for axis, one in enumerate(index) if not isinstance(one, ast.Slice)]
        for axis, one in enumerate(index):
            if isinstance(one, ast.Slice):
                start, stop = [None if end is None else int(self.value(end).alone) for end in (one.lower, one.upper)]
                kept[axis] = kept[axis][start:stop]
            else:
                wanted = self.value(one).alone
                kept[axis] = [k for k in kept[axis] if k == wanted]
        shape = tuple(len(some) for axis, some in enumerate(kept) if axis not in alone)
        if not all(kept[axis] for axis in alone):
            if self.leaves_out:
                raise OutsideError
            return Entries.zeros(shape)
        return Entries(shape, dict(zip(places(shape), (value.at[place] for place in product(*kept)), strict=True)))

    def item(self, name: str, index: list[ast.expr]) -> Entries:
        """Return ``h[:, t - 1]`` of an h that is being computed."""
        axis, items = self.growing[name]
        if isinstance(index[axis], ast.Slice):
            raise UnclearError(f"{name} is only there in part")
        shape = self.shapes.get(name)
        nothing = single(ZERO) if shape is None else Entries.zeros((*shape[:axis], *shape[axis + 1 :]))
        item = items.get(int(self.value(index[axis]).alone), nothing)
        return self.picked(item, [*index[:axis], *index[axis + 1 :]]) if item.shape else item

    def called(self, name: str, node: ast.Call) -> Entries:
        over = [arg.id for arg in node.args[1:] if isinstance(arg, ast.Name)]
        reduces = len(over) == len(node.args) - 1 and not set(over) & self.known.keys()
        if name in REDUCTIONS and reduces:
            along_axis = not over or over[0] in ("rows", "columns")
            return self.over_axis(name, node, over) if along_axis else self.over_indices(name, node, over)
        values = [self.value(arg) for arg in node.args]
        if name == "rows":
            shape = values[0].shape
            return values[0].reshaped((math.prod(shape[:-1]), shape[-1]))
        if name == "reshape":
            return values[0].reshaped(self.shapes.get(self.target, values[0].shape))
        if name == "concat":
            return concatenated(values, int(self.value(node.keywords[0].value).alone))
        return each(FUNCTIONS[name], *values)

    def over_axis(self, name: str, node: ast.Call, over: list[str]) -> Entries:
        value = self.value(node.args[0])
        if not over:
            return single(reduced(name, [value.at[place] for place in places(value.shape)]))
        axis = 0 if over == ["rows"] else len(value.shape) - 1
        shape = tuple(1 if k == axis else size for k, size in enumerate(value.shape))
        made = {}
        for place in places(shape):
            along = [(*place[:axis], k, *place[axis + 1 :]) for k in range(value.shape[axis])]
            made[place] = reduced(name, [value.at[one] for one in along])
        return Entries(shape, made)

    def over_indices(self, name: str, node: ast.Call, over: list[str]) -> Entries:
        terms: list[Entries | None] = []
        kept, leaving = dict(self.index), self.leaves_out
        self.leaves_out = name in ("max", "min", "argmax")
        for place in places([self.reach(index, [node.args[0], *self.formulas]) for index in over]):
            self.index = kept | dict(zip(over, place, strict=True))
            try:
                terms.append(self.value(node.args[0]))
            except OutsideError:
                terms.append(None)
        self.index, self.leaves_out = kept, leaving
        there = [(k, term) for k, term in enumerate(terms) if term is not None]
        if not there and name in ("sum", "mean"):
            return single(ZERO)
        shape = broadcast(*[term.shape for _, term in there])
        made = {}
        for place in places(shape):
            made[place] = reduced(name, [term.seen_from(place) for _, term in there])
            if name == "argmax":  # the number counts what is left out as well
                made[place] = number(there[int(made[place])][0])
        return Entries(shape, made)


def counter(line: Any) -> tuple[int, str] | None:
    """Return the axis and the index of ``h[:, t] = ...``, None of anything else."""
    target = line.targets[0]
    index = brackets(target.slice) if isinstance(target, ast.Subscript) else []
    if not any(isinstance(one, ast.Slice) for one in index):
        return None
    ((axis, name),) = [(axis, one.id) for axis, one in enumerate(index) if isinstance(one, ast.Name)]
    return axis, name


def speaks_of_the_next(formula: ast.expr, index: str) -> bool:
    inside = [one for node in ast.walk(formula) if isinstance(node, ast.Subscript) for one in brackets(node.slice)]
    return any(ast.unparse(one).startswith(f"{index} + ") for one in inside)


def matrix_product(a: Entries, b: Entries) -> Entries:
    """Return rows times columns, of every matrix if there are several; a number stands for zeros."""
    if not a.shape or not b.shape:
        if (a if not a.shape else b).alone != 0:
            raise UnclearError("a matrix product of a number")
        return single(ZERO)
    left = a if len(a.shape) > 1 else a.reshaped((1, *a.shape))
    right = b if len(b.shape) > 1 else b.reshaped((*b.shape, 1))
    (rows, inner), (same, columns) = left.shape[-2:], right.shape[-2:]
    if inner != same:
        raise UnclearError(f"{a.shape} @ {b.shape}")
    stack = broadcast(left.shape[:-2], right.shape[:-2])
    made = {}
    for place in places((*stack, rows, columns)):
        above, i, j = place[:-2], place[-2], place[-1]
        made[place] = total([left.seen_from((*above, i, k)) * right.seen_from((*above, k, j)) for k in range(inner)])
    shape = (*stack, *[rows] * (len(a.shape) > 1), *[columns] * (len(b.shape) > 1))
    return Entries((*stack, rows, columns), made).reshaped(shape)


def concatenated(values: list[Entries], axis: int) -> Entries:
    axis %= len(values[0].shape)
    made: dict[Place, Number] = {}
    start = 0
    for value in values:
        if any(a != b for k, (a, b) in enumerate(zip(value.shape, values[0].shape, strict=True)) if k != axis):
            raise UnclearError("parts that do not fit")
        for place, one in value.at.items():
            made[(*place[:axis], start + place[axis], *place[axis + 1 :])] = one
        start += value.shape[axis]
    shape = values[0].shape
    return Entries((*shape[:axis], start, *shape[axis + 1 :]), made)
