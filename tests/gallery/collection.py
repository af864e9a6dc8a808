"""All of the gallery in one place."""

import importlib
from pathlib import Path

from gallery.cases import Case


def all_cases() -> tuple[list[Case], list[Case]]:
    """Return the wrong cases and the right ones: the CASES of every file wrong*.py and right*.py."""
    found: dict[str, list[Case]] = {"wrong": [], "right": []}
    for path in sorted(Path(__file__).parent.glob("*.py")):
        kind = path.stem.partition("_")[0]
        if kind in found:
            found[kind] += importlib.import_module(f"gallery.{path.stem}").CASES
    return found["wrong"], found["right"]
