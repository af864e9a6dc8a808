"""All checks at one point."""

import warnings
from dataclasses import replace

import numpy as np

from .compare import Tally, compare
from .contracts import check_contracts, check_float32, check_forms, check_pair, passes, upstream
from .inputs import Refused
from .points import Point
from .probe import check_inputs, drop_targets, flat, undisturbed

PLAIN = ("typical", "positive", "negative", "moderately large", "equal rows")


def examine(point: Point, tally: Tally, contracts: bool = True) -> None:
    """Make all checks at a point.

    Raises
    ------
    Fault
        If something is wrong.
    Refused
        If `forward` has no value there.
    """
    with np.errstate(all="ignore"), warnings.catch_warnings(), undisturbed():
        warnings.simplefilter("ignore", RuntimeWarning)
        rng = np.random.default_rng(point.seed)
        probe = point.probe()
        try:
            pair = probe.forward()
        except Exception as error:
            if isinstance(error, TypeError):
                check_inputs(point.brick, len(point.inputs))
            raise Refused(f"forward raises {type(error).__name__}: {str(error)[:200]}") from error
        check_pair(pair)
        y = pair[0]
        if not np.isfinite(flat(y)).all():
            inputs_finite = all(np.isfinite(x).all() for x in point.inputs if x.dtype.kind == "f")
            what = "NaN or infinity" if inputs_finite else "NaN or infinity for inputs that contain such"
            raise Refused(f"forward gives {what}, where no derivative can be measured")
        made_late = len(probe.brick.parameters()) > len(point.brick.parameters())
        # Some make their parameters in the first pass.
        probe = (replace(point, brick=probe.brick) if made_late else point).probe()
        dy = upstream(y, rng)
        drop_targets(probe, y, dy)
        if contracts:
            check_contracts(probe, dy, rng, point.call_differs, point.independent_rows)
        else:
            check_forms(probe, passes(probe, dy))
        compare(probe, dy, rng, tally)
        if contracts and point.profile in ("", *PLAIN):
            for note in check_float32(probe, dy):
                tally.note(note)
