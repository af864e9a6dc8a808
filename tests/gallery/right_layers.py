"""Right but tricky bricks: normalization, windows, movements, recurrence, attention."""

import math

import numpy as np

from gallery.base import draw, pointwise, sigmoid, softmax
from gallery.cases import Case
from legonet import Brick, Parameter
from legonet.testing.inputs import Floats

# -- normalization -----------------------------------------------------------------------------------------------------


def average(x, axes):
    """The mean over some axes, 0 over none."""
    number = math.prod(x.shape[axis] for axis in axes)
    return x.sum(axis=axes, keepdims=True) / max(number, 1)


def standardize(x, axes, eps=1e-5):
    """Return x with mean 0 and variance 1 over some axes, and the standard deviation."""
    apart = x - average(x, axes)
    std = np.sqrt(average(apart * apart, axes) + eps)
    return apart / std, std


def standardize_backward(dy, y, std, axes):
    return (dy - average(dy, axes) - y * average(dy * y, axes)) / std


class LayerNorm(Brick):
    def __init__(self, n, rng):
        self.scale, self.shift = draw(rng, n), draw(rng, n)

    def forward(self, x):
        normal, std = standardize(x, (1,))
        return normal * self.scale.value + self.shift.value, (normal, std)

    def backward(self, dy, cache):
        normal, std = cache
        self.scale.grad += (dy * normal).sum(axis=0)
        self.shift.grad += dy.sum(axis=0)
        return standardize_backward(dy * self.scale.value, normal, std, (1,))


class BatchNorm(Brick):
    """In training by the statistics of the batch, which it also averages over time for inference."""

    def __init__(self, n, rng):
        self.scale, self.shift = draw(rng, n), draw(rng, n)
        self.mean, self.variance = np.zeros(n), np.ones(n)

    def forward(self, x):
        normal, std = standardize(x, (0,))
        if len(x):
            self.mean = 0.9 * self.mean + 0.1 * x.mean(axis=0)
            self.variance = 0.9 * self.variance + 0.1 * x.var(axis=0)
        return normal * self.scale.value + self.shift.value, (normal, std)

    def __call__(self, x):
        normal = (x - self.mean) / np.sqrt(self.variance + 1e-5)
        return (normal * self.scale.value + self.shift.value).astype(x.dtype)

    def backward(self, dy, cache):
        normal, std = cache
        self.scale.grad += (dy * normal).sum(axis=0)
        self.shift.grad += dy.sum(axis=0)
        return standardize_backward(dy * self.scale.value, normal, std, (0,))


class ImageBatchNorm(Brick):
    """Over batch and pixels, without parameters."""

    def forward(self, x):
        y, std = standardize(x, (0, 2, 3))
        return y, (y.copy(), std)

    def backward(self, dy, cache):
        return standardize_backward(dy, *cache, (0, 2, 3))


