"""Why a gradient is wrong: experiments on a failing point, each of which knows one kind of mistake."""

import warnings
from collections.abc import Callable, Iterator

import numpy as np

from legonet.testing.points import Point
from legonet.testing.probe import Fault

from . import cures, decomposed, factors, operands, parts, placement, promises, scan, sizes, terms, values
from .case import Case, Redraw
from .guesses import Diagnosis, Guess, number
from .views import View

Experiment = Callable[[Case], Iterator[Guess]]

LONGEST = 200
"""A sentence has at most this many characters."""


def diagnose(point: Point, fault: Fault, redraw: Redraw | None = None) -> Diagnosis:
    """Find out why a gradient is wrong.

    Parameters
    ----------
    point : Point
        Where it is, small rather than large.
    fault : Fault
        What `examine` found there.
    redraw : callable, optional
        Builds the same brick for other ``sizes``, another ``seed`` and another ``profile``; returns None if it cannot.

    Returns
    -------
    Diagnosis
        The likeliest causes. It is the same for the same arguments, and never fails.
    """
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _diagnose(point, fault, redraw)
        except Exception:
            return Diagnosis(_chosen([Guess(fault.cause or "wrong_formula", fault.message)]))


def _diagnose(point: Point, fault: Fault, redraw: Redraw | None) -> Diagnosis:
    if redraw is not None and any(x.size == 0 for x in point.inputs):
        found = promises.examined(redraw, point)
        if found is None:
            return Diagnosis(_chosen([Guess("shape", f"wrong for empty arrays only: {fault.message}", True)]))
        point, fault = found
    if redraw is not None and fault.cause == "shape" and fault.label:
        point, fault = promises.examined(redraw, point) or (point, fault)
    guesses = list(_promised(point, fault, redraw))
    if any(guess.sure for guess in guesses):
        return Diagnosis(_chosen(guesses))
    case = Case(point, fault, redraw)
    for experiment in _experiments(case):
        guesses += _safely(experiment, case)
        if any(guess.sure for guess in guesses) or (guesses and experiment is factors.proportional):
            break
    guesses += _fallback(case)
    # What was varied tells of numbers; a broken promise is none.
    return Diagnosis(_chosen(guesses), tuple(dict.fromkeys(case.varied)) if fault.comparison else ())


def _safely(experiment: Experiment, case: Case) -> list[Guess]:
    try:
        return list(experiment(case))
    except Exception:
        return []


def _chosen(guesses: list[Guess]) -> tuple[Guess, ...]:
    """Keep one guess that is sure, or the first two causes."""
    first: dict[str, Guess] = {}
    for guess in sorted(guesses, key=lambda guess: not guess.sure):
        first.setdefault(guess.cause, guess)
    kept = [Guess(g.cause, _short(g.sentence), g.sure) for g in first.values()]
    return tuple(kept[:1] if kept and kept[0].sure else kept[:2])


def _short(sentence: str) -> str:
    return sentence if len(sentence) <= LONGEST else sentence[: LONGEST - 1].rstrip() + "…"


# -- promises ----------------------------------------------------------------------------------------------------------


def _promised(point: Point, fault: Fault, redraw: Redraw | None) -> Iterator[Guess]:
    """A broken promise mostly names its cause."""
    if fault.cause in ("", "nonfinite", "ties"):
        return
    if fault.cause == "shape":
        yield from promises.wrong_shape(point, fault) if fault.label else promises.raised(point, fault)
    elif fault.promise == "float32":
        yield from promises.single(point, fault)
    elif fault.promise == "coarse":
        yield from promises.coarse(point, fault)
    elif fault.promise == "linear":
        yield from promises.bent(point, fault)
    elif fault.cause == "layout":
        yield from promises.arranged(point, fault, redraw)
    elif fault.promise == "adding":
        yield from promises.added(point, fault)
    elif fault.cause in ("wrong_formula", "stale_state") or fault.promise == "second backward":
        yield from promises.memory(point, fault)
    else:
        yield Guess(fault.cause, fault.message, True)


