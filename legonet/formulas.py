"""The formulas of a brick, stated beside its code: text that a reader, a renderer and a test all understand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from legonet.errors import OptionError


class Pass(NamedTuple):
    """A forward pass of a brick, which `Formulas.names` may look at."""

    inputs: Sequence[Any]
    """What `forward` was given."""
    output: Any
    """What it returned."""
    cache: Any
    """What it returned for `backward`."""


@dataclass(frozen=True)
class Formulas:
    """What a brick computes in its two passes, as assignments in Python's notation.

    A brick has them as its attribute ``formulas``; if they depend on the inputs, it is a method that is given what
    `forward` is given. `legonet.explain.explain` draws them with the numbers of a step, and says so where the numbers
    of the brick are others than those of its formulas.

    Parameters
    ----------
    forward : sequence of str
        Assignments from the inputs of ``forward``, by their names there, to the output, which comes last; of several
        outputs each in turn. What else is assigned is a step on the way and can be used below. The output's letter
        names it in an explanation: ``z`` for weighted sums, anything else becomes h1, h2 and so on.
    backward : sequence of str
        Assignments to the gradients: ``dx`` of an input x, ``dW`` of a parameter W, from ``dy``, that of the output y.
        ``dy_dx`` is the derivative of y by x alone, the factor that the chain rule multiplies by.
    names : mapping, optional
        What the other names are: an attribute of the brick, such as ``{"W": "weight"}``, an input by another name, a
        number, an array, a `Parameter`, or a function of the `Pass` that returns one of these. A range is how far an
        index goes. A name that is not listed is the attribute of that name. What is None drops out of its sum or
        product, and so does a condition: ``where(None, a, b)`` is a.

    Raises
    ------
    OptionError
        If these are not lists of text and a dictionary. What the lines say is read when a step is explained.

    Notes
    -----
    The notation has names, numbers, ``+ - * / // % **``, the matrix product ``@`` and the transpose ``.T``, comparisons
    (1 where true, else 0), the functions of NumPy's names ``exp log log1p expm1 sqrt abs sign sin cos tanh``, and
    ``sigmoid``, ``softplus``, ``erf``, ``max(a, b)``, ``min(a, b)`` and ``where(condition, a, b)``, all for each entry.
    ``N`` is the number of rows of the first input.

    ``sum``, ``mean``, ``max`` and ``min`` of one array take all of it; of an array and ``rows`` they go over its first
    axis, of an array and ``columns`` over its last, which stays as an axis of size 1. ``rows(x)`` is x as a matrix with
    a row for each of all axes but the last, ``reshape(x)`` is x in the shape of what it is assigned to, and
    ``concat(a, b, axis=1)`` has its parts side by side.

    With indices, ``y[n, k] = sum(x[n, i] * W[i, k], i)`` says the same as ``y = x @ W``. An index counts along the
    axis where it stands alone, or along the range that is listed in `names` for it; beyond the end of an array there
    are zeros, which ``max``, ``min`` and ``argmax`` leave out. ``:`` keeps an axis and ``...`` stands for all that are
    not written. ``argmax(e, i, j)`` is the number of the first largest, as i and j are counted through.
    ``h[:, t] = tanh(h[:, t - 1] @ U)`` is taken for one t after the other, from the last one to the first if it speaks
    of ``t + 1``.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import Brick, Formulas
    >>> class Softsign(Brick):
    ...     formulas = Formulas(["y = x / (1 + abs(x))"], ["dx = dy / (1 + abs(x)) ** 2"])
    ...
    ...     def forward(self, x):
    ...         return x / (1 + np.abs(x)), x
    ...
    ...     def backward(self, dy, x):
    ...         return dy / (1 + np.abs(x)) ** 2
    """

    forward: Sequence[str]
    backward: Sequence[str]
    names: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("forward", "backward"):
            lines = getattr(self, name)
            if isinstance(lines, str) or not isinstance(lines, Sequence):
                raise OptionError(f"Formulas needs {name} as a list of lines such as ['y = x @ W'], not {lines!r:.80}")
            for line in lines:
                if not isinstance(line, str):
                    raise OptionError(f"Formulas needs {name} as a list of lines of text, but one is {line!r:.80}")
        if not isinstance(self.names, Mapping):
            raise OptionError(f"Formulas needs names as a dictionary such as {{'W': 'weight'}}, not {self.names!r:.80}")
