"""The check from the command line: ``python -m legonet.testing path/to/file.py:MyBrick "(batch, n)"``."""

import argparse
import ast
import importlib
import importlib.util
import inspect
import io
import os
import re
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from legonet.arrays import brief
from legonet.brick import Brick
from legonet.errors import GradientError, LegonetError, OptionError

from .check import POINTS, check_recipe
from .inputs import Input, Integers, as_spec
from .probe import by_inputs, flat, like
from .recipe import Recipe


def main(arguments: Sequence[str] | None = None) -> int:
    """Check a brick and print the report.

    Parameters
    ----------
    arguments : sequence of str, optional
        The command line, without the program's name.

    Returns
    -------
    int
        0 if the brick is right, 1 if it is wrong or could not be verified, 2 if it could not be checked.
    """
    parser = _parser()
    given = parser.parse_args(arguments)
    recipe: Recipe | None = None
    try:
        target = load(given.target)
        sizes = {name: _sizes(text) for name, text in map(_pair, given.sizes)}
        options = {name: _legal(text) for name, text in map(_pair, given.options)}
        build = (lambda: target) if isinstance(target, Brick) else target
        if not callable(build) or (isinstance(build, type) and not issubclass(build, Brick)):
            raise OptionError(f"{given.target} is no brick and builds none: {_what_it_is(target)}")
        if given.points < 1 or given.seed < 0:
            raise OptionError("--points needs a whole number > 0, and --seed one >= 0")
        recipe = _recipe(build, [_input(text) for text in given.inputs], sizes, options, given.call_differs)
        if isinstance(target, Brick):
            place, _, name = given.target.rpartition(":")
            recipe.built_as = f"{name}  # of {place}"
        report = check_recipe(recipe, given.seed, given.points)
    except SystemExit as error:
        print(f"the code in {given.target} ends the program: sys.exit({error.code!r})", file=sys.stderr)  # noqa: T201
        return 2
    except GradientError as error:
        _say(error.short if given.short else str(error))
        _tell_guess(given, recipe)
        return 1
    except Exception as error:
        name = "" if isinstance(error, LegonetError) else f"{type(error).__name__}: "
        print(f"{name}{error}", file=sys.stderr)  # noqa: T201
        return 2
    _say(str(report).splitlines()[0] if given.short else str(report))
    _tell_guess(given, recipe)
    return 0 if report.verified else 1


def _say(text: str) -> None:
    """Print a text; whoever has stopped to read has read enough."""
    try:
        print(text, flush=True)  # noqa: T201 - it is a program
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _tell_guess(given: argparse.Namespace, recipe: Recipe | None) -> None:
    """Say which shapes were guessed."""
    if recipe is not None and recipe.specs and not given.inputs and not given.short:
        _say(f"# inputs taken as {', '.join(map(_axes_of, recipe.specs))}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m legonet.testing",
        description="Check that a brick's backward pass is the derivative of its forward pass.",
        epilog="exit code: 0 if the brick is right, 1 if it is wrong or not verified, 2 if it could not be checked; "
        'example: python -m legonet.testing my_bricks.py:Scale "(batch, features)" --option bias=True,False',
    )
    parser.add_argument("target", help="path/to/file.py:Name or package.module:Name; a class, a function or a brick")
    parser.add_argument(
        "inputs",
        nargs="*",
        default=[],
        help='the shape of each input, such as "(batch, n)", or "(batch,) < classes" for whole numbers; may be guessed',
    )
    parser.add_argument(
        "--size",
        dest="sizes",
        action="append",
        default=[],
        metavar="NAME=2,3",
        help="legal sizes of an axis, or a range 1..4",
    )
    parser.add_argument(
        "--option",
        dest="options",
        action="append",
        default=[],
        metavar="NAME=A,B",
        help="legal values of an option, as Python writes them",
    )
    parser.add_argument("--points", type=int, default=POINTS, help=f"how many points are tried ({POINTS})")
    parser.add_argument("--seed", type=int, default=0, help="the source of all that is drawn (0)")
    parser.add_argument("--call-differs", action="store_true", help="the brick is meant to differ when it is called")
    parser.add_argument("--short", action="store_true", help="one line, as for a log")
    return parser


def load(target: str) -> Any:
    """Return what a text such as ``file.py:Name`` or ``package.module:Name`` means.

    Raises
    ------
    OptionError
        If there is no such file, module or name.
    """
    place, colon, name = target.rpartition(":")
    if not colon or not place or not name:
        raise OptionError(f"the target needs the form file.py:Name or module:Name, but it is {target!r}")
    try:
        module = _module_of_file(Path(place)) if place.endswith(".py") else importlib.import_module(place)
    except (LegonetError, ModuleNotFoundError):
        raise  # a GradientError may come from a check that the file makes itself
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        at = f"{Path(last.filename).name}, line {last.lineno}"
        raise OptionError(f"{place} cannot be imported: {type(error).__name__}: {error} ({at})") from error
    value: Any = module
    for part in name.split("."):
        if not hasattr(value, part):
            bricks = [n for n, v in vars(module).items() if inspect.isclass(v) and v.__module__ == module.__name__]
            known = f"; it defines {', '.join(bricks)}" if bricks else ""
            raise OptionError(f"{place} has no {name}{known}")
        value = getattr(value, part)
    return value


