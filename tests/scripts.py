"""How examples are run: as their readers run them."""

import importlib
import os
import struct
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "examples"
sys.path.insert(0, str(EXAMPLES))  # as Python does for a script


def example(name):
    """Import an example."""
    return importlib.import_module(name)


def run(script, *options, cwd, without=()):
    """Run an example in a process of its own, with warnings as errors, and without some libraries."""
    hide = "".join(f"sys.modules[{name!r}] = None; " for name in without)
    code = f"import runpy, sys; {hide}sys.path.insert(0, {str(EXAMPLES)!r}); sys.argv = sys.argv[1:]; "
    code += "runpy.run_path(sys.argv[0], run_name='__main__')"
    command = [sys.executable, "-W", "error", "-c", code, str(EXAMPLES / script), *options]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONIOENCODING": "ascii"}
    environment.pop("DISPLAY", None)
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603


def size_of_png(path):
    head = path.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", head[16:24])
