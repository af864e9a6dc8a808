"""Schedules of the learning rate: what to multiply it by in each step.

Between two steps, set the rate: ``optimizer.lr = 0.1 * schedule(step)``. A schedule knows of no optimizer, so it is
drawn by ``[schedule(step) for step in range(1000)]``, and composes: ``WarmUp(100) * CosineDecay(1000)``.
"""

import math
from abc import ABC, abstractmethod

from legonet.arrays import brief
from legonet.checks import check_integer, check_number, check_scalar, check_size
from legonet.errors import OptionError


class Schedule(ABC):
    """A function of the step: the base class of the schedules.

    A subclass states its formula in `scale`.

    - ``schedule(step)`` is its value, for a step 0, 1, 2, ... (or a fraction of an epoch).
    - ``first * second`` is the product of two, and ``0.1 * schedule`` a multiple of one.
    - ``first.then(second, at=100)`` is the first up to step 99, and from step 100 on the second from its beginning.

    Examples
    --------
    A rate that falls as 1 / (1 + step / 50):

    >>> from legonet.optimizers import Schedule, WarmUp
    >>> class InverseDecay(Schedule):
    ...     def scale(self, step):
    ...         return 1 / (1 + step / 50)
    >>> schedule = WarmUp(10) * InverseDecay()
    >>> [round(schedule(step), 3) for step in (0, 5, 10, 50, 150)]
    [0.0, 0.455, 0.833, 0.5, 0.25]
    """

    __array_ufunc__ = None  # so that a NumPy number times a schedule is a schedule, too

    @abstractmethod
    def scale(self, step: float) -> float:
        """Return what the learning rate is multiplied by in a step that is a finite number of at least 0.

        Parameters
        ----------
        step : float
            How many steps were made before this one.

        Returns
        -------
        float
            The scale, at least 0.
        """

    def __call__(self, step: float) -> float:
        """Return the scale in a step, after a look at it.

        Parameters
        ----------
        step : float
            How many steps were made before this one.

        Returns
        -------
        float
            The scale.

        Raises
        ------
        OptionError
            If the step is not a finite number of at least 0.
        """
        return self.scale(check_number(brief(self, 80), "step", step, at_least=0))

    def then(self, following: "Schedule", *, at: float) -> "Schedule":
        """Return a schedule that is this one before step `at`, and from there on another one, from its step 0.

        Parameters
        ----------
        following : Schedule
            What comes then.
        at : float
            The step at which it begins.

        Returns
        -------
        Schedule
            Both, one after the other.

        Raises
        ------
        OptionError
            If something else follows, or the step is not a finite number of at least 0.
        """
        if not isinstance(following, Schedule):
            raise OptionError(
                f"{brief(self, 80)} needs a Schedule that follows, but it is {brief(repr(following), 80)}"
            )
        return _Sequence(self, following, check_number(brief(self, 80), "at", at, at_least=0))

    def __mul__(self, other: "Schedule | float") -> "Schedule":
        return _Product(self, other if isinstance(other, Schedule) else Constant(other))

    def __rmul__(self, other: float) -> "Schedule":
        return _Product(Constant(other), self)


class _Product(Schedule):
    def __init__(self, first: Schedule, second: Schedule) -> None:
        self.first, self.second = first, second

    def scale(self, step: float) -> float:
        return self.first.scale(step) * self.second.scale(step)

    def __repr__(self) -> str:
        return f"{self.first!r} * {self.second!r}"


class _Sequence(Schedule):
    def __init__(self, first: Schedule, second: Schedule, at: float) -> None:
        self.first, self.second, self.at = first, second, at

    def scale(self, step: float) -> float:
        return self.first.scale(step) if step < self.at else self.second.scale(step - self.at)

    def __repr__(self) -> str:
        first = f"({self.first!r})" if isinstance(self.first, _Product) else repr(self.first)
        return f"{first}.then({self.second!r}, at={self.at:g})"


class Constant(Schedule):
    r"""The same scale in each step.

    .. math::

        \text{value}

    Parameters
    ----------
    value : float
        The scale, at least 0.

    Raises
    ------
    OptionError
        If it is no such number.

    Examples
    --------
    >>> from legonet.optimizers import Constant, CosineDecay
    >>> schedule = Constant(1.0).then(CosineDecay(100), at=900)
    >>> schedule(0), schedule(899), round(schedule(950), 3), schedule(1000)
    (1.0, 1.0, 0.5, 0.0)
    """

    def __init__(self, value: float) -> None:
        self.value = check_number("Constant", "value", value, at_least=0)

    def scale(self, step: float) -> float:
        """Return the value."""
        return self.value

    def __repr__(self) -> str:
        return f"Constant({self.value:g})"


