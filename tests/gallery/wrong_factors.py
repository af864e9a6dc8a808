"""Wrong bricks: factors, signs, operands, axes, sums and paths.

Each wrong brick derives from its right form and overrides what is wrong. `wrong_formulas` holds the faults of formulas,
missing pieces, masks and the upstream gradient.
"""

import numpy as np

from gallery.forms_layers import Linear, Softmax, case
from gallery.forms_losses import (
    Attention,
    AveragePool2d,
    BinaryCrossEntropy,
    Conv2d,
    CosineDistance,
    CrossEntropy,
    CrossEntropyInBits,
    EmbeddingBag,
    GlobalAverage,
    HalfSquare,
    LSTMCell,
    MeanSquare,
    MinimalGRU,
    Ridge,
    RNNCell,
    SameConv1d,
    ScaledEmbedding,
    SelfAttention,
    SmoothL1,
    Smoothness,
    SquaredHinge,
)
from gallery.forms_products import (
    AddRow,
    BatchNorm,
    ChannelBias,
    ChannelsLast,
    Cosine,
    CumulativeSum,
    Delay,
    Dropout,
    FiLM,
    Flatten,
    LayerNorm,
    LeCunTanh,
    LinearOutIn,
    LinearRowBias,
    MapScale,
    MaskedMean,
    Permute,
    Positions,
    QuadraticForm,
    Repeat,
    Residual,
    ReverseTime,
    RMSNorm,
    Rotary,
    RowGate,
    ScaledResidual,
    SquareBilinear,
    StandardDeviation,
    Subtract,
    SwapAxes,
    Swish,
    ThirdMoment,
    TiedAutoencoder,
    TimeDistributed,
    Variance,
)
from legonet.testing.inputs import Floats, Integers

# A constant factor


class RidgeForgetsTwo(Ridge):
    """strength w for the derivative of strength w²."""

    def backward(self, dloss, cache):
        self.weight.grad += dloss * self.strength * self.weight.value


class LeCunTanhForgetsInnerSlope(LeCunTanh):
    """The factor 2/3 inside the tanh is left out."""

    def backward(self, dy, t):
        return dy * 1.7159 * (1 - t**2)


class SquaredHingeForgetsTwo(SquaredHinge):
    """max(0, 1 - sign y) for twice that."""

    def backward(self, dloss, cache):
        return super().backward(dloss, cache) / 2


class SmoothL1TakesHubersGradient(SmoothL1):
    """Huber's loss is beta times this one; so is the gradient, which is right for beta = 1 alone."""

    def backward(self, dloss, error):
        return dloss * np.clip(error, -self.beta, self.beta) / (len(error) or 1)


class CrossEntropyInBitsTakesNats(CrossEntropyInBits):
    """The loss is in bits, the gradient that of the natural logarithm."""

    def backward(self, dloss, cache):
        return CrossEntropy.backward(self, dloss, cache)


class DropoutForgetsKeep(Dropout):
    """The mask is applied, but not divided by the probability to keep."""

    def backward(self, dy, mask):
        return dy * mask, None


class ScaledResidualForgetsRootHalf(ScaledResidual):
    """The sum of the paths is right, but not multiplied by the root of 1/2."""

    def backward(self, dy, cache):
        return dy + self.branch(dy, cache)


# A factor that is a size


class MeanSquareAveragesOverRowsOnly(MeanSquare):
    """The loss is averaged over all entries, the gradient over rows: right for one output."""

    def backward(self, dloss, error):
        return dloss * 2 * error / (len(error) or 1)


class CrossEntropyForgetsMean(CrossEntropy):
    """p - onehot, as for the sum of the rows: right for one row."""

    def backward(self, dloss, cache):
        return super().backward(dloss, cache) * len(cache[0])


class LinearDividesByBatch(Linear):
    """The gradients by the parameters are divided by the number of rows, as the loss does already."""

    def backward(self, dy, x):
        rows = len(x) or 1
        self.weight.grad += x.T @ dy / rows
        self.bias.grad += dy.sum(axis=0) / rows
        return dy @ self.weight.value.T


