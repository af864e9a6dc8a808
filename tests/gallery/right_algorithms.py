"""Right but tricky bricks: chance, containers, states, odd shapes, linear algebra, spectra, solvers."""

import numpy as np

from gallery.base import Pointwise, draw, pointwise, softmax
from gallery.cases import Case
from legonet import Brick, Linear, Parameter, Sequential, Sigmoid, Tanh
from legonet.testing.inputs import Floats

# -- chance ------------------------------------------------------------------------------------------------------------


class Dropout(Brick):
    """What is drawn is kept in the cache; called, for inference, it changes nothing."""

    def __init__(self, rate, rng):
        self.rate, self.rng = rate, rng

    def forward(self, x):
        factor = ((self.rng.random(x.shape) >= self.rate) / (1 - self.rate)).astype(x.dtype)
        return x * factor, factor

    def __call__(self, x):
        return x.copy()

    def backward(self, dy, factor):
        return dy * factor


class ColumnDropout(Brick):
    """Drops the same columns of every row."""

    def __init__(self, rng):
        self.rng = rng

    def forward(self, x):
        kept = (self.rng.random(x.shape[1]) < 0.6).astype(x.dtype)
        return x * kept, kept

    def backward(self, dy, kept):
        return dy * kept


class GaussianNoise(Brick):
    """x + scale noise, with a scale that it learns."""

    def __init__(self, n, rng):
        self.scale, self.rng = draw(rng, n), rng

    def forward(self, x):
        noise = self.rng.normal(size=x.shape).astype(x.dtype)
        return x + self.scale.value * noise, noise

    def __call__(self, x):
        return x.copy()

    def backward(self, dy, noise):
        self.scale.grad += (dy * noise).sum(axis=0)
        return dy.copy()


class RandomLeakyReLU(Brick):
    def __init__(self, rng):
        self.rng = rng

    def forward(self, x):
        slope = np.where(x > 0, 1, self.rng.uniform(0.1, 0.3, x.shape)).astype(x.dtype)
        return slope * x, slope

    def backward(self, dy, slope):
        return dy * slope


class GaussianSample(Brick):
    """A sample mean + e^log_std noise, reparametrized."""

    def __init__(self, rng):
        self.rng = rng

    def forward(self, mean, log_std):
        wide = np.exp(log_std) * self.rng.normal(size=mean.shape).astype(mean.dtype)
        return mean + wide, wide

    def backward(self, dy, wide):
        return dy.copy(), dy * wide


# -- containers --------------------------------------------------------------------------------------------------------


class Residual(Brick):
    def __init__(self, inner):
        self.inner = inner

    def forward(self, x):
        y, cache = self.inner.forward(x)
        return x + y, cache

    def backward(self, dy, cache):
        return dy + self.inner.backward(dy, cache)


class ParallelSum(Brick):
    def __init__(self, *branches):
        self.branches = branches

    def forward(self, x):
        ys, caches = zip(*[branch.forward(x) for branch in self.branches], strict=True)
        return sum(ys), caches

    def backward(self, dy, caches):
        return sum(branch.backward(dy, cache) for branch, cache in zip(self.branches, caches, strict=True))


class Gated(Brick):
    """One brick's output times another's."""

    def __init__(self, value, gate):
        self.bricks = {"value": value, "gate": gate}

    def forward(self, x):
        value, value_cache = self.bricks["value"].forward(x)
        gate, gate_cache = self.bricks["gate"].forward(x)
        return value * gate, (value, gate, value_cache, gate_cache)

    def backward(self, dy, cache):
        value, gate, value_cache, gate_cache = cache
        by_value = self.bricks["value"].backward(dy * gate, value_cache)
        return by_value + self.bricks["gate"].backward(dy * value, gate_cache)


class DenselyConnected(Brick):
    """x and what a brick makes of it, side by side."""

    def __init__(self, inner):
        self.inner = inner

    def forward(self, x):
        y, cache = self.inner.forward(x)
        return np.concatenate([x, y], axis=1), (x.shape[1], cache)

    def backward(self, dy, cache):
        n, inner = cache
        return dy[:, :n] + self.inner.backward(dy[:, n:], inner)


