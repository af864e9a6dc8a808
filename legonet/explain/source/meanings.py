"""What operators and functions of a source mean in formulas."""

import ast
import builtins
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from legonet.arrays import rows
from legonet.checks import check_scalar
from legonet.special import sigmoid, softplus, sum_of_squares

BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.FloorDiv: lambda a, b: a // b,
    ast.Mod: lambda a, b: a % b,
    ast.Pow: lambda a, b: a**b,
}
COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
}
ELEMENTWISE: dict[str, Callable[[Any], Any]] = {
    name: getattr(np, name) for name in ("exp", "log", "log1p", "expm1", "sqrt", "abs", "sign", "tanh", "sin", "cos")
} | {"sigmoid": sigmoid, "softplus": softplus, "erf": np.vectorize(math.erf, otypes=[float])}
PAIRS = {"maximum": "max", "minimum": "min"}
REDUCTIONS = ("sum", "mean", "max", "min", "var", "std")
OPERATORS: dict[str, type[ast.operator]] = {
    "add": ast.Add,
    "subtract": ast.Sub,
    "multiply": ast.Mult,
    "divide": ast.Div,
    "power": ast.Pow,
    "dot": ast.MatMult,
    "matmul": ast.MatMult,
}
METHODS = {name: name for name in (*REDUCTIONS, "dot", "reshape", "clip", "transpose")} | {
    "copy": "same",
    "astype": "astype",
}
FUNCTIONS: dict[Any, str] = {
    **{function: name for name, function in ELEMENTWISE.items()},
    **{getattr(np, name): name for name in (*PAIRS, *REDUCTIONS, *OPERATORS)},
    **{getattr(np, name): name for name in ("where", "square", "clip", "reshape", "transpose")},
    **{getattr(np, name): name for name in ("ones_like", "zeros_like")},
    **{getattr(math, name): name for name in ("exp", "log", "log1p", "expm1", "sqrt", "tanh", "sin", "cos", "erf")},
    **{getattr(builtins, name): name for name in ("abs", "len", "max", "min")},
    rows: "rows",
    float: "same",
    np.asarray: "array",
    np.float64: "same",
    check_scalar: "check_scalar",
    sum_of_squares: "sum_of_squares",
}
"""What functions are called here, by what they are and not by what a source calls them."""
