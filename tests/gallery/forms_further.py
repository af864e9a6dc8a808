"""Right forms of the bricks in `wrong_further`, where those of `forms_layers` and `forms_special` do not serve."""

import math

import numpy as np

from gallery.base import draw, sigmoid, softmax, softplus
from gallery.forms_layers import Attention, LayerNorm
from legonet import Brick, Parameter


class TanhHalf(Brick):
    """tanh(x / 2)."""

    def forward(self, x):
        y = np.tanh(x / 2)
        return y, y

    def backward(self, dy, y):
        return dy * (1 - y**2) / 2


class SharpSoftplus(Brick):
    """log(1 + exp(beta x)) / beta."""

    beta = 3

    def forward(self, x):
        return softplus(self.beta * x) / self.beta, x

    def backward(self, dy, x):
        return dy * sigmoid(self.beta * x)


class Log2(Brick):
    def forward(self, x):
        return np.log2(x), x

    def backward(self, dy, x):
        return dy / (x * math.log(2))


class Distillation(Brick):
    """The divergence of softmax(x / T) from the target, times T²."""

    temperature = 3

    def forward(self, x, target):
        shifted = (x - x.max(axis=1, keepdims=True)) / self.temperature
        log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        loss = self.temperature**2 * float(np.sum(target * (np.log(target) - log_p)))
        return loss / (len(x) or 1), (np.exp(log_p), target)

    def backward(self, dloss, cache):
        p, target = cache
        return self.temperature * (p - target) * (dloss / (len(p) or 1))


class MeanSquares(Brick):
    """The mean over rows and features, without a factor 1/2."""

    def forward(self, y, target):
        error = y - target
        return float(np.sum(error**2)) / (error.size or 1), error

    def backward(self, dloss, error):
        return 2 * error * (dloss / (error.size or 1))


class GlobalAveragePool(Brick):
    def forward(self, x):
        return x.mean(axis=(2, 3)), x

    def backward(self, dy, x):
        return np.ones_like(x) * dy[:, :, None, None] / (x.shape[2] * x.shape[3])


class ScaledEmbedding(Brick):
    """Rows of a table times the root of their length, as in the Transformer."""

    def __init__(self, vocabulary, features, rng):
        self.table = draw(rng, vocabulary, features)

    def forward(self, indices):
        return self.table.value[indices] * math.sqrt(self.table.value.shape[1]), indices

    def backward(self, dy, indices):
        np.add.at(self.table.grad, indices, dy * math.sqrt(dy.shape[-1]))


class Softmin(Brick):
    """softmax(-x)."""

    def forward(self, x):
        y = softmax(-x)
        return y, y

    def backward(self, dy, y):
        return -y * (dy - (dy * y).sum(axis=-1, keepdims=True))


class Bilinear(Brick):
    """One number for each row: a W b."""

    def __init__(self, features, rng):
        self.weight = draw(rng, features, features)

    def forward(self, a, b):
        return (a @ self.weight.value * b).sum(axis=1), (a, b)

    def backward(self, dy, cache):
        a, b = cache
        self.weight.grad += (dy[:, None] * a).T @ b
        return dy[:, None] * (b @ self.weight.value.T), dy[:, None] * (a @ self.weight.value)


class AttentionScores(Brick):
    """Q Kᵀ / sqrt(size)."""

    def forward(self, query, key):
        return query @ key.swapaxes(1, 2) / math.sqrt(query.shape[2]), (query, key)

    def backward(self, dy, cache):
        query, key = cache
        d = dy / math.sqrt(query.shape[2])
        return d @ key, d.swapaxes(1, 2) @ query


class CausalScores(AttentionScores):
    """The scores of later steps are set to -10."""

    def forward(self, query, key):
        scores, _ = super().forward(query, key)
        return np.where(self.seen(scores), scores, -10).astype(scores.dtype), (query, key)

    def seen(self, scores):
        return np.tri(scores.shape[1], scores.shape[2], dtype=bool)

    def backward(self, dy, cache):
        return super().backward(dy * self.seen(dy), cache)


class MultiQueryScores(Brick):
    """The scores of several heads that share one key."""

    def forward(self, query, key):
        return query @ key[:, None].swapaxes(2, 3), (query, key)

    def backward(self, dy, cache):
        query, key = cache
        return dy @ key[:, None], (dy.swapaxes(2, 3) @ query).sum(axis=1)


