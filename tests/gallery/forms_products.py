"""Right products, normalisations and movements, which wrong ones derive from."""

import math

import numpy as np

from gallery.base import draw, sigmoid, softplus
from legonet import Brick


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def one_hot(labels, like):
    return (labels[:, None] == np.arange(like.shape[1])).astype(like.dtype)


# Sums of products


class LinearOutIn(Brick):
    """y = x Wᵀ, the weight as PyTorch holds it."""

    def __init__(self, features, rng):
        self.weight = draw(rng, features, features)

    def forward(self, x):
        return x @ self.weight.value.T, x

    def backward(self, dy, x):
        self.weight.grad += dy.T @ x
        return dy @ self.weight.value


class LinearRowBias(Brick):
    """Linear, the bias being a row of shape (1, outputs)."""

    def __init__(self, features, outputs, rng):
        self.weight = draw(rng, features, outputs)
        self.bias = draw(rng, 1, outputs)

    def forward(self, x):
        return x @ self.weight.value + self.bias.value, x

    def backward(self, dy, x):
        self.weight.grad += x.T @ dy
        self.bias.grad += dy.sum(axis=0, keepdims=True)
        return dy @ self.weight.value.T


class TimeDistributed(Brick):
    """Linear at each time."""

    def __init__(self, features, outputs, rng):
        self.weight = draw(rng, features, outputs)
        self.bias = draw(rng, outputs)

    def forward(self, x):
        return x @ self.weight.value + self.bias.value, x

    def backward(self, dy, x):
        self.weight.grad += np.einsum("nti,nto->io", x, dy)
        self.bias.grad += dy.sum(axis=(0, 1))
        return dy @ self.weight.value.T


class MLP(Brick):
    def __init__(self, features, hidden, outputs, rng):
        self.W1, self.b1 = draw(rng, features, hidden), draw(rng, hidden)
        self.W2, self.b2 = draw(rng, hidden, outputs), draw(rng, outputs)

    def forward(self, x):
        a = x @ self.W1.value + self.b1.value
        h = np.tanh(a)
        return h @ self.W2.value + self.b2.value, (x, a, h)

    def backward(self, dy, cache):
        x, _, h = cache
        self.W2.grad += h.T @ dy
        self.b2.grad += dy.sum(axis=0)
        da = dy @ self.W2.value.T * (1 - h**2)
        self.W1.grad += x.T @ da
        self.b1.grad += da.sum(axis=0)
        return da @ self.W1.value.T


class SoftplusLayer(Brick):
    def __init__(self, features, outputs, rng):
        self.weight = draw(rng, features, outputs)
        self.bias = draw(rng, outputs)

    def forward(self, x):
        return softplus(x @ self.weight.value + self.bias.value), x

    def backward(self, dy, x):
        da = dy * sigmoid(x @ self.weight.value + self.bias.value)
        self.weight.grad += x.T @ da
        self.bias.grad += da.sum(axis=0)
        return da @ self.weight.value.T


class TiedAutoencoder(Brick):
    def __init__(self, features, hidden, rng):
        self.weight = draw(rng, features, hidden)

    def forward(self, x):
        h = np.tanh(x @ self.weight.value)
        return h @ self.weight.value.T, (x, h)

    def backward(self, dy, cache):
        x, h = cache
        da = dy @ self.weight.value * (1 - h**2)
        self.weight.grad += dy.T @ h + x.T @ da
        return da @ self.weight.value.T


class Bilinear(Brick):
    """y = uᵀ W v in each row."""

    def __init__(self, left, right, rng):
        self.weight = draw(rng, left, right)

    def forward(self, u, v):
        return np.einsum("ni,ij,nj->n", u, self.weight.value, v), (u, v)

    def backward(self, dy, cache):
        u, v = cache
        d = dy[:, None]
        self.weight.grad += u.T @ (d * v)
        return d * (v @ self.weight.value.T), d * (u @ self.weight.value)


class SquareBilinear(Bilinear):
    def __init__(self, features, rng):
        super().__init__(features, features, rng)


class QuadraticForm(Brick):
    """y = xᵀ A x in each row."""

    def __init__(self, features, rng):
        self.matrix = draw(rng, features, features)

    def forward(self, x):
        return np.einsum("ni,ij,nj->n", x, self.matrix.value, x), x

    def backward(self, dy, x):
        d = dy[:, None]
        self.matrix.grad += x.T @ (d * x)
        return d * (x @ self.matrix.value + x @ self.matrix.value.T)


