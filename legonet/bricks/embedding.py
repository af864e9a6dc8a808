"""The embedding, y = W[x]: a row of numbers for each word."""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from legonet.arrays import ROWS, Array, check_array, check_indices, quiet, rows
from legonet.brick import Brick
from legonet.checks import check_dtype, check_rng, check_size
from legonet.formulas import Formulas
from legonet.initializers import Initializer, initialize, normal

Indices: TypeAlias = npt.NDArray[np.integer[Any]]


class Embedding(Brick[Indices]):
    r"""A table with a row for each word, or for anything else that is counted from 0.

    .. math::

        \text{forward} \quad& y_k = W_{x_k} \\
        \text{backward} \quad& \frac{\partial L}{\partial W_v} = \sum_{k : \, x_k = v} \frac{\partial L}{\partial y_k}

    x holds whole numbers from 0 to vocabulary - 1 and has any shape of one axis or more, (batch, ...); y has one axis
    more, (batch, ..., features). x has no gradient, so `backward` returns None.

    Parameters
    ----------
    vocabulary : int
        The number of words.
    features : int
        The numbers that a word has.
    weight : callable or numpy.ndarray, optional
        An initializer, or the numbers themselves, of shape (vocabulary, features); by default normal numbers with
        the standard deviation 0.1.
    rng : numpy.random.Generator or int, optional
        The source of random numbers.
    dtype : dtype, optional
        The floating-point dtype of the weight, and so of y and its gradient.

    Attributes
    ----------
    weight : Parameter
        W, of shape (vocabulary, features).

    Raises
    ------
    OptionError
        If a size is negative or no whole number.
    RangeError
        In the forward pass, if a number is negative or not below `vocabulary`.
    ShapeError, DtypeError
        If given numbers have another shape or dtype; in the passes, if x is no array of whole numbers, or dy not
        (batch, ..., features).

    Notes
    -----
    PyTorch's ``Embedding`` draws from the normal distribution of standard deviation 1. Do so too, by
    ``weight=partial(normal, std=1.0)``, in front of `SinusoidalPositions`, whose waves are as large as 1.

    References
    ----------
    Bengio, Ducharme, Vincent and Jauvin, "A neural probabilistic language model", 2003, section 2.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import Embedding
    >>> embedding = Embedding(3, 2, weight=np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]))
    >>> y, cache = embedding.forward(np.array([[2, 0, 2]]))
    >>> y
    array([[[4., 5.],
            [0., 1.],
            [4., 5.]]])
    >>> embedding.backward(np.array([[[1.0, 0.0], [0.0, 10.0], [100.0, 0.0]]]), cache)
    >>> embedding.weight.grad
    array([[  0.,  10.],
           [  0.,   0.],
           [101.,   0.]])
    """

    formulas = Formulas(
        ["y[..., k] = W[x[...], k]"], ["dW[v, k] = sum((x[...] == v) * dy[..., k], ...)"], {"W": "weight"}
    )

    def __init__(
        self,
        vocabulary: int,
        features: int,
        *,
        weight: Initializer | Array = normal,
        rng: np.random.Generator | int | None = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        sizes = check_size("Embedding", "vocabulary", vocabulary), check_size("Embedding", "features", features)
        dtype = check_dtype("Embedding", dtype)
        self.weight = initialize("Embedding", "weight", weight, check_rng("Embedding", rng), sizes, dtype)

    def forward(self, x: Indices) -> tuple[Array, Indices]:
        """Return y, the rows W[x], of shape (batch, ..., features), and x for `backward`."""
        W = self.weight.value
        check_indices(self, "x", x, ROWS, len(W))
        return W.take(x, axis=0), x

    @quiet
    def backward(self, dy: Array, x: Indices) -> None:
        """Add to the gradient of each row of W the sum of dy where x has its number."""
        W = self.weight.value
        check_array(self, "dy", dy, x.shape + W.shape[1:], W.dtype)
        order = np.argsort(x, axis=None, kind="stable")
        words = x.reshape(-1)[order]
        starts = np.flatnonzero(np.diff(words, prepend=-1))
        # Sums of sorted rows: up to five times as fast as np.add.at.
        self.weight.grad[words[starts]] += np.add.reduceat(rows(dy)[order], starts)

    def __repr__(self) -> str:
        (words, features), dtype = self.weight.value.shape, self.weight.value.dtype
        return f"Embedding({words}, {features}{'' if dtype == np.float64 else f', dtype={dtype}'})"