class AttentionForgetsRootOfSize(Attention):
    """The scores are divided by the root of the size of a key, the gradients by query and key are not."""

    def backward(self, dy, cache):
        return super().backward(dy, (*cache[:4], 1.0))


class AveragePool2dDividesBySide(AveragePool2d):
    """Divided by the side of the window for its area."""

    def backward(self, dy, cache):
        return self.spread(dy) / self.kernel


class GlobalAverageForgetsArea(GlobalAverage):
    """The upstream gradient is spread over the image, but not divided by its area."""

    def backward(self, dy, x):
        return np.broadcast_to(dy[:, :, None, None], x.shape).copy()


class MaskedMeanDividesByLength(MaskedMean):
    """Divided by the length of the sequence, padding included."""

    def backward(self, dy, cache):
        x, kept, _ = cache
        return kept * dy[:, None] / x.shape[1], None


class VarianceDividesByN(Variance):
    """Divided by n where the unbiased variance divides by n - 1."""

    def backward(self, dy, centred):
        return dy[:, None] * 2 * centred / centred.shape[1]


class Conv2dAveragesBias(Conv2d):
    """The gradient by the bias is averaged over the image instead of summed."""

    def by_bias(self, dy):
        return dy.mean(axis=(2, 3)).sum(axis=0)


class ScaledEmbeddingForgetsRootOfSize(ScaledEmbedding):
    """The rows are multiplied by the root of their length, their gradient is not."""

    def backward(self, dy, words):
        np.add.at(self.table.grad, words, dy)


class EmbeddingBagForgetsMean(EmbeddingBag):
    """Each word of the bag gets the whole upstream gradient."""

    def backward(self, dy, words):
        np.add.at(self.table.grad, words, np.repeat(dy[:, None], words.shape[1], axis=1))


# The sign


class HalfSquareTakesTargetMinusOutput(HalfSquare):
    """target - y for y - target."""

    def backward(self, dloss, error):
        return -super().backward(dloss, error)


class SubtractAddsSecond(Subtract):
    """What is subtracted gets its gradient with the sign of the first."""

    def backward(self, dy, cache):
        return dy.copy(), dy.copy()


class SoftmaxAddsProduct(Softmax):
    """y (dy + Σ dy y) for y (dy - Σ dy y)."""

    def backward(self, dy, y):
        return y * (dy + (dy * y).sum(axis=-1, keepdims=True))


class BinaryCrossEntropySubtractsBoth(BinaryCrossEntropy):
    """The second term, of log(1 - p), misses the sign of the inner derivative."""

    def backward(self, dloss, cache):
        p, target = cache
        return dloss * (-target / p - (1 - target) / (1 - p)) / (len(p) or 1)


class CosineDistanceForgetsMinus(CosineDistance):
    """The gradient of the cosine, not of 1 minus the cosine."""

    def backward(self, dloss, cache):
        return -super().backward(dloss, cache)


class GRUExchangesStatesInUpdateGate(MinimalGRU):
    """h - n for n - h in the gradient by the update gate."""

    def backward(self, dy, cache):
        x, h, z, r, n = cache
        az = dy * (h - n) * z * (1 - z)
        an = dy * z * (1 - n**2)
        drh = an @ self.Un.value.T
        ar = drh * h * r * (1 - r)
        self.collect(x, h, r, az, ar, an)
        dx = az @ self.Wz.value.T + ar @ self.Wr.value.T + an @ self.Wn.value.T
        return dx, dy * (1 - z) + az @ self.Uz.value.T + ar @ self.Ur.value.T + drh * r


class SmoothnessAddsBothEnds(Smoothness):
    """Both ends of a difference get the same sign."""

    def backward(self, dloss, cache):
        step = dloss * np.diff(self.weight.value)
        self.weight.grad[1:] += step
        self.weight.grad[:-1] += step


# Operands transposed


