"""Sinusoidal positions, y = x + P: each step of a sequence gets a pattern of waves that is its own."""

from functools import lru_cache
from typing import Any

import numpy as np

from legonet.arrays import Array, Form, check_array
from legonet.brick import Brick
from legonet.formulas import Formulas


@lru_cache(maxsize=8)
def waves(time: int, features: int, dtype: np.dtype[np.floating[Any]]) -> Array:
    """Return P of shape (time, features), read-only, the same array for the same arguments.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet.bricks.sinusoidal_positions import waves
    >>> waves(2, 3, np.dtype(np.float64)).round(3)
    array([[0.   , 1.   , 0.   ],
           [0.841, 0.54 , 0.002]])
    """
    even = np.arange(0, features, 2)
    angles = np.arange(time)[:, np.newaxis] / 10000.0 ** (even / max(features, 1))
    P = np.empty((time, features))
    P[:, 0::2] = np.sin(angles)
    P[:, 1::2] = np.cos(angles[:, : features // 2])
    P = P.astype(dtype)
    P.flags.writeable = False
    return P


class SinusoidalPositions(Brick[Form]):
    r"""Waves added to a sequence, from which a brick that sees all steps alike can tell where each of them stands.

    .. math::

        \text{forward} \quad& y_t = x_t + P_t, \quad P_{t, 2i} = \sin \frac{t}{10000^{2i/d}}, \quad
        P_{t, 2i + 1} = \cos \frac{t}{10000^{2i/d}} \\
        \text{backward} \quad& \frac{\partial L}{\partial x} = \frac{\partial L}{\partial y}

    x and y have shape (batch, time, features); d is the number of features, and t counts from 0.

    Raises
    ------
    ShapeError, DtypeError
        If x is no floating-point array of shape (batch, time, features), or dy is not of the shape and dtype of x.

    Notes
    -----
    The waves are as large as 1: let x be so too, or they drown it. An embedding in front draws its numbers so with
    ``weight=partial(normal, std=1.0)``.

    With an odd number of features the last one is a sine without its cosine. PyTorch has no such layer.

    References
    ----------
    Vaswani et al., "Attention is all you need", NeurIPS 2017, section 3.5.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import SinusoidalPositions
    >>> SinusoidalPositions()(np.zeros((1, 3, 4))).round(2)
    array([[[ 0.  ,  1.  ,  0.  ,  1.  ],
            [ 0.84,  0.54,  0.01,  1.  ],
            [ 0.91, -0.42,  0.02,  1.  ]]])
    """

    def formulas(self, x: Array) -> Formulas:
        """Return both formulas."""
        angle = "10000 ** (2 * (k // 2) / d)"
        waves = f"P[t, k] = where(k % 2 == 0, sin(t / {angle}), cos(t / {angle}))"
        sizes = {"d": x.shape[2], "t": range(x.shape[1]), "k": range(x.shape[2])}
        return Formulas([waves, "y = x + P"], ["dx = dy"], sizes)

    def forward(self, x: Array) -> tuple[Array, Form]:
        """Return y = x + P, and the shape and dtype of y for `backward`."""
        check_array(self, "x", x, ("batch", "time", "features"))
        y = x + waves(*x.shape[1:], x.dtype)
        return y, (y.shape, y.dtype)

    def backward(self, dy: Array, form: Form) -> Array:
        """Return dL/dx = dy."""
        check_array(self, "dy", dy, *form)
        return dy
