"""The transpose of a convolution: what Conv2d does backwards, as a forward pass."""

import numpy as np
import numpy.typing as npt

from legonet.arrays import Array, brief, check_array, quiet
from legonet.bricks.convolution import Convolution
from legonet.bricks.patches import from_patches, from_pixels, matrices, to_patches, to_pixels
from legonet.bricks.window import Sizes, check_sizes, show_sizes
from legonet.bricks.window_formulas import channels, reaches, reads
from legonet.errors import OptionError, ShapeError
from legonet.formulas import Formulas
from legonet.initializers import Initializer, glorot_uniform, zeros


class ConvTranspose2d(Convolution):
    r"""Each pixel paints a patch, and where patches overlap they add up: the transpose of a convolution.

    .. math::

        \text{forward} \quad& y = \text{the sum of the patches } W x, \text{ plus } b \\
        \text{backward} \quad& \frac{\partial L}{\partial W} = P x^T, \quad
        \frac{\partial L}{\partial b} = \sum_\text{pixels} \frac{\partial L}{\partial y}, \quad
        \frac{\partial L}{\partial x} = W^T P, \quad
        P = \text{the patches of } \frac{\partial L}{\partial y} \text{ as columns}

    Its forward pass is the backward pass of a `Conv2d` from out_channels to in_channels with the same window, and the
    other way round; a column of x is a pixel. x has shape (batch, in_channels, height, width), y has shape (batch,
    out_channels, height of y, width of y), where an axis of n pixels becomes
    (n − 1) s − 2p + d (k − 1) + 1 + output_padding long, with the stride s, the padding p, the dilation d and a window
    of k.

    Parameters
    ----------
    in_channels : int
        Channels of x.
    out_channels : int
        Channels of y.
    kernel_size : int or pair of int
        How many pixels of y a pixel of x reaches along each axis.
    stride : int or pair of int, optional
        How far apart the patches of neighbouring pixels of x are.
    padding : int or pair of int, optional
        How many pixels to cut off from y on both sides of each axis.
    output_padding : int or pair of int, optional
        How many pixels to add to y at the end of each axis, less than the stride. It tells apart the sizes that
        `Conv2d` with a stride makes one.
    dilation : int or pair of int, optional
        How far apart the pixels of a patch are.
    groups : int, optional
        Into how many groups to divide the channels of x and those of y. Each group of y sees only its group of x.
    weight : callable or numpy.ndarray, optional
        An initializer, or the numbers themselves, of shape (in_channels, kernel height, kernel width,
        out_channels / groups).
    bias : callable, numpy.ndarray or bool, optional
        An initializer, or the numbers themselves, of shape (out_channels,). False for no bias; True is zeros.
    rng : numpy.random.Generator or int, optional
        The source of random numbers.
    dtype : dtype, optional
        The floating-point dtype of the parameters, and so of x, y and their gradients.

    Attributes
    ----------
    weight : Parameter
        W, of shape (in_channels, kernel height, kernel width, out_channels / groups): with the first and the last axis
        exchanged, it is the weight of the `Conv2d`.
    bias : Parameter or None
        b, of shape (out_channels,).

    Raises
    ------
    OptionError
        If an option is no whole number or out of its bounds, or if the groups do not divide the channels.
    ShapeError, DtypeError
        If given numbers have another shape or dtype; in the passes, if x or dy has another shape or dtype, or the
        padding leaves no pixel of y.

    Notes
    -----
    PyTorch's ``ConvTranspose2d`` holds the weight as (in_channels, out_channels / groups, kernel height,
    kernel width).

    References
    ----------
    Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", arXiv:1603.07285, 2016, section 4.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import ConvTranspose2d
    >>> paint = ConvTranspose2d(1, 1, (1, 3), stride=2, weight=np.array([1.0, 2.0, 1.0]).reshape(1, 1, 3, 1))
    >>> y, cache = paint.forward(np.array([[[[1.0, 10.0]]]]))
    >>> y
    array([[[[ 1.,  2., 11., 20., 10.]]]])
    >>> paint.backward(np.array([[[[1.0, 0.0, 0.0, 0.0, 3.0]]]]), cache)
    array([[[[1., 3.]]]])
    >>> paint.weight.grad.ravel()
    array([ 1.,  0., 30.])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        *,
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        output_padding: int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        weight: Initializer | Array = glorot_uniform,
        bias: Initializer | Array | bool = zeros,
        rng: np.random.Generator | int | None = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        super().__init__(2, in_channels, out_channels, kernel_size, stride, padding, dilation, groups)
        self.output_padding = check_sizes("ConvTranspose2d", "output_padding", output_padding, 2)
        if any(more >= s for more, s in zip(self.output_padding, self.window.stride, strict=True)):
            needed = f"output_padding below the stride {show_sizes(self.window.stride)}"
            raise OptionError(f"ConvTranspose2d needs {needed}, but it is {show_sizes(self.output_padding)}")
        shape = (self.inputs, *self.window.kernel_size, self.outputs // self.groups)
        self._make_parameters(shape, weight, bias, rng, dtype)

    @property
    def formulas(self) -> Formulas:
        """Both formulas: place (i, j) of the window has a pixel (h, w) at its cell (u, v)."""
        (o, in_W, over), (c, of_W, overs) = channels(self, "o", "c")
        read, reached = reads(self.window, "ij", "uv"), reaches(self.window, "hw", "uv")
        return Formulas(
            [f"z[n, o, h, w] = sum(x[n, {c}, {reached}] * W[{c}, u, v, {of_W}], {overs}u, v) + b[o]"],
            [
                f"dW[c, u, v, o] = sum(x[n, c, i, j] * dz[n, {o}, {read}], n, i, j)",
                "db[o] = sum(dz[n, o, h, w], n, h, w)",
                f"dx[n, c, i, j] = sum(dz[n, {o}, {read}] * W[c, u, v, {in_W}], {over}u, v)",
            ],
            {"W": "weight", "b": "bias"},
        )

    @quiet
    def forward(self, x: Array) -> tuple[Array, Array]:
        """Return y, the sum of the patches W x, plus b; and x for `backward`."""
        weight = self.weight.value
        check_array(self, "x", x, ("batch", self.inputs, "height", "width"), weight.dtype)
        W = matrices(weight.swapaxes(0, 3), self.groups)
        y = from_patches(W @ to_pixels(x, self.groups), self._shape_of_y(x.shape), self.window)
        return (y if self.bias is None else y + self.bias.value[:, None, None]), x

    @quiet
    def backward(self, dy: Array, x: Array) -> Array:
        """Add dL/dW = P xᵀ and dL/db = Σ dy to the gradients and return dL/dx = Wᵀ P, where P are the patches of dy."""
        weight = self.weight
        check_array(self, "dy", dy, self._shape_of_y(x.shape), weight.value.dtype)
        W, P = matrices(weight.value.swapaxes(0, 3), self.groups), to_patches(dy, self.window, self.groups)
        dW = (P @ to_pixels(x, self.groups).mT).swapaxes(0, 1)
        weight.grad += dW.reshape(weight.grad.swapaxes(0, 3).shape).swapaxes(0, 3)
        if self.bias is not None:
            self.bias.grad += dy.sum(axis=(0, 2, 3))
        return from_pixels(W.mT @ P, x.shape)

    def _shape_of_y(self, shape: Sizes) -> Sizes:
        window = self.window
        axes = zip(shape[2:], window.stride, window.padding, window.extent, self.output_padding, strict=True)
        space = tuple((n - 1) * s - 2 * p + extent + more for n, s, p, extent, more in axes)
        if min(shape[2:]) < 1 or min(space) < 1:
            given = f"x of shape {brief(str(shape))} gives {brief(str(space))}"
            raise ShapeError(f"{brief(self, 80)} needs a y of at least 1 x 1 pixel, but {given}")
        return (shape[0], self.outputs, *space)

    def _options(self) -> str:
        more = f", output_padding={show_sizes(self.output_padding)}" if any(self.output_padding) else ""
        return self.window.show() + more
