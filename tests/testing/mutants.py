"""Every small mistake in a backward pass: mutants of the public bricks, one operator changed in each.

``PYTHONPATH=tests python -m testing.mutants`` makes them all, checks each, and prints what became of them.
"""

import ast
import copy
import inspect
import itertools
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from legonet import Array, Brick, Linear, Sequential, Tanh
from legonet.testing.compare import Tally
from legonet.testing.examine import examine
from legonet.testing.inputs import Refused
from legonet.testing.points import Point
from legonet.testing.probe import Fault
from strategies import Case, call_differs, cases_of, fingerprint, like, normal, public_bricks, tests_of

ENTRIES = ("backward", "backward_parameters")


def equivalent() -> dict[str, str]:
    """Return the mutants that do the same as their brick, and why, as the test files of the bricks list them."""
    return {name: why for kind in public_bricks() for name, why in getattr(tests_of(kind), "EQUIVALENT", {}).items()}


# -- what is changed ---------------------------------------------------------------------------------------------------

OPERATORS: dict[type, list[type]] = {
    ast.Add: [ast.Sub],
    ast.Sub: [ast.Add],
    ast.Mult: [ast.Div, ast.Add],
    ast.Div: [ast.Mult],
    ast.FloorDiv: [ast.Mult],
    ast.MatMult: [ast.Mult],
    ast.And: [ast.Or],
    ast.Or: [ast.And],
    ast.Lt: [ast.LtE, ast.GtE],
    ast.LtE: [ast.Lt, ast.Gt],
    ast.Gt: [ast.GtE, ast.LtE],
    ast.GtE: [ast.Gt, ast.Lt],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
    ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is],
    ast.In: [ast.NotIn],
    ast.NotIn: [ast.In],
}

NAMES = [
    ("sum", "mean"),
    ("value", "grad"),
    ("maximum", "minimum"),
    ("max", "min"),
    ("exp", "log"),
    ("sin", "cos"),
    ("sinh", "cosh"),
    ("argmax", "argmin"),
    ("zeros_like", "ones_like"),
    ("backward", "backward_parameters"),
]
"""Attributes that are taken for each other."""


def minus(node: ast.expr) -> ast.expr:
    return ast.UnaryOp(ast.USub(), node)


def times(node: ast.expr, factor: float) -> ast.expr:
    return ast.BinOp(node, ast.Mult(), ast.Constant(factor))


def plus(node: ast.expr, step: int) -> ast.expr:
    return ast.BinOp(node, ast.Add(), ast.Constant(step))


def attribute(node: ast.expr, name: str) -> ast.expr:
    return ast.Attribute(node, name, ast.Load())


def call(function: ast.expr, *arguments: ast.expr) -> ast.expr:
    return ast.Call(function, list(arguments), [])


def last_size(node: ast.expr) -> ast.expr:
    return ast.Subscript(attribute(node, "shape"), ast.UnaryOp(ast.USub(), ast.Constant(1)), ast.Load())


def with_changes(node: Any, **fields: Any) -> Any:
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