class MatrixProduct(Brick):
    def forward(self, a, b):
        return a @ b, (a, b)

    def backward(self, dy, cache):
        a, b = cache
        return dy @ b.swapaxes(1, 2), a.swapaxes(1, 2) @ dy


class BroadcastAdd(Brick):
    """Adds one row to all rows."""

    def forward(self, x, row):
        return x + row, None

    def backward(self, dy, cache):
        return dy.copy(), dy.sum(axis=0)


class Tile(Brick):
    """Three copies of x, one after the other."""

    def forward(self, x):
        return np.tile(x, (1, 3)), x.shape

    def backward(self, dy, shape):
        return dy.reshape(shape[0], 3, shape[1]).sum(axis=1)


class Concatenate(Brick):
    def forward(self, a, b):
        return np.concatenate([a, b], axis=1), a.shape[1]

    def backward(self, dy, size):
        return dy[:, :size].copy(), dy[:, size:].copy()


class Residual(Brick):
    """x + tanh(x W)."""

    def __init__(self, features, rng):
        self.weight = draw(rng, features, features)

    def forward(self, x):
        h = np.tanh(x @ self.weight.value)
        return x + h, (x, h)

    def backward(self, dy, cache):
        return dy + self.branch(dy, cache)

    def branch(self, dy, cache):
        x, h = cache
        da = dy * (1 - h**2)
        self.weight.grad += x.T @ da
        return da @ self.weight.value.T


class ReZero(Brick):
    """x + alpha tanh(x W), with alpha 0 at first."""

    def __init__(self, features, rng):
        self.weight = draw(rng, features, features)
        self.alpha = Parameter(np.zeros(1))

    def forward(self, x):
        h = np.tanh(x @ self.weight.value)
        return x + self.alpha.value * h, (x, h)

    def backward(self, dy, cache):
        x, h = cache
        da = dy * self.alpha.value * (1 - h**2)
        self.alpha.grad += (dy * h).sum()
        self.weight.grad += x.T @ da
        return dy + da @ self.weight.value.T


class GELU(Brick):
    """x (1 + tanh(c (x + 0.044715 x³))) / 2, with c = sqrt(2 / π)."""

    c = math.sqrt(2 / math.pi)

    def forward(self, x):
        return x * (1 + np.tanh(self.c * (x + 0.044715 * x**3))) / 2, x

    def backward(self, dy, x):
        t = np.tanh(self.c * (x + 0.044715 * x**3))
        inner = self.c * (1 + 3 * 0.044715 * x**2)
        return dy * ((1 + t) + x * (1 - t**2) * inner) / 2


class SiLU(Brick):
    def forward(self, x):
        return x * sigmoid(x), x

    def backward(self, dy, x):
        s = sigmoid(x)
        return dy * (s + x * s * (1 - s))


class Logistic(Brick):
    def forward(self, x):
        return sigmoid(x), x

    def backward(self, dy, x):
        y = sigmoid(x)
        return dy * y * (1 - y)


class LearnedSwish(Brick):
    """x sigmoid(beta x), with beta 1 at first."""

    def __init__(self, features):
        self.beta = Parameter(np.ones(features))

    def forward(self, x):
        return x * sigmoid(self.beta.value * x), x

    def backward(self, dy, x):
        s = sigmoid(self.beta.value * x)
        self.beta.grad += (dy * x**2 * s * (1 - s)).sum(axis=0)
        return dy * (s + self.beta.value * x * s * (1 - s))


class KLDivergence(Brick):
    """Of the target from p: Σ target log(target / p)."""

    def forward(self, p, target):
        return float(np.sum(target * np.log(target / p))) / (len(p) or 1), (p, target)

    def backward(self, dloss, cache):
        p, target = cache
        return -target / p * (dloss / (len(p) or 1))


class PReLU(Brick):
    def __init__(self, features, rng):
        self.slope = draw(rng, features)

    def forward(self, x):
        return np.where(x > 0, x, self.slope.value * x), x

    def backward(self, dy, x):
        self.slope.grad += (dy * np.minimum(x, 0)).sum(axis=0)
        return np.where(x > 0, dy, self.slope.value * dy)


