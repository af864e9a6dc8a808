"""The Gaussian error linear unit x Φ(x), and its slope."""

from collections.abc import Sequence

import numpy as np

from legonet.arrays import Array
from legonet.special.blocks import in_blocks, mirrored, times_exp_if_negative

# The root of the slope, as the nearest float64 and what is missing there.
_GELU_ROOT, _GELU_ROOT_REST = 0.7517915246935645, -1.4956759177009883e-17

# The coefficients of `gelu` and `gelu_slope`, from that of the constant on. Their variables are 0 where a is 1.45625,
# 5.96875 and 4.6875, since there the constant is a float64 to two digits more than its last one.
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
    *(0.3885757703405117, 0.02571191150880307, -0.021097650691644966, 0.006316693949391229),
    *(-0.00027592860723565146, -0.0003510783609021768, 3.774173502525062e-05, 3.0143713387242914e-05),
    *(-2.1752193637978754e-06, -3.415875662713984e-06, -1.7780443353016047e-07, 4.0048873552208456e-07),
    *(1.0032214718287503e-07, -3.49222023782483e-08, -2.359148060461216e-08, -8.635570085269834e-10),
    *(3.5370680687735562e-09, 1.1751635684996992e-09, -1.8731508090326045e-10, -2.0629795268891911e-10),
    *(-3.949492722911625e-11,),
]
_SLOPE = [
    *(0.45439631407233466, -0.08684234726820805, 0.04591342542529755, -0.019668759817263907),
    *(0.0063178935531865805, -0.0012169623770198284, -3.3833378923473944e-05, 9.595433121050512e-05),
    *(-1.5075356766106944e-05, -6.9205202664890265e-06, 2.2880980225439675e-06, 6.426394445340577e-07),
    *(-3.0026874136298497e-07, -8.598936351339537e-08, 3.8603166966009794e-08, 1.5166028598755024e-08),
    *(-4.2662242793026725e-09, -2.8230602084953724e-09, 1.3692974806667228e-10, 3.715920603065446e-10),
    *(7.218923096040942e-11, -2.5647916875490678e-14),
]


def gelu(x: Array) -> Array:
    """Return x Φ(x) of each entry, Φ the normal distribution function, within 2 ULP for every finite number.

    With a = abs(x) it is max(x, 0) - a Φ(-a). The product a Φ(-a) is computed as a/2 - a² p(a²) up to 0.66, as a
    polynomial in a up to 2, and beyond as e^(-a²/2) q((a - c) / (a + 2)), which is right down to the smallest numbers.
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
    return in_blocks(_gelu, x, np.float64)


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


def _gelu_near(a: Array) -> Array:
    square = a * a
    return 0.5 * a - square * (_NEAR[0] + _beyond_constant(_NEAR, square))


def _gelu_bend(a: Array) -> Array:
    return _BEND[0] + _beyond_constant(_BEND, a - 1.45625)


def _gelu_tail(a: Array) -> Array:
    a = np.minimum(a, 40.0)  # beyond, e^(-a²/2) is 0
    exponent, rest = _gaussian(a)
    c, q = _TAIL[0], _beyond_constant(_TAIL, (a - 5.96875) / (a + 2.0))
    y: Array = np.exp(exponent) * (c + (q + (c + q) * rest))
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
    return in_blocks(_gelu_slope, x, np.float64)


def _gelu_slope(x: Array) -> Array:
    a = np.minimum(np.abs(x), 40.0)
    exponent, rest = _gaussian(a)
    c, q = _SLOPE[0], _beyond_constant(_SLOPE, (a - 4.6875) / (a + 4.0))
    factor = (_GELU_ROOT - a + _GELU_ROOT_REST) * (c + (q + (c + q) * rest))
    below = np.exp(np.maximum(exponent, -708.0)) * factor
    return mirrored(x, times_exp_if_negative(below, exponent + 708.0))


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
