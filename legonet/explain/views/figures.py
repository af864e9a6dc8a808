"""The digits of numbers on a page: as many as are needed, and the same for all numbers of a matrix."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .matrices import number

WIDE = 9
"""Decimals at most; beyond, numbers are written with a power of ten."""


def figures(values: Sequence[Any], digits: int = 6) -> list[str]:
    """Write numbers with the same number of decimals: the largest has so many digits, the smallest at least three.

    Parameters
    ----------
    values : sequence
        Numbers of a matrix.
    digits : int, optional
        Significant digits of the largest.

    Examples
    --------
    >>> figures([1.5, -0.25, 0.0])
    ['1.50', '−0.25', '0']
    >>> figures([1e-12, 1.0])
    ['1e−12', '1']
    """
    plain = [float(value) for value in values]
    sizes = [abs(value) for value in plain if math.isfinite(value) and value]
    high, low = (math.floor(math.log10(each(sizes))) if sizes else 0 for each in (max, min))
    decimals = max(digits - 1 - high, 2 - low, 0)
    if decimals > WIDE or high > digits:
        return [signed(number(value, digits)) for value in values]
    texts = [f"{value:.{decimals}f}" if math.isfinite(value) else number(value, digits) for value in plain]
    spare = min((len(text) - len(text.rstrip("0")) for text in texts if "." in text and float(text)), default=decimals)
    texts = [text[: len(text) - spare].rstrip(".") if "." in text else text for text in texts]
    return ["0" if value == 0 else signed(text) for value, text in zip(plain, texts, strict=True)]


def exact(value: Any) -> str:
    """Write a number with eight decimals, or with eight significant digits where that is more."""
    value = float(value)
    if not math.isfinite(value) or not 1e-3 <= abs(value) < 1e7:
        return signed(number(value, 8))
    return signed(f"{value:.8f}".rstrip("0").rstrip("."))


def signed(text: str) -> str:
    """Write a number with the minus sign and the infinity of typography."""
    return text.replace("-", "−").replace("inf", "∞").replace("e+", "e")


def sized(shape: Iterable[int]) -> str:
    """Write a shape, as in 3 × 4."""
    return " × ".join(map(str, shape)) or "one number"


def size_of(value: Any) -> float:
    """Return the largest finite size in an array."""
    array = np.abs(np.asarray(value, float))
    return float(np.max(array, initial=0.0, where=np.isfinite(array)))
