"""What an explanation is made of: terms with a symbol, a formula, operands, a value and those who use it."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from legonet.errors import LegonetError

from .evaluate import Calculator
from .language import Statement


@dataclass(frozen=True)
class Symbol:
    """What a term is called: ``z1``, ``dL/dz1``, ``dh1/dz1`` or ``W1*``.

    Attributes
    ----------
    letter : str
        Of a value; an underscore begins a subscript.
    number : str
        Tells those of one letter apart.
    of : Symbol or None
        Whose gradient, derivative or new value it is.
    kind : str
        ``"value"``, ``"gradient"`` (dL/d of), ``"local"`` (d of / d by) or ``"new"`` (of*).
    by : Symbol or None
        What a local derivative is by.
    via : str
        The branch that a share of a gradient comes from, else empty.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import Linear, MSELoss
    >>> from legonet.explain import explain
    >>> net = Linear(1, 1, weight=np.array([[2.0]]), bias=False)
    >>> explanation = explain(net, MSELoss(), np.array([[1.0]]), np.array([[5.0]]))
    >>> symbol = explanation["dL/dW1"].symbol
    >>> str(symbol), symbol.kind, str(symbol.of)
    ('dL/dW1', 'gradient', 'W1')
    """

    letter: str = ""
    number: str = ""
    of: "Symbol | None" = None
    kind: str = "value"
    by: "Symbol | None" = None
    via: str = ""

    def __str__(self) -> str:
        if self.kind == "gradient":
            return f"dL/d{self.of}{'|' if self.via else ''}{self.via}"
        if self.kind == "local":
            return f"d{self.of}/d{self.by}"
        if self.kind == "new":
            return f"{self.of}*"
        return f"{self.letter}{self.number}"


@dataclass(frozen=True)
class Bracket:
    """One factor of the chain rule.

    Attributes
    ----------
    symbol : Symbol
        What is multiplied.
    term : Term or None
        Its numbers, if there are any.
    reused : bool
        Whether it is a gradient that others use as well: the box of the article.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import Linear, MSELoss
    >>> from legonet.explain import explain
    >>> net = Linear(1, 1, weight=np.array([[2.0]]), bias=False)
    >>> explanation = explain(net, MSELoss(), np.array([[1.0]]), np.array([[5.0]]))
    >>> (product,) = explanation["dL/dW1"].chain
    >>> [str(bracket.symbol) for bracket in product]
    ['dL/dz1', 'dz1/dW1']
    >>> product[1].term.value
    array([[1.]])
    """

    symbol: Symbol
    term: "Term | None" = None
    reused: bool = False


@dataclass(frozen=True)
class Difference:
    """A finite difference beside one entry of a gradient.

    Attributes
    ----------
    entry : tuple of int
        Which number.
    analytic, numeric : float
        What backward gave, and what finite differences give.
    error : float
        How exact the finite difference is.
    outcome : str
        ``"right"``, ``"wrong"``, or ``"unknown"`` where finite differences cannot tell.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import Linear, MSELoss
    >>> from legonet.explain import explain
    >>> net = Linear(1, 1, weight=np.array([[2.0]]), bias=False)
    >>> explanation = explain(net, MSELoss(), np.array([[1.0]]), np.array([[5.0]]))
    >>> (difference,) = explanation["dL/dW1"].badge.differences
    >>> difference.analytic, round(difference.numeric, 6), difference.outcome
    (-3.0, -3.0, 'right')
    """

    entry: tuple[int, ...]
    analytic: float
    numeric: float
    error: float
    outcome: str

    @property
    def difference(self) -> float:
        """How far the two are from each other."""
        return abs(self.analytic - self.numeric)


@dataclass(frozen=True)
class Badge:
    """The finite-difference check of a parameter's gradient in this very step.

    Attributes
    ----------
    differences : tuple of Difference
        The entries that were compared.
    size : int
        How many entries there are.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import Linear, MSELoss
    >>> from legonet.explain import explain
    >>> net = Linear(1, 1, weight=np.array([[2.0]]), bias=False)
    >>> explanation = explain(net, MSELoss(), np.array([[1.0]]), np.array([[5.0]]))
    >>> badge = explanation["dL/dW1"].badge
    >>> badge.outcome, badge.size, badge.largest < 1e-9
    ('right', 1, True)
    """

    differences: tuple[Difference, ...]
    size: int

    @property
    def outcome(self) -> str:
        """``"wrong"`` if an entry is wrong, ``"right"`` if all that can be told are right, else ``"unknown"``."""
        outcomes = {each.outcome for each in self.differences}
        return next((outcome for outcome in ("wrong", "right") if outcome in outcomes), "unknown")

    @property
    def largest(self) -> float:
        """The largest difference of those that finite differences can tell."""
        return max((each.difference for each in self.differences if each.outcome != "unknown"), default=0.0)


@dataclass(repr=False, eq=False)
class Formula:
    """What a term is made of.

    Attributes
    ----------
    statement : Statement
        The formula, in the names of the brick.
    names : dict
        The terms that these names stand for.
    calculator : Calculator
        Holds their numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import Linear, MSELoss
    >>> from legonet.explain import explain
    >>> net = Linear(1, 1, weight=np.array([[2.0]]), bias=False)
    >>> explanation = explain(net, MSELoss(), np.array([[1.0]]), np.array([[5.0]]))
    >>> formula = explanation["z1"].formula
    >>> formula
    Formula('z = x @ W')
    >>> {name: str(term) for name, term in formula.names.items()}
    {'x': 'x', 'W': 'W1'}
    """

    statement: Statement
    names: dict[str, "Term"]
    calculator: Calculator

    def at(self, entry: tuple[int, ...], shape: tuple[int, ...], most: int = 6) -> ast.expr:
        """Return the formula of one entry, with every sum written out."""
        return self.calculator.take_apart(self.statement, entry, shape, most)

    def __repr__(self) -> str:
        return f"Formula({str(self.statement)!r})"


@dataclass(repr=False, eq=False)
class Term:
    """One quantity of a step.

    Attributes
    ----------
    symbol : Symbol
        What it is called.
    role : str
        ``"data"``, ``"target"``, ``"parameter"``, ``"constant"``, ``"intermediate"``, ``"activation"``, ``"penalty"``,
        ``"loss"``, ``"local derivative"``, ``"upstream gradient"``, ``"parameter gradient"``, ``"state"`` or
        ``"update"``.
    value : numpy.ndarray or float
        Its numbers, as the brick computed them; those of intermediates by their formula.
    formula : Formula or None
        None for what is given, and for what a brick does not state.
    operands : tuple of Term
        What it is computed from.
    users : list of Term
        What is computed from it.
    place, brick : str
        Which brick computed it: where it stands, such as ``net[0]``, and how it prints.
    note : str
        What else there is to say.
    batch : bool
        Whether its first axis counts the rows of the batch.
    arose : bool
        Whether NaN or infinity are in it and in none of its operands.
    agrees : bool or None
        Whether the brick's numbers are those of its formula, None if that was not compared.
    chain : tuple of tuples of Bracket
        The chain rule behind a gradient: a sum of products.
    badge : Badge or None
        The finite-difference check of a parameter's gradient.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import Linear, MSELoss
    >>> from legonet.explain import explain
    >>> net = Linear(1, 1, weight=np.array([[2.0]]), bias=False)
    >>> explanation = explain(net, MSELoss(), np.array([[1.0]]), np.array([[5.0]]))
    >>> term = explanation["dL/dz1"]
    >>> term
    Term('dL/dz1', 'upstream gradient', shape (1, 1))
    >>> term.place, term.brick, term.value
    ('loss', 'MSELoss()', array([[-3.]]))
    >>> [str(operand) for operand in term.operands], [str(user) for user in term.users]
    (['N', 'z1', 't'], ['dL/dW1'])
    """

    symbol: Symbol
    role: str
    value: Any
    formula: Formula | None = None
    operands: tuple["Term", ...] = ()
    users: list["Term"] = field(default_factory=list, repr=False)
    place: str = ""
    brick: str = ""
    note: str = ""
    batch: bool = False
    arose: bool = False
    agrees: bool | None = None
    chain: tuple[tuple[Bracket, ...], ...] = ()
    badge: Badge | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the value."""
        return np.shape(self.value)

    @property
    def reused(self) -> bool:
        """Whether it is a gradient that is computed once and used more than once."""
        readers = {id(user) for user in self.users if user.role != "local derivative"}
        return self.role == "upstream gradient" and len(readers) > 1

    def __str__(self) -> str:
        return str(self.symbol)

    def __repr__(self) -> str:
        return f"Term({str(self)!r}, {self.role!r}, shape {self.shape})"


