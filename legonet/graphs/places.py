"""Where in a container an error came from: the lines that Python prints below its message."""

from types import TracebackType

from legonet.arrays import brief
from legonet.brick import Brick
from legonet.errors import OptionError

MOST_NOTES = 20
"""How many places an error tells at most: those of the innermost containers."""

MOST_DEEP = 100
"""How deep bricks are nested at least where Python's limit of recursion is put down to that."""


def note_place(error: Exception, container: object, place: object, brick: object) -> None:
    """Add to an error in which container it arose, at which place, in which brick.

    `Sequential` and `Graph` call it where they catch an error, since a ``try`` costs nothing; the others use `inside`.

    Parameters
    ----------
    error : Exception
        Of any kind.
    container : Brick
        The container.
    place : object
        What its table calls the place of the brick: a number or a name.
    brick : Brick
        The brick in which the error arose.

    Raises
    ------
    OptionError
        In the place of a RecursionError, if bricks are nested so deep that it is no wonder.

    Examples
    --------
    >>> from legonet import Sequential, Tanh
    >>> from legonet.graphs.places import note_place
    >>> error = ValueError("mine")
    >>> note_place(error, Sequential(Tanh()), 0, Tanh())
    >>> error.__notes__
    ['  in Sequential[0]: Tanh()']
    """
    kind = brief(type(container).__name__)
    if isinstance(error, RecursionError) and nested_deep(container):
        told = f"they are nested more than {MOST_DEEP} deep, or one holds itself"
        raise OptionError(f"{kind} needs bricks that Python's limit of recursion has room for, but {told}") from None
    if len(getattr(error, "__notes__", ())) < MOST_NOTES:
        error.add_note(f"  in {kind}[{brief(str(place))}]: {brief(brick, 80)}")


class inside:  # noqa: N801 - it reads like `open`
    """Note on each error that arises under ``with inside(self, 0, self.brick):`` where that was, as `note_place`.

    A class, since one made by `contextlib.contextmanager` takes five times as long.

    Parameters
    ----------
    container, place, brick
        As of `note_place`.
    """

    __slots__ = ("where",)

    def __init__(self, container: object, place: object, brick: object) -> None:
        self.where = container, place, brick

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if isinstance(error, Exception):
            note_place(error, *self.where)


def nested_deep(container: object) -> bool:
    """Return whether bricks are nested deep in a container, or endlessly; by a loop, not by recursion.

    Parameters
    ----------
    container : Brick
        The container.

    Returns
    -------
    bool
        Whether there are more than `MOST_DEEP` levels.
    """
    level: list[object] = [container]
    for _ in range(MOST_DEEP):
        held, known = [value for brick in level for value in vars(brick).values()], set()
        level = []
        while held:
            value = held.pop()
            if isinstance(value, Brick | list | tuple | dict) and id(value) not in known:
                known.add(id(value))
                if isinstance(value, Brick):
                    level.append(value)
                else:
                    held += value.values() if isinstance(value, dict) else value
    return bool(level)
