"""Parameters laid end to end, so that an optimizer reads as the formula of its paper: θ ← θ - α g."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from legonet.arrays import Array, check_array
from legonet.checks import check_parameters
from legonet.parameter import Parameter


class FlatParameters:
    """The values of many parameters as one vector θ, and their gradients as one vector g.

    The vectors are shared with the parameters: each ``value`` and ``grad`` becomes a view of its piece, so writing
    into θ moves the parameters. One update of one long vector costs a fraction of many updates of short ones.

    Parameters
    ----------
    who : str
        The optimizer; it starts the message of an error.
    parameters : iterable of Parameter
        The parameters. Those of different dtypes get vectors of their own.

    Raises
    ------
    OptionError
        If there are none, if one comes twice, or if something else is among them.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import Parameter
    >>> from legonet.optimizers import FlatParameters
    >>> a, b = Parameter(np.array([1.0, 2.0])), Parameter(np.array([[3.0]]))
    >>> flat = FlatParameters("SGD", [a, b])
    >>> b.grad += 1.0
    >>> for theta, g in flat.vectors():
    ...     theta -= 0.5 * g
    >>> b.value
    array([[2.5]])
    """

    def __init__(self, who: str, parameters: Iterable[Parameter]) -> None:
        self.__setstate__(check_parameters(who, parameters))

    # A copied view is an array of its own: a copy of this gathers the copied parameters anew.
    def __getstate__(self) -> tuple[Parameter, ...]:
        return tuple(parameter for parameter, _, _ in self._views)

    def __setstate__(self, parameters: tuple[Parameter, ...]) -> None:
        self._views = [(parameter, parameter.value, parameter.grad) for parameter in parameters]
        self._gather()

    def vectors(self) -> list[tuple[Array, Array]]:
        """Return θ and g for each dtype, always in the same order.

        A parameter whose ``value`` or ``grad`` was replaced by another array since is taken in again.

        Returns
        -------
        list of (theta, g)
            The values and the gradients, each a numpy.ndarray of shape (n,).

        Raises
        ------
        ShapeError, DtypeError
            If the array that replaced one has another shape or dtype.
        """
        for parameter, value, grad in self._views:
            if parameter.value is not value or parameter.grad is not grad:
                self._gather()
                break
        return self._vectors

    def _gather(self) -> None:
        by_dtype: dict[np.dtype[Any], list[Parameter]] = {}
        for parameter, value, _ in self._views:
            check_array(parameter, "value", parameter.value, value.shape, value.dtype)
            check_array(parameter, "grad", parameter.grad, value.shape, value.dtype)
            by_dtype.setdefault(value.dtype, []).append(parameter)
        self._vectors = [_lay_end_to_end(group) for group in by_dtype.values()]
        self._views = [(parameter, parameter.value, parameter.grad) for parameter, _, _ in self._views]


def _lay_end_to_end(parameters: list[Parameter]) -> tuple[Array, Array]:
    """Return the values as one vector and the gradients as another, and make those of each parameter views of them."""
    theta = np.concatenate([parameter.value.ravel() for parameter in parameters])
    g = np.concatenate([parameter.grad.ravel() for parameter in parameters])
    ends = np.cumsum([parameter.value.size for parameter in parameters])[:-1]
    for parameter, value, grad in zip(parameters, np.split(theta, ends), np.split(g, ends), strict=True):
        shape = parameter.value.shape
        parameter.value, parameter.grad = value.reshape(shape), grad.reshape(shape)
    return theta, g
