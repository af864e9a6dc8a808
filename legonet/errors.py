"""The errors that legonet raises.

::

    LegonetError
    ├── ShapeError       also ValueError      an array has another shape than needed
    ├── DtypeError       also TypeError       an array holds the wrong kind of numbers
    ├── RangeError       also ValueError      a number in an array is outside its legal values
    ├── OptionError      also ValueError      an option is outside its legal values
    │                    and TypeError
    └── GradientError    also AssertionError  backward contradicts forward

A message says who raised it, what was needed and what was given, in at most 300 characters; that of a GradientError
is a report of some lines. Containers add
where in the network it arose as a note (:pep:`678`), which Python prints below the message.
"""

__all__ = ["DtypeError", "GradientError", "LegonetError", "OptionError", "RangeError", "ShapeError"]


class LegonetError(Exception):
    """The root of all errors that legonet raises on purpose."""


class ShapeError(LegonetError, ValueError):
    """An array has another shape than the brick needs."""


class DtypeError(LegonetError, TypeError):
    """An array holds the wrong kind of numbers, or is not a NumPy array at all."""


class RangeError(LegonetError, ValueError):
    """A number in an array, such as the number of a class, is outside its legal values."""


class OptionError(LegonetError, ValueError, TypeError):
    """An option (a size, a rate, a list of bricks) is outside its legal values."""


class GradientError(LegonetError, AssertionError):
    """A ``backward`` method contradicts its ``forward`` method.

    Attributes
    ----------
    brick : str
        The brick, as it prints.
    gradient : str
        Which gradient is wrong, such as ``"dx"`` or ``"weight.grad"``; empty if something else is.
    cause : str
        The class of the likeliest cause, such as ``"size_factor"``.
    diagnosis : str
        The likeliest cause in one sentence.
    short : str
        Brick, number and cause on one line, as for a log.
    """

    brick: str = ""
    gradient: str = ""
    cause: str = ""
    diagnosis: str = ""
    short: str = ""
