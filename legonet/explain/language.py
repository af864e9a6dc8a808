"""Read the formulas of a brick: Python's notation for assignments, of which a small part is allowed."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from legonet.arrays import brief
from legonet.errors import OptionError

REDUCTIONS = ("sum", "mean", "max", "min", "argmax")
"""Functions that take an array, and the axes or indices they go over."""
AXES = {"rows": 0, "columns": -1}
"""What a reduction calls an axis."""
ELEMENTWISE = (
    *("exp", "log", "log1p", "expm1", "sqrt", "abs", "sign", "tanh", "sin", "cos", "sigmoid", "softplus", "erf"),
    "where",
)
"""Functions of each entry."""
WHOLE = ("rows", "reshape", "concat")
"""Functions that lay entries out in another way."""

DEPTH = 250
"""How many calls, signs and operators may stand inside of each other."""

_ALLOWED = (
    *(ast.Name, ast.Constant, ast.BinOp, ast.UnaryOp, ast.Compare, ast.Call, ast.Subscript, ast.Tuple, ast.Slice),
    *(ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.MatMult, ast.USub),
    *(ast.Gt, ast.GtE, ast.Lt, ast.LtE, ast.Eq, ast.NotEq, ast.Load, ast.Attribute, ast.keyword),
)


@dataclass(frozen=True)
class Statement:
    """One assignment.

    Attributes
    ----------
    target : str
        What is assigned to.
    indices : tuple of ast.expr
        Its indices, none for the whole of it.
    formula : ast.expr
        What is assigned.
    """

    target: str
    indices: tuple[ast.expr, ...]
    formula: ast.expr

    @property
    def loops(self) -> bool:
        """Whether it is taken for one index after the other, as ``h[:, t]`` is."""
        return any(isinstance(index, ast.Slice) for index in self.indices)

    def __str__(self) -> str:
        inside = f"[{', '.join(map(ast.unparse, self.indices))}]" if self.indices else ""
        return f"{self.target}{inside} = {ast.unparse(self.formula)}"


def read(text: str) -> Statement:
    """Read one assignment, or say what is wrong with it; nothing is evaluated."""
    if not isinstance(text, str):
        raise OptionError(f"a formula must be a text such as 'y = x @ W', but it is {brief(text)}")
    return _read(text)


@lru_cache(maxsize=4096)
def _read(text: str) -> Statement:
    try:
        (line,) = ast.parse(text.strip()).body
    except (RecursionError, MemoryError):
        raise OptionError(f"a formula is nested too deeply: {brief(text)}") from None
    except (SyntaxError, ValueError):
        raise OptionError(f"a formula must be one assignment such as 'y = x @ W', but it is {brief(text)}") from None
    if not isinstance(line, ast.Assign) or len(line.targets) != 1:
        raise OptionError(f"a formula must be one assignment such as 'y = x @ W', but it is {brief(text)}")
    (target,) = line.targets
    indices: tuple[ast.expr, ...] = ()
    if isinstance(target, ast.Subscript):
        indices = parts(target.slice)
        target = target.value
    if not isinstance(target, ast.Name):
        raise OptionError(f"a formula assigns to a name such as y or y[n, k], but here is {brief(text)}")
    for index in indices:
        if not isinstance(index, ast.Name) and ast.unparse(index) not in (":", "..."):
            raise OptionError(f"a formula assigns to y[n, k], to y[:, t] or to y[...], but here is {brief(text)}")
    named = [index.id for index in indices if isinstance(index, ast.Name)]
    if len(set(named)) < len(named):
        raise OptionError(f"a formula assigns along each index once, but here is {brief(text)}")
    every = [*_nodes(line.value, text)]
    inside = [part for node in every if isinstance(node, ast.Subscript) for part in (node.slice, *parts(node.slice))]
    inside += [arg for node in every if isinstance(node, ast.Call) for arg in node.args[1:] if _is_dots(arg)]
    for node in every:
        _check(node, text)
        if (isinstance(node, ast.Tuple | ast.Slice) or _is_dots(node)) and node not in inside:
            raise _refusal(node, text)
    return Statement(target.id, indices, line.value)


def _nodes(formula: ast.expr, text: str) -> Iterator[ast.AST]:
    """Yield all that a formula is made of, unless it is nested too deeply to be computed."""
    level: list[ast.AST] = [formula]
    for _ in range(DEPTH):
        yield from level
        level = [below for node in level for below in ast.iter_child_nodes(node)]
    if level:
        raise OptionError(f"a formula is nested too deeply: {brief(text)}")


def _check(node: ast.AST, text: str) -> None:
    fine = isinstance(node, _ALLOWED)
    if isinstance(node, ast.Attribute):
        fine = node.attr == "T"
    if isinstance(node, ast.Constant):
        fine = type(node.value) in (int, float) or node.value is Ellipsis
    if isinstance(node, ast.UnaryOp | ast.BinOp):
        fine = isinstance(node.op, _ALLOWED)
    if isinstance(node, ast.Compare):
        fine = len(node.ops) == 1 and isinstance(node.ops[0], _ALLOWED)
    if isinstance(node, ast.Call):
        fine = _may_be_called(node)
    if isinstance(node, ast.Slice):
        fine = node.step is None
    if not fine:
        raise _refusal(node, text)


def _refusal(node: ast.AST, text: str) -> OptionError:
    shown = ast.unparse(node) if isinstance(node, ast.expr | ast.keyword) else type(node).__name__
    return OptionError(f"a formula cannot have {brief(shown)}: see Formulas for what it can have; in {brief(text, 80)}")


def _is_dots(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is Ellipsis


def _may_be_called(node: ast.Call) -> bool:
    """Whether a function is known and is given as many arguments as it takes."""
    name, count, keywords = call_of(node), len(node.args), [word.arg for word in node.keywords]
    if name == "concat":
        return count > 0 and keywords == ["axis"]
    if name in REDUCTIONS:
        over = [arg.id if isinstance(arg, ast.Name) else "..." if _is_dots(arg) else "" for arg in node.args[1:]]
        axis = any(index in AXES for index in over)
        both = name in ("max", "min") and count == 2  # of two arrays, entry by entry
        return count > 0 and not keywords and (both or all(over)) and (count == 2 or not axis)
    return name in (*ELEMENTWISE, *WHOLE) and count == (3 if name == "where" else 1) and not keywords


def parts(index: ast.expr) -> tuple[ast.expr, ...]:
    """Return what stands between brackets, one for each axis."""
    return tuple(index.elts) if isinstance(index, ast.Tuple) else (index,)


def names_in(node: ast.AST) -> Iterator[str]:
    """Yield the names of arrays, numbers and indices in a formula, each once, as they come."""
    seen = set()
    functions = {id(call.func) for call in ast.walk(node) if isinstance(call, ast.Call)}
    for name in ast.walk(node):
        if isinstance(name, ast.Name) and id(name) not in functions and name.id not in seen:
            seen.add(name.id)
            yield name.id


def call_of(node: ast.AST) -> str:
    """Return the name of the function that a node calls, else nothing."""
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""


def is_index_notation(statement: Statement, arrays: Mapping[str, Any]) -> bool:
    """Whether every array in a statement has an index for each axis, so that it speaks of single entries."""
    whole = {id(node.value) for node in ast.walk(statement.formula) if isinstance(node, ast.Subscript)}
    for node in ast.walk(statement.formula):
        if isinstance(node, ast.Subscript) and any(isinstance(index, ast.Slice) for index in parts(node.slice)):
            return False
        if isinstance(node, ast.Name) and arrays.get(node.id, 0) and id(node) not in whole:
            return False  # an array without indices
    return bool(statement.indices or whole) and not statement.loops


def indices_summed(node: ast.Call) -> tuple[str, ...]:
    """Return the indices that a reduction goes over; none if it goes over axes."""
    return tuple(a.id for a in node.args[1:] if isinstance(a, ast.Name) and a.id not in AXES)


class _Simplifier(ast.NodeTransformer):
    """Put numbers in the place of names, let what is None drop out, and leave out ``1 *`` and ``+ 0``."""

    def __init__(self, known: Mapping[str, Any]) -> None:
        self.known = known

    def visit_Name(self, node: ast.Name) -> Any:
        if node.id in self.known:
            return ast.Constant(self.known[node.id])
        return node

    def visit_Attribute(self, node: ast.Attribute) -> Any:
        node = self.generic_visit(node)  # type: ignore[assignment]
        return node.value if isinstance(node.value, ast.Constant) else node

    def visit_Subscript(self, node: ast.Subscript) -> Any:
        node = self.generic_visit(node)  # type: ignore[assignment]
        return node.value if isinstance(node.value, ast.Constant) else node

    def visit_Call(self, node: ast.Call) -> Any:
        node = self.generic_visit(node)  # type: ignore[assignment]
        return node.args[1] if call_of(node) == "where" and _is_none(node.args[0]) else node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Any:
        node = self.generic_visit(node)  # type: ignore[assignment]
        return node.operand if _is_none(node.operand) else node

    def visit_BinOp(self, node: ast.BinOp) -> Any:
        node = self.generic_visit(node)  # type: ignore[assignment]
        left, right, op = node.left, node.right, node.op
        for one, other in ((left, right), (right, left)):
            if _is_none(one):
                return ast.UnaryOp(ast.USub(), other) if isinstance(op, ast.Sub) and one is left else other
        if (isinstance(op, ast.Mult) and _is(left, 1)) or (isinstance(op, ast.Add) and _is(left, 0)):
            return right
        needless = _is(right, 0) if isinstance(op, ast.Add | ast.Sub) else _is(right, 1)
        if needless and not isinstance(op, ast.MatMult | ast.FloorDiv | ast.Mod):
            return left
        return node


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _is(node: ast.expr, number: int) -> bool:
    return isinstance(node, ast.Constant) and node.value == number


def simplified(node: ast.expr, known: Mapping[str, Any]) -> ast.expr:
    """Return a formula with some names replaced by numbers, or left out if they are None."""
    copied = ast.parse(ast.unparse(node), mode="eval").body
    made: ast.expr = _Simplifier(known).visit(copied)
    return made


class _Plain(ast.NodeTransformer):
    """Leave ``rows(x)`` out where x is a matrix already."""

    def __init__(self, axes: Mapping[str, int]) -> None:
        self.axes = axes

    def visit_Call(self, node: ast.Call) -> Any:
        node = self.generic_visit(node)  # type: ignore[assignment]
        matrix = call_of(node) == "rows" and isinstance(node.args[0], ast.Name) and self.axes.get(node.args[0].id) == 2
        return node.args[0] if matrix else node


def without_rows(node: ast.expr, axes: Mapping[str, int]) -> ast.expr:
    """Return a formula in which ``rows(x)`` is x where x is a matrix; the formula is changed."""
    made: ast.expr = _Plain(axes).visit(node)
    return made


class _Spread(ast.NodeTransformer):
    """Write the axes out that ``...`` stands for."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names

    def visit_Tuple(self, node: ast.Tuple) -> Any:
        return ast.Tuple(list(self._spread(node.elts)), ast.Load())

    def visit_Call(self, node: ast.Call) -> Any:
        return ast.Call(node.func, list(self._spread([self.visit(arg) for arg in node.args])), node.keywords)

    def visit_Subscript(self, node: ast.Subscript) -> Any:
        index = [self.visit(each) for each in self._spread(parts(node.slice))]
        return ast.Subscript(node.value, index[0] if len(index) == 1 else ast.Tuple(index, ast.Load()), ast.Load())

    def _spread(self, elements: Any) -> Iterator[ast.expr]:
        for element in elements:
            if isinstance(element, ast.Constant) and element.value is Ellipsis:
                yield from (ast.Name(name, ast.Load()) for name in self.names)
            else:
                yield element


def spread(statement: Statement, axes: Mapping[str, int]) -> Statement:
    """Return a statement without ``...``, given how many axes each array has."""
    brackets = [(statement.target, statement.indices)]
    brackets += [
        (node.value.id, parts(node.slice))
        for node in ast.walk(statement.formula)
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name)
    ]
    for name, index in brackets:
        dots = [i for i in index if isinstance(i, ast.Constant) and i.value is Ellipsis]
        if dots and name in axes:
            missing = axes[name] - len(index) + 1
            break
    else:
        return statement
    used = {*names_in(statement.formula), statement.target}
    letters = [letter for letter in ("n", "t", "i", "j", "k", "l", "m", "p", "q", "r", "s") if letter not in used]
    spreader = _Spread(tuple(letters[: max(missing, 0)]))
    formula = spreader.visit(ast.parse(ast.unparse(statement.formula), mode="eval").body)
    return Statement(statement.target, tuple(spreader._spread(statement.indices)), formula)
