"""Wrong bricks: faults of accumulation, memory, state, dtype, layout, chance and the batch."""

import numpy as np

from gallery.base import sigmoid, softmax, softplus
from gallery.forms_layers import (
    Add,
    Attention,
    AveragePool2d,
    BatchNorm,
    ClippedLinear,
    Conv1d,
    CrossEntropy,
    CumulativeSum,
    Dropout,
    EdgeDifferences,
    Embedding,
    Flatten,
    GatherColumns,
    GaussianSample,
    HardTanh,
    HeadwiseLinear,
    InitialState,
    LayerNorm,
    Linear,
    MaxPool1d,
    Mixup,
    MultiplicativeNoise,
    NearestResize,
    PackedSum,
    Positions,
    RandomizedLeakyReLU,
    Recurrent,
    ReLU,
    Ridge,
    Rotary,
    RowMaximum,
    SiameseScale,
    Sigmoid,
    SmoothedBinaryCrossEntropy,
    Softmax,
    SquaredLoss,
    StochasticDepth,
    Tanh,
    TiedAutoencoder,
    TimeDistributed,
    TopK,
    case,
)
from legonet.testing.inputs import Floats, Integers

# Overwritten


class LinearAssignsBiasGradient(Linear):
    """The gradient of the bias is assigned; only that of the weight is added."""

    def backward(self, dy, x):
        self.weight.grad += x.T @ dy
        self.bias.grad = dy.sum(axis=0)
        return dy @ self.weight.value.T


class EmbeddingClearsGradientFirst(Embedding):
    """The gradient of the table is set to zero before the rows are added."""

    def backward(self, dy, indices):
        self.table.grad[...] = 0
        np.add.at(self.table.grad, indices, dy)


class TiedAutoencoderAssignsDecoderGradient(TiedAutoencoder):
    """The weight is used twice: its first gradient is assigned, its second added."""

    def backward(self, dy, cache):
        x, h = cache
        da = (dy @ self.weight.value) * (1 - h**2)
        self.weight.grad = dy.T @ h
        self.weight.grad += x.T @ da
        return da @ self.weight.value.T


class RecurrentAssignsAtEachStep(Recurrent):
    """The gradient of U is assigned at each time step, so that the first step alone is left."""

    def backward(self, dy, cache):
        x, h = cache
        dx, dh = np.zeros_like(x), np.zeros_like(h[:, 0])
        for t in reversed(range(x.shape[1])):
            da = (dy[:, t] + dh) * (1 - h[:, t + 1] ** 2)
            self.W.grad += x[:, t].T @ da
            self.U.grad = h[:, t].T @ da
            self.b.grad += da.sum(axis=0)
            dx[:, t] = da @ self.W.value.T
            dh = da @ self.U.value.T
        return dx


class RidgeAssignsGradient(Ridge):
    """The gradient of the penalty replaces that of the data term."""

    def backward(self, dloss, cache):
        self.weight.grad = dloss * self.strength * self.weight.value


class Conv1dSumsBiasIntoGradient(Conv1d):
    """``out=`` writes the sum over the gradient of the bias instead of adding it."""

    def backward(self, dy, cache):
        padded, windows = cache
        self.weight.grad += np.einsum("nfl,nclk->fck", dy, windows)
        np.sum(dy, axis=(0, 2), out=self.bias.grad)
        dpadded = self.fold(np.zeros_like(padded), np.einsum("nfl,fck->nclk", dy, self.weight.value))
        return dpadded[:, :, self.padding : padded.shape[2] - self.padding]


class LayerNormAssignsThroughDictionary(LayerNorm):
    """Gradients are collected in a local dictionary and then assigned."""

    def backward(self, dy, cache):
        x_hat, std = cache
        grads = {"gain": (dy * x_hat).sum(axis=0), "shift": dy.sum(axis=0)}
        for name, grad in grads.items():
            getattr(self, name).grad = grad
        d = dy * self.gain.value
        return (d - d.mean(axis=1, keepdims=True) - x_hat * (d * x_hat).mean(axis=1, keepdims=True)) / std