class StepDecay(Schedule):
    r"""Falls by a factor every so many steps.

    .. math::

        \text{factor}^{\lfloor \text{step} / \text{every} \rfloor}

    Parameters
    ----------
    every : float
        How many steps lie between two falls, above 0.
    factor : float, optional
        What it is multiplied by, above 0 and at most 1.

    Raises
    ------
    OptionError
        If a number is out of its bounds.

    Notes
    -----
    PyTorch's ``StepLR``.

    Examples
    --------
    >>> from legonet.optimizers import StepDecay
    >>> schedule = StepDecay(30, factor=0.5)
    >>> [schedule(step) for step in (0, 29, 30, 60)]
    [1.0, 1.0, 0.5, 0.25]
    """

    def __init__(self, every: float, *, factor: float = 0.1) -> None:
        self.every = check_number("StepDecay", "every", every, above=0)
        self.factor = check_number("StepDecay", "factor", factor, above=0, at_most=1)

    def scale(self, step: float) -> float:
        """Return factor to the power of ⌊step / every⌋."""
        return math.pow(self.factor, step // self.every)

    def __repr__(self) -> str:
        return f"StepDecay({self.every:g}, factor={self.factor:g})"


class ExponentialDecay(Schedule):
    r"""Falls by a factor in each step.

    .. math::

        \text{factor}^{\text{step}}

    Parameters
    ----------
    factor : float
        What it is multiplied by, above 0 and at most 1.

    Raises
    ------
    OptionError
        If it is no such number.

    Notes
    -----
    PyTorch's ``ExponentialLR``.

    Examples
    --------
    >>> from legonet.optimizers import ExponentialDecay
    >>> schedule = ExponentialDecay(0.5)
    >>> [schedule(step) for step in range(4)]
    [1.0, 0.5, 0.25, 0.125]
    """

    def __init__(self, factor: float) -> None:
        self.factor = check_number("ExponentialDecay", "factor", factor, above=0, at_most=1)

    def scale(self, step: float) -> float:
        """Return factor to the power of step."""
        return math.pow(self.factor, step)

    def __repr__(self) -> str:
        return f"ExponentialDecay({self.factor:g})"


class LinearDecay(Schedule):
    r"""Falls along a line from 1 in step 0 to an end, and stays there.

    .. math::

        1 + (\text{end} - 1) \min(\text{step} / \text{steps}, 1)

    Parameters
    ----------
    steps : float
        When it is at its end, above 0.
    end : float, optional
        The last scale, at least 0.

    Raises
    ------
    OptionError
        If a number is out of its bounds.

    Notes
    -----
    PyTorch's ``LinearLR`` with ``start_factor=1``.

    Examples
    --------
    >>> from legonet.optimizers import LinearDecay
    >>> schedule = LinearDecay(100)
    >>> [schedule(step) for step in (0, 25, 50, 100, 200)]
    [1.0, 0.75, 0.5, 0.0, 0.0]
    """

    def __init__(self, steps: float, *, end: float = 0.0) -> None:
        self.steps = check_number("LinearDecay", "steps", steps, above=0)
        self.end = check_number("LinearDecay", "end", end, at_least=0)

    def scale(self, step: float) -> float:
        """Return 1 + (end - 1) min(step / steps, 1)."""
        return _line(1.0, self.end, step / self.steps)

    def __repr__(self) -> str:
        return f"LinearDecay({self.steps:g}, end={self.end:g})"


class CosineDecay(Schedule):
    r"""Falls along half a cosine from 1 in step 0 to an end, and stays there.

    .. math::

        \text{end} + \frac{1 - \text{end}}{2}
        \left(1 + \cos\left(\pi \min(\text{step} / \text{steps}, 1)\right)\right)

    Parameters
    ----------
    steps : float
        When it is at its end, above 0.
    end : float, optional
        The last scale, at least 0.

    Raises
    ------
    OptionError
        If a number is out of its bounds.

    Notes
    -----
    PyTorch's ``CosineAnnealingLR``, where ``eta_min`` is the end times the rate; that one rises again after its end.

    References
    ----------
    Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017,
    https://arxiv.org/abs/1608.03983.

    Examples
    --------
    >>> from legonet.optimizers import CosineDecay
    >>> schedule = CosineDecay(100)
    >>> [round(schedule(step), 3) for step in (0, 25, 50, 75, 100, 200)]
    [1.0, 0.854, 0.5, 0.146, 0.0, 0.0]
    """

    def __init__(self, steps: float, *, end: float = 0.0) -> None:
        self.steps = check_number("CosineDecay", "steps", steps, above=0)
        self.end = check_number("CosineDecay", "end", end, at_least=0)

    def scale(self, step: float) -> float:
        """Return end + (1 - end) (1 + cos(π min(step / steps, 1))) / 2."""
        return _wave(1.0, self.end, step / self.steps)

    def __repr__(self) -> str:
        return f"CosineDecay({self.steps:g}, end={self.end:g})"


class WarmUp(Schedule):
    r"""Rises along a line from a start in step 0 to 1, and stays there.

    .. math::

        \text{start} + (1 - \text{start}) \min(\text{step} / \text{steps}, 1)

    Parameters
    ----------
    steps : float
        When it is at 1, above 0.
    start : float, optional
        The first scale, at least 0. With 0, the first step moves nothing.

    Raises
    ------
    OptionError
        If a number is out of its bounds.

    Notes
    -----
    PyTorch's ``LinearLR``, where ``start_factor`` is 1/3 by default.

    References
    ----------
    Goyal et al., "Accurate, large minibatch SGD: training ImageNet in 1 hour", 2017, section 2.2,
    https://arxiv.org/abs/1706.02677.

    Examples
    --------
    >>> from legonet.optimizers import CosineDecay, WarmUp
    >>> schedule = WarmUp(100) * CosineDecay(1000)
    >>> [round(schedule(step), 3) for step in (0, 50, 100, 500, 1000)]
    [0.0, 0.497, 0.976, 0.5, 0.0]
    """

    def __init__(self, steps: float, *, start: float = 0.0) -> None:
        self.steps = check_number("WarmUp", "steps", steps, above=0)
        self.start = check_number("WarmUp", "start", start, at_least=0)

    def scale(self, step: float) -> float:
        """Return start + (1 - start) min(step / steps, 1)."""
        return _line(self.start, 1.0, step / self.steps)

    def __repr__(self) -> str:
        return f"WarmUp({self.steps:g}, start={self.start:g})"


class OneCycle(Schedule):
    r"""Rises from a start to 1 and falls to an end, each along half a cosine, and stays there.

    .. math::

        \text{start} + (1 - \text{start}) \, w\left(\frac{\text{step}}{\text{top}}\right)
        &\quad \text{before the top} \\
        1 + (\text{end} - 1) \, w\left(\frac{\text{step} - \text{top}}{\text{steps} - 1 - \text{top}}\right)
        &\quad \text{from there on}

    with :math:`\text{top} = \max(\text{rise} \cdot \text{steps} - 1, 0)` and
    :math:`w(a) = \frac{1}{2} (1 - \cos(\pi \min(a, 1)))`. So it is at its end in
    step steps - 1, the last of the training.

    Parameters
    ----------
    steps : int
        How many steps are made in all, at least 1.
    rise : float, optional
        The share of them in which it rises, above 0 and below 1.
    start : float, optional
        The first scale, at least 0.
    end : float, optional
        The last scale, at least 0.

    Raises
    ------
    OptionError
        If a number is out of its bounds.

    Notes
    -----
    The rates of PyTorch's ``OneCycleLR`` (with cosines and two phases) for ``max_lr=1``: its ``div_factor`` is
    1 / start, and its ``final_div_factor`` start / end. The momentum, which it varies too, is left alone.

    References
    ----------
    Smith and Topin, "Super-convergence: very fast training of neural networks using large learning rates", 2018,
    https://arxiv.org/abs/1708.07120.

    Examples
    --------
    >>> from legonet.optimizers import OneCycle
    >>> schedule = OneCycle(100)
    >>> [round(schedule(step), 3) for step in (0, 10, 29, 50, 99)]
    [0.04, 0.295, 1.0, 0.794, 0.0]
    """

    def __init__(self, steps: int, *, rise: float = 0.3, start: float = 0.04, end: float = 4e-6) -> None:
        self.steps = check_integer("OneCycle", "steps", steps, at_least=1)
        self.rise = check_number("OneCycle", "rise", rise, above=0, below=1)
        self.start = check_number("OneCycle", "start", start, at_least=0)
        self.end = check_number("OneCycle", "end", end, at_least=0)

    def scale(self, step: float) -> float:
        """Return half a cosine up, then half a cosine down."""
        top, last = max(self.rise * self.steps - 1, 0.0), self.steps - 1
        if step < top:
            return _wave(self.start, 1.0, step / top)
        return _wave(1.0, self.end, (step - top) / (last - top)) if step < last else self.end if last else 1.0

    def __repr__(self) -> str:
        return f"OneCycle({self.steps}, rise={self.rise:g}, start={self.start:g}, end={self.end:g})"


class ReduceOnPlateau:
    r"""Falls by a factor when a loss has not become better for a while.

    .. math::

        \text{scale} \leftarrow \max(\text{scale} \cdot \text{factor}, \text{lowest})
        \quad \text{after more than patience losses} \quad
        L \ge \text{best} - \text{threshold} \cdot |\text{best}|

    Call it with the latest loss, such as that of the validation after each epoch. It remembers, so it is no `Schedule`;
    to compose it with one, multiply: ``optimizer.lr = 0.1 * schedule(step) * plateau.scale``.

    Parameters
    ----------
    factor : float, optional
        What the scale is multiplied by, above 0 and below 1.
    patience : int, optional
        How many losses in a row may be no better.
    threshold : float, optional
        A loss is better if it is below the best one by more than this share of it, at least 0 and below 1.
    cooldown : int, optional
        How many losses after a fall do not count as no better.
    lowest : float, optional
        The scale never falls below this, at least 0 and at most 1.

    Attributes
    ----------
    scale : float
        What the learning rate is to be multiplied by, 1 at first.
    best : float
        The best loss so far, infinity at first.

    Raises
    ------
    OptionError
        If a number is out of its bounds.

    Notes
    -----
    PyTorch's ``ReduceLROnPlateau`` in its mode ``"min"``. Of what is to become large, pass the negative. A loss that is
    NaN is no better.

    Examples
    --------
    >>> from legonet.optimizers import ReduceOnPlateau
    >>> plateau = ReduceOnPlateau(factor=0.5, patience=1)
    >>> [plateau(loss) for loss in (3.0, 2.0, 2.0, 2.1, 1.0)]
    [1.0, 1.0, 1.0, 0.5, 0.5]
    """

    def __init__(
        self,
        *,
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        cooldown: int = 0,
        lowest: float = 0.0,
    ) -> None:
        self.factor = check_number("ReduceOnPlateau", "factor", factor, above=0, below=1)
        self.patience = check_size("ReduceOnPlateau", "patience", patience)
        self.threshold = check_number("ReduceOnPlateau", "threshold", threshold, at_least=0, below=1)
        self.cooldown = check_size("ReduceOnPlateau", "cooldown", cooldown)
        self.lowest = check_number("ReduceOnPlateau", "lowest", lowest, at_least=0, at_most=1)
        self.scale, self.best = 1.0, math.inf
        self._bad = self._cooling = 0

    def __call__(self, loss: float) -> float:
        """Take in the latest loss, and return the scale from now on.

        Parameters
        ----------
        loss : float
            The loss; the smaller, the better.

        Returns
        -------
        float
            The scale.

        Raises
        ------
        OptionError
            If the loss is not a number.
        """
        loss = check_scalar("ReduceOnPlateau", "loss", loss)
        margin = self.threshold * abs(self.best) if math.isfinite(self.best) else 0.0
        if loss < self.best - margin:
            self.best, self._bad = loss, 0
        else:
            self._bad += 1
        if self._cooling:
            self._cooling, self._bad = self._cooling - 1, 0
        if self._bad > self.patience:
            self.scale = max(self.scale * self.factor, self.lowest)
            self._bad, self._cooling = 0, self.cooldown
        return self.scale

    def __repr__(self) -> str:
        options = f"patience={self.patience}, threshold={self.threshold:g}, cooldown={self.cooldown}"
        return f"ReduceOnPlateau(factor={self.factor:g}, {options}, lowest={self.lowest:g})"


def _line(start: float, end: float, share: float) -> float:
    """Return the number at a share of the way from start to end; beyond, the end."""
    return end if share >= 1 else start + (end - start) * share


def _wave(start: float, end: float, share: float) -> float:
    """Return the number at a share of the way along half a cosine."""
    return end if share >= 1 else end + (start - end) * (1 + math.cos(math.pi * share)) / 2
