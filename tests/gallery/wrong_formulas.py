"""Wrong bricks: formulas, variables, missing gradients, masks, the upstream gradient, exchanges."""

import math

import numpy as np

from gallery.base import sigmoid
from gallery.forms_layers import Linear, ReLU, Sigmoid, Softmax, case
from gallery.forms_losses import (
    Absolute,
    Attention,
    BinaryCrossEntropy,
    CrossEntropyWithPenalty,
    DroppedAttention,
    ElasticNet,
    Embedding,
    GaussianNLL,
    GroupLasso,
    HalfSquare,
    Hinge,
    KLDivergence,
    LSTMCell,
    MaskedSquare,
    MinimalGRU,
    RNNCell,
    VariationalNLL,
)
from gallery.forms_products import (
    ELU,
    GELU,
    GLU,
    MLP,
    Affine,
    BiasedReLU,
    Bilinear,
    Clip,
    Concatenate,
    ConcatenatePair,
    Divide,
    LayerNorm,
    LayerScale,
    LeakyReLU,
    LogSumExp,
    Mish,
    Multiply,
    Power,
    RMSNorm,
    RowMax,
    RowMean,
    RowSum,
    ShiftedScale,
    SoftplusLayer,
    Softsign,
    SquareBilinear,
    StandardDeviation,
    Tanh,
    TemperatureSoftmax,
)
from legonet import Parameter
from legonet.testing.inputs import Floats, Integers

# The formula of another function


class TanhTakesSigmoidsDerivative(Tanh):
    """y (1 - y), which is the derivative of the logistic sigmoid."""

    def backward(self, dy, cache):
        y = cache[1]
        return dy * y * (1 - y)


class SoftsignForgetsSquare(Softsign):
    """1 / (1 + |x|) for its square."""

    def backward(self, dy, x):
        return dy / (1 + np.abs(x))


class ELUForgetsAlpha(ELU):
    """y for y + alpha below zero."""

    def backward(self, dy, cache):
        x, y = cache
        return dy * np.where(x > 0, 1, y)


class GELUTakesSigmoidApproximation(GELU):
    """The derivative of x σ(1.702 x), another approximation than that of forward."""

    def backward(self, dy, cache):
        x = cache[0]
        s = sigmoid(1.702 * x)
        return dy * (s + 1.702 * x * s * (1 - s))


class MishTakesSwishsDerivative(Mish):
    """The derivative of x σ(x)."""

    def backward(self, dy, cache):
        x = cache[0]
        s = sigmoid(x)
        return dy * (s + x * s * (1 - s))


class PowerKeepsExponent(Power):
    """n xⁿ for n xⁿ⁻¹."""

    def backward(self, dy, x):
        return dy * self.exponent * x**self.exponent


class KLDivergenceOfTheOtherWay(KLDivergence):
    """log(q / p) + 1, the gradient of the divergence of p from q."""

    def backward(self, dloss, cache):
        q, p = cache
        return dloss * (np.log(q / p) + 1) / (len(q) or 1)


class LogSumExpForgetsSum(LogSumExp):
    """exp(x - max), not divided by its sum."""

    def backward(self, dy, x):
        return dy[:, None] * np.exp(x - x.max(axis=1, keepdims=True))


class StandardDeviationTakesVariancesGradient(StandardDeviation):
    """The gradient of the variance."""

    def backward(self, dy, cache):
        centred = cache[0]
        return 2 * dy[:, None] * centred / centred.shape[1]


class GaussianNLLTakesVariance(GaussianNLL):
    """The derivative by the variance, where the input is its logarithm."""

    def backward(self, dloss, cache):
        error, precision = cache
        return -dloss * error * precision, dloss * (precision - error**2 * precision**2) / 2, None


class BinaryCrossEntropyAssumesSigmoid(BinaryCrossEntropy):
    """p - target, the gradient by the scores before a sigmoid, though the inputs are probabilities."""

    def backward(self, dloss, cache):
        p, target = cache
        return dloss * (p - target) / (len(p) or 1)


class SoftmaxAssumesCrossEntropy(Softmax):
    """The upstream gradient is passed on, as if the loss had taken care of the softmax."""

    def backward(self, dy, y):
        return dy.copy()


