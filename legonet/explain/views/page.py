"""An explanation as a page: HTML and MathML, without any script."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import files
from itertools import count, groupby

import numpy as np

from legonet.explain.trace import Failure, Step, Term

from .cards import Cards
from .figures import figures, sized
from .frame import AMOUNTS, Amount, Frame, escaped
from .overview import is_chain, overview
from .wording import as_array, failed

CHECKED = ' checked="checked"'
LIMIT = 1_500_000
"""How many bytes a page has at most, unless the network has thousands of terms."""
STEPS = 12
"""How many steps are shown at most."""
LEGEND = (
    ("data", "x", "given"),
    ("weight", "W", "parameter"),
    ("value", "z", "value"),
    ("gradient", "∂L/∂z", "gradient"),
    ("wish", "∂L/∂W", "gradient of a parameter"),
    ("local", "∂h/∂z", "local derivative"),
)
BEHIND = "Choose a number to see what is behind it."
TOO_LARGE = (
    "What is behind each number is left out here, as the page would be too large: explain fewer steps to see it."
)
_outputs = count(1)


def page(steps: Sequence[Step], sample: int, title: str) -> str:
    """Return a page of its own.

    Parameters
    ----------
    steps : sequence of Step
        What is explained.
    sample : int
        Which row of the batch is shown alone.
    title : str
        The title.
    """
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/><title>{escaped(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
        "<style>html{color-scheme:light dark}body{margin:0;background:light-dark(#fcfcfb,#14161a)}</style>"
        f"</head><body><main>{_written(steps, 'lx', sample, title)}</main></body></html>\n"
    )


def fragment(steps: Sequence[Step], sample: int) -> str:
    """Return the same for a notebook, which may hold several.

    Parameters
    ----------
    steps : sequence of Step
        What is explained.
    sample : int
        Which row of the batch is shown alone.
    """
    key = hashlib.sha256(f"{next(_outputs)}{[str(term) for step in steps for term in step]}".encode()).hexdigest()
    return _written(steps, f"lx{key[:8]}", sample, "")


def _written(steps: Sequence[Step], key: str, sample: int, title: str) -> str:
    """Return the page with as much in it as keeps its size within the limit."""
    shown = list(steps)
    if len(shown) > STEPS:
        shown = [steps[int(k)] for k in np.linspace(0, len(steps) - 1, STEPS).round()]
    amounts = [amount for amount in AMOUNTS if _estimate(shown, amount) < LIMIT] or [*AMOUNTS[-1:]]
    while True:
        written = _Writer(steps, shown, Frame.of(shown, key, sample, amounts.pop(0))).write(title)
        if len(written.encode()) < LIMIT or (len(shown) < 2 and not amounts):
            return written
        if not amounts:
            amounts = [AMOUNTS[-1]]
            del shown[1 : len(shown) : 2]


def _estimate(steps: Sequence[Step], amount: Amount) -> int:
    """Return how many bytes steps take at least, about."""
    cells = [int(np.prod([min(n, amount.side) for n in t.shape[-2:]], initial=1)) for step in steps for t in step]
    return 1000 * len(cells) + sum(cells) * (500 if amount.behind else 80)


class _Writer:
    """Writes a page.

    Parameters
    ----------
    every : sequence of Step
        All steps.
    steps : sequence of Step
        Those that are shown.
    frame : Frame
        What the parts share.
    """

    def __init__(self, every: Sequence[Step], steps: Sequence[Step], frame: Frame) -> None:
        self.every, self.steps, self.frame, self.cards = every, steps, frame, Cards(frame)

    def write(self, title: str) -> str:
        css = files("legonet.explain.views").joinpath("page.css").read_text(encoding="utf-8")
        parts = [self._head(title), self._controls()]
        for step in self.steps:
            parts.append(f'<div class="step s{step.number}">{"".join(self._step(step))}</div>')
        parts += [f'<div class="pop" popover="auto" id="{key}">{body}</div>' for key, body in self.frame.behind.items()]
        return (
            f'<div class="lx" id="{self.frame.key}"><style>{css}{"".join(self._rules())}</style>{"".join(parts)}</div>'
        )

    def _rules(self) -> Iterator[str]:
        """Light up what belongs together, and show the step and the rows that are chosen."""
        root = f"#{self.frame.key}"
        for term in (term for step in self.steps for term in step):
            lit = f".{self.frame.lights(term)}"
            yield f"{root}:has({lit}:is(:hover,:focus-visible)) {lit}{{background:var(--lit)}}"
        if len(self.steps) > 1:
            for step in self.steps:
                yield f"{root}:not(:has(#{self.frame.key}-s{step.number}:checked)) .s{step.number}{{display:none}}"
        yield f"{root}:has(#{self.frame.key}-one:checked) .whole{{display:none}}"
        yield f"{root}:not(:has(#{self.frame.key}-one:checked)) .one{{display:none}}"

    def _head(self, title: str) -> str:
        step = self.steps[0]
        bricks = [brick for brick, _ in groupby(t.brick for t in step.forward if "(" in t.brick)]
        losses = [term for term in step.loss if term.role == "loss"]
        facts = [("network", _joined(bricks, " → " if is_chain(step) else ", "))]
        parts = dict.fromkeys(term.brick for term in step.loss if term.brick)
        facts += [("loss", _joined(parts, " + "))] * bool(losses)
        facts += [("optimizer", _joined({term.brick: 0 for term in step.update if term.brick}))] * bool(step.update)
        weights = sum(np.size(term.value) for term in step.given if term.role == "parameter")
        facts += [("parameters", f"{weights:,}")]
        rows = _rows(step)
        facts += [("batch", f"{rows} row{'s' * (rows != 1)}")] * bool(rows)
        listed = "".join(f"<div><dt>{name}</dt><dd>{told}</dd></div>" for name, told in facts if told)
        legend = "".join(f'<li><b class="{colour}">{letter}</b> {told}</li>' for colour, letter, told in LEGEND)
        heading = f"<h1>{escaped(title)}</h1>" if title else ""
        return (
            f'<header>{heading}<dl>{listed}</dl><ul class="legend">{legend}'
            '<li><b class="box gradient">∂L/∂z</b> computed once, reused</li></ul>'
            '<p class="note">Point at a symbol, or reach it with the Tab key: every place where it appears lights up. '
            f"{BEHIND if self.frame.amount.behind else TOO_LARGE}</p></header>"
        )

    def _controls(self) -> str:
        made, key = [], self.frame.key
        if len(self.every) > 1:
            ticks = "".join(
                f'<label><input type="radio" name="{key}-step" id="{key}-s{step.number}"'
                f"{CHECKED if step is self.steps[0] else ''}/><span>{step.number}</span>{_loss(step)}</label>"
                for step in self.steps
            )
            left = len(self.every) - len(self.steps)
            told = f" <small>{len(self.steps)} of {len(self.every)} are shown</small>" if left else ""
            made.append(f'<fieldset class="steps"><legend>Training step{told}</legend><div>{ticks}</div></fieldset>')
        rows = _rows(self.steps[0])
        if rows > 1:
            names = (("all", f"batch of {rows}", CHECKED), ("one", f"row {self.frame.sample} alone", ""))
            ticks = "".join(
                f'<label><input type="radio" name="{key}-rows" id="{key}-{short}"{checked}/><span>{text}</span></label>'
                for short, text, checked in names
            )
            made.append(f'<fieldset class="switch"><legend>Rows</legend><div>{ticks}</div></fieldset>')
        return f'<div class="controls">{"".join(made)}</div>' if made else ""

    def _step(self, step: Step) -> Iterator[str]:
        yield overview(step, self.frame)
        phases = (("Given", step.given), ("Forward", step.forward), ("Loss", step.loss))
        for title, terms in (*phases, ("Backward", step.backward), ("Update", step.update)):
            failed = step.failure if step.failure is not None and step.failure.phase == title.lower() else None
            if not terms and failed is None:
                continue
            yield f'<section class="{title.lower()}"><h2>{title}</h2>'
            if title == "Given":
                yield f'<div class="terms">{"".join(map(self.cards.given, terms))}</div>'
            else:
                failure = self._failure(failed) if failed is not None else ""
                yield f'<div class="bricks">{"".join(self._bricks(terms))}{failure}</div>'
            yield "</section>"

    def _bricks(self, terms: Sequence[Term]) -> Iterator[str]:
        for (place, brick), some in groupby(terms, lambda term: (term.place, term.brick)):
            cards = "".join(map(self.cards.computed, some))
            yield f'<div class="brick">{_heading(place, brick)}<div class="terms">{cards}</div></div>'

    def _failure(self, failure: Failure) -> str:
        told = escaped(failed(failure))
        given = "".join(
            f"<li><math>{self.frame.symbol(term)}</math> of shape {sized(term.shape)}</li>" for term in failure.operands
        )
        was = f"<p>It was given:</p><ul>{given}</ul>" if given else ""
        inside = f'<p class="badge wrong">✗ the step ends here</p><p class="told">{told}</p>{was}'
        card = f'<div class="terms"><div class="term off failed">{inside}</div></div>'
        return f'<div class="brick">{_heading(failure.place, failure.brick)}{card}</div>'


def _heading(place: str, brick: str) -> str:
    if not place and not brick:
        return "<h3>sum of the parts</h3>"
    where = f"<small>{escaped(place)}</small>" if place else ""
    return f"<h3><code>{escaped(brick or place)}</code>{where if brick else ''}</h3>"


def _joined(names: Iterable[str], link: str = ", ") -> str:
    listed = list(names)
    shown = listed if len(listed) <= 12 else [*listed[:8], "…", *listed[-3:]]
    return link.join(f"<code>{escaped(name)}</code>" for name in shown)


def _loss(step: Step) -> str:
    losses = [as_array(term.value) for term in step.loss if term.role == "loss"]
    if not losses or losses[-1] is None or losses[-1].size != 1:
        return ""
    return f"<small>L = {figures([losses[-1].item()], 5)[0]}</small>"


def _rows(step: Step) -> int:
    return max((len(term.value) for term in step.given if term.batch), default=0)
