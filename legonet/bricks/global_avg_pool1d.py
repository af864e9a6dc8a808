"""Average-pooling over time, y = the mean of the steps of each sequence."""

from typing import Any

import numpy as np

from legonet.arrays import Array, Mask, check_array, quiet
from legonet.brick import Brick
from legonet.formulas import Formulas


class GlobalAvgPool1d(Brick[tuple[Mask, int, "np.dtype[Any]"]]):
    r"""The mean of each feature over the steps of a sequence.

    .. math::

        \text{forward} \quad& y_{nf} = \frac{1}{T_n} \sum_t m_{nt} \, x_{ntf}, \quad T_n = \sum_t m_{nt} \\
        \text{backward} \quad& \frac{\partial L}{\partial x_{ntf}} =
        \frac{m_{nt}}{T_n} \, \frac{\partial L}{\partial y_{nf}}

    x has shape (batch, time, features), y has shape (batch, features).

    A mask m of shape (batch, time) is False where a shorter sequence is filled up: those steps do not count, whatever x
    holds there. A sequence without a real step has the mean 0.

    Raises
    ------
    ShapeError, DtypeError
        If x is no floating-point array of shape (batch, time, features), the mask not (batch, time) of bool, or dy not
        (batch, features) of the dtype of x.

    See Also
    --------
    LastStep : what a recurrent brick has made of all it has read, for one direction.

    Notes
    -----
    PyTorch's ``AdaptiveAvgPool1d(1)`` has time on the last axis, keeps it with size 1, and knows no mask.

    References
    ----------
    Lin, Chen and Yan, "Network in network", ICLR 2014, section 3.2.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import GlobalAvgPool1d
    >>> pool = GlobalAvgPool1d()
    >>> x = np.array([[[1.0], [3.0], [8.0]]])
    >>> pool(x)
    array([[4.]])
    >>> y, cache = pool.forward(x, np.array([[True, True, False]]))
    >>> y
    array([[2.]])
    >>> pool.backward(np.array([[6.0]]), cache)
    array([[[3.],
            [3.],
            [0.]]])
    """

    def formulas(self, x: Array, mask: Mask | None = None) -> Formulas:
        """Return both formulas; with a mask, T counts the real steps of each sequence."""
        if mask is None:
            return Formulas(["y = sum(x[:, t], t) / T"], ["dx[:, t] = dy / T"], {"T": max(x.shape[1], 1)})
        forward = ["T[n] = max(sum(m[n, t], t), 1)", "y[n, k] = sum(m[n, t] * x[n, t, k], t) / T[n]"]
        return Formulas(forward, ["dx[n, t, k] = m[n, t] * dy[n, k] / T[n]"], {"m": "mask"})

    @quiet
    def forward(self, x: Array, mask: Mask | None = None) -> tuple[Array, tuple[Mask, int, "np.dtype[Any]"]]:
        """Return y, the mean of the real steps, and the mask, the features and the dtype for `backward`."""
        check_array(self, "x", x, ("batch", "time", "features"))
        if mask is None:
            mask = np.ones(x.shape[:2], np.bool_)
        check_array(self, "mask", mask, x.shape[:2], np.bool_)
        real = np.where(mask[:, :, np.newaxis], x, x.dtype.type(0))
        wide = np.promote_types(x.dtype, np.float32)
        y = real.sum(axis=1, dtype=wide) / _steps(mask, wide)
        return y.astype(x.dtype), (mask, x.shape[2], x.dtype)

    @quiet
    def backward(self, dy: Array, cache: tuple[Mask, int, "np.dtype[Any]"]) -> Array:
        """Return dL/dx = dy / T at each real step, and 0 at all others."""
        mask, features, dtype = cache
        check_array(self, "dy", dy, (len(mask), features), dtype)
        share = dy / _steps(mask, dtype)
        return np.where(mask[:, :, np.newaxis], share[:, np.newaxis], dtype.type(0))


def _steps(mask: Mask, dtype: "np.dtype[Any]") -> Array:
    """Return the number of real steps of each sequence, as a column; 1 where there is none."""
    steps: Array = np.maximum(mask.sum(axis=1, keepdims=True), 1).astype(dtype)
    return steps
