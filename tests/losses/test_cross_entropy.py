import numpy as np
from hypothesis import strategies as st

from legonet import CrossEntropyLoss
from legonet.testing import Floats, Integers, brick_test
from strategies import seeds

sizes = st.integers(1, 3)


@st.composite
def cases(draw, dtype=np.float64):
    rng, classes = np.random.default_rng(draw(seeds)), draw(sizes)
    y = rng.normal(size=(*draw(st.tuples(*[st.integers(0, 3)] * draw(st.integers(1, 2)))), classes)).astype(dtype)
    weights = draw(st.sampled_from([None, rng.uniform(0.5, 2, classes)]))
    smoothing, ignored = draw(st.sampled_from([0.0, 0.25])), draw(st.sampled_from([None, 0, -1]))
    loss = CrossEntropyLoss(label_smoothing=smoothing, ignore_index=ignored, class_weights=weights)
    if ignored is None and draw(st.booleans()):
        return loss, (y, rng.dirichlet(np.ones(classes), y.shape[:-1]).astype(dtype))
    return loss, (y, rng.integers(ignored or 0, classes, y.shape[:-1]))


OPTIONS = {"label_smoothing": [0.0, 0.25], "weighted": [False, True]}


def build(classes, label_smoothing, weighted, ignored=None):
    weights = np.linspace(0.5, 2.0, classes) if weighted else None
    return CrossEntropyLoss(label_smoothing=label_smoothing, ignore_index=ignored, class_weights=weights)


test_its_derivative_by_classes = brick_test(
    build, "(batch, ..., classes)", Integers("(batch, ...)", below="classes"), options=OPTIONS
)
test_its_derivative_by_probabilities = brick_test(
    build, "(batch, classes)", Floats("(batch, classes)", low=0, high=1), options=OPTIONS
)
test_its_derivative_with_ignored_targets = brick_test(
    build,
    "(batch, classes)",
    Integers("(batch,)", low=-1, below="classes"),
    options={**OPTIONS, "ignored": [-1, 0]},
    sizes={"classes": [2, 3, 1]},
)