# Elementwise


class Tanh(Brick):
    def forward(self, x):
        y = np.tanh(x)
        return y, (x, y)

    def backward(self, dy, cache):
        _, y = cache
        return dy * (1 - y**2)


class LeCunTanh(Brick):
    """y = 1.7159 tanh(2x/3)."""

    def forward(self, x):
        t = np.tanh(x * (2 / 3))
        return 1.7159 * t, t

    def backward(self, dy, t):
        return dy * (1.7159 * 2 / 3) * (1 - t**2)


class LeakyReLU(Brick):
    def __init__(self, slope):
        self.slope = slope

    def forward(self, x):
        return np.where(x > 0, x, self.slope * x), x

    def backward(self, dy, x):
        return np.where(x > 0, dy, self.slope * dy)


class BiasedReLU(Brick):
    def __init__(self, features, rng):
        self.bias = draw(rng, features)

    def forward(self, x):
        a = x + self.bias.value
        return np.maximum(a, 0), (x, a)

    def backward(self, dy, cache):
        _, a = cache
        da = dy * (a > 0)
        self.bias.grad += da.sum(axis=0)
        return da


class ELU(Brick):
    def __init__(self, alpha):
        self.alpha = alpha

    def forward(self, x):
        y = np.where(x > 0, x, self.alpha * np.expm1(np.minimum(x, 0)))
        return y, (x, y)

    def backward(self, dy, cache):
        x, y = cache
        return dy * np.where(x > 0, 1, y + self.alpha)


class GELU(Brick):
    """The approximation by tanh."""

    c = math.sqrt(2 / math.pi)

    def forward(self, x):
        t = np.tanh(self.c * (x + 0.044715 * x**3))
        return 0.5 * x * (1 + t), (x, t)

    def backward(self, dy, cache):
        x, t = cache
        return dy * (0.5 * (1 + t) + 0.5 * x * (1 - t**2) * self.c * (1 + 3 * 0.044715 * x**2))


class Swish(Brick):
    def forward(self, x):
        s = sigmoid(x)
        return x * s, (x, s)

    def backward(self, dy, cache):
        x, s = cache
        return dy * (s + x * s * (1 - s))


class Mish(Brick):
    """y = x tanh(softplus(x))."""

    def forward(self, x):
        t = np.tanh(softplus(x))
        return x * t, (x, t)

    def backward(self, dy, cache):
        x, t = cache
        return dy * (t + x * (1 - t**2) * sigmoid(x))


class Softsign(Brick):
    def forward(self, x):
        return x / (1 + np.abs(x)), x

    def backward(self, dy, x):
        return dy / (1 + np.abs(x)) ** 2


class Power(Brick):
    def __init__(self, exponent):
        self.exponent = exponent

    def forward(self, x):
        return x**self.exponent, x

    def backward(self, dy, x):
        return dy * self.exponent * x ** (self.exponent - 1)


class Clip(Brick):
    def forward(self, x):
        return np.clip(x, -1, 1), x

    def backward(self, dy, x):
        return dy * (np.abs(x) <= 1)


class Dropout(Brick):
    """x mask / keep, the mask being an input."""

    def __init__(self, keep):
        self.keep = keep

    def forward(self, x, mask):
        return x * mask / self.keep, mask  # of bool

    def backward(self, dy, mask):
        return dy * mask / self.keep, None


class Affine(Brick):
    """y = x scale + shift, by column."""

    def __init__(self, features, rng):
        self.scale = draw(rng, features)
        self.shift = draw(rng, features)

    def forward(self, x):
        return x * self.scale.value + self.shift.value, x

    def backward(self, dy, x):
        self.scale.grad += (dy * x).sum(axis=0)
        self.shift.grad += dy.sum(axis=0)
        return dy * self.scale.value


class ShiftedScale(Brick):
    """y = (x + shift) scale, by column."""

    def __init__(self, features, rng):
        self.shift = draw(rng, features)
        self.scale = draw(rng, features)

    def forward(self, x):
        return (x + self.shift.value) * self.scale.value, x

    def backward(self, dy, x):
        dx = dy * self.scale.value
        self.shift.grad += dx.sum(axis=0)
        self.scale.grad += (dy * (x + self.shift.value)).sum(axis=0)
        return dx


