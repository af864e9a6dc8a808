"""Right but tricky bricks: coarse dtypes, extreme scales, cancellation, saturation, steepness, ends of a domain."""

import math

import numpy as np

from gallery.base import (
    Pointwise,
    draw,
    erf,
    erfc,
    normal_density,
    pointwise,
    sigmoid,
    sigmoid_slope,
    softmax,
    softplus,
)
from gallery.cases import Case
from legonet import Brick
from legonet.testing.inputs import Floats

# -- coarse dtypes inside ----------------------------------------------------------------------------------------------


class SingleLinear(Brick):
    """Computes in float32, whatever it is given."""

    def __init__(self, n, m, rng):
        self.weight = draw(rng, n, m)

    def forward(self, x):
        single = x.astype(np.float32)
        return (single @ self.weight.value.astype(np.float32)).astype(x.dtype), single

    def backward(self, dy, single):
        self.weight.grad += single.T @ dy.astype(np.float32)
        return (dy.astype(np.float32) @ self.weight.value.T.astype(np.float32)).astype(dy.dtype)


class SingleTanh(Brick):
    def forward(self, x):
        y = np.tanh(x.astype(np.float32))
        return y.astype(x.dtype), y

    def backward(self, dy, y):
        return (dy.astype(np.float32) * (1 - y * y)).astype(dy.dtype)


class SingleSoftmax(Brick):
    def forward(self, x):
        p = softmax(x.astype(np.float32))
        return p.astype(x.dtype), p

    def backward(self, dy, p):
        single = dy.astype(np.float32)
        return (p * (single - (single * p).sum(axis=1, keepdims=True))).astype(dy.dtype)


class SingleOnTheWay(Brick):
    """x² in float32, then 1.1 times that in the dtype of x: the output does not look like float32."""

    def forward(self, x):
        single = x.astype(np.float32)
        return (single * single).astype(x.dtype) * x.dtype.type(1.1), single

    def backward(self, dy, single):
        return 2.2 * dy * single.astype(dy.dtype)


class HalfAffine(Brick):
    """1.5 x + 0.25 in float16; backward is exact."""

    def forward(self, x):
        half = x.astype(np.float16)
        return (half * np.float16(1.5) + np.float16(0.25)).astype(x.dtype), None

    def backward(self, dy, cache):
        return 1.5 * dy


# -- scales ------------------------------------------------------------------------------------------------------------


class Scaled(Pointwise):
    def __init__(self, factor):
        self.factor = factor

    def value(self, x):
        return self.factor * x

    def slope(self, x):
        return np.full_like(x, self.factor)


class TinyOutputs(Pointwise):
    def value(self, x):
        return 1e-12 * np.tanh(x)

    def slope(self, x):
        return 1e-12 * (1 - np.tanh(x) ** 2)


class SmallSlopeOnHugeOutput(Pointwise):
    def value(self, x):
        return 1e6 + 1e-3 * np.sin(x)

    def slope(self, x):
        return 1e-3 * np.cos(x)


class NearlyConstant(Pointwise):
    def value(self, x):
        return 1 + 1e-10 * x

    def slope(self, x):
        return np.full_like(x, 1e-10)


class MixedScales(Brick):
    """Each column has its own scale, from 1e-12 to 1e6; by option all columns are summed."""

    def __init__(self, n, total):
        self.scale, self.total = 10.0 ** np.linspace(6, -12, n), total

    def forward(self, x):
        y = x * self.scale.astype(x.dtype)
        return (y.sum(axis=1) if self.total else y), None

    def backward(self, dy, cache):
        return (dy[:, None] if self.total else dy) * self.scale.astype(dy.dtype)


# -- cancellation ------------------------------------------------------------------------------------------------------


class Log1p(Pointwise):
    def value(self, x):
        return np.log1p(x)

    def slope(self, x):
        return 1 / (1 + x)


class Expm1(Pointwise):
    def value(self, x):
        return np.expm1(x)

    def slope(self, x):
        return np.exp(x)


class NaiveExpm1(Pointwise):
    """e^x - 1 as it is written: forward loses digits near 0, backward does not."""

    def value(self, x):
        return np.exp(x) - 1

    def slope(self, x):
        return np.exp(x)


class NaiveSoftplus(Pointwise):
    """log(1 + e^x) as it is written: for negative x forward loses digits, its slope does not."""

    def value(self, x):
        return np.log(1 + np.exp(x))

    def slope(self, x):
        return sigmoid(x)


