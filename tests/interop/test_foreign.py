"""The adapters of whole libraries: what they say where the library is missing."""

import sys

import pytest

from legonet import LegonetError
from legonet.interop import from_jax, from_thinc, from_torch


@pytest.mark.parametrize(("adapter", "library"), [(from_jax, "jax"), (from_thinc, "thinc"), (from_torch, "torch")])
def test_a_missing_library_is_named_with_the_way_to_install_it(adapter, library, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.setitem(sys.modules, f"{library}.api", None)
    with pytest.raises(LegonetError, match=f"{adapter.__name__} needs the library {library}.*: pip install {library}$"):
        adapter(abs)
