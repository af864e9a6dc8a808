"""The last step of a sequence, y = x[:, -1]."""

import numpy as np

from legonet.arrays import Array, Form, check_array
from legonet.brick import Brick
from legonet.errors import ShapeError
from legonet.formulas import Formulas


class LastStep(Brick[Form]):
    r"""The last step of each sequence, such as what a recurrent layer has made of all it has read.

    .. math::

        \text{forward} \quad& y_n = x_{n, T} \\
        \text{backward} \quad& \frac{\partial L}{\partial x_{n, t}} = \frac{\partial L}{\partial y_n} \, [t = T]

    x has shape (batch, time, ...) with T ≥ 1 steps, y has shape (batch, ...).

    Raises
    ------
    ShapeError, DtypeError
        If x is no floating-point array of shape (batch, time, ...) or has no step, or dy is not of the shape and dtype
        of y.

    Notes
    -----
    It takes the last step in the array, be it padding or not. That is right after a recurrent brick that was given the
    mask, as it repeats its last state there. After `Bidirectional`, whose second brick has read nothing yet at the last
    step, or after attention, take the mean of the real steps: `GlobalAvgPool1d`.

    References
    ----------
    Goodfellow, Bengio and Courville, *Deep Learning*, 2016, section 10.2, figure 10.5.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import LastStep
    >>> last = LastStep()
    >>> y, cache = last.forward(np.array([[[1.0, 2.0], [3.0, 4.0]]]))
    >>> y
    array([[3., 4.]])
    >>> last.backward(np.array([[5.0, 6.0]]), cache)
    array([[[0., 0.],
            [5., 6.]]])
    """

    def formulas(self, x: Array) -> Formulas:
        """Return both formulas."""
        return Formulas(["y = x[:, T - 1]"], ["dx[:, t] = dy * (t == T - 1)"], {"T": x.shape[1]})

    def forward(self, x: Array) -> tuple[Array, Form]:
        """Return y = x[:, -1], and the shape and dtype of x for `backward`."""
        check_array(self, "x", x, ("batch", "time", ...))
        if x.shape[1] == 0:
            raise ShapeError(f"{self} needs x of one step or more, but x has shape {x.shape}")
        return x[:, -1].copy(), (x.shape, x.dtype)  # a copy: whoever keeps y does not keep all other steps with it

    def backward(self, dy: Array, form: Form) -> Array:
        """Return dL/dx = dy in the last step and 0 in all others."""
        shape, dtype = form
        check_array(self, "dy", dy, (shape[0], *shape[2:]), dtype)
        dx = np.zeros(shape, dtype)
        dx[:, -1] = dy
        return dx
