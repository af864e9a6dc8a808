"""Functions that several bricks are made of, in the form that keeps every digit."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from legonet.arrays import Array, quiet, rows


def sigmoid(x: Array) -> Array:
    """Return the logistic sigmoid 1 / (1 + e^-x) of each entry, within 2 ULP for every finite number.

    Written as n - n e^-|x| / (1 + e^-|x|) with n = e^min(x, 0), which never overflows and keeps the tail.

    Parameters
    ----------
    x : numpy.ndarray
        Any shape.

    Returns
    -------
    numpy.ndarray
        Of the same shape and dtype.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet.special import sigmoid
    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    e = np.exp(-np.abs(x))
    n = np.maximum(e, x >= 0.0)  # 1 where x is positive
    y: Array = n - n * (e / (1.0 + e))
    return y


def softplus(x: Array) -> Array:
    """Return log(1 + e^x) of each entry, within 2 ULP for every finite number.

    Written as max(x, 0) + log(1 + e^-|x|), which never overflows and keeps the tail.

    Parameters
    ----------
    x : numpy.ndarray
        Any shape.

    Returns
    -------
    numpy.ndarray
        Of the same shape and dtype.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet.special import softplus
    >>> softplus(np.array([-40.0, 1000.0]))
    array([4.24835426e-18, 1.00000000e+03])
    """
    y: Array = np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))
    return y


def softmax(x: Array) -> Array:
    """Return e^x of each entry over their sum along the last axis.

    The largest entry of each row is subtracted first, so nothing overflows. An entry of -infinity has the share 0; a
    row of nothing else, or one with +infinity or NaN in it, gives NaN.

    Parameters
    ----------
    x : numpy.ndarray
        Of shape (..., n).

    Returns
    -------
    numpy.ndarray
        Of the same shape and dtype; each row sums to 1.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet.special import softmax
    >>> softmax(np.array([[1000.0, 1000.0, -np.inf]]))
    array([[0.5, 0.5, 0. ]])
    """
    across = x.shape[-1] <= 32  # to reduce few long rows is faster than many short ones
    z, axis = (rows(x).T.copy(), 0) if across else (rows(x), 1)
    e = np.exp(z - np.maximum.reduce(z, axis, keepdims=True, initial=-np.inf))
    e /= np.add.reduce(e, axis, keepdims=True)
    y: Array = np.ascontiguousarray(e.T if across else e).reshape(x.shape)
    return y


def log_softmax(x: Array) -> Array:
    """Return the logarithm of `softmax`, which keeps its digits where softmax is 0 or 1.

    With m the largest entry of a row, it is x - m - log(1 + sum of e^(x - m) over all others): the term of m itself,
    which is 1, is left to ``log1p``. So a share that rounds to 1 still has its logarithm: that of [0, -40] is
    [-4.2e-18, -40]. An entry of -infinity stays one; a row of nothing else, or one with +infinity or NaN in it, gives
    NaN.

    Parameters
    ----------
    x : numpy.ndarray
        Of shape (..., n).

    Returns
    -------
    numpy.ndarray
        Of the same shape and dtype.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet.special import log_softmax
    >>> log_softmax(np.array([[0.0, -40.0]]))
    array([[-4.24835426e-18, -4.00000000e+01]])
    """
    if not x.size:
        return x.copy()
    z = rows(x)
    largest = np.arange(len(z)), z.argmax(axis=1)
    y: Array = z - z[largest][:, np.newaxis]
    e = np.exp(y)
    e[largest] -= 1.0
    y -= np.log1p(np.add.reduce(e, 1, keepdims=True))
    return y.reshape(x.shape)


def row_means(x: Array) -> Array:
    """Return the mean of each row, as a column.

    Written as the product x (1/n): a BLAS product takes a fraction of the time of ``x.mean(axis=1)``, and no sum on
    the way is larger than the largest entry.

    Parameters
    ----------
    x : numpy.ndarray
        Of shape (rows, n).

    Returns
    -------
    numpy.ndarray
        Of shape (rows, 1); of the dtype of x, but float32 for float16, whose sums end at 65504.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet.special import row_means
    >>> row_means(np.array([[1.0, 2.0, 6.0], [0.0, 0.0, 0.0]]))
    array([[3.],
           [0.]])
    """
    n = x.shape[1]
    means: Array = x.dot(np.full((n, 1), 1 / max(n, 1), np.result_type(x.dtype, np.float32)))
    return means


