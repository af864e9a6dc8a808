"""Special functions: what several bricks are made of, in the form that keeps every digit."""

from .exponentials import log_softmax, softmax
from .gaussian import gelu, gelu_slope
from .logistic import sigmoid, silu, silu_slope, softplus
from .moments import centred, normalised_backward, root_mean_square, row_means
from .sums import sum_of_squares, wide_sum

__all__ = [
    "centred",
    "gelu",
    "gelu_slope",
    "log_softmax",
    "normalised_backward",
    "root_mean_square",
    "row_means",
    "sigmoid",
    "silu",
    "silu_slope",
    "softmax",
    "softplus",
    "sum_of_squares",
    "wide_sum",
]
