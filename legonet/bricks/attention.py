"""What attention is made of beside products: heads side by side, and the softmax over what a position sees."""

import numpy as np

from legonet.arrays import Array, Mask


def in_heads(x: Array, heads: int, parts: int = 1) -> Array:
    """Return the parts that lie side by side in x, each cut into heads.

    Parameters
    ----------
    x : numpy.ndarray
        Of shape (batch, time, parts heads d).
    heads : int
        The number of heads.
    parts : int, optional
        The number of parts, such as 3 for Q, K and V.

    Returns
    -------
    numpy.ndarray
        A view of x where its layout in memory allows it, of shape (parts, batch, heads, time, d).

    Examples
    --------
    >>> import numpy as np
    >>> from legonet.bricks.attention import in_heads
    >>> q, k, v = in_heads(np.zeros((5, 7, 12)), 2, parts=3)
    >>> k.shape
    (5, 2, 7, 2)
    """
    batch, time, columns = x.shape
    return x.reshape(batch, time, parts, heads, columns // parts // heads).transpose(2, 0, 3, 1, 4)


def attention_weights(scores: Array, *, causal: bool, mask: Mask | None = None) -> Array:
    """Turn scores, in their place, into the softmax over what a position sees; zeros if it sees nothing.

    Parameters
    ----------
    scores : numpy.ndarray
        Of shape (batch, heads, time, time): how well each position matches each other one. They are overwritten.
    causal : bool
        Whether a position sees only itself and what is before it.
    mask : numpy.ndarray, optional
        Of shape (batch, time); what is False is not seen.

    Returns
    -------
    numpy.ndarray
        The same array; each row sums to 1, or to 0.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet.bricks.attention import attention_weights
    >>> attention_weights(np.zeros((1, 1, 3, 3)), causal=True, mask=np.array([[False, True, True]]))
    array([[[[0. , 0. , 0. ],
             [0. , 1. , 0. ],
             [0. , 0.5, 0.5]]]])
    """
    time = scores.shape[-1]
    seen = np.tri(time, k=0 if causal else time, dtype=bool)
    if mask is not None:
        seen = seen & mask[:, np.newaxis, np.newaxis]
    blind = ~seen.any(axis=-1, keepdims=True)
    np.copyto(scores, -np.inf, where=~seen)
    scores -= np.where(blind, 0.0, scores.max(axis=-1, keepdims=True, initial=-np.inf))
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=-1, keepdims=True) + blind
    return scores
