"""Right layers, which wrong ones derive from."""

import math

import numpy as np

from gallery.base import draw, sigmoid, softmax, softplus
from gallery.cases import Case
from legonet import Brick


def case(build, inputs, cause, *also, **more):
    return Case(build.__name__, build, inputs, cause=cause, also=also, **more)


class Linear(Brick):
    def __init__(self, features, outputs, rng):
        self.weight = draw(rng, features, outputs)
        self.bias = draw(rng, outputs)

    def forward(self, x):
        return x @ self.weight.value + self.bias.value, x

    def backward(self, dy, x):
        self.weight.grad += x.T @ dy
        self.bias.grad += dy.sum(axis=0)
        return dy @ self.weight.value.T


class Embedding(Brick):
    def __init__(self, vocabulary, features, rng):
        self.table = draw(rng, vocabulary, features)

    def forward(self, indices):
        return self.table.value[indices], indices

    def backward(self, dy, indices):
        np.add.at(self.table.grad, indices, dy)


class TiedAutoencoder(Brick):
    def __init__(self, features, hidden, rng):
        self.weight = draw(rng, features, hidden)

    def forward(self, x):
        h = np.tanh(x @ self.weight.value)
        return h @ self.weight.value.T, (x, h)

    def backward(self, dy, cache):
        x, h = cache
        da = (dy @ self.weight.value) * (1 - h**2)
        self.weight.grad += dy.T @ h
        self.weight.grad += x.T @ da
        return da @ self.weight.value.T


class Recurrent(Brick):
    def __init__(self, features, hidden, rng):
        self.W = draw(rng, features, hidden)
        self.U = draw(rng, hidden, hidden)
        self.b = draw(rng, hidden)

    def forward(self, x):
        h = np.zeros((len(x), x.shape[1] + 1, len(self.b.value)), x.dtype)  # h[:, 0] is the initial state
        for t in range(x.shape[1]):
            h[:, t + 1] = np.tanh(x[:, t] @ self.W.value + h[:, t] @ self.U.value + self.b.value)
        return h[:, 1:].copy(), (x, h)

    def backward(self, dy, cache):
        x, h = cache
        dx, dh = np.zeros_like(x), np.zeros_like(h[:, 0])
        for t in reversed(range(x.shape[1])):
            da = (dy[:, t] + dh) * (1 - h[:, t + 1] ** 2)
            self.W.grad += x[:, t].T @ da
            self.U.grad += h[:, t].T @ da
            self.b.grad += da.sum(axis=0)
            dx[:, t] = da @ self.W.value.T
            dh = da @ self.U.value.T
        return dx


class Ridge(Brick):
    strength = 0.3

    def __init__(self, rows, columns, rng):
        self.weight = draw(rng, rows, columns)

    def forward(self):
        return self.strength / 2 * float(np.sum(self.weight.value**2)), None

    def backward(self, dloss, cache):
        self.weight.grad += dloss * self.strength * self.weight.value


class Conv1d(Brick):
    def __init__(self, channels, filters, kernel, rng, stride=1, padding=0, dilation=1):
        self.weight = draw(rng, filters, channels, kernel)
        self.bias = draw(rng, filters)
        self.kernel, self.stride, self.padding, self.dilation = kernel, stride, padding, dilation

    def index(self, length):
        starts = np.arange(0, length - self.dilation * (self.kernel - 1), self.stride)
        return starts[:, None] + self.dilation * np.arange(self.kernel)

    def forward(self, x):
        padded = np.pad(x, ((0, 0), (0, 0), (self.padding, self.padding)))
        windows = padded[:, :, self.index(padded.shape[2])]
        y = np.einsum("nclk,fck->nfl", windows, self.weight.value) + self.bias.value[:, None]
        return y, (padded, windows)

    def backward(self, dy, cache):
        padded, windows = cache
        self.weight.grad += np.einsum("nfl,nclk->fck", dy, windows)
        self.bias.grad += dy.sum(axis=(0, 2))
        dwindows = np.einsum("nfl,fck->nclk", dy, self.weight.value)
        dpadded = self.fold(np.zeros_like(padded), dwindows)
        return dpadded[:, :, self.padding : padded.shape[2] - self.padding]

    def fold(self, dpadded, dwindows):
        for place, window in enumerate(self.index(dpadded.shape[2])):
            dpadded[:, :, window] += dwindows[:, :, place]
        return dpadded


class LayerNorm(Brick):
    epsilon = 1e-3

    def __init__(self, features, rng):
        self.gain = draw(rng, features)
        self.shift = draw(rng, features)

    def forward(self, x):
        centred = x - x.mean(axis=1, keepdims=True)
        std = np.sqrt((centred**2).mean(axis=1, keepdims=True) + self.epsilon)
        return centred / std * self.gain.value + self.shift.value, (centred / std, std)

    def backward(self, dy, cache):
        x_hat, std = cache
        self.gain.grad += (dy * x_hat).sum(axis=0)
        self.shift.grad += dy.sum(axis=0)
        d = dy * self.gain.value
        return (d - d.mean(axis=1, keepdims=True) - x_hat * (d * x_hat).mean(axis=1, keepdims=True)) / std