def centred(x: Array) -> tuple[Array, Array]:
    """Return each row less its mean, and the means as a column.

    What rounding has left of the mean is subtracted in a second step: of [1e8, 1e8 + 1] in float64 every digit of the
    differences is kept.

    Parameters
    ----------
    x : numpy.ndarray
        Of shape (rows, n).

    Returns
    -------
    centred : numpy.ndarray
        A new array of the shape of x.
    means : numpy.ndarray
        Of shape (rows, 1). Both have the dtype of x, but float32 for float16.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet.special import centred
    >>> centred(np.array([[1.0, 2.0, 6.0]]))[0]
    array([[-2., -1.,  3.]])
    """
    means = row_means(x)
    less: Array = x - means
    rest = row_means(less)
    less -= rest
    return less, means + rest


@quiet
def root_mean_square(x: Array, eps: float) -> tuple[Array, Array]:
    """Return sqrt(mean of x² + eps) of each row, and the mean of x², as columns.

    Squares that overflow are computed anew of numbers scaled down by a power of two, which is exact; the root is then
    right, while the mean of the squares stays infinite.

    Parameters
    ----------
    x : numpy.ndarray
        Of shape (rows, n).
    eps : float
        What is added to the mean, so that the root of a row of zeros is not 0.

    Returns
    -------
    root, square : numpy.ndarray
        Of shape (rows, 1), and of the dtype of x, but float32 for float16.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet.special import root_mean_square
    >>> root_mean_square(np.array([[3.0, -3.0], [3e300, 3e300], [0.0, 0.0]]), 1e-6)[0]
    array([[3.00000017e+000],
           [3.00000000e+300],
           [1.00000000e-003]])
    """
    x = x.astype(np.result_type(x.dtype, np.float32), copy=False)
    square = row_means(x * x)
    root: Array = np.sqrt(square + eps)
    large = np.isinf(root[:, 0])
    if large.any():
        power = np.finfo(x.dtype).maxexp * 5 // 8
        small = np.ldexp(x[large], -power)
        root[large] = np.ldexp(np.sqrt(row_means(small * small)), power)
    return root, square


def silu(x: Array) -> Array:
    """Return x / (1 + e^-x) of each entry, within 2 ULP for every finite number.

    Where e^-x would overflow, its exponent is cut, and what is left of it multiplies the fraction.

    Parameters
    ----------
    x : numpy.ndarray
        Any shape.

    Returns
    -------
    numpy.ndarray
        Of the same shape and dtype.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet.special import silu
    >>> silu(np.array([-np.inf, -710.2, 1.0]))
    array([-0.00000000e+000, -2.60279294e-306,  7.31058579e-001])
    """
    return _in_blocks(_silu, x, np.float32)


def _silu(x: Array) -> Array:
    x = np.maximum(x, -1000.0)  # where y is 0, as at -infinity
    top = _largest_exponent(x.dtype)
    return _times_exp_if_negative(x / (1.0 + np.exp(np.minimum(-x, top))), x + top)


