"""Gradients cut to size between backward and step."""

import math
from collections.abc import Iterable

import numpy as np

from legonet.arrays import Array, check_array, quiet
from legonet.checks import check_number, check_parameters
from legonet.parameter import Parameter
from legonet.special import sum_of_squares


@quiet
def clip_values(parameters: Iterable[Parameter], limit: float) -> None:
    """Cut each number of the gradients to the range from -limit to limit, in place.

    NaN stays; infinity becomes the limit.

    Parameters
    ----------
    parameters : iterable of Parameter
        Such as ``net.parameters()``.
    limit : float
        The largest size of a number, above 0.

    Raises
    ------
    OptionError
        If the parameters are not a list of parameters, each once, or the limit is no such number.
    DtypeError
        If a gradient was replaced by what is no array of floating-point numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import Parameter
    >>> from legonet.optimizers import clip_values
    >>> weight = Parameter(np.zeros(3))
    >>> weight.grad += np.array([0.5, -7.0, 3.0])
    >>> clip_values([weight], 1.0)
    >>> weight.grad
    array([ 0.5, -1. ,  1. ])
    """
    limit = check_number("clip_values", "limit", limit, above=0)
    for gradient in _gradients("clip_values", parameters):
        np.clip(gradient, -limit, limit, out=gradient)


@quiet
def clip_norm(parameters: Iterable[Parameter], limit: float) -> float:
    r"""Shorten the gradients, taken together as one vector g, to a length of at most the limit, in place.

    .. math::

        g \leftarrow g \cdot \min\left(1, \frac{\text{limit}}{\lVert g \rVert_2}\right)

    Parameters
    ----------
    parameters : iterable of Parameter
        Such as ``net.parameters()``; of different dtypes if need be.
    limit : float
        The largest length, above 0.

    Returns
    -------
    float
        The length before. If it is NaN or infinite, the gradients are left as they are: look at it, and call
        ``zero_grad`` of the parameters instead of the optimizer's step to leave such a step out.

    Raises
    ------
    OptionError
        If the parameters are not a list of parameters, each once, or the limit is no such number.
    DtypeError
        If a gradient was replaced by what is no array of floating-point numbers.

    Notes
    -----
    Numbers whose squares would overflow or vanish are measured rightly, so gradients of 1e200 are shortened like all
    others. PyTorch's ``clip_grad_norm_`` divides by the length + 1e-6, and so stays a little below the limit.

    References
    ----------
    Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks", 2013, algorithm 1,
    https://arxiv.org/abs/1211.5063.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import Parameter
    >>> from legonet.optimizers import clip_norm
    >>> weight = Parameter(np.zeros(2))
    >>> weight.grad += np.array([3.0, -4.0])
    >>> clip_norm([weight], 1.0)
    5.0
    >>> weight.grad
    array([ 0.6, -0.8])
    """
    limit = check_number("clip_norm", "limit", limit, above=0)
    gradients = _gradients("clip_norm", parameters)
    norm = _norm(gradients)
    if limit < norm < math.inf:
        factor = np.float64(limit / norm)  # no Python float: a small one would lose its digits in float16
        for gradient in gradients:
            np.multiply(gradient, factor, out=gradient, casting="same_kind")
    return norm


def _gradients(who: str, parameters: Iterable[Parameter]) -> list[Array]:
    found = check_parameters(who, parameters)
    for parameter in found:
        check_array(parameter, "grad", parameter.grad, (...,))
    return [parameter.grad for parameter in found]


def _norm(gradients: list[Array]) -> float:
    """Return the length of all gradients together, also where squares overflow or vanish."""
    total = sum(sum_of_squares(gradient) for gradient in gradients)
    if 1e-30 < total < math.inf:
        return math.sqrt(total)
    largest = float(np.max([np.abs(gradient).max(initial=0.0) for gradient in gradients]))
    if largest == 0.0 or not math.isfinite(largest):
        return largest
    return largest * math.sqrt(sum(sum_of_squares(np.divide(gradient, largest, dtype=float)) for gradient in gradients))