def _module_of_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise OptionError(f"there is no file {path}")
    sys.path.insert(0, str(path.parent.resolve()))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise OptionError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def _what_it_is(target: Any) -> str:
    if hasattr(target, "forward") and hasattr(target, "backward"):
        name = target.__name__ if isinstance(target, type) else "it"
        made = f"{name}()" if isinstance(target, type) else name
        return f"make one, as in brick = legonet.interop.from_object({made}), and name that"
    return f"it is of type {type(target).__name__}"


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name or not value:
        raise OptionError(f"an option needs the form name=value, but it is {text!r}")
    return name, value


def _input(text: str) -> Input:
    """Return what a text such as "(batch, n)" means, or "(batch,) < classes" for whole numbers."""
    axes, less, below = text.partition("<")
    if not less:
        return text
    bound = below.strip()
    if not re.fullmatch(r"-?[0-9]+|[^\W\d]\w*", bound):
        raise OptionError(f'whole numbers are stated as "(batch,) < 10" or "(batch,) < classes", not {text!r}')
    return Integers(axes.strip(), below=bound if bound.isidentifier() else int(bound))


def _sizes(text: str) -> Any:
    least, dots, most = text.partition("..")
    try:
        return (int(least), int(most)) if dots else [int(part) for part in text.split(",")]
    except ValueError:
        raise OptionError(f"sizes are whole numbers such as 1,2,3 or a range such as 1..4, not {text!r}") from None


def _legal(text: str) -> list[Any]:
    """Return the legal values that a text lists, as Python writes them; words stand for themselves."""
    try:
        return list(ast.literal_eval(f"[{text}]"))
    except (ValueError, SyntaxError):
        return [_value(one) for one in text.split(",")]


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _recipe(build: Any, inputs: Sequence[Input], sizes: Any, options: Any, differs: bool) -> Recipe:
    """Return the recipe for given inputs, or for the first guess that the brick takes."""
    name = "the brick" if getattr(build, "__name__", "") == "<lambda>" else None
    if inputs:
        return Recipe(build, inputs, sizes, options, differs, False, "legonet.testing", name)
    guesses = list(_guesses(build, sizes, options))
    for lenient in (False, True):
        for axes in guesses:
            recipe = Recipe(build, axes, sizes, options, differs, False, "legonet.testing", name)
            reason = _refusal(recipe, lenient)
            if not reason:
                return recipe
    tried = ", ".join(dict.fromkeys(" ".join(f'"{_axes_of(one)}"' for one in axes) for axes in guesses))
    raise OptionError(
        f"none of the usual shapes fits {recipe.name}; state yours after the target. Tried: {tried}. Last: {reason}"
    )


def _axes_of(given: Input) -> str:
    spec = as_spec(given)
    return f"{spec.axes} < {spec.below}" if isinstance(spec, Integers) else spec.axes


def _guesses(build: Any, sizes: Any, options: Any) -> Iterator[list[Input]]:
    forward = getattr(build, "forward", None)
    if forward is None:
        names = {name.rstrip("_") for name in inspect.signature(build).parameters}
        own = {name: legal for name, legal in sizes.items() if name.rstrip("_") in names}
        forward = next(Recipe(build, (), own, options, who="legonet.testing").points(0, 20)).brick.forward
    parameters = list(inspect.signature(forward).parameters.values())
    plain = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    count = len(plain) - isinstance(build, type)  # a method of a class has self in front
    if not count and any(p.kind is p.VAR_POSITIONAL for p in parameters):
        count = 1
    required = [
        p.name
        for p in inspect.signature(build).parameters.values()
        if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD and p.name != "rng"
    ]
    last = [name.rstrip("_") for name in required] + ["n"]
    for axes in [f"(batch, {name})" for name in last] + ["(batch, n, m)", "(batch, channels, height, width)", "(n,)"]:
        yield [axes] * count
    if count == 2:  # scores and the class of each row
        yield ["(batch, n)", Integers("(batch,)", below="n")]


def _refusal(recipe: Recipe, lenient: bool) -> str:
    """Return why forward, or backward, does not take some of the points, or nothing.

    A backward that raises for all guesses is for the check to tell: then one is `lenient`.
    A gradient by an input that has another shape shows that the shapes fit by broadcasting alone.
    """
    for point in recipe.points(0, 24):
        if not all(x.size for x in point.inputs):
            continue
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                y, cache = point.brick.forward(*point.inputs)
            except Exception as error:
                return f"{type(error).__name__}: {brief(str(error), 160)}"
            try:
                result = point.brick.backward(like(y, np.ones(len(flat(y)))), cache)
            except Exception as error:
                if lenient:
                    continue
                return f"{type(error).__name__}: {brief(str(error), 160)}"
        for x, dx in zip(point.inputs, by_inputs(result, point.inputs), strict=True):
            if dx is not None and np.shape(dx) != x.shape:
                return f"dx has shape {np.shape(dx)} for x of shape {x.shape}"
    return ""


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.exit(main())
