"""Hypothesis' profiles, chosen by HYPOTHESIS_PROFILE, and NumPy at its strictest."""

import os
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import settings

settings.register_profile("dev", deadline=None, max_examples=40)
settings.register_profile("ci", deadline=None, max_examples=100, derandomize=True, print_blob=True)
settings.register_profile("thorough", deadline=None, max_examples=2000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


@pytest.fixture(autouse=True)
def _numpy_raises_where_it_would_warn() -> Iterator[None]:
    with np.errstate(all="raise", under="ignore"):
        yield
