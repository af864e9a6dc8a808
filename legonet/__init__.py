"""Neural networks as bricks whose every derivative is written by hand, proven, and shown.

``legonet.initializers``, ``legonet.training`` and ``legonet.testing`` hold what goes around the bricks.
"""

from .arrays import Array, check_array
from .brick import Brick
from .bricks import (
    ELU,
    AvgPool2d,
    BatchNorm,
    Conv1d,
    Conv2d,
    ConvTranspose2d,
    Dropout,
    Flatten,
    GaussianNoise,
    GlobalAvgPool2d,
    LastStep,
    LayerNorm,
    LeakyReLU,
    Linear,
    MaxPool2d,
    ReLU,
    Reshape,
    RMSNorm,
    Sigmoid,
    Softplus,
    Tanh,
    Transpose,
)
from .errors import DtypeError, GradientError, LegonetError, OptionError, RangeError, ShapeError
from .graphs import Residual, Sequential
from .losses import BinaryCrossEntropyLoss, CrossEntropyLoss, HuberLoss, KLDivergenceLoss, L1Loss, MSELoss
from .optimizers import SGD, Adam, AdamW, RMSProp
from .parameter import Parameter
from .regularizers import ElasticNetRegularizer, L1Regularizer, L2Regularizer, MaxNorm

__version__ = "0.1.0"

__all__ = [
    "ELU",
    "SGD",
    "Adam",
    "AdamW",
    "Array",
    "AvgPool2d",
    "BatchNorm",
    "BinaryCrossEntropyLoss",
    "Brick",
    "Conv1d",
    "Conv2d",
    "ConvTranspose2d",
    "CrossEntropyLoss",
    "Dropout",
    "DtypeError",
    "ElasticNetRegularizer",
    "Flatten",
    "GaussianNoise",
    "GlobalAvgPool2d",
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
    "MSELoss",
    "MaxNorm",
    "MaxPool2d",
    "OptionError",
    "Parameter",
    "RMSNorm",
    "RMSProp",
    "RangeError",
    "ReLU",
    "Reshape",
    "Residual",
    "Sequential",
    "ShapeError",
    "Sigmoid",
    "Softplus",
    "Tanh",
    "Transpose",
    "check_array",
]
