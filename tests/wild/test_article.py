"""The wrong gradients that need no library: those of the article, and of a layer that is used twice."""

import numpy as np

from legonet.interop import from_functions, from_object
from legonet.testing import check_brick
from wild.findings import TARGETS, RememberingLinear, X


def test_the_article_put_right_passes():
    def penalty(W):
        return 0.1 / 8 * float(np.sum(W**2))

    weight = {"W": np.random.default_rng(0).normal(size=(3, 2))}
    check_brick(from_functions(penalty, lambda dloss, W: {"W": dloss * 0.1 / 4 * W}, parameters=weight))
    check_brick(
        from_functions(
            lambda h, y: float(np.sum((h - y) ** 2) / (2 * len(h))), lambda dloss, h, y: dloss * (h - y) / len(h)
        ),
        X,
        TARGETS,
    )
    check_brick(from_functions(lambda z: np.tanh(z / 2), lambda dt, z: dt * (1 - np.tanh(z / 2) ** 2) / 2), X)


def test_a_layer_used_once_passes():
    check_brick(from_object(RememberingLinear(3)), X)
