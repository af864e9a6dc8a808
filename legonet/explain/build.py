"""Turn the calls of a step into its terms."""

import ast
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import numpy as np

from legonet.arrays import Array, brief
from legonet.formulas import Formulas
from legonet.optimizers.optimizer import Optimizer
from legonet.parameter import Parameter

from .bind import Bound, bind, formulas_of, input_names, settle
from .evaluate import Calculator
from .language import Statement, names_in, parts, read
from .made import Made, Seen, made_of, same
from .record import Call
from .source import formulas_from_source
from .symbols import Namer, letter_of
from .trace import Bracket, Failure, Formula, Step, Symbol, Term, told

TOLERANCE = 8
"""How many times the bound of its rounding error a number may differ from its formula."""

UNFIT = "its formulas cannot be used"
NO_BATCH = ("parameter gradient", "update", "state", "loss", "penalty")
"""Roles of terms that have no row for each row of the batch, whatever their shape."""


@dataclass
class Node:
    """A call with the terms of its inputs and outputs, as the backward pass needs them."""

    inputs: tuple[Term | None, ...]
    outputs: tuple[Term, ...]
    bound: Bound | None
    calculator: Calculator
    names: dict[str, Term]
    via: str
    call: Call | None = None
    done: bool = False
    formulas: list[Formula] = field(default_factory=list)
    locals: dict[tuple[int, int], Term] = field(default_factory=dict)
    """Local derivatives by the identity of what is above and below."""

    def complete(self) -> None:
        """Let formulas know also the terms that came after them, as ``h[:, t - 1]`` before h is complete."""
        for formula in self.formulas:
            for name in names_in(formula.statement.formula):
                if name in self.names:
                    formula.names.setdefault(name, self.names[name])


class Share(NamedTuple):
    """What one branch gives to a gradient."""

    term: Term
    product: tuple[Bracket, ...]
    via: str