class RNNCellForgetsTranspose(RNNCell):
    """The gradient by the state before takes U for its transpose: the shapes fit."""

    def backward(self, dy, cache):
        dx, _ = super().backward(dy, cache)
        return dx, dy * (1 - cache[2] ** 2) @ self.U.value


class LinearOutInTransposesGradient(LinearOutIn):
    """xᵀ dy for dyᵀ x: the weight is held as (out, in), and the shapes fit when it is square."""

    def backward(self, dy, x):
        self.weight.grad += x.T @ dy
        return dy @ self.weight.value


class BilinearOuterProductTurned(SquareBilinear):
    """The gradient by W is the outer product of v and u, not of u and v."""

    def backward(self, dy, cache):
        u, v = cache
        d = dy[:, None]
        self.weight.grad += v.T @ (d * u)
        return d * (v @ self.weight.value.T), d * (u @ self.weight.value)


class QuadraticFormTakesSymmetric(QuadraticForm):
    """2 A x, as for a symmetric matrix, for (A + Aᵀ) x."""

    def backward(self, dy, x):
        d = dy[:, None]
        self.matrix.grad += x.T @ (d * x)
        return 2 * d * (x @ self.matrix.value)


class SwapAxesReshapesBack(SwapAxes):
    """Reshaped to the shape of x where the axes must be swapped back."""

    def backward(self, dy, shape):
        return dy.reshape(shape).copy()


class FlattenForgetsTranspose(Flatten):
    """The gradient is reshaped at once to the shape before the axes were swapped."""

    def backward(self, dy, shape):
        return dy.reshape(shape).copy()


class SelfAttentionForgetsTranspose(SelfAttention):
    """The path by the values takes the weights for their transpose."""

    def backward(self, dy, cache):
        weights = cache[1]
        right = super().backward(dy, cache)
        return right - weights.transpose(0, 2, 1) @ dy + weights @ dy


class Conv2dTransposesKernels(Conv2d):
    """Rows and columns of each kernel are exchanged in its gradient."""

    def by_weight(self, dy, x):
        return super().by_weight(dy, x).transpose(0, 1, 3, 2)


class RotaryTurnsOn(Rotary):
    """The gradient is turned by the same rotation, not by the transposed one."""

    def backward(self, dy, cache):
        return self.turn(dy, 1)


# A wrong axis, or the wrong way


class PermuteTakesSameOrder(Permute):
    """The order itself is applied to the gradient, not its inverse."""

    def backward(self, dy, cache):
        return dy[:, self.order]


class DelayRollsOn(Delay):
    """Rolled the same way as in forward."""

    def backward(self, dy, cache):
        return np.roll(dy, 1, axis=1)


class CumulativeSumFromTheStart(CumulativeSum):
    """Summed from the first entry on, as in forward, not from the last one back."""

    def backward(self, dy, cache):
        return np.cumsum(dy, axis=1)


class SameConv1dForgetsFlip(SameConv1d):
    """The upstream gradient is filtered with the kernel itself, not with the flipped one."""

    def backward(self, dy, x):
        super().backward(dy, x)
        return self.correlate(dy, self.weight.value)


class SoftmaxSumsOverBatch(Softmax):
    """The sum of dy y runs over the rows of the batch."""

    def backward(self, dy, y):
        return y * (dy - (dy * y).sum(axis=0, keepdims=True))


class ChannelsLastPermutesOn(ChannelsLast):
    """The same permutation of axes as in forward, which is not its own inverse."""

    def backward(self, dy, cache):
        return dy.transpose(0, 2, 3, 1).copy()


class MapScaleSumsOverColumns(MapScale):
    """The gradient by the scale of the columns is summed over columns and kept for rows."""

    def backward(self, dy, x):
        self.scale.grad += (dy * x).sum(axis=(0, 2))
        return dy * self.scale.value


class ReverseTimeFlipsFeatures(ReverseTime):
    """The last axis is flipped, not the one of time."""

    def backward(self, dy, cache):
        return dy[:, :, ::-1].copy()


