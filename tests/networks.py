"""Whole networks, drawn at random: with a loss, data, and what else a training step may have."""

from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from legonet import (
    ELU,
    GELU,
    GRU,
    LSTM,
    RNN,
    Add,
    Array,
    AvgPool2d,
    BatchNorm,
    Bidirectional,
    BinaryCrossEntropyLoss,
    Brick,
    Concatenate,
    Conv1d,
    Conv2d,
    CrossEntropyLoss,
    Dropout,
    ElasticNetRegularizer,
    Embedding,
    Flatten,
    Graph,
    HuberLoss,
    L1Loss,
    L1Regularizer,
    L2Regularizer,
    LastStep,
    LayerNorm,
    Linear,
    MaxPool2d,
    MSELoss,
    Multiply,
    Parallel,
    PReLU,
    ReLU,
    Residual,
    RMSNorm,
    Sequential,
    Sigmoid,
    SiLU,
    SinusoidalPositions,
    Softplus,
    Tanh,
    TransformerBlock,
)
from strategies import mostly_some, normal, seeds


class Training(NamedTuple):
    """What `backpropagate` and `explain` take."""

    net: Brick[Any]
    loss: Brick[Any]
    x: Any
    target: Array
    regularizers: list[Brick[Any]]


ACTIVATIONS = [ReLU, Sigmoid, Tanh, ELU, SiLU, GELU, Softplus, PReLU]


@st.composite
def _dense(draw: Any, features: int, outputs: int, dtype: Any) -> Sequential:
    """Layers of features, with shortcuts, branches and bricks that are used twice."""
    bricks: list[Brick[Any]] = []
    size = features
    for _ in range(draw(st.integers(1, 4))):
        rng, kind = draw(seeds), draw(st.integers(0, 8))
        activation = draw(st.sampled_from(ACTIVATIONS))
        some = PReLU(size, dtype=dtype) if activation is PReLU else activation()
        if kind <= 2:
            new = draw(st.integers(1, 4))
            bricks.append(Linear(size, new, bias=draw(st.booleans()), rng=rng, dtype=dtype))
            size = new
        elif kind == 3:
            bricks.append(some)
        elif kind == 4:
            bricks.append(Residual(Sequential(Linear(size, size, rng=rng, dtype=dtype), some)))
        elif kind == 5:
            branches = [Linear(size, size, rng=rng + k, dtype=dtype) for k in range(draw(st.integers(1, 3)))]
            merge = draw(st.sampled_from([Add, Multiply, Concatenate]))()
            bricks.append(Parallel(*branches, merge=merge))
            size = size * len(branches) if isinstance(merge, Concatenate) else size
        elif kind == 6:
            bricks.append(draw(st.sampled_from([LayerNorm, RMSNorm, BatchNorm]))(size, dtype=dtype))
        elif kind == 7:
            shared = Linear(size, size, rng=rng, dtype=dtype)
            bricks += [shared, some, shared]
        else:
            bricks.append(Dropout(0.5, rng=rng))
    return Sequential(*bricks, Linear(size, outputs, rng=draw(seeds), dtype=dtype))


@st.composite
def _images(draw: Any, outputs: int, dtype: Any) -> Sequential:
    rng = draw(seeds)
    pool = draw(st.sampled_from([MaxPool2d, AvgPool2d]))(2)
    convolution = Conv2d(2, 3, 3, padding=draw(st.integers(0, 1)), stride=draw(st.integers(1, 2)), rng=rng, dtype=dtype)
    size = convolution.window.places((6, 6))[0] // 2
    return Sequential(convolution, ReLU(), pool, Flatten(), Linear(3 * size**2, outputs, rng=rng, dtype=dtype))


@st.composite
def _sequences(draw: Any, outputs: int, dtype: Any) -> Sequential:
    rng = draw(seeds)
    options = {"rng": rng, "dtype": dtype}
    kind = draw(st.integers(0, 4))
    start: list[Brick[Any]] = [Embedding(5, 4, **options), SinusoidalPositions()]
    if kind == 0:
        middle: list[Brick[Any]] = [draw(st.sampled_from([RNN, GRU, LSTM]))(4, 4, **options)]
    elif kind == 1:
        middle = [TransformerBlock(4, 2, 3, causal=draw(st.booleans()), **options)]
    elif kind == 2:
        middle = [Bidirectional(RNN(4, 2, **options), GRU(4, 2, rng=rng + 1, dtype=dtype))]
    elif kind == 3:
        middle = [Conv1d(4, 4, 3, padding=1, **options), Tanh()]
    else:
        middle = []
    return Sequential(*start, *middle, LastStep(), Linear(4, outputs, rng=rng, dtype=dtype))


def _graph(rng: int, outputs: int, dtype: Any) -> Graph:
    """Two inputs, a node that is used three times, a brick that is used twice."""
    shared = Linear(3, 3, rng=rng, dtype=dtype)
    return Graph(
        inputs=["left", "right"],
        nodes={
            "a": (shared, "left"),
            "b": (shared, "right"),
            "c": (Multiply(), "a", "b"),
            "d": (Tanh(), "c"),
            "e": (Add(), "c", "d", "a"),
            "f": (Linear(3, outputs, rng=rng + 1, dtype=dtype), "e"),
        },
        outputs=["f"],
    )


@st.composite
def trainings(draw: Any, dtype: Any = np.float64) -> Training:
    """Draw a network with its loss, data and regularizers."""
    rows, outputs, rng = draw(mostly_some), draw(st.integers(1, 3)), draw(seeds)
    kind = draw(st.sampled_from(["dense", "dense", "dense", "images", "sequences", "graph"]))
    x: Any
    if kind == "dense":
        features = draw(st.integers(1, 4))
        net, x = draw(_dense(features, outputs, dtype)), normal(rows, features, seed=rng, dtype=dtype)
    elif kind == "images":
        net, x = draw(_images(outputs, dtype)), normal(rows, 2, 6, 6, seed=rng, dtype=dtype)
    elif kind == "sequences":
        net = draw(_sequences(outputs, dtype))
        x = np.random.default_rng(rng).integers(0, 5, (rows, draw(st.integers(1, 3))))
    else:
        net = _graph(rng, outputs, dtype)
        x = normal(rows, 3, seed=rng, dtype=dtype), normal(rows, 3, seed=rng + 1, dtype=dtype)
    loss = draw(st.sampled_from([MSELoss, MSELoss, L1Loss, HuberLoss, BinaryCrossEntropyLoss, CrossEntropyLoss]))()
    target: Any = normal(rows, outputs, seed=rng + 2, dtype=dtype)
    if isinstance(loss, BinaryCrossEntropyLoss):
        target = (target > 0).astype(dtype)
    elif isinstance(loss, CrossEntropyLoss):
        target = np.random.default_rng(rng).integers(0, outputs, rows)
    weights = [p for name, p in net.named_parameters() if "weight" in name]
    regularizers: list[Brick[Any]] = []
    if weights and draw(st.booleans()):
        penalty = draw(st.sampled_from(["l1", "l2", "elastic"]))
        regularizers = [
            L1Regularizer(weights, strength=0.01)
            if penalty == "l1"
            else L2Regularizer(weights[:1], strength=0.1)
            if penalty == "l2"
            else ElasticNetRegularizer(weights, l1_strength=0.01, l2_strength=0.02)
        ]
    return Training(net, loss, x, target, regularizers)