# '=' for '+='


class EmbeddingAddsByFancyIndex(Embedding):
    """``grad[indices] += dy`` counts an index that is repeated only once."""

    def backward(self, dy, indices):
        self.table.grad[indices] += dy


class MaxPool1dAssignsOverlap(MaxPool1d):
    """Where one entry is the greatest of several windows, only the last window counts."""

    def backward(self, dy, cache):
        x, best = cache
        rows, columns = np.arange(len(x))[:, None], best + self.stride * np.arange(best.shape[1])
        dx = np.zeros_like(x)
        dx[rows, columns] = dy
        return dx


class Conv1dAssignsWindows(Conv1d):
    """Windows that overlap overwrite each other's gradient."""

    def fold(self, dpadded, dwindows):
        for place, window in enumerate(self.index(dpadded.shape[2])):
            dpadded[:, :, window] = dwindows[:, :, place]
        return dpadded


class GatherColumnsAddsByFancyIndex(GatherColumns):
    """A column that is picked twice gets one gradient only."""

    def backward(self, dy, cache):
        x, columns = cache
        dx = np.zeros_like(x)
        dx[:, columns] += dy
        return dx, None


class EdgeDifferencesForgetSharedNodes(EdgeDifferences):
    """A node with several edges gets the gradient of one of them."""

    def backward(self, dy, cache):
        x, source, target = cache
        dx = np.zeros_like(x)
        dx[source] += dy
        dx[target] -= dy
        return dx, None, None


class AveragePool2dAssignsWindows(AveragePool2d):
    """Windows that overlap overwrite each other's gradient."""

    def backward(self, dy, x):
        dx = np.zeros_like(x)
        for i, j, window in self.places(x):
            dx[window] = dy[:, i, j, None, None] / self.kernel**2
        return dx


class NearestResizeAssignsCopies(NearestResize):
    """Of several copies of one entry, the last alone counts."""

    def backward(self, dy, cache):
        x, index = cache
        dx = np.zeros_like(x)
        dx[:, index] = dy
        return dx


# Stale state


class LinearKeepsInputOnSelf(Linear):
    """The input is kept on the layer: backward uses that of the latest forward, whatever the cache."""

    def forward(self, x):
        self.x = x
        return super().forward(x)

    def backward(self, dy, cache):
        return super().backward(dy, self.x)


class ReLUKeepsFirstMask(ReLU):
    """The mask is made once for each shape."""

    def __init__(self):
        self.masks = {}

    def forward(self, x):
        mask = self.masks.setdefault(x.shape, x > 0)
        return np.maximum(x, 0), mask

    def backward(self, dy, mask):
        return dy * mask


class BatchNormKeepsStdOnSelf(BatchNorm):
    """The standard deviation is that of the latest forward; the rest comes from the cache."""

    def forward(self, x):
        y, (x_hat, self.std) = super().forward(x)
        return y, x_hat

    def backward(self, dy, x_hat):
        return super().backward(dy, (x_hat, self.std))


class RecurrentCarriesStateGradient(Recurrent):
    """The gradient by the state is carried on from one call of backward into the next."""

    dh = None

    def backward(self, dy, cache):
        x, h = cache
        dx = np.zeros_like(x)
        if self.dh is None or self.dh.shape != h[:, 0].shape:
            self.dh = np.zeros_like(h[:, 0])
        for t in reversed(range(x.shape[1])):
            da = (dy[:, t] + self.dh) * (1 - h[:, t + 1] ** 2)
            self.W.grad += x[:, t].T @ da
            self.U.grad += h[:, t].T @ da
            self.b.grad += da.sum(axis=0)
            dx[:, t] = da @ self.W.value.T
            self.dh = da @ self.U.value.T
        return dx


class SquaredLossAveragesOverCalls(SquaredLoss):
    """A counter of the calls, for a running mean, divides the gradient as well."""

    calls = 0

    def backward(self, dloss, error):
        self.calls += 1
        return error * (dloss / (len(error) or 1) / self.calls)


