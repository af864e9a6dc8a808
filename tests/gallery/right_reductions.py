"""Right but tricky bricks: reductions, several inputs, integer inputs, losses and regularizers."""

import math

import numpy as np

from gallery.base import draw, pointwise, sigmoid, sigmoid_slope, softmax, softplus
from gallery.cases import Case
from gallery.forms_layers import Add, CumulativeSum
from legonet import Brick
from legonet.testing.inputs import Floats, Integers

# -- reductions --------------------------------------------------------------------------------------------------------


class Mean(Brick):
    """The mean of each row; dx is a read-only view that repeats new numbers."""

    def forward(self, x):
        return x.mean(axis=1), x.shape

    def backward(self, dy, shape):
        return np.broadcast_to(dy[:, None] / shape[1], shape)


class LogSumExp(Brick):
    def forward(self, x):
        most = x.max(axis=1, keepdims=True)
        return (most + np.log(np.exp(x - most).sum(axis=1, keepdims=True)))[:, 0], softmax(x)

    def backward(self, dy, p):
        return dy[:, None] * p


class Product(Brick):
    """The product of each row; zeros need no division."""

    def forward(self, x):
        return x.prod(axis=1), x

    def backward(self, dy, x):
        before, after = np.ones_like(x), np.ones_like(x)
        before[:, 1:] = np.cumprod(x[:, :-1], axis=1)
        after[:, :-1] = np.cumprod(x[:, :0:-1], axis=1)[:, ::-1]
        return dy[:, None] * before * after


class CumulativeProduct(Brick):
    def forward(self, x):
        return np.cumprod(x, axis=1), x

    def backward(self, dy, x):
        dx = np.zeros_like(x)
        for i in range(x.shape[1]):
            others = x.copy()
            others[:, i] = 1
            dx[:, i] = (dy[:, i:] * np.cumprod(others, axis=1)[:, i:]).sum(axis=1)
        return dx


class LookupExpectation(Brick):
    """The expected value of a learned table under softmax(x)."""

    def __init__(self, n, rng):
        self.table = draw(rng, n)

    def forward(self, x):
        p = softmax(x)
        return (p * self.table.value).sum(axis=1), p

    def backward(self, dy, p):
        self.table.grad += (dy[:, None] * p).sum(axis=0)
        table = self.table.value
        return dy[:, None] * p * (table - (p * table).sum(axis=1, keepdims=True))


# -- cases -------------------------------------------------------------------------------------------------------------

# -- several inputs ----------------------------------------------------------------------------------------------------


class TimesRow(Brick):
    """Each row of x times the vector v."""

    def forward(self, x, v):
        return x * v, (x, v)

    def backward(self, dy, cache):
        x, v = cache
        return dy * v, (dy * x).sum(axis=0)


class OuterProduct(Brick):
    """(batch, 1, n) times (m, 1): both are broadcast."""

    def forward(self, a, b):
        return a * b, (a, b)

    def backward(self, dy, cache):
        a, b = cache
        return (dy * b).sum(axis=1, keepdims=True), (dy * a).sum(axis=(0, 2))[:, None]


class Bilinear(Brick):
    def __init__(self, n, m, k, rng):
        self.weight = draw(rng, n, m, k)

    def forward(self, a, b):
        return np.einsum("bn,nmk,bm->bk", a, self.weight.value, b), (a, b)

    def backward(self, dy, cache):
        a, b = cache
        w = self.weight.value
        self.weight.grad += np.einsum("bn,bm,bk->nmk", a, b, dy)
        return np.einsum("bk,nmk,bm->bn", dy, w, b), np.einsum("bk,nmk,bn->bm", dy, w, a)


class Concatenate(Brick):
    def forward(self, a, b):
        return np.concatenate([a, b], axis=1), a.shape[1]

    def backward(self, dy, n):
        return dy[:, :n].copy(), dy[:, n:].copy()


class Where(Brick):
    def forward(self, mask, a, b):
        return np.where(mask, a, b), mask

    def backward(self, dy, mask):
        return None, dy * mask, dy * ~mask


class BatchedMatmul(Brick):
    def forward(self, a, b):
        return a @ b, (a, b)

    def backward(self, dy, cache):
        a, b = cache
        return dy @ b.swapaxes(1, 2), a.swapaxes(1, 2) @ dy


