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
from typing import Any, TypeAlias

import numpy as np

from legonet.arrays import Array
from legonet.bricks.window import Sizes, Window

Form: TypeAlias = tuple[Sizes, np.dtype[Any]]
"""The shape and the dtype of an array."""


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
    >>> from legonet.bricks.patches import from_patches, to_patches
    >>> from legonet.bricks.window import Window
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
