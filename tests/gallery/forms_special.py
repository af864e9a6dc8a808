"""Right kinks, windows and extremes, which wrong ones derive from."""

import math

import numpy as np

from gallery.base import draw, sigmoid, softplus
from legonet import Brick


def rows_where(part, shape):
    """Return 1 where the column is the one named for its row."""
    return np.arange(shape[1]) == part[:, None]


class Maximum(Brick):
    def forward(self, a, b):
        return np.maximum(a, b), (a, b)

    def backward(self, dy, cache):
        a, b = cache
        return dy * (a >= b), dy * (a < b)


class RowMedian(Brick):
    """The lower one of the two in the middle."""

    def forward(self, x):
        middle = np.argsort(x, axis=1, kind="stable")[:, (x.shape[1] - 1) // 2]
        y = x[np.arange(len(x)), middle]
        return y, (x, y, middle)

    def backward(self, dy, cache):
        x, _, middle = cache
        return dy[:, None] * rows_where(middle, x.shape)


class TopKMean(Brick):
    def __init__(self, k):
        self.k = k

    def forward(self, x):
        order = np.argsort(-x, axis=1, kind="stable")[:, : self.k]
        best = np.take_along_axis(x, order, axis=1)
        return best.mean(axis=1), (x, best, order)

    def backward(self, dy, cache):
        x, _, order = cache
        dx = np.zeros_like(x)
        np.put_along_axis(dx, order, dy[:, None] / self.k, axis=1)
        return dx


class Sort(Brick):
    def forward(self, x):
        order = np.argsort(x, axis=1, kind="stable")
        return np.take_along_axis(x, order, axis=1), (x, order)

    def backward(self, dy, cache):
        _, order = cache
        dx = np.empty_like(dy)
        np.put_along_axis(dx, order, dy, axis=1)
        return dx


class InfinityNorm(Brick):
    """The greatest absolute value of each row."""

    def forward(self, x):
        return np.abs(x).max(axis=1), x

    def backward(self, dy, x):
        return dy[:, None] * np.sign(x) * rows_where(np.abs(x).argmax(axis=1), x.shape)


class MaxPool2d(Brick):
    """Over squares of 2 by 2."""

    def blocks(self, x):
        n, height, width = x.shape
        blocks = x.reshape(n, height // 2, 2, width // 2, 2).swapaxes(2, 3)
        return blocks.reshape(n, height // 2, width // 2, 4)

    def unblock(self, blocks):
        n, height, width, _ = blocks.shape
        return blocks.reshape(n, height, width, 2, 2).swapaxes(2, 3).reshape(n, 2 * height, 2 * width)

    def forward(self, x):
        blocks = self.blocks(x)
        return blocks.max(axis=3), blocks

    def backward(self, dy, blocks):
        best = np.arange(4) == blocks.argmax(axis=3)[..., None]
        return self.unblock(dy[..., None] * best)


class RowNorm(Brick):
    def forward(self, x):
        y = np.sqrt((x**2).sum(axis=1))
        return y, (x, y)

    def backward(self, dy, cache):
        x, y = cache
        return (dy / np.where(y == 0, 1, y))[:, None] * x


class PairDistance(Brick):
    """The Euclidean distance of two points, row by row."""

    def forward(self, a, b):
        y = np.sqrt(((a - b) ** 2).sum(axis=1))
        return y, (a - b, y)

    def backward(self, dy, cache):
        difference, y = cache
        da = (dy / np.where(y == 0, 1, y))[:, None] * difference
        return da, -da


class LogSoftmax(Brick):
    def forward(self, x):
        shifted = x - x.max(axis=1, keepdims=True)
        y = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        return y, y

    def backward(self, dy, y):
        return dy - np.exp(y) * dy.sum(axis=1, keepdims=True)


class Softplus(Brick):
    def forward(self, x):
        return softplus(x), x

    def backward(self, dy, x):
        return dy * sigmoid(x)


class ELU(Brick):
    def forward(self, x):
        return np.where(x > 0, x, np.expm1(np.minimum(x, 0))), x

    def backward(self, dy, x):
        return dy * np.exp(np.minimum(x, 0))


class Power(Brick):
    """x to a whole power."""

    def __init__(self, exponent):
        self.exponent = exponent

    def forward(self, x):
        y = x**self.exponent
        return y, (x, y)

    def backward(self, dy, cache):
        x, _ = cache
        return dy * self.exponent * x ** (self.exponent - 1)


class AbsoluteLoss(Brick):
    def forward(self, y, target):
        error = y - target
        return float(np.abs(error).sum()) / (len(y) or 1), error

    def backward(self, dloss, error):
        return np.sign(error) * (dloss / (len(error) or 1))


class LogitCrossEntropy(Brick):
    """The binary cross-entropy of logits."""

    def forward(self, x, target):
        return float(np.sum(softplus(x) - target * x)) / (len(x) or 1), (x, target)

    def backward(self, dloss, cache):
        x, target = cache
        return (sigmoid(x) - target) * (dloss / (len(x) or 1))


class Product(Brick):
    def forward(self, x):
        y = x.prod(axis=1)
        return y, (x, y)

    def backward(self, dy, cache):
        x, _ = cache
        dx = np.empty_like(x)
        for j in range(x.shape[1]):
            dx[:, j] = dy * np.delete(x, j, axis=1).prod(axis=1)
        return dx


class CumulativeProduct(Brick):
    def forward(self, x):
        y = np.cumprod(x, axis=1)
        return y, (x, y)

    def backward(self, dy, cache):
        x, _ = cache
        dx = np.empty_like(x)
        for j in range(x.shape[1]):
            others = x.copy()
            others[:, j] = 1
            dx[:, j] = (dy * np.cumprod(others, axis=1))[:, j:].sum(axis=1)
        return dx


class MaskedIdentity(Brick):
    """The entries that a mask keeps."""

    def forward(self, x, mask):
        return x * mask, mask

    def backward(self, dy, mask):
        return dy * mask, None


class Sinc(Brick):
    """sin(x) / x, and 1 at 0."""

    def forward(self, x):
        safe = np.where(x == 0, 1, x)
        return np.where(x == 0, 1, np.sin(safe) / safe), x

    def backward(self, dy, x):
        small = np.abs(x) < 0.05
        safe = np.where(small, 1, x)
        series = x * (-1 / 3 + x**2 * (1 / 30 - x**2 * (1 / 840 - x**2 / 45360)))
        return dy * np.where(small, series, (np.cos(safe) - np.sin(safe) / safe) / safe)


class Huber(Brick):
    """Quadratic up to an error of delta, linear beyond."""

    def __init__(self, delta):
        self.delta = delta

    def forward(self, y, target):
        error, delta = y - target, self.delta
        size = np.abs(error)
        each = np.where(size <= delta, error**2 / 2, delta * (size - delta / 2))
        return float(each.sum()) / (len(y) or 1), error

    def slope(self, error):
        return np.clip(error, -self.delta, self.delta)

    def backward(self, dloss, error):
        return self.slope(error) * (dloss / (len(error) or 1))


class ReLU6(Brick):
    def forward(self, x):
        return np.clip(x, 0, 6), x

    def backward(self, dy, x):
        return dy * ((x > 0) & (x < 6))


class LeakyReLU(Brick):
    slope = 0.1

    def forward(self, x):
        return np.where(x > 0, x, self.slope * x), x

    def backward(self, dy, x):
        return np.where(x > 0, dy, self.slope * dy)


class SELU(Brick):
    alpha, scale = 1.6732632423543772, 1.0507009873554805

    def forward(self, x):
        y = self.scale * np.where(x > 0, x, self.alpha * np.expm1(np.minimum(x, 0)))
        return y, (x, y)

    def backward(self, dy, cache):
        x, _ = cache
        return dy * self.scale * np.where(x > 0, 1, self.alpha * np.exp(np.minimum(x, 0)))


class HardSigmoid(Brick):
    def forward(self, x):
        return np.clip(0.2 * x + 0.5, 0, 1), x

    def backward(self, dy, x):
        return dy * 0.2 * (np.abs(x) < 2.5)


class Pinball(Brick):
    """The loss of a quantile."""

    tau = 0.8

    def forward(self, y, target):
        error = target - y
        return float(np.maximum(self.tau * error, (self.tau - 1) * error).sum()) / (len(y) or 1), error

    def backward(self, dloss, error):
        return np.where(error > 0, -self.tau, 1 - self.tau).astype(error.dtype) * (dloss / (len(error) or 1))


class Clip(Brick):
    def __init__(self, low, high):
        self.low, self.high = low, high

    def forward(self, x):
        return np.clip(x, self.low, self.high), x

    def backward(self, dy, x):
        return dy * ((x > self.low) & (x < self.high))


class RMSNorm(Brick):
    """Each row divided by its root mean square plus epsilon."""

    epsilon = 1e-2

    def __init__(self, features, rng):
        self.gain = draw(rng, features)

    def forward(self, x):
        rms = np.sqrt((x**2).mean(axis=1, keepdims=True))
        return x / (rms + self.epsilon) * self.gain.value, (x, rms)

    def backward(self, dy, cache):
        x, rms = cache
        r = rms + self.epsilon
        self.gain.grad += (dy * x / r).sum(axis=0)
        d = dy * self.gain.value
        unit = x / np.where(rms == 0, 1, rms)
        return (d - x / r * (d * unit).mean(axis=1, keepdims=True)) / r


class CosineSimilarity(Brick):
    epsilon = 1e-2

    def forward(self, a, b):
        a_norm = np.sqrt((a**2).sum(axis=1, keepdims=True) + self.epsilon)
        b_norm = np.sqrt((b**2).sum(axis=1, keepdims=True) + self.epsilon)
        y = (a * b).sum(axis=1, keepdims=True) / (a_norm * b_norm)
        return y[:, 0], (a, b, y, a_norm, b_norm)

    def backward(self, dy, cache):
        a, b, y, a_norm, b_norm = cache
        da = (b / b_norm - y * a / a_norm) / a_norm
        db = (a / a_norm - y * b / b_norm) / b_norm
        return dy[:, None] * da, dy[:, None] * db


class LogEpsilon(Brick):
    """log(x + epsilon)."""

    epsilon = 1e-3

    def forward(self, x):
        return np.log(x + self.epsilon), x

    def backward(self, dy, x):
        return dy / (x + self.epsilon)


class ProbabilityCrossEntropy(Brick):
    """The binary cross-entropy of probabilities, with epsilon inside of the logarithms."""

    epsilon = 1e-3

    def forward(self, p, target):
        e = self.epsilon
        each = target * np.log(p + e) + (1 - target) * np.log(1 - p + e)
        return -float(each.sum()) / (len(p) or 1), (p, target)

    def backward(self, dloss, cache):
        p, target = cache
        e = self.epsilon
        return ((1 - target) / (1 - p + e) - target / (p + e)) * (dloss / (len(p) or 1))


class Charbonnier(Brick):
    """The smoothed absolute error, sqrt(error² + epsilon²)."""

    epsilon = 1e-2

    def forward(self, y, target):
        error = y - target
        return float(np.sqrt(error**2 + self.epsilon**2).sum()) / (len(y) or 1), error

    def backward(self, dloss, error):
        return error / np.sqrt(error**2 + self.epsilon**2) * (dloss / (len(error) or 1))


class LogSumExp(Brick):
    def forward(self, x):
        top = x.max(axis=1)
        y = top + np.log(np.exp(x - top[:, None]).sum(axis=1))
        return y, (x, y)

    def backward(self, dy, cache):
        x, y = cache
        return dy[:, None] * np.exp(x - y[:, None])


class LogCosh(Brick):
    def forward(self, x):
        size = np.abs(x)
        return size + np.log1p(np.exp(-2 * size)) - math.log(2), x

    def backward(self, dy, x):
        return dy * np.tanh(x)


class Mish(Brick):
    """x tanh(softplus(x))."""

    def forward(self, x):
        return x * np.tanh(softplus(x)), x

    def backward(self, dy, x):
        t = np.tanh(softplus(x))
        return dy * (t + x * (1 - t**2) * sigmoid(x))


class LogAddExp(Brick):
    def forward(self, a, b):
        return np.logaddexp(a, b), (a, b)

    def backward(self, dy, cache):
        a, b = cache
        return dy * sigmoid(a - b), dy * sigmoid(b - a)


class RowStandardize(Brick):
    epsilon = 1e-5

    def forward(self, x):
        centred = x - x.mean(axis=1, keepdims=True)
        std = np.sqrt((centred**2).mean(axis=1, keepdims=True) + self.epsilon)
        return centred / std, (x, centred, std)

    def backward(self, dy, cache):
        _, centred, std = cache
        x_hat = centred / std
        return (dy - dy.mean(axis=1, keepdims=True) - x_hat * (dy * x_hat).mean(axis=1, keepdims=True)) / std


class Conv2d(Brick):
    def __init__(self, channels, filters, kernel, padding, rng):
        self.weight = draw(rng, filters, channels, kernel, kernel)
        self.padding = padding

    def forward(self, x):
        p, k = self.padding, self.weight.value.shape[2]
        padded = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (k, k), axis=(2, 3))
        return np.einsum("nchwij,fcij->nfhw", windows, self.weight.value), padded

    def backward(self, dy, padded):
        p, k = self.padding, self.weight.value.shape[2]
        height, width = dy.shape[2:]
        dpadded = np.zeros_like(padded)
        for i in range(k):
            for j in range(k):
                part = (slice(None), slice(None), slice(i, i + height), slice(j, j + width))
                self.weight.grad[:, :, i, j] += np.einsum("nfhw,nchw->fc", dy, padded[part])
                dpadded[part] += np.einsum("nfhw,fc->nchw", dy, self.weight.value[:, :, i, j])
        return self.crop(dpadded, padded.shape[2] - 2 * p, padded.shape[3] - 2 * p)

    def crop(self, dpadded, height, width):
        p = self.padding
        return dpadded[:, :, p : p + height, p : p + width]


class AveragePool1d(Brick):
    """Over three entries, or the two that there are at the borders."""

    def counts(self, x):
        inside = np.pad(np.ones(x.shape[1], x.dtype), 1)
        return inside[:-2] + inside[1:-1] + inside[2:]

    def forward(self, x):
        padded = np.pad(x, ((0, 0), (1, 1)))
        return (padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]) / self.counts(x), x

    def spread(self, d):
        padded = np.pad(d, ((0, 0), (1, 1)))
        return padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]

    def backward(self, dy, x):
        return self.spread(dy / self.counts(x))


