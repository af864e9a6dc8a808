"""The explanation of one or several steps, which shows itself in several views."""

import errno
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from legonet.arrays import brief
from legonet.checks import check_flag, check_integer
from legonet.errors import OptionError

from .entries import EVERY, Entry, find_entry, find_term
from .trace import Step, Term
from .views.latex import latex_of
from .views.matrices import number
from .views.page import fragment, page
from .views.text import text_of
from .views.wording import check_layout

MOST = 200
"""How many terms of a sum are written out at most."""


@dataclass(frozen=True, repr=False, eq=False)
class Explanation:
    """The worked mathematics of training steps.

    `explain` makes it. It prints as text, shows itself in notebooks, and is saved as a page, as text or in LaTeX.

    Parameters
    ----------
    steps : tuple of Step
        The steps, each with its terms.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import Linear, MSELoss
    >>> from legonet.explain import explain
    >>> net = Linear(1, 1, weight=np.array([[2.0]]), bias=False)
    >>> explanation = explain(net, MSELoss(), np.array([[1.0]]), np.array([[5.0]]), check=False)
    >>> explanation
    Explanation(1 step, 8 terms, loss 4.5)
    >>> print(explanation["dL/dW1"].formula.statement)
    dW = x.T @ dz
    >>> print(explanation.text().partition("dz1/dW1 = x = [1]")[2])
    <BLANKLINE>
    <BLANKLINE>
        dL/dW1 = [dL/dz1] · dz1/dW1
               = xᵀ @ (dL/dz1)
               = [1]ᵀ @ [-3]
               = [-3]
    """

    steps: tuple[Step, ...]

    def __getitem__(self, symbol: str) -> Term:
        """Return a term of the first step by its symbol, such as ``"dL/dW1"``."""
        return find_term(self.steps[0], symbol)

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def explain(self, entry: str, *, step: int = 1, most: int = 6, equations: int = EVERY, digits: int = 6) -> Entry:
        """Say where a number comes from: the equations from it down to the data and the parameters.

        Parameters
        ----------
        entry : str
            A term and the place in it, as printed: ``"dL/dW1[0, 2]"``, ``"W1*[0, 1]"``, or ``"L"``.
        step : int, optional
            Which step, counted from 1.
        most : int, optional
            How many terms of a sum are written out, 3 to 200; the others are added up.
        equations : int, optional
            How many equations there are at most.
        digits : int, optional
            How many significant digits numbers have.

        Returns
        -------
        Entry
            Prints as text, and shows itself in notebooks.

        Raises
        ------
        OptionError
            If there is no such step, term or entry.
        """
        step = check_integer("Explanation.explain", "step", step, at_least=1)
        most = check_integer("Explanation.explain", "most", most, at_least=3)
        if most > MOST:
            raise OptionError(f"Explanation.explain writes at most {MOST} terms of a sum out, but most is {most}")
        equations = check_integer("Explanation.explain", "equations", equations, at_least=1)
        digits, _ = check_layout("Explanation.explain", digits, 80)
        if step > len(self.steps):
            known = "there is only step 1" if len(self.steps) == 1 else f"there are steps 1 to {len(self.steps)}"
            raise OptionError(f"Explanation.explain needs a step that was made, but step is {step}: {known}")
        found = self.steps[step - 1]
        return Entry(found, *find_entry(found, entry), most, equations, digits)

    def text(self, *, digits: int = 6, width: int = 80) -> str:
        """Return the explanation as text for a terminal.

        Parameters
        ----------
        digits : int, optional
            How many significant digits numbers have.
        width : int, optional
            How wide a line can be, at least 20.

        Returns
        -------
        str
            Formula, numbers and result of every term.
        """
        digits, width = check_layout("Explanation.text", digits, width)
        return text_of(self, digits=digits, width=width)

    def latex(self, *, document: bool = False, digits: int = 6) -> str:
        """Return the explanation in LaTeX.

        Parameters
        ----------
        document : bool, optional
            Whether it is a complete document; else it is to be put into one that loads the package amsmath.
        digits : int, optional
            How many significant digits numbers have.

        Returns
        -------
        str
            Headings and environments ``align*``.
        """
        digits, _ = check_layout("Explanation.latex", digits, 80)
        return latex_of(self, digits=digits, document=check_flag("Explanation.latex", "document", document))

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
        if not isinstance(title, str):
            raise OptionError(f"html needs title as text, but title is {brief(title)}")
        return page(self.steps, self._sample(sample), title)

    def _sample(self, sample: int) -> int:
        sample = check_integer("html", "sample", sample)
        rows = max((len(term.value) for term in self.steps[0].given if term.batch), default=1)
        if not -rows <= sample < max(rows, 1):
            raise OptionError(f"html needs sample as a row of the batch, 0 to {rows - 1}, but sample is {sample}")
        return sample % max(rows, 1)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the explanation to a file: a page, text or LaTeX, as its suffix says.

        A write that is interrupted leaves the file as it was before.

        Parameters
        ----------
        path : str or path-like
            A file that ends with .html, .txt or .tex.

        Raises
        ------
        OptionError
            If it ends otherwise.
        OSError
            If it cannot be written.
        """
        if not isinstance(path, str | os.PathLike):
            raise OptionError(f"Explanation.save needs the path of a file, but it is {brief(path)}")
        target = Path(path)
        suffix = target.suffix.lower()
        if suffix not in (".html", ".txt", ".tex"):
            raise OptionError(
                f"Explanation.save needs a file that ends with .html, .txt or .tex, not {brief(str(path))}"
            )
        if suffix == ".html":
            content = self.html()
        else:
            content = self.latex(document=True) if suffix == ".tex" else self.text() + "\n"
        _write(Path(os.path.realpath(target)), content)

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        step = self.steps[-1]
        losses = [number(each.loss[-1].value, 6) for each in self.steps if each.loss]
        count = f"{len(self.steps)} step{'s' * (len(self.steps) > 1)}, {len(step.terms)} terms"
        loss = f", loss {' → '.join([losses[0], losses[-1]][len(losses) < 2 :])}" if losses else ""
        ended = f", {brief(step.failure.place, 40)} fails" if step.failure else ""
        return f"Explanation({count}{loss}{ended})"

    def _repr_html_(self) -> str:
        return fragment(self.steps, 0)

    def _repr_latex_(self) -> str:
        return self.latex()


def _write(target: Path, content: str) -> None:
    """Write a file whole or not at all."""
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder", str(target.parent))
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, "the file is read-only", str(target))
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:40]}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(content)
        made = Path(name)
        made.chmod(target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask())
        made.replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
