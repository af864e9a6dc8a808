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
from functools import lru_cache, reduce
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from legonet.arrays import Array
from legonet.bricks.window import Sizes, Window


class Form(NamedTuple):
    """What an array looks like from outside."""

    shape: Sizes
    dtype: np.dtype[Any]


def matrices(weight: Array, groups: int) -> Array:
    """Return the weight of a convolution as a matrix for each group.

    Parameters
    ----------
    weight : numpy.ndarray
        Of shape (in / groups, *kernel_size, out).
    groups : int
        The number of groups of channels.

    Returns
    -------
    numpy.ndarray
        Of shape (groups, in / groups * cells of the window, out / groups).
    """
    *cells, outputs = weight.shape
    return weight.reshape(math.prod(cells), groups, outputs // groups).swapaxes(0, 1)


def batch_last(x: Array) -> Array:
    """Return a view of images as (channels, *space, batch)."""
    return x.transpose(*range(1, x.ndim), 0)


def batch_first(x: Array) -> Array:
    """Return a view of images as (batch, channels, *space): undo `batch_last`."""
    return x.transpose(-1, *range(x.ndim - 1))


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
    return batch_last(x).reshape(groups, _share(channels, groups), math.prod(space) * batch)


def from_pixels(pixels: Array, shape: Sizes) -> Array:
    """Return the images of this shape, (batch, channels, *space), from their pixels as columns: a view of them."""
    batch, *rest = shape
    return batch_first(pixels.reshape(*rest, batch))


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
    >>> window = Window(kernel_size=(2,), stride=(1,), padding=(0,), dilation=(1,))
    >>> x = np.array([[[1.0, 2.0, 3.0, 4.0]]])
    >>> patches = to_patches(x, window)
    >>> patches
    array([[[1., 2., 3.],
            [2., 3., 4.]]])
    >>> from_patches(patches, x.shape, window)
    array([[[1., 4., 6., 4.]]])
    """
    batch, channels, space = x.shape[0], x.shape[1], x.shape[2:]
    image = batch_last(x)
    if any(window.padding):
        inside, image = image, np.empty((channels, *window.padded(space), batch), x.dtype)
        image.fill(fill)
        image[_inside(window, space)] = inside
    if max(window.stride) > 1:
        image = image.reshape(channels, math.prod(window.padded(space)), batch)
        patches = image.take(_pixels_of_entries(window, space), axis=1)
    else:
        patches = _seen(np.ascontiguousarray(image), window, space)
    rows = _share(channels, groups) * math.prod(window.kernel_size)
    return patches.reshape(groups, rows, math.prod(window.places(space)) * batch)


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
    batch, channels, space = shape[0], shape[1], shape[2:]
    places = window.places(space)
    if max(window.stride) > 1:
        entries = _entries_of_pixels(window, space)
        patches = patches.reshape(channels, math.prod(window.kernel_size + places), batch)
        if entries.max() == patches.shape[1]:
            patches = np.concatenate([patches, np.zeros((channels, 1, batch), patches.dtype)], axis=1)
        return from_pixels(reduce(np.add, (patches.take(each, axis=1) for each in entries)), shape)
    patches = patches.reshape(channels, *window.kernel_size, *places, batch)
    image = np.zeros((channels, *window.padded(space), batch), patches.dtype)
    seen = _seen(image, window, space)
    for cell in product([slice(None)], *map(range, window.kernel_size)):
        seen[cell] += patches[cell]
    return batch_first(image[_inside(window, space)])


def _seen(image: npt.NDArray[Any], window: Window, space: Sizes) -> npt.NDArray[Any]:
    """Return what each cell of the window sees at each place of an image with its padding: a view of it.

    Of shape (channels, *kernel_size, *places, batch); the image has shape (channels, *space, batch), in C order.
    """
    channel, *axes, batch = image.strides
    steps = [factor * step for factor, step in zip(window.dilation + window.stride, axes + axes, strict=True)]
    shape = (len(image), *window.kernel_size, *window.places(space), image.shape[-1])
    return np.ndarray(shape, image.dtype, image, strides=(channel, *steps, batch))


# With a stride, what a cell sees lies scattered in memory. NumPy gathers that by a list of numbers several times as
# fast as it walks along a view.


@lru_cache(maxsize=32)
def _pixels_of_entries(window: Window, space: Sizes) -> npt.NDArray[np.intp]:
    """Return which pixel of an image with its padding each entry of its patches is, (cells, places)."""
    padded = window.padded(space)
    image = np.arange(math.prod(padded)).reshape(1, *padded, 1)
    return _seen(image, window, space).reshape(math.prod(window.kernel_size), -1)


@lru_cache(maxsize=32)
def _entries_of_pixels(window: Window, space: Sizes) -> npt.NDArray[np.intp]:
    """Return which entries of its patches each pixel of an image is, (times, pixels); a number too large is none."""
    seen, padded = _pixels_of_entries(window, space), window.padded(space)
    entries = np.full((len(seen), math.prod(padded)), seen.size)
    np.put_along_axis(entries, seen, np.arange(seen.size).reshape(seen.shape), axis=1)
    entries = np.sort(entries, axis=0).reshape(-1, *padded)[_inside(window, space)].reshape(len(seen), -1)
    return entries[: np.count_nonzero(entries < seen.size, axis=0).max() or 1].copy()


def _inside(window: Window, space: Sizes) -> tuple[slice, ...]:
    """Return where in an image with its padding the image is."""
    return (slice(None), *(slice(p, p + n) for n, p in zip(space, window.padding, strict=True)))


def _share(channels: int, groups: int) -> int:
    return channels // groups if groups else 1  # pooling makes each channel a group, also if there is none