@dataclass(eq=False)
class Failure:
    """Where a step ended early.

    Attributes
    ----------
    error : Exception
        What was raised.
    place, brick : str
        Which brick raised it.
    phase : str
        ``"forward"``, ``"loss"``, ``"backward"`` or ``"update"``.
    operands : tuple of Term
        What it was given.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import Linear, MSELoss
    >>> from legonet.explain import explain
    >>> net = Linear(1, 1, weight=np.array([[2.0]]), bias=False)
    >>> explanation = explain(net, MSELoss(), np.array([[1.0]]), np.array([[5.0]]))
    >>> failure = explain(net, MSELoss(), np.array([[1.0, 2.0]]), np.array([[5.0]])).steps[0].failure
    >>> failure.place, failure.phase
    ('net', 'forward')
    >>> print(failure.error)
    Linear(1, 1, bias=False) needs x of shape (batch, 1), but x has shape (1, 2)
    """

    error: Exception
    place: str
    brick: str
    phase: str
    operands: tuple[Term, ...] = ()


@dataclass(repr=False, eq=False)
class Step:
    """One training step, term by term in the order of computation.

    Attributes
    ----------
    number : int
        Counts from 1.
    given : list of Term
        The data, the target and the parameters.
    forward, loss, backward, update : list of Term
        The four phases.
    failure : Failure or None
        Where it ended early.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import Linear, MSELoss
    >>> from legonet.explain import explain
    >>> net = Linear(1, 1, weight=np.array([[2.0]]), bias=False)
    >>> explanation = explain(net, MSELoss(), np.array([[1.0]]), np.array([[5.0]]))
    >>> (step,) = explanation.steps
    >>> step
    Step(1, 8 terms)
    >>> [str(term) for term in step.backward]
    ['dL/dz1', 'dz1/dW1', 'dL/dW1']
    """

    number: int
    given: list[Term] = field(default_factory=list)
    forward: list[Term] = field(default_factory=list)
    loss: list[Term] = field(default_factory=list)
    backward: list[Term] = field(default_factory=list)
    update: list[Term] = field(default_factory=list)
    failure: Failure | None = None

    @property
    def terms(self) -> list[Term]:
        """All terms."""
        return [*self.given, *self.forward, *self.loss, *self.backward, *self.update]

    def __iter__(self) -> Iterator[Term]:
        return iter(self.terms)

    def __repr__(self) -> str:
        return f"Step({self.number}, {len(self.terms)} terms{', failed' if self.failure else ''})"

    def __getitem__(self, symbol: str) -> Term:
        for term in self.terms:
            if str(term.symbol) == symbol:
                return term
        raise KeyError(symbol)


def told(error: BaseException) -> str:
    """Return what an error says on one line, with its kind unless it is legonet's own; whatever it says, it prints."""
    try:
        said = str(error)
    except Exception:
        said = "it cannot be printed"
    said = " ".join(said.encode("utf-8", "backslashreplace").decode().split())
    return said if isinstance(error, LegonetError) else f"{type(error).__name__}: {said}"
