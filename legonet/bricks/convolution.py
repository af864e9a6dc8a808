"""What the convolutions have in common: the options, the parameters, how they print; and a convolution's passes."""

import numpy as np
import numpy.typing as npt

from legonet.arrays import Array, ones
from legonet.brick import Brick
from legonet.bricks.patches import from_patches, from_pixels, matrices, to_patches, to_pixels
from legonet.bricks.window import Sizes, Window
from legonet.checks import check_dtype, check_integer, check_rng, check_size
from legonet.errors import OptionError
from legonet.initializers import Initializer, initialize, zeros
from legonet.parameter import Parameter


class Convolution(Brick[Array]):
    """A brick with channels in and out (of series: features), a window, groups, a weight, and a bias or none."""

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        axes: int,
        inputs: int,
        outputs: int,
        kernel_size: int | Sizes,
        stride: int | Sizes,
        padding: int | Sizes,
        dilation: int | Sizes,
        groups: int,
    ) -> None:
        who, what = type(self).__name__, "features" if axes == 1 else "channels"
        self.inputs, self.outputs = check_size(who, f"in_{what}", inputs), check_size(who, f"out_{what}", outputs)
        self.window = Window.of(who, axes, kernel_size, stride, padding, dilation)
        self.groups = check_integer(who, "groups", groups, at_least=1)
        if self.inputs % self.groups or self.outputs % self.groups:
            given = f"{self.groups} does not divide {self.inputs} and {self.outputs}"
            raise OptionError(f"{who} needs groups that divide in_{what} and out_{what}, but {given}")

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
            self.bias = initialize(who, "bias", zeros if bias is True else bias, rng, (self.outputs,), dtype)

    def __repr__(self) -> str:
        dtype = self.weight.value.dtype
        options = self._options() + ("" if self.groups == 1 else f", groups={self.groups}")
        options += ("" if self.bias is not None else ", bias=False") + (
            "" if dtype == np.float64 else f", dtype={dtype}"
        )
        return f"{type(self).__name__}({self.inputs}, {self.outputs}, {options})"

    def _options(self) -> str:
        return self.window.show()


class LinearOnPatches(Convolution):
    """A convolution: y = Wᵀ P + b, where P are the patches of x as columns.

    These are its passes for images of any number of axes, (batch, channels, *space).
    """

    def _weigh(self, x: Array) -> Array:
        """Return y = Wᵀ P + b."""
        y = matrices(self.weight.value, self.groups).mT @ to_patches(x, self.window, self.groups)
        if self.bias is not None:
            y += self.bias.value.reshape(self.groups, -1, 1)
        return from_pixels(y, (len(x), self.outputs, *self.window.places(x.shape[2:])))

    def _spread(self, dy: Array, shape: Sizes) -> Array:
        """Return dL/dx of this shape: the sum of the patches W dy."""
        dP = matrices(self.weight.value, self.groups) @ to_pixels(dy, self.groups)
        return from_patches(dP, shape, self.window)

    def _add_gradients(self, dy: Array, x: Array) -> None:
        """Add dL/dW = P dyᵀ and dL/db = Σ dy to the gradients."""
        W, P, dy = self.weight, to_patches(x, self.window, self.groups), to_pixels(dy, self.groups)
        W.grad += (P @ dy.mT).swapaxes(0, 1).reshape(W.grad.shape)
        if self.bias is not None:
            self.bias.grad += dy.dot(ones(dy.shape[-1], dy.dtype)).ravel()