class Builder:
    """Makes the terms of one step.

    Parameters
    ----------
    step : Step
        Filled in.
    rows : int
        The rows of the batch.
    loss : str, optional
        What the loss of the data is called.
    """

    def __init__(self, step: Step, rows: int, loss: str = "L") -> None:
        self.step, self.rows = step, rows
        self.namer = Namer(loss)
        self.known: dict[int, Term] = {}
        self.alive: list[Any] = []
        self.arrays: list[tuple[Term, Seen]] = []
        self.parameters: dict[int, Term] = {}
        self.nodes: list[Node] = []
        self.by_call: dict[int, Node] = {}
        self.shares: dict[int, list[Share]] = {}
        self.totals: dict[int, Term] = {}
        self.parameter_shares: dict[int, list[Share]] = {}
        self.containers: list[Call] = []

    # What is given

    def give(self, name: str, value: Any, role: str) -> Term:
        """Add an array that comes from outside."""
        term = Term(Symbol(self.namer.free(name)), role, _frozen(value), batch=self._has_rows(value))
        term.arose = not _finite(value)
        self.step.given.append(term)
        self.known[id(value)] = term
        self.alive.append(value)
        return term

    def data(self, first: Call) -> None:
        """Let arrays be made of the data as well, given the first call of the network."""
        twins = first.twin.copies if first.twin else (None,) * len(first.inputs)
        for value, twin in zip(first.inputs, twins, strict=True):
            if id(value) in self.known:
                self._know(value, self.known[id(value)], twin)

    def _know(self, value: Any, term: Term, twin: Any = None) -> None:
        """Know an array again: by its identity, and as what others may be made of."""
        if isinstance(value, np.ndarray):
            self.known[id(value)] = term
            self.alive.append(value)
            if value.dtype.kind in "fiub":
                self.arrays.append((term, Seen(np.asarray(term.value), _like(twin, value))))

    def _has_rows(self, value: Any) -> bool:
        return np.ndim(value) > 0 and len(value) == self.rows

    def _is_batch(self, value: Any, operands: Sequence[Term], statement: Statement | None) -> bool:
        """Whether the first axis of a value counts the rows of the batch, given what it is made of."""
        if not self._has_rows(value) or not any(operand.batch for operand in operands):
            return False
        if statement is None or not all(isinstance(index, ast.Name) for index in statement.indices[:1]):
            return True
        lead = statement.indices[0].id if statement.indices else ""  # type: ignore[attr-defined]
        names = [node.slice for node in ast.walk(statement.formula) if isinstance(node, ast.Subscript)]
        return not lead or any(isinstance(i := parts(index)[0], ast.Name) and i.id == lead for index in names)

    def _parameter(self, parameter: Parameter, name: str, number: int, value: Any) -> Term:
        if id(parameter) not in self.parameters:
            term = Term(Symbol(name, str(number)), "parameter", _frozen(value), arose=not _finite(value))
            self.parameters[id(parameter)] = term
            self.step.given.append(term)
        return self.parameters[id(parameter)]

    # Forward

    def forward(self, call: Call, phase: list[Term], role: str = "activation") -> None:
        """Add the terms of the forward pass of a brick that has no others inside."""
        made_in = self.step.forward if role == "loss" else phase  # what a network made last, for its loss
        inputs = self._inputs(call, made_in)
        outputs, raw = call.outputs(), call.outputs(copied=False)
        twins = call.twin.outputs() if call.twin else (None,) * len(outputs)
        bound, note = self._bind(call)
        on_the_way = bound.forward[: -len(outputs)] if bound else []
        parameters = _parameters_of(call, bound)
        lead = bound.outputs[0] if bound else "y"
        letters = _letters(parameters, [letter_of(lead, role), *(s.target for s in on_the_way)])
        own = {id(p) for p in call.brick.parameters()}
        new = [letters[name] for name, p in parameters.items() if id(p) not in self.parameters and id(p) in own]
        number = self.namer.number(lead, [*(s.target for s in on_the_way), *new], role)
        names = {
            name: self._parameter(parameter, letters[name], number, _value_in(call, parameter))
            for name, parameter in parameters.items()
        }
        if bound:
            names |= _names_of(bound, call, inputs, names)
        calculator = Calculator(bound.values if bound else {})
        node = Node(inputs, (), bound, calculator, names, "", call)
        if bound:
            note = self._compute(calculator, bound.forward, dict(zip(bound.outputs, outputs, strict=True))) or note
        for statement in on_the_way:
            value = calculator.operands.get(statement.target)
            self._state(node, statement, Symbol(statement.target, str(number)), "intermediate", value, phase)
        made = []
        symbols = self.namer.outputs(lead, number, len(outputs), role)
        for k, (symbol, value, array, twin) in enumerate(zip(symbols, outputs, raw, twins, strict=True)):
            usable = bound.forward[k - len(outputs)] if bound and not note else None
            operands = [*filter(None, inputs), *names.values()] if usable is None else None
            term = self._term(node, usable, symbol, role, value, phase, operands)
            if note:
                term.agrees, term.note = False, note
            elif bound:
                self._compare(term, calculator, bound.outputs[k], value)
            if bound:
                names[bound.outputs[k]] = term
                calculator.operands[bound.outputs[k]] = value
                calculator.errors.pop(bound.outputs[k], None)
            self._know(array, term, twin)
            made.append(term)
        node.complete()
        node.outputs = tuple(made)
        node.via = str(made[0]) if made else ""
        self.nodes.append(node)
        self.by_call[id(call)] = node

    def _bind(self, call: Call) -> tuple[Bound | None, str]:
        """Return the formulas of a call, and what is to be said if they cannot be used."""
        upstream = call.dy if isinstance(call.dy, int | float) else 1.0 if not np.ndim(call.output) else None
        if isinstance(call.output, tuple):
            upstream = None
        found = None
        try:
            stated = formulas_of(call.brick, call.inputs)
            found = None if stated else formulas_from_source(call.brick, call.inputs)
            formulas = stated or found
            return bind(call.brick, call.inputs, call.output, upstream, formulas, call.cache) if formulas else None, ""
        except Exception as error:  # whatever a brick does to state its formulas: it is explained without them
            return None, "" if found else f"{UNFIT}: {told(error)}"

    def _compute(self, calculator: Calculator, statements: Sequence[Statement], results: dict[str, Any]) -> str:
        """Run statements; return what went wrong, if anything did."""
        shapes = {name: np.shape(value) for name, value in results.items()}
        numbers = {name: value for name, value in results.items() if np.asarray(value).dtype.kind in "fiub"}
        calculator.wanted = {name: _extremes(value) for name, value in numbers.items() if np.size(value)}
        wide = calculator.wider()
        try:
            calculator.run(statements, shapes)
            targets = {statement.target for statement in statements}
            if all(map(_finite, numbers.values())) and any(_overflows(calculator, target) for target in targets):
                wide.run(statements, shapes)
                for target in targets:
                    with np.errstate(all="ignore"):
                        calculator.operands[target] = np.asarray(wide.operands[target], float)
                        calculator.errors[target] = np.asarray(wide.errors[target], float)
        except Exception as error:
            return f"{UNFIT}: {told(error)}"
        return ""

    def _compare(self, term: Term, calculator: Calculator, name: str, value: Any) -> None:
        """Note down whether the brick computed what its formula says, as far as the rounding errors let it be told."""
        value = np.asarray(value)
        if name not in calculator.operands or name not in calculator.errors or value.dtype.kind not in "fiub":
            return
        found, bound = np.asarray(calculator.operands[name]), calculator.errors[name]
        if found.shape != value.shape:
            term.agrees, term.note = False, f"by its formula it would have the shape {found.shape}"
            return
        skipped = calculator.skipped.get(name, np.zeros(value.shape, bool))
        with np.errstate(all="ignore"):
            limit = np.zeros(value.shape)
            if value.dtype.kind == "f":
                coarse = () if value.ndim else calculator.operands.values()  # a loss is a float, whatever it is made of
                limit = TOLERANCE * _eps(value, *coarse) * np.broadcast_to(bound, value.shape)
                limit = limit + float(np.finfo(value.dtype).smallest_normal)
            apart = np.abs(found - value.astype(float))
            alike = (np.isfinite(found) & (apart <= limit)) | (found == value) | (np.isnan(found) & np.isnan(value))
        off = np.logical_not(alike | skipped)
        unknown = np.isfinite(found) & ~np.isfinite(limit) & (found != value)
        term.agrees = False if np.any(off & np.logical_not(unknown)) else None if np.any(unknown) else True
        if term.agrees is False:
            entry = tuple(int(i) for i in np.argwhere(off & np.logical_not(unknown))[0])
            place = f" at {list(entry)}" if entry else ""
            computed, stated = _told_apart(float(value[entry]), float(found[entry]))
            term.note = f"the brick computes {computed}{place}, but its formula says {stated}"

    def _state(
        self, node: Node, statement: Statement, symbol: Symbol, role: str, value: Any, phase: list[Term]
    ) -> Term:
        """Add the term of an intermediate statement."""
        term = self._term(node, statement, symbol, role, value, phase)
        node.names[statement.target] = term
        return term

    def _term(
        self,
        node: Node,
        statement: Statement | None,
        symbol: Symbol,
        role: str,
        value: Any,
        phase: list[Term],
        operands: Sequence[Term] | None = None,
    ) -> Term:
        formula = None
        if statement is not None:
            names = {name: node.names[name] for name in names_in(statement.formula) if name in node.names}
            formula = Formula(statement, names, node.calculator)
            node.formulas.append(formula)
            operands = [*names.values()]
        unique = _unique(operands or [])
        call = node.call
        batch = role not in NO_BATCH and self._is_batch(value, unique, statement)
        term = Term(symbol, role, _frozen(value), formula, unique, batch=batch)
        if call is not None:
            term.place, term.brick = call.place, brief(call.brick, 100)
        term.arose = not _finite(value) and all(_finite(operand.value) for operand in unique)
        for operand in unique:
            operand.users.append(term)
        phase.append(term)
        return term

    def container(self, call: Call, phase: list[Term]) -> None:
        """Add what a container made by itself of what its bricks gave."""
        twins = call.twin.outputs() if call.twin else (None,) * len(call.outputs())
        seen = [*call.inputs, *(output for inner in call.inside for output in inner.outputs(copied=False))]
        inside = [self.known[id(value)] for value in seen if id(value) in self.known]
        for value, copy, twin in zip(call.outputs(copied=False), call.outputs(), twins, strict=True):
            self._find(value, copy, _like(twin, copy), (call.place, type(call.brick).__name__), phase, inside)

    def _inputs(self, call: Call, phase: list[Term]) -> tuple[Term | None, ...]:
        above = re.sub(r"(\.\w+|\[\d+\])$", "", call.place)
        brick = next((type(c.brick).__name__ for c in self.containers if c.place == above), "")
        twins = call.twin.copies if call.twin else (None,) * len(call.inputs)
        every = zip(call.inputs, call.copies, twins, strict=True)
        return tuple(self._find(x, copy, _like(twin, x), (above, brick), phase) for x, copy, twin in every)

    def _find(
        self,
        value: Any,
        copy: Any,
        twin: Any,
        maker: tuple[str, str],
        phase: list[Term],
        inside: Sequence[Term] = (),
    ) -> Term | None:
        """Return the term of an array; a container may have made it of others, rather of those inside of it."""
        if value is None:
            return None
        if not isinstance(value, np.ndarray):
            return Term(Symbol(brief(value, 12)), "constant", value)
        if id(value) in self.known and (value.dtype.kind not in "fiub" or same(self.known[id(value)].value, copy)):
            return self.known[id(value)]
        near = [(term, seen) for term, seen in self.arrays if any(term is one for one in inside)]
        for known in (near, self.arrays):
            made = made_of(Seen(copy, twin), [seen for _, seen in known], new=known is near)
            if made is not None:
                break
        operands = tuple(self._operand(operand, known, maker, phase) for operand in made.operands) if made else ()
        if made is not None and made.formulas.forward[0] == "y = x":
            self.known[id(value)] = operands[0]
            self.alive.append(value)
            return operands[0]
        number = self.namer.number("y", [], "activation")
        symbol = self.namer.outputs("y", number, 1, "activation")[0]
        if made is None:
            term = Term(symbol, "intermediate", _frozen(copy), batch=self._has_rows(copy))
            term.note = f"computed by {maker[0] or 'a container'} itself" if np.size(copy) else ""
            term.arose = not _finite(copy)
            phase.append(term)
        else:
            term = self._made_term(made, operands, symbol, copy, phase)
        term.place, term.brick = maker
        self._know(value, term, twin)
        return term

    def _made_term(self, made: Made, operands: Sequence[Term], symbol: Symbol, value: Array, phase: list[Term]) -> Term:
        """Add the term of what a container made of known arrays."""
        given = zip(("x",) if len(operands) == 1 else ("a", "b"), operands, strict=True)
        bound = settle(made.formulas, {name: operand.value for name, operand in given}, value)
        calculator = Calculator(bound.values)
        names = dict(zip(bound.inputs, operands, strict=True))
        names |= {n: Term(Symbol(n), "constant", number) for n, number in bound.values.items() if n not in names}
        node = Node(tuple(operands), (), bound, calculator, names, str(symbol))
        term = self._term(node, bound.forward[-1], symbol, "activation", value, phase)
        names["y"] = term
        calculator.operands["y"] = term.value
        node.outputs = (term,)
        self.nodes.append(node)
        return term

    def _operand(
        self, operand: int | Seen, known: Sequence[tuple[Term, Seen]], maker: tuple[str, str], phase: list[Term]
    ) -> Term:
        if isinstance(operand, int):
            return known[operand][0]
        return cast(Term, self._find(operand.array, operand.array, operand.twin, maker, phase))

    # Backward

    def backward(self, call: Call, phase: list[Term]) -> None:
        """Add the terms of the backward pass of a brick that has no others inside."""
        node = self.by_call.get(id(call))
        if node is None:
            return
        node.done = True
        upstream = self._upstreams(node, call, phase)
        results: dict[str, Any] = {}
        targets: dict[str, Term | None] = {}
        gradients = _by_inputs(call, node)
        names = node.bound.inputs if node.bound else input_names(call.brick, len(call.inputs))
        for name, term, gradient in zip(names, node.inputs, gradients, strict=True):
            if gradient is not None and term is not None and term.role != "constant":
                results[f"d{name}"], targets[f"d{name}"] = gradient, term
        by_name = dict(call.brick.named_parameters())
        if node.bound:
            stated = {id(p) for p in node.bound.parameters.values()}
            by_name = {n: p for n, p in by_name.items() if id(p) not in stated} | node.bound.parameters
        for name, parameter in by_name.items():
            if id(parameter) in call.gradients and id(parameter) in self.parameters:
                results[f"d{name}"] = call.gradients[id(parameter)]
                targets[f"d{name}"] = self.parameters[id(parameter)]
        note = ""
        statements: list[Statement] = []
        if node.bound:
            given = call.dy if isinstance(call.dy, tuple) else (call.dy,)
            for name, term, dy in zip(node.bound.outputs, upstream, given, strict=True):
                if term is not None:
                    node.names[f"d{name}"] = term
                    node.calculator.operands[f"d{name}"] = term.value if dy is None else dy
                    node.calculator.errors.pop(f"d{name}", None)
            statements = node.bound.needed([*results])
            note = self._compute(node.calculator, statements, results)
        remaining = dict(results)
        for statement in statements if not note else []:
            self._backward_statement(node, statement, results, targets, upstream, phase)
            remaining.pop(statement.target, None)
        node.complete()
        for name, value in remaining.items():
            operands = [*filter(None, upstream), *filter(None, node.inputs)]
            term = self._share(node, None, cast(Term, targets[name]), value, phase, operands)
            if node.bound:
                term.agrees, term.note = False, note or f"its formulas do not say what {name} is"

    def _backward_statement(
        self,
        node: Node,
        statement: Statement,
        results: dict[str, Any],
        targets: dict[str, Term | None],
        upstream: Sequence[Term | None],
        phase: list[Term],
    ) -> None:
        name = statement.target
        bound, calculator = cast(Bound, node.bound), node.calculator
        if name in results:
            term = self._share(node, statement, targets[name], results[name], phase)  # type: ignore[arg-type]
            self._compare(term, calculator, name, results[name])
            calculator.operands[name] = term.value
            calculator.errors.pop(name, None)
            node.names[name] = term
            return
        local = bound.local(name)
        value = calculator.operands.get(name)
        if local and local[0] in node.names and local[1] in node.names:
            above, below = node.names[local[0]], node.names[local[1]]
            symbol = Symbol(kind="local", of=above.symbol, by=below.symbol)
            term = self._state(node, statement, symbol, "local derivative", value, phase)
            node.locals[id(above), id(below)] = term
            term.agrees = self._is_factor(node, statement, local, results)
            if term.agrees is False:
                term.note = "it is no factor of the gradient that the brick computes"
            return
        number = node.outputs[0].symbol.number if node.outputs else ""
        whose = name[1:]
        if name.startswith("d") and whose in node.names and node.names[whose].role == "intermediate":
            symbol = Symbol(kind="gradient", of=node.names[whose].symbol)
            self._state(node, statement, symbol, "upstream gradient", value, phase)
        else:
            self._state(node, statement, Symbol(name, number), "intermediate", value, phase)

    def _is_factor(
        self, node: Node, statement: Statement, local: tuple[str, str], results: dict[str, Any]
    ) -> bool | None:
        """Whether a local derivative stands in the formula of the gradient, or makes it entry by entry, if known."""
        above, below = local
        gradient = next((s.formula for s in cast(Bound, node.bound).backward if s.target == f"d{below}"), None)
        stands = [ast.dump(part) for part in ast.walk(gradient)] if gradient is not None else []
        if ast.dump(statement.formula) in stands and not isinstance(statement.formula, ast.Constant):
            return True
        if gradient is not None and statement.target in names_in(gradient):
            return True
        dy, value = (node.calculator.operands.get(name) for name in (f"d{above}", statement.target))
        if f"d{below}" not in results or dy is None or value is None:
            return None
        wanted = np.asarray(results[f"d{below}"])
        made = np.asarray(dy) * value
        extra = made.ndim - wanted.ndim
        if extra < 0 or any(n not in (1, m) for n, m in zip(wanted.shape, made.shape[extra:], strict=True)):
            return False
        over = (*range(extra), *(extra + k for k, n in enumerate(wanted.shape) if n == 1))
        return _close(np.sum(made, axis=over).reshape(wanted.shape), wanted)

    def _share(
        self,
        node: Node,
        statement: Statement | None,
        target: Term,
        value: Any,
        phase: list[Term],
        operands: Sequence[Term] | None = None,
    ) -> Term:
        """Add one branch's share of a gradient; if it is the only one, it is the gradient."""
        is_parameter = target.role == "parameter"
        role = "parameter gradient" if is_parameter else "upstream gradient"
        term = self._term(node, statement, Symbol(kind="gradient", of=target.symbol), role, value, phase, operands)
        shares = self.parameter_shares if is_parameter else self.shares
        product = self._product(node, target)
        term.chain = (product,) if product else ()
        shares.setdefault(id(target), []).append(Share(term, product, node.via))
        return term

    def _product(self, node: Node, target: Term) -> tuple[Bracket, ...]:
        """Return the chain rule of a share: the gradient of what the brick gave, times its derivative."""
        if not node.outputs:
            return ()
        output = node.outputs[0]
        last = Bracket(
            Symbol(kind="local", of=output.symbol, by=target.symbol), node.locals.get((id(output), id(target)))
        )
        total = self.totals.get(id(output))
        shares = self.shares.get(id(output), [])
        if target.role == "parameter" and total is not None and [share.term for share in shares] == [total]:
            consumer = next((n for n in self.nodes if n.done and any(i is output for i in n.inputs)), None)
            if consumer is not None and len(consumer.outputs) == 1:
                above = consumer.outputs[0]
                middle, upper = consumer.locals.get((id(above), id(output))), self.totals.get(id(above))
                if middle is not None and upper is not None:
                    return Bracket(upper.symbol, upper, True), Bracket(middle.symbol, middle), last
        if total is None:
            return (last,) if output.role in ("loss", "penalty") else ()
        return Bracket(total.symbol, total, True), last

    def _upstreams(self, node: Node, call: Call, phase: list[Term]) -> list[Term | None]:
        given = call.dy if isinstance(call.dy, tuple) else (call.dy,)
        return [self._total(term, dy, phase) for term, dy in zip(node.outputs, given, strict=False)]

    def _total(self, term: Term, given: Any, phase: list[Term]) -> Term | None:
        """Return the gradient by a term: its share, or the sum of its shares."""
        if id(term) in self.totals:
            return self.totals[id(term)]
        if not isinstance(given, np.ndarray) and given is not None and not np.ndim(given):
            return None
        for node in self.nodes:  # what a container made of it hands on as well
            if node.call is None and not node.done and any(operand is term for operand in node.inputs):
                self._through(node, phase)
        shares = self.shares.get(id(term), [])
        added = _sum([share.term.value for share in shares])
        value = given if given is not None else added
        if shares and given is not None and not _close(added, given):
            for share in shares:  # a container did something else with them
                if share.term.symbol.of is term.symbol:
                    share.term.symbol = Symbol(kind="gradient", of=term.symbol, via=share.via)
            shares = []
        symbol = Symbol(kind="gradient", of=term.symbol)
        if len(shares) == 1:
            total = shares[0].term
        elif shares:
            total = self._sum_term(symbol, "upstream gradient", shares, value, phase)
        elif given is None:
            return None
        else:
            total = Term(symbol, "upstream gradient", _frozen(value), batch=term.batch)
            total.note = "computed by a container itself" if np.size(value) else ""
            total.arose = not _finite(value)
            phase.append(total)
        self.totals[id(term)] = total
        return total

    def _through(self, node: Node, phase: list[Term]) -> None:
        """Hand the gradient of what a container made on to what it was made of."""
        node.done = True
        (output,) = node.outputs
        total = self._total(output, None, phase)
        if total is None or node.bound is None:
            return
        node.names["dy"] = total
        node.calculator.operands["dy"] = total.value
        for name, found, statement in zip(node.bound.inputs, node.inputs, node.bound.backward, strict=True):
            operand = cast(Term, found)
            shape = {f"d{name}": operand.shape}
            node.calculator.run([statement], shape)
            if str(statement).endswith("= dy"):
                local = Symbol(kind="local", of=output.symbol, by=operand.symbol)
                product = Bracket(total.symbol, total, True), Bracket(local)
                self.shares.setdefault(id(operand), []).append(Share(total, product, node.via))
            else:
                value = np.asarray(node.calculator.operands[f"d{name}"], np.asarray(operand.value).dtype)
                self._share(node, statement, operand, value, phase).place = output.place

    def _sum_term(self, symbol: Symbol, role: str, shares: list[Share], value: Any, phase: list[Term]) -> Term:
        """Add the sum over the branches."""
        ways = [share.via for share in shares]
        for place, share in enumerate(shares):
            if str(share.term.symbol) == str(symbol):
                again = f".{ways[:place].count(share.via) + 1}" if ways.count(share.via) > 1 else ""
                share.term.symbol = Symbol(kind="gradient", of=symbol.of, via=f"{share.via}{again}")
        names = {f"a{k}": share.term for k, share in enumerate(shares)}
        calculator = Calculator({name: share.value for name, share in names.items()})
        node = Node((), (), None, calculator, names, "")
        statement = _added([*names])
        term = self._term(node, statement, symbol, role, value, phase)
        term.chain = tuple(share.product for share in shares if share.product)
        return term

    def finish_backward(self, phase: list[Term]) -> None:
        """Sum the gradients of parameters that are used more than once, and those of the data, if there are any."""
        for term in self.step.given:
            shares = self.parameter_shares.get(id(term), [])
            if len(shares) > 1:
                value = _sum([share.term.value for share in shares])
                symbol = Symbol(kind="gradient", of=term.symbol)
                self.totals[id(term)] = self._sum_term(symbol, "parameter gradient", shares, value, phase)
            elif shares:
                self.totals[id(term)] = shares[0].term
            elif term.role == "data":
                self._total(term, None, phase)

    # Update

    def update(
        self,
        optimizer: Optimizer,
        parameter: Parameter,
        stated: Formulas | None,
        before: Mapping[str, Array],
        after: Mapping[str, Array],
        phase: list[Term],
    ) -> None:
        """Add what the optimizer did to a parameter, given its formulas and what it kept before and after."""
        term = self.parameters[id(parameter)]
        gradient = self.totals.get(id(term))
        symbol = Symbol(kind="new", of=term.symbol)
        number = f"{term.symbol.letter}{term.symbol.number}"
        operands = [term, *([gradient] if gradient else [])]
        call = Call(optimizer, "optimizer", (), (), {})  # type: ignore[arg-type]
        if stated is None:
            node = Node((), (), None, Calculator({}), {}, "", call)
            self._term(node, None, symbol, "update", parameter.value, phase, operands)
            return
        given = {"θ": term.value, "g": gradient.value if gradient else np.zeros(np.shape(term.value))}
        given |= {f"{name}_old": old for name, old in before.items()}
        bound = settle(stated, given, parameter.value)
        names = {"θ": term} | ({"g": gradient} if gradient else {})
        for name, value in bound.values.items():
            if name not in names:
                role = "state" if np.ndim(value) else "constant"
                symbol_of = Symbol(name.removesuffix("_old"), number if role == "state" else "")
                names[name] = Term(symbol_of, role, value, brick=type(optimizer).__name__)
        node = Node((), (), bound, Calculator(bound.values), names, "", call)
        note = self._compute(node.calculator, bound.forward, {bound.outputs[0]: parameter.value})
        for statement in bound.forward[:-1]:
            name, role = statement.target, "state" if statement.target in after else "intermediate"
            new = Symbol(kind="new", of=Symbol(name, number)) if name in after else Symbol(name, number)
            found = after.get(name, node.calculator.operands.get(name))
            self._state(node, statement, new, role, found, phase)
        final = bound.forward[-1] if not note else None
        made = self._term(node, final, symbol, "update", parameter.value, phase, operands)
        made.note = note
        self._compare(made, node.calculator, bound.outputs[0], parameter.value)

    def total_loss(self, penalties: float) -> None:
        """Add the sum of the loss and the penalties, if there are any."""
        shares = [term for term in self.step.loss if term.role in ("loss", "penalty")]
        if len(shares) > 1:
            names = {f"a{k}": share for k, share in enumerate(shares)}
            node = Node((), (), None, Calculator({name: share.value for name, share in names.items()}), names, "")
            value = next(share.value for share in shares if share.role == "loss") + penalties
            self._term(node, _added([*names]), Symbol("L"), "loss", value, self.step.loss)

    def fail(self, call: Call, phase: str, error: Exception) -> None:
        """Note down where the step ended early."""
        operands = [self.known[id(x)] for x in call.inputs if id(x) in self.known]
        self.step.failure = Failure(error, call.place, brief(call.brick, 100), phase, tuple(operands))


