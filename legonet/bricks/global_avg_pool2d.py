"""Average-pooling of whole images, y = the mean of each channel."""

from legonet.arrays import Array, check_array, quiet
from legonet.brick import Brick
from legonet.bricks.patches import Form, batch_first
from legonet.errors import ShapeError
from legonet.formulas import Formulas


class GlobalAvgPool2d(Brick[Form]):
    r"""The mean of each channel of an image.

    .. math::

        \text{forward} \quad& y_{nc} = \frac{1}{HW} \sum_{hw} x_{nchw} \\
        \text{backward} \quad& \frac{\partial L}{\partial x_{nchw}} =
        \frac{1}{HW} \frac{\partial L}{\partial y_{nc}}

    x has shape (batch, channels, height H, width W), of at least one pixel; y has shape (batch, channels), as `Linear`
    takes it.

    Raises
    ------
    ShapeError, DtypeError
        If x is no floating-point array of four axes with at least one pixel, or dy is not of the shape and dtype of y.

    Notes
    -----
    PyTorch's ``AdaptiveAvgPool2d(1)`` keeps two axes of size 1: its y has shape (batch, channels, 1, 1).

    References
    ----------
    Lin, Chen and Yan, "Network in network", ICLR 2014, section 3.2.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import GlobalAvgPool2d
    >>> pool = GlobalAvgPool2d()
    >>> y, cache = pool.forward(np.array([[[[1.0, 2.0], [3.0, 6.0]]]]))
    >>> y
    array([[3.]])
    >>> pool.backward(np.array([[8.0]]), cache)
    array([[[[2., 2.],
             [2., 2.]]]])
    """

    def formulas(self, x: Array) -> Formulas:
        """Return both formulas."""
        pixels = max(x.shape[2] * x.shape[3], 1)
        return Formulas([f"y[n, c] = sum(x[n, c, h, w], h, w) / {pixels}"], [f"dx[n, c, h, w] = dy[n, c] / {pixels}"])

    @quiet
    def forward(self, x: Array) -> tuple[Array, Form]:
        """Return y, the mean of each channel, and the form of x for `backward`."""
        check_array(self, "x", x, ("batch", "channels", "height", "width"))
        if 0 in x.shape[2:]:
            raise ShapeError(f"{self} needs x of at least one pixel, but x has shape {x.shape}")
        y: Array = x.mean(axis=(2, 3))
        return y, Form(x.shape, x.dtype)

    @quiet
    def backward(self, dy: Array, form: Form) -> Array:
        """Return dL/dx = dy / (H W) for each pixel."""
        (batch, channels, H, W), dtype = form
        check_array(self, "dy", dy, (batch, channels), dtype)
        share = (dy / (H * W)).T[:, None, None]
        return batch_first(share.repeat(H, axis=1).repeat(W, axis=2))
