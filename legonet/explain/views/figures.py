"""The digits of numbers on a page: as many as are needed, and the same for all numbers of a matrix."""

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .matrices import number


def figures(values: Sequence[Any], digits: int = 6) -> list[str]:
    """Write numbers with the same number of decimals, such that the largest has about so many digits.

    Those of which three digits would not be seen are written with a power of ten.

    Parameters
    ----------
    values : sequence
        Numbers of a matrix.
    digits : int, optional
        Significant digits of the largest; two more, if smaller ones need them.

    Examples
    --------
    >>> figures([1.5, -0.25, 0.0])
    ['1.50', '−0.25', '0']
    >>> figures([1.0, 2.34e-12])
    ['1', '2.34e−12']
    """
    plain = [float(value) for value in values]
    sizes = [abs(value) for value in plain if math.isfinite(value) and value]
    high, low = (math.floor(math.log10(each(sizes))) if sizes else 0 for each in (max, min))
    decimals = max(digits - 1 - high, min(2 - low, digits + 1 - high), 0)
    if high > digits or high < -digits:
        return [signed(number(value, digits)) for value in values]
    fixed = {value: f"{value:.{decimals}f}" for value in plain if abs(value) >= 10.0 ** (2 - decimals) or decimals == 0}
    fixed = {value: text for value, text in fixed.items() if math.isfinite(value) and value}
    spare = min((len(text) - len(text.rstrip("0")) for text in fixed.values() if "." in text), default=0)
    texts = (fixed[v][: len(fixed[v]) - spare] if "." in fixed.get(v, "") else fixed.get(v) for v in plain)
    return [
        signed(text.rstrip(".")) if text is not None else signed(number(value, digits if value > 1 else 3))
        for value, text in zip(plain, texts, strict=True)
    ]


def exact(value: Any) -> str:
    """Write a number with eight decimals, or with eight significant digits where that is more."""
    value = float(value)
    if not math.isfinite(value) or not 1e-3 <= abs(value) < 1e7:
        return signed(number(value, 8))
    return signed(f"{value:.8f}".rstrip("0").rstrip("."))


def signed(text: str) -> str:
    """Write a number with the minus sign and the infinity of typography."""
    return re.sub("e(−?)0", r"e\1", text.replace("-", "−").replace("inf", "∞").replace("e+", "e"))


def sized(shape: Iterable[int]) -> str:
    """Write a shape, as in 3 × 4."""
    return " × ".join(map(str, shape)) or "one number"


def size_of(value: Any) -> float:
    """Return the largest finite size in an array."""
    array = np.abs(np.asarray(value, float))
    return float(np.max(array, initial=0.0, where=np.isfinite(array)))
