"""Neural networks as bricks whose every derivative is written by hand, proven, and shown.

``legonet.initializers``, ``legonet.training`` and ``legonet.testing`` hold what goes around the bricks.
"""

from .arrays import Array, check_array
from .brick import Brick
from .bricks import (
    ELU,
    GELU,
    GRU,
    LSTM,
    RNN,
    BatchNorm,
    Dropout,
    Embedding,
    Flatten,
    GaussianNoise,
    LastStep,
    LayerNorm,
    LeakyReLU,
    Linear,
    LogSoftmax,
    MultiHeadAttention,
    PReLU,
    ReLU,
    Reshape,
    RMSNorm,
    Sigmoid,
    SiLU,
    SinusoidalPositions,
    Softmax,
    Softplus,
    Tanh,
    Transpose,
)
from .errors import DtypeError, GradientError, LegonetError, OptionError, RangeError, ShapeError
from .graphs import Bidirectional, Residual, Sequential, TransformerBlock
from .losses import BinaryCrossEntropyLoss, CrossEntropyLoss, HuberLoss, KLDivergenceLoss, L1Loss, MSELoss
from .optimizers import SGD, Adam, AdamW, RMSProp
from .parameter import Parameter
from .regularizers import ElasticNetRegularizer, L1Regularizer, L2Regularizer, MaxNorm

__version__ = "0.1.0"

__all__ = [
    "ELU",
    "GELU",
    "GRU",
    "LSTM",
    "RNN",
    "SGD",
    "Adam",
    "AdamW",
    "Array",
    "BatchNorm",
    "Bidirectional",
    "BinaryCrossEntropyLoss",
    "Brick",
    "CrossEntropyLoss",
    "Dropout",
    "DtypeError",
    "ElasticNetRegularizer",
    "Embedding",
    "Flatten",
    "GaussianNoise",
    "GradientError",
    "HuberLoss",
    "KLDivergenceLoss",
    "L1Loss",
    "L1Regularizer",
    "L2Regularizer",
    "LastStep",
    "LayerNorm",
    "LeakyReLU",
    "LegonetError",
    "Linear",
    "LogSoftmax",
    "MSELoss",
    "MaxNorm",
    "MultiHeadAttention",
    "OptionError",
    "PReLU",
    "Parameter",
    "RMSNorm",
    "RMSProp",
    "RangeError",
    "ReLU",
    "Reshape",
    "Residual",
    "Sequential",
    "ShapeError",
    "SiLU",
    "Sigmoid",
    "SinusoidalPositions",
    "Softmax",
    "Softplus",
    "Tanh",
    "TransformerBlock",
    "Transpose",
    "check_array",
]