class AttentionKeepsWeightsOnSelf(Attention):
    """The attention weights, kept on the layer for plots, are those of the latest forward."""

    def forward(self, query, key, value):
        y, (query, key, value, self.weights) = super().forward(query, key, value)
        return y, (query, key, value)

    def backward(self, dy, cache):
        return super().backward(dy, (*cache, self.weights))


class LinearKeepsTransposedWeight(Linear):
    """The transposed weight is copied in the constructor and never made anew."""

    def __init__(self, features, outputs, rng):
        super().__init__(features, outputs, rng)
        self.transposed = self.weight.value.T.copy()

    def backward(self, dy, x):
        super().backward(dy, x)
        return dy @ self.transposed


class SoftmaxPopsFromStack(Softmax):
    """Outputs are pushed on a stack by each forward and popped by backward: one forward more, and they differ."""

    def __init__(self):
        self.stack = []

    def forward(self, x):
        y = softmax(x)
        self.stack.append(y)
        return y, None

    def backward(self, dy, cache):
        return super().backward(dy, self.stack.pop())


# Mutation


class ReLUZeroesUpstream(ReLU):
    """The upstream gradient is masked in place."""

    def backward(self, dy, x):
        dy[x <= 0] = 0
        return dy.copy()


class SoftmaxShiftsInputInPlace(Softmax):
    """The maximum is subtracted from the input itself."""

    def forward(self, x):
        x -= x.max(axis=-1, keepdims=True)
        return super().forward(x)


class CrossEntropySubtractsInCache(CrossEntropy):
    """1 is subtracted in the cached probabilities, so that a second backward subtracts it again."""

    def backward(self, dloss, cache):
        p, labels = cache
        p[np.arange(len(p)), labels] -= 1
        return p * (dloss / (len(p) or 1))


class LinearDecaysWeightInBackward(Linear):
    """Weight decay is applied to the parameter itself in backward."""

    def backward(self, dy, x):
        dx = super().backward(dy, x)
        self.weight.value *= 0.999
        return dx


class SmoothedLabelsInPlace(SmoothedBinaryCrossEntropy):
    """The smoothing is written into the target."""

    def forward(self, x, target):
        target *= 1 - self.smoothing
        target += self.smoothing / 2
        return float(np.sum(softplus(x) - target * x)) / (len(x) or 1), (x, target.copy())


class RecurrentAddsIntoUpstream(Recurrent):
    """The gradient by the state is added into a view of the upstream gradient."""

    def backward(self, dy, cache):
        x, h = cache
        dx = np.zeros_like(x)
        for t in reversed(range(x.shape[1])):
            dh = dy[:, t]
            if t + 1 < x.shape[1]:
                dh += da @ self.U.value.T  # noqa: F821 - of the step after this one
            da = dh * (1 - h[:, t + 1] ** 2)
            self.W.grad += x[:, t].T @ da
            self.U.grad += h[:, t].T @ da
            self.b.grad += da.sum(axis=0)
            dx[:, t] = da @ self.W.value.T
        return dx


class AddSumsIntoFirstInput(Add):
    """The sum is made in the first input, and copied afterwards."""

    def forward(self, a, b):
        a += b
        return a.copy(), None


class CriticClipsWeightInForward(ClippedLinear):
    """The parameter itself is clipped in forward."""

    def forward(self, x):
        np.clip(self.weight.value, -0.5, 0.5, out=self.weight.value)
        return x @ self.weight.value, x


# Aliasing


class TanhReusesGradientBuffer(Tanh):
    """The gradient is written into a buffer that the next backward overwrites."""

    buffer = np.empty(0)

    def backward(self, dy, y):
        if self.buffer.shape != y.shape or self.buffer.dtype != y.dtype:
            self.buffer = np.empty_like(y)
        return np.multiply(dy, 1 - y**2, out=self.buffer)


