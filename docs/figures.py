"""Run the examples and draw what the pages show: pictures, printed output, the layers of the package.

``python docs/figures.py`` fills docs/generated/. ``--readme`` also renews the picture that README.md shows.
"""

import argparse
import html
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GENERATED = ROOT / "docs" / "generated"
README_PICTURE = "xor/xor-50.png"


def run_example(name: str, *options: str, saved_as: str) -> None:
    """Run an example; its pictures go to generated/SAVED_AS/, what it prints to generated/SAVED_AS.txt."""
    command = [sys.executable, str(ROOT / "examples" / name), *options, "--output", f"generated/{saved_as}"]
    print("running", name, *options, flush=True)
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "Agg", "PYTHONIOENCODING": "utf-8"}
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment, cwd=GENERATED.parent).stdout
    (GENERATED / f"{saved_as}.txt").write_bytes(printed)


def layers_picture() -> str:
    """Return an SVG of the packages, drawn from the contract that import-linter holds."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contract = next(each for each in settings["tool"]["importlinter"]["contracts"] if each["type"] == "layers")
    rows = [[name.strip().removeprefix("legonet.") for name in layer.split("|")] for layer in contract["layers"]]
    width, height, gap, step = 640, 40, 12, 62
    parts = []
    for number, names in enumerate(rows):
        top = 10 + number * step
        box = (width - 20 - gap * (len(names) - 1)) / len(names)
        for place, name in enumerate(names):
            left = 10 + place * (box + gap)
            parts.append(f'<rect x="{left:.1f}" y="{top}" width="{box:.1f}" height="{height}" rx="6"/>')
            parts.append(f'<text x="{left + box / 2:.1f}" y="{top + height / 2 + 5}">{html.escape(name)}</text>')
        if number + 1 < len(rows):
            bottom = top + height
            parts.append(f'<path d="M{width / 2} {bottom + 3} v{step - height - 8} m-4 -5 l4 5 l4 -5"/>')
    total = 10 + len(rows) * step - (step - height) + 10
    style = (
        "rect{fill:#eef3fb;stroke:#4a6fa5}path{fill:none;stroke:#4a6fa5}"
        "text{font:15px ui-monospace,monospace;text-anchor:middle;fill:#1a2b45}"
    )
    start = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {total}" width="{width}" height="{total}">'
    return f"{start}<style>{style}</style>{''.join(parts)}</svg>\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readme", action="store_true", help=f"copy {README_PICTURE} to docs/images/")
    arguments = parser.parse_args()
    GENERATED.mkdir(exist_ok=True)
    (GENERATED / "layers.svg").write_text(layers_picture(), encoding="utf-8")
    for path in sorted((ROOT / "examples").glob("[!_]*.py")):
        run_example(path.name, saved_as=path.stem)
    run_example("xor.py", "--no-bias", saved_as="xor-no-bias")
    if arguments.readme:
        shutil.copy(GENERATED / README_PICTURE, ROOT / "docs" / "images")


if __name__ == "__main__":
    main()