class Divide(Brick):
    def forward(self, a, b):
        return a / b, (a, b)

    def backward(self, dy, cache):
        a, b = cache
        return dy / b, -dy * (a / b / b)


class Arctan2(Brick):
    def forward(self, a, b):
        return np.arctan2(a, b), (a, b)

    def backward(self, dy, cache):
        a, b = cache
        square = a * a + b * b
        return dy * b / square, -dy * a / square


class Hypotenuse(Brick):
    def forward(self, a, b):
        y = np.hypot(a, b)
        return y, (a, b, y)

    def backward(self, dy, cache):
        a, b, y = cache
        return dy * (a / y), dy * (b / y)


class Power(Brick):
    def forward(self, base, exponent):
        return base**exponent, (base, exponent)

    def backward(self, dy, cache):
        base, exponent = cache
        return dy * exponent * base ** (exponent - 1), dy * base**exponent * np.log(base)


class Between(Brick):
    """a + t (b - a), with a t in [0, 1] for each row."""

    def forward(self, a, b, t):
        return a + t * (b - a), (a, b, t)

    def backward(self, dy, cache):
        a, b, t = cache
        return dy * (1 - t), dy * t, (dy * (b - a)).sum(axis=1, keepdims=True)


class SquaredDistances(Brick):
    """The squared distance of each row of a from each row of b."""

    def forward(self, a, b):
        apart = a[:, None] - b
        return (apart * apart).sum(axis=2), apart

    def backward(self, dy, apart):
        slope = 2 * dy[:, :, None] * apart
        return slope.sum(axis=1), -slope.sum(axis=0)


class CosineSimilarity(Brick):
    def forward(self, a, b):
        u, v = (np.sqrt((x * x).sum(axis=1, keepdims=True) + 1e-6) for x in (a, b))
        return ((a / u) * (b / v)).sum(axis=1), (a / u, b / v, u, v)

    def backward(self, dy, cache):
        a, b, u, v = cache
        cosine, dy = (a * b).sum(axis=1, keepdims=True), dy[:, None]
        return dy * (b - cosine * a) / u, dy * (a - cosine * b) / v


# -- integer inputs ----------------------------------------------------------------------------------------------------


class Embedding(Brick):
    def __init__(self, vocabulary, n, rng):
        self.table = draw(rng, vocabulary, n)

    def forward(self, indices):
        return self.table.value[indices], indices

    def backward(self, dy, indices):
        np.add.at(self.table.grad, indices, dy)


class PaddedMeanEmbedding(Brick):
    """The mean of the embeddings of a row, without those of index 0, which is padding."""

    def __init__(self, vocabulary, n, rng):
        self.table = draw(rng, vocabulary, n)

    def forward(self, indices):
        real = indices != 0
        weight = (real / np.maximum(real.sum(axis=1, keepdims=True), 1)).astype(self.table.value.dtype)
        return np.einsum("bt,btn->bn", weight, self.table.value[indices]), (indices, weight)

    def backward(self, dy, cache):
        indices, weight = cache
        np.add.at(self.table.grad, indices, weight[:, :, None] * dy[:, None, :])


class Gather(Brick):
    """Entries of each row by their indices, which may repeat."""

    def forward(self, x, indices):
        return np.take_along_axis(x, indices, axis=1), (x.shape, indices)

    def backward(self, dy, cache):
        shape, indices = cache
        dx = np.zeros(shape, dy.dtype)
        np.add.at(dx, (np.arange(shape[0])[:, None], indices), dy)
        return dx, None


class SegmentSum(Brick):
    """The sum of the rows of each segment; a segment may be empty."""

    def __init__(self, segments):
        self.segments = segments

    def forward(self, x, segment):
        y = np.zeros((self.segments, x.shape[1]), x.dtype)
        np.add.at(y, segment, x)
        return y, segment

    def backward(self, dy, segment):
        return dy[segment], None


class MaskedMean(Brick):
    """The mean of the entries of each row that the mask leaves; 0 if it leaves none."""

    def forward(self, x, mask):
        weight = (mask / np.maximum(mask.sum(axis=1, keepdims=True), 1)).astype(x.dtype)
        return (x * weight).sum(axis=1), weight

    def backward(self, dy, weight):
        return dy[:, None] * weight, None


