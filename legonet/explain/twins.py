"""Run a network again with other numbers, to tell what holds by chance from what holds always."""

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from legonet.brick import Brick

from .record import Call, Recorder

NUMBERS = (1.0, 0.1)
"""How different the other numbers are: quite others, and, where a network does not take those, similar ones."""


def give_twins(net: Brick[Any], inputs: Sequence[Any], calls: Sequence[Call]) -> None:
    """Give each call of a network the same call of a run with other numbers, where there is one.

    Parameters
    ----------
    net : Brick
        The network as it was before; it is copied.
    inputs : sequence
        What it was given.
    calls : sequence of Call
        Those of the first run, in order.
    """
    for strength in NUMBERS:
        found = _calls(net, inputs, strength)
        pairs = [*zip(calls, found, strict=False)]
        if len(pairs) == len(found) and all(_form(call) == _form(other) for call, other in pairs):
            for call, other in pairs:
                call.twin = other if other.done else None
            return


def _form(call: Call) -> tuple[str, bool, int, int]:
    return call.place, call.done, len(call.inputs), len(call.outputs())


def _calls(net: Brick[Any], inputs: Sequence[Any], strength: float) -> list[Call]:
    rng = np.random.default_rng(0)
    recorder = Recorder({"net": copy.deepcopy(net)})
    other = recorder.roots["net"]
    try:
        for parameter in other.parameters():
            parameter.value[...] = _moved(parameter.value, strength, rng)
        with recorder.listening(), np.errstate(all="ignore"):
            other.forward(*[_moved(x, strength, rng) for x in inputs])
    except Exception:  # it does not take other numbers, or fails as the first run did: the calls up to there count
        return recorder.calls
    return recorder.calls


def _moved(value: Any, strength: float, rng: np.random.Generator) -> Any:
    """Return other numbers of about the same size; whole numbers are left."""
    if not isinstance(value, np.ndarray) or value.dtype.kind != "f" or not value.size:
        return value
    size = float(np.sqrt(np.mean(np.square(value, dtype=float))))
    moved = value + strength * (size if 0 < size < np.inf else 1.0) * rng.normal(size=value.shape)
    return moved.astype(value.dtype)
