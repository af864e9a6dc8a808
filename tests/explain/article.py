"""The article's worked step, explained: which of its numbers is which term."""

import numpy as np

from legonet import SGD, MSELoss
from legonet.explain import Explanation, explain
from test_article import PRINTED, W1, W2, X, Y, network

TERMS = {
    "x": X,
    "t": Y,
    "W1": W1,
    "W2": W2,
    **{name: PRINTED[name] for name in ("z1", "h1", "z2", "h2", "dL/dW2", "dL/dh1", "dL/dW1")},
    "dL/dh2": PRINTED["h2 - y"],
    "dh2/dz2": PRINTED["h2 (1 - h2)"],
    "dh1/dz1": PRINTED["h1 (1 - h1)"],
    "W1*": PRINTED["W1 after"],
    "W2*": PRINTED["W2 after"],
}
"""Every array that the article prints, by the symbol of its term."""


def explained() -> Explanation:
    net = network()
    return explain(net, MSELoss(), np.array(X), np.array(Y), optimizer=SGD(net.parameters(), lr=0.001))
