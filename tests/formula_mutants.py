"""Every small mistake in a formula: what is stated, one thing changed in each."""

import ast
import copy
from collections.abc import Callable, Iterator
from typing import Any

OPERATORS: dict[type, list[type]] = {
    ast.Add: [ast.Sub],
    ast.Sub: [ast.Add],
    ast.Mult: [ast.Div],
    ast.Div: [ast.Mult],
    ast.Gt: [ast.LtE],
    ast.GtE: [ast.Lt],
    ast.Lt: [ast.GtE],
    ast.LtE: [ast.Gt],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
}
FUNCTIONS = [("sum", "mean"), ("max", "min"), ("sin", "cos"), ("exp", "log"), ("log1p", "expm1")]


def mutants_of(line: str) -> list[str]:
    """Return an assignment with one thing changed, in each way that another reading of it could have."""
    statement: Any = ast.parse(line).body[0]
    made = [ast.unparse(statement).replace(" = ", way, 1) + ")" for way in (" = -(", " = 2 * (")]
    for path, node in _places(statement.value, ()):
        for change in _changes(node):
            copied = copy.deepcopy(statement)
            _put(copied, ("value", *path), change)
            made.append(ast.unparse(ast.fix_missing_locations(copied)))
    made = [ast.unparse(ast.parse(text)) for text in made]
    return [text for text in dict.fromkeys(made) if text != ast.unparse(statement)]


def _places(node: ast.expr, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], ast.expr]]:
    """Yield every part of a formula with the way to it, but names of functions and ends of slices (may be beyond)."""
    yield path, node
    for field, value in ast.iter_fields(node):
        if field in ("func", "upper"):
            continue
        for number, each in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(each, ast.expr):
                yield from _places(each, (*path, field) if number is None else (*path, field, number))


def _put(node: Any, path: tuple[Any, ...], change: Callable[[ast.expr], ast.expr]) -> None:
    *way, last = path
    for step in way:
        node = node[step] if isinstance(step, int) else getattr(node, step)
    if isinstance(last, int):
        node[last] = change(node[last])
    else:
        setattr(node, last, change(getattr(node, last)))


def _changes(node: ast.expr) -> Iterator[Callable[[Any], ast.expr]]:
    match node:
        case ast.BinOp(op=ast.FloorDiv(), right=ast.Constant(value=1)):
            return  # n // 1 is n
        case ast.BinOp(op=ast.Mult(), right=ast.Call(func=ast.Name(id="sign"))):
            yield lambda n: n.left
            yield lambda n: n.right  # but not the quotient: divided by a sign is multiplied by it
        case ast.BinOp(op=ast.MatMult()):
            yield lambda n: ast.BinOp(ast.Attribute(n.left, "T"), n.op, n.right)
            yield lambda n: ast.BinOp(n.left, n.op, ast.Attribute(n.right, "T"))
            yield lambda n: ast.BinOp(n.right, n.op, n.left)
        case ast.BinOp():
            for other in OPERATORS.get(type(node.op), []):
                yield lambda n, other=other: ast.BinOp(n.left, other(), n.right)
            yield lambda n: n.left  # a term or a factor is missing
            if isinstance(node.op, ast.Add | ast.Sub | ast.Mult):
                yield lambda n: n.right
        case ast.UnaryOp():
            yield lambda n: n.operand
        case ast.Attribute():
            yield lambda n: n.value
        case ast.Compare():
            for other in OPERATORS.get(type(node.ops[0]), []):
                yield lambda n, other=other: ast.Compare(n.left, [other()], n.comparators)
        case ast.Subscript():
            several = isinstance(node.slice, ast.Tuple)
            for number, index in enumerate(node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]):
                if not isinstance(index, ast.Slice):
                    axis = number if several else None
                    yield lambda n, axis=axis: _neighbour(n, axis)
        case ast.Call():
            for pair in FUNCTIONS:
                for one, other in (pair, pair[::-1]):
                    if node.func.id == one:  # type: ignore[attr-defined]
                        yield lambda n, other=other: ast.Call(ast.Name(other), n.args, n.keywords)
            for axis, other in (("rows", "columns"), ("columns", "rows")):
                if any(isinstance(arg, ast.Name) and arg.id == axis for arg in node.args[1:]):
                    yield lambda n, other=other: ast.Call(n.func, [n.args[0], ast.Name(other)], [])
            if node.func.id == "where":  # type: ignore[attr-defined]
                yield lambda n: ast.Call(n.func, [n.args[0], n.args[2], n.args[1]], [])
        case ast.Constant() if node.value not in (0, Ellipsis):
            yield lambda n: ast.Constant(2 * n.value)


def _neighbour(node: Any, axis: int | None) -> ast.expr:
    further = copy.deepcopy(node)
    if axis is None:
        further.slice = ast.BinOp(further.slice, ast.Add(), ast.Constant(1))
    else:
        further.slice.elts[axis] = ast.BinOp(further.slice.elts[axis], ast.Add(), ast.Constant(1))
    return further
