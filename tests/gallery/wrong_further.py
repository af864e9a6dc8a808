"""Wrong bricks: faults of the formula - factors, signs, sums, paths, variables, masks and the upstream gradient."""

import math

import numpy as np

from gallery.base import sigmoid, softplus
from gallery.forms_further import (
    GELU,
    GLU,
    AttentionScores,
    Bilinear,
    BroadcastAdd,
    CausalScores,
    Concatenate,
    Distillation,
    ElasticNet,
    FreshLayerNorm,
    FreshSigmoidLinear,
    GlobalAveragePool,
    KLDivergence,
    LearnedSwish,
    Log2,
    Logistic,
    MaskedMean,
    MatrixProduct,
    MeanSquares,
    MultiQueryScores,
    PaddedCrossEntropy,
    PReLU,
    Residual,
    ReZero,
    ScaledEmbedding,
    SharpAttention,
    SharpSoftplus,
    SiLU,
    Softmin,
    TanhHalf,
    Tile,
    WeightDecay,
)
from gallery.forms_layers import (
    BatchNorm,
    Conv1d,
    CrossEntropy,
    CumulativeSum,
    LayerNorm,
    Linear,
    Recurrent,
    ReLU,
    Ridge,
    Softmax,
    case,
)
from gallery.forms_products import ChannelBias, ChannelsLast, Divide, Multiply, Softsign
from gallery.forms_special import (
    AbsoluteLoss,
    CosineSimilarity,
    Huber,
    LeakyReLU,
    LogSumExp,
    Mish,
    ProbabilityCrossEntropy,
    RMSNorm,
)
from legonet.testing.inputs import Floats, Integers

# A constant factor


class TanhHalfForgetsHalf(TanhHalf):
    """The 1/2 of the inner derivative is forgotten."""

    def backward(self, dy, y):
        return dy * (1 - y**2)


class SharpSoftplusKeepsDivisor(SharpSoftplus):
    """The 1 / beta of forward is kept, although it cancels against the inner derivative."""

    def backward(self, dy, x):
        return dy * sigmoid(self.beta * x) / self.beta


class Log2AsNaturalLogarithm(Log2):
    """1 / x, the derivative of the natural logarithm."""

    def backward(self, dy, x):
        return dy / x


class RidgeDoubled(Ridge):
    """The derivative of w² without the 1/2 that forward has."""

    def backward(self, dloss, cache):
        self.weight.grad += 2 * dloss * self.strength * self.weight.value


class DistillationKeepsSquaredTemperature(Distillation):
    """The factor T² of forward is kept: the 1 / T of the inner derivative is forgotten."""

    def backward(self, dloss, cache):
        p, target = cache
        return self.temperature**2 * (p - target) * (dloss / (len(p) or 1))


# A size as factor


class MeanSquaresDivideByRows(MeanSquares):
    """Forward takes the mean over all entries, backward divides by the number of rows."""

    def backward(self, dloss, error):
        return 2 * error * (dloss / (len(error) or 1))


class CrossEntropyForgetsBatch(CrossEntropy):
    """p - one-hot, not divided by the number of rows."""

    def backward(self, dloss, cache):
        p, labels = cache
        return dloss * (p - (np.arange(p.shape[1]) == labels[:, None]))


class GlobalAveragePoolForgetsWidth(GlobalAveragePool):
    """Divides by the height alone."""

    def backward(self, dy, x):
        return np.ones_like(x) * dy[:, :, None, None] / x.shape[2]


class ScaledEmbeddingForgetsScale(ScaledEmbedding):
    """The root of the number of features is forgotten."""

    def backward(self, dy, indices):
        np.add.at(self.table.grad, indices, dy)


class LinearAveragesOverBatch(Linear):
    """The gradients of the parameters are divided by the batch size, which is the task of the loss."""

    def backward(self, dy, x):
        n = len(x) or 1
        self.weight.grad += x.T @ dy / n
        self.bias.grad += dy.sum(axis=0) / n
        return dy @ self.weight.value.T


