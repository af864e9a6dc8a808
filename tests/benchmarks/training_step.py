"""Time one training step: legonet against hand-written NumPy and PyTorch, interleaved in one process.

Run it with ``python tests/benchmarks/training_step.py``; add ``--rounds 10`` for a quick look. Every contestant does
the same step (forward, loss, backward, update), which the losses of ten steps prove before anything is timed.
"""

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy is loaded

import numpy as np

from legonet import SGD, CrossEntropyLoss, Linear, MSELoss, ReLU, Sequential, Sigmoid, Tanh
from legonet.training import backpropagate

Step = Callable[[], float]


class Workload(NamedTuple):
    """A network, its data and its learning rate."""

    name: str
    sizes: tuple[int, ...]
    batch: int
    dtype: type[np.floating[Any]]
    lr: float
    classes: bool = False  # ReLU and cross-entropy

    def draw(self) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray, np.ndarray]:
        """Return weights, biases, x and target: the same for each contestant."""
        rng = np.random.default_rng(0)
        shapes = list(zip(self.sizes[:-1], self.sizes[1:], strict=True))
        weights = [(rng.normal(size=shape) / np.sqrt(shape[0])).astype(self.dtype) for shape in shapes]
        biases = [rng.normal(size=shape[1]).astype(self.dtype) for shape in shapes]
        x = rng.normal(size=(self.batch, self.sizes[0])).astype(self.dtype)
        target = rng.uniform(size=(self.batch, self.sizes[-1])).astype(self.dtype)
        if self.classes:
            target = target.argmax(axis=1)
        return weights, biases, x, target


WORKLOADS = (
    Workload("XOR 2-3-2, batch 4, float64, sigmoid", (2, 3, 2), 4, np.float64, 0.1),
    Workload("XOR 2-50-2, batch 50, float64, sigmoid", (2, 50, 2), 50, np.float64, 0.1),
    Workload("784-256-128-10, batch 128, float32, tanh", (784, 256, 128, 10), 128, np.float32, 0.01),
    Workload("64-128-64-10, batch 64, float32, ReLU, classes", (64, 128, 64, 10), 64, np.float32, 0.1, True),
    Workload("784-256-128-10, batch 128, float32, ReLU, classes", (784, 256, 128, 10), 128, np.float32, 0.1, True),
)


def legonet(work: Workload) -> Step:
    """(a) Bricks."""
    weights, biases, x, target = work.draw()
    layers = [
        Linear(*weight.shape, weight=weight, bias=bias, dtype=work.dtype)
        for weight, bias in zip(weights, biases, strict=True)
    ]
    if len(layers) == 2:
        net = Sequential(layers[0], Sigmoid(), layers[1], Sigmoid())
    else:
        bend = ReLU() if work.classes else Tanh()
        net = Sequential(layers[0], bend, layers[1], bend, layers[2])
    loss, sgd = CrossEntropyLoss() if work.classes else MSELoss(), SGD(net.parameters(), lr=work.lr)

    def step() -> float:
        result = backpropagate(net, loss, x, target)
        sgd.step()
        return result.loss

    return step


