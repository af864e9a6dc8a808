"""What several test files draw, build and compare."""

import importlib
import inspect
import pkgutil
import tempfile
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from hypothesis import strategies as st

import legonet
from legonet import (
    ELU,
    Array,
    Brick,
    L2Regularizer,
    LeakyReLU,
    Linear,
    MSELoss,
    Parameter,
    Residual,
    Sequential,
    Sigmoid,
    Tanh,
)
from legonet.testing.contracts import LAYOUTS as CHECKED_LAYOUTS

Case = tuple[Brick[Any], tuple[Array, ...]]
"""A brick and what its forward takes."""

sizes = st.integers(0, 5)
seeds = st.integers(0, 2**32 - 1)
float_dtypes = st.sampled_from([np.float16, np.float32, np.float64])


def normal(*shape: int, seed: int = 0, dtype: Any = np.float64) -> Array:
    """Draw standard normal numbers."""
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


@st.composite
def normals(draw: Any, dtype: Any = np.float64, axes: int = 2) -> Array:
    return normal(*draw(st.tuples(*[sizes] * axes)), seed=draw(seeds), dtype=dtype)


@st.composite
def linear_cases(draw: Any, dtype: Any = np.float64) -> Case:
    x = draw(normals(dtype))
    linear = Linear(x.shape[1], draw(sizes), bias=draw(st.booleans()), rng=draw(seeds), dtype=dtype)
    return linear, (x,)


def elementwise_cases(kind: Callable[..., Brick[Any]], **options: list[Any]) -> Callable[..., st.SearchStrategy[Case]]:
    def cases(dtype: Any = np.float64) -> st.SearchStrategy[Case]:
        built = st.fixed_dictionaries({name: st.sampled_from(legal) for name, legal in options.items()})
        x = st.integers(1, 3).flatmap(lambda axes: normals(dtype, axes))
        scale = st.sampled_from([1, 1, 1000])
        return st.builds(lambda given, x, scale: (kind(**given), (x * dtype(scale),)), built, x, scale)

    return cases


@st.composite
def mse_cases(draw: Any, dtype: Any = np.float64) -> Case:
    y = draw(normals(dtype, draw(st.integers(1, 3))))
    return MSELoss(), (y, normal(*y.shape, seed=draw(seeds), dtype=dtype))


@st.composite
def l2_cases(draw: Any, dtype: Any = np.float64) -> Case:
    weights = draw(st.lists(st.integers(0, 3).flatmap(lambda axes: normals(dtype, axes)), min_size=1, max_size=3))
    return L2Regularizer(map(Parameter, weights), strength=draw(st.floats(0, 2))), ()


@st.composite
def sequential_cases(draw: Any, dtype: Any = np.float64, depth: int = 2) -> Case:
    """Draw a chain that may be empty, and may hold chains."""
    x = draw(normals(dtype))
    width, bricks = x.shape[1], []
    kinds = [Linear, Sigmoid, Tanh, Sequential] if depth else [Linear, Sigmoid, Tanh]
    for kind in draw(st.lists(st.sampled_from(kinds), max_size=4)):
        if kind is Linear:
            bricks.append(Linear(width, width := draw(sizes), rng=draw(seeds), dtype=dtype))
        elif kind is Sequential:
            inside = Linear(width, width := draw(sizes), rng=draw(seeds), dtype=dtype)
            bricks.append(Sequential(inside, draw(st.sampled_from([Sigmoid(), Tanh(), Sequential()]))))
        else:
            bricks.append(kind())
    return Sequential(*bricks), (x,)


@st.composite
def residual_cases(draw: Any, dtype: Any = np.float64) -> Case:
    x = draw(normals(dtype))
    width = draw(sizes) if draw(st.booleans()) else x.shape[1]
    inside = Sequential(Linear(x.shape[1], width, rng=draw(seeds), dtype=dtype), Tanh())
    plain = width == x.shape[1] and draw(st.booleans())
    return Residual(inside, None if plain else Linear(x.shape[1], width, rng=draw(seeds), dtype=dtype)), (x,)


CASES: dict[type[Brick[Any]], Callable[..., st.SearchStrategy[Case]]] = {
    ELU: elementwise_cases(ELU, alpha=[1.0, 0.5]),
    L2Regularizer: l2_cases,
    LeakyReLU: elementwise_cases(LeakyReLU, slope=[0.01, 0.5]),
    Linear: linear_cases,
    MSELoss: mse_cases,
    Residual: residual_cases,
    Sequential: sequential_cases,
}
"""For each public brick, how to draw one of a dtype with its inputs. Elementwise ones without options come below."""


def public_packages() -> list[Any]:
    """Import legonet and every package below it that states its public names."""
    below = [found.name for found in pkgutil.walk_packages(legonet.__path__, "legonet.") if found.ispkg]
    return [legonet, *(package for package in map(importlib.import_module, below) if hasattr(package, "__all__"))]


def public_bricks() -> list[type[Brick[Any]]]:
    """Find every public brick that can be built."""
    values = {getattr(package, name) for package in public_packages() for name in package.__all__}
    bricks = {value for value in values if inspect.isclass(value) and issubclass(value, Brick)}
    return sorted((brick for brick in bricks if not inspect.isabstract(brick)), key=lambda brick: brick.__name__)


for _kind in public_bricks():
    if _kind not in CASES and list(inspect.signature(_kind.forward).parameters) == ["self", "x"]:
        CASES[_kind] = elementwise_cases(_kind)


def like(y: Array | float, seed: int = 0) -> Array | float:
    """Draw an upstream gradient for an output."""
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


def assert_close(found: Iterable[Any], wanted: Iterable[Any], tolerance: float = 1e-12) -> None:
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


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