class RMSNormSumsProjection(RMSNorm):
    """The projection on the output is a sum over the features where it should be a mean."""

    def backward(self, dy, cache):
        x, rms = cache
        r = rms + self.epsilon
        self.gain.grad += (dy * x / r).sum(axis=0)
        d = dy * self.gain.value
        unit = x / np.where(rms == 0, 1, rms)
        return (d - x / r * (d * unit).sum(axis=1, keepdims=True)) / r


# The sign


class DivideForgetsMinus(Divide):
    """The derivative of 1 / b without its minus."""

    def backward(self, dy, cache):
        a, b = cache
        return dy / b, dy * a / b**2


class BatchNormAddsProjection(BatchNorm):
    """The term of the standard deviation is added where it should be subtracted."""

    def backward(self, dy, cache):
        x_hat, std = cache
        n = len(dy) or 1
        self.gain.grad += (dy * x_hat).sum(axis=0)
        self.shift.grad += dy.sum(axis=0)
        d = dy * self.gain.value
        return (d - d.sum(axis=0) / n + x_hat * ((d * x_hat).sum(axis=0) / n)) / std


class SoftminForgetsMinus(Softmin):
    """The derivative of softmax, without the minus of its argument."""

    def backward(self, dy, y):
        return y * (dy - (dy * y).sum(axis=-1, keepdims=True))


class ProbabilityCrossEntropySignOfSecondTerm(ProbabilityCrossEntropy):
    """The derivative of log(1 - p) without its minus."""

    def backward(self, dloss, cache):
        p, target = cache
        e = self.epsilon
        return -(target / (p + e) + (1 - target) / (1 - p + e)) * (dloss / (len(p) or 1))


# Transposed


class BilinearTransposesWeightGradient(Bilinear):
    """bᵀ a instead of aᵀ b."""

    def backward(self, dy, cache):
        a, b = cache
        self.weight.grad += b.T @ (dy[:, None] * a)
        return dy[:, None] * (b @ self.weight.value.T), dy[:, None] * (a @ self.weight.value)


class RecurrentForgetsTranspose(Recurrent):
    """The square matrix of the state is not transposed on the way back."""

    def backward(self, dy, cache):
        x, h = cache
        dx, dh = np.zeros_like(x), np.zeros_like(h[:, 0])
        for t in reversed(range(x.shape[1])):
            da = (dy[:, t] + dh) * (1 - h[:, t + 1] ** 2)
            self.W.grad += x[:, t].T @ da
            self.U.grad += h[:, t].T @ da
            self.b.grad += da.sum(axis=0)
            dx[:, t] = da @ self.W.value.T
            dh = da @ self.U.value
        return dx


class AttentionScoresKeepQueriesFirst(AttentionScores):
    """The gradient of the keys needs the scores transposed."""

    def backward(self, dy, cache):
        query, key = cache
        d = dy / math.sqrt(query.shape[2])
        return d @ key, d @ query


class MatrixProductMultipliesFromLeft(MatrixProduct):
    """bᵀ dy instead of dy bᵀ."""

    def backward(self, dy, cache):
        a, b = cache
        return b.swapaxes(1, 2) @ dy, a.swapaxes(1, 2) @ dy


# The wrong axis


class SoftmaxSumsOverRows(Softmax):
    """The inner sum runs over the batch, not over the classes."""

    def backward(self, dy, y):
        return y * (dy - (dy * y).sum(axis=0))


class Conv1dFlipsKernel(Conv1d):
    """The kernel is flipped, although the loop over the windows already goes the right way."""

    def backward(self, dy, cache):
        padded, windows = cache
        self.weight.grad += np.einsum("nfl,nclk->fck", dy, windows)
        self.bias.grad += dy.sum(axis=(0, 2))
        dwindows = np.einsum("nfl,fck->nclk", dy, self.weight.value[:, :, ::-1])
        dpadded = self.fold(np.zeros_like(padded), dwindows)
        return dpadded[:, :, self.padding : padded.shape[2] - self.padding]


