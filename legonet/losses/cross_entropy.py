"""The cross-entropy of classes, L = -1/N Σ log softmax(y) of the right class."""

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from legonet.arrays import Array, brief, check_array, classes_first, quiet
from legonet.brick import Brick
from legonet.checks import check_integer, check_number, check_scalar
from legonet.formulas import Formulas
from legonet.losses.targets import check_weights, put_back, read_target
from legonet.special import log_softmax, wide_sum


class Classes(NamedTuple):
    """What is kept of n predictions whose targets are classes; the C classes come first."""

    right: tuple[npt.NDArray[Any], npt.NDArray[Any]]
    """Class and number of each prediction."""
    weights: Array | float
    """The share of the right class, which is all there is, of shape (n,) or 1."""
    e: Array
    """e^(y - the largest of the prediction), of shape (C, n), and 0 for the right class."""
    own: Array
    """That of the right class, of shape (n,)."""
    others: Array
    """The sum of e, which is that of all other classes, of shape (n,)."""


class Shares(NamedTuple):
    """What is kept of n predictions whose targets are shares of all C classes."""

    s: Array
    """The shares, of shape (n, C)."""
    log_p: Array
    """The logarithms of softmax(y), of shape (n, C)."""


class Cache(NamedTuple):
    """What `CrossEntropyLoss.backward` needs to know."""

    parts: Classes | Shares
    """What is kept of the predictions that count."""
    W: float
    """What their sum is divided by."""
    kept: npt.NDArray[np.bool_] | None
    """Which they are; None if all count."""
    shape: tuple[int, ...]
    """The shape of y."""


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
    PyTorch gives NaN, and where the loss is too small to be added to 1, 0: [0, -40] with right class 0 costs 4.2e-18
    here. A logit of -infinity, a class that cannot be, costs nothing where its share s is 0; label smoothing gives
    each class a share, so it costs infinity. Probabilities are not required to sum to 1. Sums over predictions are
    taken in float64, and those of float16 over classes in float32.

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
        self, *, label_smoothing: float = 0.0, ignore_index: int | None = None, class_weights: Array | None = None
    ) -> None:
        who = "CrossEntropyLoss"
        self.label_smoothing = check_number(who, "label_smoothing", label_smoothing, at_least=0, at_most=1)
        self.ignore_index = None if ignore_index is None else check_integer(who, "ignore_index", ignore_index)
        self.class_weights = None if class_weights is None else check_weights(who, "class_weights", class_weights)

    def formulas(self, y: Array, target: npt.NDArray[Any]) -> Formulas:
        """Return both formulas: of the right classes alone, of probabilities, or with shares s of all classes."""
        p = ["e = exp(y - max(y, columns))", "p = e / sum(e, columns)"]
        names = {"t": "target", "N": math.prod(y.shape[:-1]) or 1}
        if self.label_smoothing or self.ignore_index is not None or self.class_weights is not None:
            return self._formulas_of_shares(p, names, y, target)
        if target.ndim < y.ndim:
            backward = ["dy[..., c] = dL * (p[..., c] - (t[...] == c)) / N"]
            return Formulas([*p, "L = -sum(log(p[..., t[...]]), ...) / N"], backward, names)
        backward = ["dy = dL * (p * sum(t, columns) - t) / N"]
        return Formulas([*p, "L = -sum(where(t > 0, t * log(p), 0)) / N"], backward, names)

    def _formulas_of_shares(self, p: list[str], names: dict[str, Any], y: Array, target: npt.NDArray[Any]) -> Formulas:
        classes, ignored, w, C = target.ndim < y.ndim, self.ignore_index, self.class_weights, y.shape[-1]
        share = "(t[...] == c)" if classes else "t[..., c]"
        if self.label_smoothing:
            share = f"((1 - ε) * {share} + ε / C)"
        kept = "" if ignored is None else f" * (t[...] != {ignored})"
        forward = [*p, f"s[..., c] = w[c] * {share}{kept}"]
        counted = target if ignored is None else target[target != ignored]
        if classes and (np.any(w[counted]) if w is not None else kept and counted.size):
            forward.append(f"W = sum(w[t[...]]{kept}, ...)")  # else all count as 1, or none does
        forward.append("L = -sum(where(s > 0, s * log(p), 0)) / W")
        names = {"t": "target", "w": "class_weights", "ε": "label_smoothing", "C": C, "c": range(C), "W": names["N"]}
        return Formulas(forward, ["dy = dL * (p * sum(s, columns) - s) / W"], names)

    @quiet
    def forward(self, y: Array, target: npt.NDArray[Any]) -> tuple[float, Cache]:
        """Return L = -1/W Σ s log softmax(y), and what `backward` needs."""
        w = self.class_weights
        check_array(self, "y", y, ("batch", ..., "classes" if w is None else len(w)))
        x, t, kept = read_target(self, y, target, self.ignore_index)
        if w is not None and t.ndim == 1:
            w = w / (w.max(initial=0.0) or 1.0)  # their scale cancels in L
        W = float(len(t) if w is None or t.ndim == 2 else w[t].sum()) or 1.0
        parts: Classes | Shares
        if t.ndim == 2 or self.label_smoothing:
            s, log_p = parts = Shares(self._shares(x, t, w), log_softmax(x))
            losses = _weigh(s, -log_p)
        else:
            z, right = classes_first(x), (t, np.arange(len(t)))
            z = z - np.maximum.reduce(z, axis=0, initial=-np.inf)
            e, log_own = np.exp(z), z[right]
            own = np.exp(log_own)
            e[right] = 0.0  # the others are summed without it, which keeps their digits
            others = wide_sum(e.T)
            losses = np.log1p(others - (1.0 - own)) - log_own
            weights = 1.0 if w is None else w[t].astype(x.dtype)
            losses = _weigh(weights, losses) if w is not None else losses
            parts = Classes(right, weights, e, own, others)
        return float(losses.sum(dtype=np.float64)) / W, Cache(parts, W, kept, y.shape)

    @quiet
    def backward(self, dloss: float, cache: Cache) -> Array:
        """Return dL/dy = (p Σ s - s) / W with p = softmax(y), times dloss."""
        parts, W, kept, shape = cache
        factor = check_scalar(self, "dloss", dloss) / W
        # p Σ s - s is p times the shares of the others less s times 1 - p: no digits cancel.
        if isinstance(parts, Shares):
            s, log_p = parts
            dx = (np.exp(log_p) * (wide_sum(s)[:, np.newaxis] - s) + s * np.expm1(log_p)) * factor
            dx = np.asarray(dx, log_p.dtype)
        else:
            right, weights, e, own, others = parts
            scale = weights * factor / (own + others)
            dz = e * scale
            dz[right] = -others * scale  # 1 - p is what the others have
            dx = np.asarray(dz.T, e.dtype)
        return put_back(dx, kept, shape)

    def _shares(self, x: Array, t: npt.NDArray[Any], w: Array | None) -> Array:
        """Return the shares s of all classes."""
        s = t if t.ndim == 2 else (t[:, np.newaxis] == np.arange(x.shape[1])).astype(x.dtype)
        s = (1.0 - self.label_smoothing) * s + self.label_smoothing / (x.shape[1] or 1)
        return s if w is None else s * w.astype(x.dtype)

    def __repr__(self) -> str:
        options = vars(self) | {"label_smoothing": self.label_smoothing or None}
        return f"CrossEntropyLoss({', '.join(f'{k}={brief(v)}' for k, v in options.items() if v is not None)})"


def _weigh(s: Array | float, losses: Array) -> Array:
    """Return s times losses, 0 where s is 0: a class that cannot be, which costs infinity, costs nothing there."""
    return np.where((s == 0.0) & (losses == np.inf), 0.0, s * losses)
