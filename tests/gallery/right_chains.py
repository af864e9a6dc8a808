"""Right chains of right bricks: what happens inside a chain happens to no brick by itself.

A bias in front of a normalisation has the gradient 0, and rounding gives something else. A gate that has saturated
climbs in stairs of rounding. Rectifiers without a bias stand at their kink for a row of zeros.
"""

import numpy as np

from gallery.base import draw
from gallery.cases import Case
from gallery.right_kinks import ReLU
from legonet import Brick, Linear, Parameter, Sequential, Sigmoid, Tanh

ROWS = {"batch": (2, 1, 3, 4)}


class Standardize(Brick):
    """Each column to mean 0 and variance 1, with a gain and a shift."""

    def __init__(self, n):
        self.gain, self.shift = Parameter(np.ones(n)), Parameter(np.zeros(n))

    def forward(self, x):
        centred = x - x.mean(axis=0)
        scale = 1 / np.sqrt((centred**2).mean(axis=0) + 1e-5)
        z = centred * scale
        return z * self.gain.value + self.shift.value, (z, scale)

    def backward(self, dy, cache):
        z, scale = cache
        self.gain.grad += (dy * z).sum(axis=0)
        self.shift.grad += dy.sum(axis=0)
        dz = dy * self.gain.value
        return scale * (dz - dz.mean(axis=0) - z * (dz * z).mean(axis=0))


class GatedByTanh(Brick):
    """y = x W · (1 + tanh(x V / 2)) / 2, whose gate moves in stairs where it is nearly 0."""

    def __init__(self, n, m, rng):
        self.W, self.V = draw(rng, n, m), draw(rng, n, m)

    def forward(self, x):
        a, gate = x @ self.W.value, (1 + np.tanh(x @ self.V.value / 2)) / 2
        return a * gate, (x, a, gate)

    def backward(self, dy, cache):
        x, a, gate = cache
        da, db = dy * gate, dy * a * gate * (1 - gate)
        self.W.grad += x.T @ da
        self.V.grad += x.T @ db
        return da @ self.W.value.T + db @ self.V.value.T


def normalized(n, activation, rng):
    return Sequential(Linear(n, 4, rng=rng), Standardize(4), activation(), Linear(4, 2, rng=rng))


def gates(n, rng):
    return Sequential(GatedByTanh(n, 2, rng), Standardize(2), GatedByTanh(2, 2, rng), Tanh())


def rectified(n, bias, rng):
    return Sequential(
        Linear(n, 3, bias=bias, rng=rng), ReLU(0.0), Linear(3, 3, rng=rng), ReLU(0.0), Linear(3, 2, bias=bias, rng=rng)
    )


CASES = [
    Case("chain_normalized", normalized, ["(batch, n)"], ROWS, {"activation": (Sigmoid, Tanh, lambda: ReLU(0.0))}),
    Case("chain_gates", gates, ["(batch, n)"], ROWS),
    Case("chain_rectified", rectified, ["(batch, n)"], options={"bias": (True, False)}),
    Case("gated_by_tanh", GatedByTanh, ["(batch, n)"], sizes={"m": (2, 1, 3)}),
]
