"""Right but tricky bricks: kinks, ties, jumps and staircases."""

import numpy as np

from gallery.base import Pointwise, draw, pointwise
from gallery.cases import Case
from legonet import Brick

# -- kinks -------------------------------------------------------------------------------------------------------------


class ReLU(Pointwise):
    def __init__(self, at_zero=0.0):
        self.at_zero = at_zero

    def value(self, x):
        return np.maximum(x, 0)

    def slope(self, x):
        return np.where(x == 0, self.at_zero, x > 0)


class LeakyReLU(Pointwise):
    def __init__(self, leak):
        self.leak = leak

    def value(self, x):
        return np.where(x > 0, x, self.leak * x)

    def slope(self, x):
        return np.where(x > 0, 1.0, self.leak)


class HardSigmoid(Pointwise):
    def value(self, x):
        return np.clip(x / 6 + 0.5, 0, 1)

    def slope(self, x):
        return (np.abs(x) < 3) / 6


class HardTanh(Pointwise):
    def value(self, x):
        return np.clip(x, -1, 1)

    def slope(self, x):
        return np.abs(x) <= 1


class ReLU6(Pointwise):
    def value(self, x):
        return np.clip(x, 0, 6)

    def slope(self, x):
        return (x > 0) & (x < 6)


class HardSwish(Pointwise):
    def value(self, x):
        return x * np.clip(x + 3, 0, 6) / 6

    def slope(self, x):
        return np.where(x <= -3, 0.0, np.where(x >= 3, 1.0, (2 * x + 3) / 6))


class Abs(Pointwise):
    def value(self, x):
        return np.abs(x)

    def slope(self, x):
        return np.sign(x)


class Clip(Pointwise):
    def __init__(self, low, high):
        self.low, self.high = low, high

    def value(self, x):
        return np.clip(x, self.low, self.high)

    def slope(self, x):
        return (x > self.low) & (x <= self.high)


class SoftShrink(Pointwise):
    def value(self, x):
        return np.sign(x) * np.maximum(np.abs(x) - 0.5, 0)

    def slope(self, x):
        return np.abs(x) > 0.5


class TriangleWave(Pointwise):
    def value(self, x):
        return np.abs(x - 2 * np.round(x / 2))

    def slope(self, x):
        return np.sign(x - 2 * np.round(x / 2))


class PReLU(Brick):
    def __init__(self, n, rng):
        self.leak = draw(rng, n)

    def forward(self, x):
        return np.where(x > 0, x, self.leak.value * x), x

    def backward(self, dy, x):
        self.leak.grad += (dy * np.minimum(x, 0)).sum(axis=0)
        return dy * np.where(x > 0, np.ones_like(x), self.leak.value)


class MaxOfRow(Brick):
    """The greatest entry of each row; among equals the first gets the gradient, or the last, or all share it."""

    def __init__(self, ties):
        self.ties = ties

    def forward(self, x):
        y = x.max(axis=1)
        equal = x == y[:, None]
        if self.ties == "share":
            weight = equal / equal.sum(axis=1, keepdims=True)
        else:
            place = equal.argmax(axis=1) if self.ties == "first" else x.shape[1] - 1 - equal[:, ::-1].argmax(axis=1)
            weight = np.arange(x.shape[1]) == place[:, None]
        return y, weight.astype(x.dtype)

    def backward(self, dy, weight):
        return dy[:, None] * weight


class MinOfRow(Brick):
    def forward(self, x):
        place = x.argmin(axis=1)
        return x.min(axis=1), (x.shape, place)

    def backward(self, dy, cache):
        shape, place = cache
        dx = np.zeros(shape, dy.dtype)
        dx[np.arange(shape[0]), place] = dy
        return dx


class Maximum(Brick):
    """The greater of two inputs; of a tie, `share` goes to the first."""

    def __init__(self, share):
        self.share = share

    def forward(self, a, b):
        first = np.where(a == b, self.share, a > b).astype(a.dtype)
        return np.maximum(a, b), first

    def backward(self, dy, first):
        return dy * first, dy * (1 - first)


class Distance(Brick):
    """|a - b| of each pair of entries."""

    def forward(self, a, b):
        return np.abs(a - b), np.sign(a - b)

    def backward(self, dy, sign):
        return dy * sign, -dy * sign


