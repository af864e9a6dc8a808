"""Wrong gradients in published code, each as a brick for the checker and the inputs that show it.

Every `build` imports its library by itself. The numbers of a finding do not matter: any inputs of such shapes show it.
"""

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from legonet import Brick
from legonet.arrays import Array
from legonet.interop import from_functions, from_object, from_thinc, from_value_and_gradient


class Finding(NamedTuple):
    """A wrong gradient: `build()` makes the brick, `inputs` go with it."""

    build: Callable[[], Brick[Any]]
    inputs: tuple[Array, ...]
    library: str
    """What has to be installed; empty if the code is written out here."""
    fact: str
    """What is known to be wrong."""
    told: str
    """A part of what the report says of it."""


RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 3))
TARGETS = RNG.normal(size=(4, 3))
PROBABILITIES = np.exp(X) / np.exp(X).sum(axis=1, keepdims=True)
ONE_HOT = np.eye(3)[[0, 1, 2, 1]]


# -- Thinc -----------------------------------------------------------------------------------------------------------


def thinc_model(make: Callable[[Any], Any]) -> Brick[Any]:
    """Build a Thinc model for three columns of X, with weights away from zero."""
    import thinc.api

    model = make(thinc.api)
    model.initialize(X=X.astype(np.float32))
    brick = from_thinc(model)
    rng = np.random.default_rng(1)
    for parameter in brick.parameters():
        parameter.value = rng.normal(size=parameter.value.shape).astype(np.float32)
    return brick


def thinc_loss(name: str) -> Brick[Any]:
    """Adapt a loss of Thinc, which has the value and the gradient in two methods."""
    import thinc.api

    loss = getattr(thinc.api, name)()
    return from_functions(
        loss.get_loss, lambda dloss, guesses, truths: dloss * loss.get_grad(guesses, truths), name=f"thinc.{name}()"
    )


# -- scikit-learn ----------------------------------------------------------------------------------------------------


