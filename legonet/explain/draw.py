"""Draw formulas in any style."""

import ast
from collections.abc import Callable, Mapping

from .language import AXES, REDUCTIONS, call_of, parts
from .styles.style import Style
from .trace import Term

COMPARE, SUM, PRODUCT, SIGN, POWER, ATOM = range(6)
"""How tightly parts hold together, from loose to tight."""

COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Gt: ">",
    ast.GtE: "≥",
    ast.Lt: "<",
    ast.LtE: "≤",
    ast.Eq: "=",
    ast.NotEq: "≠",
}


Leaf = Callable[[str, tuple[int, ...] | None], str | None]
"""Writes a name, or its entry at whole numbers; None if it is to be written as a symbol."""


class Drawing:
    """Draws formulas in a style.

    Parameters
    ----------
    style : Style
        How.
    names : mapping
        The terms that names stand for.
    leaf : callable, optional
        Writes something else for a name, or for an entry of it, such as its number.
    """

    def __init__(self, style: Style, names: Mapping[str, Term], leaf: Leaf | None = None) -> None:
        self.style, self.names, self.leaf = style, names, leaf

    def draw(self, node: ast.expr) -> str:
        """Draw a formula."""
        return self._draw(node)[0]

    def _tight(self, node: ast.expr, at_least: int) -> str:
        drawn, how = self._draw(node)
        return drawn if how >= at_least else self.style.inside("()", drawn)

    def _draw(self, node: ast.expr) -> tuple[str, int]:
        style = self.style
        match node:
            case ast.Constant(value=value):
                if value is Ellipsis:
                    return style.name("…"), ATOM
                return style.number(value), ATOM if isinstance(value, int | float) and value >= 0 else SIGN
            case ast.Name():
                return self._name(node.id, None)
            case ast.Attribute():
                return style.transposed(self._tight(node.value, ATOM)), POWER
            case ast.UnaryOp():
                drawn, how = self._draw(node.operand)
                loose = how < PRODUCT or how == SIGN  # no two signs side by side
                return style.negative(style.inside("()", drawn) if loose else drawn), SIGN
            case ast.Compare():
                sides = self._tight(node.left, SUM), self._tight(node.comparators[0], SUM)
                drawn = style.joined(COMPARISONS[type(node.ops[0])], *sides)
                return style.inside("[]", drawn), ATOM
            case ast.Subscript():
                return self._subscript(node)
            case ast.Slice():
                ends = [self.draw(end) if end else "" for end in (node.lower, node.upper)]
                return style.name(":").join(ends), ATOM
            case ast.Call():
                return self._call(node)
            case ast.BinOp():
                return self._binary(node)
        return style.name(ast.unparse(node)), ATOM

    def _name(self, name: str, index: tuple[int, ...] | None) -> tuple[str, int]:
        written = self.leaf(name, index) if self.leaf else None
        if written is not None:
            return written, SIGN if written.startswith(("-", "−", "<mo>−")) else ATOM
        drawn = self.style.symbol(self.names[name].symbol) if name in self.names else self.style.name(name)
        if index is not None:
            drawn = self.style.entry(drawn, [str(i) for i in index])
        is_quotient = name in self.names and self.names[name].symbol.kind in ("gradient", "local")
        return drawn, PRODUCT if is_quotient and index is None and self.style.fraction("a", "b") is None else ATOM

    def _subscript(self, node: ast.Subscript) -> tuple[str, int]:
        index = parts(node.slice)
        if isinstance(node.value, ast.Name):
            numbers = [i.value for i in index if isinstance(i, ast.Constant) and type(i.value) is int]
            if len(numbers) == len(index):
                return self._name(node.value.id, tuple(numbers))
        return self.style.entry(self._tight(node.value, ATOM), [self.draw(i) for i in index]), ATOM

    def _binary(self, node: ast.BinOp) -> tuple[str, int]:
        style, left, right = self.style, node.left, node.right
        match node.op:
            case ast.Add():
                return style.joined("+", self._tight(left, SUM), self._tight(right, PRODUCT)), SUM
            case ast.Sub():
                return style.joined("-", self._tight(left, SUM), self._tight(right, PRODUCT)), SUM
            case ast.MatMult():
                return style.joined("@", self._tight(left, PRODUCT), self._tight(right, SIGN + 1)), PRODUCT
            case ast.Mult():
                sign = "." if self._is_number(left) or self._is_number(right) else "*"
                return style.joined(sign, self._tight(left, PRODUCT), self._tight(right, SIGN + 1)), PRODUCT
            case ast.Div():
                fraction = style.fraction(self.draw(left), self.draw(right))
                if fraction is not None:
                    return fraction, PRODUCT
                return style.joined("/", self._tight(left, PRODUCT), self._tight(right, POWER)), PRODUCT
            case ast.Pow():
                return style.power(self._tight(left, ATOM), self.draw(right)), POWER
        sign = "//" if isinstance(node.op, ast.FloorDiv) else "%"
        return style.joined(sign, self._tight(left, PRODUCT), self._tight(right, POWER)), PRODUCT

    def _is_number(self, node: ast.expr) -> bool:
        """Whether a factor is a single number, so that the product is not one of arrays."""
        match node:
            case ast.Constant():
                return True
            case ast.Name():
                return node.id not in self.names or not self.names[node.id].shape
            case ast.Subscript():
                return not any(isinstance(i, ast.Slice) for i in parts(node.slice))
            case ast.BinOp():
                return self._is_number(node.left) and self._is_number(node.right)
            case ast.UnaryOp():
                return self._is_number(node.operand)
            case ast.Call():
                if call_of(node) == "rest":
                    return True
                return all(map(self._is_number, node.args[:1])) or (
                    call_of(node) in REDUCTIONS and len(node.args) == 1 and call_of(node) not in ("max", "min")
                )
            case ast.Compare():
                return self._is_number(node.left) and self._is_number(node.comparators[0])
        return False

    def _call(self, node: ast.Call) -> tuple[str, int]:
        style, name = self.style, call_of(node)
        if name == "rest":
            count, value = (float(ast.literal_eval(arg)) for arg in node.args)
            shown = self.leaf("", (0,)) if self.leaf else None
            return style.rest(int(count), style.number(value) if shown is not None else ""), ATOM
        axes = [a.id for a in node.args[1:] if isinstance(a, ast.Name) and (a.id in AXES or a.id not in self.names)]
        if (
            name in REDUCTIONS
            and len(axes) == len(node.args) - 1
            and not (name in ("max", "min") and len(node.args) > 1 and not axes)
        ):
            body = self._tight(node.args[0], PRODUCT)
            over = [axis if axis in AXES else style.name(axis) for axis in axes]
            return style.reduction(name, over, body), SUM if name == "sum" else ATOM
        if name == "where":
            condition, one, other = node.args
            shown = self._draw(condition)[0]
            return style.cases(shown, self.draw(one), self.draw(other)), ATOM
        if name == "abs":
            return style.inside("||", self.draw(node.args[0])), ATOM
        if len(node.args) == 1:
            drawn = style.special(name, self.draw(node.args[0]))
            if drawn is not None:
                return drawn, POWER if name == "exp" else ATOM
        return style.call(name, [self.draw(arg) for arg in node.args]), ATOM