class LargestSize(Brick):
    """The maximum norm of each row."""

    def forward(self, x):
        return np.abs(x).max(axis=1), x

    def backward(self, dy, x):
        dx = np.zeros_like(x)
        rows, place = np.arange(len(x)), np.abs(x).argmax(axis=1)
        dx[rows, place] = dy * np.sign(x[rows, place])
        return dx


class EuclideanNorm(Brick):
    """The Euclidean norm of each row, with the subgradient 0 at 0."""

    def forward(self, x):
        norm = np.sqrt((x * x).sum(axis=1))
        return norm, (x, norm)

    def backward(self, dy, cache):
        x, norm = cache
        return dy[:, None] * x / np.where(norm > 0, norm, 1)[:, None]


class Sort(Brick):
    def forward(self, x):
        order = np.argsort(x, axis=1, kind="stable")
        return np.take_along_axis(x, order, axis=1), order

    def backward(self, dy, order):
        dx = np.zeros(order.shape, dy.dtype)
        np.put_along_axis(dx, order, dy, axis=1)
        return dx


class TopK(Brick):
    """The k greatest entries of each row, the greatest first."""

    def __init__(self, k):
        self.k = k

    def forward(self, x):
        order = np.argsort(-x, axis=1, kind="stable")[:, : self.k]
        return np.take_along_axis(x, order, axis=1), (x.shape, order)

    def backward(self, dy, cache):
        shape, order = cache
        dx = np.zeros(shape, dy.dtype)
        np.put_along_axis(dx, order, dy, axis=1)
        return dx


class Quantile(Brick):
    """A quantile of each row, linear between the two nearest of its sorted entries; at 1/2 the median."""

    def __init__(self, q):
        self.q = q

    def forward(self, x):
        place = self.q * (x.shape[1] - 1)
        below = min(int(place), max(x.shape[1] - 2, 0))
        above = min(below + 1, x.shape[1] - 1)
        order = np.argsort(x, axis=1, kind="stable")
        weight = np.zeros_like(x)
        rows = np.arange(len(x))
        weight[rows, order[:, below]] += 1 - (place - below)
        weight[rows, order[:, above]] += place - below
        return (weight * x).sum(axis=1), weight

    def backward(self, dy, weight):
        return dy[:, None] * weight


class MaxPool1d(Brick):
    """The greatest entry of each window; of equals the first."""

    def __init__(self, kernel, stride):
        self.kernel, self.stride = kernel, stride

    def forward(self, x):
        windows = np.lib.stride_tricks.sliding_window_view(x, self.kernel, axis=2)[:, :, :: self.stride]
        place = windows.argmax(axis=3) + self.stride * np.arange(windows.shape[2])
        return windows.max(axis=3), (x.shape, place)

    def backward(self, dy, cache):
        shape, place = cache
        dx = np.zeros(shape, dy.dtype)
        batch, channel, _ = np.indices(place.shape)
        np.add.at(dx, (batch, channel, place), dy)
        return dx