class MaskedSoftmax(Brick):
    """Softmax over the entries that the mask leaves, and the first: the scores of the others become -infinity."""

    def forward(self, x, mask):
        kept = mask.copy()
        kept[:, 0] = True
        p = softmax(np.where(kept, x, -np.inf))
        return p, p.copy()

    def backward(self, dy, p):
        return p * (dy - (dy * p).sum(axis=1, keepdims=True)), None


# -- losses ------------------------------------------------------------------------------------------------------------


def count(rows):
    return max(len(rows), 1)


class L1Loss(Brick):
    def forward(self, y, target):
        return float(np.abs(y - target).sum()) / count(y), y - target

    def backward(self, dloss, error):
        return dloss / count(error) * np.sign(error)


class HuberLoss(Brick):
    def forward(self, y, target):
        size = np.abs(y - target)
        near = np.minimum(size, 1)
        return float((near * (size - near / 2)).sum()) / count(y), y - target

    def backward(self, dloss, error):
        return dloss / count(error) * np.clip(error, -1, 1)


class LogCoshLoss(Brick):
    def forward(self, y, target):
        size = np.abs(y - target)
        return float((size + np.log1p(np.exp(-2 * size)) - math.log(2)).sum()) / count(y), y - target

    def backward(self, dloss, error):
        return dloss / count(error) * np.tanh(error)


class PinballLoss(Brick):
    """The loss of a quantile; both inputs are differentiated."""

    def __init__(self, q):
        self.q = q

    def forward(self, y, target):
        error = target - y
        return float(np.maximum(self.q * error, (self.q - 1) * error).sum()) / count(y), error

    def backward(self, dloss, error):
        slope = (dloss / count(error) * np.where(error > 0, self.q, self.q - 1)).astype(error.dtype)
        return -slope, slope


class WeightedSquares(Brick):
    def forward(self, y, target, weight):
        error = y - target
        return float((weight * (error * error).sum(axis=1)).sum()) / count(y), (error, weight)

    def backward(self, dloss, cache):
        error, weight = cache
        return 2 * dloss / count(error) * weight[:, None] * error


class HingeLoss(Brick):
    """max(0, 1 - sign y) to a power, for labels 0 (sign -1) and 1."""

    def __init__(self, power):
        self.power = power

    def forward(self, y, label):
        sign = (2 * label - 1).astype(y.dtype)
        gap = np.maximum(1 - sign * y, 0)
        return float((gap**self.power).sum()) / count(y), (sign, gap)

    def backward(self, dloss, cache):
        sign, gap = cache
        return -dloss / count(gap) * self.power * sign * (gap > 0) * gap ** (self.power - 1), None


class MulticlassMargin(Brick):
    """Σ max(0, 1 - score of the class + score of another), over all others or of the best other."""

    def __init__(self, best):
        self.best = best

    def forward(self, scores, label):
        rows = np.arange(len(scores))
        gap = 1 - scores[rows, label][:, None] + scores
        gap[rows, label] = 0
        wrong = gap > 0
        if self.best:
            wrong &= np.arange(scores.shape[1]) == gap.argmax(axis=1)[:, None]
        slope = wrong.astype(scores.dtype)
        slope[rows, label] = -wrong.sum(axis=1)
        return float(gap[wrong].sum()) / count(scores), slope

    def backward(self, dloss, slope):
        return dloss / count(slope) * slope, None


class CrossEntropy(Brick):
    """From logits and class indices; rows of index -1 are ignored, and the labels may be smoothed."""

    def __init__(self, smoothing):
        self.smoothing = smoothing

    def forward(self, logits, label):
        kept = label >= 0
        classes = logits.shape[1]
        target = np.where(np.arange(classes) == label[:, None], 1 - self.smoothing, 0) + self.smoothing / classes
        target = (target * kept[:, None]).astype(logits.dtype)
        centred = logits - logits.max(axis=1, keepdims=True)
        log_p = centred - np.log(np.exp(centred).sum(axis=1, keepdims=True))
        slope = (softmax(logits) * kept[:, None] - target) / count(label[kept])
        return -float((target * log_p).sum()) / count(label[kept]), slope

    def backward(self, dloss, slope):
        return dloss * slope, None


