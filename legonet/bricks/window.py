"""The window of a convolution or of pooling: its options, and where it fits."""

from functools import lru_cache
from typing import NamedTuple, TypeAlias

from legonet.arrays import brief
from legonet.checks import check_integer
from legonet.errors import OptionError, ShapeError

Sizes: TypeAlias = tuple[int, ...]
"""Whole numbers, one for each axis."""


class Window(NamedTuple):
    """How a window moves over an image: for each axis of space a kernel size, a stride, a padding and a dilation."""

    kernel_size: Sizes
    stride: Sizes
    padding: Sizes
    dilation: Sizes

    @classmethod
    def of(
        cls,
        who: str,
        axes: int,
        kernel_size: int | Sizes,
        stride: int | Sizes,
        padding: int | Sizes,
        dilation: int | Sizes = 1,
    ) -> "Window":
        """Return the window of these options, or refuse them."""
        return cls(
            check_sizes(who, "kernel_size", kernel_size, axes, at_least=1),
            check_sizes(who, "stride", stride, axes, at_least=1),
            check_sizes(who, "padding", padding, axes),
            check_sizes(who, "dilation", dilation, axes, at_least=1),
        )

    @classmethod
    def of_pooling(
        cls, who: str, kernel_size: int | Sizes, stride: int | Sizes | None, padding: int | Sizes
    ) -> "Window":
        """Return the window of pooling over two axes, or refuse its options; every place sees at least one pixel."""
        made = cls.of(who, 2, kernel_size, kernel_size if stride is None else stride, padding)
        if any(2 * p > k for p, k in zip(made.padding, made.kernel_size, strict=True)):
            needed = f"padding of at most half of kernel_size {show_sizes(made.kernel_size)}"
            raise OptionError(f"{who} needs {needed}, but padding is {show_sizes(made.padding)}")
        return made

    @property
    def extent(self) -> Sizes:
        """How many pixels the window reaches over along each axis."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.kernel_size, self.dilation, strict=True))

    @lru_cache(maxsize=128)  # noqa: B019 - it keeps a few numbers, no more
    def places(self, space: Sizes) -> Sizes:
        """Return how many places the window has along each axis of space."""
        axes = zip(space, self.padding, self.extent, self.stride, strict=True)
        return tuple((n + 2 * p - extent) // s + 1 for n, p, extent, s in axes)

    @lru_cache(maxsize=128)  # noqa: B019
    def padded(self, space: Sizes) -> Sizes:
        """Return the axes of space with their padding."""
        return tuple(n + 2 * p for n, p in zip(space, self.padding, strict=True))

    def check(self, who: object, shape: Sizes, space: Sizes) -> None:
        """Refuse an x of this shape if the window does not fit into its axes of space and their padding."""
        names = ("height", "width") if len(space) == 2 else ("time",)
        least = tuple(max(extent - 2 * p, 1) for extent, p in zip(self.extent, self.padding, strict=True))
        if any(n < needed for n, needed in zip(space, least, strict=True)):
            needed = " and ".join(f"{name} >= {n}" for name, n in zip(names, least, strict=True))
            raise ShapeError(f"{brief(who, 80)} needs x of {needed}, but x has shape {brief(str(shape))}")

    def show(self, stride: Sizes | None = None) -> str:
        """Return the options as they are written, without the usual ones; the usual stride is 1 or another one."""
        ones = (1,) * len(self.kernel_size)
        usual = {"stride": stride or ones, "padding": (0,) * len(ones), "dilation": ones}
        given = {name: getattr(self, name) for name in usual}
        shown = [f", {name}={show_sizes(value)}" for name, value in given.items() if value != usual[name]]
        return show_sizes(self.kernel_size) + "".join(shown)


def check_sizes(who: str, name: str, value: int | Sizes, axes: int, *, at_least: int = 0) -> Sizes:
    """Return one whole number for each axis, or refuse `value`; an int stands for all axes."""
    given = value if isinstance(value, tuple | list) else (value,) * axes
    try:
        sizes = tuple(check_integer(who, name, size, at_least=at_least) for size in given)
    except OptionError:
        sizes = ()
    if len(sizes) != axes:
        needed = f"a whole number >= {at_least}" + (" or a pair of them" if axes == 2 else "")
        raise OptionError(f"{who} needs {name} as {needed}, but {name} is {brief(repr(value))}")
    return sizes


def show_sizes(sizes: Sizes) -> str:
    """Return sizes as they are written: as one number if they are the same for all axes."""
    return str(sizes[0]) if len(set(sizes)) == 1 else str(sizes)
