"""Where a window reads and where it writes, as parts of formulas."""

from legonet.bricks.window import Window


def reads(window: Window, axis: int, i: str, u: str) -> str:
    """Return the formula of the pixel that place i of a window has at its cell u, such as ``2 * i + u - 1``."""
    start = f"{_times(window.stride[axis], i)} + {_times(window.dilation[axis], u)}"
    return f"{start} - {window.padding[axis]}" if window.padding[axis] else start


def reaches(window: Window, axis: int, h: str, u: str) -> str:
    """Return the formula of the place of a window that has pixel h at its cell u; no whole number if none has."""
    start = f"{h} + {window.padding[axis]}" if window.padding[axis] else h
    offset = f"{start} - {_times(window.dilation[axis], u)}"
    return f"({offset}) / {window.stride[axis]}" if window.stride[axis] > 1 else offset


def _times(number: int, name: str) -> str:
    return name if number == 1 else f"{number} * {name}"