# A missing sum


class LinearForgetsBatchSum(Linear):
    """The gradient by the bias is added row by row, which raises an error for more than one row."""

    def backward(self, dy, x):
        self.weight.grad += x.T @ dy
        self.bias.grad += dy
        return dy @ self.weight.value.T


class LinearRowBiasKeepsBatch(LinearRowBias):
    """The sum over the batch is missing: the gradient by the bias gets a row for each row."""

    def backward(self, dy, x):
        self.weight.grad += x.T @ dy
        self.bias.grad = self.bias.grad + dy
        return dy @ self.weight.value.T


class AddRowForgetsBatchSum(AddRow):
    """The vector that is added to each row gets the gradient of the whole batch."""

    def backward(self, dy, cache):
        return dy.copy(), dy.copy()


class RowGateTakesFirstColumn(RowGate):
    """The gradient by the gate was of a wrong shape, and its first column was taken instead of the sum."""

    def backward(self, dy, cache):
        x, gate = cache
        return dy * gate, (dy * x)[:, :1]


class PositionsTakeFirstRow(Positions):
    """The gradient by the table is that of the first row of the batch."""

    def backward(self, dy, cache):
        self.table.grad += dy[0]
        return dy.copy()


class ChannelBiasSumsOverBatchOnly(ChannelBias):
    """The sum over the length is missing, so that the gradient has the shape (channels, length)."""

    def backward(self, dy, cache):
        self.bias.grad = self.bias.grad + dy.sum(axis=0)
        return dy.copy()


class RepeatTakesFirstCopy(Repeat):
    """Of all copies, the first gives its gradient."""

    def backward(self, dy, cache):
        return dy[:, 0].copy()


class TimeDistributedBiasOfLastTime(TimeDistributed):
    """The gradient by the bias is that of the last time only."""

    def backward(self, dy, x):
        self.weight.grad += np.einsum("nti,nto->io", x, dy)
        self.bias.grad += dy[:, -1].sum(axis=0)
        return dy @ self.weight.value.T


# A missing path


class LayerNormForgetsVariance(LayerNorm):
    """The path through the variance is missing."""

    def backward(self, dy, cache):
        super().backward(dy, cache)
        d = dy * self.scale.value
        return (d - d.mean(axis=1, keepdims=True)) / cache[2]


class BatchNormTakesStatisticsAsConstants(BatchNorm):
    """Mean and variance of the batch are taken as constants."""

    def backward(self, dy, cache):
        x_hat, std = cache
        self.scale.grad += (dy * x_hat).sum(axis=0)
        self.shift.grad += dy.sum(axis=0)
        return dy * self.scale.value / std


class RMSNormTakesNormAsConstant(RMSNorm):
    """The path through the root mean square is missing."""

    def backward(self, dy, cache):
        super().backward(dy, cache)
        return dy * self.gain.value / cache[1]


class SoftmaxTakesDiagonal(Softmax):
    """y (1 - y), the diagonal of the Jacobian: what one score does to other outputs is missing."""

    def backward(self, dy, y):
        return dy * y * (1 - y)


class SelfAttentionForgetsKeys(SelfAttention):
    """The path by the keys is missing."""

    def backward(self, dy, cache):
        x, weights = cache
        dweights = dy @ x.transpose(0, 2, 1)
        dscores = weights * (dweights - (dweights * weights).sum(axis=2, keepdims=True))
        return dscores @ x + weights.transpose(0, 2, 1) @ dy


class SwishForgetsGate(Swish):
    """Half of the product rule: the gate is taken as a constant."""

    def backward(self, dy, cache):
        return dy * cache[1]


class ResidualReturnsBranchOnly(Residual):
    """The gradient of the branch alone."""

    def backward(self, dy, cache):
        return self.branch(dy, cache)


