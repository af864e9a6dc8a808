"""Regularizers: a price on the parameters themselves, or a limit to them."""

from .elastic_net import ElasticNetRegularizer
from .l1 import L1Regularizer
from .l2 import L2Regularizer
from .max_norm import MaxNorm

__all__ = ["ElasticNetRegularizer", "L1Regularizer", "L2Regularizer", "MaxNorm"]