class SigmoidReusesOutputBuffer(Sigmoid):
    """The output, which is the cache as well, is a buffer that the next forward overwrites."""

    buffer = np.empty(0)

    def forward(self, x):
        if self.buffer.shape != x.shape or self.buffer.dtype != x.dtype:
            self.buffer = np.empty_like(x)
        self.buffer[...] = sigmoid(x)
        return self.buffer, self.buffer


class PositionsAdoptUpstream(Positions):
    """The first gradient is adopted, not copied: the upstream array becomes the parameter's."""

    def backward(self, dy, cache):
        if self.table.grad.any():
            self.table.grad += dy
        else:
            self.table.grad = dy
        return dy.copy()


class InitialStateIsViewOfParameter(InitialState):
    """The output is a view of the parameter: an optimizer's step changes it afterwards."""

    def forward(self, x):
        return np.broadcast_to(self.state.value, (len(x), len(self.state.value))), x


# Dtype


class TanhGradientInFloat32(Tanh):
    """The gradient is computed in float32."""

    def backward(self, dy, y):
        return (dy * (1 - y**2)).astype(np.float32)


class EmbeddingSumsInFloat16(Embedding):
    """Rows are summed in a float16 buffer before they are added to the gradient."""

    def backward(self, dy, indices):
        total = np.zeros(self.table.grad.shape, np.float16)
        np.add.at(total, indices, dy.astype(np.float16))
        self.table.grad += total


class LayerNormStatisticsInFloat16(LayerNorm):
    """The normalized input is cached in float16 to save memory."""

    def forward(self, x):
        y, (x_hat, std) = super().forward(x)
        return y, (x_hat.astype(np.float16).astype(x.dtype), std)


class MaxPool1dGradientIsFloat32(MaxPool1d):
    """The gradient is made as zeros of float32, whatever the dtype of x."""

    def backward(self, dy, cache):
        x, best = cache
        return super().backward(dy.astype(np.float32), (x.astype(np.float32), best))


class TopKGradientIsInteger(TopK):
    """zeros_like of the indices gives integers: the gradient is cut to whole numbers."""

    def backward(self, dy, cache):
        x, order = cache
        dx = np.zeros_like(order, shape=x.shape)
        np.put_along_axis(dx, order, dy, axis=1)
        return dx


class CumulativeSumInFloat32(CumulativeSum):
    """The reversed sum runs in float32 and is cast back."""

    def backward(self, dy, cache):
        return np.cumsum(dy[:, ::-1], axis=1, dtype=np.float32)[:, ::-1].astype(dy.dtype)


class LinearWeightGradientInFloat16(Linear):
    """The product for the weight is taken in half precision for speed."""

    def backward(self, dy, x):
        self.weight.grad += x.astype(np.float16).T @ dy.astype(np.float16)
        self.bias.grad += dy.sum(axis=0)
        return dy @ self.weight.value.T


class RidgeGradientBecomesFloat32(Ridge):
    """The gradient is kept as float32, whatever the dtype of the weight."""

    def backward(self, dloss, cache):
        total = self.weight.grad + dloss * self.strength * self.weight.value
        self.weight.grad = total.astype(np.float32)


# Layout


class ReLURavelsInMemoryOrder(ReLU):
    """Input and upstream gradient are unrolled in the order of memory, which need not be the same."""

    def backward(self, dy, x):
        return np.where(x.ravel(order="K") > 0, dy.ravel(order="K"), 0).reshape(x.shape)


class FlattenReshapesInMemoryOrder(Flatten):
    """``order="A"`` reads a Fortran-ordered upstream gradient by columns."""

    def backward(self, dy, shape):
        return dy.reshape(shape, order="A").copy()


class RowMaximumWritesIntoRavelledCopy(RowMaximum):
    """zeros_like keeps the order of x; if that is Fortran's, ravel gives a copy, and what is written is lost."""

    def backward(self, dy, cache):
        x, best = cache
        dx = np.zeros_like(x)
        dx.ravel()[np.arange(len(x)) * x.shape[1] + best] = dy
        return dx


