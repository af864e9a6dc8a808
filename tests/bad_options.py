"""The table of options: what each must not be, and whom the message names."""

import inspect

import numpy as np

from legonet import (
    ELU,
    GRU,
    LSTM,
    RNN,
    SGD,
    Adam,
    AdamW,
    AvgPool2d,
    BatchNorm,
    Bidirectional,
    Concatenate,
    Conv1d,
    Conv2d,
    ConvTranspose2d,
    CrossEntropyLoss,
    Dropout,
    ElasticNetRegularizer,
    Embedding,
    GaussianNoise,
    Graph,
    HuberLoss,
    L1Regularizer,
    L2Regularizer,
    LayerNorm,
    LeakyReLU,
    Linear,
    MaxPool2d,
    MultiHeadAttention,
    Parallel,
    Parameter,
    PReLU,
    Reshape,
    Residual,
    RMSNorm,
    RMSProp,
    Sequential,
    Sigmoid,
    Tanh,
    TransformerBlock,
    Transpose,
    initializers,
)
from legonet.optimizers import Group, MovingAverage, clip_norm, clip_values
from legonet.regularizers import MaxNorm
from legonet.testing import check_brick, numeric_gradient
from legonet.training import backpropagate

RNG = np.random.default_rng(0)
SIZES = [-1, 2.0, True, "2", None, [2]]
RATES = [-0.1, np.nan, np.inf, "0.1", None, True, [0.1], 10**400]
NEGATIVE = [-0.1, np.nan, np.inf, "0.1", None, True]
DTYPES = [int, bool, complex, object, "nonsense", 3, ">U1"]
PARAMETER = Parameter(np.zeros(2))
RNGS = ["seed", -1, 1.5, np.random]
WEIGHTS = ["glorot", 3, {"x": 1.0}, None]
LISTS = [
    [],
    [1],
    [PARAMETER, PARAMETER],
    None,
    3,
    "ab",
    Linear(2, 2),
    Linear(2, 2).weight,
    [Linear(2, 2)],
    [np.zeros(2)],
]
BRICKS = [None, 3, [Sigmoid()], Sigmoid, np.zeros(2), "Sigmoid"]
MATRIX_INITIALIZERS = ["glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_uniform", "lecun_normal"]


def gives_none():
    return None


def gives_an_array():
    return np.zeros(3)


def gives_a_text():
    return "1"