class MixtureOfExperts(Brick):
    """Two linear experts, weighted by a softmax."""

    def __init__(self, n, rng):
        self.experts, self.gate = [Linear(n, n, rng=rng), Linear(n, n, rng=rng)], Linear(n, 2, rng=rng)

    def forward(self, x):
        scores, gate_cache = self.gate.forward(x)
        p = softmax(scores)
        ys, caches = zip(*[expert.forward(x) for expert in self.experts], strict=True)
        return p[:, :1] * ys[0] + p[:, 1:] * ys[1], (p, ys, caches, gate_cache)

    def backward(self, dy, cache):
        p, ys, caches, gate_cache = cache
        dp = np.stack([(dy * y).sum(axis=1) for y in ys], axis=1)
        dx = self.gate.backward(p * (dp - (dp * p).sum(axis=1, keepdims=True)), gate_cache)
        for k, expert in enumerate(self.experts):
            dx = dx + expert.backward(p[:, k : k + 1] * dy, caches[k])
        return dx


class TiedAutoencoder(Brick):
    """tanh(x W) Wᵀ."""

    def __init__(self, n, m, rng):
        self.weight = draw(rng, n, m)

    def forward(self, x):
        h = np.tanh(x @ self.weight.value)
        return h @ self.weight.value.T, (x, h)

    def backward(self, dy, cache):
        x, h = cache
        W = self.weight.value
        da = dy @ W * (1 - h * h)
        self.weight.grad += x.T @ da + dy.T @ h
        return da @ W.T


class SharedTwice(Sequential):
    """One linear brick, used twice."""

    def __init__(self, n, rng):
        linear = Linear(n, n, rng=rng)
        super().__init__(linear, Tanh(), linear)


# -- states and odd shapes ---------------------------------------------------------------------------------------------


class Counting(Brick):
    """Scales by a learned number, and keeps count and mean of what it has seen; the output does not depend on them."""

    def __init__(self, rng):
        self.scale, self.calls, self.mean = draw(rng, 1), 0, 0.0

    def forward(self, x):
        self.calls += 1
        self.mean += (float(x.sum()) - self.mean) / self.calls
        return x * self.scale.value, x

    def backward(self, dy, x):
        self.scale.grad += (dy * x).sum()
        return dy * self.scale.value


class Identity(Brick):
    def forward(self, x):
        return x.copy(), None

    def backward(self, dy, cache):
        return dy.copy()


class Constant(Brick):
    """Ones, whatever comes in."""

    def forward(self, x):
        return np.ones_like(x), None

    def backward(self, dy, cache):
        return np.zeros_like(dy)


class Table(Brick):
    """The squares of learned numbers; there is no input."""

    def __init__(self, rows, columns, rng):
        self.table = draw(rng, rows, columns)

    def forward(self):
        return self.table.value**2, None

    def backward(self, dy, cache):
        self.table.grad += 2 * dy * self.table.value


class Total(Brick):
    """The sum of all entries, as an array without axes."""

    def forward(self, x):
        return np.asarray(x.sum()), x.shape

    def backward(self, dy, shape):
        return np.full(shape, dy, dtype=np.asarray(dy).dtype)


class Square(Pointwise):
    def value(self, x):
        return x * x

    def slope(self, x):
        return 2 * x


class UnusedParameter(Brick):
    """A parameter of no entries, and one that takes no part."""

    def __init__(self, rng):
        self.empty, self.unused = Parameter(np.zeros((0, 3))), draw(rng, 2)

    def forward(self, x):
        return 3 * x + self.empty.value.sum(), None

    def backward(self, dy, cache):
        return 3 * dy


# -- linear algebra ----------------------------------------------------------------------------------------------------


def transposed(a):
    return a.swapaxes(1, 2)


class Inverse(Brick):
    def forward(self, x):
        y = np.linalg.inv(x)
        return y, y.copy()

    def backward(self, dy, y):
        return -transposed(y) @ dy @ transposed(y)


class Solve(Brick):
    """a⁻¹ b."""

    def forward(self, a, b):
        y = np.linalg.solve(a, b)
        return y, (a, y.copy())

    def backward(self, dy, cache):
        a, y = cache
        db = np.linalg.solve(transposed(a), dy)
        return -db @ transposed(y), db


class Determinant(Brick):
    def __init__(self, log):
        self.log = log

    def forward(self, x):
        y = np.linalg.slogdet(x)[1] if self.log else np.linalg.det(x)
        return y, (x, y.copy())

    def backward(self, dy, cache):
        x, y = cache
        factor = dy if self.log else dy * y
        return factor[:, None, None] * transposed(np.linalg.inv(x))


