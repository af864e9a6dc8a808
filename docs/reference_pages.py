"""Write the reference from the ``__all__`` of each package, so that a new brick's page appears by itself."""

import importlib
import inspect
import pkgutil
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from sphinx.pycode import ModuleAnalyzer

import legonet

FIRST = (
    *("bricks", "graphs", "losses", "regularizers", "optimizers", "training", "explain", "testing"),
    *("initializers", "special"),
)
WHOLE_MODULES = ("initializers", "errors")  # plain modules: all their names stand on one page


class Group(NamedTuple):
    """Public names that belong together."""

    name: str
    title: str
    about: str
    paths: list[str]


@cache
def groups() -> list[Group]:
    """Return all public names by where they are defined: what every brick is made of, then package by package."""
    found = []
    for name in (module.name for module in pkgutil.iter_modules(legonet.__path__)):
        module = importlib.import_module(f"legonet.{name}")
        names = getattr(module, "__all__", _defined_in(module) if name in WHOLE_MODULES else [])
        title, _, about = first_line(module).removesuffix(".").partition(": ")
        if names:
            found.append(Group(name, title, about, [_public_path(module, each) for each in names]))
    found.sort(key=lambda group: (*FIRST, group.name, "errors").index(group.name) + 99 * (group.name == "errors"))
    placed = {path for group in found for path in group.paths}
    core = [path for path in (f"legonet.{name}" for name in legonet.__all__) if path not in placed]
    return [Group("core", "The protocol", "what every brick is made of", core), *found]


@cache
def public_path(text: str) -> str | None:
    """Return ``legonet.Linear`` for ``Linear`` or ``legonet.Linear``, and None for what is no public name."""
    paths = (path for group in groups() for path in group.paths)
    return next((path for path in paths if text in (path, _short(path))), None)


def find(path: str) -> object:
    """Return what a path such as ``legonet.bricks.Linear`` names."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def first_line(value: object) -> str:
    """Return the first line of a docstring."""
    return (inspect.getdoc(value) or "").partition("\n")[0]


def write(folder: Path) -> None:
    """Write a page for each group and one for each of its names, and remove the pages of names that are gone."""
    pages = {"tables.txt": ""}
    for name, title, about, paths in groups():
        rows = "".join(f"| {{py:obj}}`{_short(path)} <{path}>` | {_summary(path)} |\n" for path in paths)
        table = f"```{{table}}\n:width: 100%\n\n| name | what it is |\n|---|---|\n{rows}```\n\n"
        if name in WHOLE_MODULES:
            entries = "".join(f"```{{eval-rst}}\n{_entry(path)}```\n\n" for path in paths)
            intro = (inspect.getdoc(importlib.import_module(f"legonet.{name}")) or "").partition("\n")[2].strip()
            pages[f"{name}.md"] = f"# {title}\n\n```{{eval-rst}}\n{intro}\n```\n\n{table}{entries}"
        else:
            toctree = "```{toctree}\n:hidden:\n\n" + "\n".join(paths) + "\n```\n"
            pages[f"{name}.md"] = f"# {title}\n\n{about[:1].upper()}{about[1:]}.\n\n{table}{toctree}"
            for path in paths:
                pages[f"{path}.rst"] = f"{_short(path)}\n{'=' * len(path)}\n\n{_entry(path)}"
        pages["tables.txt"] += f"## [{title}](generated/{name}.md)\n\n{table}"
    toctree = "\n".join(f"generated/{group.name}" for group in groups())
    pages["tables.txt"] += f"```{{toctree}}\n:hidden:\n\n{toctree}\n```\n"

    folder.mkdir(parents=True, exist_ok=True)
    for stale in {path.name for path in folder.iterdir()} - set(pages):
        (folder / stale).unlink()
    for name, text in pages.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:  # what is as it was is not built again
            path.write_text(text, encoding="utf-8")


def _entry(path: str) -> str:
    module, _, name = path.rpartition(".")
    value = find(path)
    start = f".. py:currentmodule:: {module}\n\n"
    if inspect.isclass(value) and issubclass(value, Exception):
        return f"{start}.. autoexception:: {name}\n\n"
    if inspect.isclass(value):
        return f"{start}.. autoclass:: {name}\n   :members:\n   :special-members: __call__\n\n"
    if inspect.isfunction(value):
        return f"{start}.. autofunction:: {name}\n\n"
    return f"{start}.. py:data:: {name}\n\n   {_summary(path)}\n\n"


def _short(path: str) -> str:
    return path.rpartition(".")[2]


def _public_path(module: ModuleType, name: str) -> str:
    return f"legonet.{name}" if name in legonet.__all__ else f"{module.__name__}.{name}"


def _defined_in(module: ModuleType) -> list[str]:
    is_ours = (name for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__)
    return [name for name in is_ours if not name.startswith("_")]


def _summary(path: str) -> str:
    value, name = find(path), _short(path)
    if inspect.isclass(value) or inspect.isfunction(value):
        return first_line(value)
    # An alias has no docstring of its own: the text stands below it, in the module that defines it.
    analyzers = (ModuleAnalyzer.for_module(module) for module in sorted(sys.modules) if module.startswith("legonet"))
    texts = (analyzer.find_attr_docs().get(("", name)) for analyzer in analyzers)
    return next((" ".join(text).strip() for text in texts if text), "")