# For each option: how to call with a value in its place, the values that are bad, and what the message names.
OPTIONS = {
    "Linear, bias by an initializer of matrices": (
        lambda w, v: Linear(2, 3, bias=getattr(initializers, v)),
        MATRIX_INITIALIZERS,
        ("Linear", "(3,)"),
    ),
    "SGD, parameters": (lambda w, v: SGD(v, lr=0.1), LISTS, ("SGD needs",)),
    "SGD, lr": (lambda w, v: SGD(w.linear.parameters(), lr=v), RATES, ("SGD needs lr", ">= 0")),
    "SGD.lr": (lambda w, v: setattr(w.sgd, "lr", v), RATES, ("SGD needs lr", ">= 0")),
    "SGD, momentum": (
        lambda w, v: SGD(w.linear.parameters(), lr=0.1, momentum=v),
        [*NEGATIVE, 1.0, 1.5],
        ("SGD needs momentum", ">= 0 and < 1"),
    ),
    "SGD, nesterov": (lambda w, v: SGD(w.linear.parameters(), lr=0.1, nesterov=v), [True], ("SGD needs momentum",)),
    "SGD, weight_decay": (
        lambda w, v: SGD(w.linear.parameters(), lr=0.1, weight_decay=v),
        NEGATIVE,
        ("SGD needs weight_decay", ">= 0"),
    ),
    "SGD, groups": (
        lambda w, v: SGD(w.linear.named_parameters(), lr=0.1, groups=v),
        [None, 3, "ab", Group("*"), [3], ["*"], [Group("*"), None], [Group("*"), Group("wieght")], [Group("x" * 999)]],
        ("SGD needs",),
    ),
    "Group, pattern": (lambda w, v: Group(v), [None, 3, b"*", ["*"]], ("Group needs pattern",)),
    "Group, frozen": (lambda w, v: Group("*", frozen=v), [0, "no", [True]], ("Group needs frozen",)),
    "MovingAverage, parameters": (lambda w, v: MovingAverage(v), LISTS, ("MovingAverage needs",)),
    "MovingAverage, decay": (
        lambda w, v: MovingAverage(w.linear.parameters(), decay=v),
        [*NEGATIVE, 1],
        ("MovingAverage needs decay", ">= 0 and < 1"),
    ),
    "Sequential, of two": (lambda w, v: Sequential(Sigmoid(), v), BRICKS, ("Sequential needs bricks", "number 1")),
    "check_brick, brick": (lambda w, v: check_brick(v, w.x), BRICKS, ("check_brick needs a Brick",)),
    "check_brick, rng": (lambda w, v: check_brick(w.linear, w.x, rng=v), RNGS, ("check_brick needs rng",)),
    "Parallel, bricks": (lambda w, v: Parallel(v), BRICKS, ("Parallel needs bricks",)),
    "Parallel, merge": (lambda w, v: Parallel(Tanh(), merge=v), BRICKS, ("Parallel needs", "merge")),
    "numeric_gradient, function": (
        lambda w, v: numeric_gradient(v, w.x),
        [None, 3, gives_none, gives_an_array, gives_a_text],
        ("numeric_gradient needs",),
    ),
    "backpropagate, net": (lambda w, v: backpropagate(v, w.mse, w.x, w.target), BRICKS, ("backpropagate needs",)),
    "backpropagate, loss": (lambda w, v: backpropagate(w.net, v, w.x, w.target), BRICKS, ("backpropagate needs",)),
    "backpropagate, regularizers": (
        lambda w, v: backpropagate(w.net, w.mse, w.x, w.target, regularizers=v),
        [None, [3], [Sigmoid], "ab", L2Regularizer([PARAMETER], strength=0.1)],
        ("backpropagate needs",),
    ),
    "MSELoss.backward": (
        lambda w, v: w.mse.backward(v, w.y),
        ["1", None, [1.0], np.ones(4)],
        ("MSELoss() needs dloss",),
    ),
    "L2Regularizer.backward": (
        lambda w, v: w.ridge.backward(v, None),
        ["1", None, [1.0], np.ones(4)],
        ("L2Regularizer", "needs dloss"),
    ),
    "constant, value": (
        lambda w, v: initializers.constant(RNG, (2,), value=v),
        ["1", None, np.nan, np.inf],
        ("constant needs value",),
    ),
    "uniform, low": (
        lambda w, v: initializers.uniform(RNG, (2,), low=v),
        ["1", None, np.nan, 0.2],
        ("uniform needs low",),
    ),
    "uniform, high": (
        lambda w, v: initializers.uniform(RNG, (2,), high=v),
        ["1", None, np.inf],
        ("uniform needs high",),
    ),
    "normal, std": (lambda w, v: initializers.normal(RNG, (2,), std=v), NEGATIVE, ("normal needs std",)),
    "orthogonal, gain": (
        lambda w, v: initializers.orthogonal(RNG, (2, 2), gain=v),
        ["1", None, np.nan],
        ("orthogonal needs gain",),
    ),
} | {
    f"{name}, shape": (
        lambda w, v, name=name: getattr(initializers, name)(RNG, v),
        [(), (3,)],
        ("initializer", "(in, ..., out)"),
    )
    for name in [*MATRIX_INITIALIZERS, "orthogonal"]
}
for kind in (Adam, AdamW, RMSProp):
    OPTIONS[f"{kind.__name__}, parameters"] = (lambda w, v, kind=kind: kind(v), LISTS, (f"{kind.__name__} needs",))
    for name, values in {
        "lr": RATES,
        "weight_decay": NEGATIVE,
        "eps": [0, 1e-40, *RATES],
        **{key: [*NEGATIVE, 1] for key in (["rho", "momentum"] if kind is RMSProp else ["beta1", "beta2"])},
    }.items():
        OPTIONS[f"{kind.__name__}, {name}"] = (
            lambda w, v, kind=kind, name=name: kind(w.linear.parameters(), **{name: v}),
            values,
            (f"{kind.__name__} needs {name}", ">= "),
        )
for name in ("lr_factor", "weight_decay"):
    OPTIONS[f"Group, {name}"] = (
        lambda w, v, name=name: Group("*", **{name: v}),
        [value for value in NEGATIVE if value is not None],
        (f"Group needs {name}", ">= 0"),
    )
