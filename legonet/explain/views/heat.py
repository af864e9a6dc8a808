"""A picture of an array: blue below zero, clear at it, red above."""

import base64
import itertools
import struct
import zlib
from typing import Any

import numpy as np

from legonet.arrays import Array

_ZERO = 7
"""The colour of 0, on which any paper shines through; those of numbers below and above are before and after it."""
_STRENGTHS = bytes(round(255 * abs(k - _ZERO) / _ZERO) for k in range(2 * _ZERO + 1))
_COOL, _WARM = (74, 127, 240), (226, 101, 58)


def strength(value: float, largest: float) -> float:
    """Return how strong the colour of a number is, 0 to 1."""
    if not largest or not np.isfinite(value):
        return 0.0
    return min(abs(value) / largest, 1.0)


def largest_of(array: Any) -> float:
    """Return the largest finite size in an array."""
    array = np.abs(np.asarray(array, float))
    return float(np.max(array, initial=0.0, where=np.isfinite(array)))


def picture(array: Any, side: int = 48) -> str:
    """Return a whole array as a data address of a small PNG; of blocks of entries, the largest is shown.

    Parameters
    ----------
    array : numpy.ndarray
        The array.
    side : int, optional
        Pixels at most, each way.
    """
    matrix = np.nan_to_num(np.asarray(array, float), nan=0.0, posinf=0.0, neginf=0.0)
    matrix = matrix.reshape(-1, matrix.shape[-1])
    small = _blocks(_blocks(matrix, side).T, side).T
    pixels = np.round(_ZERO + _ZERO * small / (largest_of(small) or 1.0)).astype(np.uint8)
    pixels = np.pad(pixels, ((0, 0), (0, pixels.shape[1] % 2)))
    rows = b"".join(b"\0" + row.tobytes() for row in pixels[:, ::2] << 4 | pixels[:, 1::2])  # two pixels in a byte
    head = struct.pack(">IIBBBBB", small.shape[1], small.shape[0], 4, 3, 0, 0, 0)
    chunks = (
        *((b"IHDR", head), (b"PLTE", bytes(_COOL * _ZERO + _WARM * (_ZERO + 1))), (b"tRNS", _STRENGTHS)),
        *((b"IDAT", zlib.compress(rows, 9)), (b"IEND", b"")),
    )
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return "data:image/png;base64," + base64.b64encode(png).decode()


def _blocks(matrix: Array, side: int) -> Array:
    """Return fewer rows: of each block of rows, the entry of the largest size in each column."""
    count = min(len(matrix), side)
    edges = np.linspace(0, len(matrix), count + 1).astype(int)
    made = []
    for start, end in itertools.pairwise(edges):
        block = matrix[start:end]
        made.append(np.take_along_axis(block, np.abs(block).argmax(axis=0)[np.newaxis], axis=0)[0])
    return np.array(made)
