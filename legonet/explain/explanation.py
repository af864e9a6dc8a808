"""The explanation of one or several steps, which shows itself in several views."""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from legonet.arrays import brief
from legonet.checks import check_integer
from legonet.errors import OptionError

from .entries import EVERY, Origin, find, origin
from .trace import Step, Term
from .views.latex import latex_of
from .views.page import fragment, page
from .views.text import TextView


@dataclass(frozen=True, repr=False)
class Explanation:
    """The worked mathematics of training steps, made by `explain`.

    ``print`` shows it as text, a notebook as a page. ``explanation["dL/dW1"]`` is a term of the first step, with its
    ``value``, ``formula``, ``operands`` and ``users``.

    Attributes
    ----------
    steps : tuple of Step
        The steps; each holds its terms.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import Linear, MSELoss
    >>> from legonet.explain import explain
    >>> net = Linear(1, 1, weight=np.array([[2.0]]), bias=False)
    >>> explanation = explain(net, MSELoss(), np.array([[1.0]]), np.array([[5.0]]))
    >>> explanation
    Explanation(1 step, 7 terms, loss 4.5)
    >>> print(explanation.text().partition("Backward")[2])
    <BLANKLINE>
      loss  MSELoss()
        dL/dz1 = (z1 - t) / N
               = ([2] - [5]) / 1
               = [-3]
      net  Linear(1, 1, bias=False)
        dz1/dW1 = x
                = [1]
        dL/dW1 = xᵀ @ (dL/dz1)
               = [1]ᵀ @ [-3]
               = [-3]
        chain rule: dL/dW1 = [dL/dz1] * dz1/dW1
            [-3] * [1]
        finite differences agree: all 1 entries compared, largest difference 2e-12
    """

    steps: tuple[Step, ...]

    def __getitem__(self, symbol: str) -> Term:
        """Return a term of the first step by its symbol, such as ``"dL/dW1"``."""
        try:
            return self.steps[0][symbol]
        except KeyError:
            known = brief(", ".join(map(str, self.steps[0].terms)), 150)
            raise OptionError(f"there is no term {brief(symbol)} in this step: there are {known}") from None

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def explain(self, entry: str, *, step: int = 1, most: int = 6, equations: int = EVERY, digits: int = 6) -> Origin:
        """Return where a number comes from, down to the data and the parameters.

        Parameters
        ----------
        entry : str
            The number, spelled as the text view has it: ``"dL/dW1[0, 2]"``, or ``"L"``.
        step : int, optional
            The number of the step, from 1.
        most : int, optional
            How many terms of a sum are written out, at least 3.
        equations : int, optional
            How many equations at most.
        digits : int, optional
            How many significant digits.

        Returns
        -------
        Origin
            Equations, each number once; it shows itself as text, MathML and LaTeX.

        Raises
        ------
        OptionError
            If there is no such term, entry or step.
        """
        who = "explain"
        step = check_integer(who, "step", step, at_least=1)
        if step > len(self.steps):
            raise OptionError(f"explain needs step as one of 1 to {len(self.steps)}, but step is {step}")
        most, equations = (
            check_integer(who, "most", most, at_least=3),
            check_integer(who, "equations", equations, at_least=1),
        )
        digits = check_integer(who, "digits", digits, at_least=1)
        return origin(*find(self.steps[step - 1], entry), most, equations, digits)

    def text(self, *, digits: int = 6, width: int = 80) -> str:
        """Return the explanation as plain text.

        Parameters
        ----------
        digits : int, optional
            How many significant digits, 1 to 17.
        width : int, optional
            How many columns, at least 60.

        Returns
        -------
        str
            Lines of at most `width` columns.
        """
        digits = check_integer("text", "digits", digits, at_least=1)
        return TextView(min(digits, 17), check_integer("text", "width", width, at_least=60)).steps(self.steps)

    def html(self, *, sample: int = 0, title: str = "A training step, worked") -> str:
        """Return a page of its own: it needs no other file, no network and no script.

        Parameters
        ----------
        sample : int, optional
            Which row of the batch is shown where the page is switched to one sample.
        title : str, optional
            The title of the page.

        Returns
        -------
        str
            HTML with MathML.
        """
        return page(self.steps, self._sample(sample), title)

    def latex(self, *, document: bool = False, digits: int = 6) -> str:
        """Return the explanation in LaTeX.

        Parameters
        ----------
        document : bool, optional
            Whether to return a whole document rather than what goes into one that uses the package amsmath.
        digits : int, optional
            How many significant digits, 1 to 17.

        Returns
        -------
        str
            Sections of ``align*`` environments.
        """
        return latex_of(self.steps, min(check_integer("latex", "digits", digits, at_least=1), 17), document)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the explanation into a file, as text, page or LaTeX by the ending of its name.

        A file of that name is replaced once the new one is complete.

        Parameters
        ----------
        path : str or path
            Ends in ``.txt``, ``.html`` or ``.tex``.

        Raises
        ------
        OptionError
            If it ends otherwise.
        """
        path = Path(path)
        if path.suffix not in (".txt", ".html", ".tex"):
            raise OptionError(f"save needs a path that ends in .txt, .html or .tex, but got {brief(str(path), 100)}")
        content = self.text() if path.suffix == ".txt" else self.html() if path.suffix == ".html" else None
        content = self.latex(document=True) if content is None else content
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(content)
            Path(name).chmod(0o644)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def _sample(self, sample: int) -> int:
        sample = check_integer("html", "sample", sample)
        rows = max((len(term.value) for term in self.steps[0].given if term.batch), default=1)
        if not -rows <= sample < max(rows, 1):
            raise OptionError(f"html needs sample as a row of the batch, 0 to {rows - 1}, but sample is {sample}")
        return sample % max(rows, 1)

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        step = self.steps[-1]
        losses = [term.value for term in step.loss if term.role == "loss"]
        count = f"{len(self.steps)} step{'s' * (len(self.steps) > 1)}, {len(step.terms)} terms"
        ended = f", failed in {step.failure.place}" if step.failure else f", loss {losses[-1]:.6g}" if losses else ""
        return f"Explanation({count}{ended})"

    def _repr_html_(self) -> str:
        return fragment(self.steps, 0)

    def _repr_latex_(self) -> str:
        return self.latex()
