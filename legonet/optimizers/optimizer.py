"""What all optimizers have in common: a learning rate, groups, and a step that uses the gradients up."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from operator import attrgetter
from typing import ClassVar

import numpy as np

from legonet.arrays import Array, quiet
from legonet.checks import check_number
from legonet.formulas import Formulas
from legonet.optimizers.flat import FlatParameters
from legonet.optimizers.groups import Group, Parameters, read_groups
from legonet.parameter import Parameter


class Optimizer(ABC):
    r"""Moves parameters against their gradients: the base class of all optimizers.

    An optimizer states its formula in `update`, for one vector θ and its gradient g, and how many vectors of the
    same size it keeps for them from step to step. Only its rate changes: what else it was given stays as it is.

    Parameters
    ----------
    parameters : iterable of Parameter or of (str, Parameter)
        What is to learn: ``net.parameters()``, or ``net.named_parameters()`` if there are groups.
    lr : float
        The learning rate α, at least 0.
    weight_decay : float, optional
        The weight decay, at least 0.
    groups : sequence of Group, optional
        Options of some parameters, by their names.
    slots : int, optional
        How many vectors are kept, zeros at first.

    Attributes
    ----------
    lr : float
        The learning rate. Set it between steps to follow a schedule.
    weight_decay : float
        The weight decay of the parameters to which no group gives their own.
    groups : tuple of Group
        The groups.
    steps : int
        How many steps were made.

    Raises
    ------
    OptionError
        If a number is out of its bounds, the parameters are not a list of parameters, each once, or a group matches
        none of them.

    Notes
    -----
    What is kept from step to step for float16 parameters is kept in float32, in which the squares of their gradients
    neither overflow nor vanish.

    Examples
    --------
    Steps of the same size in each direction:

    >>> import numpy as np
    >>> from legonet import Parameter
    >>> from legonet.optimizers import Optimizer
    >>> class SignDescent(Optimizer):
    ...     def update(self, theta, g, slots, lr, weight_decay):
    ...         theta -= lr * np.sign(g)
    >>> weight = Parameter(np.array([1.0, 2.0]))
    >>> weight.grad += np.array([0.3, -8.0])
    >>> SignDescent([weight], lr=0.1).step()
    >>> weight.value, weight.grad
    (array([0.9, 2.1]), array([0., 0.]))
    """

    shown: ClassVar[tuple[str, ...]] = ()
    """The names of a subclass's own options, for its ``repr``."""

    letters: ClassVar[tuple[str, ...]] = ()
    """What the formulas call the vectors that are kept, in their order; others are slot1, slot2 and so on."""

    def __init__(
        self,
        parameters: Parameters,
        *,
        lr: float,
        weight_decay: float = 0.0,
        groups: Sequence[Group] = (),
        slots: int = 0,
    ) -> None:
        self.lr = lr
        who = type(self).__name__
        self._weight_decay = check_number(who, "weight_decay", weight_decay, at_least=0)
        self._groups = read_groups(who, groups)
        self.steps = 0
        self._flat = FlatParameters(who, parameters, self._groups)
        self._slots = [
            [np.zeros(theta.shape, np.result_type(theta, np.float32)) for _ in range(0 if options.frozen else slots)]
            for theta, _, options in self._flat.vectors()
        ]

    @property
    def lr(self) -> float:
        """The learning rate α."""
        return self._lr

    @lr.setter
    def lr(self, lr: float) -> None:
        self._lr = check_number(type(self).__name__, "lr", lr, at_least=0)

    weight_decay = property(attrgetter("_weight_decay"), doc="The weight decay where no group gives another.")
    groups = property(attrgetter("_groups"), doc="The groups, as a tuple.")

    @quiet
    def step(self) -> None:
        """Move every parameter that is not frozen against its gradient, and leave all gradients zero.

        Gradients of several backward passes before a step add up.
        """
        vectors = self._flat.vectors()
        self.steps += 1
        for number, (theta, g, (lr_factor, decay, frozen)) in enumerate(vectors):
            if not frozen:
                decay = self._weight_decay if decay is None else decay
                self.update(theta, g, self._slots[number], self._lr * lr_factor, decay)
            g.fill(0.0)

    @abstractmethod
    def update(self, theta: Array, g: Array, slots: list[Array], lr: float, weight_decay: float) -> None:
        """Write the new θ and the new slots into the arrays given.

        Parameters
        ----------
        theta : numpy.ndarray
            Parameters θ of one dtype and the same options, end to end, of shape (n,).
        g : numpy.ndarray
            The gradient by them, of shape (n,). It is not written into.
        slots : list of numpy.ndarray
            What is kept from step to step, each of shape (n,).
        lr : float
            Their learning rate.
        weight_decay : float
            Their weight decay.
        """

    def update_formulas(self, lr: float, weight_decay: float) -> Formulas | None:
        """Return what the next `update` computes, for `legonet.explain.explain`, or None if it is not stated.

        Parameters
        ----------
        lr : float
            The learning rate.
        weight_decay : float
            The weight decay.

        Returns
        -------
        Formulas or None
            Its ``forward`` leads from ``θ``, ``g`` and what is kept, such as ``v_old``, to ``v`` and ``θ_new``.
        """
        return None

    def formulas(self, parameter: Parameter) -> Formulas | None:
        """Return what the next step does to a parameter; None if it is frozen or the optimizer states no formulas.

        A subclass that has an `update` of its own and no `update_formulas` states none.

        Parameters
        ----------
        parameter : Parameter
            One of those that the optimizer moves.

        Returns
        -------
        Formulas or None
            As `update_formulas`, with the options that go for this parameter.

        Raises
        ------
        OptionError
            If the optimizer does not move it.

        Examples
        --------
        >>> import numpy as np
        >>> from legonet import SGD, Parameter
        >>> weight = Parameter(np.array([1.0, 2.0]))
        >>> SGD([weight], lr=0.1, momentum=0.9).formulas(weight).forward
        ['v = μ * v_old + g', 'θ_new = θ - α * v']
        """
        _, _, (lr_factor, decay, frozen) = self._flat.piece_of(parameter)
        names = "update_formulas", "update"
        states, updates = [next(kind for kind in type(self).__mro__ if name in vars(kind)) for name in names]
        if frozen or not issubclass(states, updates):
            return None
        return self.update_formulas(self._lr * lr_factor, self._weight_decay if decay is None else decay)

    def state(self, parameter: Parameter) -> dict[str, Array]:
        """Return what is kept for a parameter from step to step, as copies by the letters of the formulas.

        Parameters
        ----------
        parameter : Parameter
            One of those that the optimizer moves.

        Returns
        -------
        dict
            Arrays in the shape of the parameter, zeros before the first step; empty if nothing is kept.

        Raises
        ------
        OptionError
            If the optimizer does not move it.

        Examples
        --------
        >>> import numpy as np
        >>> from legonet import SGD, Parameter
        >>> weight = Parameter(np.array([1.0, 2.0]))
        >>> sgd = SGD([weight], lr=0.1, momentum=0.9)
        >>> weight.grad += np.array([0.5, -1.0])
        >>> sgd.step()
        >>> sgd.state(weight)
        {'v': array([ 0.5, -1. ])}
        """
        number, piece, _ = self._flat.piece_of(parameter)
        letters = dict(enumerate(self.letters))
        return {
            letters.get(place, f"slot{place + 1}"): slot[piece].reshape(parameter.value.shape).copy()
            for place, slot in enumerate(self._slots[number])
        }

    def __repr__(self) -> str:
        options = [f"{name}={_show(getattr(self, name))}" for name in ("lr", *self.shown, "weight_decay")]
        groups = [f"groups={list(self._groups)}"] if self._groups else []
        return f"{type(self).__name__}({', '.join(options + groups)})"


def _show(option: object) -> str:
    return f"{option:g}" if isinstance(option, float) else repr(option)


def squarable(g: Array) -> Array:
    """Return g in float32 at least, with finite numbers whose square would overflow cut to ones where it does not.

    So a gradient of 1e200 makes a step as any other large one does. With its square, infinity, in the mean of the
    squares, the parameter would stand still for ever. NaN and infinity stay.
    """
    if g.dtype == np.float16:
        g = g.astype(np.float32)
    if not np.isfinite(g.dot(g)):  # so it is seldom, and costs little to know
        limit = np.sqrt(np.finfo(g.dtype).max) / 2
        g = np.where(np.isinf(g), g, g.clip(-limit, limit))
    return g
