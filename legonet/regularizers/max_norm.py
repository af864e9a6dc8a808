"""The max-norm constraint: the incoming weights of a unit never grow longer than a limit."""

from collections.abc import Iterable

import numpy as np

from legonet.arrays import brief, quiet
from legonet.checks import check_number, check_parameters, counted
from legonet.errors import OptionError
from legonet.parameter import Parameter


class MaxNorm:
    r"""A limit to the length of each unit's incoming weights, to be called after each step.

    .. math::

        w \leftarrow w \cdot \min(1, \text{limit} / \lVert w \rVert)

    It is no brick, since it has no derivative: it puts back what a step moved too far. The weights are written into
    in place.

    Parameters
    ----------
    weights : iterable of Parameter
        What is limited, each of two axes or more.
    limit : float
        The greatest length, above 0.
    axis : int or tuple of int, optional
        The axes of one unit's incoming weights. By default all but the last: the columns of (in, out).

    Raises
    ------
    OptionError
        If the limit is no positive number, the weights are not parameters, or one does not have these axes.

    Notes
    -----
    Lengths are neither lost nor infinite on the way, so weights of 1e200 are limited too. A unit with NaN or infinity
    in it is left as it is. PyTorch's ``renorm`` does the same for one axis.

    References
    ----------
    Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", Journal of Machine Learning
    Research 15, 2014, section 5.1.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import MaxNorm, Parameter
    >>> weight = Parameter(np.array([[3.0, 0.3], [4.0, 0.4]]))
    >>> limits = MaxNorm([weight], limit=1.0)
    >>> limits.apply()
    >>> weight.value
    array([[0.6, 0.3],
           [0.8, 0.4]])
    """

    def __init__(
        self, weights: Iterable[Parameter], *, limit: float, axis: int | tuple[int, ...] | None = None
    ) -> None:
        self.weights = check_parameters("MaxNorm", weights)
        self.limit = check_number("MaxNorm", "limit", limit, above=0)
        self.axis = axis
        for weight in self.weights:
            self._check_axis(weight)

    @quiet
    def apply(self) -> None:
        """Shorten each unit's weights that are longer than the limit to the limit."""
        for weight in self.weights:
            w, axes = weight.value, self._axes(weight)
            largest = np.abs(w).max(axis=axes, keepdims=True, initial=0.0).astype(np.float64)
            largest[largest == 0.0] = 1.0
            times = np.sqrt(
                np.square(w / largest).sum(axis=axes, keepdims=True)
            )  # the length is this times the largest
            factor = self.limit / largest / np.maximum(times, 1.0)
            np.multiply(w, np.where(factor < 1.0, factor, 1.0), out=w, casting="same_kind")

    def _axes(self, weight: Parameter) -> int | tuple[int, ...]:
        return tuple(range(weight.value.ndim - 1)) if self.axis is None else self.axis

    def _check_axis(self, weight: Parameter) -> None:
        if self.axis is None and weight.value.ndim > 1:
            return
        try:
            weight.value.any(axis=self.axis)
            known = self.axis is not None and not isinstance(self.axis, bool)
        except (TypeError, ValueError):  # NumPy's AxisError is a ValueError
            known = False
        if not known:
            needed = "weights of two axes or more" if self.axis is None else "axis as axes of each weight"
            given = f"one has shape {weight.value.shape}" + ("" if self.axis is None else f" and axis is {self.axis!r}")
            raise OptionError(f"MaxNorm needs {needed}, but {brief(given, 200)}")

    def __repr__(self) -> str:
        axis = "" if self.axis is None else f", axis={self.axis}"
        return f"MaxNorm({counted(self.weights)}, limit={self.limit:g}{axis})"