class DivideForgetsSquare(Divide):
    """-a / b for -a / b² in the gradient by the denominator."""

    def backward(self, dy, cache):
        a, b = cache
        return dy / b, -dy * a / b


class GroupLassoTakesSigns(GroupLasso):
    """The signs of the entries, as for the sum of absolute values."""

    def backward(self, dloss, cache):
        self.weight.grad += dloss * np.sign(self.weight.value)


# The right formula at the wrong variable


class SigmoidDerivativeAtOutput(Sigmoid):
    """σ(y) (1 - σ(y)): the derivative, which wants x, is handed the output."""

    def backward(self, dy, y):
        s = sigmoid(y)
        return dy * s * (1 - s)


class TanhDerivativeAtInput(Tanh):
    """1 - x² for 1 - y²."""

    def backward(self, dy, cache):
        return dy * (1 - cache[0] ** 2)


class RNNCellTakesNewState(RNNCell):
    """The gradient by U is made with the new state, not with the one before."""

    def backward(self, dy, cache):
        x, _, new = cache
        da = dy * (1 - new**2)
        self.W.grad += x.T @ da
        self.U.grad += new.T @ da
        self.b.grad += da.sum(axis=0)
        return da @ self.W.value.T, da @ self.U.value.T


class LayerNormScalesInput(LayerNorm):
    """The gradient by the scale is made with x, not with the normalized x."""

    def backward(self, dy, cache):
        x, x_hat, _ = cache
        self.scale.grad += (dy * (x - x_hat)).sum(axis=0)
        return super().backward(dy, cache)


class BiasedReLUMasksByInput(BiasedReLU):
    """The mask is that of x, before the bias is added."""

    def backward(self, dy, cache):
        da = dy * (cache[0] > 0)
        self.bias.grad += da.sum(axis=0)
        return da


class MLPTakesPreactivation(MLP):
    """The gradient by the second weight is made with the hidden layer before its tanh."""

    def backward(self, dy, cache):
        _, a, h = cache
        self.W2.grad += (a - h).T @ dy
        return super().backward(dy, cache)


class GRUForgetsResetInWeight(MinimalGRU):
    """The gradient by the candidate's U is made with h, not with r h."""

    def collect(self, x, h, r, az, ar, an):
        super().collect(x, h, r, az, ar, an)
        self.Un.grad += (h - r * h).T @ an


class VariationalNLLTakesDeviationsSigmoid(VariationalNLL):
    """The derivative of softplus is taken at the deviation, not at rho."""

    def backward(self, dloss, cache):
        mean, _, s = cache
        return dloss * mean, dloss * (s - 1 / s) * sigmoid(s)


# A missing gradient


class LinearNeverTrainsBias(Linear):
    """The bias gets no gradient."""

    def backward(self, dy, x):
        self.weight.grad += x.T @ dy
        return dy @ self.weight.value.T


class LinearReturnsNothing(Linear):
    """The gradient by x is left out: a first layer needs none."""

    def backward(self, dy, x):
        super().backward(dy, x)


class MultiplyTakesSecondForData(Multiply):
    """The second factor is taken for data."""

    def backward(self, dy, cache):
        return dy * cache[1], None


class BilinearReturnsFirstOnly(Bilinear):
    """The gradient by the second input is not returned."""

    def backward(self, dy, cache):
        return super().backward(dy, cache)[0]


class LSTMCellForgetsForgetGate(LSTMCell):
    """The gradient by the forget gate stays zero."""

    def gates(self, dh, dc, c, i, f, g, o, t):
        di, df, dg, do = super().gates(dh, dc, c, i, f, g, o, t)
        return di, np.zeros_like(df), dg, do


class ConcatenateGivesZerosForThird(Concatenate):
    """Written for two inputs: the third one gets zeros."""

    def backward(self, dy, widths):
        da, db, dc = super().backward(dy, widths)
        return da, db, np.zeros_like(dc)


class ElasticNetForgetsLastWeight(ElasticNet):
    """The last weight of the list is left out."""

    def backward(self, dloss, cache):
        for w in self.weights[:-1]:
            w.grad += dloss * (np.sign(w.value) + w.value)


