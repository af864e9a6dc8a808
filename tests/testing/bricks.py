"""Bricks for the tests of the checker: right ones, each small enough that one change makes it a wrong one."""

import numpy as np

from legonet import Brick, Parameter
from strategies import normal


class Square(Brick):
    def forward(self, x):
        return x**2, x

    def backward(self, dy, x):
        return 2 * dy * x


class HalfOfSquare(Square):
    """A wrong brick: the factor 2 is missing."""

    def backward(self, dy, x):
        return dy * x


class Affine(Brick):
    """y = x scale + shift, column by column."""

    def __init__(self, features=3):
        self.scale, self.shift = Parameter(normal(features, seed=3)), Parameter(normal(features, seed=4))

    def forward(self, x):
        return x * self.scale.value + self.shift.value, x

    def backward(self, dy, x):
        self.scale.grad += (dy * x).sum(axis=0)
        self.shift.grad += dy.sum(axis=0)
        return dy * self.scale.value


class ForgetsShift(Affine):
    """A wrong brick: nothing is added to the gradient of the shift."""

    def backward(self, dy, x):
        self.scale.grad += (dy * x).sum(axis=0)
        return dy * self.scale.value


class Table(Brick):
    """Rows looked up by whole numbers."""

    def __init__(self, rows=3):
        self.rows = Parameter(normal(rows, 2))

    def forward(self, indices):
        return self.rows.value[indices], indices

    def backward(self, dy, indices):
        np.add.at(self.rows.grad, indices, dy)


class Product(Brick):
    """Two inputs, with a gradient by each."""

    def forward(self, left, right):
        return left * right, (left, right)

    def backward(self, dy, cache):
        left, right = cache
        return dy * right, dy * left


class Pointwise(Brick):
    """y = f(x) of each entry, from the function and its slope."""

    def __init__(self, function, slope):
        self.function, self.slope = function, slope

    def forward(self, x):
        return np.asarray(self.function(x)), x

    def backward(self, dy, x):
        return dy * np.asarray(self.slope(x))


class Dropout(Brick):
    """Half of the entries are dropped, by a generator of its own; called, it keeps all."""

    def __init__(self, rng=0):
        self.rng = np.random.default_rng(rng)

    def forward(self, x):
        mask = 2 * (self.rng.random(x.shape) < 0.5).astype(x.dtype)
        return x * mask, mask

    def backward(self, dy, mask):
        return dy * mask

    def __call__(self, x):
        return x
