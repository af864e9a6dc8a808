"""Compare the gradients of a step with finite differences, number by number."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np

from legonet.arrays import Array
from legonet.brick import Brick
from legonet.parameter import Parameter
from legonet.testing.compare import Judge
from legonet.testing.probe import Probe, Variable
from legonet.testing.slopes import quick_difference

from .trace import Badge, Difference, Step, Term

ALL = 16
"""A gradient of at most so many entries is compared whole."""
SOME = 5
"""Of a larger one, so many entries."""
NOTHING = 1e-6
"""A gradient that is smaller than this part of the largest one may be 0 within the rounding of the loss."""
LARGE = 20_000
"""With more parameters than that, one difference of two values has to do where it agrees."""


class Objective(Brick[Any]):
    """A network with its loss and penalties, as one function of the inputs and the target.

    Parameters
    ----------
    net, loss : Brick
        The network and its loss.
    penalties : list of Brick
        The regularizers.
    """

    def __init__(self, net: Brick[Any], loss: Brick[Any], penalties: list[Brick[Any]]) -> None:
        self.net, self.loss, self.penalties = net, loss, penalties

    def forward(self, *given: Any) -> tuple[float, Any]:
        """Return the loss plus the penalties, and all caches."""
        *inputs, target = given
        y, net_cache = self.net.forward(*inputs)
        value, loss_cache = self.loss.forward(y, target)
        pairs = [penalty.forward() for penalty in self.penalties]
        return float(value) + sum(float(pair[0]) for pair in pairs), (
            net_cache,
            loss_cache,
            [pair[1] for pair in pairs],
        )

    def backward(self, dloss: float, caches: Any) -> None:
        """Add the gradients of all parameters."""
        net_cache, loss_cache, penalty_caches = caches
        self.net.backward_parameters(self.loss.backward(dloss, loss_cache), net_cache)
        for penalty, cache in zip(self.penalties, penalty_caches, strict=True):
            penalty.backward(dloss, cache)


def give_badges(
    step: Step,
    before: Objective,
    parameters: Sequence[tuple[str, Parameter]],
    terms: dict[int, Term],
    given: Sequence[Any],
) -> None:
    """Give the gradient of each parameter its badge.

    Parameters
    ----------
    step : Step
        The step; its parameter gradients get badges.
    before : Objective
        What the step was made with, as it was before.
    parameters : sequence of pairs
        The names in the objective and the parameters of the copy that made the step.
    terms : dict
        The terms of parameters by their identity.
    given : sequence
        The inputs and the target.
    """
    gradients = {str(term.symbol): term for term in step.backward if term.role == "parameter gradient"}
    names = ("x", *(f"x{number}" for number in range(len(given))))
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            probe = Probe(before, given, constants=names)
            judge = Judge(probe, np.ones(1), np.random.default_rng(0))
        except Exception:  # in float64 it may fail where it did not: then nothing is known, and the badge says so
            return
        quick = sum(variable.array.size for variable in probe.variables) > LARGE
        size = max(
            (float(np.max(np.abs(np.nan_to_num(t.value)), initial=0.0)) for t in gradients.values()), default=0.0
        )
        for name, parameter in parameters:
            term = gradients.get(f"dL/d{terms[id(parameter)]}") if id(parameter) in terms else None
            variable = next((v for v in probe.variables if v.name == name), None)
            if term is not None and variable is not None:
                found = (_compare(judge, variable, term.value, entry, quick) for entry in entries(term.value))
                term.badge = Badge(tuple(_settled(each, NOTHING * float(size)) for each in found), np.size(term.value))


def _settled(found: Difference, nothing: float) -> Difference:
    """Let a gradient agree that is 0 within a rounding that is small beside the others."""
    alike = found.difference <= found.error <= nothing
    return replace(found, outcome="right") if found.outcome == "unknown" and alike else found


def entries(gradient: Array) -> Iterator[tuple[int, ...]]:
    """Yield all entries of a small gradient; of a large one the largest, the first, the last and some between."""
    gradient = np.asarray(gradient)
    if gradient.size <= ALL:
        yield from np.ndindex(gradient.shape)
        return
    size = np.abs(np.nan_to_num(gradient)).ravel()
    few = np.linspace(0, gradient.size - 1, SOME - 1).astype(int)
    for number in dict.fromkeys([int(size.argmax()), *map(int, few)]):
        yield tuple(int(i) for i in np.unravel_index(number, gradient.shape))


def _compare(judge: Judge, variable: Variable, gradient: Array, entry: tuple[int, ...], quick: bool) -> Difference:
    analytic = float(np.asarray(gradient)[entry])
    if quick and judge.quickly(variable, entry):
        found = quick_difference(judge.probe, variable, entry)
        return Difference(entry, analytic, float(cast(Array, found)[0]), 0.0, "right")
    try:
        verdict = judge.entry(variable, entry)
    except Exception:
        return Difference(entry, analytic, np.nan, np.inf, "unknown")
    outcome = {"right": "right", "wrong": "wrong"}.get(verdict.outcome, "unknown")
    return Difference(entry, analytic, verdict.numeric, verdict.error, outcome)