class MapScale(Brick):
    """Square maps times a scale for each column."""

    def __init__(self, side, rng):
        self.scale = draw(rng, side)

    def forward(self, x):
        return x * self.scale.value, x

    def backward(self, dy, x):
        self.scale.grad += (dy * x).sum(axis=(0, 1))
        return dy * self.scale.value


class ChannelBias(Brick):
    """x plus a bias of shape (channels, 1)."""

    def __init__(self, channels, rng):
        self.bias = draw(rng, channels, 1)

    def forward(self, x):
        return x + self.bias.value, None

    def backward(self, dy, cache):
        self.bias.grad += dy.sum(axis=(0, 2))[:, None]
        return dy.copy()


class Positions(Brick):
    """x plus a vector that is learnt for each position."""

    def __init__(self, time, features, rng):
        self.table = draw(rng, time, features)

    def forward(self, x):
        return x + self.table.value, None

    def backward(self, dy, cache):
        self.table.grad += dy.sum(axis=0)
        return dy.copy()


# Several inputs


class Subtract(Brick):
    def forward(self, a, b):
        return a - b, None

    def backward(self, dy, cache):
        return dy.copy(), -dy


class Multiply(Brick):
    def forward(self, a, b):
        return a * b, (a, b)

    def backward(self, dy, cache):
        a, b = cache
        return dy * b, dy * a


class Divide(Brick):
    def forward(self, a, b):
        return a / b, (a, b)

    def backward(self, dy, cache):
        a, b = cache
        return dy / b, -dy * a / b**2


class AddRow(Brick):
    """A vector is added to each row."""

    def forward(self, x, row):
        return x + row, None

    def backward(self, dy, cache):
        return dy.copy(), dy.sum(axis=0)


class RowGate(Brick):
    """Each row times a number of its own, of shape (batch, 1)."""

    def forward(self, x, gate):
        return x * gate, (x, gate)

    def backward(self, dy, cache):
        x, gate = cache
        return dy * gate, (dy * x).sum(axis=1, keepdims=True)


class FiLM(Brick):
    """Channels times gamma plus beta, which are inputs."""

    def forward(self, x, gamma, beta):
        return x * gamma[:, :, None] + beta[:, :, None], (x, gamma)

    def backward(self, dy, cache):
        x, gamma = cache
        return dy * gamma[:, :, None], (dy * x).sum(axis=2), dy.sum(axis=2)


class Concatenate(Brick):
    def forward(self, a, b, c):
        return np.concatenate([a, b, c], axis=1), (a.shape[1], b.shape[1])

    def backward(self, dy, widths):
        first, second = widths
        return dy[:, :first].copy(), dy[:, first : first + second].copy(), dy[:, first + second :].copy()


class ConcatenatePair(Brick):
    def forward(self, a, b):
        return np.concatenate([a, b], axis=1), a.shape[1]

    def backward(self, dy, width):
        return dy[:, :width].copy(), dy[:, width:].copy()


class GLU(Brick):
    """y = a σ(b) for the halves a, b of x."""

    def forward(self, x):
        half = x.shape[1] // 2
        a, s = x[:, :half].copy(), sigmoid(x[:, half:])
        return a * s, (a, s)

    def backward(self, dy, cache):
        a, s = cache
        return np.concatenate([dy * s, dy * a * s * (1 - s)], axis=1)


class Cosine(Brick):
    """The cosine of the angle between rows."""

    def forward(self, a, b):
        length_a = np.sqrt((a**2).sum(axis=1, keepdims=True) + 1e-6)
        length_b = np.sqrt((b**2).sum(axis=1, keepdims=True) + 1e-6)
        u, v = a / length_a, b / length_b
        return (u * v).sum(axis=1), (u, v, length_a, length_b)

    def backward(self, dy, cache):
        u, v, length_a, length_b = cache
        d, y = dy[:, None], (u * v).sum(axis=1, keepdims=True)
        return d * (v - y * u) / length_a, d * (u - y * v) / length_b


class Residual(Brick):
    """y = (x + tanh(x W)) factor."""

    factor = 1.0

    def __init__(self, features, rng):
        self.weight = draw(rng, features, features)

    def forward(self, x):
        t = np.tanh(x @ self.weight.value)
        return (x + t) * self.factor, (x, t)

    def backward(self, dy, cache):
        dy = dy * self.factor
        return dy + self.branch(dy, cache)

    def branch(self, dy, cache):
        x, t = cache
        da = dy * (1 - t**2)
        self.weight.grad += x.T @ da
        return da @ self.weight.value.T


