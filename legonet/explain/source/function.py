"""The source of a function, and what its names stand for."""

import ast
import builtins
import inspect
import textwrap
from collections.abc import Callable, Mapping
from types import FunctionType, ModuleType
from typing import Any

from legonet.arrays import quiet


class UnreadableError(Exception):
    """Source has what formulas cannot say."""


class Function:
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
