"""Wrong bricks: faults at ties, at special, large or small values, in windows and for some shapes."""

import numpy as np

from gallery.base import sigmoid
from gallery.forms_layers import BatchNorm, Conv1d, Embedding, Linear, MaxPool1d, RowMaximum, Softmax, SquaredLoss, case
from gallery.forms_special import (
    ELU,
    SELU,
    AbsoluteLoss,
    AveragePool1d,
    BlockMean,
    Charbonnier,
    Clip,
    Conv2d,
    CosineSimilarity,
    CumulativeProduct,
    HardSigmoid,
    Huber,
    InfinityNorm,
    LeakyReLU,
    LogAddExp,
    LogCosh,
    LogEpsilon,
    LogitCrossEntropy,
    LogSoftmax,
    LogSumExp,
    MaskedIdentity,
    Maximum,
    MaxPool2d,
    Mish,
    PairDistance,
    PairwiseSquares,
    Pinball,
    Power,
    ProbabilityCrossEntropy,
    Product,
    ReLU6,
    RMSNorm,
    RowMedian,
    RowNorm,
    RowStandardize,
    SameConv1d,
    Sinc,
    Softplus,
    Sort,
    TopKMean,
    UnbiasedVariance,
    Unfold2d,
    Upsample2d,
)
from legonet.testing.inputs import Floats, Integers

# Ties


class RowMaximumCountsTies(RowMaximum):
    """Each of several greatest entries gets the whole gradient."""

    def backward(self, dy, cache):
        x, _ = cache
        return dy[:, None] * (x == x.max(axis=1, keepdims=True))


class MaximumGivesBothAtTies(Maximum):
    """Where both inputs are equal, both get the whole gradient."""

    def backward(self, dy, cache):
        a, b = cache
        return dy * (a >= b), dy * (b >= a)


class MaximumGivesNoneAtTies(Maximum):
    """Where both inputs are equal, none gets the gradient."""

    def backward(self, dy, cache):
        a, b = cache
        return dy * (a > b), dy * (b > a)


class RowMedianSharesWithEquals(RowMedian):
    """All entries that equal the median get the whole gradient."""

    def backward(self, dy, cache):
        x, y, _ = cache
        return dy[:, None] * (x == y[:, None])


class TopKMeanByThreshold(TopKMean):
    """Entries from the k-th greatest on count, which are more than k at ties."""

    def backward(self, dy, cache):
        x, best, _ = cache
        return dy[:, None] * (x >= best[:, -1:]) / self.k


class SortLooksPlacesUpByValue(Sort):
    """Equal entries all get the gradient of the first place of their value."""

    def backward(self, dy, cache):
        x, _ = cache
        places = (x[:, None, :] < x[:, :, None]).sum(axis=2)
        return np.take_along_axis(dy, places, axis=1)


class InfinityNormCountsTies(InfinityNorm):
    """Each of several entries of the greatest size gets the whole gradient."""

    def backward(self, dy, x):
        size = np.abs(x)
        return dy[:, None] * np.sign(x) * (size == size.max(axis=1, keepdims=True))


class MaxPool2dCountsTies(MaxPool2d):
    """The mask of a window holds each of its greatest entries."""

    def backward(self, dy, blocks):
        return self.unblock(dy[..., None] * (blocks == blocks.max(axis=3, keepdims=True)))


# Not finite


class RowNormDividesByZero(RowNorm):
    """0/0 for a row of zeros."""

    def backward(self, dy, cache):
        x, y = cache
        return dy[:, None] * x / y[:, None]


class PairDistanceOfEqualPoints(PairDistance):
    """0/0 for two equal points."""

    def backward(self, dy, cache):
        difference, y = cache
        da = dy[:, None] * difference / y[:, None]
        return da, -da


class LogSoftmaxThroughProbabilities(LogSoftmax):
    """The chain rule through p = softmax(x): dy/p is infinite where p is 0, and then multiplied by 0."""

    def backward(self, dy, y):
        p = np.exp(y)
        dp = dy / p
        return p * (dp - (dp * p).sum(axis=1, keepdims=True))


