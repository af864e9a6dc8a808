"""What several test files draw, build and compare."""

import importlib.util
import inspect
import pkgutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

import legonet
from legonet import Array, Brick, Parameter
from legonet.testing.contracts import LAYOUTS as CHECKED_LAYOUTS
from legonet.testing.probe import generators_in

Case = tuple[Brick[Any], tuple[Array, ...]]
"""A brick and what its forward takes."""

sizes = st.integers(0, 5)
mostly_some = st.sampled_from([2, 3, 1, 2, 3, 0])
seeds = st.integers(0, 2**32 - 1)
float_dtypes = st.sampled_from([np.float16, np.float32, np.float64])


def normal(*shape: int, seed: int = 0, dtype: Any = np.float64) -> Array:
    """Draw standard normal numbers."""
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


@st.composite
def normals(draw: Any, dtype: Any = np.float64, axes: int = 2) -> Array:
    return normal(*draw(st.tuples(*[sizes] * axes)), seed=draw(seeds), dtype=dtype)


def elementwise_cases(kind: Callable[..., Brick[Any]], **options: list[Any]) -> Callable[..., st.SearchStrategy[Case]]:
    def cases(dtype: Any = np.float64) -> st.SearchStrategy[Case]:
        built = st.fixed_dictionaries({name: st.sampled_from(legal) for name, legal in options.items()})
        x = st.integers(1, 3).flatmap(lambda axes: normals(dtype, axes))
        scale = st.sampled_from([1, 1, 1000])
        return st.builds(lambda given, x, scale: (kind(**given), (x * dtype(scale),)), built, x, scale)

    return cases


def recurrent_cases(kind: Callable[..., Brick[Any]]) -> Callable[..., st.SearchStrategy[Case]]:
    @st.composite
    def cases(draw: Any, dtype: Any = np.float64) -> Case:
        batch, time, inputs, hidden = draw(st.tuples(*[mostly_some] * 4))
        brick, x = kind(inputs, hidden, rng=draw(seeds), dtype=dtype), normal(batch, time, inputs, dtype=dtype)
        return brick, (x, normal(batch, time, seed=draw(seeds)) > 0) if draw(st.booleans()) else (x,)

    return cases


def alike_cases(kind: Callable[[], Brick[Any]]) -> Callable[..., st.SearchStrategy[Case]]:
    """Draw one to three inputs of one shape, for bricks that take any number of them."""

    @st.composite
    def cases(draw: Any, dtype: Any = np.float64) -> Case:
        shape = draw(st.lists(st.integers(0, 3), min_size=1, max_size=3))
        return kind(), tuple(normal(*shape, seed=draw(seeds), dtype=dtype) for _ in range(draw(st.integers(1, 3))))

    return cases


def public_packages() -> list[Any]:
    """Import legonet and every package below it that states its public names."""
    below = [found.name for found in pkgutil.walk_packages(legonet.__path__, "legonet.") if found.ispkg]
    return [legonet, *(package for package in map(importlib.import_module, below) if hasattr(package, "__all__"))]


def public_bricks() -> list[type[Brick[Any]]]:
    """Find every public brick that can be built."""
    values = {getattr(package, name) for package in public_packages() for name in package.__all__}
    bricks = {value for value in values if inspect.isclass(value) and issubclass(value, Brick)}
    return sorted((brick for brick in bricks if not inspect.isabstract(brick)), key=lambda brick: brick.__name__)


