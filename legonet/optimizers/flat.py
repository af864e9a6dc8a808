"""Parameters laid end to end, so that an optimizer reads as the formula of its paper: θ ← θ - α g."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from legonet.arrays import Array, brief, check_array
from legonet.errors import OptionError
from legonet.optimizers.groups import Group, Options, Parameters, read_parameters
from legonet.parameter import Parameter


class Flat(NamedTuple):
    """Parameters of the same dtype and with the same options, laid end to end.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet.optimizers.flat import Flat
    >>> from legonet.optimizers.groups import Options
    >>> theta, g, options = Flat(np.ones(3), np.zeros(3), Options())
    """

    theta: Array
    """The values, of shape (n,)."""
    g: Array
    """The gradients, of shape (n,)."""
    options: Options
    """What goes for these parameters."""


class FlatParameters:
    """The values of many parameters as one vector θ, and their gradients as one vector g.

    The vectors are shared with the parameters: each ``value`` and ``grad`` becomes a view of its piece, so writing
    into θ moves the parameters. One update of one long vector costs a fraction of many updates of short ones.

    Parameters
    ----------
    who : str
        The optimizer; it starts the message of an error.
    parameters : iterable of Parameter or of (str, Parameter)
        The parameters, with their names if there are groups. Those of different dtypes or options get vectors of
        their own.
    groups : sequence of Group, optional
        Options of some of them.

    Raises
    ------
    OptionError
        If there are none, if one comes twice, if something else is among them, or if a group matches none of them.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import Parameter
    >>> from legonet.optimizers import FlatParameters
    >>> a, b = Parameter(np.array([1.0, 2.0])), Parameter(np.array([[3.0]]))
    >>> flat = FlatParameters("SGD", [a, b])
    >>> b.grad += 1.0
    >>> for theta, g, _ in flat.vectors():
    ...     theta -= 0.5 * g
    >>> b.value
    array([[2.5]])
    """

    def __init__(self, who: str, parameters: Parameters, groups: Sequence[Group] = ()) -> None:
        self.__setstate__((who, *read_parameters(who, parameters, groups)))

    # A copied view is an array of its own: a copy of this gathers the copied parameters anew.
    def __getstate__(self) -> tuple[str, tuple[Parameter, ...], list[Options]]:
        return self._who, tuple(parameter for parameter, _, _ in self._views), self._options

    def __setstate__(self, state: tuple[str, tuple[Parameter, ...], list[Options]]) -> None:
        self._who, parameters, self._options = state
        self._views = [(parameter, parameter.value, parameter.grad) for parameter in parameters]
        self._gather()

    def vectors(self) -> list[Flat]:
        """Return θ, g and their options for each dtype and set of options, always in the same order.

        A parameter whose ``value`` or ``grad`` was replaced by another array since is taken in again.

        Returns
        -------
        list of tuple
            ``(theta, g, options)``: the values and the gradients, each a numpy.ndarray of shape (n,), and what goes
            for them: their ``lr_factor``, ``weight_decay`` and ``frozen``.

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

    def piece_of(self, parameter: Parameter) -> tuple[int, slice, Options]:
        """Return where a parameter lies: the number of its vectors, its piece of them, and what goes for it.

        Parameters
        ----------
        parameter : Parameter
            One of those that were given.

        Returns
        -------
        tuple
            ``(number, piece, options)``: ``vectors()[number].theta[piece]`` is its value.

        Raises
        ------
        OptionError
            If it is none of those that were given.
        """
        for number, (some, flat) in enumerate(zip(self._groups, self._vectors, strict=True)):
            end = 0
            for each in some:
                start, end = end, end + each.value.size
                if each is parameter:
                    return number, slice(start, end), flat.options
        raise OptionError(f"{self._who} needs a parameter that it moves, but got {brief(repr(parameter), 80)}")

    def _gather(self) -> None:
        alike: dict[tuple[np.dtype[Any], Options], list[Parameter]] = {}
        for (parameter, value, _), options in zip(self._views, self._options, strict=True):
            check_array(parameter, "value", parameter.value, value.shape, value.dtype)
            check_array(parameter, "grad", parameter.grad, value.shape, value.dtype)
            alike.setdefault((value.dtype, options), []).append(parameter)
        self._groups = [*alike.values()]
        self._vectors = [Flat(*_lay_end_to_end(some), options) for (_, options), some in alike.items()]
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
