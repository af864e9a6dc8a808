"""Rounding noise: what moves when every number moves by its last digit."""

import numpy as np

from legonet.arrays import Array

from .probe import Probe, Variable

EPS = float(np.finfo(np.float64).eps)


def jitter(
    probe: Probe, dy: Array, y: Array, gradients: dict[str, Array | None], digit: float = EPS, least: float = 0.0
) -> tuple[Array, dict[str, Array]]:
    """Return how far the outputs and the gradients move when all inputs, parameters and dy move by a last digit.

    Parameters
    ----------
    probe : Probe
        The brick at the point.
    dy : numpy.ndarray
        The upstream gradient.
    y, gradients
        What the probe gives there.
    digit : float, optional
        The relative size of a last digit, by default that of float64.
    least : float, optional
        Smaller numbers move like those of this size: beside such a one, that much of them is rounded away.

    Returns
    -------
    outputs : numpy.ndarray
        For each output.
    spread : dict
        For each gradient, an array of its shape.
    """
    outputs: Array = np.zeros(len(y))
    spread: dict[str, Array] = {variable.label: np.zeros(variable.array.shape) for variable in probe.variables}
    bases = [variable.array.copy() for variable in probe.variables]
    rng = np.random.default_rng(7)
    for _ in range(3):
        for variable, base in zip(probe.variables, bases, strict=True):
            moved = base + digit * np.maximum(np.abs(base), least) * rng.integers(-2, 3, base.shape)
            variable.array[...] = np.clip(moved, variable.low, variable.high)
        try:
            there = probe.outputs()
            found = probe.gradients(dy * (1 + digit * rng.choice([-1.0, 1.0], dy.shape)))
        except Exception:  # noqa: S112 - a neighbour without a value says nothing
            continue
        finally:
            for variable, base in zip(probe.variables, bases, strict=True):
                variable.array[...] = base
        if there.shape == y.shape:
            outputs = np.fmax(outputs, np.abs(there - y))
        for label, gradient in found.items():
            here = gradients[label]
            if gradient is not None and here is not None and gradient.shape == here.shape == spread[label].shape:
                spread[label] = np.fmax(spread[label], np.abs(gradient - here))
    return outputs, spread


def natural_size(variable: Variable, dy: Array, y: Array) -> float:
    """Return the size that a gradient would have if dy · y were linear in the variable.

    Digits far below it are lost to cancellation, in forward or in backward.
    """
    finite = np.isfinite(y)
    return float(np.abs(dy[finite]) @ np.abs(y[finite])) / float(np.max(np.abs(variable.array), initial=1.0))
