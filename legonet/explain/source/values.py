"""What an expression of a source stands for, and how its parts are put together."""

import ast
from dataclasses import dataclass
from typing import Any

import numpy as np

from legonet.explain.language import call_of


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


def name_of(name: str) -> ast.Name:
    """Return a name."""
    return ast.Name(name, ast.Load())


def called(name: str, *args: ast.expr) -> ast.Call:
    """Return the call of a function."""
    return ast.Call(name_of(name), [*args], [])


def copied(node: ast.expr) -> ast.expr:
    """Return the same expression, to be changed."""
    return ast.parse(ast.unparse(node), mode="eval").body


def holds(values: Any, wanted: Value) -> bool:
    """Whether the array of a value is among others."""
    if isinstance(values, Value):
        return is_view(values.node, wanted.node)
    parts = values.values() if isinstance(values, dict) else values if isinstance(values, list | tuple) else ()
    return any(holds(part, wanted) for part in parts)


def is_view(node: ast.expr, of: ast.expr) -> bool:
    """Whether an expression is an array itself, or its numbers laid out in another way."""
    while isinstance(node, ast.Attribute | ast.Call):
        if isinstance(node, ast.Call) and call_of(node) not in ("rows", "reshape"):
            return False
        node = node.value if isinstance(node, ast.Attribute) else node.args[0]
    return ast.dump(node) == ast.dump(of)
