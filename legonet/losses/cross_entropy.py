"""The cross-entropy of classes, L = -1/N Σ log softmax(y) of the right class."""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from legonet.arrays import (
    Array,
    brief,
    check_array,
    check_indices,
    check_probabilities,
    classes_first,
    ones,
    quiet,
    rows,
)
from legonet.brick import Brick
from legonet.checks import check_integer, check_number, check_scalar
from legonet.errors import OptionError
from legonet.special import log_softmax

Cache: TypeAlias = tuple[Any, ...]


class CrossEntropyLoss(Brick[Cache]):
    r"""How surprised softmax(y) is by the right class, averaged over all predictions.

    .. math::

        \text{forward} \quad& L = -\frac{1}{W} \sum_n \sum_c s_{nc} \log p_{nc}, \quad p = \text{softmax}(y) \\
        \text{backward} \quad& \frac{\partial L}{\partial y_{nc}} =
        \frac{1}{W} \left( p_{nc} \sum_k s_{nk} - s_{nc} \right)

    Here y are logits of shape (batch, ..., classes). The target is the right class of each prediction, whole numbers
    of shape (batch, ...), or the probabilities of all classes, in the shape and dtype of y. It is not differentiated.

    =====================  ====================================================================  =====================
    target                 share s of class c in prediction n                                    W
    =====================  ====================================================================  =====================
    classes                :math:`w_c \, ((1 - \varepsilon) \, [c = t_n] + \varepsilon / C)`     sum of all w of t_n
    probabilities          :math:`w_c \, ((1 - \varepsilon) \, t_{nc} + \varepsilon / C)`        N
    =====================  ====================================================================  =====================

    A plain loss has w = 1 and ε = 0, so W = N. A prediction whose target is the ignored index is left out of all sums.
    If nothing is left, or W is 0, the loss is 0.

    Parameters
    ----------
    label_smoothing : float, optional
        ε from 0 to 1: how much of each target is spread evenly over the C classes.
    ignore_index : int, optional
        The target of predictions that do not count, such as padding; it need not be a class. Targets are whole numbers
        then.
    class_weights : numpy.ndarray, optional
        w ≥ 0 of each class, of shape (classes,) and any floating-point dtype. They are copied.

    Raises
    ------
    OptionError
        If `label_smoothing` is not in [0, 1], `ignore_index` no whole number, a weight negative or not finite.
    ShapeError, DtypeError
        If y is no floating-point array of shape (batch, ..., classes), or the target of another shape or dtype.
    RangeError
        If a target is no class from 0 to classes - 1, or no probability from 0 to 1.

    Notes
    -----
    The values are those of PyTorch's ``cross_entropy``, whose classes are on axis 1. Where nothing is left to average,
    PyTorch gives NaN. It computes the digits of a small loss as 1 - (1 - loss): of [0, -40] with the right class 0 it
    gives 0. A logit of -infinity, a class that cannot be, costs nothing where its share s is 0; label smoothing gives
    each class a share, so it costs infinity. Probabilities are not required to sum to 1. Sums over predictions are
    taken in float64.

    References
    ----------
    Bishop, *Pattern Recognition and Machine Learning*, 2006, equation 4.108. Label smoothing: Szegedy et al.,
    "Rethinking the Inception architecture for computer vision", CVPR 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import CrossEntropyLoss
    >>> loss = CrossEntropyLoss()
    >>> value, cache = loss.forward(np.array([[0.0, 0.0], [0.0, -40.0]]), np.array([1, 0]))
    >>> value
    0.34657359027997264
    >>> loss.backward(1.0, cache)
    array([[ 2.50000000e-01, -2.50000000e-01],
           [-2.12417713e-18,  2.12417713e-18]])
    """

    def __init__(
        self,
        *,
        label_smoothing: float = 0.0,
        ignore_index: int | None = None,
        class_weights: Array | None = None,
    ) -> None:
        who = "CrossEntropyLoss"
        self.label_smoothing = check_number(who, "label_smoothing", label_smoothing, at_least=0, at_most=1)
        self.ignore_index = None if ignore_index is None else check_integer(who, "ignore_index", ignore_index)
        self.class_weights: Array | None = None
        if class_weights is not None:
            check_array(who, "class_weights", class_weights, ("classes",))
            if not np.all((class_weights >= 0) & (class_weights < np.inf)):
                given = brief(class_weights.tolist())
                raise OptionError(f"{who} needs class_weights as finite numbers >= 0, but class_weights is {given}")
            self.class_weights = class_weights.astype(np.float64)

    @quiet
    def forward(self, y: Array, target: npt.NDArray[Any]) -> tuple[float, Cache]:
        """Return L = -1/W Σ s log softmax(y), and what `backward` needs."""
        w = self.class_weights
        check_array(self, "y", y, ("batch", ..., "classes" if w is None else len(w)))
        if self.ignore_index is None and _are_probabilities(target, y):
            check_probabilities(self, "target", target, y.shape, y.dtype)
            return self._forward_shares(y, None, rows(target), len(rows(y)))
        labels, kept = self._labels(y, target)
        x = rows(y) if kept is None else rows(y)[kept]
        places = np.arange(len(labels))
        W = len(x) if w is None else float(w[labels].sum())
        if self.label_smoothing:
            s = np.zeros(x.shape, x.dtype)
            s[places, labels] = 1.0
            return self._forward_shares(y, kept, s, W)
        z = classes_first(x)
        largest, right = np.maximum.reduce(z, axis=0, initial=-np.inf), (labels, places)
        e = np.exp(z - largest)
        own = e[right]
        e[right] = 0.0  # the others are summed without it, which keeps their digits
        others = ones(len(e), e.dtype).dot(e)
        losses = np.log1p(others - (1.0 - own)) + (largest - z[right])
        weights = 1.0
        if w is not None:
            weights = w[labels].astype(x.dtype)
            losses = losses * weights
        return _mean(losses, W), (y.shape, kept, W or 1, (right, weights, e, own, others))

    def _forward_shares(self, y: Array, kept: Any, s: Array, W: float) -> tuple[float, Cache]:
        """Do so for shares s of all classes, before they are smoothed and weighed."""
        s = (1.0 - self.label_smoothing) * s + self.label_smoothing / (s.shape[1] or 1)
        if self.class_weights is not None:
            s = s * self.class_weights.astype(s.dtype)
        log_p = log_softmax(rows(y) if kept is None else rows(y)[kept])
        losses = np.where(s == 0.0, 0.0, s * log_p)  # log p of a class that cannot be is -infinity
        return -_mean(losses, W), (y.shape, kept, W or 1, (s, log_p))

    @quiet
    def backward(self, dloss: float, cache: Cache) -> Array:
        """Return dL/dy = (softmax(y) Σ s - s) / W, times dloss."""
        shape, kept, W, parts = cache
        factor = check_scalar(self, "dloss", dloss) / W
        if len(parts) == 2:
            s, log_p = parts
            # p Σ s - s is p times the shares of the others less s times 1 - p: no digits cancel.
            dx = (np.exp(log_p) * (s.sum(axis=1, keepdims=True) - s) + s * np.expm1(log_p)) * factor
        else:
            right, weights, e, own, others = parts
            scale = weights * factor / (own + others)
            dz = e * scale
            dz[right] = -others * scale  # p - 1 is what the others have
            dx = dz.T
        return _put_back(dx, kept).reshape(shape)

    def _labels(self, y: Array, target: npt.NDArray[Any]) -> tuple[npt.NDArray[np.integer[Any]], Any]:
        """Return the classes that count, as a vector, and which rows they belong to."""
        if self.ignore_index is None or type(target) not in (np.ndarray, np.memmap):
            check_indices(self, "target", target, y.shape[:-1], y.shape[-1])
            return target.ravel(), None
        kept = target != self.ignore_index
        check_indices(self, "target", np.where(kept, target, 0), y.shape[:-1], y.shape[-1])
        return target[kept], kept.ravel()

    def __repr__(self) -> str:
        options = [f"label_smoothing={self.label_smoothing:g}"] if self.label_smoothing else []
        if self.ignore_index is not None:
            options.append(f"ignore_index={self.ignore_index}")
        if self.class_weights is not None:
            options.append(f"class_weights={brief(' '.join(repr(self.class_weights).split()))}")
        return f"CrossEntropyLoss({', '.join(options)})"


def _are_probabilities(target: Any, y: Array) -> bool:
    """Whether a target has the shape of y, or is meant to: floats of as many axes."""
    if not isinstance(target, np.ndarray):
        return False
    return target.shape == y.shape or (target.dtype.kind == "f" and target.ndim == y.ndim)


def _mean(losses: Array, W: float) -> float:
    return float(np.add.reduce(losses, axis=None, dtype=np.float64)) / (W or 1)


def _put_back(dx: Array, kept: Any) -> Array:
    """Return the rows that count at their places, and zeros in the others."""
    if kept is None:
        return dx
    dy = np.zeros((len(kept), dx.shape[1]), dx.dtype)
    dy[kept] = dx
    return dy
