"""What the check has to say: of a brick that is right, and of one that is wrong."""

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from legonet.arrays import Array, brief
from legonet.brick import Brick
from legonet.errors import GradientError
from legonet.parameter import Parameter

from .compare import Tally
from .points import Point
from .probe import Fault, input_names

if TYPE_CHECKING:
    from .diagnosis.guesses import Diagnosis

WIDTH = 80


@dataclass(frozen=True)
class Report:
    """What a check that found nothing wrong has compared.

    Attributes
    ----------
    brick : str
        The brick, as it prints.
    right : int
        How many derivatives agree with finite differences, within the error bars of both.
    unresolved : int
        How many could not be told right from wrong, because rounding hides them.
    points : int
        At how many points: sets of inputs, parameters and an upstream gradient.
    refused : int
        How many further points the brick did not take, because `forward` raised or gave no finite number.
    notes : tuple of str
        What else is worth knowing.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import Sigmoid
    >>> from legonet.testing import check_brick
    >>> report = check_brick(Sigmoid(), np.array([[0.5, -1.0]]))
    >>> report
    Sigmoid(): 2 of 2 derivatives are right, at 1 point
    >>> report.verified
    True
    """

    brick: str
    right: int
    unresolved: int
    points: int
    refused: int = 0
    notes: tuple[str, ...] = ()

    @property
    def verified(self) -> bool:
        """Whether nine in ten derivatives were found right, and at most four in five points were refused."""
        return self._doubt() == ""

    def _doubt(self) -> str:
        """Return why this does not verify the brick, or nothing."""
        if not Tally(self.right, self.unresolved).resolved:
            return "fewer than nine in ten derivatives can be told right from wrong"
        if self.refused > 4 * self.points:
            return "forward refused more than four in five points"
        return ""

    def __repr__(self) -> str:
        total = self.right + self.unresolved
        at = f"at {_count(self.points, 'point')}"
        if not total:
            return f"{self.brick}: nothing to compare {at}: the arrays are empty"
        lines = [f"{self.brick}: {self.right} of {_count(total, 'derivative')} {_are(total)} right, {at}"]
        if self.unresolved:
            lines.append(f"  {self.unresolved} {_are(self.unresolved)} hidden by rounding")
        if self.refused:
            lines.append(f"  forward refused {_count(self.refused, 'further point')}")
        if self._doubt():
            lines.append(f"  not verified: {self._doubt()}")
        lines += [f"  {note}" for note in self.notes]
        return "\n".join(lines)


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def success(point: Point, tally: Tally, refused: int = 0) -> Report:
    """Return the report of a check that found nothing wrong."""
    arrays = [
        name for name, value in vars(point.brick).items() if isinstance(value, np.ndarray) and value.dtype.kind == "f"
    ]
    notes = list(tally.notes)
    if arrays and not point.brick.parameters():
        notes.append(f"not checked: {', '.join(arrays)} in attributes; make it a Parameter if it is to learn")
    return Report(brief(point.brick, 80), tally.right, tally.unresolved, tally.points, refused, tuple(notes))


def failure(
    point: Point, fault: Fault, diagnosis: "Diagnosis", constructor: str | None = None, where: str = ""
) -> GradientError:
    """Return the error that tells what is wrong with a brick; `where` is its place in the one that was checked."""
    name = brief(point.brick, 80)
    short = f"{name}: {fault.message}"
    guesses = diagnosis.guesses
    sentence = _ascii(guesses[0].sentence) if guesses else ""
    rows: list[tuple[str, str]] = [("where", where)] if where else []
    found = fault.comparison
    if found is not None:
        entry = f"{found.label}[{', '.join(map(str, found.entry))}]" if found.entry else found.label
        if found.compared > 1:
            entry += f" ({found.wrong} of {found.compared} entries of {found.label} are wrong)"
        rows.append(("entry", entry))
        rows.append(
            (
                "backward",
                "none" if fault.cause == "missing_gradient" else _digits(found.analytic),
            )
        )
        rows.append(("numeric", f"{_digits(found.numeric)} +- {found.error:.1g}"))
    elif fault.label:
        rows.append(("gradient", fault.label))
    if sentence and _ascii(fault.message).startswith(sentence[:60]):
        pass  # the first line says it already
    elif guesses and guesses[0].sure:
        rows.append(("cause", sentence))
    elif guesses:
        rows.append(("cause", "not sure; the likeliest:" if len(guesses) > 1 else "not sure, but perhaps:"))
        rows += [("", f"{number}. {_ascii(guess.sentence)}") for number, guess in enumerate(guesses[:2], 1)]
    if diagnosis.varied:
        rows.append(("varied", "; ".join(diagnosis.varied)))
    table = [line for row in rows for line in _row(*row)]
    code = ["# To see it, run:", *as_code(point, constructor)]
    # A traceback puts the name of the error before the first line.
    lead = " " * len("legonet.errors.GradientError: ")
    whole = re.sub(r"\[[^\]]*\]", lambda place: place[0].replace(" ", "\0"), short)  # an index stays in one line
    head = textwrap.wrap(
        whole, WIDTH, initial_indent=lead, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )
    head[0] = head[0].lstrip()
    head = [line.replace("\0", " ") for line in head]
    error = GradientError("\n".join([*head, *table, *code]))
    error.brick, error.gradient = name, fault.label
    error.cause = guesses[0].cause if guesses else fault.cause
    error.diagnosis = sentence
    error.short = f"{short} ({sentence})" if sentence and sentence not in short else short
    error.short += f", in {where}" if where else ""
    return error


