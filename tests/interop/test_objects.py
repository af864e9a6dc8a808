"""A home-made layer that remembers its last pass becomes a brick that can be checked."""

import copy
import re

import numpy as np
import pytest

from legonet import SGD, GradientError, OptionError
from legonet.interop import from_object
from legonet.testing import check_brick

X = np.random.default_rng(0).normal(size=(4, 3))


class Dense:
    """With dictionaries; its gradients are overwritten."""

    def __init__(self, dtype=np.float64):
        rng = np.random.default_rng(1)
        self.params = {"W": rng.normal(size=(3, 2)).astype(dtype), "b": np.zeros(2, dtype)}
        self.grads = {}

    def forward(self, x):
        self.x = x
        return x @ self.params["W"] + self.params["b"]

    def backward(self, dy):
        self.grads["W"] = self.x.T @ dy
        self.grads["b"] = dy.sum(axis=0)
        return dy @ self.params["W"].T


class Listed(Dense):
    """With lists of arrays that are attributes as well; its gradients are added to."""

    def __init__(self):
        self.W, self.b = np.random.default_rng(1).normal(size=(3, 2)), np.zeros(2)
        self.dW, self.db = np.zeros((3, 2)), np.zeros(2)
        self.params, self.grads = [self.W, self.b], [self.dW, self.db]

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dy):
        self.dW += self.x.T @ dy
        self.db += dy.sum(axis=0)
        return dy @ self.W.T


class Attributes(Dense):
    """With attributes; the gradients come into being in backward."""

    def __init__(self):
        self.W, self.b = np.random.default_rng(1).normal(size=(3, 2)), np.zeros(2)

    forward = Listed.forward

    def backward(self, dy):
        self.dW, self.db = self.x.T @ dy, dy.sum(axis=0)
        return dy @ self.W.T


class Net:
    """A network of layers, which hands out what they hold."""

    def __init__(self):
        self.layers = [Dense(), Relu()]

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, dy):
        for layer in reversed(self.layers):
            dy = layer.backward(dy)
        return dy

    def parameters(self):
        return {"0": self.layers[0].params}

    def gradients(self):
        return {"0": self.layers[0].grads}


class Relu:
    def forward(self, x):
        self.mask = x > 0
        return x * self.mask

    def backward(self, dy):
        return dy * self.mask


BRICKS = {
    "dictionaries": (lambda: from_object(Dense()), ["W", "b"]),
    "float32": (lambda: from_object(Dense(np.float32)), ["W", "b"]),
    "lists": (lambda: from_object(Listed()), ["params.0", "params.1"]),
    "attributes": (lambda: from_object(Attributes(), parameters={"W": "dW", "b": "db"}), ["W", "b"]),
    "methods": (lambda: from_object(Net(), parameters="parameters", gradients="gradients"), ["0.W", "0.b"]),
    "functions": (
        lambda: from_object(
            Net(), parameters=lambda net: net.layers[0].params, gradients=lambda net: net.layers[0].grads
        ),
        ["W", "b"],
    ),
    "none": (lambda: from_object(Relu()), []),
}


@pytest.mark.parametrize(("build", "names"), BRICKS.values(), ids=BRICKS)
def test_right_layers_pass_however_they_hold_their_parameters(build, names):
    assert [name for name, _ in build().named_parameters()] == names
    check_brick(build(), X)


@pytest.mark.parametrize(("build", "names"), BRICKS.values(), ids=BRICKS)
def test_values_follow_whether_they_are_replaced_or_written_into(build, names):
    brick = copy.deepcopy(build())
    for parameter in brick.parameters():
        parameter.value = np.full(parameter.value.shape, 2.0)
        parameter.value[...] *= 1.5
    y = brick(np.ones((1, 3)))
    assert y.tolist() == ([[12.0, 12.0]] if names else [[1.0, 1.0, 1.0]])


def test_gradients_add_up_though_the_layer_overwrites_or_adds():
    for layer in (Dense(), Listed()):
        brick = from_object(layer)
        for _ in range(3):
            y, cache = brick.forward(X)
            brick.backward(np.ones_like(y), cache)
        assert brick.parameters()[1].grad.tolist() == [12.0, 12.0]


def test_it_trains_with_an_optimizer():
    layer = Dense()
    brick = from_object(layer)
    sgd = SGD(brick.parameters(), lr=0.1)
    y, cache = brick.forward(X)
    brick.backward(y, cache)
    sgd.step()
    brick.forward(X)
    assert np.array_equal(layer.params["W"], brick.parameters()[0].value)
    assert np.sum(brick(X) ** 2) < np.sum(y**2)


def test_a_check_leaves_the_layer_as_it_is():
    layer = Dense(np.float32)
    before = copy.deepcopy(layer.params)
    check_brick(from_object(layer), X)
    assert layer.params["W"].dtype == np.float32
    assert all(np.array_equal(layer.params[name], before[name]) for name in before)


def test_gradients_called_after_their_parameters():
    class Prefixed(Dense):
        def backward(self, dy):
            dx = super().backward(dy)
            self.grads = {f"d{name}": gradient for name, gradient in self.grads.items()}
            return dx

    check_brick(from_object(Prefixed()), X)