@cache
def tests_of(kind: type[Brick[Any]]) -> ModuleType:
    """Import the test file of a brick, which says what goes for it: ``cases``, ``CALL_DIFFERS``, ``MIXES_ROWS``..."""
    *packages, name = kind.__module__.split(".")[1:]
    path = Path(__file__).parent.joinpath(*packages, f"test_{name}.py")
    spec = importlib.util.spec_from_file_location(f"what_goes_for.{kind.__name__}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cases_of(kind: type[Brick[Any]], dtype: Any = np.float64) -> st.SearchStrategy[Case]:
    """Draw bricks of a kind with their inputs: by ``cases(dtype)`` of its test file, or as an elementwise brick."""
    if hasattr(tests_of(kind), "cases"):
        return tests_of(kind).cases(dtype)
    assert list(inspect.signature(kind.forward).parameters) == ["self", "x"], f"the tests of {kind} have no cases"
    return elementwise_cases(kind)(dtype)


def call_differs(kind: type[Brick[Any]]) -> bool:
    """Whether a brick does something else when it is called, as Dropout does."""
    return getattr(tests_of(kind), "CALL_DIFFERS", False)


def mixes_rows(kind: type[Brick[Any]]) -> bool:
    """Whether the rows of a batch know of each other in training, as those of BatchNorm do."""
    return getattr(tests_of(kind), "MIXES_ROWS", False)


def every_brick(*, stated: bool = False) -> Any:
    """Return the mark of a test that goes for every public brick; their test files are read now, not while it runs.

    With `stated`, for each that has formulas of its own, which a container leaves to its parts.
    """
    kinds = [kind for kind in public_bricks() if not stated or hasattr(kind, "formulas")]
    for kind in kinds:
        tests_of(kind)
    return pytest.mark.parametrize("kind", kinds, ids=[kind.__name__ for kind in kinds])


@contextmanager
def same_draws(brick: Brick[Any]) -> Iterator[None]:
    """Set the random generators in a brick back, so that the next pass draws the same numbers."""
    states = [(generator, generator.bit_generator.state) for generator in generators_in(brick)]
    yield
    for generator, state in states:
        generator.bit_generator.state = state


def parts(value: Any) -> list[Any]:
    """Return an output or what backward gave as a list: of the members of a tuple, without None."""
    return [part for part in (value if isinstance(value, tuple) else (value,)) if part is not None]


def differentiated(inputs: tuple[Array, ...], y: Any) -> list[Array]:
    """Return the inputs that have a gradient: those of floats; of a loss the first alone, the others are targets."""
    floats = [x for x in inputs if x.dtype.kind == "f"]
    return floats if isinstance(y, np.ndarray | tuple) else floats[:1]


def both_passes(brick: Brick[Any], inputs: tuple[Array, ...], dy: Any = None) -> list[Any]:
    """Return the outputs, the gradients by the inputs and those of the parameters; draws are set back."""
    with same_draws(brick):
        y, cache = brick.forward(*inputs)
        dx = brick.backward(like(y) if dy is None else dy, cache)
    return [*parts(y), *parts(dx), *gradients(brick)]


def other_numbers(inputs: tuple[Array, ...]) -> tuple[Array, ...]:
    """Return other legal inputs of the same shapes."""
    first = [normal(*x.shape, seed=9, dtype=x.dtype) if x.dtype.kind == "f" else x[::-1].copy() for x in inputs[:1]]
    return (*first, *(x[::-1].copy() for x in inputs[1:]))


def like(y: Any, seed: int = 0) -> Any:
    """Draw an upstream gradient for an output, or for each of a tuple."""
    if isinstance(y, tuple):
        return tuple(like(part, seed + number) for number, part in enumerate(y))
    return normal(*y.shape, seed=seed, dtype=y.dtype) if isinstance(y, np.ndarray) else float(normal(seed=seed))


def gradients(brick: Brick[Any]) -> list[Array]:
    """Take the gradients out of a brick, and leave zeros."""
    taken = [parameter.grad.copy() for parameter in brick.parameters()]
    for parameter in brick.parameters():
        parameter.zero_grad()
    return taken


def fingerprint(*values: Any) -> list[Any]:
    """Note down every bit of arrays and parameters, to find out later whether one has changed."""
    notes: list[Any] = []
    for value in values:
        if isinstance(value, Parameter):
            notes += fingerprint(value.value, value.grad)
        elif isinstance(value, list | tuple):
            notes.append((type(value), *fingerprint(*value)))
        elif isinstance(value, np.ndarray):
            notes.append((type(value), value.shape, value.strides, value.dtype.str, value.tobytes()))
        else:
            notes.append(repr(value))
    return notes


def freeze(*values: Any) -> None:
    """Make writing into arrays an error, those in lists and tuples as well."""
    for value in values:
        if isinstance(value, np.ndarray):
            value.flags.writeable = False
        elif isinstance(value, list | tuple):
            freeze(*value)


def assert_close(found: Iterable[Any], wanted: Iterable[Any], tolerance: float = 1e-12, about: str = "") -> None:
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance, err_msg=about)


def _unaligned(array: Array) -> Array:
    raw = np.frombuffer(bytearray(array.nbytes + 1), np.uint8)[1:]
    unaligned = raw.view(array.dtype).reshape(array.shape)
    unaligned[...] = array
    return unaligned


def _memmap(array: Array) -> Array:
    with tempfile.TemporaryFile() as file:
        mapped = np.memmap(file, array.dtype, "w+", shape=array.shape)
    mapped[...] = array
    return mapped


LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "C order": np.ascontiguousarray,
    **CHECKED_LAYOUTS,
    "rows from the last to the first": lambda array: array[::-1].copy()[::-1],
    "unaligned": _unaligned,
    "memory-mapped": _memmap,
}
"""The same numbers, laid out in memory in other ways."""