def _ascii(text: str) -> str:
    """Return a text that any terminal and log can show."""
    return text.translate(
        {ord("…"): "...", ord("√"): "sqrt ", ord("²"): "^2", ord("π"): "pi", ord("·"): "*", ord("±"): "+-"}
    )


def _row(key: str, text: str) -> list[str]:
    lead = f"  {key:<9} "
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=lead,
        subsequent_indent=" " * len(lead),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _digits(number: float) -> str:
    return f"{number:.8g}"


def as_code(point: Point, constructor: str | None = None) -> list[str]:
    """Return lines of Python that build the brick and its inputs, and check it again."""
    # Losses call their upstream gradient dloss; the check draws it from the seed.
    call = constructor or _call(point.brick)
    needed = [] if call.startswith("...") else _imports(point.brick)
    lines = ["import numpy as np", *needed, "from legonet.testing import check_brick"]
    lines += _wrapped(f"brick = {call}")
    for name, parameter in point.brick.named_parameters():
        lines += _assignment(f"{_place(point.brick, name, parameter)}.value", parameter.value)
    names = input_names(point.brick, len(point.inputs))
    for name, x in zip(names, point.inputs, strict=True):
        lines += _assignment(name, x)
    options = [*names, f"rng={point.seed}"] if point.seed else list(names)
    if point.constants:
        options.append(f"constants={tuple(point.constants)!r}")
    if point.call_differs:
        options.append("call_differs=True")
    if point.independent_rows:
        options.append("independent_rows=True")
    return [*lines, *_wrapped(f"check_brick({', '.join(['brick', *options])})")]


def _imports(brick: Brick[Any]) -> list[str]:
    """Return the imports of a brick and of the bricks inside it, as far as they have a module."""
    top, found = sys.modules["legonet"], []
    for kind in dict.fromkeys(map(type, _bricks(brick))):
        module, name = kind.__module__, kind.__name__
        if module not in ("__main__", "builtins") and not name.startswith("_"):
            found.append(f"from {'legonet' if getattr(top, name, None) is kind else module} import {name}")
    return found


def _bricks(value: object) -> Iterator[Brick[Any]]:
    """Yield a brick, and the bricks inside it at any depth."""
    if isinstance(value, Brick):
        yield value
        value = list(vars(value).values())
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ():
        yield from _bricks(item)


def _place(brick: Brick[Any], name: str, parameter: Parameter) -> str:
    """Return how a parameter is reached from its brick."""
    place = "brick" + "".join(f"[{part}]" if part.isdigit() else f".{part}" for part in name.split("."))
    found: Any = brick
    try:
        for part in name.split("."):
            found = found[int(part)] if part.isdigit() else getattr(found, part)
    except (AttributeError, IndexError, KeyError, TypeError):
        found = None
    return place if found is parameter else f"dict(brick.named_parameters())[{name!r}]"


def _call(brick: Brick[Any]) -> str:
    """Return how a brick prints, if that builds one like it."""
    text = brief(brick, 400)
    kind = type(brick)
    as_built = f"...  # {text}, as you built it"
    try:
        ast.parse(text, mode="eval")
        parameters = inspect.signature(kind).parameters.values()
    except (SyntaxError, TypeError, ValueError):
        return as_built
    if kind.__name__.startswith("_") or not text.startswith(f"{kind.__name__}("):
        return as_built  # an adapter
    if any(_needs_arguments(inner) for inner in _bricks(brick) if inner is not brick):
        return as_built  # a brick inside it prints without what it was built with
    if not parameters or text != f"{kind.__name__}()":
        return text
    return f"{kind.__name__}({'...' if _needs_arguments(brick) else ''})  # as you built it"


def _needs_arguments(brick: Brick[Any]) -> bool:
    """Whether a brick that prints without arguments cannot be built without them."""
    try:
        parameters = inspect.signature(type(brick)).parameters.values()
    except (TypeError, ValueError):
        return False
    needed = any(p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters)
    return needed and brief(brick, 400) == f"{type(brick).__name__}()"


def _assignment(name: str, array: Array) -> list[str]:
    if array.size > 100:
        return [f"{name} = ...  # {array.dtype}, of shape {array.shape}"]
    dtype = "" if array.dtype in (np.float64, np.int64, np.bool_) else f", np.{array.dtype}"
    if array.size == 0:
        return [f"{name} = np.zeros({array.shape}{'' if array.dtype == np.float64 else f', np.{array.dtype}'})"]
    text = _literal(array)
    return _wrapped(f"{name} = np.array({text}{dtype})")


def _wrapped(line: str) -> list[str]:
    if "  # " in line:
        return [line]
    return textwrap.wrap(line, WIDTH, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)


def _literal(array: Array) -> str:
    def show(value: Any) -> str:
        if isinstance(value, np.ndarray):
            return f"[{', '.join(map(show, value))}]"
        if isinstance(value, np.floating):
            return repr(float(str(value))) if np.isfinite(value) else f"float('{value}')"
        return repr(value.item())

    return show(array if array.ndim else array[()])