for clip in (clip_values, clip_norm):
    OPTIONS[f"{clip.__name__}, parameters"] = (lambda w, v, clip=clip: clip(v, 1.0), LISTS, (f"{clip.__name__} needs",))
    OPTIONS[f"{clip.__name__}, limit"] = (
        lambda w, v, clip=clip: clip(w.linear.parameters(), v),
        [0, *RATES],
        (f"{clip.__name__} needs limit", "> 0"),
    )

# For each brick, loss and regularizer: legal values of its first options; another in the place of one is bad.
CONVOLUTION, RECURRENT, PENALTY = (2, 2, 2), (2, 3), ([PARAMETER], 0.1)
LEGAL = {
    AvgPool2d: (2,),
    BatchNorm: (2,),
    Bidirectional: (RNN(2, 3), RNN(2, 3)),
    Concatenate: (),
    Conv1d: CONVOLUTION,
    Conv2d: CONVOLUTION,
    ConvTranspose2d: CONVOLUTION,
    CrossEntropyLoss: (),
    Dropout: (0.5,),
    ELU: (),
    ElasticNetRegularizer: (*PENALTY, 0.1),
    Embedding: (3, 2),
    GRU: RECURRENT,
    GaussianNoise: (0.5,),
    Graph: (["x"], {"y": (Tanh(), "x")}, ["y"]),
    HuberLoss: (),
    L1Regularizer: PENALTY,
    L2Regularizer: PENALTY,
    LSTM: RECURRENT,
    LayerNorm: (2,),
    LeakyReLU: (),
    Linear: (2, 3),
    MaxNorm: PENALTY,
    MaxPool2d: (2,),
    MultiHeadAttention: (4, 2),
    PReLU: (),
    RMSNorm: (2,),
    RNN: RECURRENT,
    Reshape: (),
    Residual: (Tanh(),),
    Sequential: (),
    TransformerBlock: (4, 2, 3),
    Transpose: (),
}
SPACES = [-1, 1.5, "2", (1, 2, 3)]
BAD_VALUES = {
    **dict.fromkeys(["in_features", "out_features", "features", "hidden", "vocabulary"], SIZES),
    **dict.fromkeys(["channels", "in_channels", "out_channels", "heads"], SIZES),
    **dict.fromkeys(["size", "stride", "padding", "dilation", "output_padding"], SPACES),
    **dict.fromkeys(["alpha", "slope", "delta", "eps", "limit"], RATES[1:]),
    **dict.fromkeys(["std", "strength", "l1_strength", "l2_strength", "label_smoothing"], NEGATIVE),
    **dict.fromkeys(["rate", "dropout", "momentum"], NEGATIVE),
    **dict.fromkeys(["weight", "bias", "input_weight", "hidden_weight"], WEIGHTS),
    **dict.fromkeys(["brick", "projection", "bricks", "forward_brick", "backward_brick"], BRICKS[1:]),
    "groups": [-1, 0, 1.5, "2", 3],
    "axis": ["1", 1.5, True],
    "axes": [0, -1, 1.5, "2", None],
    "shape": [-2, 1.5, "2", None],
    "ignore_index": [1.5, "0", True],
    "class_weights": [[1.0, 2.0], "balanced", np.array([-1.0]), np.array([[1.0]])],
    "weights": LISTS,
    "inputs": [None, 3, "x", [3]],
    "nodes": [None, 3, [Tanh()], {"y": Tanh()}],
    "outputs": [None, 3, "y", ["z"]],
    "dtype": DTYPES,
    "rng": RNGS,
}
CALLED = {"axes": "each", "shape": "size", "weights": "parameter", "inputs": "input", "nodes": "node"}
INSIDE = {  # another brick speaks
    "MultiHeadAttention, weight": "needs weight",
    "MultiHeadAttention, bias": "needs bias",
    "TransformerBlock, heads": "needs heads",
    "TransformerBlock, dropout": "needs",
}


def option_of(kind, name):
    option, parameters = f"{kind.__name__}, {name}", inspect.signature(kind).parameters
    several = parameters[name].kind is inspect.Parameter.VAR_POSITIONAL
    legal = dict(zip(parameters, LEGAL[kind], strict=False))
    words = (INSIDE[option],) if option in INSIDE else (f"{kind.__name__} needs", CALLED.get(name, name))
    return (lambda w, v: kind(v) if several else kind(**{**legal, name: v})), BAD_VALUES[name], words


for kind in LEGAL:
    for name in filter(BAD_VALUES.__contains__, inspect.signature(kind).parameters):
        OPTIONS[f"{kind.__name__}, {name}"] = option_of(kind, name)