# A parameter forgotten: right at its initial value


class AffineForgetsScale(Affine):
    """The scale, at first 1, is left out of the gradient by x."""

    def __init__(self, features):
        self.scale, self.shift = Parameter(np.ones(features)), Parameter(np.zeros(features))

    def backward(self, dy, x):
        super().backward(dy, x)
        return dy.copy()


class RMSNormForgetsGain(RMSNorm):
    """The gain, at first 1, is left out of the gradient by x."""

    def __init__(self, features):
        self.gain = Parameter(np.ones(features))

    def backward(self, dy, cache):
        x_hat, rms = cache
        self.gain.grad += (dy * x_hat).sum(axis=0)
        return (dy - x_hat * (dy * x_hat).mean(axis=1, keepdims=True)) / rms


class TemperatureSoftmaxForgetsSharpness(TemperatureSoftmax):
    """The sharpness, at first 1, is left out of the gradient by x."""

    def __init__(self):
        self.sharpness = Parameter(np.ones(1))

    def backward(self, dy, cache):
        x, y = cache
        da = y * (dy - (dy * y).sum(axis=1, keepdims=True))
        self.sharpness.grad += (da * x).sum()
        return da


class ShiftedScaleForgetsShift(ShiftedScale):
    """The shift, at first 0, is left out of the gradient by the scale."""

    def __init__(self, features, rng):
        super().__init__(features, rng)
        self.shift = Parameter(np.zeros(features))

    def backward(self, dy, x):
        dx = dy * self.scale.value
        self.shift.grad += dx.sum(axis=0)
        self.scale.grad += (dy * x).sum(axis=0)
        return dx


class LayerScaleForgottenInBranch(LayerScale):
    """The scale of the branch, at first 1, is left out of the gradients that pass the branch."""

    def __init__(self, features, rng):
        super().__init__(features, rng)
        self.scale = Parameter(np.ones(features))

    def backward(self, dy, cache):
        x, t = cache
        self.scale.grad += (dy * t).sum(axis=0)
        da = dy * (1 - t**2)
        self.weight.grad += x.T @ da
        return dy + da @ self.weight.value.T


class SoftplusLayerForgetsBias(SoftplusLayer):
    """The sum before the softplus is computed again without the bias, which is at first 0."""

    def __init__(self, features, outputs, rng):
        super().__init__(features, outputs, rng)
        self.bias = Parameter(np.zeros(outputs))

    def backward(self, dy, x):
        da = dy * sigmoid(x @ self.weight.value)
        self.weight.grad += x.T @ da
        self.bias.grad += da.sum(axis=0)
        return da @ self.weight.value.T


# The mask


class ReLUPassesEverything(ReLU):
    """The gradient passes everywhere."""

    def backward(self, dy, x):
        return dy.copy()


class ReLUMasksByUpstream(ReLU):
    """Positive gradients pass instead of the gradients of positive inputs."""

    def backward(self, dy, x):
        return np.maximum(dy, 0)


class ClipPassesEverything(Clip):
    """The gradient passes where the input is clipped, too."""

    def backward(self, dy, x):
        return dy.copy()


class LeakyReLUExchangesSides(LeakyReLU):
    """The slope is applied above zero instead of below."""

    def backward(self, dy, x):
        return np.where(x < 0, dy, self.slope * dy)


class HingeForgetsMargin(Hinge):
    """Rows on the right side pass no gradient, even within the margin."""

    def backward(self, dloss, cache):
        y, sign = cache
        return -dloss * sign * (sign * y < 0) / (len(y) or 1)


class MaskedSquareForgetsMask(MaskedSquare):
    """Entries that the mask leaves out of the loss get a gradient."""

    def backward(self, dloss, cache):
        error, _, count = cache
        return dloss * 2 * error / count


class RowMaxGivesToAll(RowMax):
    """Every entry of a row gets the gradient, not the greatest only."""

    def backward(self, dy, x):
        return np.broadcast_to(dy[:, None], x.shape).copy()