class SoftplusRatioOfExponentials(Softplus):
    """exp(x) / (1 + exp(x)) is infinity by infinity for large x."""

    def backward(self, dy, x):
        e = np.exp(x)
        return dy * e / (1 + e)


class ELUMultipliesInfinityByMask(ELU):
    """The exponential is taken of positive inputs as well, and infinity times 0 is NaN."""

    def backward(self, dy, x):
        return dy * ((x > 0) + (x <= 0) * np.exp(x))


class PowerDividesByInput(Power):
    """n y / x is 0/0 at 0."""

    def backward(self, dy, cache):
        x, y = cache
        return dy * self.exponent * y / x


class AbsoluteLossDividesBySize(AbsoluteLoss):
    """error / |error| is 0/0 where the target is met."""

    def backward(self, dloss, error):
        return error / np.abs(error) * (dloss / (len(error) or 1))


class LogitCrossEntropyThroughProbability(LogitCrossEntropy):
    """The chain rule through p = sigmoid(x): p (1 - p) is divided by, then multiplied with, and may be 0."""

    def backward(self, dloss, cache):
        x, target = cache
        p = sigmoid(x)
        dp = (p - target) / (p * (1 - p))
        return dp * p * (1 - p) * (dloss / (len(x) or 1))


# Special values


class ProductSkipsZeros(Product):
    """y / x for each factor, and 0 where x is 0: wrong if it is the only 0."""

    def backward(self, dy, cache):
        x, y = cache
        return dy[:, None] * np.divide(y[:, None], x, out=np.zeros_like(x), where=x != 0)


class CumulativeProductSkipsZeros(CumulativeProduct):
    """The reversed sum of dy y is divided by x, and set to 0 where x is 0."""

    def backward(self, dy, cache):
        x, y = cache
        total = np.cumsum((dy * y)[:, ::-1], axis=1)[:, ::-1]
        return np.divide(total, x, out=np.zeros_like(x), where=x != 0)


class EmbeddingSkipsIndexZero(Embedding):
    """Index 0 is taken for padding in backward alone."""

    def backward(self, dy, indices):
        np.add.at(self.table.grad, indices[indices != 0], dy[indices != 0])


class MaskRecoveredFromOutput(MaskedIdentity):
    """The mask is found again as y != 0, which is wrong where x is 0."""

    def forward(self, x, mask):
        return x * mask, x * mask

    def backward(self, dy, y):
        return dy * (y != 0), None


class SincSlopeOneAtZero(Sinc):
    """At 0 the value, 1, stands for the derivative, 0."""

    def backward(self, dy, x):
        return np.where(x == 0, dy, super().backward(dy, x))


class HuberLeavesBorderOut(Huber):
    """An error of exactly delta is neither below nor above it, and gets no gradient."""

    def slope(self, error):
        size, delta = np.abs(error), self.delta
        return error * (size < delta) + delta * np.sign(error) * (size > delta)


# Thresholds


class HuberForgetsDeltaBeyond(Huber):
    """Beyond delta the slope is taken to be 1."""

    def slope(self, error):
        return np.where(np.abs(error) <= self.delta, error, np.sign(error))


class ReLU6ForgetsUpperBound(ReLU6):
    """The mask is that of a plain rectifier."""

    def backward(self, dy, x):
        return dy * (x > 0)


class LeakyReLUStopsNegatives(LeakyReLU):
    """Negative inputs get no gradient."""

    def backward(self, dy, x):
        return dy * (x > 0)


class SELUForgetsScaleOfNegatives(SELU):
    """The slope of negative inputs is taken from the output as y + alpha, without the scale of alpha."""

    def backward(self, dy, cache):
        x, y = cache
        return dy * np.where(x > 0, self.scale, y + self.alpha)


class SoftplusCutInBackwardOnly(Softplus):
    """Beyond 4 the slope counts as 1."""

    def backward(self, dy, x):
        return dy * np.where(x > 4, 1, sigmoid(x))


