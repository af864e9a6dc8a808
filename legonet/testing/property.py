"""The check as a test: Hypothesis draws shapes, options and values, and shrinks what fails."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from legonet.errors import OptionError

from .check import explain
from .compare import Tally
from .examine import examine
from .inputs import Input, Refused
from .points import Point
from .probe import Fault
from .recipe import Build, Recipe


def brick_test(
    build: Build,
    *inputs: Input,
    sizes: Mapping[str, Any] | None = None,
    options: Mapping[str, Sequence[Any]] | None = None,
    call_differs: bool = False,
    independent_rows: bool = False,
    settings: Any = None,
) -> Callable[..., None]:
    """Return a test for pytest that checks a brick at all sizes, options and kinds of values.

    Hypothesis draws the sizes of named axes (one row, none, square or not), the options, the parameters, the values
    (typical, zeros, ties, saturated, tiny, huge), the upstream gradient; each point goes through the whole of
    `check_brick`. What fails is shrunk to the smallest sizes and the roundest numbers, and told as a report.

    Parameters
    ----------
    build : callable
        Makes the brick: its class, or a function. Its arguments are given by name. One that is called as an axis of
        the inputs, in `sizes` or in `options` gets what was drawn for it; ``rng`` gets a
        `numpy.random.Generator`; any other one without a default is taken as a size. A trailing underscore is ignored:
        ``in_`` is the axis ``in``.
    *inputs : str, Floats or Integers
        The shape and the legal values of each input, such as ``"(batch, in)"``.
    sizes : mapping, optional
        The legal sizes of named axes: a list, simplest first, or a pair (least, greatest). By default 0 to 4 for the
        first axis, or the one called batch, and 1 to 4 for all others.
    options : mapping, optional
        The legal values of each option, as a list, simplest first.
    call_differs : bool, optional
        Whether the brick is meant to do something else when it is called, as Dropout does.
    independent_rows : bool, optional
        Whether each row of the output is meant to depend on its own row of the inputs alone.
    settings : hypothesis.settings, optional
        For this test alone, such as ``hypothesis.settings(max_examples=500)``; by default those of the profile.

    Returns
    -------
    callable
        A function to be assigned to a name that starts with ``test_``, in a module or a class.

    Raises
    ------
    OptionError
        If something among the arguments cannot be understood, or Hypothesis is not installed.
    GradientError
        By the test, if the brick is wrong.

    See Also
    --------
    check_brick : the same for one brick.

    Notes
    -----
    Shapes that `forward` refuses by raising
    an error are left out; if it refuses most, state the legal `sizes`.

    References
    ----------
    MacIver and Hatfield-Dodds, "Hypothesis: a new approach to property-based testing", Journal of Open Source Software
    4, 2019.

    Examples
    --------
    >>> from legonet import Linear
    >>> from legonet.testing import brick_test
    >>> test_linear = brick_test(Linear, "(batch, in_features)", options={"bias": [True, False]})
    >>> test_linear()
    """
    try:
        import hypothesis
        from hypothesis import strategies as st
    except ImportError:
        raise OptionError('brick_test needs Hypothesis: pip install "legonet[testing]"') from None
    recipe = Recipe(build, inputs, sizes or {}, options or {}, call_differs, independent_rows)
    last: list[tuple[Point, Fault]] = []
    taken = [0, 0]
    tally = Tally()

    def inner(data: Any) -> None:
        def draw(low: int, high: int) -> int:
            return int(data.draw(st.integers(low, high)))

        try:
            point = recipe.point(draw)
            examine(point, tally)
        except Refused as refused:
            taken[1] += 1
            if taken[1] > 20 and taken[0] * 10 < taken[1]:
                raise OptionError(f"{recipe.name} takes hardly any of the inputs that were drawn: {refused}") from None
            hypothesis.reject()
        except Fault as fault:
            last[:] = [(point, fault)]
            raise
        taken[0] += 1

    name = f"test_{recipe.name if recipe.name.isidentifier() else 'brick'}"  # a lambda has no name
    inner.__name__ = inner.__qualname__ = name
    run = hypothesis.given(st.data())(inner)
    if not isinstance(settings, hypothesis.settings | None):
        raise OptionError(f"brick_test needs settings as a hypothesis.settings, but got {settings!r}")
    settings = settings or hypothesis.settings.default or hypothesis.settings()
    run = hypothesis.settings(
        settings,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(hypothesis.HealthCheck),
        # The report explains better than hundreds of further examples would.
        phases=[phase for phase in settings.phases if phase is not hypothesis.Phase.explain],
    )(run)

    def test(_: object = None) -> None:  # in a class, it is a method
        __tracebackhide__ = True
        last.clear()
        taken[:] = [0, 0]
        tally.right = tally.unresolved = tally.points = 0
        try:
            run()
        except Fault as fault:
            point, found = last[-1]
            error = explain(point, found, recipe.redraw(point), recipe.constructor)
            raise error from fault.__cause__
        if not tally.right + tally.unresolved:
            raise OptionError(f"brick_test has nothing to compare: all arrays of {recipe.name} were empty")
        if not tally.resolved:
            known = f"{tally.right} of {tally.right + tally.unresolved}"
            warnings.warn(f"{recipe.name} is not verified: rounding hides all but {known} derivatives", stacklevel=2)

    test.__name__ = test.__qualname__ = name
    test.__doc__ = f"Check the gradients of {recipe.name}."
    return test
