"""The step at a glance: each value above its gradient, each parameter above its own."""

from collections.abc import Iterator
from itertools import pairwise

from legonet.explain.language import call_of
from legonet.explain.trace import Step, Symbol, Term

from .frame import MATH, Frame, escaped, spoken


def overview(step: Step, frame: Frame) -> str:
    """Draw the way forward from left to right, the way back below it, and the parameters below both.

    A value that is made of the one on its left alone has an arrow; any other says what it is made of.

    Parameters
    ----------
    step : Step
        What is shown.
    frame : Frame
        What the page shares.
    """
    gradients = {
        term.symbol.of: term for term in step.backward if term.symbol.kind == "gradient" and not term.symbol.via
    }
    updates = {term.symbol.of: term for term in step.update if term.role == "update"}
    order = {id(term): k for k, term in enumerate(step.given)}
    values, columns = values_of(step), []
    for place, term in enumerate(values):
        made_of = sorted(sources(term), key=values.index)
        left = values[place - 1] if place else None
        way = "next" if [*map(id, made_of)] == [id(left)] else "apart" if place else ""
        told = f'<div class="from">from {" ".join(_chip(s, frame) for s in made_of)}</div>' * (way == "apart")
        columns.append(_column(term, gradients, updates, frame, order, way, told if made_of else ""))
    if step.failure is not None:
        what = escaped(step.failure.brick.partition("(")[0])
        columns.append(f'<li><small>{what}</small><div><b class="wrong">✗ failed</b></div></li>')
    forth = "" if step.backward else ' class="forth"'
    return (
        '<nav class="map" aria-label="overview"><ol tabindex="0" aria-label="values with their gradients, in order"'
        f"{forth}>{''.join(columns)}</ol></nav>"
    )


def values_of(step: Step) -> list[Term]:
    """Return what the data become, in order: what each brick gives, the loss and the penalties."""
    values = [term for term in step.given if term.role == "data"]
    return values + [term for term in (*step.forward, *step.loss) if term.role in ("activation", "loss", "penalty")]


def sources(term: Term) -> list[Term]:
    """Return what a value is made of, without parameters, constants and the target, and without steps on the way."""
    return _made_of(term, ("data", "activation", "loss", "penalty"))


def is_chain(step: Step) -> bool:
    """Whether each value of the network is made of the one before it alone."""
    values = [term for term in values_of(step) if term.role in ("data", "activation")]
    return all([*map(id, sources(term))] == [id(left)] for left, term in pairwise(values))


def _made_of(term: Term, roles: tuple[str, ...]) -> list[Term]:
    found: dict[int, Term] = {}
    for operand in term.operands:
        if operand.role in roles:
            found[id(operand)] = operand
        elif operand.role == "intermediate" and operand is not term:
            found |= {id(one): one for one in _made_of(operand, roles)}
    return [*found.values()]


def _column(
    term: Term,
    gradients: dict[Symbol | None, Term],
    updates: dict[Symbol | None, Term],
    frame: Frame,
    order: dict[int, int],
    way: str,
    told: str,
) -> str:
    gradient = gradients.get(term.symbol)
    below = _chip(gradient, frame) if gradient is not None else ""
    parameters = "".join(
        f"<div>{'<i>→</i>'.join(_chip(each, frame) for each in _fate(weight, gradients, updates))}</div>"
        for weight in sorted(_made_of(term, ("parameter",)), key=lambda each: order.get(id(each), 0))
    )
    what = escaped(term.brick.partition("(")[0]) or ("given" if id(term) in order else _done(term))
    name = f' class="{way}"' if way else ""
    above = f'<div>{_chip(term, frame)}</div><div class="back">{below}</div>'
    return f"<li{name}><small>{what}</small>{above}{told}{parameters}</li>"


def _done(term: Term) -> str:
    """Say what a container did by itself."""
    if term.formula is None:
        return term.place
    statement = term.formula.statement
    names = {"concat": "side by side", "reshape": "reshaped"}
    return "turned round" if statement.indices else names.get(call_of(statement.formula), "+")


def _fate(weight: Term, gradients: dict[Symbol | None, Term], updates: dict[Symbol | None, Term]) -> Iterator[Term]:
    yield weight
    yield from (found[weight.symbol] for found in (gradients, updates) if weight.symbol in found)


def _chip(term: Term, frame: Frame) -> str:
    drawn = MATH.symbol(term.symbol)
    return (
        f'<a href="#{frame.anchor(term)}" class="{frame.classes(term)}" aria-label="{spoken(term)}">'
        f"<math>{drawn}</math></a>"
    )
