"""Convolution of images: Linear on patches."""

import numpy as np
import numpy.typing as npt

from legonet.arrays import Array, check_array, quiet
from legonet.bricks.convolution import LinearOnPatches
from legonet.bricks.window_formulas import channels, reaches, reads
from legonet.formulas import Formulas
from legonet.initializers import Initializer, glorot_uniform, zeros


class Conv2d(LinearOnPatches):
    r"""Weighted sums of the patches of an image, with or without a bias.

    .. math::

        \text{forward} \quad& y = W^T P + b, \quad P = \text{the patches of } x \text{ as columns} \\
        \text{backward} \quad& \frac{\partial L}{\partial W} = P \left(\frac{\partial L}{\partial y}\right)^T, \quad
        \frac{\partial L}{\partial b} = \sum_\text{columns} \frac{\partial L}{\partial y}, \quad
        \frac{\partial L}{\partial x} = \text{the sum of the patches } W \frac{\partial L}{\partial y}

    P has one column for each place of the window, and in it the pixels that the window sees there, so that

    .. math::

        y_{noij} = b_o + \sum_{c,u,v} x_{n,\,c,\,is+ud-p,\,js+vd-p} \; W_{cuvo}

    with the stride s, the padding p and the dilation d. x has shape (batch, in_channels, height, width), y has shape
    (batch, out_channels, places down, places across), where an axis of n pixels has
    ⌊(n + 2p − d (k − 1) − 1) / s⌋ + 1 places for a window of k.

    Parameters
    ----------
    in_channels : int
        Channels of x.
    out_channels : int
        Channels of y.
    kernel_size : int or pair of int
        How many pixels the window sees along each axis.
    stride : int or pair of int, optional
        How far the window moves from one place to the next.
    padding : int or pair of int, optional
        How many zeros to put before and after x along each axis.
    dilation : int or pair of int, optional
        How far apart the pixels are that the window sees.
    groups : int, optional
        Into how many groups to divide the channels of x and those of y. Each group of y sees only its group of x; with
        as many groups as channels of x, this is the depthwise convolution.
    weight : callable or numpy.ndarray, optional
        An initializer, or the numbers themselves, of shape (in_channels / groups, kernel height, kernel width,
        out_channels).
    bias : callable, numpy.ndarray or bool, optional
        An initializer, or the numbers themselves, of shape (out_channels,). False for no bias; True is zeros.
    rng : numpy.random.Generator or int, optional
        The source of random numbers.
    dtype : dtype, optional
        The floating-point dtype of the parameters, and so of x, y and their gradients.

    Attributes
    ----------
    weight : Parameter
        W, of shape (in_channels / groups, kernel height, kernel width, out_channels);
        ``weight.value.reshape(-1, out_channels)`` is the weight of a `Linear` on patches.
    bias : Parameter or None
        b, of shape (out_channels,).

    Raises
    ------
    OptionError
        If an option is no whole number or too small, or if the groups do not divide the channels.
    ShapeError, DtypeError
        If given numbers have another shape or dtype; in the passes, if x or dy has another shape or dtype, or x is,
        with its padding, smaller than the window.

    Notes
    -----
    As everywhere in neural networks the window is not flipped: mathematicians call this a cross-correlation. Pixels at
    the end that the last full stride does not reach are not seen, and their gradient is 0.

    PyTorch's ``Conv2d`` holds the weight as (out_channels, in_channels / groups, kernel height, kernel width), and
    draws weight and bias from ``uniform(-1/sqrt(n), 1/sqrt(n))``, where n counts the numbers in a patch.

    References
    ----------
    Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", arXiv:1603.07285, 2016; for the matrix
    product Chellapilla, Puri and Simard, "High performance convolutional neural networks for document processing",
    2006.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import Conv2d
    >>> edges = Conv2d(1, 1, (1, 2), weight=np.array([-1.0, 1.0]).reshape(1, 1, 2, 1))
    >>> x = np.array([[[[0.0, 0.0, 1.0], [0.0, 1.0, 1.0]]]])
    >>> y, cache = edges.forward(x)
    >>> y
    array([[[[0., 1.],
             [1., 0.]]]])
    >>> edges.backward(np.ones_like(y), cache)
    array([[[[-1.,  0.,  1.],
             [-1.,  0.,  1.]]]])
    >>> edges.weight.grad.ravel()
    array([1., 3.])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        *,
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        weight: Initializer | Array = glorot_uniform,
        bias: Initializer | Array | bool = zeros,
        rng: np.random.Generator | int | None = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        super().__init__(2, in_channels, out_channels, kernel_size, stride, padding, dilation, groups)
        shape = (self.inputs // self.groups, *self.window.kernel_size, self.outputs)
        self._make_parameters(shape, weight, bias, rng, dtype)

    @property
    def formulas(self) -> Formulas:
        """Both formulas: place (i, j) of the window has a pixel (h, w) at its cell (u, v)."""
        (c, in_W, over), (o, of_W, overs) = channels(self, "c", "o")
        read, reached = reads(self.window, "ij", "uv"), reaches(self.window, "hw", "uv")
        return Formulas(
            [f"z[n, o, i, j] = sum(x[n, {c}, {read}] * W[{in_W}, u, v, o], {over}u, v) + b[o]"],
            [
                f"dW[c, u, v, o] = sum(x[n, {c}, {read}] * dz[n, o, i, j], n, i, j)",
                "db[o] = sum(dz[n, o, i, j], n, i, j)",
                f"dx[n, c, h, w] = sum(dz[n, {o}, {reached}] * W[{of_W}, u, v, {o}], {overs}u, v)",
            ],
            {"W": "weight", "b": "bias"},
        )

    @quiet
    def forward(self, x: Array) -> tuple[Array, Array]:
        """Return y = Wᵀ P + b, where P are the patches of x as columns, and x for `backward`."""
        check_array(self, "x", x, ("batch", self.inputs, "height", "width"), self.weight.value.dtype)
        self.window.check(self, x.shape, x.shape[2:])
        return self._weigh(x), x

    @quiet
    def backward(self, dy: Array, x: Array) -> Array:
        """Add dL/dW = P dyᵀ and dL/db = Σ dy to the gradients and return dL/dx, the sum of the patches W dy."""
        self.backward_parameters(dy, x)
        return self._spread(dy, x.shape)

    @quiet
    def backward_parameters(self, dy: Array, x: Array) -> None:
        """Add dL/dW = P dyᵀ and dL/db = Σ dy to the gradients."""
        check_array(self, "dy", dy, (len(x), self.outputs, *self.window.places(x.shape[2:])), x.dtype)
        self._add_gradients(dy, x)