class Cholesky(Brick):
    """The lower factor of (x + xᵀ) / 2."""

    def forward(self, x):
        y = np.linalg.cholesky((x + transposed(x)) / 2)
        return y, y.copy()

    def backward(self, dy, y):
        inner = np.tril(transposed(y) @ np.tril(dy))
        inner = inner * (1 - np.eye(y.shape[1], dtype=y.dtype) / 2)
        inverse = np.linalg.inv(y)
        slope = transposed(inverse) @ inner @ inverse
        return (slope + transposed(slope)) / 2


class MatrixCube(Brick):
    def forward(self, x):
        return x @ x @ x, x

    def backward(self, dy, x):
        t = transposed(x)
        return dy @ t @ t + t @ dy @ t + t @ t @ dy


class Covariance(Brick):
    """xᵀ x of centred columns, over the number of rows."""

    def forward(self, x):
        rows = max(len(x), 1)
        apart = x - x.sum(axis=0) / rows
        return apart.T @ apart / rows, apart

    def backward(self, dy, apart):
        return apart @ (dy + dy.T) / max(len(apart), 1)


# -- spectra and solvers -----------------------------------------------------------------------------------------------


class PowerSpectrum(Brick):
    """The squared sizes of the Fourier coefficients of each row."""

    def forward(self, x):
        spectrum = np.fft.rfft(x, axis=1)
        return (spectrum.real**2 + spectrum.imag**2).astype(x.dtype), (x, spectrum)

    def backward(self, dy, cache):
        x, spectrum = cache
        # The adjoint of rfft: irfft counts the inner coefficients twice and divides by the length.
        n = x.shape[1]
        inner = np.arange(spectrum.shape[1])
        weight = np.where((inner == 0) | (2 * inner == n), 2, 1)
        return (n * np.fft.irfft(weight * dy * spectrum, n, axis=1)).astype(x.dtype)


class CircularConvolution(Brick):
    """Of each row with a learned one, by Fourier transforms."""

    def __init__(self, n, rng):
        self.kernel = draw(rng, n)

    def forward(self, x):
        X, K = np.fft.rfft(x, axis=1), np.fft.rfft(self.kernel.value)
        return np.fft.irfft(X * K, x.shape[1], axis=1).astype(x.dtype), (X, K)

    def backward(self, dy, cache):
        X, K = cache
        D, n = np.fft.rfft(dy, axis=1), dy.shape[1]
        self.kernel.grad += np.fft.irfft((D * X.conj()).sum(axis=0), n).astype(dy.dtype)
        return np.fft.irfft(D * K.conj(), n, axis=1).astype(dy.dtype)


class FixedPoint(Brick):
    """The z for which z = tanh(z W + x), by iteration; the gradient is implicit."""

    def __init__(self, n, rng):
        self.weight = Parameter(rng.uniform(-0.3, 0.3, (n, n)) / n)

    def forward(self, x):
        W, z = self.weight.value, np.zeros_like(x)
        for _ in range(100):
            z = np.tanh(z @ W + x)
        return z, z.copy()

    def backward(self, dy, z):
        W, da = self.weight.value, np.zeros_like(z)
        for _ in range(100):
            da = (dy + da @ W.T) * (1 - z * z)
        self.weight.grad += z.T @ da
        return da


class CubicRoot(Brick):
    """The y for which y³ + y = x, by Newton's method; the gradient is implicit."""

    def forward(self, x):
        y = np.cbrt(x)
        for _ in range(40):
            y = y - (y**3 + y - x) / (3 * y * y + 1)
        return y, y.copy()

    def backward(self, dy, y):
        return dy / (3 * y * y + 1)


class Heron(Brick):
    """The square root, by Heron's iteration; its steps are differentiated one by one."""

    def forward(self, x):
        ys = [(1 + x) / 2]
        for _ in range(6):
            ys.append((ys[-1] + x / ys[-1]) / 2)
        return ys[-1].copy(), (x, ys)

    def backward(self, dy, cache):
        x, ys = cache
        dx, later = np.zeros_like(x), dy
        for y in reversed(ys[:-1]):
            dx += later / 2 / y
            later = later * (1 - x / y / y) / 2
        return dx + later / 2


