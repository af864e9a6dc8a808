"""How long the check of a brick takes, and how its cost grows: ``python tests/benchmarks/checker.py``."""

import os
import statistics
import time
from collections.abc import Callable

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("HYPOTHESIS_PROFILE", "ci")

import hypothesis
import numpy as np

from legonet import L2Regularizer, Linear, MSELoss, Sequential, Sigmoid, Tanh
from legonet.testing import brick_test, check_brick

hypothesis.settings.register_profile("benchmark", derandomize=True, database=None)
hypothesis.settings.load_profile("benchmark")


def seconds(function: Callable[[], object], repeats: int) -> float:
    """Return the median time of some runs."""
    function()
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        function()
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


def main() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(3, 2)), rng.normal(size=(3, 2))
    linear = Linear(2, 3, bias=rng.normal(size=3), rng=0)
    net = Sequential(Linear(2, 3, rng=0), Sigmoid(), Linear(3, 1, rng=0))
    forward = seconds(lambda: linear.forward(x), 1000)
    print("| check | time | forward passes of Linear(2, 3) |\n|---|---|---|")
    for name, check in {
        "Linear(2, 3), 3 rows": lambda: check_brick(linear, x),
        "Tanh(), 3 rows of 2": lambda: check_brick(Tanh(), x),
        "MSELoss(), 3 rows of 2": lambda: check_brick(MSELoss(), x, y),
        "L2Regularizer of Linear(2, 3)": lambda: check_brick(L2Regularizer(linear.parameters(), strength=0.1)),
        "network 2-3-1, 3 rows": lambda: check_brick(net, x),
        'Linear(2, 3), "(batch, 2)": 100 points': lambda: check_brick(linear, "(batch, 2)"),
        "brick_test(Linear), 100 examples": brick_test(Linear, "(batch, in_features)", options={"bias": [True, False]}),
    }.items():
        found = seconds(check, 5)
        print(f"| {name} | {found * 1e3:,.1f} ms | {found / forward:,.0f} |")

    print("\n| Linear(n, n), 2 rows | parameters | check | forward and backward | ratio |\n|---|---|---|---|---|")
    for n in (10, 30, 100, 300, 1000):
        wide = Linear(n, n, rng=0)
        rows = rng.normal(size=(2, n))
        dy = np.ones((2, n))
        one = seconds(lambda b=wide, r=rows, d=dy: b.backward(d, b.forward(r)[1]), 20)
        found = seconds(lambda b=wide, r=rows: check_brick(b, r), 3)
        print(f"| {n} | {n * n + n:,} | {found * 1e3:,.0f} ms | {one * 1e6:,.0f} µs | {found / one:,.0f} |")


if __name__ == "__main__":
    main()
