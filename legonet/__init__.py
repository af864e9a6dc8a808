"""Neural networks as bricks whose every derivative is written by hand, proven, and shown.

``legonet.initializers``, ``legonet.training`` and ``legonet.testing`` hold what goes around the bricks.
"""

from .arrays import Array, check_array
from .brick import Brick
from .bricks import ELU, Add, Concatenate, LeakyReLU, Linear, Mean, Multiply, ReLU, Sigmoid, Softplus, Tanh
from .errors import DtypeError, GradientError, LegonetError, OptionError, RangeError, ShapeError
from .graphs import Graph, Parallel, Residual, Sequential
from .losses import MSELoss
from .optimizers import SGD
from .parameter import Parameter
from .regularizers import L2Regularizer

__version__ = "0.1.0"

__all__ = [
    "ELU",
    "SGD",
    "Add",
    "Array",
    "Brick",
    "Concatenate",
    "DtypeError",
    "GradientError",
    "Graph",
    "L2Regularizer",
    "LeakyReLU",
    "LegonetError",
    "Linear",
    "MSELoss",
    "Mean",
    "Multiply",
    "OptionError",
    "Parallel",
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