class RotaryViewsUpstreamAsComplex(Rotary):
    """The upstream gradient is viewed as complex numbers, which fails if its last axis is not contiguous."""

    def backward(self, dy, cache):
        pairs = dy.view(np.result_type(dy.dtype, np.complex64))
        angles = np.exp(-0.7j * np.arange(dy.shape[1])[:, None]).astype(pairs.dtype)
        return (pairs * angles).view(dy.dtype)


class HardTanhBorrowsUpstream(HardTanh):
    """The upstream gradient is masked in place and put back afterwards, which fails if it is read-only."""

    def backward(self, dy, x):
        outside = np.abs(x) >= 1
        kept = dy[outside]
        dy[outside] = 0
        dx = dy.copy()
        dy[outside] = kept
        return dx


# Random


class DropoutRedrawsMask(Dropout):
    """Another mask is drawn in backward."""

    def backward(self, dy, mask):
        return dy * ((self.rng.random(dy.shape) < 0.5).astype(dy.dtype) * 2)


class MultiplicativeNoiseRedrawn(MultiplicativeNoise):
    """Other noise is drawn in backward."""

    def backward(self, dy, factor):
        return dy * (1 + 0.3 * self.rng.normal(size=dy.shape).astype(dy.dtype))


class GaussianSampleRedrawsNoise(GaussianSample):
    """The gradient by the logarithm of the variance uses other noise than the sample."""

    def backward(self, dy, cache):
        std, _ = cache
        return dy.copy(), dy * std * self.rng.normal(size=dy.shape).astype(dy.dtype) / 2


class RandomizedLeakyReLUDrawsSlopesAnew(RandomizedLeakyReLU):
    """The slopes for negative inputs come from a fresh generator in backward."""

    def backward(self, dy, slopes):
        fresh = np.random.default_rng().uniform(0.1, 0.4, dy.shape).astype(dy.dtype)
        return dy * np.where(slopes == 1, 1, fresh)


class StochasticDepthUsesGlobalState(StochasticDepth):
    """Which rows keep the branch is drawn from NumPy's global state in backward."""

    def backward(self, dy, cache):
        x, _ = cache
        kept = (np.random.random((len(x), 1)) < 0.5).astype(x.dtype)  # noqa: NPY002 - the fault
        return dy + dy * kept * (1 - np.tanh(x) ** 2)


# Batch mixed up


class PackedSumNotUnsorted(PackedSum):
    """The gradient stays in the order of the lengths."""

    def backward(self, dy, cache):
        order, valid, packed = cache
        return (dy[order] * (1 - packed**2))[:, None] * valid, None


class TimeDistributedReshapesTimeFirst(TimeDistributed):
    """Rows are (batch, time) flattened, but are unrolled as (time, batch)."""

    def backward(self, dy, x):
        (batch, time, features) = x.shape
        dx = super().backward(dy, x)
        return dx.reshape(time, batch, features).swapaxes(0, 1)


class MixupRollsTheSameWay(Mixup):
    """The rows are rolled forwards in backward as well."""

    def backward(self, dy, cache):
        return 0.7 * dy + 0.3 * np.roll(dy, 1, axis=0)


class LayerNormAveragesOverBatch(LayerNorm):
    """One of the means is taken over all rows, not within each."""

    def backward(self, dy, cache):
        x_hat, std = cache
        self.gain.grad += (dy * x_hat).sum(axis=0)
        self.shift.grad += dy.sum(axis=0)
        d = dy * self.gain.value
        mean = d.sum() / (d.size or 1)
        return (d - mean - x_hat * (d * x_hat).mean(axis=1, keepdims=True)) / std


class HeadwiseLinearReshapesHeads(HeadwiseLinear):
    """(heads, batch) is reshaped to (batch, heads) where the axes should be swapped."""

    def backward(self, dy, x):
        by_head = dy.swapaxes(0, 1)
        self.weight.grad += x.transpose(1, 2, 0) @ by_head
        return (by_head @ self.weight.value.swapaxes(1, 2)).reshape(x.shape)


