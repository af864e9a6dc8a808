"""What a diagnosis says."""

import math
from dataclasses import dataclass

CAUSES = {
    "constant_factor": "a wrong constant factor",
    "size_factor": "a wrong factor that depends on a size",
    "sign": "a wrong sign",
    "transposed": "operands transposed or exchanged",
    "wrong_axis": "the wrong axis, or the wrong way along it",
    "missing_sum": "the sum over a broadcast axis is missing",
    "missing_path": "a path of the total derivative is missing",
    "extra_path": "a path is extra or counted twice",
    "wrong_formula": "another formula",
    "wrong_variable": "the right formula at the wrong variable",
    "missing_gradient": "a gradient is left out",
    "forgotten_parameter": "a parameter is forgotten",
    "mask": "the mask is not applied, or the wrong one",
    "upstream_ignored": "the upstream gradient is not used, or only some of it",
    "not_linear": "not linear in the upstream gradient",
    "overwritten": "the gradient is overwritten, not added to",
    "scatter": "contributions overwrite each other",
    "exchanged": "two gradients are exchanged",
    "stale_state": "state left from another call",
    "mutation": "it writes into what it was handed",
    "aliasing": "results share memory",
    "dtype": "computed in a coarser dtype",
    "ties": "wrong where entries are equal",
    "nonfinite": "NaN or infinity where the derivative is finite",
    "special_value": "wrong at a special value",
    "threshold": "wrong on one side of a threshold",
    "epsilon": "epsilon placed differently than in forward",
    "overflow": "overflow or cancellation",
    "window": "window arithmetic: stride, padding or dilation",
    "batch_mixed": "samples of the batch are mixed up",
    "shape": "wrong for some shapes only",
    "layout": "wrong for arrays that are not contiguous, or read-only",
    "random": "random numbers are drawn anew",
}
"""Every cause that a diagnosis may name, and what it means."""


@dataclass(frozen=True)
class Guess:
    """A possible cause.

    Attributes
    ----------
    cause : str
        Its class, one of the keys of `CAUSES`.
    sentence : str
        What is wrong, with the evidence.
    sure : bool
        Whether the evidence is exact and was seen at two different points at least.
    """

    cause: str
    sentence: str
    sure: bool = False


@dataclass(frozen=True)
class Diagnosis:
    """The likeliest causes, and what was varied to find them.

    Attributes
    ----------
    guesses : tuple of Guess
        The likeliest first: one if it is sure, else two.
    varied : tuple of str
        What was varied, and what came of it.
    """

    guesses: tuple[Guess, ...] = ()
    varied: tuple[str, ...] = ()


def number(value: float) -> str:
    """Write a number as people do: 2, 1/2, -1/3, √2, or with four digits."""
    if not math.isfinite(value):
        return str(value)
    sign, size = ("-" if value < 0 else ""), abs(value)
    for denominator in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10):
        numerator = size * denominator
        if 0 < round(numerator) <= 64 and abs(numerator - round(numerator)) < 2e-6 * numerator:
            whole = round(numerator)
            return f"{sign}{whole}" if denominator == 1 else f"{sign}{whole}/{denominator}"
    for text, special in (
        ("√2", math.sqrt(2)),
        ("1/√2", math.sqrt(0.5)),
        ("π", math.pi),
        ("2π", 2 * math.pi),
        ("ln 2", math.log(2)),
        ("1/ln 2", 1 / math.log(2)),
    ):
        if abs(size - special) < 1e-5 * special:
            return sign + text
    return f"{value:.7g}" if abs(size - 1) < 1e-3 else f"{value:.4g}"


def times(ratio: float) -> str:
    """Say by what factor a gradient is off."""
    if ratio < 0 and abs(ratio + 1) > 1e-5:
        return f"{number(ratio)} times what it should be"
    if not ratio:
        return "zero"
    factor = max(abs(ratio), 1 / abs(ratio))
    told = f"{factor:.3f}" if factor > 1.001 else f"{factor:.7g}"
    return f"{told} times too {'large' if abs(ratio) >= 1 else 'small'}"