class RootMinusOne(Pointwise):
    """sqrt(1 + x²) - 1, without cancellation."""

    def value(self, x):
        root = np.hypot(x, 1)
        return x / (root + 1) * x

    def slope(self, x):
        return x / np.hypot(x, 1)


class OneMinusCos(Pointwise):
    def value(self, x):
        return 2 * np.sin(x / 2) ** 2

    def slope(self, x):
        return np.sin(x)


class TanhShrink(Pointwise):
    """x - tanh(x): its digits are lost near 0, not those of its slope."""

    def value(self, x):
        return x - np.tanh(x)

    def slope(self, x):
        return np.tanh(x) ** 2


class ExpRelative(Pointwise):
    """(e^x - 1) / x, by its series near 0."""

    def value(self, x):
        return np.where(x == 0, 1, np.expm1(x) / np.where(x == 0, 1, x))

    def slope(self, x):
        series = sum(k / math.factorial(k + 1) * x ** (k - 1) for k in range(1, 11))
        far = np.where(np.abs(x) < 0.2, 1, x)
        return np.where(np.abs(x) < 0.2, series, (np.exp(far) * (far - 1) + 1) / far**2)


class Sinc(Pointwise):
    """sin(x) / x, by its series near 0."""

    def value(self, x):
        return np.where(x == 0, 1, np.sin(x) / np.where(x == 0, 1, x))

    def slope(self, x):
        series = sum((-1) ** k * 2 * k / math.factorial(2 * k + 1) * x ** (2 * k - 1) for k in range(1, 7))
        far = np.where(np.abs(x) < 0.2, 1, x)
        return np.where(np.abs(x) < 0.2, series, (far * np.cos(far) - np.sin(far)) / far**2)


class DifferenceOfSquares(Brick):
    def forward(self, a, b):
        return (a - b) * (a + b), (a, b)

    def backward(self, dy, cache):
        a, b = cache
        return 2 * a * dy, -2 * b * dy


class Variance(Brick):
    """The variance of each row, in two passes."""

    def forward(self, x):
        apart = x - x.mean(axis=1, keepdims=True)
        return (apart * apart).mean(axis=1), apart

    def backward(self, dy, apart):
        return 2 / apart.shape[1] * dy[:, None] * apart


# -- saturation --------------------------------------------------------------------------------------------------------


class Sigmoid(Pointwise):
    def value(self, x):
        return sigmoid(x)

    def slope(self, x):
        return sigmoid_slope(x)


class Tanh(Brick):
    def forward(self, x):
        y = np.tanh(x)
        return y, y

    def backward(self, dy, y):
        return dy * (1 - y) * (1 + y)


class Softplus(Pointwise):
    def value(self, x):
        return softplus(x)

    def slope(self, x):
        return sigmoid(x)


class LogSigmoid(Pointwise):
    def value(self, x):
        return -softplus(-x)

    def slope(self, x):
        return sigmoid(-x)


class GELU(Pointwise):
    def value(self, x):
        return x * erfc(-x / math.sqrt(2)) / 2

    def slope(self, x):
        return erfc(-x / math.sqrt(2)) / 2 + x * normal_density(x)


class TanhGELU(Pointwise):
    root = math.sqrt(2 / math.pi)

    def value(self, x):
        return x * sigmoid(2 * self.root * (x + 0.044715 * x**3))

    def slope(self, x):
        u = 2 * self.root * (x + 0.044715 * x**3)
        return sigmoid(u) + x * sigmoid_slope(u) * 2 * self.root * (1 + 3 * 0.044715 * x**2)


class SiLU(Pointwise):
    def value(self, x):
        return x * sigmoid(x)

    def slope(self, x):
        return sigmoid(x) + x * sigmoid_slope(x)


class Mish(Pointwise):
    def value(self, x):
        return x * np.tanh(softplus(x))

    def slope(self, x):
        t = np.tanh(softplus(x))
        return t + x * (1 - t * t) * sigmoid(x)


class ELU(Pointwise):
    """scale x for x > 0, else scale alpha (e^(x / width) - 1)."""

    def __init__(self, alpha=1.0, width=1.0, scale=1.0):
        self.alpha, self.width, self.scale = alpha, width, scale

    def value(self, x):
        return self.scale * np.where(x > 0, x, self.alpha * np.expm1(np.minimum(x, 0) / self.width))

    def slope(self, x):
        return self.scale * np.where(x > 0, 1, self.alpha / self.width * np.exp(np.minimum(x, 0) / self.width))