class SiameseScaleConcatenatesSides(SiameseScale):
    """Even and odd rows are put one after the other, not interleaved."""

    def backward(self, dy, x):
        super().backward(dy, x)
        return np.concatenate([dy[0::2] * self.left.value, dy[1::2] * self.right.value])


ROWS = ["(batch, features)"]
OUTPUTS = {"outputs": (1, 2, 3, 4)}
RECURRENT = ["(batch, time, features)"]
HIDDEN = {"hidden": (1, 2, 3)}
TOKENS = [Integers("(batch, time)", below="vocabulary")]
TABLE = {"features": (1, 2, 3)}
LINE = ["(batch, channels, length)"]
CONV = {"length": (3, 4, 5, 6), "filters": (1, 2), "kernel": (1, 2, 3)}
POOL = {"length": (3, 4, 5, 6), "kernel": (1, 2, 3)}
IMAGE = {"height": (3, 4, 5), "width": (3, 4, 5), "kernel": (1, 2, 3)}
STRIDES = {"stride": (1, 2, 3)}
EDGES = [Integers("(edges,)", below="nodes"), Integers("(edges,)", below="nodes")]
QKV = ["(batch, queries, size)", "(batch, keys, size)", "(batch, keys, values)"]
LABELS = ["(batch, classes)", Integers("(batch,)", below="classes")]
TARGETS = ["(batch, features)", Floats("(batch, features)", constant=True)]
PROBABILITIES = ["(batch, features)", Floats("(batch, features)", low=0, high=1, constant=True)]
TWO = ["(batch, features)", "(batch, features)"]

