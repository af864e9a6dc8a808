"""Max-pooling of images, y = the largest pixel of each patch."""

import numpy as np

from legonet.arrays import Array, check_array, quiet
from legonet.brick import Brick
from legonet.bricks.patches import Form, from_patches, from_pixels, to_patches, to_pixels
from legonet.bricks.window import Window
from legonet.bricks.window_formulas import cell_of, number, reaches, reads, tile_of, tiles
from legonet.formulas import Formulas


class MaxPool2d(Brick[tuple[Array, Form]]):
    r"""The largest pixel of each patch, channel by channel.

    .. math::

        \text{forward} \quad& y_{ncij} = \max_{uv} \, x_{n,\,c,\,is+u-p,\,js+v-p} \\
        \text{backward} \quad& \frac{\partial L}{\partial x_{nchw}} =
        \sum_{ij} \frac{\partial L}{\partial y_{ncij}} \, [x_{nchw} \text{ is the largest pixel of patch } ij]

    with the stride s and the padding p. x has shape (batch, channels, height, width), y has shape
    (batch, channels, places down, places across), where an axis of n pixels has ⌊(n + 2p − k) / s⌋ + 1 places for a
    window of k.

    Parameters
    ----------
    kernel_size : int or pair of int
        How many pixels the window sees along each axis.
    stride : int or pair of int, optional
        How far the window moves from one place to the next; by default kernel_size, so that no pixel is seen twice.
    padding : int or pair of int, optional
        How many pixels of -infinity to put before and after x along each axis; half of kernel_size at most.

    Raises
    ------
    OptionError
        If an option is no whole number or too small, or if the padding is too large.
    ShapeError, DtypeError
        If x is no floating-point array of four axes, or smaller, with its padding, than the window, or if dy is not of
        the shape and dtype of y.

    Notes
    -----
    NaN counts as the largest. Where several pixels of a patch are the largest one, the first of them, row by row, gets
    the gradient; of several NaN PyTorch takes the last. Pixels at the end that the last full stride does not reach are
    not seen, and their gradient is 0.

    References
    ----------
    Scherer, Müller and Behnke, "Evaluation of pooling operations in convolutional architectures for object
    recognition", ICANN 2010.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import MaxPool2d
    >>> pool = MaxPool2d(2)
    >>> y, cache = pool.forward(np.array([[[[1.0, 4.0, 7.0, 7.0], [2.0, 3.0, 0.0, 7.0]]]]))
    >>> y
    array([[[[4., 7.]]]])
    >>> pool.backward(np.array([[[[5.0, 6.0]]]]), cache)
    array([[[[0., 5., 6., 0.],
             [0., 0., 0., 0.]]]])
    """

    def __init__(
        self,
        kernel_size: int | tuple[int, int],
        *,
        stride: int | tuple[int, int] | None = None,
        padding: int | tuple[int, int] = 0,
    ) -> None:
        self.window = Window.of_pooling("MaxPool2d", kernel_size, stride, padding)

    @property
    def formulas(self) -> Formulas:
        """Both formulas; k is the cell of the first largest pixel at place (i, j) of the window."""
        window, (rows, columns) = self.window, self.window.kernel_size
        patch, place = f"x[n, c, {reads(window, 'ij', 'uv')}]", reaches(window, "hw", "uv")
        dx = f"sum(dy[n, c, {place}] * (k[n, c, {place}] == {number(window, 'u', 'v')}), u, v)"
        if tiles(window):
            place = tile_of(window, "hw")
            dx = f"dy[n, c, {place}] * (k[n, c, {place}] == {number(window, *cell_of(window, 'hw'))})"
        return Formulas(
            [f"y[n, c, i, j] = max({patch}, u, v)"],
            [f"k[n, c, i, j] = argmax({patch}, u, v)", f"dx[n, c, h, w] = {dx}"],
            {
                "u": range(rows),
                "v": range(columns),
                "i": lambda passed: range(passed.output.shape[2]),
                "j": lambda passed: range(passed.output.shape[3]),
            },
        )

    @quiet
    def forward(self, x: Array) -> tuple[Array, tuple[Array, Form]]:
        """Return y, the largest pixel of each patch; and for `backward` which pixel that is, and the form of x."""
        check_array(self, "x", x, ("batch", "channels", "height", "width"))
        self.window.check(self, x.shape, x.shape[2:])
        P = to_patches(x, self.window, groups=x.shape[1], fill=-np.inf)  # (channels, cells, places)
        y = P.max(axis=1)
        chosen = y[:, None] == P
        if np.isnan(y).any():
            chosen |= np.isnan(P)
        if any(self.window.padding):
            chosen &= to_patches(np.ones((len(x), 1, *x.shape[2:]), np.bool_), self.window)  # never the padding
        free = np.ones(y.shape, np.bool_)
        for hits in chosen.swapaxes(0, 1):  # of equally large pixels, only the first
            hits &= free
            free ^= hits
        return from_pixels(y, (*x.shape[:2], *self.window.places(x.shape[2:]))), (chosen, Form(x.shape, x.dtype))

    @quiet
    def backward(self, dy: Array, cache: tuple[Array, Form]) -> Array:
        """Return dL/dx: dy where a pixel was the largest one of a patch, else 0."""
        chosen, (shape, dtype) = cache
        check_array(self, "dy", dy, (*shape[:2], *self.window.places(shape[2:])), dtype)
        return from_patches(chosen * to_pixels(dy, groups=shape[1]), shape, self.window)

    def __repr__(self) -> str:
        return f"MaxPool2d({self.window.show(self.window.kernel_size)})"
