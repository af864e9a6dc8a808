"""How formulas are written: as text, in LaTeX, in MathML, in a line of HTML."""

from .inline import Inline
from .latex import Latex
from .mathml import MathML
from .style import Style, split_name
from .text import Text

__all__ = ["Inline", "Latex", "MathML", "Style", "Text", "split_name"]
