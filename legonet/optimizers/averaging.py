"""The mean of the weights over the recent steps, which often does better than the last ones."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np

from legonet.arrays import Array, check_array, quiet
from legonet.checks import check_flag, check_number, check_parameters, counted
from legonet.errors import OptionError
from legonet.parameter import Parameter


class MovingAverage:
    r"""The exponential moving average of parameters, to be put in their place for evaluation.

    .. math::

        a \leftarrow a + \frac{1 - \beta}{1 - \beta^t} (\theta - a)

    in update t = 1, 2, ...; so a is a mean of all θ seen, in which each one weighs β times as much as the one after it.

    Parameters
    ----------
    parameters : iterable of Parameter
        Such as ``net.parameters()``.
    decay : float, optional
        β, at least 0 and below 1.
    correction : bool, optional
        Whether to divide by 1 - βᵗ. Without it, the mean begins with the parameters as they are now, which weigh βᵗ.

    Attributes
    ----------
    values : list of numpy.ndarray
        The averages, in the order and the shapes of the parameters. Until the first update, they are the parameters
        as they were.
    updates : int
        t, how many updates were made.

    Raises
    ------
    OptionError
        If the decay is no such number, the correction neither True nor False, the parameters are not a list of
        parameters, each once, or an update is made while the averages are in place.
    ShapeError, DtypeError
        If a parameter's value was replaced by an array of another shape or no array of floating-point numbers.

    Notes
    -----
    The correction is Adam's, written so that it needs no start at zero. PyTorch's ``AveragedModel`` with
    ``get_ema_multi_avg_fn`` has none: it is ``correction=False``, made after the first step. The averages of float16
    parameters are kept in float32, where small changes add up. A brick's running statistics are no parameters, and stay
    as they are.

    References
    ----------
    Polyak and Juditsky, "Acceleration of stochastic approximation by averaging", 1992; Kingma and Ba, "Adam: a method
    for stochastic optimization", 2015, section 3 for the correction and 7.2 for the averages,
    https://arxiv.org/abs/1412.6980.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import Parameter
    >>> from legonet.optimizers import MovingAverage
    >>> weight = Parameter(np.array([0.0]))
    >>> average = MovingAverage([weight], decay=0.5)
    >>> for value in (3.0, 6.0):
    ...     weight.value[:] = value
    ...     average.update()
    >>> with average.applied():
    ...     print(weight.value)
    [5.]
    >>> weight.value
    array([6.])
    """

    def __init__(self, parameters: Iterable[Parameter], *, decay: float = 0.999, correction: bool = True) -> None:
        self.decay = check_number("MovingAverage", "decay", decay, at_least=0, below=1)
        self.correction = check_flag("MovingAverage", "correction", correction)
        self.updates = 0
        self._parameters = check_parameters("MovingAverage", parameters)
        self.values: list[Array] = [
            parameter.value.astype(np.result_type(parameter.value, np.float32)) for parameter in self._parameters
        ]
        self._in_place = 0

    @quiet
    def update(self) -> None:
        """Take the parameters as they are now into the averages: a ← a + (1 - β) / (1 - βᵗ) (θ - a)."""
        if self._in_place:
            raise OptionError("MovingAverage.update needs the parameters, but the averages are in their place")
        self._check()
        self.updates += 1
        weight = (1 - self.decay) / (1 - self.decay**self.updates if self.correction else 1.0)
        for average, parameter in zip(self.values, self._parameters, strict=True):
            if weight == 1:
                average[...] = parameter.value
            else:
                average += weight * (parameter.value - average)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Put the averages in the place of the parameters' numbers within a ``with``, and the numbers back after it.

        The numbers are written into the arrays, so views of them see the averages too.
        """
        self._check()
        numbers = [parameter.value.copy() for parameter in self._parameters]
        self._in_place += 1
        try:
            _write(self.values, self._parameters)
            yield
        finally:
            _write(numbers, self._parameters)
            self._in_place -= 1

    def _check(self) -> None:
        for average, parameter in zip(self.values, self._parameters, strict=True):
            check_array(parameter, "value", parameter.value, average.shape)

    def __repr__(self) -> str:
        options = f"decay={self.decay:g}, correction={self.correction}"
        return f"MovingAverage({counted(self._parameters)}, {options})"


@quiet
def _write(values: list[Array], parameters: tuple[Parameter, ...]) -> None:
    for value, parameter in zip(values, parameters, strict=True):
        parameter.value[...] = value