class ChannelsLastPermutesOnwards(ChannelsLast):
    """The permutation of forward once more, not its inverse."""

    def backward(self, dy, cache):
        return dy.transpose(0, 2, 3, 1).copy()


class CumulativeSumForwards(CumulativeSum):
    """Sums from the first step on, where each entry needs the sum of the later ones."""

    def backward(self, dy, cache):
        return np.cumsum(dy, axis=1)


# A missing sum


class BroadcastAddForgetsSum(BroadcastAdd):
    """The row gets the gradients of all rows, not their sum."""

    def backward(self, dy, cache):
        return dy.copy(), dy.copy()


class ChannelBiasForgetsLength(ChannelBias):
    """Summed over the batch, not over the length."""

    def backward(self, dy, cache):
        self.bias.grad = self.bias.grad + dy.sum(axis=0)
        return dy.copy()


class TileTakesFirstCopy(Tile):
    """The gradients of the copies are not summed: that of the first one stands for all."""

    def backward(self, dy, shape):
        return dy[:, : shape[1]].copy()


class MultiQueryScoresKeepLastHead(MultiQueryScores):
    """The loop over the heads assigns the gradient of the key that they share."""

    def backward(self, dy, cache):
        query, key = cache
        dkey = np.zeros_like(key)
        for head in range(query.shape[1]):
            dkey = dy[:, head].swapaxes(1, 2) @ query[:, head]
        return dy @ key[:, None], dkey


# A missing path


class ResidualForgetsSkip(Residual):
    """The gradient of the branch alone."""

    def backward(self, dy, cache):
        return self.branch(dy, cache)


class LayerNormTakesStdAsConstant(LayerNorm):
    """The standard deviation, which depends on x too, is taken for a constant."""

    def backward(self, dy, cache):
        x_hat, std = cache
        self.gain.grad += (dy * x_hat).sum(axis=0)
        self.shift.grad += dy.sum(axis=0)
        d = dy * self.gain.value
        return (d - d.mean(axis=1, keepdims=True)) / std


class SoftmaxDiagonalAlone(Softmax):
    """y (1 - y), as if each output came from its own input alone."""

    def backward(self, dy, y):
        return dy * y * (1 - y)


class RecurrentForgetsLaterSteps(Recurrent):
    """No gradient goes back from a step to the one before."""

    def backward(self, dy, cache):
        x, h = cache
        da = dy * (1 - h[:, 1:] ** 2)
        self.W.grad += np.einsum("ntf,nth->fh", x, da)
        self.U.grad += np.einsum("ntg,nth->gh", h[:, :-1], da)
        self.b.grad += da.sum(axis=(0, 1))
        return da @ self.W.value.T


class CosineSimilarityTakesNormsAsConstants(CosineSimilarity):
    """The other vector over both norms: the norms depend on the inputs too."""

    def backward(self, dy, cache):
        a, b, _, a_norm, b_norm = cache
        d = dy[:, None] / (a_norm * b_norm)
        return d * b, d * a


# An extra path


class ResidualCountsSkipTwice(Residual):
    """The skip is in the gradient of the branch already, and added once more."""

    def backward(self, dy, cache):
        dbranch = dy + self.branch(dy, cache)
        return dbranch + dy


class CrossEntropyThroughSoftmaxAgain(CrossEntropy):
    """p - one-hot is the gradient by the logits already, and goes through softmax once more."""

    def backward(self, dloss, cache):
        p, _ = cache
        d = super().backward(dloss, cache)
        return p * (d - (d * p).sum(axis=1, keepdims=True))


