"""Layers: one brick, one file, both passes on one screen."""

from .avg_pool2d import AvgPool2d
from .batch_norm import BatchNorm
from .conv1d import Conv1d
from .conv2d import Conv2d
from .conv_transpose2d import ConvTranspose2d
from .dropout import Dropout
from .elu import ELU
from .flatten import Flatten
from .gaussian_noise import GaussianNoise
from .global_avg_pool2d import GlobalAvgPool2d
from .last_step import LastStep
from .layer_norm import LayerNorm
from .leaky_relu import LeakyReLU
from .linear import Linear
from .max_pool2d import MaxPool2d
from .relu import ReLU
from .reshape import Reshape
from .rms_norm import RMSNorm
from .sigmoid import Sigmoid
from .softplus import Softplus
from .tanh import Tanh
from .transpose import Transpose

__all__ = [
    "ELU",
    "AvgPool2d",
    "BatchNorm",
    "Conv1d",
    "Conv2d",
    "ConvTranspose2d",
    "Dropout",
    "Flatten",
    "GaussianNoise",
    "GlobalAvgPool2d",
    "LastStep",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "MaxPool2d",
    "RMSNorm",
    "ReLU",
    "Reshape",
    "Sigmoid",
    "Softplus",
    "Tanh",
    "Transpose",
]
