"""Average-pooling of images, y = the mean of each patch."""

import math

from legonet.arrays import Array, check_array, quiet
from legonet.brick import Brick
from legonet.bricks.patches import Form, from_patches, from_pixels, to_patches, to_pixels
from legonet.bricks.window import Window
from legonet.bricks.window_formulas import reaches, reads, tile_of, tiles
from legonet.formulas import Formulas


class AvgPool2d(Brick[Form]):
    r"""The mean of each patch, channel by channel.

    .. math::

        \text{forward} \quad& y_{ncij} = \frac{1}{K} \sum_{uv} \, x_{n,\,c,\,is+u-p,\,js+v-p} \\
        \text{backward} \quad& \frac{\partial L}{\partial x_{nchw}} =
        \frac{1}{K} \sum_{ij} \frac{\partial L}{\partial y_{ncij}} \, [x_{nchw} \text{ is in patch } ij]

    with K pixels in a patch, the stride s and the padding p. x has shape (batch, channels, height, width), y has shape
    (batch, channels, places down, places across), where an axis of n pixels has ⌊(n + 2p − k) / s⌋ + 1 places for a
    window of k.

    Parameters
    ----------
    kernel_size : int or pair of int
        How many pixels the window sees along each axis.
    stride : int or pair of int, optional
        How far the window moves from one place to the next; by default kernel_size, so that no pixel is seen twice.
    padding : int or pair of int, optional
        How many zeros to put before and after x along each axis; half of kernel_size at most. They count in the mean.

    Raises
    ------
    OptionError
        If an option is no whole number or too small, or if the padding is too large.
    ShapeError, DtypeError
        If x is no floating-point array of four axes, or smaller, with its padding, than the window, or if dy is not of
        the shape and dtype of y.

    Notes
    -----
    Pixels at the end that the last full stride does not reach are not seen, and their gradient is 0.

    References
    ----------
    LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition", Proceedings of the
    IEEE 86, 1998, section II.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import AvgPool2d
    >>> pool = AvgPool2d(2)
    >>> y, cache = pool.forward(np.array([[[[1.0, 4.0, 7.0, 7.0], [2.0, 3.0, 0.0, 7.0]]]]))
    >>> y
    array([[[[2.5 , 5.25]]]])
    >>> pool.backward(np.array([[[[4.0, 8.0]]]]), cache)
    array([[[[1., 1., 2., 2.],
             [1., 1., 2., 2.]]]])
    """

    def __init__(
        self,
        kernel_size: int | tuple[int, int],
        *,
        stride: int | tuple[int, int] | None = None,
        padding: int | tuple[int, int] = 0,
    ) -> None:
        self.window = Window.of_pooling("AvgPool2d", kernel_size, stride, padding)

    @property
    def formulas(self) -> Formulas:
        """Both formulas: place (i, j) of the window has a pixel (h, w) at its cell (u, v)."""
        window, (rows, columns) = self.window, self.window.kernel_size
        dx = f"sum(dy[n, c, {reaches(window, 'hw', 'uv')}], u, v)"
        if tiles(window):
            dx = f"dy[n, c, {tile_of(window, 'hw')}]"
        return Formulas(
            [f"y[n, c, i, j] = mean(x[n, c, {reads(window, 'ij', 'uv')}], u, v)"],
            [f"dx[n, c, h, w] = {dx} / {rows * columns}"],
            {"u": range(rows), "v": range(columns)},
        )

    @quiet
    def forward(self, x: Array) -> tuple[Array, Form]:
        """Return y, the mean of each patch, and the form of x for `backward`."""
        check_array(self, "x", x, ("batch", "channels", "height", "width"))
        self.window.check(self, x.shape, x.shape[2:])
        P = to_patches(x, self.window, groups=x.shape[1])  # (channels, cells, places)
        return from_pixels(P.mean(axis=1), (*x.shape[:2], *self.window.places(x.shape[2:]))), Form(x.shape, x.dtype)

    @quiet
    def backward(self, dy: Array, form: Form) -> Array:
        """Return dL/dx = 1/K dy, summed over the patches that a pixel is in."""
        shape, dtype = form
        check_array(self, "dy", dy, (*shape[:2], *self.window.places(shape[2:])), dtype)
        K = math.prod(self.window.kernel_size)
        share = to_pixels(dy / K, groups=shape[1])
        return from_patches(share.repeat(K, axis=1), shape, self.window)

    def __repr__(self) -> str:
        return f"AvgPool2d({self.window.show(self.window.kernel_size)})"