def _extremes(value: Any) -> list[tuple[int, ...]]:
    """Return the places of the largest and the smallest entry."""
    numbers = np.nan_to_num(np.asarray(value, float))
    return [tuple(map(int, np.unravel_index(int(k), numbers.shape))) for k in (numbers.argmax(), numbers.argmin())]


def _overflows(calculator: Calculator, target: str) -> bool:
    """Whether what a statement says is not finite, of what is computed of it."""
    lost = ~np.isfinite(calculator.operands[target])
    return bool(np.any(lost & np.logical_not(calculator.skipped.get(target, False))))


def _told_apart(one: float, other: float) -> tuple[str, str]:
    """Write two numbers with so many digits that they differ."""
    for digits in (6, 9, 12, 17):
        texts = f"{one:.{digits}g}", f"{other:.{digits}g}"
        if texts[0] != texts[1]:
            break
    return texts


def _added(names: Sequence[str]) -> Statement:
    return read("y = " + " + ".join(names))


def _parameters_of(call: Call, bound: Bound | None) -> dict[str, Parameter]:
    """Return the parameters of a brick in its order, by what formulas call them; others by their attributes."""
    found = dict(bound.parameters) if bound else {}
    mentioned = {id(p) for p in found.values()}
    others = {path: p for path, p in call.brick.named_parameters() if id(p) not in mentioned}
    last = [path.rpartition(".")[2] for path in others]
    for (path, parameter), name in zip(others.items(), last, strict=True):
        alone = last.count(name) == 1 and not name.isdigit() and name not in found
        found[name if alone else path] = parameter
    order = {id(p): k for k, p in enumerate(call.brick.parameters())}
    return dict(sorted(found.items(), key=lambda pair: order.get(id(pair[1]), len(order))))