class LSTMCellForgetsOutputPath(LSTMCell):
    """The cell state gets its own upstream gradient, but not the one through h = o tanh(c)."""

    def backward(self, dy, cache):
        x, h, c, i, f, g, o, t = cache
        dh, dc = np.split(dy, 2, axis=1)
        da = np.concatenate(self.gates(dh, dc, c, i, f, g, o, t), axis=1)
        self.W.grad += x.T @ da
        self.U.grad += h.T @ da
        self.b.grad += da.sum(axis=0)
        return da @ self.W.value.T, da @ self.U.value.T, dc * f


class GRUForgetsResetPath(MinimalGRU):
    """The state before misses what reaches it through the reset gate."""

    def backward(self, dy, cache):
        _, h, z, r, n = cache
        dx, dh = super().backward(dy, cache)
        ar = dy * z * (1 - n**2) @ self.Un.value.T * h * r * (1 - r)
        return dx, dh - ar @ self.Ur.value.T


class CosineForgetsLength(Cosine):
    """The lengths of both vectors are taken as constants."""

    def backward(self, dy, cache):
        u, v, length_a, length_b = cache
        d = dy[:, None]
        return d * v / length_a, d * u / length_b


class TiedAutoencoderForgetsEncoder(TiedAutoencoder):
    """The shared weight gets the gradient of the decoder only."""

    def backward(self, dy, cache):
        h = cache[1]
        self.weight.grad += dy.T @ h
        return dy @ self.weight.value * (1 - h**2) @ self.weight.value.T


class ThirdMomentForgetsMean(ThirdMoment):
    """The path through the mean is missing; for the variance it would be zero."""

    def backward(self, dy, centred):
        return dy[:, None] * 3 / centred.shape[1] * centred**2


# An extra path


class ResidualAddsSkipAgain(Residual):
    """The branch returns the gradient of the skip as well, and it is added once more."""

    def backward(self, dy, cache):
        return super().backward(dy, cache) + dy


class RNNCellCarriesStateGradient(RNNCell):
    """The state before gets the upstream gradient once more, as if the cell were residual."""

    def backward(self, dy, cache):
        dx, dh = super().backward(dy, cache)
        return dx, dh + dy


class RMSNormSubtractsMean(RMSNorm):
    """The path through the mean, which LayerNorm has and RMSNorm has not."""

    def backward(self, dy, cache):
        right = super().backward(dy, cache)
        d = dy * self.gain.value
        return right - d.mean(axis=1, keepdims=True) / cache[1]


class FiLMAddsIdentity(FiLM):
    """The gradient of x (1 + gamma), a popular variant, where forward has x gamma."""

    def backward(self, dy, cache):
        dx, dgamma, dbeta = super().backward(dy, cache)
        return dx + dy, dgamma, dbeta


class BatchNormAlwaysTraining(BatchNorm):
    """In inference, the statistics are constants; backward takes the paths through them all the same."""

    def backward(self, dy, cache):
        x_hat, std = cache
        self.scale.grad += (dy * x_hat).sum(axis=0)
        self.shift.grad += dy.sum(axis=0)
        d = dy * self.scale.value
        return (d - d.mean(axis=0) - x_hat * (d * x_hat).mean(axis=0)) / std


class LinearAddsWeightDecay(Linear):
    """The gradient of a penalty that forward does not have is added to the weight's."""

    def backward(self, dy, x):
        self.weight.grad += 0.1 * self.weight.value
        return super().backward(dy, x)


class StandardDeviationCountsMeanTwice(StandardDeviation):
    """A path through the mean is subtracted, though it is zero in all."""

    def backward(self, dy, cache):
        right = super().backward(dy, cache)
        return right - (dy / cache[1])[:, None] / cache[0].shape[1]


