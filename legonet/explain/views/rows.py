"""One row of the batch alone: what a formula says of it, and what it gives to a sum over the batch."""

from typing import Any

import numpy as np

from legonet.explain.evaluate import Calculator
from legonet.explain.trace import Term

MOST = 2_000_000
"""Up to so many numbers in its operands, a formula is computed again for a row."""


def row_follows(term: Term, sample: int) -> bool:
    """Whether a row of a term is what its formula gives from that row of its operands alone."""
    if not term.batch:
        return False
    part = _of(term, slice(sample, sample + 1), (1, *term.shape[1:]))
    return part is not None and _alike(part, np.asarray(term.value)[sample : sample + 1])


def share_of(term: Term, sample: int) -> Any:
    """Return what a row gives to a gradient that is a sum over the rows; None if it is no such sum."""
    if term.role != "parameter gradient" or term.batch or term.formula is None:
        return None
    rows = max((len(each.value) for each in term.formula.names.values() if each.batch), default=0)
    if rows < 2:
        return None
    one = _of(term, slice(sample, sample + 1), term.shape)
    others = _of(term, np.arange(rows) != sample, term.shape)
    if one is None or others is None or not _alike(one + others, term.value):
        return None
    return one


def _of(term: Term, rows: Any, shape: tuple[int, ...]) -> Any:
    """Return what the formula of a term gives from some rows of the batch."""
    if term.formula is None or term.formula.statement.loops:
        return None
    operands = {name: np.asarray(each.value) for name, each in term.formula.names.items()}
    if sum(value.size for value in operands.values()) > MOST:
        return None
    operands |= {name: operands[name][rows] for name, each in term.formula.names.items() if each.batch}
    calculator = Calculator({**term.formula.calculator.operands, **operands})
    try:
        with np.errstate(all="ignore"):
            return calculator.assigned(term.formula.statement, shape)[0]
    except Exception:  # the formula speaks of the batch as a whole
        return None


def _alike(one: Any, other: Any) -> bool:
    one, other = np.asarray(one, float), np.asarray(other)
    if one.shape != other.shape:
        return False
    eps = float(np.finfo(other.dtype).eps) if other.dtype.kind == "f" else 0.0
    size = float(np.max(np.abs(other), initial=0.0, where=np.isfinite(other)))
    with np.errstate(all="ignore"):
        return bool(np.allclose(one, other, rtol=1e3 * eps, atol=1e3 * eps * size, equal_nan=True))
