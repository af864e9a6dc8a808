"""Layers: one brick, one file, both passes on one screen."""

from .avg_pool2d import AvgPool2d
from .conv1d import Conv1d
from .conv2d import Conv2d
from .conv_transpose2d import ConvTranspose2d
from .elu import ELU
from .global_avg_pool2d import GlobalAvgPool2d
from .leaky_relu import LeakyReLU
from .linear import Linear
from .max_pool2d import MaxPool2d
from .relu import ReLU
from .sigmoid import Sigmoid
from .softplus import Softplus
from .tanh import Tanh

__all__ = [
    "ELU",
    "AvgPool2d",
    "Conv1d",
    "Conv2d",
    "ConvTranspose2d",
    "GlobalAvgPool2d",
    "LeakyReLU",
    "Linear",
    "MaxPool2d",
    "ReLU",
    "Sigmoid",
    "Softplus",
    "Tanh",
]