class DroppedAttentionForgetsMask(DroppedAttention):
    """The mask is applied to the weights in the gradient by the values, but not on the way to the scores."""

    def backward(self, dy, cache):
        query, key, value, weights, kept = cache
        dweights = dy @ value.transpose(0, 2, 1)
        dscores = weights * (dweights - (dweights * weights).sum(axis=2, keepdims=True))
        return dscores @ key, dscores.transpose(0, 2, 1) @ query, (kept * weights).transpose(0, 2, 1) @ dy, None


class EmbeddingTrainsPadding(Embedding):
    """The row of the padding, which gives zeros, gets a gradient."""

    def backward(self, dy, words):
        np.add.at(self.table.grad, words, dy)


# The upstream gradient ignored


class HalfSquareIgnoresUpstream(HalfSquare):
    """(y - target) / N, whatever comes from upstream."""

    def backward(self, dloss, error):
        return error / (len(error) or 1)


class SigmoidIgnoresUpstream(Sigmoid):
    """The derivative alone."""

    def backward(self, dy, y):
        return y * (1 - y)


class RowMeanIgnoresUpstream(RowMean):
    """1 / n in every entry."""

    def backward(self, dy, x):
        return np.full_like(x, 1 / x.shape[1])


class ElasticNetIgnoresUpstream(ElasticNet):
    """The derivative of the penalty, whatever comes from upstream."""

    def backward(self, dloss, cache):
        for w in self.weights:
            w.grad += np.sign(w.value) + w.value


class RowSumTakesFirstUpstream(RowSum):
    """Each row gets the upstream gradient of the first."""

    def backward(self, dy, x):
        return np.full_like(x, dy[0])


class CrossEntropyPenaltyIgnoresUpstream(CrossEntropyWithPenalty):
    """The penalty's gradient is added without the factor from upstream."""

    def backward(self, dloss, cache):
        x = cache[1]
        return super().backward(dloss, cache) + (1 - dloss) * self.strength * x


class LSTMCellIgnoresCellUpstream(LSTMCell):
    """The upstream gradient of h is used, that of the cell state is not."""

    def backward(self, dy, cache):
        hidden = dy.shape[1] // 2
        dy = np.concatenate([dy[:, :hidden], np.zeros_like(dy[:, hidden:])], axis=1)
        return super().backward(dy, cache)


# Not linear in the upstream gradient


class TanhClipsUpstream(Tanh):
    """The upstream gradient is clipped to [-0.5, 0.5] against explosions."""

    def backward(self, dy, cache):
        return super().backward(np.clip(dy, -0.5, 0.5), cache)


class LinearNormalizesGradient(Linear):
    """A weight gradient longer than 1 is cut to that length."""

    def backward(self, dy, x):
        dweight = x.T @ dy
        self.weight.grad += dweight / max(1.0, math.sqrt(float((dweight**2).sum())))
        self.bias.grad += dy.sum(axis=0)
        return dy @ self.weight.value.T


class HalfSquareMultipliesUpstreamTwice(HalfSquare):
    """The factor from upstream is applied to the error and to the result."""

    def backward(self, dloss, error):
        return dloss * super().backward(dloss, error)


class AbsoluteTakesSignOfProduct(Absolute):
    """sign(dloss error) for dloss sign(error)."""

    def backward(self, dloss, error):
        return np.sign(dloss * error) / (len(error) or 1)


class ConcatenateDropsSmallGradients(ConcatenatePair):
    """Gradients below 0.7 are set to zero, to be sent as sparse ones."""

    def backward(self, dy, width):
        return super().backward(dy * (np.abs(dy) > 0.7), width)


# Two gradients exchanged


class MultiplyReturnsOwnFactors(Multiply):
    """Each factor gets dy times itself: the two gradients are exchanged."""

    def backward(self, dy, cache):
        a, b = cache
        return dy * a, dy * b


class AttentionExchangesQueryAndKey(Attention):
    """The gradient of the keys is returned for the queries, and the other way round."""

    def backward(self, dy, cache):
        dquery, dkey, dvalue = super().backward(dy, cache)
        return dkey, dquery, dvalue


class GLUExchangesHalves(GLU):
    """The halves are joined in the wrong order."""

    def backward(self, dy, cache):
        a, s = cache
        return np.concatenate([dy * a * s * (1 - s), dy * s], axis=1)