class BatchNorm(Brick):
    epsilon = 1e-3

    def __init__(self, features, rng):
        self.gain = draw(rng, features)
        self.shift = draw(rng, features)

    def forward(self, x):
        n = len(x) or 1
        centred = x - x.sum(axis=0) / n
        std = np.sqrt((centred**2).sum(axis=0) / n + self.epsilon)
        return centred / std * self.gain.value + self.shift.value, (centred / std, std)

    def backward(self, dy, cache):
        x_hat, std = cache
        n = len(dy) or 1
        self.gain.grad += (dy * x_hat).sum(axis=0)
        self.shift.grad += dy.sum(axis=0)
        d = dy * self.gain.value
        return (d - d.sum(axis=0) / n - x_hat * ((d * x_hat).sum(axis=0) / n)) / std


class MaxPool1d(Brick):
    def __init__(self, kernel, stride):
        self.kernel, self.stride = kernel, stride

    def forward(self, x):
        index = np.arange(0, x.shape[1] - self.kernel + 1, self.stride)[:, None] + np.arange(self.kernel)
        windows = x[:, index]
        return windows.max(axis=2), (x, windows.argmax(axis=2))

    def backward(self, dy, cache):
        x, best = cache
        rows, columns = np.arange(len(x))[:, None], best + self.stride * np.arange(best.shape[1])
        dx = np.zeros_like(x)
        np.add.at(dx, (rows, columns), dy)
        return dx