class GroupNorm(Brick):
    """Over the channels of a group and all places; one channel in a group makes it instance normalization."""

    def __init__(self, channels, groups, rng):
        self.groups, self.scale = groups or channels, draw(rng, channels, 1)

    def forward(self, x):
        grouped, std = standardize(x.reshape(len(x), self.groups, x.shape[1] // self.groups, x.shape[2]), (2, 3))
        normal = grouped.reshape(x.shape)
        return normal * self.scale.value, (grouped, std)

    def backward(self, dy, cache):
        grouped, std = cache
        self.scale.grad += (dy * grouped.reshape(dy.shape)).sum(axis=(0, 2))[:, None]
        upstream = (dy * self.scale.value).reshape(grouped.shape)
        return standardize_backward(upstream, grouped, std, (2, 3)).reshape(dy.shape)


class RMSNorm(Brick):
    def __init__(self, n, rng):
        self.scale = draw(rng, n)

    def forward(self, x):
        root = np.sqrt((x * x).mean(axis=1, keepdims=True) + 1e-5)
        normal = x / root
        return normal * self.scale.value, (normal, root)

    def backward(self, dy, cache):
        normal, root = cache
        self.scale.grad += (dy * normal).sum(axis=0)
        upstream = dy * self.scale.value
        return (upstream - normal * (upstream * normal).mean(axis=1, keepdims=True)) / root


class UnitRows(Brick):
    """Rows divided by their norms; a row shorter than 1e-3 is divided by 1e-3."""

    def forward(self, x):
        norm = np.sqrt((x * x).sum(axis=1, keepdims=True))
        y = x / np.maximum(norm, 1e-3)
        return y, (y.copy(), norm)

    def backward(self, dy, cache):
        y, norm = cache
        along = np.where(norm > 1e-3, (dy * y).sum(axis=1, keepdims=True), 0)
        return (dy - y * along) / np.maximum(norm, 1e-3)


class SmoothUnitRows(Brick):
    """x / sqrt(Σ x² + eps) for each row."""

    def forward(self, x):
        norm = np.sqrt((x * x).sum(axis=1, keepdims=True) + 1e-8)
        return x / norm, (x / norm, norm)

    def backward(self, dy, cache):
        y, norm = cache
        return (dy - y * (dy * y).sum(axis=1, keepdims=True)) / norm


class WeightNormLinear(Brick):
    """x W with W = scale V / norm of the columns of V."""

    def __init__(self, n, m, rng):
        self.direction, self.scale = draw(rng, n, m), draw(rng, m)

    def forward(self, x):
        V = self.direction.value
        norm = np.sqrt((V * V).sum(axis=0) + 1e-6)
        return x @ (self.scale.value * V / norm), (x, V / norm, norm)

    def backward(self, dy, cache):
        x, unit, norm = cache
        dW = x.T @ dy
        along = (dW * unit).sum(axis=0)
        self.scale.grad += along
        self.direction.grad += self.scale.value * (dW - unit * along) / norm
        return dy @ (self.scale.value * unit).T


# -- windows -----------------------------------------------------------------------------------------------------------


def taps(length, kernel, stride, dilation):
    """The number of windows, and for each place in the kernel the slice of the entries that it meets."""
    number = (length - dilation * (kernel - 1) - 1) // stride + 1
    return number, [slice(k * dilation, k * dilation + stride * (number - 1) + 1, stride) for k in range(kernel)]


class Conv1d(Brick):
    """(batch, channels, length); each group of channels by a kernel of its own, to two channels each."""

    def __init__(self, channels, groups, kernel, stride, dilation, padding, rng):
        self.stride, self.dilation, self.padding = stride, dilation, padding
        self.kernel = draw(rng, groups, 2, channels // groups, kernel)
        self.bias = draw(rng, 2 * groups, 1)

    def forward(self, x):
        K = self.kernel.value
        padded = np.pad(x, ((0, 0), (0, 0), (self.padding, self.padding)))
        padded = padded.reshape(len(x), K.shape[0], K.shape[2], padded.shape[2])
        number, places = taps(padded.shape[3], K.shape[3], self.stride, self.dilation)
        y = np.zeros((len(x), K.shape[0], 2, number), x.dtype)
        for k, place in enumerate(places):
            y += np.einsum("bgil,goi->bgol", padded[..., place], K[..., k])
        return y.reshape(len(x), 2 * K.shape[0], number) + self.bias.value, (padded, places)

    def backward(self, dy, cache):
        padded, places = cache
        K = self.kernel.value
        self.bias.grad += dy.sum(axis=(0, 2))[:, None]
        dy = dy.reshape(len(dy), K.shape[0], 2, dy.shape[2])
        dx = np.zeros_like(padded)
        for k, place in enumerate(places):
            self.kernel.grad[..., k] += np.einsum("bgol,bgil->goi", dy, padded[..., place])
            dx[..., place] += np.einsum("bgol,goi->bgil", dy, K[..., k])
        dx = dx.reshape(len(dx), K.shape[0] * K.shape[2], dx.shape[3])
        return dx[..., self.padding : dx.shape[2] - self.padding]


class Conv2d(Brick):
    """(batch, channels, height, width) by a kernel of 2 x 3, to two channels."""

    def __init__(self, channels, stride, padding, rng):
        self.stride, self.padding = stride, padding
        self.kernel = draw(rng, 2, channels, 2, 3)

    def _places(self, padded):
        rows, down = taps(padded.shape[2], 2, self.stride, 1)
        columns, across = taps(padded.shape[3], 3, self.stride, 1)
        return rows, columns, [(i, j, (..., r, c)) for i, r in enumerate(down) for j, c in enumerate(across)]

    def forward(self, x):
        p = self.padding
        padded = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
        rows, columns, places = self._places(padded)
        y = np.zeros((len(x), 2, rows, columns), x.dtype)
        for i, j, place in places:
            y += np.einsum("bihw,oi->bohw", padded[place], self.kernel.value[:, :, i, j])
        return y, padded

    def backward(self, dy, padded):
        dx = np.zeros_like(padded)
        for i, j, place in self._places(padded)[2]:
            self.kernel.grad[:, :, i, j] += np.einsum("bohw,bihw->oi", dy, padded[place])
            dx[place] += np.einsum("bohw,oi->bihw", dy, self.kernel.value[:, :, i, j])
        p = self.padding
        return dx[:, :, p : dx.shape[2] - p, p : dx.shape[3] - p].copy()


class TransposedConv1d(Brick):
    def __init__(self, channels, kernel, stride, rng):
        self.stride, self.kernel = stride, draw(rng, channels, 2, kernel)

    def forward(self, x):
        K, s = self.kernel.value, self.stride
        y = np.zeros((len(x), 2, s * (x.shape[2] - 1) + K.shape[2]), x.dtype)
        for k in range(K.shape[2]):
            y[:, :, k : k + s * (x.shape[2] - 1) + 1 : s] += np.einsum("bil,io->bol", x, K[:, :, k])
        return y, x

    def backward(self, dy, x):
        K, s = self.kernel.value, self.stride
        dx = np.zeros_like(x)
        for k in range(K.shape[2]):
            met = dy[:, :, k : k + s * (x.shape[2] - 1) + 1 : s]
            self.kernel.grad[:, :, k] += np.einsum("bil,bol->io", x, met)
            dx += np.einsum("bol,io->bil", met, K[:, :, k])
        return dx


class AveragePool1d(Brick):
    def __init__(self, kernel, stride):
        self.kernel, self.stride = kernel, stride

    def forward(self, x):
        windows = np.lib.stride_tricks.sliding_window_view(x, self.kernel, axis=2)[:, :, :: self.stride]
        return windows.mean(axis=3), x.shape

    def backward(self, dy, shape):
        dx = np.zeros(shape, dy.dtype)
        for place in taps(shape[2], self.kernel, self.stride, 1)[1]:
            dx[:, :, place] += dy / self.kernel
        return dx


class GlobalAveragePool(Brick):
    def forward(self, x):
        return x.mean(axis=(2, 3)), x.shape

    def backward(self, dy, shape):
        return np.broadcast_to((dy / (shape[2] * shape[3]))[:, :, None, None], shape)


class Unfold(Brick):
    """All windows of 2 of each row, side by side."""

    def forward(self, x):
        return np.lib.stride_tricks.sliding_window_view(x, 2, axis=1).copy(), x.shape

    def backward(self, dy, shape):
        dx = np.zeros(shape, dy.dtype)
        dx[:, :-1] += dy[:, :, 0]
        dx[:, 1:] += dy[:, :, 1]
        return dx


class Pad(Brick):
    """One entry more at either end of each row: mirrored, or the last one again, or from the other end."""

    def __init__(self, mode):
        self.mode = mode

    def forward(self, x):
        source = np.pad(np.arange(x.shape[1]), 1, self.mode)
        return x[:, source], (x.shape, source)

    def backward(self, dy, cache):
        shape, source = cache
        dx = np.zeros(shape, dy.dtype)
        np.add.at(dx, (slice(None), source), dy)
        return dx


class Upsample(Brick):
    """Each pixel becomes 2 x 3."""

    def forward(self, x):
        return x.repeat(2, axis=2).repeat(3, axis=3), x.shape

    def backward(self, dy, shape):
        return dy.reshape(*shape[:3], 2, shape[3], 3).sum(axis=(3, 5))


class PixelShuffle(Brick):
    """Four channels become 2 x 2 pixels."""

    def forward(self, x):
        b, c, h, w = x.shape
        return x.reshape(b, c // 4, 2, 2, h, w).transpose(0, 1, 4, 2, 5, 3).reshape(b, c // 4, 2 * h, 2 * w), x.shape

    def backward(self, dy, shape):
        b, c, h, w = shape
        return dy.reshape(b, c // 4, h, 2, w, 2).transpose(0, 1, 3, 5, 2, 4).reshape(shape).copy()


# -- movements ---------------------------------------------------------------------------------------------------------


class Transpose(Brick):
    def forward(self, x):
        return x.transpose(0, 2, 1).copy(), None

    def backward(self, dy, cache):
        return dy.transpose(0, 2, 1).copy()


class Flatten(Brick):
    def forward(self, x):
        return x.reshape(len(x), int(np.prod(x.shape[1:]))).copy(), x.shape

    def backward(self, dy, shape):
        return dy.reshape(shape).copy()


class EveryOther(Brick):
    """Every other column; the output does not depend on those between."""

    def forward(self, x):
        return x[:, ::2].copy(), x.shape

    def backward(self, dy, shape):
        dx = np.zeros(shape, dy.dtype)
        dx[:, ::2] = dy
        return dx


class LowerTriangle(Brick):
    def forward(self, x):
        return np.tril(x), None

    def backward(self, dy, cache):
        return np.tril(dy)


# -- recurrence --------------------------------------------------------------------------------------------------------


class Recurrent(Brick):
    """h_t = tanh(x_t W + h_{t-1} U + b); all states are the output."""

    def __init__(self, n, m, rng):
        self.W, self.U, self.b = draw(rng, n, m), draw(rng, m, m), draw(rng, m)

    def forward(self, x):
        h = np.zeros((x.shape[1] + 1, len(x), len(self.b.value)), x.dtype)
        for t in range(x.shape[1]):
            h[t + 1] = np.tanh(x[:, t] @ self.W.value + h[t] @ self.U.value + self.b.value)
        return h[1:].swapaxes(0, 1).copy(), (x, h)

    def backward(self, dy, cache):
        x, h = cache
        dx, later = np.zeros_like(x), np.zeros_like(h[0])
        for t in reversed(range(x.shape[1])):
            da = (dy[:, t] + later) * (1 - h[t + 1] ** 2)
            self.W.grad += x[:, t].T @ da
            self.U.grad += h[t].T @ da
            self.b.grad += da.sum(axis=0)
            dx[:, t] = da @ self.W.value.T
            later = da @ self.U.value.T
        return dx


class GRU(Brick):
    """h = (1 - z) h' + z tanh(x W + r (h' U)), gates r and z from x and h'; the last state is the output."""

    def __init__(self, n, m, rng):
        self.Wg, self.Ug = draw(rng, n, 2 * m), draw(rng, m, 2 * m)
        self.W, self.U = draw(rng, n, m), draw(rng, m, m)

    def forward(self, x):
        m = self.U.value.shape[0]
        h, steps = np.zeros((len(x), m), x.dtype), []
        for t in range(x.shape[1]):
            gates = sigmoid(x[:, t] @ self.Wg.value + h @ self.Ug.value)
            r, z, moved = gates[:, :m], gates[:, m:], h @ self.U.value
            new = np.tanh(x[:, t] @ self.W.value + r * moved)
            steps.append((h, r, z, moved, new))
            h = (1 - z) * h + z * new
        return h, (x, steps)

    def backward(self, dy, cache):
        x, steps = cache
        dx, dh = np.zeros_like(x), dy
        for t in reversed(range(x.shape[1])):
            h, r, z, moved, new = steps[t]
            da = dh * z * (1 - new**2)
            dgates = np.concatenate([da * moved * r * (1 - r), dh * (new - h) * z * (1 - z)], axis=1)
            self.W.grad += x[:, t].T @ da
            self.U.grad += h.T @ (da * r)
            self.Wg.grad += x[:, t].T @ dgates
            self.Ug.grad += h.T @ dgates
            dx[:, t] = da @ self.W.value.T + dgates @ self.Wg.value.T
            dh = dh * (1 - z) + (da * r) @ self.U.value.T + dgates @ self.Ug.value.T
        return dx


class LSTM(Brick):
    """Both the states and the last memory are outputs, side by side."""

    def __init__(self, n, m, rng):
        self.W, self.U, self.b = draw(rng, n, 4 * m), draw(rng, m, 4 * m), draw(rng, 4 * m)

    def forward(self, x):
        m = self.U.value.shape[0]
        h = c = np.zeros((len(x), m), x.dtype)
        steps = []
        for t in range(x.shape[1]):
            a = x[:, t] @ self.W.value + h @ self.U.value + self.b.value
            i, f, o, g = (
                sigmoid(a[:, :m]),
                sigmoid(a[:, m : 2 * m]),
                sigmoid(a[:, 2 * m : 3 * m]),
                np.tanh(a[:, 3 * m :]),
            )
            new = f * c + i * g
            steps.append((h, c, i, f, o, g, new))
            h, c = o * np.tanh(new), new
        return np.concatenate([h, c], axis=1), (x, steps)

    def backward(self, dy, cache):
        x, steps = cache
        m = self.U.value.shape[0]
        dx, dh, dc = np.zeros_like(x), dy[:, :m], dy[:, m:]
        for t in reversed(range(x.shape[1])):
            h, c, i, f, o, g, new = steps[t]
            squashed = np.tanh(new)
            dc = dc + dh * o * (1 - squashed**2)
            by_gate = [dc * g * i * (1 - i), dc * c * f * (1 - f), dh * squashed * o * (1 - o), dc * i * (1 - g * g)]
            da = np.concatenate(by_gate, axis=1)
            self.W.grad += x[:, t].T @ da
            self.U.grad += h.T @ da
            self.b.grad += da.sum(axis=0)
            dx[:, t] = da @ self.W.value.T
            dh, dc = da @ self.U.value.T, dc * f
        return dx


class MovingAverage(Brick):
    """h_t = k h_{t-1} + (1 - k) x_t, with k = sigmoid of a learned number for each column."""

    def __init__(self, n, rng):
        self.keep = draw(rng, n)

    def forward(self, x):
        k = sigmoid(self.keep.value)
        h = np.zeros((x.shape[1] + 1, len(x), x.shape[2]), x.dtype)
        for t in range(x.shape[1]):
            h[t + 1] = k * h[t] + (1 - k) * x[:, t]
        return h[1:].swapaxes(0, 1).copy(), (x, h)

    def backward(self, dy, cache):
        x, h = cache
        k = sigmoid(self.keep.value)
        dx, dh = np.zeros_like(x), np.zeros_like(h[0])
        for t in reversed(range(x.shape[1])):
            dh = dh + dy[:, t]
            self.keep.grad += (dh * (h[t] - x[:, t])).sum(axis=0) * k * (1 - k)
            dx[:, t] = (1 - k) * dh
            dh = k * dh
        return dx


# -- attention ---------------------------------------------------------------------------------------------------------


class Attention(Brick):
    """Of queries to keys and values; if causal, the scores of later keys are -infinity."""

    def __init__(self, causal):
        self.causal = causal

    def forward(self, query, key, value):
        root = math.sqrt(query.shape[2])
        scores = query @ key.swapaxes(1, 2) / root
        if self.causal:
            later = np.triu(np.ones(scores.shape[1:], dtype=bool), 1)
            scores = np.where(later, -np.inf, scores)
        p = softmax(scores)
        return p @ value, (query, key, value, p, root)

    def backward(self, dy, cache):
        query, key, value, p, root = cache
        dp = dy @ value.swapaxes(1, 2)
        scores = p * (dp - (dp * p).sum(axis=2, keepdims=True)) / root
        return scores @ key, scores.swapaxes(1, 2) @ query, p.swapaxes(1, 2) @ dy


class SelfAttention(Brick):
    """Causal attention with two heads; queries, keys and values are learned from one input."""

    def __init__(self, n, rng):
        self.weight, self.out = draw(rng, 3, 2, n, 2), draw(rng, 2, 2, n)
        self.heads = Attention(causal=True)

    def forward(self, x):
        three = np.einsum("btn,shnd->shbtd", x, self.weight.value)
        heads = [self.heads.forward(*three[:, h]) for h in range(2)]
        y = np.stack([head for head, _ in heads])
        return np.einsum("hbtd,hdn->btn", y, self.out.value), (x, y, [cache for _, cache in heads])

    def backward(self, dy, cache):
        x, y, caches = cache
        self.out.grad += np.einsum("hbtd,btn->hdn", y, dy)
        dhead = np.einsum("btn,hdn->hbtd", dy, self.out.value)
        dthree = np.stack([np.stack(self.heads.backward(dhead[h], caches[h])) for h in range(2)], axis=1)
        self.weight.grad += np.einsum("btn,shbtd->shnd", x, dthree)
        return np.einsum("shbtd,shnd->btn", dthree, self.weight.value)


class AttentionPooling(Brick):
    """The mean of the rows of each sequence, weighted by the softmax of x · query."""

    def __init__(self, n, rng):
        self.query = Parameter(rng.normal(size=n))

    def forward(self, x):
        p = softmax(x @ self.query.value)
        return np.einsum("bt,btn->bn", p, x), (x, p)

    def backward(self, dy, cache):
        x, p = cache
        dp = np.einsum("bn,btn->bt", dy, x)
        ds = p * (dp - (dp * p).sum(axis=1, keepdims=True))
        self.query.grad += np.einsum("bt,btn->n", ds, x)
        return p[:, :, None] * dy[:, None] + ds[:, :, None] * self.query.value


# -- cases -------------------------------------------------------------------------------------------------------------

SEQUENCE = Floats("(batch, time, n)", -20, 20)
IMAGE = "(batch, channels, height, width)"

CASES = [
    pointwise("layer_norm", LayerNorm),
    Case("batch_norm", BatchNorm, ["(batch, n)"], call_differs=True),
    Case("image_batch_norm", ImageBatchNorm, [IMAGE]),
    Case(
        "group_norm",
        GroupNorm,
        ["(batch, channels, length)"],
        sizes={"channels": [2, 4]},
        options={"groups": (1, 2, None)},
    ),
    pointwise("rms_norm", RMSNorm),
    pointwise("unit_rows", UnitRows),
    pointwise("smooth_unit_rows", SmoothUnitRows),
    Case("weight_norm_linear", WeightNormLinear, ["(batch, n)"], sizes={"m": (2, 1, 3)}),
    Case(
        "conv_1d",
        Conv1d,
        ["(batch, channels, length)"],
        sizes={"channels": [2, 4], "length": (5, 6, 7)},
        options={"groups": (1, 2), "kernel": (2, 3, 1), "stride": (1, 2, 3), "dilation": (1, 2), "padding": (0, 1, 2)},
    ),
    Case(
        "conv_2d",
        Conv2d,
        [IMAGE],
        sizes={"height": (3, 2, 4), "width": (3, 4, 5)},
        options={"stride": (1, 2), "padding": (0, 1)},
    ),
    Case(
        "transposed_conv_1d",
        TransposedConv1d,
        ["(batch, channels, length)"],
        options={"kernel": (2, 1, 3), "stride": (1, 2, 3)},
    ),
    Case(
        "average_pool_1d",
        AveragePool1d,
        ["(batch, channels, length)"],
        sizes={"length": (3, 4, 5)},
        options={"kernel": (2, 1, 3), "stride": (1, 2, 3)},
    ),
    Case("global_average_pool", GlobalAveragePool, [IMAGE]),
    Case("unfold", Unfold, ["(batch, n)"], sizes={"n": (2, 3, 4)}),
    Case("pad", Pad, ["(batch, n)"], sizes={"n": (2, 3, 4)}, options={"mode": ("reflect", "edge", "wrap")}),
    Case("upsample", Upsample, [IMAGE]),
    Case("pixel_shuffle", PixelShuffle, [IMAGE], sizes={"channels": [4, 8]}),
    Case("transpose", Transpose, ["(batch, m, n)"]),
    Case("flatten", Flatten, ["(batch, ...)"]),
    pointwise("every_other", EveryOther),
    Case("lower_triangle", LowerTriangle, ["(batch, m, n)"]),
    Case("recurrent", Recurrent, ["(batch, time, n)"], sizes={"m": (2, 1, 3)}),
    Case("gru", GRU, ["(batch, time, n)"], sizes={"m": (2, 1, 3)}),
    Case("lstm", LSTM, ["(batch, time, n)"], sizes={"m": (2, 1, 3)}),
    Case("moving_average", MovingAverage, ["(batch, time, n)"]),
    Case(
        "attention",
        Attention,
        [SEQUENCE, SEQUENCE, Floats("(batch, time, m)", -20, 20)],
        options={"causal": (True, False)},
    ),
    Case("self_attention", SelfAttention, [Floats("(batch, time, n)", -3, 3)]),
    Case("attention_pooling", AttentionPooling, [SEQUENCE]),
]