class Swish(Brick):
    """x sigmoid(beta x), with a beta that it learns for each column."""

    def __init__(self, n, rng):
        self.beta = draw(rng, n)

    def forward(self, x):
        return x * sigmoid(self.beta.value * x), x

    def backward(self, dy, x):
        beta = self.beta.value
        self.beta.grad += (dy * x * x * sigmoid_slope(beta * x)).sum(axis=0)
        return dy * (sigmoid(beta * x) + beta * x * sigmoid_slope(beta * x))


class Softsign(Pointwise):
    def value(self, x):
        return x / (1 + np.abs(x))

    def slope(self, x):
        return 1 / (1 + np.abs(x)) ** 2


class Arctan(Pointwise):
    def value(self, x):
        return np.arctan(x)

    def slope(self, x):
        return 1 / (1 + x * x)


class Erf(Pointwise):
    def value(self, x):
        return erf(x)

    def slope(self, x):
        return 2 / math.sqrt(math.pi) * np.exp(-x * x)


class Gaussian(Pointwise):
    def value(self, x):
        return np.exp(-x * x)

    def slope(self, x):
        return -2 * x * np.exp(-x * x)


class Softmax(Brick):
    def forward(self, x):
        p = softmax(x)
        return p, p.copy()

    def backward(self, dy, p):
        return p * (dy - (dy * p).sum(axis=1, keepdims=True))


class LogSoftmax(Brick):
    def forward(self, x):
        centred = x - x.max(axis=1, keepdims=True)
        return centred - np.log(np.exp(centred).sum(axis=1, keepdims=True)), softmax(x)

    def backward(self, dy, p):
        return dy - p * dy.sum(axis=1, keepdims=True)


# -- steep, oscillating, or with a domain ------------------------------------------------------------------------------


class FastSine(Pointwise):
    def value(self, x):
        return np.sin(50 * x)

    def slope(self, x):
        return 50 * np.cos(50 * x)


class SteepSigmoid(Pointwise):
    def value(self, x):
        return sigmoid(1000 * x)

    def slope(self, x):
        return 1000 * sigmoid_slope(1000 * x)


class SeventhPower(Pointwise):
    def value(self, x):
        return x**7

    def slope(self, x):
        return 7 * x**6


class Exp(Pointwise):
    def value(self, x):
        return np.exp(x)

    def slope(self, x):
        return np.exp(x)


class XToTheX(Pointwise):
    def value(self, x):
        return x**x

    def slope(self, x):
        return x**x * (1 + np.log(x))


class Reciprocal(Pointwise):
    def value(self, x):
        return 1 / x

    def slope(self, x):
        return -1 / (x * x)


class SineOfReciprocal(Pointwise):
    def value(self, x):
        return np.sin(1 / x)

    def slope(self, x):
        return -np.cos(1 / x) / (x * x)


class Tan(Pointwise):
    def value(self, x):
        return np.tan(x)

    def slope(self, x):
        return 1 + np.tan(x) ** 2


class Sqrt(Pointwise):
    def value(self, x):
        return np.sqrt(x)

    def slope(self, x):
        return 0.5 / np.sqrt(x)


class CubeRoot(Pointwise):
    def value(self, x):
        return np.cbrt(x)

    def slope(self, x):
        return 1 / (3 * np.cbrt(x) ** 2)


class Log(Pointwise):
    def value(self, x):
        return np.log(x)

    def slope(self, x):
        return 1 / x


class Logit(Pointwise):
    def value(self, x):
        return np.log(x) - np.log1p(-x)

    def slope(self, x):
        return 1 / (x * (1 - x))


class Arcsin(Pointwise):
    def value(self, x):
        return np.arcsin(x)

    def slope(self, x):
        return 1 / np.sqrt((1 - x) * (1 + x))


class Arccosh(Pointwise):
    def value(self, x):
        return np.arccosh(x)

    def slope(self, x):
        return 1 / (np.sqrt(x - 1) * np.sqrt(x + 1))


class Entropy(Brick):
    """-Σ x log x of each row."""

    def forward(self, x):
        return -(x * np.log(x)).sum(axis=1), x

    def backward(self, dy, x):
        return -dy[:, None] * (1 + np.log(x))


class LearnedPower(Brick):
    def __init__(self, n, rng):
        self.power = draw(rng, n)

    def forward(self, x):
        return x**self.power.value, x

    def backward(self, dy, x):
        p = self.power.value
        self.power.grad += (dy * x**p * np.log(x)).sum(axis=0)
        return dy * p * x ** (p - 1)