class Factor(Dense):
    def backward(self, dy):
        dx = super().backward(dy)
        self.grads["W"] *= 2
        return dx


class NoSum(Dense):
    def backward(self, dy):
        dx = super().backward(dy)
        self.grads["b"] = dy
        return dx


class Forgotten(Dense):
    def backward(self, dy):
        dx = super().backward(dy)
        del self.grads["b"]
        return dx


class Stale(Dense):
    """Uses the input of the pass before."""

    last = np.ones((4, 3))

    def forward(self, x):
        y = super().forward(x)
        self.x, self.last = self.last, x.copy()
        return y


class Greedy(Dense):
    def backward(self, dy):
        dx = super().backward(dy)
        self.params["W"] -= 0.1 * self.grads["W"]
        return dx


class WritesIntoInput(Dense):
    def forward(self, x):
        x *= 2
        return super().forward(x)


@pytest.mark.parametrize("wrong", [Factor, NoSum, Forgotten, Stale, Greedy, WritesIntoInput])
def test_wrong_layers_are_found(wrong):
    with pytest.raises(GradientError):
        check_brick(from_object(wrong()), X)


def test_what_a_layer_holds_of_its_caller_is_never_zeroed():
    class Sole(Dense):
        """For one row, its db is dy itself."""

        def backward(self, dy):
            dx = super().backward(dy)
            self.grads["b"] = dy[0]
            return dx

    brick, dy = from_object(Sole()), np.ones((1, 2))
    for _ in range(2):
        brick.backward(dy, brick.forward(X[:1])[1])
    assert dy.tolist() == [[1.0, 1.0]]
    check_brick(brick, X[:1])


def draw_globally(size):
    return np.random.uniform(size=size)  # noqa: NPY002 - as foreign code does


class Dropout:
    def __init__(self, draw):
        self.draw = draw

    def forward(self, x):
        self.mask = self.draw(size=x.shape) < 0.5
        return x * self.mask

    def backward(self, dy):
        return dy * self.mask


class Seeded(Dropout):
    def __init__(self, rng):
        self.rng = rng

    def draw(self, size):
        return self.rng.uniform(size=size)


@pytest.mark.parametrize(
    "layer",
    [Dropout(draw_globally), Seeded(np.random.default_rng(0)), Seeded(np.random.RandomState(0))],
    ids=["global", "Generator", "RandomState"],
)
def test_random_layers_draw_the_same_numbers_again(layer):
    brick = from_object(layer)
    assert np.array_equal(brick(X), brick(X))
    check_brick(brick, X)


def test_a_layer_that_keeps_a_list_of_passes_is_reset():
    class Queue(Dense):
        def __init__(self):
            super().__init__()
            self.queue = []

        def clear(self):
            self.queue = []

        def forward(self, x):
            self.queue.append(x)
            return super().forward(x)

        def backward(self, dy):
            self.x = self.queue[0]
            return super().backward(dy)

    check_brick(from_object(Queue(), reset="clear"), X)


def test_several_inputs_and_other_names_of_the_methods():
    class Product:
        def run(self, a, b):
            self.a, self.b = a, b
            return a * b

        def grad(self, dy):
            return [dy * self.b, dy * self.a]

    check_brick(from_object(Product(), forward="run", backward="grad", parameters=None), X, X[::-1].copy())


def test_the_backward_of_a_loss_may_take_nothing():
    class Loss:
        def __init__(self, factor):
            self.factor = factor

        def forward(self, y, target):
            self.error = y - target
            return float(np.mean(self.error**2))

        def backward(self):
            return self.factor * self.error / self.error.size

    check_brick(from_object(Loss(2)), X, X[::-1].copy())
    with pytest.raises(GradientError):
        check_brick(from_object(Loss(1)), X, X[::-1].copy())


def test_it_is_called_after_its_class_or_its_repr():
    class Named(Relu):
        def __repr__(self):
            return "Named(1,\n  2)"

    assert repr(from_object(Relu())) == "from_object(Relu())"
    assert repr(from_object(Named())) == "from_object(Named(1, 2))"


class Strings(Relu):
    params = ("W",)


@pytest.mark.parametrize(
    ("layer", "options", "message"),
    [
        (3, {}, "needs the method forward of the layer, but 3 has none"),
        (Relu(), {"backward": "grad"}, "needs the method grad"),
        (Relu(), {"reset": "clear"}, "needs the method clear"),
        (Attributes(), {}, 'but Attributes() has no attribute params, but arrays: W, b: pass parameters={"W": "dW"}'),
        (Attributes(), {"parameters": {"V": "dV"}}, "needs the attribute V"),
        (Dense(), {"parameters": 3}, "needs parameters as the name of an attribute or a function"),
        (Dense(), {"gradients": 3}, "needs gradients as the name of an attribute or a function"),
        (Strings(), {}, "needs floating-point arrays as parameters, but params.0 is W"),
    ],
)
def test_misuse_is_refused(layer, options, message):
    with pytest.raises(OptionError, match=re.escape(message)):
        from_object(layer, **options)
