"""Time one training step of a convolutional network: legonet against PyTorch, interleaved in one process.

Run it with ``python tests/benchmarks/conv_net.py``; add ``--rounds 10`` for a quick look. Both contestants do the same
step (forward, cross-entropy, backward, SGD) with a batch of images of 28 x 28 in float32, which the losses of ten steps
prove before anything is timed. Both make all arrays anew in each step.
"""

import argparse
import importlib.util
import os
import sys
import time
from collections.abc import Callable

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy is loaded

import numpy as np
from training_step import machine

from legonet import SGD, Conv2d, CrossEntropyLoss, Flatten, Linear, MaxPool2d, ReLU, Sequential
from legonet.training import backpropagate

Step = Callable[[], float]
BATCHES, LR = (1, 4, 32), 0.01


def data(batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Return images and their classes: the same for both."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(batch, 1, 28, 28)).astype(np.float32), rng.integers(0, 10, batch)


def build() -> Sequential:
    """Return the network, always with the same numbers."""
    rng = np.random.default_rng(1)
    return Sequential(
        Conv2d(1, 16, 3, padding=1, rng=rng, dtype=np.float32),
        ReLU(),
        MaxPool2d(2),
        Conv2d(16, 32, 3, padding=1, rng=rng, dtype=np.float32),
        ReLU(),
        MaxPool2d(2),
        Flatten(),
        Linear(32 * 7 * 7, 10, rng=rng, dtype=np.float32),
    )


def legonet(batch: int) -> Step:
    """Bricks."""
    net, loss, (x, target) = build(), CrossEntropyLoss(), data(batch)
    sgd = SGD(net.parameters(), lr=LR)

    def step() -> float:
        result = backpropagate(net, loss, x, target)
        sgd.step()
        return result.loss

    return step


def torch_eager(batch: int) -> Step:
    """PyTorch, eager, with the weights of the bricks."""
    import torch

    torch.set_num_threads(1)
    nn = torch.nn
    net = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * 7 * 7, 10),
    )
    with torch.no_grad():
        for theirs, ours in zip(net.parameters(), build().parameters(), strict=True):
            theirs.copy_(torch.from_numpy(np.moveaxis(ours.value, -1, 0).copy()))  # out comes first
    sgd = torch.optim.SGD(net.parameters(), lr=LR)
    x, target = (torch.from_numpy(array) for array in data(batch))

    def step() -> float:
        sgd.zero_grad()
        loss = nn.functional.cross_entropy(net(x), target)
        loss.backward()
        sgd.step()
        return loss.item()

    return step


def compare(steps: dict[str, Step], rounds: int, count: int = 5) -> dict[str, float]:
    """Return the seconds of a step of each contestant, the fastest of many interleaved rounds of a few steps."""
    losses = {name: [step() for _ in range(10)] for name, step in steps.items()}
    for name, values in losses.items():
        np.testing.assert_allclose(values, losses["legonet"], rtol=1e-5, err_msg=name)
    best = dict.fromkeys(steps, float("inf"))
    for _ in range(rounds):
        for name, step in steps.items():
            start = time.perf_counter()
            for _ in range(count):
                step()
            best[name] = min(best[name], (time.perf_counter() - start) / count)
    return best


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=60, help="interleaved rounds of 5 steps each (default: 60)")
    rounds = parser.parse_args().rounds
    contestants: dict[str, Callable[[int], Step]] = {"legonet": legonet}
    if importlib.util.find_spec("torch"):
        contestants["PyTorch eager"] = torch_eager
    else:
        print("PyTorch is not installed: left out.\n", file=sys.stderr)
    print("| one training step of a conv net, ms | " + " | ".join(contestants) + " | legonet / PyTorch |")
    print("|---" * (len(contestants) + 2) + "|")
    for batch in BATCHES:
        best = compare({name: build_step(batch) for name, build_step in contestants.items()}, rounds)
        ratio = best["legonet"] / best.get("PyTorch eager", float("nan"))
        cells = " | ".join(f"{seconds * 1e3:.2f}" for seconds in best.values())
        print(f"| 1 x 28 x 28, batch {batch}, float32 | {cells} | {ratio:.2f} |")
    print(f"\n{machine()}.")


if __name__ == "__main__":
    main()
