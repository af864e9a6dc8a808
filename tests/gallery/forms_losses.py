"""Right losses, regularizers, attention, convolutions, embeddings and cells, which wrong ones derive from."""

import math

import numpy as np

from gallery.base import draw, sigmoid, softplus
from gallery.forms_products import one_hot, softmax
from legonet import Brick

# Losses


class MeanSquare(Brick):
    """The squared error, averaged over all entries."""

    def forward(self, y, target):
        error = y - target
        return float((error**2).sum()) / (error.size or 1), error

    def backward(self, dloss, error):
        return dloss * 2 * error / (error.size or 1)


class HalfSquare(Brick):
    """Half the squared error, summed over a row and averaged over rows."""

    def forward(self, y, target):
        error = y - target
        return float((error**2).sum()) / (2 * (len(error) or 1)), error

    def backward(self, dloss, error):
        return dloss * error / (len(error) or 1)


class MaskedSquare(Brick):
    """The squared error, averaged over the entries that a mask keeps."""

    def forward(self, y, target, mask):
        kept = mask.astype(y.dtype)
        error, count = y - target, max(float(kept.sum()), 1.0)
        return float((kept * error**2).sum()) / count, (error, kept, count)

    def backward(self, dloss, cache):
        error, kept, count = cache
        return dloss * 2 * kept * error / count


class Absolute(Brick):
    def forward(self, y, target):
        error = y - target
        return float(np.abs(error).sum()) / (len(error) or 1), error

    def backward(self, dloss, error):
        return dloss * np.sign(error) / (len(error) or 1)


class SmoothL1(Brick):
    def __init__(self, beta):
        self.beta = beta

    def forward(self, y, target):
        error, beta = y - target, self.beta
        size = np.abs(error)
        losses = np.where(size < beta, size**2 / (2 * beta), size - beta / 2)
        return float(losses.sum()) / (len(error) or 1), error

    def backward(self, dloss, error):
        return dloss * np.clip(error / self.beta, -1, 1) / (len(error) or 1)


class CrossEntropy(Brick):
    """By scores and labels, averaged over rows."""

    def forward(self, x, labels):
        log_p = x - x.max(axis=1, keepdims=True)
        log_p = log_p - np.log(np.exp(log_p).sum(axis=1, keepdims=True))
        return -float(log_p[np.arange(len(x)), labels].sum()) / (len(x) or 1), (np.exp(log_p), labels)

    def backward(self, dloss, cache):
        p, labels = cache
        return dloss * (p - one_hot(labels, p)) / (len(p) or 1)


class CrossEntropyInBits(CrossEntropy):
    def forward(self, x, labels):
        loss, cache = super().forward(x, labels)
        return loss / math.log(2), cache

    def backward(self, dloss, cache):
        return super().backward(dloss, cache) / math.log(2)


class CrossEntropyWithPenalty(CrossEntropy):
    """The cross entropy plus a price on large scores."""

    strength = 0.1

    def forward(self, x, labels):
        loss, cache = super().forward(x, labels)
        return loss + self.strength / 2 * float((x**2).sum()), (cache, x)

    def backward(self, dloss, cache):
        inner, x = cache
        return super().backward(dloss, inner) + dloss * self.strength * x


class BinaryCrossEntropy(Brick):
    """By probabilities."""

    def forward(self, p, target):
        losses = -target * np.log(p) - (1 - target) * np.log(1 - p)
        return float(losses.sum()) / (len(p) or 1), (p, target)

    def backward(self, dloss, cache):
        p, target = cache
        return dloss * (-target / p + (1 - target) / (1 - p)) / (len(p) or 1)


class KLDivergence(Brick):
    """Of a distribution q from the true one p."""

    def forward(self, q, p):
        return float((p * np.log(p / q)).sum()) / (len(q) or 1), (q, p)

    def backward(self, dloss, cache):
        q, p = cache
        return -dloss * p / q / (len(q) or 1)


class Hinge(Brick):
    """max(0, 1 - sign y), the signs given as 0 and 1."""

    def forward(self, y, labels):
        sign = (2 * labels - 1).astype(y.dtype)
        return float(np.maximum(0, 1 - sign * y).sum()) / (len(y) or 1), (y, sign)

    def backward(self, dloss, cache):
        y, sign = cache
        return -dloss * sign * (sign * y < 1) / (len(y) or 1)