class Polynomial(Brick):
    """c0 + c1 x + c2 x² + c3 x³ with coefficients that it learns."""

    def __init__(self, rng):
        self.coefficients = draw(rng, 4)

    def forward(self, x):
        c = self.coefficients.value
        return c[0] + x * (c[1] + x * (c[2] + x * c[3])), x

    def backward(self, dy, x):
        c = self.coefficients.value
        self.coefficients.grad += np.array([(dy * x**k).sum() for k in range(4)])
        return dy * (c[1] + x * (2 * c[2] + x * 3 * c[3]))


class Rational(Brick):
    """(a + b x) / (1 + x²)."""

    def __init__(self, rng):
        self.a, self.b = draw(rng, 1), draw(rng, 1)

    def forward(self, x):
        return (self.a.value + self.b.value * x) / (1 + x * x), x

    def backward(self, dy, x):
        a, b, below = self.a.value, self.b.value, 1 + x * x
        self.a.grad += (dy / below).sum()
        self.b.grad += (dy * x / below).sum()
        return dy * (b - 2 * x * ((a + b * x) / below)) / below


# -- cases -------------------------------------------------------------------------------------------------------------

CASES = [
    Case("single_linear", SingleLinear, ["(batch, n)"], sizes={"m": (2, 1, 3)}),
    pointwise("single_tanh", SingleTanh),
    pointwise("single_softmax", SingleSoftmax),
    pointwise("single_on_the_way", SingleOnTheWay),
    pointwise("half_affine", HalfAffine, 0.5, 8),
    pointwise("scaled", Scaled, factor=(1e-8, 1e8)),
    pointwise("tiny_outputs", TinyOutputs),
    pointwise("small_slope_on_huge_output", SmallSlopeOnHugeOutput, -100, 100),
    pointwise("nearly_constant", NearlyConstant),
    pointwise("mixed_scales", MixedScales, total=(False, True)),
    pointwise("log1p", Log1p, -0.9),
    pointwise("expm1", Expm1, high=30),
    pointwise("naive_expm1", NaiveExpm1, high=30),
    pointwise("naive_softplus", NaiveSoftplus, -30, 30),
    pointwise("root_minus_one", RootMinusOne),
    pointwise("one_minus_cos", OneMinusCos, -100, 100),
    pointwise("tanh_shrink", TanhShrink),
    pointwise("exp_relative", ExpRelative, high=30),
    pointwise("sinc", Sinc, -100, 100),
    Case("difference_of_squares", DifferenceOfSquares, ["(batch, n)", "(batch, n)"]),
    pointwise("variance", Variance),
    Case("variance_far_from_zero", Variance, [Floats("(batch, n)").map(lambda x: np.clip(x, -100, 100) + 1e6)]),
    pointwise("sigmoid", Sigmoid),
    pointwise("tanh", Tanh),
    pointwise("softplus", Softplus),
    pointwise("log_sigmoid", LogSigmoid),
    pointwise("gelu", GELU),
    pointwise("tanh_gelu", TanhGELU),
    pointwise("silu", SiLU),
    pointwise("mish", Mish),
    pointwise("elu", ELU, alpha=(1.0, 0.5, 2.0)),
    pointwise("selu", lambda: ELU(alpha=1.6732632423543772, scale=1.0507009873554805)),
    pointwise("celu", lambda width: ELU(alpha=width, width=width), width=(0.5, 2.0)),
    pointwise("swish", Swish),
    pointwise("softsign", Softsign),
    pointwise("arctan", Arctan),
    pointwise("erf", Erf),
    pointwise("gaussian", Gaussian),
    pointwise("softmax", Softmax),
    pointwise("log_softmax", LogSoftmax),
    pointwise("fast_sine", FastSine, -100, 100),
    pointwise("steep_sigmoid", SteepSigmoid),
    pointwise("seventh_power", SeventhPower),
    pointwise("exp", Exp, high=30),
    pointwise("x_to_the_x", XToTheX, 0.01, 10),
    pointwise("reciprocal", Reciprocal, 0.1),
    pointwise("reciprocal_of_negatives", Reciprocal, high=-0.1),
    pointwise("sine_of_reciprocal", SineOfReciprocal, 0.05),
    pointwise("tan", Tan, -1.4, 1.4),
    pointwise("sqrt", Sqrt, 1e-3),
    pointwise("cube_root", CubeRoot, 1e-3),
    pointwise("log", Log, 1e-6),
    pointwise("logit", Logit, 0.01, 0.99),
    pointwise("arcsin", Arcsin, -0.99, 0.99),
    pointwise("arccosh", Arccosh, 1.1),
    pointwise("entropy", Entropy, 0.01),
    pointwise("learned_power", LearnedPower, 0.1, 10),
    pointwise("polynomial", Polynomial),
    pointwise("rational", Rational),
]
