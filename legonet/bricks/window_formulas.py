"""Where a window reads and where it writes, as parts of formulas."""

from legonet.bricks.convolution import Convolution
from legonet.bricks.window import Window


def reads(window: Window, places: str, cells: str) -> str:
    """Return the formula of the pixel that a place of a window has at one of its cells, such as ``2 * i + u - 1``.

    Letters of `places` and `cells` are for one axis each, as in ``reads(window, "ij", "uv")``.
    """
    axes = zip(places, cells, window.stride, window.padding, window.dilation, strict=True)
    return ", ".join(f"{_times(s, i)} + {_times(d, u)}{f' - {p}' if p else ''}" for i, u, s, p, d in axes)


def reaches(window: Window, pixels: str, cells: str) -> str:
    """Return the formula of the place of a window that has a pixel at one of its cells; no whole number if none has."""
    axes = zip(_padded(window, pixels), cells, window.stride, window.dilation, strict=True)
    return ", ".join(f"{h} - {_times(d, u)}" if s == 1 else f"({h} - {_times(d, u)}) / {s}" for h, u, s, d in axes)


def tiles(window: Window) -> bool:
    """Return whether the places of a window lie side by side, so that each pixel is in one of them."""
    return window.stride == window.extent


def tile_of(window: Window, pixels: str) -> str:
    """Return the formula of the place that has a pixel, of a window that `tiles`."""
    axes = zip(_padded(window, pixels), window.stride, strict=True)
    return ", ".join(h if s == 1 else f"({h}) // {s}" for h, s in axes)


def cell_of(window: Window, pixels: str) -> list[str]:
    """Return the formulas of the cell at which that place has the pixel, one for each axis."""
    axes = zip(_padded(window, pixels), window.stride, strict=True)
    return ["0" if s == 1 else f"(({h}) % {s})" for h, s in axes]


def number(window: Window, u: str, v: str) -> str:
    """Return the formula of the number of a cell, as the cells are counted through row by row."""
    rows, columns = window.kernel_size
    return v if rows == 1 else u if columns == 1 else f"{columns} * {u} + {v}"


def channels(conv: Convolution, c: str, o: str) -> tuple[tuple[str, str, str], tuple[str, str, str]]:
    """Return how the formulas of a convolution speak of channels.

    c are those of the image that the window moves over, o those of its places. First for what is summed at a place: the
    channel of the image, its number in W, and the letter to sum over; then for what is summed at a pixel: the channel
    of the place, the number of the pixel's in W, and the letter.
    """
    if conv.groups == 1:
        return (c, c, f"{c}, "), (o, c, f"{o}, ")
    sizes = {"c": conv.inputs // conv.groups, "o": conv.outputs // conv.groups}
    if sizes[c] == sizes[o] == 1:  # depthwise: each channel has its own
        return (o, "0", ""), (c, "0", "")
    first = o if sizes[o] == 1 else f"{o} // {sizes[o]}"  # of the group that o is in, the first channel of the image
    first = first if sizes[c] == 1 else f"{first} * {sizes[c]}"
    return (f"{first} + {c}", c, f"{c}, "), (o, f"{c} - {first}", f"{o}, ")


def _padded(window: Window, pixels: str) -> list[str]:
    return [f"{h} + {p}" if p else h for h, p in zip(pixels, window.padding, strict=True)]


def _times(factor: int, letter: str) -> str:
    return letter if factor == 1 else f"{factor} * {letter}"