class SquaredHinge(Hinge):
    def forward(self, y, labels):
        sign = (2 * labels - 1).astype(y.dtype)
        return float((np.maximum(0, 1 - sign * y) ** 2).sum()) / (len(y) or 1), (y, sign)

    def backward(self, dloss, cache):
        y, sign = cache
        return -dloss * 2 * sign * np.maximum(0, 1 - sign * y) / (len(y) or 1)


class CosineDistance(Brick):
    """1 minus the cosine, averaged over rows."""

    def forward(self, y, target):
        length = np.sqrt((y**2).sum(axis=1, keepdims=True) + 1e-3)
        u = y / length
        v = target / np.sqrt((target**2).sum(axis=1, keepdims=True) + 1e-3)
        return float((1 - (u * v).sum(axis=1)).sum()) / (len(y) or 1), (u, v, length)

    def backward(self, dloss, cache):
        u, v, length = cache
        return -dloss * (v - (u * v).sum(axis=1, keepdims=True) * u) / length / (len(u) or 1)


class GaussianNLL(Brick):
    """The negative log likelihood of x for a mean and a logarithm of the variance."""

    def forward(self, mean, log_variance, x):
        error, precision = x - mean, np.exp(-log_variance)
        return float((log_variance + error**2 * precision).sum()) / 2, (error, precision)

    def backward(self, dloss, cache):
        error, precision = cache
        return -dloss * error * precision, dloss * (1 - error**2 * precision) / 2, None


# Regularizers


class Ridge(Brick):
    """strength Σ w²."""

    strength = 0.3

    def __init__(self, rows, columns, rng):
        self.weight = draw(rng, rows, columns)

    def forward(self):
        return self.strength * float((self.weight.value**2).sum()), None

    def backward(self, dloss, cache):
        self.weight.grad += dloss * 2 * self.strength * self.weight.value


class ElasticNet(Brick):
    """Σ |w| + w²/2 over two weights."""

    def __init__(self, rows, columns, rng):
        self.weights = [draw(rng, rows, columns), draw(rng, columns)]

    def forward(self):
        return sum(float((np.abs(w.value) + w.value**2 / 2).sum()) for w in self.weights), None

    def backward(self, dloss, cache):
        for w in self.weights:
            w.grad += dloss * (np.sign(w.value) + w.value)


class GroupLasso(Brick):
    """The sum of the lengths of the rows."""

    def __init__(self, rows, columns, rng):
        self.weight = draw(rng, rows, columns)

    def forward(self):
        return float(np.sqrt((self.weight.value**2).sum(axis=1)).sum()), None

    def backward(self, dloss, cache):
        w = self.weight.value
        length = np.sqrt((w**2).sum(axis=1, keepdims=True))
        self.weight.grad += dloss * w / np.where(length > 0, length, 1)


class Smoothness(Brick):
    """Σ (w[i + 1] - w[i])² / 2."""

    def __init__(self, rows, rng):
        self.weight = draw(rng, rows)

    def forward(self):
        return float((np.diff(self.weight.value) ** 2).sum()) / 2, None

    def backward(self, dloss, cache):
        step = dloss * np.diff(self.weight.value)
        self.weight.grad[1:] += step
        self.weight.grad[:-1] -= step


# Attention


class Attention(Brick):
    def forward(self, query, key, value):
        factor = 1 / math.sqrt(query.shape[2])
        weights = softmax(query @ key.transpose(0, 2, 1) * factor)
        return weights @ value, (query, key, value, weights, factor)

    def backward(self, dy, cache):
        query, key, value, weights, factor = cache
        dweights = dy @ value.transpose(0, 2, 1)
        dscores = weights * (dweights - (dweights * weights).sum(axis=2, keepdims=True)) * factor
        return dscores @ key, dscores.transpose(0, 2, 1) @ query, weights.transpose(0, 2, 1) @ dy


class DroppedAttention(Brick):
    """Attention whose weights are multiplied by a mask of zeros and ones."""

    def forward(self, query, key, value, mask):
        kept = mask.astype(query.dtype)
        weights = softmax(query @ key.transpose(0, 2, 1))
        return kept * weights @ value, (query, key, value, weights, kept)

    def backward(self, dy, cache):
        query, key, value, weights, kept = cache
        dweights = kept * (dy @ value.transpose(0, 2, 1))
        dscores = weights * (dweights - (dweights * weights).sum(axis=2, keepdims=True))
        return dscores @ key, dscores.transpose(0, 2, 1) @ query, (kept * weights).transpose(0, 2, 1) @ dy, None