# -- numbers -----------------------------------------------------------------------------------------------------------


def _experiments(case: Case) -> Iterator[Experiment]:
    yield _random
    if case.fault.cause in ("nonfinite", "ties") or not case.wrong:
        if case.fault.comparison is not None:
            yield values.rare
        yield sizes.special_sizes
        yield sizes.some_sizes
        return
    yield terms.nothing_there
    if case.near:
        yield scan.region
        yield values.rare
    yield _penalty
    yield sizes.special_sizes
    if case.right:
        yield scan.region
    yield from (
        parts.unused_part,
        placement.exchanged,
        factors.proportional,
        placement.of_another,
        placement.rearranged,
        operands.forgotten,
        terms.inverted,
        operands.wrong_variable,
        parts.overwritten_contributions,
        parts.repeated,
        scan.region,
        values.slight,
        operands.forgotten_option,
        parts.left_out,
        parts.upstream_part,
        factors.row_by_row,
        terms.off_diagonal,
        terms.ablation,
        terms.fills,
        placement.same_sums,
        cures.cures,
        placement.mixed,
        decomposed.row_terms,
        terms.coupling,
        terms.mean_term,
        parts.too_many,
        placement.misplaced,
        factors.two_factors,
        sizes.some_sizes,
        terms.local_terms,
        decomposed.local_sum,
        factors.wrong_length,
        operands.other_factor,
        operands.ignored,
        terms.dead_or_alive,
        cures.equal_operands,
        parts.some_outputs,
        parts.partly_negative,
    )


def _random(case: Case) -> Iterator[Guess]:
    views = case.wrong or ([case.here] if case.here is not None else [])
    if views and all(promises.redrawn(view, case.label) for view in views[:2]):
        yield Guess(
            "random",
            f"{case.label} changes if the generator moves on after forward: backward draws random numbers anew",
            True,
        )


def _penalty(case: Case) -> Iterator[Guess]:
    """One number, such as the value of a penalty, is added to every entry in place of the gradient."""

    def share(view: View) -> float | None:
        claimed, y = view.claimed(case.label), view.y
        if len(y) != 1 or claimed is None or claimed.size < 2 or not claimed.flat[0] or not y[0]:
            return None
        alike = np.allclose(claimed, claimed.flat[0], rtol=1e-9, atol=0)
        return float(claimed.flat[0] / y[0]) if alike and np.ptp(view.numeric(case.label)) else None

    shares = case.every(share)
    if shares is None or case.here is None or not {one.parameter for one in case.here.probe.variables} - {None}:
        return
    factor = "" if abs(shares[0] - 1) < 1e-6 else f"{number(shares[0])} times "
    if max(shares) - min(shares) <= 1e-6 * abs(shares[0]):
        yield Guess(
            "wrong_formula", f"{case.label}: {factor}the penalty's value is added instead of its gradient", case.sure
        )
    else:
        told = "every entry gets the same number, as if a sum, such as the penalty's value, were added"
        yield Guess("wrong_formula", f"{case.label}: {told} instead of its gradient", case.sure)


def _fallback(case: Case) -> Iterator[Guess]:
    """What is likely if no experiment has found anything."""
    label = case.label or "the gradient"
    if case.fault.cause == "shape":
        yield Guess("shape", case.fault.message)
        return
    if case.fault.cause:
        yield Guess(case.fault.cause, case.fault.message)
    view = case.wrong[0] if case.wrong else None
    if view is not None and terms.local(view, case.label) is not None:
        yield Guess(
            "wrong_formula",
            f"{label} has another local derivative than forward; no factor and no threshold explains it",
        )
        yield Guess("wrong_variable", f"{label} may have the right formula at the wrong variable")
        return
    if view is not None and placement.looks_like_window(case):
        yield Guess(
            "window",
            f"{label} is wrong by more than a factor; the brick moves a window: check stride, padding and offsets",
        )
    yield Guess("missing_path", f"{label} may lack a path from input to output, or have one too many")
    yield Guess("wrong_formula", f"{label} is the derivative of another formula than forward's")
