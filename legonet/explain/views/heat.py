"""A picture of an array: blue below zero, white at it, red above."""

import base64
import itertools
import struct
import zlib
from typing import Any

import numpy as np

from legonet.arrays import Array

_SIDE = 48
"""Pixels at most, each way."""


def strength(value: float, largest: float) -> float:
    """Return how strong the colour of a number is, 0 to 1."""
    if not largest or not np.isfinite(value):
        return 0.0
    return min(abs(value) / largest, 1.0)


def largest_of(array: Any) -> float:
    """Return the largest finite size in an array."""
    array = np.abs(np.asarray(array, float))
    return float(np.max(array, initial=0.0, where=np.isfinite(array)))


def picture(array: Any) -> str:
    """Return a whole array as a data address of a small PNG; of blocks of entries, the largest is shown."""
    matrix = np.nan_to_num(np.asarray(array, float), nan=0.0, posinf=0.0, neginf=0.0)
    matrix = matrix.reshape(-1, matrix.shape[-1])
    small = _blocks(_blocks(matrix).T).T
    largest = largest_of(small) or 1.0
    pixels = np.round(127.5 + 127.5 * small / largest).astype(np.uint8)
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    shades = np.arange(256) / 127.5 - 1
    red = np.where(shades < 0, 255 + shades * 222, 255 - shades * 38)
    green = 255 - np.abs(shades) * np.where(shades < 0, 153, 190)
    blue = np.where(shades < 0, 255 + shades * 83, 255 - shades * 212)
    palette = np.stack([red, green, blue], axis=1).clip(0, 255).astype(np.uint8).tobytes()
    head = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 8, 3, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"PLTE", palette), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return "data:image/png;base64," + base64.b64encode(png).decode()


def _blocks(matrix: Array) -> Array:
    """Return fewer rows: of each block of rows, the entry of the largest size in each column."""
    count = min(len(matrix), _SIDE)
    edges = np.linspace(0, len(matrix), count + 1).astype(int)
    made = []
    for start, end in itertools.pairwise(edges):
        block = matrix[start:end]
        made.append(np.take_along_axis(block, np.abs(block).argmax(axis=0)[np.newaxis], axis=0)[0])
    return np.array(made)
