"""What the bricks of the gallery share: stable functions, and right bricks that work on each entry."""

import math

import numpy as np

from gallery.cases import Case
from legonet import Brick, Parameter
from legonet.testing.inputs import Floats


def draw(rng, *shape):
    return Parameter(rng.normal(size=shape))


def sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def sigmoid_slope(x):
    e = np.exp(-np.abs(x))
    return e / (1 + e) ** 2


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


erf = np.vectorize(math.erf, otypes=[np.float64])
erfc = np.vectorize(math.erfc, otypes=[np.float64])


def normal_density(x):
    return np.exp(-(x * x) / 2) / math.sqrt(2 * math.pi)


class Pointwise(Brick):
    """y = f(x) of each entry; dx = dy f'(x)."""

    def forward(self, x):
        return np.asarray(self.value(x), dtype=x.dtype), x

    def backward(self, dy, x):
        return np.asarray(dy * np.asarray(self.slope(x), dtype=x.dtype))


def pointwise(name, build, low=-np.inf, high=np.inf, axes="(batch, n)", **options):
    return Case(name, build, [Floats(axes, low, high)], options=options)
