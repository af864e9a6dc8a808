"""Neural networks as bricks whose every derivative is written by hand, proven, and shown.

``legonet.initializers``, ``legonet.training`` and ``legonet.testing`` hold what goes around the bricks.
"""

from .arrays import Array, check_array
from .brick import Brick
from .bricks import ELU, LeakyReLU, Linear, ReLU, Sigmoid, Softplus, Tanh
from .errors import DtypeError, GradientError, LegonetError, OptionError, RangeError, ShapeError
from .graphs import Residual, Sequential
from .losses import BinaryCrossEntropyLoss, CrossEntropyLoss, HuberLoss, KLDivergenceLoss, L1Loss, MSELoss
from .optimizers import SGD
from .parameter import Parameter
from .regularizers import ElasticNetRegularizer, L1Regularizer, L2Regularizer, MaxNorm

__version__ = "0.1.0"

__all__ = [
    "ELU",
    "SGD",
    "Array",
    "BinaryCrossEntropyLoss",
    "Brick",
    "CrossEntropyLoss",
    "DtypeError",
    "ElasticNetRegularizer",
    "GradientError",
    "HuberLoss",
    "KLDivergenceLoss",
    "L1Loss",
    "L1Regularizer",
    "L2Regularizer",
    "LeakyReLU",
    "LegonetError",
    "Linear",
    "MSELoss",
    "MaxNorm",
    "OptionError",
    "Parameter",
    "RangeError",
    "ReLU",
    "Residual",
    "Sequential",
    "ShapeError",
    "Sigmoid",
    "Softplus",
    "Tanh",
    "check_array",
]
