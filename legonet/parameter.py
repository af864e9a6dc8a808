"""A parameter: an array that learns, and the gradient that tells it where to go."""

import numpy as np

from legonet.arrays import Array, check_array


class Parameter:
    """An array of weights and the gradient of the loss by it.

    Parameters
    ----------
    value : numpy.ndarray
        The initial numbers, any shape, of a floating-point dtype. They are copied.

    Attributes
    ----------
    value : numpy.ndarray
        The numbers. An optimizer puts a view of its own vector here when it is made, and then writes into it: read
        the attribute anew instead of keeping the array, and copy it to keep the numbers.
    grad : numpy.ndarray
        dL/dvalue, in the shape and dtype of `value`: zeros until a ``backward`` adds to it with ``+=``. An
        optimizer's step uses it up and leaves zeros.

    Raises
    ------
    DtypeError
        If `value` is not a NumPy array of floating-point numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import Parameter
    >>> weight = Parameter(np.array([[1.0, 2.0]]))
    >>> weight.grad += np.array([[0.5, 0.25]])
    >>> weight.grad += np.array([[0.5, 0.25]])
    >>> weight.grad
    array([[1. , 0.5]])
    """

    __slots__ = ("grad", "value")

    def __init__(self, value: Array) -> None:
        check_array("Parameter", "value", value, (...,))
        self.value: Array = np.array(value, order="C")
        self.grad: Array = np.zeros(self.value.shape, self.value.dtype)

    def zero_grad(self) -> None:
        """Forget the gradient: fill it with zeros."""
        self.grad.fill(0.0)

    def __repr__(self) -> str:
        kind = getattr(self.value, "dtype", type(self.value).__name__)
        return f"Parameter(shape={np.shape(self.value)}, dtype={kind})"