class HardSigmoidOtherBorders(HardSigmoid):
    """The borders are those of another hard sigmoid, 3 instead of 2.5."""

    def backward(self, dy, x):
        return dy * 0.2 * (np.abs(x) < 3)


class PinballSameSlopeAbove(Pinball):
    """Estimates that are too high get the slope tau instead of 1 - tau."""

    def backward(self, dloss, error):
        return -self.tau * np.sign(error) * (dloss / (len(error) or 1))


class ClipTestsOneBound(Clip):
    """|x| is compared with the upper bound, as if the bounds were symmetric."""

    def backward(self, dy, x):
        return dy * (np.abs(x) < self.high)


# Epsilon


class BatchNormAddsEpsilonToStd(BatchNorm):
    """Forward divides by sqrt(var + epsilon), backward by sqrt(var) + epsilon."""

    def backward(self, dy, cache):
        x_hat, std = cache
        var = np.maximum(std**2 - self.epsilon, 0)
        return super().backward(dy, (x_hat, np.sqrt(var) + self.epsilon))


class RMSNormEpsilonInsideRoot(RMSNorm):
    """The formula for epsilon inside of the root, where forward has it outside."""

    def backward(self, dy, cache):
        x, rms = cache
        r = rms + self.epsilon
        self.gain.grad += (dy * x / r).sum(axis=0)
        d = dy * self.gain.value
        return (d - x / r * (d * x / r).mean(axis=1, keepdims=True)) / r


class CosineSimilarityAddsEpsilonToNorm(CosineSimilarity):
    """The norms are made anew in backward, with epsilon outside of the root."""

    def backward(self, dy, cache):
        a, b, y, _, _ = cache
        a_norm = np.sqrt((a**2).sum(axis=1, keepdims=True)) + self.epsilon
        b_norm = np.sqrt((b**2).sum(axis=1, keepdims=True)) + self.epsilon
        return super().backward(dy, (a, b, y, a_norm, b_norm))


class LogClampsInsteadOfAdding(LogEpsilon):
    """Forward adds epsilon to x, backward takes x to be at least epsilon."""

    def backward(self, dy, x):
        return dy / np.maximum(x, self.epsilon)


class ProbabilityCrossEntropyEpsilonInDenominator(ProbabilityCrossEntropy):
    """(p - target) / (p (1 - p) + epsilon), where forward has epsilon inside of both logarithms."""

    def backward(self, dloss, cache):
        p, target = cache
        return (p - target) / (p * (1 - p) + self.epsilon) * (dloss / (len(p) or 1))


class CharbonnierEpsilonOutsideRoot(Charbonnier):
    """error / (|error| + epsilon)."""

    def backward(self, dloss, error):
        return error / (np.abs(error) + self.epsilon) * (dloss / (len(error) or 1))


# Overflow and cancellation


class LogSumExpWithoutShift(LogSumExp):
    """Forward subtracts the maximum, backward does not."""

    def backward(self, dy, cache):
        x, _ = cache
        e = np.exp(x)
        return dy[:, None] * e / e.sum(axis=1, keepdims=True)


class LogCoshByExponentials(LogCosh):
    """tanh is written out in exp(2x)."""

    def backward(self, dy, x):
        e = np.exp(2 * x)
        return dy * (e - 1) / (e + 1)


class MishClosedForm(Mish):
    """The closed form of the derivative holds exp(4x), which overflows long before the function does."""

    def backward(self, dy, x):
        e = np.exp(x)
        omega = 4 * (x + 1) + 4 * e**2 + e**3 + e * (4 * x + 6)
        delta = 2 * e + e**2 + 2
        return dy * e * omega / delta**2


class LogAddExpRatio(LogAddExp):
    """exp(a) / (exp(a) + exp(b)): infinity by infinity, or 0/0."""

    def backward(self, dy, cache):
        a, b = np.exp(cache[0]), np.exp(cache[1])
        return dy * a / (a + b), dy * b / (a + b)