class SameConv1d(Brick):
    """As long as its input; of an even kernel's padding, the smaller half is on the left."""

    def __init__(self, kernel, rng):
        self.weight = draw(rng, kernel)

    def forward(self, x):
        k = len(self.weight.value)
        left = (k - 1) // 2
        padded = np.pad(x, ((0, 0), (left, k - 1 - left)))
        return sum(w * padded[:, i : i + x.shape[1]] for i, w in enumerate(self.weight.value)), padded

    def spread(self, dy, padded):
        k, length = len(self.weight.value), dy.shape[1]
        dpadded = np.zeros_like(padded)
        for i in range(k):
            self.weight.grad[i] += (dy * padded[:, i : i + length]).sum()
            dpadded[:, i : i + length] += self.weight.value[i] * dy
        return dpadded

    def backward(self, dy, padded):
        left = (len(self.weight.value) - 1) // 2
        return self.spread(dy, padded)[:, left : left + dy.shape[1]]


class Unfold2d(Brick):
    """The windows of an image, one a row."""

    def __init__(self, kernel):
        self.kernel = kernel

    def forward(self, x):
        k = self.kernel
        windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(1, 2))
        return windows.reshape(len(x), windows.shape[1] * windows.shape[2], k * k).copy(), x

    def fold(self, windows, x):
        dx = np.zeros_like(x)
        for i in range(self.kernel):
            for j in range(self.kernel):
                dx[:, i : i + windows.shape[1], j : j + windows.shape[2]] += windows[..., i, j]
        return dx

    def backward(self, dy, x):
        k = self.kernel
        return self.fold(dy.reshape(len(x), x.shape[1] - k + 1, x.shape[2] - k + 1, k, k), x)


