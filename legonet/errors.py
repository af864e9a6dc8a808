"""The errors that legonet raises.

::

    LegonetError
    ├── ShapeError       also ValueError      an array has another shape than needed
    ├── DtypeError       also TypeError       an array holds the wrong kind of numbers
    ├── OptionError      also ValueError      an option is outside its legal values
    │                    and TypeError
    └── GradientError    also AssertionError  backward contradicts forward

A message says who raised it, what was needed and what was given, in at most 300 characters. Containers add
where in the network it arose as a note (:pep:`678`), which Python prints below the message.
"""

__all__ = ["DtypeError", "GradientError", "LegonetError", "OptionError", "ShapeError"]


class LegonetError(Exception):
    """The root of all errors that legonet raises on purpose."""


class ShapeError(LegonetError, ValueError):
    """An array has another shape than the brick needs."""


class DtypeError(LegonetError, TypeError):
    """An array holds the wrong kind of numbers, or is not a NumPy array at all."""


class OptionError(LegonetError, ValueError, TypeError):
    """An option (a size, a rate, a list of bricks) is outside its legal values."""


class GradientError(LegonetError, AssertionError):
    """A ``backward`` method contradicts its ``forward`` method."""