def _letters(names: Iterable[str], taken: Sequence[str]) -> dict[str, str]:
    """Return what each parameter of a brick is called: W of weight, b of bias, W_out of out.weight, else its name."""
    found: dict[str, str] = {}
    for name in names:
        *_, owner, last = ("", *name.split("."))
        letter = {"weight": "W", "bias": "b"}.get(last, last)
        tries = [f"{letter}_{owner}", f"{owner}_{last}", name.replace(".", "_")] if owner else [letter, last]
        tries += [f"θ_{name.replace('.', '_')}"]
        found[name] = next((t for t in tries if t not in (*taken, *found.values()) and t.isidentifier()), tries[-1])
    return found


def _value_in(call: Call, parameter: Parameter) -> Any:
    """Return the value that a parameter had in a call."""
    return call.parameters.get(id(parameter), parameter.value)


def _names_of(bound: Bound, call: Call, inputs: Sequence[Term | None], parameters: dict[str, Term]) -> dict[str, Term]:
    """Return the terms of the inputs and options of a call; its formulas compute with the numbers that it saw."""
    for name, value in zip(bound.inputs, call.copies, strict=True):
        if value is not None:
            bound.values[name] = value
    for name, parameter in bound.parameters.items():
        bound.values[name] = _value_in(call, parameter)
    found = {name: term for name, term in zip(bound.inputs, inputs, strict=True) if term is not None}
    options = {
        name: Term(Symbol(name), "constant", value, brick=type(call.brick).__name__)
        for name, value in bound.values.items()
        if name not in found and name not in parameters and not isinstance(value, range)
    }
    return found | options