class SelfAttention(Brick):
    """Queries, keys and values are all x."""

    def forward(self, x):
        weights = softmax(x @ x.transpose(0, 2, 1))
        return weights @ x, (x, weights)

    def backward(self, dy, cache):
        x, weights = cache
        dweights = dy @ x.transpose(0, 2, 1)
        dscores = weights * (dweights - (dweights * weights).sum(axis=2, keepdims=True))
        return dscores @ x + dscores.transpose(0, 2, 1) @ x + weights.transpose(0, 2, 1) @ dy


# Convolution, pooling, embedding


class SameConv1d(Brick):
    """A filter of three, padded with zeros so that the length stays."""

    def __init__(self, rng):
        self.weight = draw(rng, 3)

    def correlate(self, x, weight):
        padded = np.pad(x, ((0, 0), (1, 1)))
        length = x.shape[1]
        return sum(weight[k] * padded[:, k : k + length] for k in range(3))

    def forward(self, x):
        return self.correlate(x, self.weight.value), x

    def backward(self, dy, x):
        padded, length = np.pad(x, ((0, 0), (1, 1))), x.shape[1]
        for k in range(3):
            self.weight.grad[k] += (dy * padded[:, k : k + length]).sum()
        return self.correlate(dy, self.weight.value[::-1])


class Conv2d(Brick):
    """Images (batch, channels, height, width), square kernels, no padding."""

    def __init__(self, channels, filters, kernel, rng):
        self.weight = draw(rng, filters, channels, kernel, kernel)
        self.bias = draw(rng, filters)

    def forward(self, x):
        side = self.weight.value.shape[2]
        windows = np.lib.stride_tricks.sliding_window_view(x, (side, side), axis=(2, 3))
        y = np.einsum("nchwij,fcij->nfhw", windows, self.weight.value)
        return y + self.bias.value[:, None, None], x

    def backward(self, dy, x):
        self.weight.grad += self.by_weight(dy, x)
        self.bias.grad += self.by_bias(dy)
        weight, (height, width) = self.weight.value, dy.shape[2:]
        dx = np.zeros_like(x)
        for i in range(weight.shape[2]):
            for j in range(weight.shape[3]):
                dx[:, :, i : i + height, j : j + width] += np.einsum("nfhw,fc->nchw", dy, weight[:, :, i, j])
        return dx

    def by_weight(self, dy, x):
        side = self.weight.value.shape[2]
        windows = np.lib.stride_tricks.sliding_window_view(x, (side, side), axis=(2, 3))
        return np.einsum("nfhw,nchwij->fcij", dy, windows)

    def by_bias(self, dy):
        return dy.sum(axis=(0, 2, 3))


