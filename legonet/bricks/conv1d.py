"""Convolution of sequences: Linear on patches."""

import numpy as np
import numpy.typing as npt

from legonet.arrays import Array, check_array, quiet
from legonet.bricks.convolution import LinearOnPatches
from legonet.bricks.window_formulas import channels, reaches, reads
from legonet.formulas import Formulas
from legonet.initializers import Initializer, glorot_uniform, zeros


class Conv1d(LinearOnPatches):
    r"""Weighted sums of the stretches of a sequence, with or without a bias.

    .. math::

        \text{forward} \quad& y = W^T P + b, \quad P = \text{the patches of } x \text{ as columns} \\
        \text{backward} \quad& \frac{\partial L}{\partial W} = P \left(\frac{\partial L}{\partial y}\right)^T, \quad
        \frac{\partial L}{\partial b} = \sum_\text{columns} \frac{\partial L}{\partial y}, \quad
        \frac{\partial L}{\partial x} = \text{the sum of the patches } W \frac{\partial L}{\partial y}

    P has one column for each place of the window, and in it the steps that the window sees there, so that

    .. math::

        y_{nio} = b_o + \sum_{c,u} x_{n,\,is+ud-p,\,c} \; W_{cuo}

    with the stride s, the padding p and the dilation d. x has shape (batch, time, in_features), y has shape
    (batch, places, out_features), where a sequence of n steps has ⌊(n + 2p − d (k − 1) − 1) / s⌋ + 1 places for a
    window of k.

    Parameters
    ----------
    in_features : int
        Features of each step of x.
    out_features : int
        Features of each step of y.
    kernel_size : int
        How many steps the window sees.
    stride : int, optional
        How far the window moves from one place to the next.
    padding : int, optional
        How many steps of zeros to put before and after x.
    dilation : int, optional
        How far apart the steps are that the window sees.
    groups : int, optional
        Into how many groups to divide the features of x and those of y. Each group of y sees only its group of x; with
        as many groups as features of x, this is the depthwise convolution.
    weight : callable or numpy.ndarray, optional
        An initializer, or the numbers themselves, of shape (in_features / groups, kernel_size, out_features).
    bias : callable, numpy.ndarray or bool, optional
        An initializer, or the numbers themselves, of shape (out_features,). False for no bias; True is zeros.
    rng : numpy.random.Generator or int, optional
        The source of random numbers.
    dtype : dtype, optional
        The floating-point dtype of the parameters, and so of x, y and their gradients.

    Attributes
    ----------
    weight : Parameter
        W, of shape (in_features / groups, kernel_size, out_features); ``weight.value.reshape(-1, out_features)`` is
        the weight of a `Linear` on patches.
    bias : Parameter or None
        b, of shape (out_features,).

    Raises
    ------
    OptionError
        If an option is no whole number or too small, or if the groups do not divide the features.
    ShapeError, DtypeError
        If given numbers have another shape or dtype; in the passes, if x or dy has another shape or dtype, or x is,
        with its padding, smaller than the window.

    Notes
    -----
    As everywhere in neural networks the window is not flipped: mathematicians call this a cross-correlation. Steps at
    the end that the last full stride does not reach are not seen, and their gradient is 0.

    PyTorch's ``Conv1d`` takes and gives (batch, features, time), calls the features channels, holds the weight as
    (out_features, in_features / groups, kernel_size), and draws weight and bias from
    ``uniform(-1/sqrt(n), 1/sqrt(n))``, where n counts the numbers in a patch.

    References
    ----------
    Waibel, Hanazawa, Hinton, Shikano and Lang, "Phoneme recognition using time-delay neural networks", IEEE
    Transactions on Acoustics, Speech, and Signal Processing 37, 1989.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import Conv1d
    >>> change = Conv1d(1, 1, 2, weight=np.array([-1.0, 1.0]).reshape(1, 2, 1))
    >>> y, cache = change.forward(np.array([[[1.0], [4.0], [9.0]]]))
    >>> y.tolist()
    [[[3.0], [5.0]]]
    >>> change.backward(np.array([[[1.0], [10.0]]]), cache).tolist()
    [[[-1.0], [-9.0], [10.0]]]
    >>> change.weight.grad.ravel()
    array([41., 94.])
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        kernel_size: int,
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
        super().__init__(1, in_features, out_features, kernel_size, stride, padding, dilation, groups)
        shape = (self.inputs // self.groups, *self.window.kernel_size, self.outputs)
        self._make_parameters(shape, weight, bias, rng, dtype)

    @property
    def formulas(self) -> Formulas:
        """Both formulas: place i of the window has a step t at its cell u."""
        (c, in_W, over), (o, of_W, overs) = channels(self, "c", "o")
        read, reached = reads(self.window, "i", "u"), reaches(self.window, "t", "u")
        return Formulas(
            [f"z[n, i, o] = sum(x[n, {read}, {c}] * W[{in_W}, u, o], {over}u) + b[o]"],
            [
                f"dW[c, u, o] = sum(x[n, {read}, {c}] * dz[n, i, o], n, i)",
                "db[o] = sum(dz[n, i, o], n, i)",
                f"dx[n, t, c] = sum(dz[n, {reached}, {o}] * W[{of_W}, u, {o}], {overs}u)",
            ],
            {"W": "weight", "b": "bias"},
        )

    @quiet
    def forward(self, x: Array) -> tuple[Array, Array]:
        """Return y = Wᵀ P + b, where P are the patches of x as columns, and x for `backward`."""
        check_array(self, "x", x, ("batch", "time", self.inputs), self.weight.value.dtype)
        self.window.check(self, x.shape, x.shape[1:2])
        return self._weigh(x.mT).mT, x  # inside, the time comes last

    @quiet
    def backward(self, dy: Array, x: Array) -> Array:
        """Add dL/dW = P dyᵀ and dL/db = Σ dy to the gradients and return dL/dx, the sum of the patches W dy."""
        self.backward_parameters(dy, x)
        return self._spread(dy.mT, x.mT.shape).mT

    @quiet
    def backward_parameters(self, dy: Array, x: Array) -> None:
        """Add dL/dW = P dyᵀ and dL/db = Σ dy to the gradients."""
        check_array(self, "dy", dy, (len(x), *self.window.places(x.shape[1:2]), self.outputs), x.dtype)
        self._add_gradients(dy.mT, x.mT)
