"""Convolution of sequences: Linear on patches."""

import numpy as np
import numpy.typing as npt

from legonet.arrays import Array, check_array, ones, quiet
from legonet.bricks.convolution import Convolution
from legonet.bricks.patches import from_patches, from_pixels, matrices, to_patches, to_pixels
from legonet.initializers import Initializer, glorot_uniform, zeros


class Conv1d(Convolution):
    r"""Weighted sums of the stretches of a sequence, with or without a bias.

    .. math::

        \text{forward} \quad& y = W^T P + b, \quad P = \text{the patches of } x \text{ as columns} \\
        \text{backward} \quad& \frac{\partial L}{\partial W} = P \left(\frac{\partial L}{\partial y}\right)^T, \quad
        \frac{\partial L}{\partial b} = \sum_\text{columns} \frac{\partial L}{\partial y}, \quad
        \frac{\partial L}{\partial x} = \text{the sum of the patches } W \frac{\partial L}{\partial y}

    P has one column for each place of the window, and in it the steps that the window sees there, so that

    .. math::

        y_{noi} = b_o + \sum_{c,u} x_{n,\,c,\,is+ud-p} \; W_{cuo}

    with the stride s, the padding p and the dilation d. x has shape (batch, in_channels, time), y has shape
    (batch, out_channels, places), where a sequence of n steps has ⌊(n + 2p − d (size − 1) − 1) / s⌋ + 1 places.

    Parameters
    ----------
    in_channels : int
        Channels of x.
    out_channels : int
        Channels of y.
    size : int
        How many steps the window sees along the time.
    stride : int, optional
        How far the window moves from one place to the next.
    padding : int, optional
        How many zeros to put before and after x along the time.
    dilation : int, optional
        How far apart the steps are that the window sees.
    groups : int, optional
        Into how many groups to divide the channels of x and those of y. Each group of y sees only its group of x; with
        as many groups as channels of x, this is the depthwise convolution.
    weight : callable or numpy.ndarray, optional
        An initializer, or the numbers themselves, of shape (in_channels / groups, size, out_channels).
    bias : callable, numpy.ndarray or bool, optional
        An initializer, or the numbers themselves, of shape (out_channels,). False for no bias; True is zeros.
    rng : numpy.random.Generator or int, optional
        The source of random numbers.
    dtype : dtype, optional
        The floating-point dtype of the parameters, and so of x, y and their gradients.

    Attributes
    ----------
    weight : Parameter
        W, of shape (in_channels / groups, size, out_channels); ``weight.value.reshape(-1, out_channels)`` is the
        weight of a `Linear` on patches.
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

    PyTorch's ``Conv1d`` holds the weight as (out_channels, in_channels / groups, size), and draws weight and bias
    from ``uniform(-1/sqrt(n), 1/sqrt(n))`` where n is the number of steps in a patch.

    References
    ----------
    Waibel, Hanazawa, Hinton, Shikano and Lang, "Phoneme recognition using time-delay neural networks", IEEE
    Transactions on Acoustics, Speech, and Signal Processing 37, 1989.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import Conv1d
    >>> change = Conv1d(1, 1, 2, weight=np.array([-1.0, 1.0]).reshape(1, 2, 1))
    >>> y, cache = change.forward(np.array([[[1.0, 4.0, 9.0]]]))
    >>> y
    array([[[3., 5.]]])
    >>> change.backward(np.array([[[1.0, 10.0]]]), cache)
    array([[[-1., -9., 10.]]])
    >>> change.weight.grad.ravel()
    array([41., 94.])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        size: int,
        *,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        groups: int = 1,
        weight: Initializer | Array = glorot_uniform,
        bias: Initializer | Array | bool = zeros,
        rng: np.random.Generator | int | None = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        super().__init__(1, in_channels, out_channels, size, stride, padding, dilation, groups)
        shape = (self.in_channels // self.groups, *self.window.size, self.out_channels)
        self._make_parameters(shape, weight, bias, rng, dtype)

    @quiet
    def forward(self, x: Array) -> tuple[Array, Array]:
        """Return y = Wᵀ P + b, where P are the patches of x as columns, and x for `backward`."""
        weight = self.weight.value
        check_array(self, "x", x, ("batch", self.in_channels, "time"), weight.dtype)
        self.window.check(self, x.shape)
        y = matrices(weight, self.groups).mT @ to_patches(x, self.window, self.groups)
        if self.bias is not None:
            y += self.bias.value.reshape(self.groups, -1, 1)
        return from_pixels(y, (len(x), self.out_channels, *self.window.places(x.shape))), x

    @quiet
    def backward(self, dy: Array, x: Array) -> Array:
        """Add dL/dW = P dyᵀ and dL/db = Σ dy to the gradients and return dL/dx, the sum of the patches W dy."""
        self.backward_parameters(dy, x)
        dP = matrices(self.weight.value, self.groups) @ to_pixels(dy, self.groups)
        return from_patches(dP, x.shape, self.window)

    @quiet
    def backward_parameters(self, dy: Array, x: Array) -> None:
        """Add dL/dW = P dyᵀ and dL/db = Σ dy to the gradients."""
        weight = self.weight
        check_array(self, "dy", dy, (len(x), self.out_channels, *self.window.places(x.shape)), x.dtype)
        P, dy = to_patches(x, self.window, self.groups), to_pixels(dy, self.groups)
        weight.grad += (P @ dy.mT).swapaxes(0, 1).reshape(weight.grad.shape)
        if self.bias is not None:
            self.bias.grad += dy.dot(ones(dy.shape[-1], dy.dtype)).ravel()
