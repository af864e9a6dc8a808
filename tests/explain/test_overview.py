"""The map of a page tells which value is made of which."""

import re
import xml.etree.ElementTree as ET

import numpy as np

from legonet import (
    LSTM,
    Add,
    CrossEntropyLoss,
    Graph,
    L2Regularizer,
    Linear,
    MSELoss,
    Residual,
    Sequential,
    Sigmoid,
    Tanh,
)
from legonet.explain import Explanation, explain
from strategies import normal


def map_of(explanation: Explanation) -> list[tuple[str, str, list[str], list[str]]]:
    """Return each column: its value, the way it is reached, what it is said to be made of, its parameters."""
    page = explanation.html()
    found = re.search(r'<nav class="map".*?</nav>', page, re.DOTALL)
    assert found is not None
    columns = []
    for item in ET.fromstring(found.group()).iter("li"):  # noqa: S314 (a page that was made here)
        parts = item.findall("div")
        names = [[a.get("aria-label") or "" for a in part.iter("a")] for part in parts]
        told = next((names[k] for k, part in enumerate(parts) if part.get("class") == "from"), [])
        below = [row[0] for row, part in zip(names[2:], parts[2:], strict=True) if part.get("class") != "from"]
        columns.append((names[0][0], item.get("class") or "", told, below))
    return columns


def test_a_chain_has_an_arrow_at_each_step() -> None:
    net = Sequential(Linear(2, 3, rng=0), Sigmoid(), Linear(3, 1, rng=1))
    explanation = explain(net, MSELoss(), normal(4, 2), normal(4, 1))
    assert map_of(explanation) == [
        ("x", "", [], []),
        ("z1", "next", [], ["W1", "b1"]),
        ("h1", "next", [], []),
        ("z2", "next", [], ["W2", "b2"]),
        ("L", "next", [], []),
    ]
    assert "<code>Linear(2, 3)</code> → <code>Sigmoid()</code>" in explanation.html()


def test_a_value_of_several_says_of_which() -> None:
    net = Sequential(Linear(2, 3, rng=0), Residual(Tanh()), Linear(3, 1, rng=1))
    explanation = explain(net, MSELoss(), normal(4, 2), normal(4, 1))
    assert ("h2", "apart", ["z1", "h1"], []) in map_of(explanation)
    assert " → " not in explanation.html().partition("</dl>")[0]


def test_two_inputs_and_a_penalty_stand_apart() -> None:
    first = Linear(2, 3, rng=0)
    graph = Graph(
        inputs=["x", "context"],
        nodes={"a": (first, "x"), "b": (Linear(2, 3, rng=1), "context"), "y": (Add(), "a", "b")},
        outputs=["y"],
    )
    penalty = L2Regularizer([first.weight], strength=0.1)
    explanation = explain(graph, MSELoss(), (normal(4, 2), normal(4, 2)), normal(4, 3), regularizers=[penalty])
    columns = {name: (way, told) for name, way, told, _ in map_of(explanation)}
    assert columns["z1"] == ("apart", ["x"])
    assert columns["z2"] == ("apart", ["context"])
    assert columns["h1"] == ("apart", ["z1", "z2"])
    assert columns["R1"] == ("apart", [])
    assert columns["L"] == ("apart", ["E", "R1"])


def test_parameters_of_steps_on_the_way_stand_below_their_brick() -> None:
    explanation = explain(LSTM(2, 3, rng=0), CrossEntropyLoss(), normal(2, 4, 2), np.zeros((2, 4), int))
    assert next(below for name, _, _, below in map_of(explanation) if name == "h1") == ["W1", "U1", "b1"]
