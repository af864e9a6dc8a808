"""How formulas are written: as text, in LaTeX, in MathML, in a line of HTML."""

from .inline import Inline as Inline
from .latex import Latex as Latex
from .mathml import MathML as MathML
from .style import Style as Style
from .style import split_name as split_name
from .text import Text as Text