class BlockMean(Brick):
    """The means of blocks of three; what is left over at the end is dropped."""

    def forward(self, x):
        blocks = x.shape[1] // 3
        return x[:, : 3 * blocks].reshape(len(x), blocks, 3).mean(axis=2), x

    def backward(self, dy, x):
        dx = np.zeros_like(x)
        dx[:, : 3 * dy.shape[1]] = np.repeat(dy / 3, 3, axis=1)
        return dx


class PairwiseSquares(Brick):
    """The squared distance of each row of a from each row of b."""

    def forward(self, a, b):
        return ((a[:, None] - b) ** 2).sum(axis=2), (a, b)

    def backward(self, dy, cache):
        a, b = cache
        d = 2 * dy[:, :, None] * (a[:, None] - b)
        return d.sum(axis=1), -d.sum(axis=0)


class Upsample2d(Brick):
    """Each pixel becomes a square of 2 by 2."""

    def forward(self, x):
        return x.repeat(2, axis=1).repeat(2, axis=2), x.shape

    def backward(self, dy, shape):
        n, height, width = shape
        return dy.reshape(n, height, 2, width, 2).sum(axis=(2, 4))


class UnbiasedVariance(Brick):
    """Of each row; 0 for a single feature."""

    def forward(self, x):
        centred = x - x.mean(axis=1, keepdims=True)
        return (centred**2).sum(axis=1) / max(x.shape[1] - 1, 1), centred

    def backward(self, dy, centred):
        return 2 * dy[:, None] * centred / max(centred.shape[1] - 1, 1)