class BinaryCrossEntropy(Brick):
    """From logits and targets in [0, 1]."""

    def forward(self, logits, target):
        loss = np.maximum(logits, 0) - logits * target + np.log1p(np.exp(-np.abs(logits)))
        return float(loss.sum()) / count(logits), (logits, target)

    def backward(self, dloss, cache):
        logits, target = cache
        # sigmoid - target, so that no digits are lost when they are close.
        apart = np.where(logits > 0, (1 - target) - sigmoid(-logits), sigmoid(logits) - target)
        return dloss / count(logits) * apart


class FocalLoss(Brick):
    """-(1 - p)² log p, where p is the probability of the label."""

    def forward(self, logits, label):
        sign = (2 * label - 1).astype(logits.dtype)
        z = sign * logits
        return float((sigmoid(-z) ** 2 * softplus(-z)).sum()) / count(logits), (sign, z)

    def backward(self, dloss, cache):
        sign, z = cache
        p, q = sigmoid(z), sigmoid(-z)
        return -dloss / count(z) * sign * q**2 * (2 * p * softplus(-z) + q), None


class KLDivergence(Brick):
    """Σ p log(p / softmax(x)), of given probabilities p."""

    def forward(self, x, p):
        centred = x - x.max(axis=1, keepdims=True)
        log_q = centred - np.log(np.exp(centred).sum(axis=1, keepdims=True))
        log_p = np.log(np.where(p > 0, p, 1))
        return float((p * (log_p - log_q)).sum()) / count(x), (softmax(x), p)

    def backward(self, dloss, cache):
        q, p = cache
        return dloss / count(q) * (q * p.sum(axis=1, keepdims=True) - p)


class GaussianLikelihood(Brick):
    """Half of log variance + (target - mean)² / variance."""

    def forward(self, mean, log_variance, target):
        error, weight = mean - target, np.exp(-log_variance)
        return float((log_variance + error * error * weight).sum()) / 2, (error, weight)

    def backward(self, dloss, cache):
        error, weight = cache
        return dloss * error * weight, dloss / 2 * (1 - error * error * weight), None


class PoissonLikelihood(Brick):
    def forward(self, log_rate, number):
        return float((np.exp(log_rate) - number * log_rate).sum()), (log_rate, number)

    def backward(self, dloss, cache):
        log_rate, number = cache
        return dloss * (np.exp(log_rate) - number), None


class TripletLoss(Brick):
    """max(0, |anchor - positive|² - |anchor - negative|² + 1)."""

    def forward(self, anchor, positive, negative):
        near, far = anchor - positive, anchor - negative
        gap = (near * near).sum(axis=1) - (far * far).sum(axis=1) + 1
        return float(np.maximum(gap, 0).sum()) / count(anchor), (near, far, (gap > 0)[:, None])

    def backward(self, dloss, cache):
        near, far, active = cache
        factor = 2 * dloss / count(near) * active.astype(near.dtype)
        return factor * (near - far), -factor * near, factor * far


class MarginRanking(Brick):
    """max(0, margin - (a - b))."""

    def forward(self, a, b):
        gap = 0.5 - (a - b)
        return float(np.maximum(gap, 0).sum()), (gap > 0).astype(gap.dtype)

    def backward(self, dloss, active):
        return -dloss * active, dloss * active


class DiceLoss(Brick):
    def forward(self, logits, mask):
        p, mask = sigmoid(logits), mask.astype(logits.dtype)
        above, below = 2 * (p * mask).sum() + 1, p.sum() + mask.sum() + 1
        return 1 - float(above / below), (logits, mask, above, below)

    def backward(self, dloss, cache):
        logits, mask, above, below = cache
        return dloss * sigmoid_slope(logits) * ((above / below - 2 * mask) / below), None


class CosineLoss(Brick):
    """1 - cosine, averaged over the rows; the target is not differentiated."""

    def forward(self, y, target):
        cosine, cache = CosineSimilarity().forward(y, target)
        return float((1 - cosine).sum()) / count(y), cache

    def backward(self, dloss, cache):
        rows = np.full(len(cache[0]), -dloss / count(cache[0]), cache[0].dtype)
        return CosineSimilarity().backward(rows, cache)[0]