def plain(work: Workload) -> Step:
    """(b) The same step in plain NumPy, every result a new array. The sigmoid is legonet's, within 2 ULP."""
    weights, biases, x, target = work.draw()
    n, lr = work.batch, work.lr

    def sigmoid(z: np.ndarray) -> np.ndarray:
        e = np.exp(-np.abs(z))
        n = np.maximum(e, (z >= 0.0).astype(e.dtype))
        return n - n * (e / (1.0 + e))

    def two_layers() -> float:
        (W1, W2), (b1, b2) = weights, biases
        h = sigmoid(x @ W1 + b1)
        y = sigmoid(h @ W2 + b2)
        error = y - target
        loss = (error * error).sum() / (2 * n)
        dz2 = error / n * y * (1 - y)
        dW2 = h.T @ dz2
        db2 = dz2.sum(axis=0)
        dz1 = dz2 @ W2.T * h * (1 - h)
        dW1 = x.T @ dz1
        db1 = dz1.sum(axis=0)
        W1 -= lr * dW1
        b1 -= lr * db1
        W2 -= lr * dW2
        b2 -= lr * db2
        return float(loss)

    def three_layers() -> float:
        (W1, W2, W3), (b1, b2, b3) = weights, biases
        h1 = np.tanh(x @ W1 + b1)
        h2 = np.tanh(h1 @ W2 + b2)
        error = h2 @ W3 + b3 - target
        loss = (error * error).sum() / (2 * n)
        dy = error / n
        dW3 = h2.T @ dy
        db3 = dy.sum(axis=0)
        dz2 = dy @ W3.T * (1 - h2 * h2)
        dW2 = h1.T @ dz2
        db2 = dz2.sum(axis=0)
        dz1 = dz2 @ W2.T * (1 - h1 * h1)
        dW1 = x.T @ dz1
        db1 = dz1.sum(axis=0)
        W1 -= lr * dW1
        b1 -= lr * db1
        W2 -= lr * dW2
        b2 -= lr * db2
        W3 -= lr * dW3
        b3 -= lr * db3
        return float(loss)

    rows = np.arange(n)

    def three_layers_of_classes() -> float:
        (W1, W2, W3), (b1, b2, b3) = weights, biases
        h1 = np.maximum(x @ W1 + b1, 0)
        h2 = np.maximum(h1 @ W2 + b2, 0)
        y = h2 @ W3 + b3
        shifted = y - y.max(axis=1, keepdims=True)
        e = np.exp(shifted)
        total = e.sum(axis=1, keepdims=True)
        loss = (np.log(total[:, 0]) - shifted[rows, target]).sum() / n
        dy = e / total
        dy[rows, target] -= 1
        dy /= n
        dW3 = h2.T @ dy
        db3 = dy.sum(axis=0)
        dz2 = dy @ W3.T * (h2 > 0)
        dW2 = h1.T @ dz2
        db2 = dz2.sum(axis=0)
        dz1 = dz2 @ W2.T * (h1 > 0)
        dW1 = x.T @ dz1
        db1 = dz1.sum(axis=0)
        W1 -= lr * dW1
        b1 -= lr * db1
        W2 -= lr * dW2
        b2 -= lr * db2
        W3 -= lr * dW3
        b3 -= lr * db3
        return float(loss)

    if work.classes:
        return three_layers_of_classes
    return two_layers if len(weights) == 2 else three_layers


def preallocated(work: Workload) -> Step:
    """(c) The same with every buffer made once, out= everywhere and one update of one flat vector."""
    weights, biases, x, target = work.draw()
    theta = np.concatenate([array.ravel() for pair in zip(weights, biases, strict=True) for array in pair])
    gradient = np.zeros_like(theta)
    W, b, dW, db, start = [], [], [], [], 0
    for weight, bias in zip(weights, biases, strict=True):
        for array, values, gradients in ((weight, W, dW), (bias, b, db)):
            stop = start + array.size
            values.append(theta[start:stop].reshape(array.shape))
            gradients.append(gradient[start:stop].reshape(array.shape))
            start = stop
    h = [np.empty((work.batch, size), work.dtype) for size in work.sizes[1:]]  # outputs, then upstream gradients
    s = [np.empty_like(array) for array in h]  # slopes
    one, minus_lr, over_n = (np.array(number, work.dtype) for number in (1.0, -work.lr, 1 / work.batch))
    zero, ones = np.array(0.0, work.dtype), np.ones(work.batch, work.dtype)
    W_T, h_T, x_T = [array.T for array in W], [array.T for array in h], x.T
    inputs, inputs_T, last = [x, *h[:-1]], [x_T, *h_T[:-1]], len(W) - 1
    d = [np.empty_like(array) for array in h]
    places, places_down = range(len(W)), range(len(W) - 1, -1, -1)
    use_tanh = last == 2

    def step() -> float:
        for k in places:
            z = h[k]
            inputs[k].dot(W[k], z)
            np.add(z, b[k], z)
            if use_tanh:
                if k < last:
                    np.tanh(z, z)
            else:
                e = s[k]
                np.abs(z, e)
                np.negative(e, e)
                np.exp(e, e)
                np.minimum(z, zero, out=z)
                np.exp(z, z)
                np.add(e, one, d[k])
                np.divide(e, d[k], e)
                np.multiply(z, e, e)
                np.subtract(z, e, z)
        dz = d[last]
        np.subtract(h[last], target, dz)
        flat = dz.ravel()
        loss = float(flat.dot(flat)) / (2 * len(target))
        np.multiply(dz, over_n, dz)
        for k in places_down:
            dz, y, slope = d[k], h[k], s[k]
            if not use_tanh:
                np.subtract(one, y, slope)
                np.multiply(slope, y, slope)
                np.multiply(dz, slope, dz)
            elif k < last:
                np.multiply(y, y, slope)
                np.subtract(one, slope, slope)
                np.multiply(dz, slope, dz)
            inputs_T[k].dot(dz, dW[k])
            ones.dot(dz, db[k])
            if k:
                dz.dot(W_T[k], d[k - 1])
        np.multiply(gradient, minus_lr, gradient)
        np.add(theta, gradient, theta)
        return loss

    return step