class RecurrentLetsStateGradientPass(Recurrent):
    """The gradient of the state is also handed on past the cell, as if there were a skip."""

    def backward(self, dy, cache):
        x, h = cache
        dx, dh = np.zeros_like(x), np.zeros_like(h[:, 0])
        for t in reversed(range(x.shape[1])):
            dh = dy[:, t] + dh
            da = dh * (1 - h[:, t + 1] ** 2)
            self.W.grad += x[:, t].T @ da
            self.U.grad += h[:, t].T @ da
            self.b.grad += da.sum(axis=0)
            dx[:, t] = da @ self.W.value.T
            dh = dh + da @ self.U.value.T
        return dx


class WeightDecayOfBiasToo(WeightDecay):
    """The bias decays as well, although forward leaves it out."""

    def backward(self, dloss, cache):
        for parameter in (self.weight, self.bias):
            parameter.grad += dloss * self.strength * parameter.value


# Another formula


class GELUOfOtherApproximation(GELU):
    """The derivative of x sigmoid(1.702 x), another approximation of the same function."""

    def backward(self, dy, x):
        s = sigmoid(1.702 * x)
        return dy * (s + 1.702 * x * s * (1 - s))


class SoftsignSquaresInput(Softsign):
    """1 / (1 + x²) instead of 1 / (1 + |x|)²."""

    def backward(self, dy, x):
        return dy / (1 + x**2)


class KLDivergenceReversed(KLDivergence):
    """The derivative of p log(p / target), the divergence the other way round."""

    def backward(self, dloss, cache):
        p, target = cache
        return (np.log(p / target) + 1) * (dloss / (len(p) or 1))


class RidgeAddsPenalty(Ridge):
    """Each weight's share of the penalty itself is added, not its derivative."""

    def backward(self, dloss, cache):
        self.weight.grad += dloss * self.strength / 2 * self.weight.value**2


# The wrong variable


class LogisticOfInput(Logistic):
    """x (1 - x) instead of y (1 - y)."""

    def backward(self, dy, x):
        return dy * x * (1 - x)


class SiLUTakesInputForOutput(SiLU):
    """s + y (1 - s) with x in the place of y."""

    def backward(self, dy, x):
        s = sigmoid(x)
        return dy * (s + x * (1 - s))


class MishSlopeAtSoftplus(Mish):
    """The derivative of softplus is taken at softplus(x) instead of x."""

    def backward(self, dy, x):
        a = softplus(x)
        t = np.tanh(a)
        return dy * (t + x * (1 - t**2) * sigmoid(a))


class RecurrentTakesStateAfter(Recurrent):
    """The gradient of the state's matrix holds the state after the step, not the one before."""

    def backward(self, dy, cache):
        x, h = cache
        dx, dh = np.zeros_like(x), np.zeros_like(h[:, 0])
        for t in reversed(range(x.shape[1])):
            da = (dy[:, t] + dh) * (1 - h[:, t + 1] ** 2)
            self.W.grad += x[:, t].T @ da
            self.U.grad += h[:, t + 1].T @ da
            self.b.grad += da.sum(axis=0)
            dx[:, t] = da @ self.W.value.T
            dh = da @ self.U.value.T
        return dx


class BatchNormGainByOutput(BatchNorm):
    """The gradient of the gain holds the output, gain and shift included, not the normalized input."""

    def backward(self, dy, cache):
        x_hat, std = cache
        n = len(dy) or 1
        y = x_hat * self.gain.value + self.shift.value
        self.gain.grad += (dy * y).sum(axis=0)
        self.shift.grad += dy.sum(axis=0)
        d = dy * self.gain.value
        return (d - d.sum(axis=0) / n - x_hat * ((d * x_hat).sum(axis=0) / n)) / std


# A missing gradient


class LinearForgetsBias(Linear):
    """The bias gets no gradient."""

    def backward(self, dy, x):
        self.weight.grad += x.T @ dy
        return dy @ self.weight.value.T


class MultiplyGivesNoneForSecond(Multiply):
    """The second input is taken for data."""

    def backward(self, dy, cache):
        _, b = cache
        return dy * b, None