class AveragePool2d(Brick):
    """The mean of squares that do not overlap."""

    def __init__(self, kernel):
        self.kernel = kernel

    def forward(self, x):
        k, (batch, height, width) = self.kernel, x.shape
        return x.reshape(batch, height // k, k, width // k, k).mean(axis=(2, 4)), None

    def backward(self, dy, cache):
        return self.spread(dy) / self.kernel**2

    def spread(self, dy):
        return dy.repeat(self.kernel, axis=1).repeat(self.kernel, axis=2)


class GlobalAverage(Brick):
    """The mean of each channel."""

    def forward(self, x):
        return x.mean(axis=(2, 3)), x

    def backward(self, dy, x):
        return np.broadcast_to(dy[:, :, None, None], x.shape) / (x.shape[2] * x.shape[3])


class Embedding(Brick):
    """Rows of a table; row 0 stands for padding and gives zeros."""

    def __init__(self, vocabulary, features, rng):
        self.table = draw(rng, vocabulary, features)

    def forward(self, words):
        return self.table.value[words] * (words != 0)[..., None], words

    def backward(self, dy, words):
        np.add.at(self.table.grad, words, dy * (words != 0)[..., None])


class ScaledEmbedding(Brick):
    """Rows of a table times the root of their length."""

    def __init__(self, vocabulary, features, rng):
        self.table = draw(rng, vocabulary, features)
        self.factor = math.sqrt(features)

    def forward(self, words):
        return self.table.value[words] * self.factor, words

    def backward(self, dy, words):
        np.add.at(self.table.grad, words, dy * self.factor)


class EmbeddingBag(Brick):
    """The mean of the rows of a bag of words."""

    def __init__(self, vocabulary, features, rng):
        self.table = draw(rng, vocabulary, features)

    def forward(self, words):
        return self.table.value[words].mean(axis=1), words

    def backward(self, dy, words):
        np.add.at(self.table.grad, words, dy[:, None] / words.shape[1])


# Cells


class RNNCell(Brick):
    """New state from x and the state before: tanh(x W + h U + b)."""

    def __init__(self, features, hidden, rng):
        self.W, self.U, self.b = draw(rng, features, hidden), draw(rng, hidden, hidden), draw(rng, hidden)

    def forward(self, x, h):
        new = np.tanh(x @ self.W.value + h @ self.U.value + self.b.value)
        return new, (x, h, new)

    def backward(self, dy, cache):
        x, h, new = cache
        da = dy * (1 - new**2)
        self.W.grad += x.T @ da
        self.U.grad += h.T @ da
        self.b.grad += da.sum(axis=0)
        return da @ self.W.value.T, da @ self.U.value.T


class MinimalGRU(Brick):
    """h' = (1 - z) h + z n, with z = σ(x Wz + h Uz), r = σ(x Wr + h Ur) and n = tanh(x Wn + (r h) Un)."""

    def __init__(self, features, hidden, rng):
        self.Wz, self.Wr, self.Wn = (draw(rng, features, hidden) for _ in "zrn")
        self.Uz, self.Ur, self.Un = (draw(rng, hidden, hidden) for _ in "zrn")

    def forward(self, x, h):
        z = sigmoid(x @ self.Wz.value + h @ self.Uz.value)
        r = sigmoid(x @ self.Wr.value + h @ self.Ur.value)
        n = np.tanh(x @ self.Wn.value + (r * h) @ self.Un.value)
        return (1 - z) * h + z * n, (x, h, z, r, n)

    def backward(self, dy, cache):
        x, h, z, r, n = cache
        az = dy * (n - h) * z * (1 - z)
        an = dy * z * (1 - n**2)
        drh = an @ self.Un.value.T
        ar = drh * h * r * (1 - r)
        self.collect(x, h, r, az, ar, an)
        dx = az @ self.Wz.value.T + ar @ self.Wr.value.T + an @ self.Wn.value.T
        return dx, dy * (1 - z) + az @ self.Uz.value.T + ar @ self.Ur.value.T + drh * r

    def collect(self, x, h, r, az, ar, an):
        self.Wz.grad += x.T @ az
        self.Wr.grad += x.T @ ar
        self.Wn.grad += x.T @ an
        self.Uz.grad += h.T @ az
        self.Ur.grad += h.T @ ar
        self.Un.grad += (r * h).T @ an


class LSTMCell(Brick):
    """The new h and c, side by side, from x, h and c."""

    def __init__(self, features, hidden, rng):
        self.W, self.U, self.b = draw(rng, features, 4 * hidden), draw(rng, hidden, 4 * hidden), draw(rng, 4 * hidden)

    def forward(self, x, h, c):
        a = np.split(x @ self.W.value + h @ self.U.value + self.b.value, 4, axis=1)
        i, f, g, o = sigmoid(a[0]), sigmoid(a[1]), np.tanh(a[2]), sigmoid(a[3])
        new = f * c + i * g
        t = np.tanh(new)
        return np.concatenate([o * t, new], axis=1), (x, h, c, i, f, g, o, t)

    def backward(self, dy, cache):
        x, h, c, i, f, g, o, t = cache
        dh, dc = np.split(dy, 2, axis=1)
        dc = dc + dh * o * (1 - t**2)
        da = np.concatenate(self.gates(dh, dc, c, i, f, g, o, t), axis=1)
        self.W.grad += x.T @ da
        self.U.grad += h.T @ da
        self.b.grad += da.sum(axis=0)
        return da @ self.W.value.T, da @ self.U.value.T, dc * f

    def gates(self, dh, dc, c, i, f, g, o, t):
        return dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g**2), dh * t * o * (1 - o)


class VariationalNLL(Brick):
    """The divergence of a Gaussian from the standard one, softplus giving its deviation."""

    def forward(self, mean, rho):
        s = softplus(rho) + 1e-3
        return float((mean**2 + s**2 - 1 - 2 * np.log(s)).sum()) / 2, (mean, rho, s)

    def backward(self, dloss, cache):
        mean, rho, s = cache
        return dloss * mean, dloss * (s - 1 / s) * sigmoid(rho)