CASES = [
    case(LinearAssignsBiasGradient, ROWS, "overwritten", sizes=OUTPUTS),
    case(EmbeddingClearsGradientFirst, TOKENS, "overwritten", sizes=TABLE),
    case(TiedAutoencoderAssignsDecoderGradient, ROWS, "overwritten", sizes=HIDDEN),
    case(RecurrentAssignsAtEachStep, RECURRENT, "overwritten", sizes=HIDDEN),
    case(RidgeAssignsGradient, [], "overwritten", sizes={"rows": (1, 2, 3), "columns": (1, 2, 3)}),
    case(Conv1dSumsBiasIntoGradient, LINE, "overwritten", sizes=CONV, options=STRIDES),
    case(LayerNormAssignsThroughDictionary, ROWS, "overwritten"),
    case(EmbeddingAddsByFancyIndex, TOKENS, "scatter", "missing_sum", sizes=TABLE),
    case(MaxPool1dAssignsOverlap, ["(batch, length)"], "scatter", sizes=POOL, options=STRIDES),
    case(Conv1dAssignsWindows, LINE, "scatter", "window", sizes=CONV, options=STRIDES),
    case(GatherColumnsAddsByFancyIndex, ["(batch, features)", Integers("(picked,)", below="features")], "scatter"),
    case(EdgeDifferencesForgetSharedNodes, ["(nodes, features)", *EDGES], "scatter"),
    case(AveragePool2dAssignsWindows, ["(batch, height, width)"], "scatter", "window", sizes=IMAGE, options=STRIDES),
    case(NearestResizeAssignsCopies, ["(batch, length)"], "scatter", sizes={"size": (1, 2, 3, 5, 7)}),
    case(LinearKeepsInputOnSelf, ROWS, "stale_state", sizes=OUTPUTS),
    case(ReLUKeepsFirstMask, ["(batch, ...)"], "stale_state", "mask"),
    case(BatchNormKeepsStdOnSelf, ROWS, "stale_state"),
    case(RecurrentCarriesStateGradient, RECURRENT, "stale_state", sizes=HIDDEN),
    case(SquaredLossAveragesOverCalls, TARGETS, "stale_state"),
    case(AttentionKeepsWeightsOnSelf, QKV, "stale_state"),
    case(LinearKeepsTransposedWeight, ROWS, "stale_state", "forgotten_parameter", sizes=OUTPUTS),
    case(SoftmaxPopsFromStack, ["(batch, classes)"], "stale_state"),
    case(ReLUZeroesUpstream, ["(batch, ...)"], "mutation"),
    case(SoftmaxShiftsInputInPlace, ["(batch, classes)"], "mutation"),
    case(CrossEntropySubtractsInCache, LABELS, "mutation", "aliasing", "stale_state"),
    case(LinearDecaysWeightInBackward, ROWS, "mutation", sizes=OUTPUTS),
    case(SmoothedLabelsInPlace, PROBABILITIES, "mutation"),
    case(RecurrentAddsIntoUpstream, RECURRENT, "mutation", sizes=HIDDEN),
    case(AddSumsIntoFirstInput, TWO, "mutation"),
    case(CriticClipsWeightInForward, ROWS, "mutation", sizes=OUTPUTS),
    case(TanhReusesGradientBuffer, ["(batch, ...)"], "aliasing", "stale_state"),
    case(SigmoidReusesOutputBuffer, ["(batch, ...)"], "aliasing", "stale_state"),
    case(PositionsAdoptUpstream, ["(time, features)"], "aliasing", "mutation"),
    case(InitialStateIsViewOfParameter, ROWS, "aliasing", sizes=HIDDEN),
    case(TanhGradientInFloat32, ["(batch, ...)"], "dtype"),
    case(EmbeddingSumsInFloat16, TOKENS, "dtype", sizes=TABLE),
    case(LayerNormStatisticsInFloat16, ROWS, "dtype"),
    case(MaxPool1dGradientIsFloat32, ["(batch, length)"], "dtype", sizes=POOL, options=STRIDES),
    case(TopKGradientIsInteger, ROWS, "dtype", "not_linear", sizes={"features": (2, 3, 4), "k": (1, 2)}),
    case(CumulativeSumInFloat32, ROWS, "dtype"),
    case(LinearWeightGradientInFloat16, ROWS, "dtype", sizes=OUTPUTS),
    case(RidgeGradientBecomesFloat32, [], "dtype", sizes={"rows": (1, 2, 3), "columns": (1, 2, 3)}),
    case(ReLURavelsInMemoryOrder, ["(batch, ...)"], "layout"),
    case(FlattenReshapesInMemoryOrder, ["(batch, channels, length)"], "layout"),
    case(RowMaximumWritesIntoRavelledCopy, ROWS, "layout"),
    case(RotaryViewsUpstreamAsComplex, ["(batch, time, size)"], "layout", sizes={"size": (2, 4)}),
    case(HardTanhBorrowsUpstream, ["(batch, ...)"], "layout", "mutation"),
    case(DropoutRedrawsMask, ["(batch, ...)"], "random", "mask"),
    case(MultiplicativeNoiseRedrawn, ROWS, "random"),
    case(GaussianSampleRedrawsNoise, ["(batch, latent)", Floats("(batch, latent)", low=-6, high=6)], "random"),
    case(RandomizedLeakyReLUDrawsSlopesAnew, ROWS, "random"),
    case(StochasticDepthUsesGlobalState, ROWS, "random"),
    case(PackedSumNotUnsorted, ["(batch, time)", Integers("(batch,)", below="time")], "batch_mixed"),
    case(TimeDistributedReshapesTimeFirst, RECURRENT, "batch_mixed", "transposed", sizes=OUTPUTS),
    case(MixupRollsTheSameWay, ROWS, "batch_mixed", "wrong_axis"),
    case(LayerNormAveragesOverBatch, ROWS, "batch_mixed", "wrong_axis"),
    case(HeadwiseLinearReshapesHeads, ["(batch, heads, features)"], "batch_mixed", "transposed", sizes=OUTPUTS),
    case(SiameseScaleConcatenatesSides, ROWS, "batch_mixed", "wrong_axis"),
]