class AveragePool2d(Brick):
    def __init__(self, kernel, stride):
        self.kernel, self.stride = kernel, stride

    def places(self, x):
        k, s = self.kernel, self.stride
        for i in range((x.shape[1] - k) // s + 1):
            for j in range((x.shape[2] - k) // s + 1):
                yield i, j, (slice(None), slice(i * s, i * s + k), slice(j * s, j * s + k))

    def forward(self, x):
        k, s = self.kernel, self.stride
        y = np.zeros((len(x), (x.shape[1] - k) // s + 1, (x.shape[2] - k) // s + 1), x.dtype)
        for i, j, window in self.places(x):
            y[:, i, j] = x[window].mean(axis=(1, 2))
        return y, x

    def backward(self, dy, x):
        dx = np.zeros_like(x)
        for i, j, window in self.places(x):
            dx[window] += dy[:, i, j, None, None] / self.kernel**2
        return dx


class GatherColumns(Brick):
    def forward(self, x, columns):
        return x[:, columns], (x, columns)

    def backward(self, dy, cache):
        x, columns = cache
        dx = np.zeros_like(x)
        np.add.at(dx, (slice(None), columns), dy)
        return dx, None


class EdgeDifferences(Brick):
    """One row for each edge of a graph: the features of its source less those of its target."""

    def forward(self, x, source, target):
        return x[source] - x[target], (x, source, target)

    def backward(self, dy, cache):
        x, source, target = cache
        dx = np.zeros_like(x)
        np.add.at(dx, source, dy)
        np.subtract.at(dx, target, dy)
        return dx, None, None


class NearestResize(Brick):
    def __init__(self, size):
        self.size = size

    def forward(self, x):
        index = np.arange(self.size) * x.shape[1] // self.size
        return x[:, index], (x, index)

    def backward(self, dy, cache):
        x, index = cache
        dx = np.zeros_like(x)
        np.add.at(dx, (slice(None), index), dy)
        return dx


class ReLU(Brick):
    def forward(self, x):
        return np.maximum(x, 0), x

    def backward(self, dy, x):
        return dy * (x > 0)


class Softmax(Brick):
    def forward(self, x):
        y = softmax(x)
        return y, y

    def backward(self, dy, y):
        return y * (dy - (dy * y).sum(axis=-1, keepdims=True))


class Sigmoid(Brick):
    def forward(self, x):
        y = sigmoid(x)
        return y, y

    def backward(self, dy, y):
        return dy * y * (1 - y)


class Tanh(Brick):
    def forward(self, x):
        y = np.tanh(x)
        return y, y

    def backward(self, dy, y):
        return dy * (1 - y**2)


class SquaredLoss(Brick):
    def forward(self, y, target):
        error = y - target
        return float(np.sum(error**2)) / (2 * (len(error) or 1)), error

    def backward(self, dloss, error):
        return error * (dloss / (len(error) or 1))


class CrossEntropy(Brick):
    """Of logits and class labels."""

    def forward(self, x, labels):
        shifted = x - x.max(axis=1, keepdims=True)
        log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        rows = np.arange(len(x))
        return -float(log_p[rows, labels].sum()) / (len(x) or 1), (np.exp(log_p), labels)

    def backward(self, dloss, cache):
        p, labels = cache
        dx = p.copy()
        dx[np.arange(len(p)), labels] -= 1
        return dx * (dloss / (len(p) or 1))


class SmoothedBinaryCrossEntropy(Brick):
    """Of logits, with the targets drawn towards 1/2."""

    smoothing = 0.2

    def forward(self, x, target):
        smooth = target * (1 - self.smoothing) + self.smoothing / 2
        return float(np.sum(softplus(x) - smooth * x)) / (len(x) or 1), (x, smooth)

    def backward(self, dloss, cache):
        x, smooth = cache
        return (sigmoid(x) - smooth) * (dloss / (len(x) or 1))


class Attention(Brick):
    def forward(self, query, key, value):
        weights = softmax(query @ key.swapaxes(1, 2) / math.sqrt(query.shape[2]))
        return weights @ value, (query, key, value, weights)

    def backward(self, dy, cache):
        query, key, value, weights = cache
        dweights = dy @ value.swapaxes(1, 2)
        dscores = weights * (dweights - (dweights * weights).sum(axis=2, keepdims=True)) / math.sqrt(query.shape[2])
        return dscores @ key, dscores.swapaxes(1, 2) @ query, weights.swapaxes(1, 2) @ dy


class ClippedLinear(Brick):
    """The weights count as clipped to [-1/2, 1/2], as in the critic of a Wasserstein network."""

    def __init__(self, features, outputs, rng):
        self.weight = draw(rng, features, outputs)

    def forward(self, x):
        return x @ np.clip(self.weight.value, -0.5, 0.5), x

    def backward(self, dy, x):
        self.weight.grad += (x.T @ dy) * (np.abs(self.weight.value) <= 0.5)
        return dy @ np.clip(self.weight.value, -0.5, 0.5).T


class Add(Brick):
    def forward(self, a, b):
        return a + b, None

    def backward(self, dy, cache):
        return dy.copy(), dy.copy()


class Positions(Brick):
    """Adds a learned row to each time step of one sequence."""

    def __init__(self, time, features, rng):
        self.table = draw(rng, time, features)

    def forward(self, x):
        return x + self.table.value, None

    def backward(self, dy, cache):
        self.table.grad += dy
        return dy.copy()


class RowSum(Brick):
    def forward(self, x):
        return x.sum(axis=1), x.shape

    def backward(self, dy, shape):
        return np.repeat(dy[:, None], shape[1], axis=1)


class InitialState(Brick):
    """The learned state that a recurrent network starts from, once for each row of x."""

    def __init__(self, hidden, rng):
        self.state = draw(rng, hidden)

    def forward(self, x):
        return np.repeat(self.state.value[None], len(x), axis=0), x

    def backward(self, dy, x):
        self.state.grad += dy.sum(axis=0)
        return np.zeros_like(x)


class Scale(Brick):
    def __init__(self, factor):
        self.factor = factor

    def forward(self, x):
        return x * self.factor, None

    def backward(self, dy, cache):
        return dy * self.factor


class TopK(Brick):
    def __init__(self, k):
        self.k = k

    def forward(self, x):
        order = np.argsort(-x, axis=1, kind="stable")[:, : self.k]
        return np.take_along_axis(x, order, axis=1), (x, order)

    def backward(self, dy, cache):
        x, order = cache
        dx = np.zeros_like(x)
        np.put_along_axis(dx, order, dy, axis=1)
        return dx


class CumulativeSum(Brick):
    def forward(self, x):
        return np.cumsum(x, axis=1), None

    def backward(self, dy, cache):
        return np.cumsum(dy[:, ::-1], axis=1)[:, ::-1]


class Flatten(Brick):
    def forward(self, x):
        return x.reshape(len(x), math.prod(x.shape[1:])).copy(), x.shape

    def backward(self, dy, shape):
        return dy.reshape(shape).copy()


class RowMaximum(Brick):
    def forward(self, x):
        return x.max(axis=1), (x, x.argmax(axis=1))

    def backward(self, dy, cache):
        x, best = cache
        dx = np.zeros_like(x)
        dx[np.arange(len(x)), best] = dy
        return dx


class Rotary(Brick):
    """Turns each pair of features by an angle that grows with the time step."""

    def turn(self, x, direction):
        pairs = np.ascontiguousarray(x).view(np.result_type(x.dtype, np.complex64))
        angles = np.exp(1j * direction * 0.7 * np.arange(x.shape[1])[:, None])
        return (pairs * angles.astype(pairs.dtype)).view(x.dtype)

    def forward(self, x):
        return self.turn(x, 1), None

    def backward(self, dy, cache):
        return self.turn(dy, -1)


class HardTanh(Brick):
    def forward(self, x):
        return np.clip(x, -1, 1), x

    def backward(self, dy, x):
        return dy * (np.abs(x) < 1)


class Random(Brick):
    """A brick with a random generator of its own."""

    def __init__(self, rng):
        self.rng = np.random.default_rng(rng.integers(2**31))


class Dropout(Random):
    def forward(self, x):
        mask = (self.rng.random(x.shape) < 0.5).astype(x.dtype) * 2
        return x * mask, mask

    def backward(self, dy, mask):
        return dy * mask


class MultiplicativeNoise(Random):
    def forward(self, x):
        factor = 1 + 0.3 * self.rng.normal(size=x.shape).astype(x.dtype)
        return x * factor, factor

    def backward(self, dy, factor):
        return dy * factor


class GaussianSample(Random):
    """A sample of a normal distribution, from its mean and the logarithm of its variance."""

    def forward(self, mean, log_variance):
        std = np.exp(log_variance / 2)
        noise = self.rng.normal(size=mean.shape).astype(mean.dtype)
        return mean + std * noise, (std, noise)

    def backward(self, dy, cache):
        std, noise = cache
        return dy.copy(), dy * std * noise / 2


class RandomizedLeakyReLU(Random):
    def forward(self, x):
        slopes = np.where(x > 0, 1, self.rng.uniform(0.1, 0.4, x.shape).astype(x.dtype))
        return x * slopes, slopes

    def backward(self, dy, slopes):
        return dy * slopes


class StochasticDepth(Random):
    """Leaves out the branch tanh(x) for some of the rows."""

    def forward(self, x):
        kept = (self.rng.random((len(x), 1)) < 0.5).astype(x.dtype)
        return x + kept * np.tanh(x), (x, kept)

    def backward(self, dy, cache):
        x, kept = cache
        return dy + dy * kept * (1 - np.tanh(x) ** 2)


class PackedSum(Brick):
    """tanh of the sum of each sequence up to its last step; computed with the longest first."""

    def forward(self, x, last):
        order = np.argsort(-last, kind="stable")
        valid = np.arange(x.shape[1]) <= last[order, None]
        packed = np.tanh((x[order] * valid).sum(axis=1))
        y = np.empty_like(packed)
        y[order] = packed
        return y, (order, valid, packed)

    def backward(self, dy, cache):
        order, valid, packed = cache
        dpacked = (dy[order] * (1 - packed**2))[:, None] * valid
        dx = np.empty_like(dpacked)
        dx[order] = dpacked
        return dx, None


class TimeDistributed(Brick):
    """The same linear layer at each time step."""

    def __init__(self, features, outputs, rng):
        self.weight = draw(rng, features, outputs)

    def forward(self, x):
        return x @ self.weight.value, x

    def backward(self, dy, x):
        (batch, time, features), outputs = x.shape, dy.shape[2]
        flat = dy.reshape(batch * time, outputs)
        self.weight.grad += x.reshape(batch * time, features).T @ flat
        return (flat @ self.weight.value.T).reshape(batch, time, features)


class Mixup(Brick):
    """Blends each row with the one before it."""

    def forward(self, x):
        return 0.7 * x + 0.3 * np.roll(x, 1, axis=0), None

    def backward(self, dy, cache):
        return 0.7 * dy + 0.3 * np.roll(dy, -1, axis=0)


class HeadwiseLinear(Brick):
    """A linear layer of its own for each head."""

    def __init__(self, heads, features, outputs, rng):
        self.weight = draw(rng, heads, features, outputs)

    def forward(self, x):
        return (x.swapaxes(0, 1) @ self.weight.value).swapaxes(0, 1), x

    def backward(self, dy, x):
        by_head = dy.swapaxes(0, 1)
        self.weight.grad += x.transpose(1, 2, 0) @ by_head
        return (by_head @ self.weight.value.swapaxes(1, 2)).swapaxes(0, 1)


class SiameseScale(Brick):
    """Even rows are the left members of pairs, odd rows the right ones; each side has its own scale."""

    def __init__(self, features, rng):
        self.left = draw(rng, features)
        self.right = draw(rng, features)

    def forward(self, x):
        y = np.empty_like(x)
        y[0::2] = x[0::2] * self.left.value
        y[1::2] = x[1::2] * self.right.value
        return y, x

    def backward(self, dy, x):
        self.left.grad += (dy[0::2] * x[0::2]).sum(axis=0)
        self.right.grad += (dy[1::2] * x[1::2]).sum(axis=0)
        dx = np.empty_like(x)
        dx[0::2] = dy[0::2] * self.left.value
        dx[1::2] = dy[1::2] * self.right.value
        return dx
