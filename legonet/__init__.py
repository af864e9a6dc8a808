"""Neural networks as bricks whose every derivative is written by hand, proven, and shown.

``legonet.initializers``, ``legonet.training`` and ``legonet.testing`` hold what goes around the bricks.
"""

from .arrays import Array, check_array
from .brick import Brick
from .bricks import (
    ELU,
    GELU,
    LeakyReLU,
    Linear,
    LogSoftmax,
    PReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from .errors import DtypeError, GradientError, LegonetError, OptionError, RangeError, ShapeError
from .graphs import Residual, Sequential
from .losses import MSELoss
from .optimizers import SGD
from .parameter import Parameter
from .regularizers import L2Regularizer

__version__ = "0.1.0"

__all__ = [
    "ELU",
    "GELU",
    "SGD",
    "Array",
    "Brick",
    "DtypeError",
    "GradientError",
    "L2Regularizer",
    "LeakyReLU",
    "LegonetError",
    "Linear",
    "LogSoftmax",
    "MSELoss",
    "OptionError",
    "PReLU",
    "Parameter",
    "RangeError",
    "ReLU",
    "Residual",
    "Sequential",
    "ShapeError",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "check_array",
]
