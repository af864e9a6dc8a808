"""Targets of classes: which predictions count, and what they should be."""

from typing import Any

import numpy as np
import numpy.typing as npt

from legonet.arrays import Array, brief, check_array, check_indices, check_probabilities, rows
from legonet.errors import OptionError


def read_target(
    who: object, y: Array, target: npt.NDArray[Any], ignore_index: int | None
) -> tuple[Array, npt.NDArray[Any], npt.NDArray[np.bool_] | None]:
    """Check a target, and leave the predictions out whose target is the ignored index.

    Parameters
    ----------
    who : object
        The loss that asks; its ``repr`` starts the message of an error.
    y : numpy.ndarray
        The predictions, of shape (batch, ..., classes).
    target : numpy.ndarray
        Classes, of shape (batch, ...), or the probabilities of all classes, in the shape and dtype of y.
    ignore_index : int or None
        The target that does not count. If there is one, targets are classes.

    Returns
    -------
    x : numpy.ndarray
        The predictions that count, of shape (rows, classes).
    t : numpy.ndarray
        Their targets: classes of shape (rows,) or probabilities of shape (rows, classes).
    kept : numpy.ndarray or None
        True for each prediction that counts; None if all do.

    Raises
    ------
    ShapeError, DtypeError, RangeError
        If it is no such target.
    """
    if ignore_index is None:
        # Floats of as many axes as y are meant to be probabilities, even if the sizes or digits are others.
        kind, axes = getattr(getattr(target, "dtype", None), "kind", ""), getattr(target, "ndim", 0)
        if axes == y.ndim and (kind == "f" or target.shape == y.shape):
            check_probabilities(who, "target", target, y.shape, y.dtype)
            return rows(y), rows(target), None
        check_indices(who, "target", target, y.shape[:-1], y.shape[-1])
        return rows(y), target.ravel(), None
    legal = target
    if type(target) in (np.ndarray, np.memmap) and target.dtype.kind in "iu":
        legal = np.where(target != ignore_index, target, 0)
    check_indices(who, "target", legal, y.shape[:-1], y.shape[-1])
    kept = target.ravel() != ignore_index
    return rows(y)[kept], target.ravel()[kept], kept


def put_back(dx: Array, kept: npt.NDArray[np.bool_] | None, shape: tuple[int, ...]) -> Array:
    """Return gradients by the predictions that count in the shape of all predictions; the others have 0.

    Parameters
    ----------
    dx : numpy.ndarray
        The gradients, of shape (rows, classes).
    kept : numpy.ndarray or None
        What `read_target` returned.
    shape : tuple of int
        The shape of y.

    Returns
    -------
    numpy.ndarray
        The gradient by y.
    """
    if kept is None:
        return dx.reshape(shape)
    dy = np.zeros(shape, dx.dtype)
    rows(dy)[kept] = dx
    return dy


def check_weights(who: object, name: str, weights: Array) -> Array:
    """Return a copy of weights in float64 if they are a vector of finite numbers of at least 0, else refuse them.

    Parameters
    ----------
    who : object
        What starts the message.
    name : str
        The argument's name.
    weights : numpy.ndarray
        The argument, of shape (classes,).

    Returns
    -------
    numpy.ndarray
        The copy.

    Raises
    ------
    ShapeError, DtypeError
        If it is not a vector of floating-point numbers.
    OptionError
        If one is negative or not finite.
    """
    check_array(who, name, weights, ("classes",))
    if not np.all((weights >= 0) & (weights < np.inf)):
        raise OptionError(f"{who} needs {name} as finite numbers >= 0, but {name} is {brief(weights.tolist())}")
    return weights.astype(np.float64)