def torch_eager(work: Workload) -> Step:
    """(d) PyTorch, eager."""
    import torch

    torch.set_num_threads(1)
    weights, biases, x, target = work.draw()
    linears = []
    for weight, bias in zip(weights, biases, strict=True):
        linear = torch.nn.Linear(*weight.shape, dtype=getattr(torch, np.dtype(work.dtype).name))
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(weight.T.copy()))
            linear.bias.copy_(torch.from_numpy(bias))
        linears.append(linear)
    if len(linears) == 2:
        net = torch.nn.Sequential(linears[0], torch.nn.Sigmoid(), linears[1], torch.nn.Sigmoid())
    else:
        bend = torch.nn.ReLU() if work.classes else torch.nn.Tanh()
        net = torch.nn.Sequential(linears[0], bend, linears[1], bend, linears[2])
    sgd = torch.optim.SGD(net.parameters(), lr=work.lr)
    x, target, scale = torch.from_numpy(x), torch.from_numpy(target), 1 / (2 * work.batch)

    def step() -> float:
        sgd.zero_grad()
        if work.classes:
            loss = torch.nn.functional.cross_entropy(net(x), target)
        else:
            loss = torch.nn.functional.mse_loss(net(x), target, reduction="sum") * scale
        loss.backward()
        sgd.step()
        return loss.item()

    return step


def compare(work: Workload, makers: dict[str, Callable[[Workload], Step]], rounds: int) -> dict[str, float]:
    """Return the seconds of a step of each contestant, the fastest of many interleaved rounds."""
    left_out = {"preallocated NumPy"} if work.classes else set()
    steps = {name: make(work) for name, make in makers.items() if name not in left_out}
    losses = {name: [step() for _ in range(10)] for name, step in steps.items()}
    tolerance = 1e-12 if work.dtype is np.float64 else 1e-5
    for name, values in losses.items():
        np.testing.assert_allclose(values, losses["legonet"], rtol=tolerance, err_msg=name)
    start = time.perf_counter()
    steps["legonet"]()
    count = max(1, int(0.01 / (time.perf_counter() - start)))  # rounds of about 10 ms
    best = dict.fromkeys(steps, float("inf"))
    for _ in range(rounds):
        for name, step in steps.items():
            start = time.perf_counter()
            for _ in range(count):
                step()
            best[name] = min(best[name], (time.perf_counter() - start) / count)
    return best


def machine() -> str:
    """Return a line about the machine and the libraries."""
    cpu = platform.processor() or platform.machine()
    if (info := Path("/proc/cpuinfo")).exists():
        cpu = next((line.split(": ")[1] for line in info.read_text().splitlines() if "model name" in line), cpu)
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    text = f"{cpu}, {os.cpu_count()} cores, one BLAS thread; Python {platform.python_version()}"
    text += f", NumPy {np.__version__} ({blas['name']} {blas['version']})"
    return text + (f", PyTorch {sys.modules['torch'].__version__}" if "torch" in sys.modules else "")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=60, help="interleaved rounds of about 10 ms (default: 60)")
    rounds = parser.parse_args().rounds
    makers: dict[str, Callable[[Workload], Step]] = {
        "legonet": legonet,
        "plain NumPy": plain,
        "preallocated NumPy": preallocated,
    }
    try:
        torch_eager(WORKLOADS[0])
        makers["PyTorch eager"] = torch_eager
    except ImportError:
        print("PyTorch is not installed: left out.\n", file=sys.stderr)
    print("| one training step, µs | " + " | ".join(makers) + " | legonet / plain |")
    print("|---" * (len(makers) + 2) + "|")
    for work in WORKLOADS:
        best = compare(work, makers, rounds)
        cells = [f"{best[name] * 1e6:,.1f}" if name in best else "–" for name in makers]
        print(f"| {work.name} | " + " | ".join(cells) + f" | {best['legonet'] / best['plain NumPy']:.2f} |")
    print(f"\n{machine()}.")


if __name__ == "__main__":
    main()
