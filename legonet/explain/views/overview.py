"""The step at a glance: each value above its gradient, each parameter above its own."""

from collections.abc import Iterator

from legonet.explain.trace import Step, Symbol, Term

from .frame import MATH, Frame, escaped, spoken


def overview(step: Step, frame: Frame) -> str:
    """Draw the way forward from left to right, the way back below it, and the parameters below both.

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
    values = [term for term in step.given if term.role == "data"]
    values += [term for term in (*step.forward, *step.loss) if term.role in ("activation", "loss", "penalty")]
    order = {id(term): k for k, term in enumerate(step.given)}
    columns = "".join(_column(term, gradients, updates, frame, order) for term in values)
    if step.failure is not None:
        what = escaped(step.failure.brick.partition("(")[0])
        columns += f'<li><small>{what}</small><div><b class="wrong">✗ failed</b></div></li>'
    way = "" if step.backward else ' class="forth"'
    return (
        '<nav class="map" aria-label="overview"><ol tabindex="0" aria-label="values with their gradients, in order"'
        f"{way}>{columns}</ol></nav>"
    )


def _column(
    term: Term,
    gradients: dict[Symbol | None, Term],
    updates: dict[Symbol | None, Term],
    frame: Frame,
    order: dict[int, int],
) -> str:
    gradient = gradients.get(term.symbol)
    above = _chip(term, frame)
    below = _chip(gradient, frame) if gradient is not None else ""
    back = f'<div class="back">{below}</div>'
    parameters = "".join(
        f"<div>{'<i>→</i>'.join(_chip(each, frame) for each in _fate(weight, gradients, updates))}</div>"
        for weight in sorted(term.operands, key=lambda each: order.get(id(each), 0))
        if weight.role == "parameter"
    )
    what = escaped(term.brick.partition("(")[0])
    brick = f"<small>{what}</small>" if what else f"<small>{'given' if id(term) in order else '+'}</small>"
    return f"<li>{brick}<div>{above}</div>{back}{parameters}</li>"


def _fate(weight: Term, gradients: dict[Symbol | None, Term], updates: dict[Symbol | None, Term]) -> Iterator[Term]:
    yield weight
    yield from (found[weight.symbol] for found in (gradients, updates) if weight.symbol in found)


def _chip(term: Term, frame: Frame) -> str:
    drawn = MATH.symbol(term.symbol)
    return (
        f'<a href="#{frame.anchor(term)}" class="{frame.classes(term)}" aria-label="{spoken(term)}">'
        f"<math>{drawn}</math></a>"
    )
