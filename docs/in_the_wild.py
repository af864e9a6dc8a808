"""Check published code with known faults, and write the page in-the-wild.md: ``python docs/in_the_wild.py``.

Needs the extra "wild". The findings are those of tests/wild, which asserts that each is found.
"""

import sys
import textwrap
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from legonet import GradientError  # noqa: E402
from legonet.testing import check_brick  # noqa: E402
from wild.findings import FINDINGS  # noqa: E402

LIBRARIES = ["thinc", "scikit-learn", "torch", "jax", "numpy"]

HEAD = """# In the wild

Hand-written derivatives that people use, through the adapters of `legonet.interop`. Each report below is what the check
prints for published code as its package manager installs it, or for the code of the article. The tests of the extra
`wild` assert each of these findings, and that functions of PyTorch and JAX, as controls, are right: linear layers,
activations, normalisations, softmax, cross-entropy, attention.

```sh
pip install -e ".[wild]" && pytest tests/wild && python docs/in_the_wild.py
```

"""


def main() -> None:
    """Write the page."""
    libraries = ", ".join(f"{name} {version(name).partition('+')[0]}" for name in LIBRARIES)
    parts = [HEAD + f"Versions: {libraries}.\n"]
    for name, finding in FINDINGS.items():
        try:
            check_brick(finding.build(), *finding.inputs)
        except GradientError as error:
            report = str(error).partition("\n# To see it")[0]
        else:
            raise SystemExit(f"{name} passes")
        fact = textwrap.fill(
            finding.fact[0].upper() + finding.fact[1:] + ".", 120, break_long_words=False, break_on_hyphens=False
        )
        parts.append(f"## {name}\n\n{fact}\n\n```text\n{report}\n```\n")
        print(name)
    (Path(__file__).parent / "in-the-wild.md").write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
