"""Images as columns and back: what convolution and pooling have in common.

A window moves over an image and sees a patch at each place. `to_patches` makes each patch a column of a matrix, so that
a convolution is one matrix product (im2col); `from_patches` is its transpose and adds the patches up to an image.
`to_pixels` makes each pixel a column, of its channels; `from_pixels` is its inverse.

The columns of both stand in the same order, places first and batch last: what one cell of the window sees at all places
is then a few long runs of memory. An image made of such columns is that memory, seen as (batch, channels, height,
width). Elementwise bricks keep the order, so the next convolution has nothing to rearrange. All this goes for one axis
of space as well as for two.
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from legonet.arrays import Array, brief
from legonet.checks import check_size
from legonet.errors import OptionError, ShapeError

Sizes: TypeAlias = tuple[int, ...]
"""Whole numbers, one for each axis."""

Form: TypeAlias = tuple[Sizes, np.dtype[Any]]
"""The shape and the dtype of an array."""


class Window(NamedTuple):
    """How a window moves over an image: for each axis of space a size, a stride, a padding and a dilation."""

    size: Sizes
    stride: Sizes
    padding: Sizes
    dilation: Sizes

    @classmethod
    def of(
        cls,
        who: str,
        axes: int,
        size: int | Sizes,
        stride: int | Sizes,
        padding: int | Sizes,
        dilation: int | Sizes = 1,
    ) -> "Window":
        """Return the window of these options, or refuse them."""
        return cls(
            check_sizes(who, "size", size, axes, at_least=1),
            check_sizes(who, "stride", stride, axes, at_least=1),
            check_sizes(who, "padding", padding, axes),
            check_sizes(who, "dilation", dilation, axes, at_least=1),
        )

    @classmethod
    def of_pooling(cls, who: str, size: int | Sizes, stride: int | Sizes | None, padding: int | Sizes) -> "Window":
        """Return the window of pooling over two axes, or refuse its options; every place sees at least one pixel."""
        made = cls.of(who, 2, size, size if stride is None else stride, padding)
        if any(2 * p > k for p, k in zip(made.padding, made.size, strict=True)):
            needed = f"padding of at most half of size {show_sizes(made.size)}"
            raise OptionError(f"{who} needs {needed}, but padding is {show_sizes(made.padding)}")
        return made

    @property
    def extent(self) -> Sizes:
        """How many pixels the window reaches over along each axis."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.size, self.dilation, strict=True))

    def places(self, shape: Sizes) -> Sizes:
        """Return how many places the window has along each axis of an x of this shape."""
        axes = zip(shape[2:], self.padding, self.extent, self.stride, strict=True)
        return tuple((n + 2 * p - extent) // s + 1 for n, p, extent, s in axes)

    def check(self, who: object, shape: Sizes) -> None:
        """Refuse an x of this shape if the window does not fit into it and its padding."""
        names = ("height", "width") if len(self.size) == 2 else ("time",)
        least = tuple(max(extent - 2 * p, 1) for extent, p in zip(self.extent, self.padding, strict=True))
        if any(n < needed for n, needed in zip(shape[2:], least, strict=True)):
            needed = " and ".join(f"{name} >= {n}" for name, n in zip(names, least, strict=True))
            raise ShapeError(f"{brief(who, 80)} needs x of {needed}, but x has shape {brief(str(shape))}")

    def show(self, stride: Sizes | None = None) -> str:
        """Return the options as they are written, without the usual ones; the usual stride is 1 or another one."""
        ones = (1,) * len(self.size)
        usual = {"stride": stride or ones, "padding": (0,) * len(ones), "dilation": ones}
        given = {name: getattr(self, name) for name in usual}
        shown = [f", {name}={show_sizes(value)}" for name, value in given.items() if value != usual[name]]
        return show_sizes(self.size) + "".join(shown)


def check_sizes(who: str, name: str, value: int | Sizes, axes: int, *, at_least: int = 0) -> Sizes:
    """Return one whole number for each axis, or refuse `value`; an int stands for all axes."""
    given = value if isinstance(value, tuple | list) else (value,) * axes
    try:
        sizes = tuple(check_size(who, name, size) for size in given)
    except OptionError:
        sizes = ()
    if len(sizes) != axes or min(sizes) < at_least:
        needed = f"a whole number >= {at_least}" + (" or a pair of them" if axes == 2 else "")
        raise OptionError(f"{who} needs {name} as {needed}, but {name} is {brief(repr(value))}")
    return sizes


def check_channels(who: str, in_channels: int, out_channels: int, groups: int) -> tuple[int, int, int]:
    """Return both numbers of channels and the number of groups, or refuse them."""
    inputs, outputs = check_size(who, "in_channels", in_channels), check_size(who, "out_channels", out_channels)
    (number,) = check_sizes(who, "groups", groups, 1, at_least=1)
    if inputs % number or outputs % number:
        needed = "groups that divide in_channels and out_channels"
        raise OptionError(f"{who} needs {needed}, but {number} does not divide {inputs} and {outputs}")
    return inputs, outputs, number


def show_sizes(sizes: Sizes) -> str:
    """Return sizes as they are written: as one number if they are the same for all axes."""
    return str(sizes[0]) if len(set(sizes)) == 1 else str(sizes)


def matrices(weight: Array, groups: int) -> Array:
    """Return the weight of a convolution as a matrix for each group.

    Parameters
    ----------
    weight : numpy.ndarray
        Of shape (in / groups, *size, out).
    groups : int
        The number of groups of channels.

    Returns
    -------
    numpy.ndarray
        Of shape (groups, in / groups * cells of the window, out / groups).
    """
    *cells, outputs = weight.shape
    return weight.reshape(math.prod(cells), groups, outputs // groups).swapaxes(0, 1)


def to_pixels(x: Array, groups: int = 1) -> Array:
    """Return each pixel of x as a column.

    Parameters
    ----------
    x : numpy.ndarray
        Images, of shape (batch, channels, *space).
    groups : int, optional
        Into how many groups to divide the channels.

    Returns
    -------
    numpy.ndarray
        Of shape (groups, channels / groups, pixels); a view where the layout in memory allows it.
    """
    batch, channels, *space = x.shape
    return np.moveaxis(x, 0, -1).reshape(groups, _share(channels, groups), math.prod(space) * batch)


def from_pixels(pixels: Array, shape: Sizes) -> Array:
    """Return the images of this shape, (batch, channels, *space), from their pixels as columns: a view of them."""
    batch, *rest = shape
    return np.moveaxis(pixels.reshape(*rest, batch), -1, 0)


def to_patches(x: Array, window: Window, groups: int = 1, *, fill: float = 0.0) -> Array:
    """Return each patch of x that the window sees as a column.

    Parameters
    ----------
    x : numpy.ndarray
        Images, of shape (batch, channels, *space).
    window : Window
        How the window moves.
    groups : int, optional
        Into how many groups to divide the channels.
    fill : float, optional
        What the window sees in the padding.

    Returns
    -------
    numpy.ndarray
        Of shape (groups, channels / groups * cells of the window, places), in C order.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet.bricks.patches import Window, from_patches, to_patches
    >>> window = Window(size=(2,), stride=(1,), padding=(0,), dilation=(1,))
    >>> x = np.array([[[1.0, 2.0, 3.0, 4.0]]])
    >>> patches = to_patches(x, window)
    >>> patches
    array([[[1., 2., 3.],
            [2., 3., 4.]]])
    >>> from_patches(patches, x.shape, window)
    array([[[1., 4., 6., 4.]]])
    """
    image = np.moveaxis(x, 0, -1)
    if any(window.padding):
        padded = np.full(_padded(x.shape, window), fill, x.dtype)
        padded[_inside(x.shape, window)] = image
        image = padded
    channels, places = x.shape[1], window.places(x.shape)
    patches = np.empty((channels, *window.size, *places, len(x)), x.dtype)
    for cell, seen in _seen(np.ascontiguousarray(image), window, places):
        patches[cell] = seen
    return patches.reshape(groups, _share(channels, groups) * math.prod(window.size), math.prod(places) * len(x))


def from_patches(patches: Array, shape: Sizes, window: Window) -> Array:
    """Return images in which each pixel is the sum of what all patches have for it.

    Parameters
    ----------
    patches : numpy.ndarray
        Patches as `to_patches` gives them.
    shape : tuple of int
        The shape of the images, (batch, channels, *space).
    window : Window
        How the window moves.

    Returns
    -------
    numpy.ndarray
        The images, without their padding. Pixels that the window does not see are 0.
    """
    image, places = np.zeros(_padded(shape, window), patches.dtype), window.places(shape)
    patches = patches.reshape(shape[1], *window.size, *places, shape[0])
    for cell, seen in _seen(image, window, places):
        seen += patches[cell]
    return np.moveaxis(image[_inside(shape, window)], -1, 0)


def _seen(image: Array, window: Window, places: Sizes) -> Iterator[tuple[Any, Array]]:
    """Yield the index of each cell of the window and what it sees at all places of an image: a view of it."""
    for cell in np.ndindex(*window.size):
        starts = (c * d for c, d in zip(cell, window.dilation, strict=True))
        axes = zip(starts, window.stride, places, strict=True)
        yield (
            (slice(None), *cell),
            image[(slice(None), *(slice(start, start + s * (n - 1) + 1, s) for start, s, n in axes))],
        )


def _share(channels: int, groups: int) -> int:
    return channels // groups if groups else 1  # pooling makes each channel a group, also if there is none


def _padded(shape: Sizes, window: Window) -> Any:
    batch, channels, *space = shape
    return (channels, *(n + 2 * p for n, p in zip(space, window.padding, strict=True)), batch)


def _inside(shape: Sizes, window: Window) -> tuple[slice, ...]:
    return (slice(None), *(slice(p, p + n) for n, p in zip(shape[2:], window.padding, strict=True)))