def _like(twin: Any, array: Any) -> Any:
    """Return an array of another run, None if it has another shape or dtype."""
    fits = isinstance(twin, np.ndarray) and np.shape(twin) == np.shape(array) and twin.dtype == array.dtype
    return twin if fits else None


def _unique(terms: Sequence[Term]) -> tuple[Term, ...]:
    return tuple({id(term): term for term in terms}.values())


def _frozen(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        copy = np.array(value)
        copy.flags.writeable = False
        return copy
    return value


def _finite(value: Any) -> bool:
    try:
        return bool(np.isfinite(value).all())
    except TypeError:
        return True


def _eps(*values: Any) -> float:
    """Return the coarsest rounding of some arrays."""
    dtypes = [np.asarray(value).dtype for value in values]
    return max(float(np.finfo(dtype).eps) for dtype in dtypes if dtype.kind == "f")


def _sum(values: Sequence[Any]) -> Any:
    total = values[0] if values else None
    for value in values[1:]:
        total = total + value
    return total


def _close(one: Any, other: Any) -> bool:
    if np.shape(one) != np.shape(other):
        return False
    one, other = np.asarray(one), np.asarray(other)
    with np.errstate(all="ignore"):
        size = float(np.max(np.abs(one), initial=0.0, where=np.isfinite(one)))
        eps = float(np.finfo(other.dtype).eps) if other.dtype.kind == "f" else 0.0
        return bool(np.allclose(one, other, rtol=64 * eps, atol=64 * eps * size, equal_nan=True))


def _by_inputs(call: Call, node: Node) -> list[Any]:
    """Return what backward gave for each input."""
    given = list(call.dx) if isinstance(call.dx, tuple) else [call.dx]
    count = len(call.inputs)
    if len(given) != count:
        floats = [k for k, x in enumerate(call.inputs) if isinstance(x, np.ndarray) and x.dtype.kind == "f"]
        places = floats if len(floats) == len(given) else range(len(given))
        found: list[Any] = [None] * count
        for place, gradient in zip(places, given, strict=False):
            if place < count:
                found[place] = gradient
        given = found
    return [g if isinstance(g, np.ndarray) or np.ndim(g) or isinstance(g, float) else None for g in given]
