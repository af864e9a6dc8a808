"""The public names are what `__all__` says, each documented by an example; NumPy is all that is imported."""

import ast
import importlib
import inspect
import io
import pkgutil
import subprocess
import sys
import tokenize
from pathlib import Path
from types import ModuleType

import pytest

import legonet
from legonet import initializers
from strategies import public_packages

PACKAGES = public_packages()
MODULES = [found.name for found in pkgutil.walk_packages(legonet.__path__, "legonet.")]
SOURCES = sorted(Path(legonet.__file__).parent.rglob("*.py"))
INITIALIZERS = [value for key, value in vars(initializers).items() if inspect.isfunction(value) and key[0] != "_"]


def name(module):
    return module.__name__


def documented():
    """Collect every public class and function but for errors, whose example is the tree in their module."""
    values = {getattr(package, name) for package in PACKAGES for name in package.__all__}
    things = {value for value in values if inspect.isclass(value) or inspect.isfunction(value)}
    return sorted((thing for thing in things if not issubclass_of_error(thing)), key=name)


def issubclass_of_error(thing):
    return inspect.isclass(thing) and issubclass(thing, Exception)


@pytest.mark.parametrize("package", PACKAGES, ids=name)
def test_all_lists_exactly_the_names_that_a_package_imports(package):
    imported = {key for key, value in vars(package).items() if not isinstance(value, ModuleType) and key[0] != "_"}
    assert set(package.__all__) == imported


@pytest.mark.parametrize("package", PACKAGES, ids=name)
def test_all_is_sorted_constants_first_then_classes_then_functions(package):
    def rank(name):
        return (0 if name.isupper() else 1 if name[0].isupper() else 2), name

    assert package.__all__ == sorted(package.__all__, key=rank)


@pytest.mark.parametrize("package", PACKAGES, ids=name)
def test_a_package_says_what_it_is_for(package):
    assert package.__doc__


@pytest.mark.parametrize("module", MODULES)
def test_every_module_says_what_it_is_for(module):
    assert importlib.import_module(module).__doc__


@pytest.mark.parametrize("thing", documented(), ids=name)
def test_every_public_name_is_documented_by_an_example(thing):
    lines = [line.strip() for line in (thing.__doc__ or "").splitlines()]
    place = lines.index("Examples") if "Examples" in lines else pytest.fail("no section of Examples")
    assert lines[place + 1] == "--------"
    assert any(line.startswith(">>>") for line in lines[place:])


@pytest.mark.parametrize("thing", documented(), ids=name)
def test_every_public_method_is_documented(thing):
    methods = {
        key: value for key, value in vars(thing).items() if inspect.isroutine(value) or isinstance(value, property)
    }
    public = [key for key in methods if not key.startswith("_")]
    assert [key for key in public if not methods[key].__doc__] == []


@pytest.mark.parametrize("error", [value for value in vars(legonet).values() if issubclass_of_error(value)], ids=name)
def test_every_error_is_documented(error):
    assert error.__doc__


@pytest.mark.parametrize("initializer", INITIALIZERS, ids=name)
def test_every_initializer_is_documented(initializer):
    assert initializer.__doc__


def test_the_version_is_a_version():
    assert [part.isdecimal() for part in legonet.__version__.split(".")] == [True, True, True]


def run(code):
    """Run a few lines in a fresh interpreter, and return what it prints."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout  # noqa: S603


def test_importing_legonet_imports_no_library_but_numpy():
    lines = [
        "import sys, numpy.random",
        "before = set(sys.modules)",
        "import legonet",
        "print(*set(sys.modules) - before)",
    ]
    loaded = {module.partition(".")[0] for module in run("; ".join(lines)).split()}
    assert loaded - set(sys.stdlib_module_names) == {"legonet", "numpy"}


def test_importing_legonet_draws_no_random_number_and_changes_no_setting():
    state = "repr((np.geterr(), np.get_printoptions(), np.random.get_state()))"
    assert run(f"import numpy as np; before = {state}; import legonet; print(before == {state})").strip() == "True"


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.relative_to(SOURCES[0].parent).as_posix())
def test_there_is_no_assert_which_python_would_leave_out_with_o(source):
    tree = ast.parse(source.read_text(encoding="utf-8"))
    assert not [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Assert)]


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.relative_to(SOURCES[0].parent).as_posix())
def test_nothing_inside_imports_the_top_of_the_package(source):
    tree = ast.parse(source.read_text(encoding="utf-8"))
    imports = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    imports += [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level]
    assert "legonet" not in imports


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.relative_to(SOURCES[0].parent).as_posix())
def test_numpys_global_random_state_is_used_nowhere(source):
    tree = ast.parse(source.read_text(encoding="utf-8"))
    attributes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    drawn = {node.attr for node in attributes if ast.unparse(node.value) == "np.random"}
    assert drawn <= {"Generator", "RandomState", "default_rng", "get_state"}


def lines_of_code(source):
    """Count the lines of a file that hold code: no docstring, no stated formulas, no comment, not empty."""
    text = source.read_text(encoding="utf-8")
    documented = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            documented |= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
        if "formulas" in (getattr(node, "name", ""), *map(ast.unparse, getattr(node, "targets", []))):
            documented |= set(range(node.lineno, node.end_lineno + 1))
    kinds = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    tokens = [token for token in tokenize.generate_tokens(io.StringIO(text).readline) if token.type not in kinds]
    return len({line for token in tokens for line in range(token.start[0], token.end[0] + 1)} - documented)


def test_a_brick_is_short():
    folder = SOURCES[0].parent / "bricks"
    lines = {path.stem: lines_of_code(path) for path in folder.glob("[!_]*.py")}
    assert len(lines) > 30
    assert sum(lines.values()) / len(lines) <= 40
    assert max(lines.values()) <= 75


def test_types_are_announced():
    assert (Path(legonet.__file__).parent / "py.typed").exists()