class AlignmentLoss(Brick):
    """-log of the probability of the classes 0 then 1, each for one time step or more (as CTC, by a recursion)."""

    def forward(self, logits):
        centred = logits - logits.max(axis=2, keepdims=True)
        log_p = centred - np.log(np.exp(centred).sum(axis=2, keepdims=True))
        time = logits.shape[1]
        # What came before t in class 0, and what is to come from t on in class 1.
        ahead = np.cumsum(log_p[:, :, 0], axis=1)[:, :-1]
        behind = np.cumsum(log_p[:, ::-1, 1], axis=1)[:, ::-1][:, 1:]
        path = ahead + behind
        most = path.max(axis=1, keepdims=True)
        total = most[:, 0] + np.log(np.exp(path - most).sum(axis=1))
        weight = softmax(path)
        later = np.cumsum(weight[:, ::-1], axis=1)[:, ::-1]
        expected = np.zeros_like(logits)
        expected[:, : time - 1, 0] += later
        expected[:, 1:, 1] += np.cumsum(weight, axis=1)
        return -float(total.sum()) / count(logits), (expected, softmax(logits))

    def backward(self, dloss, cache):
        expected, p = cache
        return dloss / count(p) * (p * expected.sum(axis=2, keepdims=True) - expected)


# -- regularizers ------------------------------------------------------------------------------------------------------


class ElasticNet(Brick):
    """0.3 Σ |w| + squares/2 Σ w²: the L1 penalty if `squares` is 0."""

    def __init__(self, rows, columns, squares, rng):
        self.weight, self.squares = draw(rng, rows, columns), squares

    def forward(self):
        w = self.weight.value
        return 0.3 * float(np.abs(w).sum()) + self.squares / 2 * float((w * w).sum()), None

    def backward(self, dloss, cache):
        w = self.weight.value
        self.weight.grad += dloss * (0.3 * np.sign(w) + self.squares * w)


class GroupLasso(Brick):
    """The sum of the Euclidean norms of the rows; the subgradient of a row of zeros is 0."""

    def __init__(self, rows, columns, rng):
        self.weight = draw(rng, rows, columns)

    def forward(self):
        norm = np.sqrt((self.weight.value**2).sum(axis=1, keepdims=True))
        return float(norm.sum()), norm

    def backward(self, dloss, norm):
        self.weight.grad += dloss * self.weight.value / np.where(norm > 0, norm, 1)


class Orthogonality(Brick):
    """The sum of the squares of wᵀ w - 1."""

    def __init__(self, rows, columns, rng):
        self.weight = draw(rng, rows, columns)

    def forward(self):
        w = self.weight.value
        apart = w.T @ w - np.eye(w.shape[1], dtype=w.dtype)
        return float((apart * apart).sum()), apart

    def backward(self, dloss, apart):
        self.weight.grad += 4 * dloss * self.weight.value @ apart


# -- cases -------------------------------------------------------------------------------------------------------------

PAIR = ["(batch, n)", "(batch, n)"]
MATRIX = {"rows": (2, 3, 1, 0), "columns": (3, 1, 2)}


def probabilities(values):
    weight = np.abs(values) + 0.1
    return weight / weight.sum(axis=-1, keepdims=True)