class ConcatenateStopsSecond(Concatenate):
    """The gradient of the second part is left at zero."""

    def backward(self, dy, size):
        return dy[:, :size].copy(), np.zeros_like(dy[:, size:])


class ElasticNetStopsAfterFirst(ElasticNet):
    """The loop returns after the first of the weights."""

    def backward(self, dloss, cache):
        for w in self.weights:
            w.grad += dloss * self.slope(w.value)
            return


class PReLUForgetsSlope(PReLU):
    """The learned slope gets no gradient."""

    def backward(self, dy, x):
        return np.where(x > 0, dy, self.slope.value * dy)


# A forgotten parameter


class LayerNormForgetsGain(FreshLayerNorm):
    """The gradient of x lacks the gain, which is 1 at first."""

    def backward(self, dy, cache):
        x_hat, std = cache
        self.gain.grad += (dy * x_hat).sum(axis=0)
        self.shift.grad += dy.sum(axis=0)
        return (dy - dy.mean(axis=1, keepdims=True) - x_hat * (dy * x_hat).mean(axis=1, keepdims=True)) / std


class LearnedSwishForgetsBeta(LearnedSwish):
    """The inner derivative lacks beta, which is 1 at first."""

    def backward(self, dy, x):
        s = sigmoid(self.beta.value * x)
        self.beta.grad += (dy * x**2 * s * (1 - s)).sum(axis=0)
        return dy * (s + x * s * (1 - s))


class ReZeroLeavesBranchOut(ReZero):
    """Nothing goes back through the branch, whose factor is 0 at first."""

    def backward(self, dy, cache):
        _, h = cache
        self.alpha.grad += (dy * h).sum()
        return dy.copy()


class SigmoidLinearForgetsBias(FreshSigmoidLinear):
    """The output is made anew without the bias, which is 0 at first."""

    def backward(self, dy, x):
        y = sigmoid(x @ self.weight.value)
        da = dy * y * (1 - y)
        self.weight.grad += x.T @ da
        self.bias.grad += da.sum(axis=0)
        return da @ self.weight.value.T


class SharpAttentionForgetsSharpness(SharpAttention):
    """The gradients of query and key lack the sharpness, which is 1 at first."""

    def backward(self, dy, cache):
        query, key, value, weights = cache
        dweights = dy @ value.swapaxes(1, 2)
        dscores = weights * (dweights - (dweights * weights).sum(axis=2, keepdims=True))
        self.sharpness.grad += (dscores * (query @ key.swapaxes(1, 2))).sum()
        return dscores @ key, dscores.swapaxes(1, 2) @ query, weights.swapaxes(1, 2) @ dy


# The mask


class MaskedMeanReachesPadding(MaskedMean):
    """The steps after the last one get the gradient as well."""

    def backward(self, dy, valid):
        return np.ones_like(valid) * dy[:, None] / valid.sum(axis=1, keepdims=True), None


class PaddedCrossEntropyReachesPadding(PaddedCrossEntropy):
    """Rows of padding get a gradient as well."""

    def backward(self, dloss, cache):
        p, labels, kept = cache
        dx = p - (np.arange(p.shape[1]) == labels[:, None])
        return dx * (dloss / (kept.sum() or 1))


class LeakyReLUInverted(LeakyReLU):
    """The slope is taken where x is positive, and 1 where it is not."""

    def backward(self, dy, x):
        return np.where(x > 0, self.slope * dy, dy)


class CausalScoresForgetMask(CausalScores):
    """The scores of later steps, which are constants, hand their gradients on."""

    def backward(self, dy, cache):
        return AttentionScores.backward(self, dy, cache)


class ReLUForgetsMask(ReLU):
    """The upstream gradient goes back as it is."""

    def backward(self, dy, x):
        return dy.copy()


# Upstream gradient ignored


class HuberForgetsUpstream(Huber):
    """The upstream gradient of the loss is taken to be 1."""

    def backward(self, dloss, error):
        return self.slope(error) / (len(error) or 1)