class SincCancelsNearZero(Sinc):
    """(x cos(x) - sin(x)) / x² loses all digits near 0."""

    def backward(self, dy, x):
        safe = np.where(x == 0, 1, x)
        return np.where(x == 0, 0, dy * (safe * np.cos(safe) - np.sin(safe)) / safe**2)


class RowStandardizeVarianceCancels(RowStandardize):
    """Backward makes the variance anew as the mean square less the square of the mean."""

    def backward(self, dy, cache):
        x, centred, _ = cache
        var = (x**2).mean(axis=1, keepdims=True) - x.mean(axis=1, keepdims=True) ** 2
        return super().backward(dy, (x, centred, np.sqrt(np.maximum(var, 0) + self.epsilon)))


# Windows


class Conv1dForgetsStride(Conv1d):
    """The gradient of each window goes to its number, not to its number times the stride."""

    def fold(self, dpadded, dwindows):
        for place in range(dwindows.shape[2]):
            dpadded[:, :, place : place + self.kernel] += dwindows[:, :, place]
        return dpadded


class Conv1dForgetsDilation(Conv1d):
    """The gradient of the weight is taken from windows without gaps."""

    def backward(self, dy, cache):
        padded, windows = cache
        starts = self.stride * np.arange(windows.shape[2])
        return super().backward(dy, (padded, padded[:, :, starts[:, None] + np.arange(self.kernel)]))


class Conv2dCropsAtOrigin(Conv2d):
    """The padding is cut off at one end only."""

    def crop(self, dpadded, height, width):
        return dpadded[:, :, :height, :width]


class MaxPool1dMultipliesByKernel(MaxPool1d):
    """The places of the windows are told from the kernel, not from the stride."""

    def backward(self, dy, cache):
        x, best = cache
        columns = np.minimum(best + self.kernel * np.arange(best.shape[1]), x.shape[1] - 1)
        dx = np.zeros_like(x)
        np.add.at(dx, (np.arange(len(x))[:, None], columns), dy)
        return dx


class AveragePool1dCountsPadding(AveragePool1d):
    """Forward leaves the padding out of the means, backward divides by the whole window."""

    def backward(self, dy, x):
        return self.spread(dy / 3)


class SameConv1dEvenKernel(SameConv1d):
    """The crop is off by one for even kernels."""

    def backward(self, dy, padded):
        left = len(self.weight.value) // 2
        return self.spread(dy, padded)[:, left : left + dy.shape[1]]


class Unfold2dExchangesPlaces(Unfold2d):
    """The places of the windows are read with height and width exchanged."""

    def backward(self, dy, x):
        k = self.kernel
        windows = dy.reshape(len(x), x.shape[2] - k + 1, x.shape[1] - k + 1, k, k)
        return self.fold(windows.swapaxes(1, 2), x)


class BlockMeanFillsRemainder(BlockMean):
    """The entries left over get the gradient of the last block."""

    def backward(self, dy, x):
        dx = np.repeat(dy / 3, 3, axis=1)
        return np.pad(dx, ((0, 0), (0, x.shape[1] - dx.shape[1])), mode="edge")


# Shapes


class LinearSqueezesGradient(Linear):
    """squeeze drops the batch axis of a single row, or the feature axis of a single column."""

    def backward(self, dy, x):
        return np.squeeze(super().backward(dy, x))


class PairwiseSquaresLoopsOverSquare(PairwiseSquares):
    """The loop over the rows of b stops at the number of rows of a."""

    def backward(self, dy, cache):
        a, b = cache
        da, db, n = np.zeros_like(a), np.zeros_like(b), len(a)
        for i in range(n):
            for j, row in enumerate(b[:n]):
                d = 2 * dy[i, j] * (a[i] - row)
                da[i] += d
                db[j] -= d
        return da, db


class Upsample2dExchangesSides(Upsample2d):
    """Height and width are exchanged: right for squares."""

    def backward(self, dy, shape):
        n, height, width = shape
        return dy.reshape(n, width, 2, height, 2).sum(axis=(2, 4)).reshape(shape)