def changes(node: ast.AST, method: ast.FunctionDef, parameters: list[str]) -> Iterator[ast.AST]:
    """Yield what may stand in the place of a node.

    `parameters` are the attributes of the brick that hold its parameters.
    """
    match node:
        case ast.BinOp(left, operator, right):
            for other in OPERATORS.get(type(operator), []):
                yield with_changes(node, op=other())
            yield left
            yield right
            if isinstance(operator, ast.Sub):
                yield minus(right)
            if not isinstance(operator, ast.Add | ast.Mult):
                yield with_changes(node, left=right, right=left)
            if isinstance(operator, ast.MatMult):
                yield with_changes(node, left=attribute(left, "T"))
                yield with_changes(node, right=attribute(right, "T"))
            for operand in ("left", "right"):
                for changed in scaled(getattr(node, operand)):
                    yield with_changes(node, **{operand: changed})
        case ast.Return(value) if value is not None:
            yield ast.Return(ast.Constant(None))
            for changed in scaled(value):
                yield ast.Return(changed)
        case ast.AugAssign(target, operator, value):
            yield ast.Pass()
            yield ast.Assign([target], value)
            for other in OPERATORS[type(operator)]:
                yield with_changes(node, op=other())
            for changed in [*scaled(value), attribute(value, "T")]:
                yield with_changes(node, value=changed)
        case ast.Assign([target], value):
            if not isinstance(target, ast.Name):
                yield ast.Pass()
            for changed in scaled(value):
                yield with_changes(node, value=changed)
        case ast.Expr(ast.Call()):
            yield ast.Pass()
        case ast.If(test) | ast.IfExp(test) | ast.While(test):
            for changed in (ast.UnaryOp(ast.Not(), test), ast.Constant(True), ast.Constant(False)):
                if not (isinstance(node, ast.While) and getattr(changed, "value", None) is True):
                    yield with_changes(node, test=changed)
        case ast.Compare(ops=operators):
            for place, operator in enumerate(operators):
                for other in OPERATORS[type(operator)]:
                    yield with_changes(node, ops=[*operators[:place], other(), *operators[place + 1 :]])
        case ast.BoolOp(operator, values):
            yield with_changes(node, op=OPERATORS[type(operator)][0]())
            yield from values
        case ast.UnaryOp(_, operand):
            yield operand
        case ast.Constant(bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(int() | float() as value):
            yield ast.Constant(value + 1)
            yield ast.Constant(value - 1)
        case ast.Call():
            yield from changed_calls(node)
        case ast.keyword("axis", ast.Constant(int() as axis)):
            yield ast.keyword("axis", ast.Constant(1 - axis if axis in (0, 1) else 0))
        case ast.Attribute(inside, "T"):
            yield inside
        case ast.Attribute(ast.Name("self"), name) if name in parameters:
            for other in parameters:
                if other != name:
                    yield with_changes(node, attr=other)
        case ast.Attribute(_, name):
            for pair in NAMES:
                if name in pair:
                    yield with_changes(node, attr=pair[1 - pair.index(name)])
        case ast.Subscript(value, ast.Name() as index) if isinstance(node.ctx, ast.Load):
            yield with_changes(node, slice=plus(index, 1))
            yield with_changes(node, slice=plus(index, -1))
        case ast.Name(name, ast.Load()):
            arguments = [argument.arg for argument in method.args.args[1:]]
            if name in arguments:
                for other in arguments:
                    if other != name:
                        yield ast.Name(other, ast.Load())


def scaled(value: ast.expr) -> Iterator[ast.expr]:
    yield minus(value)
    yield times(value, 2)
    yield times(value, 0.5)


def changed_calls(node: ast.Call) -> Iterator[ast.AST]:
    function, arguments = node.func, node.args
    match node:
        case ast.Call(ast.Attribute(receiver, "dot"), [argument]):
            yield with_changes(node, func=attribute(argument, "dot"), args=[receiver])
            yield with_changes(node, func=attribute(attribute(receiver, "T"), "dot"))
            yield with_changes(node, args=[attribute(argument, "T")])
            match receiver:
                case ast.Call(ast.Name("ones"), [_, dtype]):
                    other = call(receiver.func, last_size(argument), dtype)
                    yield call(attribute(argument, "dot"), other)
                    yield call(attribute(argument, "mean"), ast.Constant(0))
                    yield argument
        case ast.Call(ast.Name("len"), [argument]):
            yield last_size(argument)
        case ast.Call(ast.Name("range"), limits):
            yield with_changes(node, args=[*limits[:-1], plus(limits[-1], -1)])
            yield with_changes(node, args=[ast.Constant(1) if len(limits) == 1 else plus(limits[0], 1), *limits[-1:]])
        case ast.Call(ast.Name("reversed" | "sorted" | "float" | "abs"), [argument]):
            yield argument
    if isinstance(function, ast.Attribute) and not (
        isinstance(function.value, ast.Name) and function.value.id == "self"
    ):
        if isinstance(function.value, ast.Name) and function.value.id == "np":
            yield from arguments
        else:
            yield function.value
    for place, keyword in enumerate(node.keywords):
        if keyword.arg in ("axis", "keepdims"):
            yield with_changes(node, keywords=node.keywords[:place] + node.keywords[place + 1 :])
    for place, argument in enumerate(arguments):
        if isinstance(function, ast.Attribute) and function.attr in (
            "dot",
            "backward",
            "backward_parameters",
            "_backward",
        ):
            for changed in itertools.islice(scaled(argument), 2):
                yield with_changes(node, args=[*arguments[:place], changed, *arguments[place + 1 :]])


# -- mutants -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mutant:
    """A public brick with one change."""

    name: str
    """Such as ``"Tanh.backward: 1.0 - y * y → 1.0 + y * y"``."""
    kind: type[Brick[Any]]
    brick: type[Brick[Any]]

    def of(self, brick: Brick[Any], inputs: tuple[Array, ...]) -> Brick[Any]:
        """Return a copy of a brick with the change in it."""
        if isinstance(brick, Sequential):
            return chain(self.brick, *brick.bricks, inputs=inputs)  # its constructor uses what is changed
        brick = copy.deepcopy(brick)
        brick.__class__ = self.brick
        return brick


def methods(kind: type[Brick[Any]]) -> dict[str, tuple[type, ast.FunctionDef]]:
    """Find the backward methods of a brick, and the own methods that they call; and the class that each is of."""
    found: dict[str, tuple[type, ast.FunctionDef]] = {}
    todo = list(ENTRIES)
    while todo:
        name = todo.pop(0)
        owner = next((each for each in kind.__mro__ if name in vars(each)), Brick)
        function = inspect.unwrap(vars(owner)[name]) if owner is not Brick else None
        if name in found or not inspect.isfunction(function):
            continue
        tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
        assert isinstance(tree, ast.FunctionDef)
        found[name] = owner, tree
        for node in parts(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
                todo += [node.attr] if callable(getattr(kind, node.attr, None)) else []
    return found


def parts(method: ast.FunctionDef) -> list[ast.AST]:
    """Return the nodes of a method that compute: all but its signature, its checks at the door, its care for errors."""
    found: list[ast.AST] = []

    def walk(node: ast.AST) -> None:
        checks = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id.startswith("check_")
        text = isinstance(node, ast.Expr) and not isinstance(node.value, ast.Call)
        if checks or text or isinstance(node, ast.ExceptHandler | ast.Raise | ast.withitem):
            return
        found.append(node)
        for child in ast.iter_child_nodes(node):
            walk(child)

    for statement in method.body:
        walk(statement)
    is_check = lambda node: isinstance(node, ast.Expr) and node.value not in found  # noqa: E731
    return [node for node in found if not is_check(node)]


class Replace(ast.NodeTransformer):
    """Puts one node in the place of another."""

    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return self.new if node is self.old else self.generic_visit(node)


def plain(method: ast.FunctionDef) -> ast.FunctionDef:
    """Write ``dx: Array = ...`` as ``dx = ...``."""

    class Plain(ast.NodeTransformer):
        def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
            return ast.copy_location(ast.Assign([node.target], node.value), node) if node.value else ast.Pass()

    return Plain().visit(method)


@cache
def mutants_of(kind: type[Brick[Any]]) -> list[Mutant]:
    """Make every mutant of a brick."""
    made: list[Mutant] = []
    own = methods(kind)
    names = {node.attr for _, tree in own.values() for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    parameters = sorted(names & {name for brick, _ in cases(kind) for name, _ in brick.named_parameters()})
    for name, (owner, tree) in own.items():
        tree = plain(tree)
        seen, names_seen = {ast.unparse(tree)}, Counter()
        for place, node in enumerate(parts(tree)):
            for number in range(len(list(changes(node, tree, parameters)))):
                changed = copy.deepcopy(tree)
                old = parts(changed)[place]
                before = ast.unparse(old)
                new = ast.fix_missing_locations(list(changes(old, changed, parameters))[number])
                title = f"{kind.__name__}.{name}: {head(before)} → {head(ast.unparse(new))}"
                changed = ast.fix_missing_locations(Replace(old, new).visit(changed))
                text = ast.unparse(changed)
                if text in seen:
                    continue
                seen.add(text)
                names_seen[title] += 1
                title += f" ({names_seen[title]})" if names_seen[title] > 1 else ""
                made.append(Mutant(title, kind, type(kind.__name__, (kind,), {name: compiled(changed, owner)})))
    return made


class Limited(ast.NodeTransformer):
    """Ends a loop that would go on for ever, by an error."""

    def visit_While(self, node: ast.While) -> ast.AST:
        self.generic_visit(node)
        return with_changes(node, body=[*ast.parse("next(turns)").body, *node.body])


def head(text: str) -> str:
    """Return the first line of a piece of code."""
    return text.split("\n")[0]


def compiled(method: ast.FunctionDef, owner: type) -> Callable[..., Any]:
    """Make a method of a class again; it sees the names of the module of the class, and ``super()`` works."""
    method = Limited().visit(copy.deepcopy(method))
    method.body.insert(0, ast.parse("turns = iter(range(1000))").body[0])
    factory = ast.parse("def factory(__class__):\n    pass").body[0]
    assert isinstance(factory, ast.FunctionDef)
    factory.body = [method, ast.Return(ast.Name(method.name, ast.Load()))]
    module = ast.fix_missing_locations(ast.Module([factory], []))
    space: dict[str, Any] = {}
    exec(compile(module, f"<mutant of {owner.__name__}>", "exec"), vars(sys.modules[owner.__module__]), space)  # noqa: S102
    return space["factory"](owner)


# -- where they are checked --------------------------------------------------------------------------------------------


class Late(Linear):
    """Makes its parameters in the first forward."""

    def __init__(self, out_features: int) -> None:
        self.out_features = out_features

    def forward(self, x: Any) -> Any:
        if not hasattr(self, "weight"):
            super().__init__(x.shape[1], self.out_features, rng=0)
        return super().forward(x)


def chain(kind: type[Sequential], *bricks: Brick[Any], inputs: tuple[Array, ...]) -> Sequential:
    """Build a chain; bricks that make their parameters late have them already."""
    net = kind(*copy.deepcopy(bricks))
    net.forward(*inputs)
    return net


@cache
def cases(kind: type[Brick[Any]], count: int = 40) -> list[Case]:
    """Draw bricks of a kind with their inputs, always the same ones; those of middle size come first."""
    found: list[Case] = []
    if kind is Sequential:
        found.append((Sequential(Tanh(), Late(2), Linear(2, 2, rng=1)), (normal(3, 2),)))

    def collect(data: Any) -> None:
        found.append(data.draw(cases_of(kind)))

    # A few from each of many seeds: later examples of a run are often changed copies of earlier ones.
    calm = settings(max_examples=10, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    for number in range(count // 10):
        seed(number)(calm(given(st.data())(collect)))()

    def size(case: Case) -> int:
        return sum(array.size for array in [*case[1], *(parameter.value for parameter in case[0].parameters())])

    return sorted(found, key=lambda case: not 2 <= size(case) <= 60)


def fate(mutant: Mutant, count: int | None = None) -> str:
    """Return what the check says to a mutant, or nothing; the report, which takes longer, is left out."""
    for brick, inputs in cases(mutant.kind)[:count]:
        try:
            changed = mutant.of(brick, inputs)
        except Exception as error:
            return f"cannot be built: {type(error).__name__}: {error}"
        try:
            examine(Point(changed, inputs, call_differs=call_differs(mutant.kind)), Tally())
        except Fault as fault:
            return fault.message
        except Refused:
            continue
    return ""


def outcome(mutant: Mutant, brick: Brick[Any], inputs: tuple[Array, ...]) -> list[Any]:
    """Note down every bit of the gradients that a mutant gives, or the error that it raises; -0 is 0."""
    found: list[Any] = []
    for name in ENTRIES:
        changed = mutant.of(brick, inputs)
        y, cache = changed.forward(*inputs)
        try:
            dx = getattr(changed, name)(like(y), cache)
        except Exception as error:
            dx = repr(error)
        dx = dx + 0.0 if isinstance(dx, np.ndarray) else dx
        found.append(fingerprint(dx, *(parameter.grad for parameter in changed.parameters())))
    return found


@cache
def right_outcomes(kind: type[Brick[Any]], count: int) -> list[Any]:
    return [outcome(Mutant("", kind, kind), *case) for case in cases(kind, count)]


def difference(mutant: Mutant, count: int = 200) -> str:
    """Return where the gradients of a mutant are not those of the brick, to the last bit, or nothing."""
    for case, right in zip(cases(mutant.kind, count), right_outcomes(mutant.kind, count), strict=True):
        if outcome(mutant, *case) != right:
            return repr(case)
    return ""


def main() -> None:
    known = equivalent()
    for kind in public_bricks():
        made = mutants_of(kind)
        listed = [mutant for mutant in made if mutant.name in known]
        missed = [mutant for mutant in made if mutant not in listed and not fate(mutant)]
        counts = f"{len(made) - len(listed) - len(missed)} caught, {len(listed)} equivalent, {len(missed)} missed"
        print(f"{kind.__name__}: {len(made)} mutants, {counts}", *(m.name for m in missed), sep="\n  ")  # noqa: T201


if __name__ == "__main__":
    main()