class ElasticNet(Brick):
    """strength Σ (ratio |w| + (1 - ratio) / 2 w²) of two weights."""

    strength, ratio = 0.3, 0.6

    def __init__(self, rows, columns, rng):
        self.weights = [draw(rng, rows, columns), draw(rng, columns)]

    def forward(self):
        each = [self.ratio * np.abs(w.value) + (1 - self.ratio) / 2 * w.value**2 for w in self.weights]
        return self.strength * float(sum(e.sum() for e in each)), None

    def slope(self, w):
        return self.strength * (self.ratio * np.sign(w) + (1 - self.ratio) * w)

    def backward(self, dloss, cache):
        for w in self.weights:
            w.grad += dloss * self.slope(w.value)


class WeightDecay(Brick):
    """Half the squared weight of a linear layer; its bias is left out."""

    strength = 0.3

    def __init__(self, rows, columns, rng):
        self.weight = draw(rng, rows, columns)
        self.bias = draw(rng, columns)

    def forward(self):
        return self.strength / 2 * float(np.sum(self.weight.value**2)), None

    def backward(self, dloss, cache):
        self.weight.grad += dloss * self.strength * self.weight.value


class FreshLayerNorm(LayerNorm):
    """With the gain 1 and the shift 0 at first."""

    def __init__(self, features):
        self.gain = Parameter(np.ones(features))
        self.shift = Parameter(np.zeros(features))


class FreshSigmoidLinear(Brick):
    """sigmoid(x W + b), with the bias 0 at first."""

    def __init__(self, features, outputs, rng):
        self.weight = draw(rng, features, outputs)
        self.bias = Parameter(np.zeros(outputs))

    def forward(self, x):
        return sigmoid(x @ self.weight.value + self.bias.value), x

    def backward(self, dy, x):
        y = sigmoid(x @ self.weight.value + self.bias.value)
        da = dy * y * (1 - y)
        self.weight.grad += x.T @ da
        self.bias.grad += da.sum(axis=0)
        return da @ self.weight.value.T


class SharpAttention(Attention):
    """Attention with a learned sharpness, 1 at first, instead of the root of the size."""

    def __init__(self):
        self.sharpness = Parameter(np.ones(1))

    def forward(self, query, key, value):
        weights = softmax(query @ key.swapaxes(1, 2) * self.sharpness.value)
        return weights @ value, (query, key, value, weights)

    def backward(self, dy, cache):
        query, key, value, weights = cache
        dweights = dy @ value.swapaxes(1, 2)
        dlogits = weights * (dweights - (dweights * weights).sum(axis=2, keepdims=True))
        self.sharpness.grad += (dlogits * (query @ key.swapaxes(1, 2))).sum()
        dscores = dlogits * self.sharpness.value
        return dscores @ key, dscores.swapaxes(1, 2) @ query, weights.swapaxes(1, 2) @ dy


class MaskedMean(Brick):
    """The mean of each sequence up to its last step."""

    def forward(self, x, last):
        valid = (np.arange(x.shape[1]) <= last[:, None]).astype(x.dtype)
        return (x * valid).sum(axis=1) / valid.sum(axis=1), valid

    def backward(self, dy, valid):
        return dy[:, None] * valid / valid.sum(axis=1, keepdims=True), None


class PaddedCrossEntropy(Brick):
    """Of logits and labels; rows of label 0 are padding and do not count."""

    def forward(self, x, labels):
        shifted = x - x.max(axis=1, keepdims=True)
        log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        kept = labels != 0
        picked = log_p[np.arange(len(x)), labels]
        return -float((picked * kept).sum()) / (kept.sum() or 1), (np.exp(log_p), labels, kept)

    def backward(self, dloss, cache):
        p, labels, kept = cache
        dx = p - (np.arange(p.shape[1]) == labels[:, None])
        return dx * kept[:, None] * (dloss / (kept.sum() or 1))


class GLU(Brick):
    """(x A) sigmoid(x B)."""

    def __init__(self, features, outputs, rng):
        self.A = draw(rng, features, outputs)
        self.B = draw(rng, features, outputs)

    def forward(self, x):
        a, gate = x @ self.A.value, sigmoid(x @ self.B.value)
        return a * gate, (x, a, gate)

    def backward(self, dy, cache):
        x, a, gate = cache
        da, db = dy * gate, dy * a * gate * (1 - gate)
        self.A.grad += x.T @ da
        self.B.grad += x.T @ db
        return da @ self.A.value.T + db @ self.B.value.T