class MaxPool2d(Brick):
    """The greatest entry of each window of 2 x 2; of equals the first."""

    def __init__(self, stride):
        self.stride = stride

    def forward(self, x):
        s = self.stride
        windows = np.lib.stride_tricks.sliding_window_view(x, (2, 2), axis=(2, 3))[:, :, ::s, ::s]
        place = windows.reshape(*windows.shape[:4], 4).argmax(axis=4)
        batch, channel, row, column = np.indices(place.shape)
        return windows.max(axis=(4, 5)), (x.shape, (batch, channel, s * row + place // 2, s * column + place % 2))

    def backward(self, dy, cache):
        shape, places = cache
        dx = np.zeros(shape, dy.dtype)
        np.add.at(dx, places, dy)
        return dx


class PiecewiseLinear(Brick):
    """Linear between values learned at the knots -2, -1, 0, 1, 2; constant outside."""

    def __init__(self, rng):
        self.values = draw(rng, 5)

    def forward(self, x):
        left = np.clip(np.floor(x), -2, 1)
        at = np.clip(x, -2, 2) - left
        knot = left.astype(int) + 2
        v = self.values.value
        return v[knot] * (1 - at) + v[knot + 1] * at, (x, knot, at)

    def backward(self, dy, cache):
        x, knot, at = cache
        np.add.at(self.values.grad, knot, dy * (1 - at))
        np.add.at(self.values.grad, knot + 1, dy * at)
        return dy * (np.abs(x) < 2) * np.diff(self.values.value)[knot]


class SoftHistogram(Brick):
    """How much of each row is near each of five centres, by triangular windows."""

    def forward(self, x):
        apart = x[:, :, None] - np.arange(-2, 3).astype(x.dtype)
        return np.maximum(1 - np.abs(apart), 0).sum(axis=1), apart

    def backward(self, dy, apart):
        return -(dy[:, None, :] * np.sign(apart) * (np.abs(apart) < 1)).sum(axis=2)


# -- jumps and staircases ----------------------------------------------------------------------------------------------


class HardShrink(Pointwise):
    def value(self, x):
        return np.where(np.abs(x) > 0.5, x, 0)

    def slope(self, x):
        return np.abs(x) > 0.5


class Staircase(Pointwise):
    def __init__(self, kind):
        self.kind = kind

    def value(self, x):
        return {"floor": np.floor, "round": np.round, "sign": np.sign, "step": lambda x: x > 0}[self.kind](x)

    def slope(self, x):
        return np.zeros_like(x)


class Fraction(Pointwise):
    def value(self, x):
        return x - np.floor(x)

    def slope(self, x):
        return np.ones_like(x)


class SlopingStairs(Pointwise):
    def value(self, x):
        return np.floor(4 * x) / 4 + 0.125 * x

    def slope(self, x):
        return np.full_like(x, 0.125)


class EveryOtherInterval(Pointwise):
    """x where its integer part is odd, else 0: the mask is made of whole numbers."""

    def value(self, x):
        return x * (np.floor(x) % 2)

    def slope(self, x):
        return np.floor(x) % 2


class Gate(Pointwise):
    def value(self, x):
        return x * (x > 1)

    def slope(self, x):
        return x > 1


class RoundedFactor(Pointwise):
    def value(self, x):
        return x * np.round(x)

    def slope(self, x):
        return np.round(x)


# -- cases -------------------------------------------------------------------------------------------------------------

POOLED = {"kernel": (2, 1, 3), "stride": (1, 2, 3), "length": (3, 4, 5)}

CASES = [
    pointwise("relu", ReLU, at_zero=(0.0, 0.5, 1.0)),
    pointwise("relu_of_many_axes", ReLU, axes="(batch, ...)"),
    pointwise("leaky_relu", LeakyReLU, leak=(0.01, 0.3, -0.5)),
    pointwise("hard_sigmoid", HardSigmoid),
    pointwise("hard_tanh", HardTanh),
    pointwise("relu6", ReLU6),
    pointwise("hard_swish", HardSwish),
    pointwise("abs", Abs),
    Case("clip", Clip, ["(batch, n)"], options={"low": (-1.0, 0.0), "high": (0.5, 1000.0)}),
    pointwise("soft_shrink", SoftShrink),
    pointwise("triangle_wave", TriangleWave, -999.9, 999.9),
    pointwise("prelu", PReLU),
    pointwise("max_of_row", MaxOfRow, ties=("first", "last", "share")),
    pointwise("min_of_row", MinOfRow),
    Case("maximum", Maximum, ["(batch, n)", "(batch, n)"], options={"share": (1.0, 0.5, 0.0)}),
    Case("distance", Distance, ["(batch, n)", "(batch, n)"]),
    pointwise("largest_size", LargestSize),
    pointwise("euclidean_norm", EuclideanNorm),
    pointwise("sort", Sort),
    Case("top_k", TopK, ["(batch, n)"], sizes={"n": (2, 3, 4)}, options={"k": (1, 2)}),
    pointwise("median", lambda: Quantile(0.5)),
    pointwise("quantile", Quantile, q=(0.25, 0.9, 0.0)),
    Case("max_pool_1d", MaxPool1d, ["(batch, channels, length)"], sizes=POOLED),
    Case(
        "max_pool_2d",
        MaxPool2d,
        ["(batch, channels, height, width)"],
        sizes={"height": (2, 3, 4), "width": (3, 2, 5)},
        options={"stride": (1, 2)},
    ),
    pointwise("piecewise_linear", PiecewiseLinear),
    pointwise("soft_histogram", SoftHistogram),
    pointwise("hard_shrink", HardShrink),
    pointwise("staircase", Staircase, -99999.9, 99999.9, kind=("floor", "round", "sign", "step")),
    pointwise("fraction", Fraction, -999.9, 999.9),
    pointwise("sloping_stairs", SlopingStairs, -999.9, 999.9),
    pointwise("every_other_interval", EveryOtherInterval, -999.9, 999.9),
    pointwise("gate", Gate),
    pointwise("rounded_factor", RoundedFactor, -999.9, 999.9),
]