ROWS = ["(batch, features)"]
PAIR = ["(batch, features)", "(batch, features)"]
TARGETS = ["(batch, outputs)", "(batch, outputs)"]
LABELS = ["(batch, classes)", Integers("(batch,)", below="classes")]
CELL = ["(batch, features)", "(batch, hidden)"]
SEQUENCE = ["(batch, time, features)"]
IMAGES = ["(batch, channels, height, width)"]
WORDS = [Integers("(batch, time)", below="vocabulary")]
QKV = ["(batch, queries, size)", "(batch, keys, size)", "(batch, keys, features)"]
SOME = [1, 2, 3, 4]
OUTPUTS = {"outputs": SOME}
HIDDEN = {"hidden": SOME}
FILTERS = {"filters": SOME, "kernel": [1, 2, 3], "height": [3, 4, 5], "width": [3, 4, 5]}
TILES = {"kernel": [1, 2, 3], "height": [6], "width": [6, 12]}
WEIGHT = {"rows": SOME, "columns": SOME}
TABLE = {"vocabulary": SOME, "features": SOME}

CASES = [
    case(RidgeForgetsTwo, [], "constant_factor", sizes=WEIGHT),
    case(LeCunTanhForgetsInnerSlope, ["(batch, ...)"], "constant_factor"),
    case(SquaredHingeForgetsTwo, ["(batch,)", Integers("(batch,)", below=2)], "constant_factor"),
    case(SmoothL1TakesHubersGradient, TARGETS, "constant_factor", options={"beta": [1.0, 0.5, 2.0]}),
    case(CrossEntropyInBitsTakesNats, LABELS, "constant_factor"),
    case(
        DropoutForgetsKeep,
        ["(batch, features)", Integers("(batch, features)", below=2, dtype=bool)],
        "constant_factor",
        options={"keep": [0.5, 0.8, 1.0]},
    ),
    case(ScaledResidualForgetsRootHalf, ROWS, "constant_factor"),
    case(MeanSquareAveragesOverRowsOnly, TARGETS, "size_factor"),
    case(CrossEntropyForgetsMean, LABELS, "size_factor"),
    case(LinearDividesByBatch, ROWS, "size_factor", sizes=OUTPUTS),
    case(AttentionForgetsRootOfSize, QKV, "size_factor"),
    case(AveragePool2dDividesBySide, ["(batch, height, width)"], "size_factor", sizes=TILES),
    case(GlobalAverageForgetsArea, IMAGES, "size_factor"),
    case(MaskedMeanDividesByLength, ["(batch, time)", Integers("(batch, time)", below=2)], "size_factor", "mask"),
    case(VarianceDividesByN, ROWS, "size_factor", sizes={"features": [2, 3, 4, 5]}),
    case(Conv2dAveragesBias, IMAGES, "size_factor", sizes=FILTERS),
    case(ScaledEmbeddingForgetsRootOfSize, WORDS, "size_factor", sizes=TABLE),
    case(EmbeddingBagForgetsMean, WORDS, "size_factor", sizes=TABLE),
    case(HalfSquareTakesTargetMinusOutput, TARGETS, "sign"),
    case(SubtractAddsSecond, PAIR, "sign"),
    case(SoftmaxAddsProduct, ["(batch, classes)"], "sign"),
    case(
        BinaryCrossEntropySubtractsBoth,
        [Floats("(batch, outputs)", low=0.01, high=0.99), Floats("(batch, outputs)", low=0, high=1, constant=True)],
        "sign",
    ),
    case(CosineDistanceForgetsMinus, PAIR, "sign"),
    case(GRUExchangesStatesInUpdateGate, CELL, "sign"),
    case(SmoothnessAddsBothEnds, [], "sign", sizes={"rows": [2, 3, 4, 5]}),
    case(RNNCellForgetsTranspose, CELL, "transposed"),
    case(LinearOutInTransposesGradient, ROWS, "transposed", "exchanged"),
    case(BilinearOuterProductTurned, PAIR, "transposed", "exchanged"),
    case(QuadraticFormTakesSymmetric, ROWS, "transposed", "wrong_formula", "missing_path"),
    case(SwapAxesReshapesBack, ["(batch, rows, columns)"], "transposed"),
    case(FlattenForgetsTranspose, ["(batch, channels, length)"], "transposed"),
    case(SelfAttentionForgetsTranspose, SEQUENCE, "transposed"),
    case(Conv2dTransposesKernels, IMAGES, "transposed", sizes=FILTERS),
    case(RotaryTurnsOn, ["(batch, time, size)"], "transposed", "sign", "wrong_axis", sizes={"size": [2, 4]}),
    case(PermuteTakesSameOrder, ROWS, "wrong_axis", "transposed", sizes={"features": [3, 4, 5]}),
    case(DelayRollsOn, ["(batch, time)"], "wrong_axis", sizes={"time": [1, 2, 3, 4, 5]}),
    case(CumulativeSumFromTheStart, ["(batch, time)"], "wrong_axis", "transposed"),
    case(SameConv1dForgetsFlip, ["(batch, time)"], "wrong_axis", "transposed"),
    case(SoftmaxSumsOverBatch, ["(batch, classes)"], "wrong_axis", "batch_mixed"),
    case(ChannelsLastPermutesOn, ["(batch, side, side, side)"], "wrong_axis", "transposed"),
    case(MapScaleSumsOverColumns, ["(batch, side, side)"], "wrong_axis", "transposed"),
    case(ReverseTimeFlipsFeatures, SEQUENCE, "wrong_axis"),
    case(LinearForgetsBatchSum, ROWS, "missing_sum", "shape", sizes={"batch": SOME} | OUTPUTS),
    case(LinearRowBiasKeepsBatch, ROWS, "missing_sum", "shape", sizes={"batch": SOME} | OUTPUTS),
    case(AddRowForgetsBatchSum, ["(batch, features)", "(features,)"], "missing_sum", "shape", sizes={"batch": SOME}),
    case(RowGateTakesFirstColumn, ["(batch, features)", "(batch, 1)"], "missing_sum"),
    case(PositionsTakeFirstRow, SEQUENCE, "missing_sum", "upstream_ignored", sizes={"batch": SOME}),
    case(ChannelBiasSumsOverBatchOnly, ["(batch, channels, length)"], "missing_sum", "shape"),
    case(RepeatTakesFirstCopy, ROWS, "missing_sum", "upstream_ignored", sizes={"copies": SOME}),
    case(TimeDistributedBiasOfLastTime, SEQUENCE, "missing_sum", "upstream_ignored", sizes=OUTPUTS),
    case(LayerNormForgetsVariance, ROWS, "missing_path"),
    case(BatchNormTakesStatisticsAsConstants, ROWS, "missing_path", sizes={"batch": SOME}),
    case(RMSNormTakesNormAsConstant, ROWS, "missing_path"),
    case(SoftmaxTakesDiagonal, ["(batch, classes)"], "missing_path"),
    case(SelfAttentionForgetsKeys, SEQUENCE, "missing_path"),
    case(SwishForgetsGate, ["(batch, ...)"], "missing_path"),
    case(ResidualReturnsBranchOnly, ROWS, "missing_path"),
    case(LSTMCellForgetsOutputPath, [*CELL, "(batch, hidden)"], "missing_path", "upstream_ignored"),
    case(GRUForgetsResetPath, CELL, "missing_path"),
    case(CosineForgetsLength, PAIR, "missing_path"),
    case(TiedAutoencoderForgetsEncoder, ROWS, "missing_path", sizes=HIDDEN),
    case(ThirdMomentForgetsMean, ROWS, "missing_path"),
    case(ResidualAddsSkipAgain, ROWS, "extra_path"),
    case(RNNCellCarriesStateGradient, CELL, "extra_path"),
    case(RMSNormSubtractsMean, ROWS, "extra_path"),
    case(FiLMAddsIdentity, ["(batch, channels, length)", *["(batch, channels)"] * 2], "extra_path"),
    case(
        BatchNormAlwaysTraining,
        ROWS,
        "extra_path",
        sizes={"batch": SOME},
        options={"training": [True, False]},
    ),
    case(LinearAddsWeightDecay, ROWS, "extra_path", "not_linear", sizes=OUTPUTS),
    case(StandardDeviationCountsMeanTwice, ROWS, "extra_path", "wrong_formula"),
]