class ScaledResidual(Residual):
    factor = math.sqrt(0.5)


class LayerScale(Brick):
    """y = x + scale tanh(x W)."""

    def __init__(self, features, rng):
        self.weight = draw(rng, features, features)
        self.scale = draw(rng, features)

    def forward(self, x):
        t = np.tanh(x @ self.weight.value)
        return x + self.scale.value * t, (x, t)

    def backward(self, dy, cache):
        x, t = cache
        self.scale.grad += (dy * t).sum(axis=0)
        da = dy * self.scale.value * (1 - t**2)
        self.weight.grad += x.T @ da
        return dy + da @ self.weight.value.T


# Along an axis


class TemperatureSoftmax(Brick):
    """softmax(x sharpness)."""

    def __init__(self, rng):
        self.sharpness = draw(rng, 1)

    def forward(self, x):
        y = softmax(x * self.sharpness.value)
        return y, (x, y)

    def backward(self, dy, cache):
        x, y = cache
        da = y * (dy - (dy * y).sum(axis=1, keepdims=True))
        self.sharpness.grad += (da * x).sum()
        return da * self.sharpness.value


class LogSumExp(Brick):
    def forward(self, x):
        top = x.max(axis=1)
        return top + np.log(np.exp(x - top[:, None]).sum(axis=1)), x

    def backward(self, dy, x):
        return dy[:, None] * softmax(x)


class CumulativeSum(Brick):
    def forward(self, x):
        return np.cumsum(x, axis=1), None

    def backward(self, dy, cache):
        return np.cumsum(dy[:, ::-1], axis=1)[:, ::-1].copy()


class RowSum(Brick):
    def forward(self, x):
        return x.sum(axis=1), x

    def backward(self, dy, x):
        return np.broadcast_to(dy[:, None], x.shape).copy()


class RowMean(Brick):
    def forward(self, x):
        return x.mean(axis=1), x

    def backward(self, dy, x):
        return np.broadcast_to(dy[:, None], x.shape) / x.shape[1]


class RowMax(Brick):
    def forward(self, x):
        return x.max(axis=1), x

    def backward(self, dy, x):
        dx = np.zeros_like(x)
        dx[np.arange(len(x)), x.argmax(axis=1)] = dy
        return dx


class MaskedMean(Brick):
    """The mean over those times that a mask of zeros and ones keeps."""

    def forward(self, x, mask):
        kept = mask.astype(x.dtype)
        count = np.maximum(kept.sum(axis=1), 1)
        return (x * kept).sum(axis=1) / count, (x, kept, count)

    def backward(self, dy, cache):
        _, kept, count = cache
        return kept * (dy / count)[:, None], None


class Variance(Brick):
    """The unbiased variance of each row."""

    def forward(self, x):
        centred = x - x.mean(axis=1, keepdims=True)
        return (centred**2).sum(axis=1) / (x.shape[1] - 1), centred

    def backward(self, dy, centred):
        return dy[:, None] * 2 * centred / (centred.shape[1] - 1)


class StandardDeviation(Brick):
    def forward(self, x):
        centred = x - x.mean(axis=1, keepdims=True)
        y = np.sqrt((centred**2).mean(axis=1) + 1e-3)
        return y, (centred, y)

    def backward(self, dy, cache):
        centred, y = cache
        return (dy / y)[:, None] * centred / centred.shape[1]


class ThirdMoment(Brick):
    """The third central moment of each row."""

    def forward(self, x):
        centred = x - x.mean(axis=1, keepdims=True)
        return (centred**3).mean(axis=1), centred

    def backward(self, dy, centred):
        squares = centred**2
        return dy[:, None] * 3 / centred.shape[1] * (squares - squares.mean(axis=1, keepdims=True))


# Rearranged


class SwapAxes(Brick):
    def forward(self, x):
        return x.transpose(0, 2, 1).copy(), x.shape

    def backward(self, dy, shape):
        return dy.transpose(0, 2, 1).copy()