class ConcatenatePairExchangesParts(ConcatenatePair):
    """The second part is returned first."""

    def backward(self, dy, width):
        da, db = super().backward(dy, width)
        return db, da


class LSTMCellExchangesGates(LSTMCell):
    """Gates in the order i, g, f, o, where forward has i, f, g, o."""

    def gates(self, dh, dc, c, i, f, g, o, t):
        di, df, dg, do = super().gates(dh, dc, c, i, f, g, o, t)
        return di, dg, df, do


class AffineExchangesParameters(Affine):
    """The scale gets the gradient of the shift, and the shift that of the scale."""

    def backward(self, dy, x):
        self.scale.grad += dy.sum(axis=0)
        self.shift.grad += (dy * x).sum(axis=0)
        return dy * self.scale.value


class SquareBilinearExchangesInputs(SquareBilinear):
    """The gradient by v is returned for u, and the other way round."""

    def backward(self, dy, cache):
        du, dv = super().backward(dy, cache)
        return dv, du


ANY = ["(batch, ...)"]
ROWS = ["(batch, features)"]
PAIR = ["(batch, features)", "(batch, features)"]
TARGETS = ["(batch, outputs)", "(batch, outputs)"]
LABELS = ["(batch, classes)", Integers("(batch,)", below="classes")]
PROBABILITIES = [
    Floats("(batch, outputs)", low=0.01, high=0.99),
    Floats("(batch, outputs)", low=0.01, high=0.99, constant=True),
]
CELL = ["(batch, features)", "(batch, hidden)"]
QKV = ["(batch, queries, size)", "(batch, keys, size)", "(batch, keys, features)"]
SELF = ["(batch, time, size)"] * 3
LOG_VARIANCE = Floats("(batch, outputs)", low=-3, high=3)
SOME = [1, 2, 3, 4]
OUTPUTS = {"outputs": SOME}
HIDDEN = {"hidden": SOME}
WEIGHT = {"rows": SOME, "columns": SOME}
SIDES = ["(batch, left)", "(batch, right)"]

