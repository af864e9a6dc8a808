"""Read the formulas of a brick from its own source."""

from collections.abc import Sequence
from typing import Any

from legonet.brick import Brick
from legonet.formulas import Formulas


def formulas_from_source(brick: Brick[Any], inputs: Sequence[Any]) -> Formulas | None:
    """Return the formulas that the source of a brick states, None if it cannot be read as such."""
    return None