class UnbiasedVarianceOfOneFeature(UnbiasedVariance):
    """Forward guards against a single feature, backward divides by 0."""

    def backward(self, dy, centred):
        return 2 * dy[:, None] * centred / (centred.shape[1] - 1)


class SquaredLossOfEmptyBatch(SquaredLoss):
    """Forward guards against an empty batch, backward divides by 0."""

    def backward(self, dloss, error):
        return error * (dloss / len(error))


class SoftmaxStacksRows(Softmax):
    """One row after the other, stacked: there is nothing to stack in an empty batch."""

    def backward(self, dy, y):
        return np.stack([p * (d - d @ p) for p, d in zip(y, dy, strict=True)])


class SoftmaxSumsOverAxisOne(Softmax):
    """Axis 1 is the last one of a matrix, but not of arrays of more axes."""

    def backward(self, dy, y):
        return y * (dy - (dy * y).sum(axis=1, keepdims=True))


ROWS = ["(batch, features)"]
ANY = ["(batch, ...)"]
TWO = ["(batch, features)", "(batch, features)"]
TARGETS = ["(batch, features)", Floats("(batch, features)", constant=True)]
PROBABILITIES = ["(batch, features)", Floats("(batch, features)", low=0, high=1, constant=True)]
BINARY = [Floats("(batch, features)", low=0, high=1), PROBABILITIES[1]]
LINE = ["(batch, length)"]
KERNELS = {"kernel": (1, 2, 3)}
CONV = {"length": (3, 4, 5, 6), "filters": (1, 2), "kernel": (1, 2, 3)}
DILATED = {"length": (5, 6, 7), "filters": (1, 2), "kernel": (1, 2, 3)}
IMAGE = {"height": (3, 4, 5), "width": (3, 4, 5), "kernel": (1, 2, 3)}
EVEN = {"height": (2, 4), "width": (2, 4, 6)}