CASES = [
    case(TanhTakesSigmoidsDerivative, ANY, "wrong_formula"),
    case(SoftsignForgetsSquare, ANY, "wrong_formula"),
    case(ELUForgetsAlpha, ANY, "wrong_formula", "missing_path", "threshold", options={"alpha": [1.0, 0.5]}),
    case(GELUTakesSigmoidApproximation, ANY, "wrong_formula"),
    case(MishTakesSwishsDerivative, ANY, "wrong_formula"),
    case(PowerKeepsExponent, ROWS, "wrong_formula", "wrong_variable", options={"exponent": [1, 2, 3]}),
    case(KLDivergenceOfTheOtherWay, PROBABILITIES, "wrong_formula"),
    case(LogSumExpForgetsSum, ["(batch, classes)"], "wrong_formula"),
    case(StandardDeviationTakesVariancesGradient, ROWS, "wrong_formula"),
    case(GaussianNLLTakesVariance, ["(batch, outputs)", LOG_VARIANCE, "(batch, outputs)"], "wrong_formula"),
    case(BinaryCrossEntropyAssumesSigmoid, PROBABILITIES, "wrong_formula", "extra_path"),
    case(SoftmaxAssumesCrossEntropy, ["(batch, classes)"], "wrong_formula", "missing_path"),
    case(DivideForgetsSquare, ["(batch, features)", Floats("(batch, features)", low=0.5, high=4)], "wrong_formula"),
    case(GroupLassoTakesSigns, [], "wrong_formula", sizes=WEIGHT),
    case(SigmoidDerivativeAtOutput, ANY, "wrong_variable"),
    case(TanhDerivativeAtInput, ANY, "wrong_variable"),
    case(RNNCellTakesNewState, CELL, "wrong_variable"),
    case(LayerNormScalesInput, ROWS, "wrong_variable"),
    case(BiasedReLUMasksByInput, ROWS, "wrong_variable", "mask"),
    case(MLPTakesPreactivation, ROWS, "wrong_variable", sizes=HIDDEN | OUTPUTS),
    case(GRUForgetsResetInWeight, CELL, "wrong_variable"),
    case(VariationalNLLTakesDeviationsSigmoid, TARGETS, "wrong_variable"),
    case(LinearNeverTrainsBias, ROWS, "missing_gradient", sizes=OUTPUTS),
    case(LinearReturnsNothing, ROWS, "missing_gradient", sizes=OUTPUTS),
    case(MultiplyTakesSecondForData, PAIR, "missing_gradient"),
    case(BilinearReturnsFirstOnly, SIDES, "missing_gradient"),
    case(LSTMCellForgetsForgetGate, [*CELL, "(batch, hidden)"], "missing_gradient", "missing_path"),
    case(ConcatenateGivesZerosForThird, ["(batch, first)", "(batch, second)", "(batch, third)"], "missing_gradient"),
    case(ElasticNetForgetsLastWeight, [], "missing_gradient", sizes=WEIGHT),
    case(AffineForgetsScale, ROWS, "forgotten_parameter"),
    case(RMSNormForgetsGain, ROWS, "forgotten_parameter"),
    case(TemperatureSoftmaxForgetsSharpness, ["(batch, classes)"], "forgotten_parameter"),
    case(ShiftedScaleForgetsShift, ROWS, "forgotten_parameter", "wrong_variable"),
    case(LayerScaleForgottenInBranch, ROWS, "forgotten_parameter"),
    case(SoftplusLayerForgetsBias, ROWS, "forgotten_parameter", "wrong_variable", sizes=OUTPUTS),
    case(ReLUPassesEverything, ANY, "mask"),
    case(ReLUMasksByUpstream, ANY, "mask", "not_linear", "wrong_variable"),
    case(ClipPassesEverything, ANY, "mask", "threshold"),
    case(LeakyReLUExchangesSides, ANY, "mask", options={"slope": [0.01, 0.2]}),
    case(HingeForgetsMargin, ["(batch,)", Integers("(batch,)", below=2)], "mask", "threshold"),
    case(MaskedSquareForgetsMask, [*TARGETS, Integers("(batch, outputs)", below=2)], "mask"),
    case(RowMaxGivesToAll, ROWS, "mask"),
    case(DroppedAttentionForgetsMask, [*QKV, Integers("(batch, queries, keys)", below=2)], "mask"),
    case(
        EmbeddingTrainsPadding,
        [Integers("(batch, time)", below="vocabulary")],
        "mask",
        sizes={"vocabulary": SOME, "features": SOME},
    ),
    case(HalfSquareIgnoresUpstream, TARGETS, "upstream_ignored"),
    case(SigmoidIgnoresUpstream, ANY, "upstream_ignored"),
    case(RowMeanIgnoresUpstream, ROWS, "upstream_ignored"),
    case(ElasticNetIgnoresUpstream, [], "upstream_ignored", sizes=WEIGHT),
    case(RowSumTakesFirstUpstream, ROWS, "upstream_ignored", "batch_mixed", sizes={"batch": SOME}),
    case(CrossEntropyPenaltyIgnoresUpstream, LABELS, "upstream_ignored", "not_linear"),
    case(LSTMCellIgnoresCellUpstream, [*CELL, "(batch, hidden)"], "upstream_ignored", "missing_path"),
    case(TanhClipsUpstream, ANY, "not_linear"),
    case(LinearNormalizesGradient, ROWS, "not_linear", sizes=OUTPUTS),
    case(HalfSquareMultipliesUpstreamTwice, TARGETS, "not_linear"),
    case(AbsoluteTakesSignOfProduct, TARGETS, "not_linear", "upstream_ignored"),
    case(ConcatenateDropsSmallGradients, SIDES, "not_linear"),
    case(MultiplyReturnsOwnFactors, PAIR, "exchanged", "wrong_variable"),
    case(AttentionExchangesQueryAndKey, SELF, "exchanged"),
    case(GLUExchangesHalves, ROWS, "exchanged", sizes={"features": [2, 4, 6]}),
    case(ConcatenatePairExchangesParts, PAIR, "exchanged"),
    case(LSTMCellExchangesGates, [*CELL, "(batch, hidden)"], "exchanged", "wrong_axis"),
    case(AffineExchangesParameters, ROWS, "exchanged"),
    case(SquareBilinearExchangesInputs, PAIR, "exchanged"),
]