class LogSumExpForgetsUpstream(LogSumExp):
    """The softmax of x, not multiplied by the upstream gradient."""

    def backward(self, dy, cache):
        x, y = cache
        return np.exp(x - y[:, None])


class ElasticNetForgetsUpstream(ElasticNet):
    """The upstream gradient of the penalty is taken to be 1."""

    def backward(self, dloss, cache):
        for w in self.weights:
            w.grad += self.slope(w.value)


class RecurrentTakesLastStepAlone(Recurrent):
    """Of the upstream gradients, only that of the last step is used."""

    def backward(self, dy, cache):
        last = np.zeros_like(dy)
        last[:, -1] = dy[:, -1]
        return super().backward(last, cache)


# Not linear in the upstream gradient


class ReLUGuided(ReLU):
    """Negative upstream gradients are stopped as well, as in guided backpropagation."""

    def backward(self, dy, x):
        return np.maximum(dy, 0) * (x > 0)


class RecurrentClipsGradient(Recurrent):
    """Gradients are clipped to [-1, 1] at each step, which is the task of the training loop."""

    def backward(self, dy, cache):
        x, h = cache
        dx, dh = np.zeros_like(x), np.zeros_like(h[:, 0])
        for t in reversed(range(x.shape[1])):
            da = np.clip((dy[:, t] + dh) * (1 - h[:, t + 1] ** 2), -1, 1)
            self.W.grad += x[:, t].T @ da
            self.U.grad += h[:, t].T @ da
            self.b.grad += da.sum(axis=0)
            dx[:, t] = da @ self.W.value.T
            dh = da @ self.U.value.T
        return dx


class LinearNormalizesWeightGradient(Linear):
    """The gradient of the weight is scaled to the norm 1."""

    def backward(self, dy, x):
        dweight = x.T @ dy
        self.weight.grad += dweight / (np.linalg.norm(dweight) + 1e-8)
        self.bias.grad += dy.sum(axis=0)
        return dy @ self.weight.value.T


class AbsoluteLossSignOfProduct(AbsoluteLoss):
    """The sign is taken of the error times the upstream gradient."""

    def backward(self, dloss, error):
        return np.sign(error * dloss) / (len(error) or 1)


# Exchanged


class MultiplyGivesOwnFactor(Multiply):
    """Each input gets itself as factor, not the other."""

    def backward(self, dy, cache):
        a, b = cache
        return dy * a, dy * b


class LayerNormExchangesGainAndShift(LayerNorm):
    """The gradients of the gain and the shift are exchanged."""

    def backward(self, dy, cache):
        x_hat, std = cache
        self.shift.grad += (dy * x_hat).sum(axis=0)
        self.gain.grad += dy.sum(axis=0)
        d = dy * self.gain.value
        return (d - d.mean(axis=1, keepdims=True) - x_hat * (d * x_hat).mean(axis=1, keepdims=True)) / std


class AttentionScoresReturnKeyFirst(AttentionScores):
    """The gradient of the key is returned first."""

    def backward(self, dy, cache):
        dquery, dkey = super().backward(dy, cache)
        return dkey, dquery


class GLUExchangesBranches(GLU):
    """The gradients of the two weights are exchanged."""

    def backward(self, dy, cache):
        x, a, gate = cache
        da, db = dy * gate, dy * a * gate * (1 - gate)
        self.A.grad += x.T @ db
        self.B.grad += x.T @ da
        return da @ self.A.value.T + db @ self.B.value.T