def sklearn_network(name: str, y: Array, **options: Any) -> Brick[Any]:
    """Adapt the loss of an MLPRegressor or MLPClassifier, by all its weights in one vector, as L-BFGS sees it."""
    import sklearn.neural_network

    model = getattr(sklearn.neural_network, name)(
        hidden_layer_sizes=(4,), activation="tanh", solver="lbfgs", max_iter=1, random_state=0, **options
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it has not converged
        model.fit(X, y)
    targets = model._label_binarizer.transform(y) if hasattr(model, "_label_binarizer") else y
    targets = targets.reshape(len(X), -1)

    def loss(weights: Array) -> tuple[float, Array]:
        empty = [None] * (model.n_layers_ - 1)
        value, gradient = model._loss_grad_lbfgs(
            weights, X, targets, None, [X, *empty], list(empty), list(empty), list(empty)
        )
        return value, gradient

    return from_value_and_gradient(loss, name=f"{name}._loss_grad_lbfgs")


def weights_for(outputs: int) -> Array:
    """Draw the weights of a network of 3 inputs, 4 hidden units and some outputs."""
    return np.random.default_rng(2).normal(size=3 * 4 + 4 * outputs + 4 + outputs)


# -- the article "One LEGO at a time" ---------------------------------------------------------------------------------


def article_penalty() -> Brick[Any]:
    """R = λ/(2N) Σ W², of which the value λ Σ W² is added to every entry of the gradient."""
    strength, rows = 0.1, 4

    def forward(W: Array) -> float:
        return float(strength / (2 * rows) * np.sum(W**2))

    def backward(dloss: float, W: Array) -> dict[str, Array]:
        return {"W": dloss * (np.zeros_like(W) + strength * np.sum(W**2))}

    return from_functions(forward, backward, parameters={"W": RNG.normal(size=(3, 2))}, name="article: penalty")


def article_loss() -> Brick[Any]:
    """L = 1/(2N) Σ (h - y)², whose gradient misses 1/N."""

    def forward(h: Array, y: Array) -> tuple[float, Array]:
        return float(np.sum((h - y) ** 2) / (2 * len(h))), h - y

    return from_functions(forward, lambda dloss, error: dloss * error, name="article: data term")


def article_tanh() -> Brick[Any]:
    """t = tanh(z/2), with the derivative 1 - t² of tanh(z)."""

    def forward(z: Array) -> tuple[Array, Array]:
        t = (1 - np.exp(-z)) / (1 + np.exp(-z))
        return t, t

    return from_functions(forward, lambda dt, t: dt * (1 - t**2), name="article: tanh")


def article_network() -> Brick[Any]:
    """The article's loss by both weights, penalty included, with the first two mistakes in it."""
    strength, x, y = 0.1, X[:, :2], ONE_HOT[:, :2]

    def sigmoid(z: Array) -> Array:
        return np.asarray(1 / (1 + np.exp(-z)))

    def forward(W1: Array, W2: Array) -> tuple[float, tuple[Array, ...]]:
        h1 = sigmoid(x @ W1)
        h2 = sigmoid(h1 @ W2)
        penalty = strength * (np.sum(W1**2) + np.sum(W2**2))
        return float((np.sum((y - h2) ** 2) + penalty) / (2 * len(x))), (h1, h2, W1, W2)

    def backward(dloss: float, cache: tuple[Array, ...]) -> dict[str, Array]:
        h1, h2, W1, W2 = cache
        dz2 = (h2 - y) * h2 * (1 - h2)
        dz1 = dz2 @ W2.T * h1 * (1 - h1)
        penalty = strength * (np.sum(W1**2) + np.sum(W2**2))
        return {"W1": dloss * (x.T @ dz1 + penalty), "W2": dloss * (h1.T @ dz2 + penalty)}

    weights = {"W1": RNG.normal(size=(2, 3)), "W2": RNG.normal(size=(3, 2))}
    return from_functions(forward, backward, parameters=weights, name="article: network")


# -- a layer that remembers one input ---------------------------------------------------------------------------------


class RememberingLinear:
    """Keeps its last input and overwrites its gradients, as layers of joelnet and many others do."""

    def __init__(self, size: int) -> None:
        self.params = {"w": np.random.default_rng(3).normal(size=(size, size))}
        self.grads: dict[str, Array] = {}

    def forward(self, x: Array) -> Array:
        self.x = x
        y: Array = x @ self.params["w"]
        return y

    def backward(self, dy: Array) -> Array:
        self.grads["w"] = self.x.T @ dy
        dx: Array = dy @ self.params["w"].T
        return dx


class Twice:
    """A network that uses one layer twice: y = tanh(x w) w."""

    def __init__(self) -> None:
        self.layer = RememberingLinear(3)
        self.params, self.grads = self.layer.params, self.layer.grads

    def forward(self, x: Array) -> Array:
        self.h = np.tanh(self.layer.forward(x))
        return self.layer.forward(self.h)

    def backward(self, dy: Array) -> Array:
        return self.layer.backward(self.layer.backward(dy) * (1 - self.h**2))


# -- the table -------------------------------------------------------------------------------------------------------

FINDINGS: dict[str, Finding] = {
    "Thinc add(Sigmoid, Linear)": Finding(
        partial(thinc_model, lambda t: t.add(t.Sigmoid(2, 3), t.Linear(2, 3))),
        (X,),
        "thinc",
        "forward writes the sum into the output of the first branch, which its backward needs",
        "dx may lack a path",
    ),
    "Thinc Softmax": Finding(
        partial(thinc_model, lambda t: t.Softmax(2, 3)),
        (X,),
        "thinc",
        "backward assumes a cross-entropy behind it and leaves the derivative of softmax out",
        "dx does not change with softmax.b, but the derivative does",
    ),
    "Thinc L2Distance": Finding(
        partial(thinc_loss, "L2Distance"),
        (X, TARGETS),
        "thinc",
        "the gradient is N/2 times the loss's derivative",
        "2.000 times too small; 1/2 is half of the batch size",
    ),
    "Thinc CategoricalCrossentropy": Finding(
        partial(thinc_loss, "CategoricalCrossentropy"),
        (PROBABILITIES, ONE_HOT),
        "thinc",
        "the value is a sum of squares, and the gradient that of a cross-entropy by what goes into a softmax",
        "dx0 may lack a path",
    ),
    "scikit-learn MLPRegressor, 2 outputs": Finding(
        partial(sklearn_network, "MLPRegressor", TARGETS[:, :2], alpha=0.0),
        (weights_for(2),),
        "sklearn",
        "the gradient of the data term is 2 times its derivative: the loss is averaged over the outputs",
        "dx is 2.000 times too large, a factor of 2",
    ),
    "scikit-learn MLPRegressor, 3 outputs": Finding(
        partial(sklearn_network, "MLPRegressor", TARGETS, alpha=0.0),
        (weights_for(3),),
        "sklearn",
        "the gradient of the data term is 3 times its derivative: the loss is averaged over the outputs",
        "dx is 3.000 times too large, a factor of 3",
    ),
    "scikit-learn MLPRegressor, 2 outputs, penalty": Finding(
        partial(sklearn_network, "MLPRegressor", TARGETS[:, :2], alpha=0.5),
        (weights_for(2),),
        "sklearn",
        "the data term is 2 times too large in the gradient, and the penalty is right",
        "dx has another local derivative than forward",
    ),
    "article: penalty": Finding(
        article_penalty,
        (),
        "",
        "the penalty's value is added instead of its gradient",
        "8 times the penalty's value is added instead of its gradient",
    ),
    "article: data term": Finding(
        article_loss,
        (X, TARGETS),
        "",
        "the gradient misses 1/N",
        "2.000 times too large; 2 is the batch size",
    ),
    "article: tanh": Finding(
        article_tanh,
        (X,),
        "",
        "tanh(z/2) with the derivative 1 - t² of tanh(z): 2 times too large",
        "dx is 2.000 times too large, a factor of 2",
    ),
    "article: network": Finding(
        article_network,
        (),
        "",
        "the data term misses 1/N; the penalty's value is added",
        "W1.grad has another local derivative than forward",
    ),
    "a layer used twice": Finding(
        lambda: from_object(Twice()),
        (X,),
        "",
        "the second use of the layer overwrites what backward of the first needs",
        "w.grad may lack a path",
    ),
}