class CatmullRom(Brick):
    """A smooth curve through values learned at -1, 0, ..., 4, for x in [0, 3]."""

    def __init__(self, rng):
        self.values = draw(rng, 6)

    def _weights(self, x):
        """What each of the four nearest values counts at x, and the derivatives of that."""
        knot = np.clip(np.floor(x), 0, 2)
        t = x - knot
        weight = np.stack([-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2]) / 2
        slope = np.stack([-1 + 4 * t - 3 * t**2, 9 * t**2 - 10 * t, 1 + 8 * t - 9 * t**2, 3 * t**2 - 2 * t]) / 2
        return knot.astype(int) + np.arange(4).reshape(4, 1, 1), weight, slope

    def forward(self, x):
        place, weight, _ = self._weights(x)
        return (self.values.value[place] * weight).sum(axis=0), x

    def backward(self, dy, x):
        place, weight, slope = self._weights(x)
        np.add.at(self.values.grad, place, dy * weight)
        return dy * (self.values.value[place] * slope).sum(axis=0)


# -- cases -------------------------------------------------------------------------------------------------------------


def dominant(values):
    """A matrix whose diagonal outweighs the rest."""
    return np.clip(values, -1, 1) + 2 * values.shape[-1] * np.eye(values.shape[-1])


def positive(values):
    """A symmetric positive matrix."""
    b = np.clip(values, -1, 1)
    return b @ b.swapaxes(-1, -2) + values.shape[-1] * np.eye(values.shape[-1])


def two_layers(n, rng):
    return Sequential(Linear(n, 3, rng=rng), Tanh(), Linear(3, n, rng=rng))


SQUARES = Floats("(batch, n, n)").map(dominant)

CASES = [
    Case("dropout", Dropout, ["(batch, ...)"], options={"rate": (0.5, 0.0, 0.9)}, call_differs=True),
    pointwise("column_dropout", ColumnDropout),
    Case("gaussian_noise", GaussianNoise, ["(batch, n)"], call_differs=True),
    pointwise("random_leaky_relu", RandomLeakyReLU),
    Case("gaussian_sample", GaussianSample, ["(batch, n)", Floats("(batch, n)", -10, 10)]),
    pointwise("residual", lambda n, rng: Residual(two_layers(n, rng))),
    pointwise("nested_residual", lambda n, rng: Sequential(Residual(Residual(two_layers(n, rng))), Sigmoid())),
    pointwise("parallel_sum", lambda n, rng: ParallelSum(Linear(n, 2, rng=rng), Linear(n, 2, rng=rng, bias=False))),
    pointwise("gated", lambda n, rng: Gated(Linear(n, 2, rng=rng), Sequential(Linear(n, 2, rng=rng), Sigmoid()))),
    pointwise("densely_connected", lambda n, rng: DenselyConnected(two_layers(n, rng))),
    pointwise("mixture_of_experts", MixtureOfExperts),
    Case("tied_autoencoder", TiedAutoencoder, ["(batch, n)"], sizes={"m": (2, 1, 3)}),
    pointwise("shared_twice", SharedTwice),
    Case(
        "shared_dropout",
        lambda n, rng: Sequential(Dropout(0.5, rng), Linear(n, n, rng=0), Dropout(0.3, rng)),
        ["(batch, n)"],
        call_differs=True,
    ),
    pointwise("residual_tanh", lambda: Residual(Tanh())),
    pointwise("counting", Counting, axes="(batch, ...)"),
    pointwise("identity", Identity, axes="(batch, ...)"),
    pointwise("constant", Constant, axes="(...)"),
    Case("table", Table, [], sizes={"rows": (2, 1, 0), "columns": (3, 1, 2)}),
    pointwise("total", Total, axes="(...)"),
    pointwise("square_of_a_number", Square, axes="()"),
    pointwise("square_of_a_vector", Square, axes="(n)"),
    pointwise("square_of_four_axes", Square, axes="(batch, 2, m, n)"),
    pointwise("unused_parameter", UnusedParameter),
    Case(
        "linear_without_features",
        lambda n, m, rng: Linear(n, m, rng=rng),
        ["(batch, n)"],
        sizes={"n": (2, 1, 0), "m": (2, 0, 3)},
    ),
    Case("inverse", Inverse, [SQUARES]),
    Case("solve", Solve, [SQUARES, "(batch, n, k)"]),
    Case("determinant", Determinant, [SQUARES], options={"log": (False, True)}),
    Case("cholesky", Cholesky, [Floats("(batch, n, n)").map(positive)]),
    Case("matrix_cube", MatrixCube, ["(batch, n, n)"]),
    pointwise("covariance", Covariance),
    pointwise("power_spectrum", PowerSpectrum),
    pointwise("circular_convolution", CircularConvolution),
    pointwise("fixed_point", FixedPoint),
    pointwise("cubic_root", CubicRoot),
    pointwise("heron", Heron, 0.01, 100),
    pointwise("catmull_rom", CatmullRom, 0, 3),
]