ANY = ["(batch, ...)"]
ROWS = ["(batch, features)"]
CLASSES = ["(batch, classes)"]
TWO = ["(batch, features)", "(batch, features)"]
TARGETS = ["(batch, features)", Floats("(batch, features)", constant=True)]
LABELS = ["(batch, classes)", Integers("(batch,)", below="classes")]
BINARY = [Floats("(batch, features)", low=0, high=1), Floats("(batch, features)", low=0, high=1, constant=True)]
SHARE = Floats("(batch, classes)", low=0.05, high=1, constant=True)
DISTRIBUTION = SHARE.map(lambda x: x / x.sum(axis=1, keepdims=True))
RECURRENT = ["(batch, time, features)"]
SCORES = ["(batch, time, size)", "(batch, time, size)"]
QKV = ["(batch, queries, size)", "(batch, keys, size)", "(batch, keys, values)"]
OUTPUTS = {"outputs": (1, 2, 3, 4)}
HIDDEN = {"hidden": (1, 2, 3)}
WEIGHT = {"rows": (1, 2, 3), "columns": (1, 2, 3)}
TABLE = {"features": (2, 3, 4)}
MULTI_QUERY = ["(batch, heads, queries, size)", "(batch, keys, size)"]
CONV = {"length": (3, 4, 5, 6), "filters": (1, 2), "kernel": (1, 2, 3)}

