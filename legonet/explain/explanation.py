"""The explanation of one or several steps, which shows itself in several views."""

from collections.abc import Iterator
from dataclasses import dataclass

from legonet.arrays import brief
from legonet.errors import OptionError

from .trace import Step, Term


@dataclass(frozen=True)
class Explanation:
    """The worked mathematics of training steps.

    Attributes
    ----------
    steps : tuple of Step
        The steps.
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
