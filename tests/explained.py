"""Explanations of networks of several kinds, for tests of how they are shown."""

import numpy as np

from explain.article import explained as article
from legonet import (
    LSTM,
    SGD,
    Adam,
    Conv2d,
    CrossEntropyLoss,
    Embedding,
    Flatten,
    L2Regularizer,
    LastStep,
    Linear,
    MaxPool2d,
    MSELoss,
    ReLU,
    Residual,
    Sequential,
    Sigmoid,
    SinusoidalPositions,
    Tanh,
    TransformerBlock,
)
from legonet.explain import Explanation, explain


def residual() -> Explanation:
    """Explain three steps with a residual block, a regularizer and momentum."""
    first = Linear(2, 3, rng=0)
    net = Sequential(first, Residual(Sequential(Linear(3, 3, rng=1), Tanh())), Linear(3, 2, rng=2))
    x, target = np.random.default_rng(0).normal(size=(4, 2)), np.array([0, 1, 1, 0])
    penalty = L2Regularizer([first.weight], strength=0.1)
    optimizer = SGD(net.parameters(), lr=0.1, momentum=0.9)
    return explain(net, CrossEntropyLoss(), x, target, regularizers=[penalty], optimizer=optimizer, steps=3)


def convolution() -> Explanation:
    """Explain a step of a convolutional network."""
    net = Sequential(Conv2d(2, 3, 3, padding=1, rng=0), ReLU(), MaxPool2d(2), Flatten(), Linear(27, 2, rng=1))
    x = np.random.default_rng(0).normal(size=(2, 2, 6, 6))
    return explain(net, CrossEntropyLoss(), x, np.array([0, 1]))


def failing() -> Explanation:
    """Explain a step that ends at a layer that does not fit."""
    net = Sequential(Linear(2, 3, rng=0), Sigmoid(), Linear(5, 1, rng=0))
    rng = np.random.default_rng(0)
    return explain(net, MSELoss(), rng.normal(size=(4, 2)), rng.normal(size=(4, 1)))


def lstm() -> Explanation:
    """Explain a step of a recurrent network."""
    net = Sequential(Embedding(5, 3, rng=0), LSTM(3, 2, rng=1), LastStep(), Linear(2, 2, rng=2))
    return explain(net, CrossEntropyLoss(), np.array([[0, 3, 1], [4, 2, 2]]), np.array([0, 1]))


def transformer() -> Explanation:
    """Explain a step of a transformer."""
    net = Sequential(
        Embedding(5, 4, rng=0), SinusoidalPositions(), TransformerBlock(4, 2, 6, rng=1), Linear(4, 5, rng=2)
    )
    return explain(net, CrossEntropyLoss(), np.array([[0, 3, 1], [4, 2, 2]]), np.array([[3, 1, 0], [2, 2, 4]]))


def large() -> Explanation:
    """Explain a step of a network for handwritten digits, with a batch of 128."""
    net = Sequential(Linear(784, 256, rng=0), ReLU(), Linear(256, 128, rng=1), ReLU(), Linear(128, 10, rng=2))
    rng = np.random.default_rng(0)
    x, target = rng.normal(size=(128, 784)), rng.integers(0, 10, 128)
    return explain(net, CrossEntropyLoss(), x, target, optimizer=Adam(net.parameters()))


KINDS = (residual, convolution, failing, lstm, transformer, large)
NETWORKS = {"article": article, **{made.__name__: made for made in KINDS}}