CASES = [
    case(TanhHalfForgetsHalf, ANY, "constant_factor"),
    case(SharpSoftplusKeepsDivisor, ANY, "constant_factor"),
    case(Log2AsNaturalLogarithm, [Floats("(batch, ...)", low=0.1)], "constant_factor", "wrong_formula"),
    case(RidgeDoubled, [], "constant_factor", sizes=WEIGHT),
    case(DistillationKeepsSquaredTemperature, ["(batch, classes)", DISTRIBUTION], "constant_factor"),
    case(MeanSquaresDivideByRows, TARGETS, "size_factor"),
    case(CrossEntropyForgetsBatch, LABELS, "size_factor"),
    case(GlobalAveragePoolForgetsWidth, ["(batch, channels, height, width)"], "size_factor"),
    case(ScaledEmbeddingForgetsScale, [Integers("(batch, time)", below="vocabulary")], "size_factor", sizes=TABLE),
    case(LinearAveragesOverBatch, ROWS, "size_factor", sizes=OUTPUTS),
    case(RMSNormSumsProjection, ROWS, "size_factor"),
    case(DivideForgetsMinus, ["(batch, features)", Floats("(batch, features)", low=0.3)], "sign"),
    case(BatchNormAddsProjection, ROWS, "sign"),
    case(SoftminForgetsMinus, CLASSES, "sign"),
    case(ProbabilityCrossEntropySignOfSecondTerm, BINARY, "sign"),
    case(BilinearTransposesWeightGradient, TWO, "transposed"),
    case(RecurrentForgetsTranspose, RECURRENT, "transposed", sizes=HIDDEN),
    case(AttentionScoresKeepQueriesFirst, SCORES, "transposed"),
    case(MatrixProductMultipliesFromLeft, ["(batch, size, size)", "(batch, size, size)"], "transposed"),
    case(SoftmaxSumsOverRows, CLASSES, "wrong_axis", "batch_mixed"),
    case(Conv1dFlipsKernel, ["(batch, channels, length)"], "wrong_axis", sizes=CONV),
    case(ChannelsLastPermutesOnwards, ["(batch, size, size, size)"], "wrong_axis", "transposed"),
    case(CumulativeSumForwards, ROWS, "wrong_axis"),
    case(BroadcastAddForgetsSum, ["(batch, features)", "(features,)"], "missing_sum", "shape"),
    case(ChannelBiasForgetsLength, ["(batch, channels, length)"], "missing_sum", "shape"),
    case(TileTakesFirstCopy, ROWS, "missing_sum", "missing_path"),
    case(MultiQueryScoresKeepLastHead, MULTI_QUERY, "missing_sum", "scatter", "overwritten", "missing_path"),
    case(ResidualForgetsSkip, ROWS, "missing_path"),
    case(LayerNormTakesStdAsConstant, ROWS, "missing_path"),
    case(SoftmaxDiagonalAlone, CLASSES, "missing_path", "wrong_formula"),
    case(RecurrentForgetsLaterSteps, RECURRENT, "missing_path", sizes=HIDDEN),
    case(CosineSimilarityTakesNormsAsConstants, TWO, "missing_path"),
    case(ResidualCountsSkipTwice, ROWS, "extra_path"),
    case(CrossEntropyThroughSoftmaxAgain, LABELS, "extra_path", "wrong_formula"),
    case(RecurrentLetsStateGradientPass, RECURRENT, "extra_path", sizes=HIDDEN),
    case(WeightDecayOfBiasToo, [], "extra_path", sizes=WEIGHT),
    case(GELUOfOtherApproximation, ANY, "wrong_formula"),
    case(SoftsignSquaresInput, ANY, "wrong_formula"),
    case(KLDivergenceReversed, [Floats("(batch, classes)", low=0.05, high=1), SHARE], "wrong_formula"),
    case(RidgeAddsPenalty, [], "wrong_formula", "wrong_variable", sizes=WEIGHT),
    case(LogisticOfInput, ANY, "wrong_variable", "wrong_formula"),
    case(SiLUTakesInputForOutput, ANY, "wrong_variable", "wrong_formula"),
    case(MishSlopeAtSoftplus, ANY, "wrong_variable"),
    case(RecurrentTakesStateAfter, RECURRENT, "wrong_variable", sizes=HIDDEN),
    case(BatchNormGainByOutput, ROWS, "wrong_variable"),
    case(LinearForgetsBias, ROWS, "missing_gradient", sizes=OUTPUTS),
    case(MultiplyGivesNoneForSecond, TWO, "missing_gradient"),
    case(ConcatenateStopsSecond, ["(batch, left)", "(batch, right)"], "missing_gradient"),
    case(ElasticNetStopsAfterFirst, [], "missing_gradient", sizes=WEIGHT),
    case(PReLUForgetsSlope, ROWS, "missing_gradient"),
    case(LayerNormForgetsGain, ROWS, "forgotten_parameter"),
    case(LearnedSwishForgetsBeta, ROWS, "forgotten_parameter"),
    case(ReZeroLeavesBranchOut, ROWS, "forgotten_parameter", "missing_path", "missing_gradient"),
    case(SigmoidLinearForgetsBias, ROWS, "forgotten_parameter", sizes=OUTPUTS),
    case(SharpAttentionForgetsSharpness, QKV, "forgotten_parameter"),
    case(MaskedMeanReachesPadding, ["(batch, time)", Integers("(batch,)", below="time")], "mask"),
    case(PaddedCrossEntropyReachesPadding, LABELS, "mask"),
    case(LeakyReLUInverted, ANY, "mask", "exchanged"),
    case(CausalScoresForgetMask, SCORES, "mask"),
    case(ReLUForgetsMask, ANY, "mask"),
    case(HuberForgetsUpstream, TARGETS, "upstream_ignored", options={"delta": (1.0, 0.5)}),
    case(LogSumExpForgetsUpstream, CLASSES, "upstream_ignored"),
    case(ElasticNetForgetsUpstream, [], "upstream_ignored", sizes=WEIGHT),
    case(RecurrentTakesLastStepAlone, RECURRENT, "upstream_ignored", "missing_path", sizes=HIDDEN),
    case(ReLUGuided, ANY, "not_linear"),
    case(RecurrentClipsGradient, RECURRENT, "not_linear", sizes=HIDDEN),
    case(LinearNormalizesWeightGradient, ROWS, "not_linear", sizes=OUTPUTS),
    case(AbsoluteLossSignOfProduct, TARGETS, "not_linear", "upstream_ignored"),
    case(MultiplyGivesOwnFactor, TWO, "exchanged", "wrong_variable"),
    case(LayerNormExchangesGainAndShift, ROWS, "exchanged"),
    case(AttentionScoresReturnKeyFirst, SCORES, "exchanged"),
    case(GLUExchangesBranches, ROWS, "exchanged", sizes=OUTPUTS),
]
