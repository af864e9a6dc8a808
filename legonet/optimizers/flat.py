"""Parameters laid end to end, so that an optimizer reads as the formula of its paper: θ ← θ - α g."""

from collections.abc import Iterable

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
        by_dtype: dict[np.dtype[np.floating], list[Parameter]] = {}
        for parameter in check_parameters(who, parameters):
            by_dtype.setdefault(parameter.value.dtype, []).append(parameter)
        self._pieces = [_Piece(group) for group in by_dtype.values()]

    def vectors(self) -> list[tuple[Array, Array]]:
        """Yield θ and g, once for each dtype, always in the same order.

        A parameter whose ``value`` or ``grad`` was replaced by another array since is taken in again.

        Yields
        ------
        theta : numpy.ndarray
            The values, of shape (n,).
        g : numpy.ndarray
            The gradients, of shape (n,).

        Raises
        ------
        ShapeError, DtypeError
            If the array that replaced one has another shape or dtype.
        """
        return [piece.vectors() for piece in self._pieces]


class _Piece:
    """Parameters of one dtype."""

    def __init__(self, parameters: list[Parameter]) -> None:
        self._views = [(parameter, parameter.value, parameter.grad) for parameter in parameters]
        self._gather()

    # A copied view is an array of its own: a copy of this gathers the copied parameters anew.
    def __getstate__(self) -> list[Parameter]:
        return [parameter for parameter, _, _ in self._views]

    def __setstate__(self, parameters: list[Parameter]) -> None:
        self.__init__(parameters)  # type: ignore[misc]  # the same work as for a new one

    def vectors(self) -> tuple[Array, Array]:
        for parameter, value, grad in self._views:
            if parameter.value is not value or parameter.grad is not grad:
                self._gather()
                break
        return self._theta, self._g

    def _gather(self) -> None:
        for parameter, value, _ in self._views:
            check_array(parameter, "value", parameter.value, value.shape, value.dtype)
            check_array(parameter, "grad", parameter.grad, value.shape, value.dtype)
        self._theta = np.concatenate([parameter.value.ravel() for parameter, _, _ in self._views])
        self._g = np.concatenate([parameter.grad.ravel() for parameter, _, _ in self._views])
        views, start = [], 0
        for parameter, value, _ in self._views:
            stop = start + value.size
            parameter.value = self._theta[start:stop].reshape(value.shape)
            parameter.grad = self._g[start:stop].reshape(value.shape)
            views.append((parameter, parameter.value, parameter.grad))
            start = stop
        self._views = views