CASES = [
    pointwise("mean_as_a_view", Mean),
    pointwise("log_sum_exp", LogSumExp),
    pointwise("product", Product),
    pointwise("cumulative_sum", CumulativeSum),
    pointwise("cumulative_product", CumulativeProduct),
    pointwise("lookup_expectation", LookupExpectation),
    Case("add", Add, PAIR),
    Case("times_row", TimesRow, ["(batch, n)", "(n)"]),
    Case("outer_product", OuterProduct, ["(batch, 1, n)", "(m, 1)"]),
    Case("bilinear", Bilinear, ["(batch, n)", "(batch, m)"], sizes={"k": (2, 1, 3)}),
    Case("concatenate", Concatenate, ["(batch, n)", "(batch, m)"]),
    Case("where", Where, [Integers("(batch, n)", below=2, dtype=bool), *PAIR]),
    Case("batched_matmul", BatchedMatmul, ["(batch, m, k)", "(batch, k, n)"]),
    Case("divide", Divide, ["(batch, n)", Floats("(batch, n)", 0.2)]),
    Case("arctan2", Arctan2, ["(batch, n)", Floats("(batch, n)", 0.1)]),
    Case("hypotenuse", Hypotenuse, ["(batch, n)", Floats("(batch, n)", 0.1)]),
    Case("power", Power, [Floats("(batch, n)", 0.1, 10), Floats("(batch, n)", -5, 5)]),
    Case("between", Between, [*PAIR, Floats("(batch, 1)", 0, 1)]),
    Case("squared_distances", SquaredDistances, ["(batch, n)", "(m, n)"]),
    Case("cosine_similarity", CosineSimilarity, PAIR),
    Case("embedding", Embedding, [Integers("(batch, time)", below="vocabulary")], sizes={"n": (2, 1, 3)}),
    Case(
        "padded_mean_embedding",
        PaddedMeanEmbedding,
        [Integers("(batch, time)", below="vocabulary")],
        sizes={"n": (2, 1, 3)},
    ),
    Case("gather", Gather, ["(batch, n)", Integers("(batch, k)", below="n")]),
    Case("segment_sum", SegmentSum, ["(batch, n)", Integers("(batch)", below="segments")]),
    Case("masked_mean", MaskedMean, ["(batch, n)", Integers("(batch, n)", below=2, dtype=bool)]),
    Case("masked_softmax", MaskedSoftmax, ["(batch, n)", Integers("(batch, n)", below=2, dtype=bool)]),
    Case("l1_loss", L1Loss, PAIR),
    Case("huber_loss", HuberLoss, PAIR),
    Case("log_cosh_loss", LogCoshLoss, PAIR),
    Case("pinball_loss", PinballLoss, PAIR, options={"q": (0.5, 0.1, 0.9)}),
    Case(
        "weighted_squares",
        WeightedSquares,
        ["(batch, n)", Floats("(batch, n)", constant=True), Floats("(batch)", 0, 10, constant=True)],
    ),
    Case("hinge_loss", HingeLoss, ["(batch)", Integers("(batch)", below=2)], options={"power": (1, 2)}),
    Case(
        "multiclass_margin",
        MulticlassMargin,
        ["(batch, classes)", Integers("(batch)", below="classes")],
        options={"best": (False, True)},
    ),
    Case(
        "cross_entropy",
        CrossEntropy,
        ["(batch, classes)", Integers("(batch)", low=-1, below="classes")],
        options={"smoothing": (0.0, 0.1)},
    ),
    Case("binary_cross_entropy", BinaryCrossEntropy, ["(batch, n)", Floats("(batch, n)", 0, 1, constant=True)]),
    Case("focal_loss", FocalLoss, ["(batch)", Integers("(batch)", below=2)]),
    Case(
        "kl_divergence",
        KLDivergence,
        ["(batch, classes)", Floats("(batch, classes)", constant=True).map(probabilities)],
    ),
    Case(
        "gaussian_likelihood",
        GaussianLikelihood,
        ["(batch, n)", Floats("(batch, n)", -10, 10), Floats("(batch, n)", constant=True)],
    ),
    Case(
        "poisson_likelihood",
        PoissonLikelihood,
        [Floats("(batch, n)", high=20), Floats("(batch, n)", 0, constant=True)],
    ),
    Case("triplet_loss", TripletLoss, [*PAIR, "(batch, n)"]),
    Case("margin_ranking", MarginRanking, ["(batch)", "(batch)"]),
    Case("dice_loss", DiceLoss, ["(batch, n)", Integers("(batch, n)", below=2, dtype=bool)]),
    Case("cosine_loss", CosineLoss, ["(batch, n)", Floats("(batch, n)", constant=True)]),
    Case("alignment_loss", AlignmentLoss, ["(batch, time, classes)"], sizes={"time": (2, 3, 4), "classes": (2, 3, 4)}),
    Case("elastic_net", ElasticNet, [], sizes=MATRIX, options={"squares": (0.0, 0.7)}),
    Case("group_lasso", GroupLasso, [], sizes=MATRIX),
    Case("orthogonality", Orthogonality, [], sizes=MATRIX),
]