def silu_slope(x: Array) -> Array:
    """Return the derivative of `silu` by each entry, within 4 ULP for every finite number.

    At -a, with a = abs(x), it is (1 - a + e^-a) / (2 + e^a + e^-a); at a, it is 1 less that. The numerator has a root
    r = -1.278, near which its digits would cancel. With u = -a - r it is u + e^r (e^u - 1), whose terms have one sign.

    Parameters
    ----------
    x : numpy.ndarray
        Any shape.

    Returns
    -------
    numpy.ndarray
        Of the same shape and dtype.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet.special import silu_slope
    >>> silu_slope(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    return _in_blocks(_silu_slope, x, np.float32)


def _silu_slope(x: Array) -> Array:
    a = np.minimum(np.abs(x), 1000.0)
    top = _largest_exponent(a.dtype)
    root = a.dtype.type(_SILU_ROOT)
    u = -root - a - a.dtype.type(_SILU_ROOT - float(root) + _SILU_ROOT_REST)
    e = np.exp(np.minimum(a, top))
    below = (u + _E_TO_SILU_ROOT * np.expm1(u)) / (e + (2.0 + 1.0 / e))
    return _mirrored(x, _times_exp_if_negative(below, top - a))


def gelu(x: Array) -> Array:
    """Return x Φ(x) of each entry, Φ the normal distribution function, within 2.1 ULP for every finite number.

    With a = abs(x) it is max(x, 0) - a Φ(-a). The product a Φ(-a) is computed as a/2 - a² p(a²) up to 0.66, as a
    polynomial in a up to 2, and beyond as e^(-a²/2) q((a - c) / (a + 3)), which is right down to the smallest numbers.
    The exponent is split, as Cody does, into a part that is exact and a small rest.

    Float16 and float32 are computed in float64.

    Parameters
    ----------
    x : numpy.ndarray
        Any shape.

    Returns
    -------
    numpy.ndarray
        Of the same shape and dtype.

    References
    ----------
    Cody, "Rational Chebyshev approximations for the error function", Mathematics of Computation 23, 1969; Shepherd
    and Laframboise, "Chebyshev approximation of (1 + 2x) exp(x²) erfc x in 0 ≤ x < ∞", Mathematics of Computation 36,
    1981, for the fraction as the variable. The coefficients are made by `mpmath.chebyfit` in tests/test_special.py.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet.special import gelu
    >>> gelu(np.array([-30.0, 0.0, 1.0]))
    array([-1.47201418e-196,  0.00000000e+000,  8.41344746e-001])
    """
    return _in_blocks(_gelu, x, np.float64)


def _gelu(x: Array) -> Array:
    a = np.abs(x)
    product = np.empty_like(a)
    near, far = a < 0.66, ~(a < 2.0)
    for where, formula in ((near, _gelu_near), (~(near | far), _gelu_bend), (far, _gelu_tail)):
        places = np.flatnonzero(where)
        if places.size:
            product[places] = formula(a[places])
    y: Array = np.maximum(x, 0.0) - product
    return y


def gelu_slope(x: Array) -> Array:
    """Return the derivative Φ(x) + x φ(x) of `gelu` by each entry, within 4 ULP for every finite number.

    At -a, with a = abs(x), it is e^(-a²/2) (r - a) q((a - c) / (a + 4)) with a polynomial q, where r = 0.752 is the
    root, near which the digits of the sum would cancel; at a, it is 1 less that.

    Float16 and float32 are computed in float64.

    Parameters
    ----------
    x : numpy.ndarray
        Any shape.

    Returns
    -------
    numpy.ndarray
        Of the same shape and dtype.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet.special import gelu_slope
    >>> gelu_slope(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    return _in_blocks(_gelu_slope, x, np.float64)


def _gelu_slope(x: Array) -> Array:
    a = np.minimum(np.abs(x), 40.0)
    exponent, rest = _gaussian(a)
    q = _SLOPE[0], _beyond_constant(_SLOPE, (a - 4.6875) / (a + 4.0))
    factor = (_GELU_ROOT - a + _GELU_ROOT_REST) * (q[0] + (q[1] + (q[0] + q[1]) * rest))
    below = np.exp(np.maximum(exponent, -708.0)) * factor
    return _mirrored(x, _times_exp_if_negative(below, exponent + 708.0))


def _gelu_near(a: Array) -> Array:
    square = a * a
    return 0.5 * a - square * (_NEAR[0] + _beyond_constant(_NEAR, square))


def _gelu_bend(a: Array) -> Array:
    return _BEND[0] + _beyond_constant(_BEND, a - 1.45625)


def _gelu_tail(a: Array) -> Array:
    a = np.minimum(a, 40.0)  # beyond, e^(-a²/2) is 0
    exponent, rest = _gaussian(a)
    q = _TAIL[0], _beyond_constant(_TAIL, (a - 3.9375) / (a + 3.0))
    y: Array = np.exp(exponent) * (q[0] + (q[1] + (q[0] + q[1]) * rest))
    return y


def _gaussian(a: Array) -> tuple[Array, Array]:
    """Return n, exactly, and the small r for which e^(-a²/2) is e^n (1 + r)."""
    half = a.astype(np.float32).astype(np.float64)  # few enough digits for an exact square
    return -0.5 * (half * half), np.expm1(0.5 * (half - a) * (half + a))


def _beyond_constant(coefficients: Sequence[float], t: Array) -> Array:
    """Return c1 t + c2 t² + ...: c0, the largest part, is added last, after all corrections."""
    y = coefficients[-1] * t
    for coefficient in coefficients[-2:0:-1]:
        y += coefficient
        y *= t
    return y


def _mirrored(x: Array, below: Array) -> Array:
    """Return a slope from that at -abs(x): the slopes at -a and a sum to 1."""
    above = (x > 0.0).astype(below.dtype)
    return above + (1.0 - 2.0 * above) * below


def _times_exp_if_negative(y: Array, exponent: Array) -> Array:
    """Multiply y by e^exponent where that is less than 1: the part of an exponential that would be too small alone."""
    far = exponent < 0.0
    if far.any():
        y[far] *= np.exp(exponent[far])
    return y


def _in_blocks(function: Callable[[Array], Array], x: Array, least: npt.DTypeLike) -> Array:
    """Return an elementwise function, computed in a dtype of so many digits at least, in blocks that fit the cache."""
    dtype = np.promote_types(x.dtype, least)
    flat, y = x.ravel(), np.empty(x.size, x.dtype.newbyteorder("="))
    for start in range(0, x.size, _BLOCK):
        block = slice(start, start + _BLOCK)
        y[block] = function(flat[block].astype(dtype, copy=False))
    return y.reshape(x.shape)


def _largest_exponent(dtype: np.dtype[Any]) -> Any:
    return dtype.type(709.0 if dtype.itemsize > 4 else 88.0)


_BLOCK = 16384

# The roots of the two slopes, each as the nearest float64 and what is missing there.
_SILU_ROOT, _SILU_ROOT_REST = -1.2784645427610737, -1.0946994183093437e-16
_E_TO_SILU_ROOT = 0.2784645427610738
_GELU_ROOT, _GELU_ROOT_REST = 0.7517915246935645, -1.4956759177009883e-17

# The coefficients of `gelu` and `gelu_slope`, from that of the constant on.
_NEAR = [
    *(0.3989422804014327, -0.06649038006690527, 0.009973557010025664, -0.001187328215240846),
    *(0.00011543468478179468, -9.444637405373903e-06, 6.65895545805533e-07, -4.105769079094819e-08),
    *(2.0630588258239585e-09,),
]
_BEND = [
    *(0.10581368948556064, -0.1285482820548299, 0.008336075953038364, 0.06302354415611419),
    *(-0.03654269358766831, 0.0013918513941384172, 0.0053225179475186795, -0.0013763205394865703),
    *(-0.0003789588495878503, 0.0002123464721514431, 5.258845930028869e-06, -1.9670145329528813e-05),
    *(1.999620628322081e-06, 1.266610191134185e-06, -2.746521503237217e-07, -5.6960867633389794e-08),
    *(2.2005310121589697e-08, 1.637515734791279e-09, -1.0681317028641098e-09),
]
_TAIL = [
    *(0.3770554028057066, 0.06646486975641575, -0.07913591834371614, 0.04894061024751498),
    *(-0.016204246897683638, 0.000679360617542354, 0.0015302883272654592, -0.00025672463980053374),
    *(-0.00019021385303524395, 3.4495388881663654e-05, 3.203223579622249e-05, -2.1038202595509005e-06),
    *(-5.992489211067665e-06, -7.91344387798638e-07, 9.580933300010564e-07, 4.767257481446716e-07),
    *(-6.810084676406986e-08, -2.3921565414340644e-07, 8.857709164419202e-08, -3.6674653727762715e-09),
]
_SLOPE = [
    *(0.45439631407233466, -0.08684234726820805, 0.04591342542529755, -0.019668759817263907),
    *(0.0063178935531865805, -0.0012169623770198284, -3.3833378923473944e-05, 9.595433121050512e-05),
    *(-1.5075356766106944e-05, -6.9205202664890265e-06, 2.2880980225439675e-06, 6.426394445340577e-07),
    *(-3.0026874136298497e-07, -8.598936351339537e-08, 3.8603166966009794e-08, 1.5166028598755024e-08),
    *(-4.2662242793026725e-09, -2.8230602084953724e-09, 1.3692974806667228e-10, 3.715920603065446e-10),
    *(7.218923096040942e-11, -2.5647916875490678e-14),
]
