"""The picture of an array is a PNG that says of each block how large its largest entry is."""

import base64
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from legonet.explain.views.heat import picture


def pixels_of(address: str) -> tuple[np.ndarray, bytes, bytes]:
    """Return the numbers of the colours, the palette and how much of each colour is seen."""
    png = base64.b64decode(address.removeprefix("data:image/png;base64,"))
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(png):
        (size,) = struct.unpack(">I", png[at : at + 4])
        kind, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        assert struct.unpack(">I", png[at + 8 + size : at + 12 + size]) == (zlib.crc32(kind + data),)
        chunks[kind] = data
        at += 12 + size
    width, height, depth, colours, *rest = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert (depth, colours, rest) == (4, 3, [0, 0, 0])
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, -1)
    assert not rows[:, 0].any()
    both = np.stack([rows[:, 1:] >> 4, rows[:, 1:] & 15], axis=2).reshape(height, -1)
    return both[:, :width], chunks[b"PLTE"], chunks[b"tRNS"]


def test_zero_is_clear_and_the_largest_is_strongest_below_and_above() -> None:
    found, palette, strengths = pixels_of(picture(np.array([[-2.0, 0.0, 2.0], [1.0, -1.0, 0.0]])))
    assert found[0].tolist() == [0, 7, 14]
    assert found[1, 2] == 7
    assert found[1, 1] < 7 < found[1, 0]
    assert (strengths[0], strengths[7], strengths[14]) == (255, 0, 255)
    assert palette[:3] != palette[-3:]


@pytest.mark.parametrize("side", [16, 48])
def test_a_large_array_is_shown_in_blocks_by_their_largest_entry(side: int) -> None:
    array = np.zeros((200, 300))
    array[150, 20] = -3.0
    found, *_ = pixels_of(picture(array, side))
    assert found.shape == (side, side)
    (place,) = np.argwhere(found != 7)
    assert tuple(place) == (150 * side // 200, 20 * side // 300)


@given(shape=st.lists(st.integers(1, 5), min_size=1, max_size=4), seed=st.integers(0, 99))
def test_arrays_of_any_shape_have_a_picture(shape: list[int], seed: int) -> None:
    array = np.random.default_rng(seed).normal(size=shape)
    found, *_ = pixels_of(picture(array))
    matrix = array.reshape(-1, shape[-1])
    assert found.shape == (min(len(matrix), 48), shape[-1])
    if len(matrix) <= 48:
        assert np.array_equal(found > 7, np.round(7 * matrix / np.abs(matrix).max()) > 0)


def test_what_is_not_finite_is_as_clear_as_zero() -> None:
    found, *_ = pixels_of(picture(np.array([[np.nan, np.inf, -np.inf, 1.0]])))
    assert found.tolist() == [[7, 7, 7, 14]]