CASES = [
    case(RowMaximumCountsTies, ROWS, "ties"),
    case(MaximumGivesBothAtTies, TWO, "ties", "extra_path"),
    case(MaximumGivesNoneAtTies, TWO, "ties", "missing_path"),
    case(RowMedianSharesWithEquals, ROWS, "ties"),
    case(TopKMeanByThreshold, ROWS, "ties", sizes={"features": (2, 3, 4), "k": (1, 2)}),
    case(SortLooksPlacesUpByValue, ROWS, "ties"),
    case(InfinityNormCountsTies, ROWS, "ties"),
    case(MaxPool2dCountsTies, ["(batch, height, width)"], "ties", sizes=EVEN),
    case(RowNormDividesByZero, ROWS, "nonfinite", "special_value"),
    case(PairDistanceOfEqualPoints, TWO, "nonfinite", "special_value", "ties"),
    case(LogSoftmaxThroughProbabilities, ["(batch, classes)"], "nonfinite", "overflow"),
    case(SoftplusRatioOfExponentials, ANY, "nonfinite", "overflow"),
    case(ELUMultipliesInfinityByMask, ANY, "nonfinite", "overflow"),
    case(PowerDividesByInput, ANY, "nonfinite", "special_value", options={"exponent": (2, 3)}),
    case(AbsoluteLossDividesBySize, TARGETS, "nonfinite", "special_value", "ties"),
    case(LogitCrossEntropyThroughProbability, PROBABILITIES, "nonfinite", "overflow"),
    case(ProductSkipsZeros, ROWS, "special_value"),
    case(CumulativeProductSkipsZeros, ROWS, "special_value"),
    case(
        EmbeddingSkipsIndexZero,
        [Integers("(batch, time)", below="vocabulary")],
        "special_value",
        "mask",
        "missing_gradient",
        sizes={"features": (1, 2, 3)},
    ),
    case(
        MaskRecoveredFromOutput,
        ["(batch, features)", Integers("(batch, features)", below=2, dtype=np.bool_)],
        "special_value",
        "mask",
    ),
    case(SincSlopeOneAtZero, ANY, "special_value"),
    case(HuberLeavesBorderOut, TARGETS, "special_value", options={"delta": (1.0, 0.5)}),
    case(HuberForgetsDeltaBeyond, TARGETS, "threshold", options={"delta": (1.0, 0.5, 2.0)}),
    case(ReLU6ForgetsUpperBound, ANY, "threshold", "mask"),
    case(LeakyReLUStopsNegatives, ANY, "threshold", "mask", "missing_gradient"),
    case(SELUForgetsScaleOfNegatives, ANY, "threshold"),
    case(SoftplusCutInBackwardOnly, ANY, "threshold"),
    case(HardSigmoidOtherBorders, ANY, "threshold", "mask"),
    case(PinballSameSlopeAbove, TARGETS, "threshold"),
    case(ClipTestsOneBound, ANY, "threshold", "mask", options={"low": (-1.0, 0.0), "high": (2.0, 1.0)}),
    case(BatchNormAddsEpsilonToStd, ROWS, "epsilon"),
    case(RMSNormEpsilonInsideRoot, ROWS, "epsilon"),
    case(CosineSimilarityAddsEpsilonToNorm, TWO, "epsilon"),
    case(LogClampsInsteadOfAdding, [Floats("(batch, features)", low=0)], "epsilon"),
    case(ProbabilityCrossEntropyEpsilonInDenominator, BINARY, "epsilon"),
    case(CharbonnierEpsilonOutsideRoot, TARGETS, "epsilon"),
    case(LogSumExpWithoutShift, ROWS, "overflow", "nonfinite"),
    case(LogCoshByExponentials, ANY, "overflow", "nonfinite"),
    case(MishClosedForm, ANY, "overflow", "nonfinite"),
    case(LogAddExpRatio, TWO, "overflow", "nonfinite"),
    case(SincCancelsNearZero, ANY, "overflow", "special_value"),
    case(RowStandardizeVarianceCancels, [Floats("(batch, features)", low=1e6, high=1e6 + 1)], "overflow"),
    case(Conv1dForgetsStride, ["(batch, channels, length)"], "window", sizes=CONV, options={"stride": (1, 2)}),
    case(Conv1dForgetsDilation, ["(batch, channels, length)"], "window", sizes=DILATED, options={"dilation": (1, 2)}),
    case(
        Conv2dCropsAtOrigin,
        ["(batch, channels, height, width)"],
        "window",
        sizes={**IMAGE, "channels": (1, 2), "filters": (1, 2)},
        options={"padding": (0, 1)},
    ),
    case(
        MaxPool1dMultipliesByKernel,
        LINE,
        "window",
        sizes={"length": (3, 4, 5, 6), **KERNELS},
        options={"stride": (1, 2, 3)},
    ),
    case(AveragePool1dCountsPadding, LINE, "window", sizes={"length": (2, 3, 4, 5)}),
    case(SameConv1dEvenKernel, LINE, "window", sizes={"length": (3, 4, 5), "kernel": (1, 2, 3, 4)}),
    case(
        Unfold2dExchangesPlaces, ["(batch, height, width)"], "window", "shape", "transposed", "exchanged", sizes=IMAGE
    ),
    case(BlockMeanFillsRemainder, LINE, "window", sizes={"length": (3, 4, 5, 6, 7)}),
    case(LinearSqueezesGradient, ROWS, "shape", sizes={"outputs": (1, 2, 3, 4)}),
    case(PairwiseSquaresLoopsOverSquare, ["(rows, size)", "(others, size)"], "shape", "missing_path"),
    case(Upsample2dExchangesSides, ["(batch, height, width)"], "shape", "transposed"),
    case(UnbiasedVarianceOfOneFeature, ROWS, "shape", "nonfinite"),
    case(SquaredLossOfEmptyBatch, TARGETS, "shape", "nonfinite"),
    case(SoftmaxStacksRows, ["(batch, classes)"], "shape"),
    case(SoftmaxSumsOverAxisOne, ANY, "shape", "wrong_axis"),
]
