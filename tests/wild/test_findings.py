"""Each wrong gradient of published code is found, and the report says what the page in-the-wild.md shows."""

from pathlib import Path

import pytest

from legonet import GradientError
from legonet.testing import check_brick
from wild.findings import FINDINGS

PAGE = Path(__file__).parent.parent.parent / "docs" / "in-the-wild.md"


@pytest.mark.parametrize("name", FINDINGS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_each_is_found_and_told(name):
    finding = FINDINGS[name]
    if finding.library:
        pytest.importorskip(finding.library)
    with pytest.raises(GradientError) as caught:
        check_brick(finding.build(), *finding.inputs)
    assert finding.told in " ".join(str(caught.value).split())


def test_the_page_tells_of_each():
    page = " ".join(PAGE.read_text(encoding="utf-8").split())
    assert {name for name, finding in FINDINGS.items() if finding.told not in page or f"## {name}" not in page} == set()