class ChannelsLast(Brick):
    def forward(self, x):
        return x.transpose(0, 2, 3, 1).copy(), None

    def backward(self, dy, cache):
        return dy.transpose(0, 3, 1, 2).copy()


class Flatten(Brick):
    """Channels last, then flat."""

    def forward(self, x):
        return x.transpose(0, 2, 1).reshape(len(x), x.shape[1] * x.shape[2]).copy(), x.shape

    def backward(self, dy, shape):
        batch, channels, length = shape
        return dy.reshape(batch, length, channels).transpose(0, 2, 1).copy()


class Permute(Brick):
    """The columns in another order."""

    def __init__(self, features, rng):
        self.order = rng.permutation(features)

    def forward(self, x):
        return x[:, self.order], None

    def backward(self, dy, cache):
        return dy[:, np.argsort(self.order)]


class Delay(Brick):
    """Each sequence moved on by one, in a circle."""

    def forward(self, x):
        return np.roll(x, 1, axis=1), None

    def backward(self, dy, cache):
        return np.roll(dy, -1, axis=1)


class ReverseTime(Brick):
    def forward(self, x):
        return x[:, ::-1].copy(), None

    def backward(self, dy, cache):
        return dy[:, ::-1].copy()


class Repeat(Brick):
    """Each vector several times, along a new axis."""

    def __init__(self, copies):
        self.copies = copies

    def forward(self, x):
        return np.repeat(x[:, None], self.copies, axis=1), None

    def backward(self, dy, cache):
        return dy.sum(axis=1)


class Rotary(Brick):
    """Pairs of features turned by an angle that grows with the position."""

    def turn(self, x, way):
        half = x.shape[2] // 2
        angle = (way * np.arange(1, x.shape[1] + 1)[:, None] / 2.0 ** np.arange(half)).astype(x.dtype)
        a, b = x[:, :, :half], x[:, :, half:]
        return np.concatenate([a * np.cos(angle) - b * np.sin(angle), a * np.sin(angle) + b * np.cos(angle)], axis=2)

    def forward(self, x):
        return self.turn(x, 1), None

    def backward(self, dy, cache):
        return self.turn(dy, -1)


# Normalization


class LayerNorm(Brick):
    def __init__(self, features, rng):
        self.scale = draw(rng, features)
        self.shift = draw(rng, features)

    def forward(self, x):
        centred = x - x.mean(axis=1, keepdims=True)
        std = np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-3)
        x_hat = centred / std
        return x_hat * self.scale.value + self.shift.value, (x, x_hat, std)

    def backward(self, dy, cache):
        _, x_hat, std = cache
        self.scale.grad += (dy * x_hat).sum(axis=0)
        self.shift.grad += dy.sum(axis=0)
        d = dy * self.scale.value
        return (d - d.mean(axis=1, keepdims=True) - x_hat * (d * x_hat).mean(axis=1, keepdims=True)) / std


class RMSNorm(Brick):
    def __init__(self, features, rng):
        self.gain = draw(rng, features)

    def forward(self, x):
        rms = np.sqrt((x**2).mean(axis=1, keepdims=True) + 1e-3)
        return x / rms * self.gain.value, (x / rms, rms)

    def backward(self, dy, cache):
        x_hat, rms = cache
        self.gain.grad += (dy * x_hat).sum(axis=0)
        d = dy * self.gain.value
        return (d - x_hat * (d * x_hat).mean(axis=1, keepdims=True)) / rms


class BatchNorm(Brick):
    def __init__(self, features, rng, training=True):
        self.scale, self.shift = draw(rng, features), draw(rng, features)
        self.running_mean, self.running_var = rng.normal(size=features), rng.uniform(0.5, 2, features)
        self.training = training

    def forward(self, x):
        if self.training:
            mean, var = x.mean(axis=0), x.var(axis=0)
        else:
            mean, var = self.running_mean.astype(x.dtype), self.running_var.astype(x.dtype)
        std = np.sqrt(var + 1e-3)
        x_hat = (x - mean) / std
        return x_hat * self.scale.value + self.shift.value, (x_hat, std)

    def backward(self, dy, cache):
        x_hat, std = cache
        self.scale.grad += (dy * x_hat).sum(axis=0)
        self.shift.grad += dy.sum(axis=0)
        d = dy * self.scale.value
        if self.training:
            d = d - d.mean(axis=0) - x_hat * (d * x_hat).mean(axis=0)
        return d / std
