"""What the convolutions have in common around their passes: the options, the parameters, how they print."""

import numpy as np
import numpy.typing as npt

from legonet.arrays import Array
from legonet.brick import Brick
from legonet.bricks.window import Sizes, Window, check_sizes
from legonet.checks import check_dtype, check_rng, check_size
from legonet.errors import OptionError
from legonet.initializers import Initializer, initialize, zeros
from legonet.parameter import Parameter


class Convolution(Brick[Array]):
    """A brick with channels in and out, a window, groups, a weight, and a bias or none."""

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        axes: int,
        in_channels: int,
        out_channels: int,
        size: int | Sizes,
        stride: int | Sizes,
        padding: int | Sizes,
        dilation: int | Sizes,
        groups: int,
    ) -> None:
        who = type(self).__name__
        self.in_channels = check_size(who, "in_channels", in_channels)
        self.out_channels = check_size(who, "out_channels", out_channels)
        self.window = Window.of(who, axes, size, stride, padding, dilation)
        (self.groups,) = check_sizes(who, "groups", groups, 1, at_least=1)
        if self.in_channels % self.groups or self.out_channels % self.groups:
            given = f"{self.groups} does not divide {self.in_channels} and {self.out_channels}"
            raise OptionError(f"{who} needs groups that divide in_channels and out_channels, but {given}")

    def _make_parameters(
        self,
        shape: Sizes,
        weight: Initializer | Array,
        bias: Initializer | Array | bool,
        rng: np.random.Generator | int | None,
        dtype: npt.DTypeLike,
    ) -> None:
        """Make the parameters; the weight has this shape."""
        who = type(self).__name__
        dtype, rng = check_dtype(who, dtype), check_rng(who, rng)
        self.weight, self.bias = initialize(who, "weight", weight, rng, shape, dtype), None
        if bias is not False:
            self.bias = initialize(who, "bias", zeros if bias is True else bias, rng, (self.out_channels,), dtype)

    def __repr__(self) -> str:
        dtype = self.weight.value.dtype
        options = self._options() + ("" if self.groups == 1 else f", groups={self.groups}")
        options += ("" if self.bias is not None else ", bias=False") + (
            "" if dtype == np.float64 else f", dtype={dtype}"
        )
        return f"{type(self).__name__}({self.in_channels}, {self.out_channels}, {options})"

    def _options(self) -> str:
        return self.window.show()
