"""Bricks without formulas are explained from their own source, if it says nothing but formulas."""

import doctest
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import legonet
from explain.test_formulas import allowed, run_by_calculator, unlike
from gallery import forms_layers
from gallery.collection import all_cases
from legonet import Brick, Linear, MSELoss, Parameter, ReLU, Sequential
from legonet.arrays import check_array, quiet
from legonet.explain.bind import bind
from legonet.explain.explain import explain
from legonet.explain.source import formulas_from_source
from legonet.formulas import Formulas
from legonet.interop import from_functions
from legonet.testing.recipe import Recipe
from strategies import cases_of, every_brick, like, normal, parts, same_draws

X = normal(4, 3)
RIGHT, WRONG = all_cases()[1], all_cases()[0]
SCALE = 0.5


def stated(brick: Brick[Any], *inputs: Any) -> tuple[list[str], list[str]]:
    found = formulas_from_source(brick, inputs)
    assert found is not None
    return [*found.forward], [*found.backward]


def assert_true(brick: Brick[Any], inputs: tuple[Any, ...], found: Formulas) -> None:
    """Compare what formulas give with what their brick computes."""
    with same_draws(brick), np.errstate(all="ignore"):
        y, cache = brick.forward(*inputs)
        dy = like(y, 5)
        for parameter in brick.parameters():
            parameter.zero_grad()
        dx = brick.backward(dy, cache)
    bound = bind(brick, inputs, y, stated=found, cache=cache)
    assert bound is not None
    upstream = dy if isinstance(dy, tuple) else [dy]
    operands = bound.values | {f"d{name}": one for name, one in zip(bound.outputs, upstream, strict=True)}
    results = dict(zip(bound.outputs, y if isinstance(y, tuple) else [y], strict=True))
    floats = [name for name, x in zip(bound.inputs, inputs, strict=True) if x.dtype.kind == "f"]
    results |= {f"d{name}": one for name, one in zip(floats, parts(dx), strict=False)}
    results |= {f"d{name}": parameter.grad.copy() for name, parameter in bound.parameters.items()}
    stated = {statement.target for statement in bound.forward + bound.backward}
    forgotten = {name for name in results.keys() - stated if not np.any(results[name])}  # a gradient that is left out
    with np.errstate(all="ignore"):
        calculator = run_by_calculator(bound, operands, results)
    for name in results.keys() - forgotten:
        if np.all(np.isfinite(calculator.errors[name])):
            limit = allowed(calculator, name, results[name]) * np.finfo(np.asarray(results[name]).dtype).eps / 2.0**-52
            assert not unlike(calculator.operands[name], results[name], limit), (type(brick), name, found)


class Softsign(Brick):
    def forward(self, x):
        return x / (1 + np.abs(x)), x

    def backward(self, dy, x):
        return dy / (1 + np.abs(x))


def test_a_wrong_brick_is_read_as_the_wrong_formula_it_states():
    found = formulas_from_source(Softsign(), [X])
    assert found == Formulas(["y = x / (1 + abs(x))"], ["dx = dy / (1 + abs(x))"])
    assert_true(Softsign(), (X,), found)


def test_an_explanation_shows_what_the_source_says():
    net = Sequential(Linear(3, 2, rng=0), Softsign())
    step = explain(net, MSELoss(), X, normal(4, 2)).steps[0]
    own = {str(term.formula.statement) for term in step.terms if "Softsign" in term.brick and term.formula}
    assert own == {"y = x / (1 + abs(x))", "dx = dy / (1 + abs(x))"}
    assert all(term.agrees is not False for term in step.terms)


class OwnLinear(Brick):
    """With all that a cautious user writes."""

    def __init__(self):
        self.weight, self.bias = Parameter(normal(3, 2)), Parameter(normal(2))

    @quiet
    def forward(self, x):
        """Return x W + b."""
        W, b = self.weight.value, self.bias.value
        check_array(self, "x", x, ("batch", len(W)), W.dtype)
        z = x.dot(W)
        z += b
        return z, {"x": x}

    def backward(self, dz, cache):
        x = cache["x"]
        dW = np.dot(x.T, dz)
        self.weight.grad += dW
        self.bias.grad[...] += np.sum(dz, axis=0)
        return np.matmul(dz, self.weight.value.T)


def test_a_linear_brick_is_read_in_the_letters_of_textbooks():
    forward, backward = stated(OwnLinear(), X)
    assert forward == ["z = x @ W + b"]
    assert backward == ["dW = x.T @ dz", "db = sum(dz, rows)", "dx = dz @ W.T"]


class OwnLayerNorm(Brick):
    def __init__(self):
        self.gain, self.shift, self.eps = Parameter(normal(3)), Parameter(normal(3, seed=1)), 1e-3

    def forward(self, x):
        mean = x.mean(axis=-1, keepdims=True)
        std = np.sqrt(x.var(axis=-1, keepdims=True) + self.eps)
        x_hat = (x - mean) / std
        return self.gain.value * x_hat + self.shift.value, (x_hat, std)

    def backward(self, dy, cache):
        x_hat, std = cache
        self.gain.grad += (dy * x_hat).sum(axis=0)
        self.shift.grad += dy.sum(axis=0)
        dx_hat = dy * self.gain.value
        dx = dx_hat - dx_hat.mean(axis=-1, keepdims=True)
        dx = dx - x_hat * (dx_hat * x_hat).mean(axis=-1, keepdims=True)
        return dx / std


def test_a_layer_norm_is_read_with_its_steps_on_the_way():
    found = formulas_from_source(OwnLayerNorm(), [X])
    assert found is not None
    assert found.forward == [
        "mean = mean(x, columns)",
        "std = sqrt(mean((x - mean) ** 2, columns) + eps)",
        "x_hat = (x - mean) / std",
        "y = g * x_hat + shift",
    ]
    assert found.backward[-1].startswith("dx = ")
    assert found.names == {"g": "gain", "shift": "shift", "eps": "eps"}
    assert_true(OwnLayerNorm(), (X,), found)


@pytest.mark.parametrize("brick", [OwnLinear(), OwnLayerNorm(), forms_layers.BatchNorm(3, np.random.default_rng(0))])
def test_what_is_read_is_what_is_computed(brick):
    found = formulas_from_source(brick, [X])
    assert found is not None
    assert_true(brick, (X,), found)


class NamedAfterFunctions(Brick):
    def forward(self, x):
        mean = x.mean(axis=0)
        return x - mean, None

    def backward(self, dy, cache):
        sum = dy - dy.sum(axis=0) / len(dy)  # noqa: A001
        return sum  # noqa: RET504


def test_a_name_may_be_that_of_a_function():
    found = formulas_from_source(NamedAfterFunctions(), [X])
    assert found == Formulas(["mean = mean(x, rows)", "y = x - mean"], ["dx = dy - sum(dy, rows) / N"], {"N": 4})
    assert_true(NamedAfterFunctions(), (X,), found)


class OwnLoss(Brick):
    def forward(self, y, target):
        error = y - target
        return float(np.sum(error**2)) / (2 * max(len(error), 1)), error

    def backward(self, dloss, error):
        return dloss * error / (len(error) or 1)


def test_a_loss_is_called_l_and_the_number_of_rows_n():
    assert stated(OwnLoss(), X, X + 1) == (
        ["error = y - target", "L = sum(error ** 2) / (2 * N)"],
        ["dy = dL * error / N"],
    )


class Larger(Brick):
    low = -0.5
    high = 0.5

    def forward(self, a, b):
        return np.maximum(a, b) * np.clip(a, self.low, self.high), (a, b)

    def backward(self, dy, cache):
        a, b = cache
        clipped = np.minimum(self.high, np.maximum(a + 0, self.low))
        inside = (a > self.low) & (a < self.high)
        return dy * ((a >= b) * clipped + np.maximum(a, b) * inside), dy * (b > a) * clipped


def test_the_larger_of_two_names_is_no_maximum_over_an_index():
    found = formulas_from_source(Larger(), [X, normal(4, 3, seed=1)])
    assert found is not None
    assert_true(Larger(), (X, normal(4, 3, seed=1)), found)


class Reassigning(Brick):
    def forward(self, x):
        y = x
        x = np.exp(x)
        x = x * SCALE
        return x * math.pi + y, (x, y)

    def backward(self, dy, y):
        x, y = y
        dy = dy * x * math.pi
        dy -= np.zeros_like(x)
        return dy + 0 * y


def test_a_name_that_is_assigned_twice_is_two_names():
    found = formulas_from_source(Reassigning(), [X])
    assert found is not None
    assert found.forward == ["x_2 = exp(x)", "x_3 = x_2 * SCALE", "y = x_3 * π + x"]
    assert found.backward == ["dy_2 = dy * x_3 * π - 0", "dx = dy_2 + 0 * x"]
    assert found.names == {"SCALE": 0.5, "π": math.pi}


class ReassigningRight(Reassigning):
    def backward(self, dy, cache):
        x, _ = cache
        return dy * (x * math.pi + 1)


def test_numbers_of_the_module_are_read():
    found = formulas_from_source(ReassigningRight(), [X])
    assert found is not None
    assert SCALE in found.names.values()
    assert_true(ReassigningRight(), (X,), found)


class TwoOutputs(Brick):
    def forward(self, a, b):
        total = a + b
        return (total, total * b), (a, b)

    def backward(self, dy, cache):
        first, second = dy
        a, b = cache
        return first + second * b, first + second * (a + 2 * b)


def test_several_outputs_and_inputs_are_read_each_in_turn():
    found = formulas_from_source(TwoOutputs(), [X, X + 1])
    assert found is not None
    assert found.forward == ["total = a + b", "y2 = total * b"]
    assert_true(TwoOutputs(), (X, X + 1), found)


class Flat(Brick):
    def forward(self, x):
        return x.reshape(len(x), -1), x.shape

    def backward(self, dy, shape):
        return dy.reshape(shape)


def test_a_reshape_is_read_where_it_is_the_result():
    found = formulas_from_source(Flat(), [normal(2, 3, 4)])
    assert found == Formulas(["y = reshape(x)"], ["dx = reshape(dy)"])


# What is more than formulas


class Branching(Softsign):
    def forward(self, x):
        if x.ndim > 2:
            return x, x
        return x / (1 + np.abs(x)), x


class Looping(Softsign):
    def backward(self, dy, x):
        for _ in range(2):
            dy = dy / (1 + np.abs(x))
        return dy


class Remembering(Softsign):
    def forward(self, x):
        self.x = x
        return x / (1 + np.abs(x)), x


class WritesIntoItsInput(Softsign):
    def forward(self, x):
        y = x
        y += 1.0
        return y, x


class WritesIntoTheCache(Softsign):
    def forward(self, x):
        y = np.exp(x)
        cache = (y, x)
        y += 1.0
        return y, cache

    def backward(self, dy, cache):
        return dy * cache[0]


class WritesUnderAView(Softsign):
    def forward(self, x):
        y = np.exp(x)
        turned = y.T
        y += 1.0
        return y + turned.T, x


class Reshaping(Softsign):
    def forward(self, x):
        y = x.reshape(x.shape[1], x.shape[0])
        return (y * 2).T, x


class Indexing(Softsign):
    def forward(self, x):
        return x[:, ::-1].copy(), x


class Overwriting(OwnLinear):
    def backward(self, dz, cache):
        self.weight.grad = cache["x"].T @ dz
        return dz @ self.weight.value.T


class Drawing(Softsign):
    def forward(self, x):
        return x * np.random.default_rng(0).random(), x


class Doubling(Softsign):
    def double(self, x):
        return 2 * x

    def forward(self, x):
        return self.double(x), x


class NoRows(Brick):
    def forward(self, x):
        return x.sum(axis=1) * x.sum(axis=0), x

    def backward(self, dy, x):
        return dy


def shouting(function):
    def shout(self, x):
        y, cache = function(self, x)
        return y * 10, cache

    return shout


class Decorated(Softsign):
    @shouting
    def forward(self, x):
        return x / (1 + np.abs(x)), x


class Lambda(Brick):
    forward = lambda self, x: (2 * x, None)  # noqa: E731
    backward = lambda self, dy, cache: 2 * dy  # noqa: E731


MORE = [
    *(
        Branching,
        Looping,
        Remembering,
        WritesIntoItsInput,
        WritesIntoTheCache,
        WritesUnderAView,
        Reshaping,
        Indexing,
        Overwriting,
    ),
    *(Drawing, Doubling, Decorated, Lambda),
]


@pytest.mark.parametrize("kind", MORE, ids=lambda kind: kind.__name__)
def test_what_says_more_than_formulas_is_not_read(kind):
    assert formulas_from_source(kind(), [X]) is None


def test_sums_that_would_be_broadcast_otherwise_are_not_read():
    assert formulas_from_source(NoRows(), [normal(3, 3)]) is None


def test_containers_and_a_class_without_source_are_not_read():
    known: dict[str, Any] = {"Brick": Brick}
    lines = "class Typed(Brick):\n    def forward(self, x): return x, None\n    def backward(self, dy, c): return dy"
    exec(lines, known)  # noqa: S102
    assert formulas_from_source(known["Typed"](), [X]) is None
    assert formulas_from_source(Sequential(Linear(3, 2), ReLU()), [X]) is None


def test_inputs_that_do_not_fit_are_no_error():
    assert formulas_from_source(Softsign(), []) is None
    assert formulas_from_source(OwnLinear(), [normal(4, 5)]) is None
    assert formulas_from_source(Softsign(), [None]) is None
    assert formulas_from_source(Softsign(), [np.array(["text"])]) is None


def test_reading_changes_nothing():
    brick, x = OwnLinear(), X.copy()
    brick.weight.grad += 3.0
    formulas_from_source(brick, [x])
    assert np.all(brick.weight.grad == 3.0)
    assert np.array_equal(x, X)


# Pairs of functions


def affine(x, W, b):
    return x @ W + b, (x, W)


def affine_backward(dy, cache):
    x, W = cache
    return dy @ W.T, {"W": x.T @ dy, "b": dy.sum(axis=0)}


def bell(x):
    return np.exp(-(x**2))


def bell_backward(dy, x):
    return dy * -2 * x * np.exp(-(x**2))


@pytest.mark.parametrize(
    "brick",
    [
        from_functions(affine, affine_backward, parameters={"W": normal(3, 2), "b": normal(2)}),
        from_functions(bell, bell_backward),
    ],
    ids=repr,
)
def test_a_pair_of_functions_is_read(brick):
    found = formulas_from_source(brick, [X])
    assert found is not None
    assert_true(brick, (X,), found)


def test_functions_of_numpy_and_lambdas_are_not_read():
    tanh = from_functions(np.tanh, lambda dy, x: dy * (1 - np.tanh(x) ** 2))
    assert formulas_from_source(tanh, [X]) is None


# Bricks of the pages, of the gallery and of the library


def read_on_page(name: str, build: dict[str, str]) -> dict[str, Formulas | None]:
    """Read bricks as a page defines them, at its end, while their source is known to Python."""
    path = Path(legonet.__file__).parents[1] / name
    test = doctest.DocTestParser().get_doctest(path.read_text(encoding="utf-8"), {}, name, str(path), 0)
    found: dict[str, Formulas | None] = {}
    test.globs["_note"] = lambda key, brick, *inputs: found.update({key: formulas_from_source(brick, inputs)})
    for key, code in build.items():
        test.examples.append(doctest.Example(f"_note({key!r}, {code})\n", ""))
    doctest.DocTestRunner(verbose=False, optionflags=doctest.NORMALIZE_WHITESPACE).run(test, clear_globs=False)
    return found


def test_the_bricks_of_the_readme_are_read():
    found = read_on_page("README.md", {"wrong": "Softsign(), x", "right": "RightSoftsign(), x"})
    assert found == {
        "wrong": Formulas(["y = x / (1 + abs(x))"], ["dx = dy / (1 + abs(x))"]),
        "right": Formulas(["y = x / (1 + abs(x))"], ["dx = dy / (1 + abs(x)) ** 2"]),
    }


def test_the_bricks_of_the_page_on_writing_them_are_read():
    build = {
        "Scale": "Scale(3), x",
        "AddingScale": "AddingScale(3), x",
        "SummingScale": "SummingScale(3), x",
        "Forgetful": "Forgetful(3), x",
        "CarefulScale": "CarefulScale(3), x",
        "LogCoshLoss": "LogCoshLoss(), y, target",
        "CauchyRegularizer": "CauchyRegularizer([weight], strength=0.1)",
        "Shortcut": "Shortcut(Linear(3, 3)), x",
    }
    found = read_on_page("docs/write-a-brick.md", build)
    names = {"scale": "scale"}
    assert found.pop("Scale") is None  # it overwrites the gradient
    assert found.pop("CauchyRegularizer") is None  # it has a loop
    assert found.pop("Shortcut") is None  # it holds a brick
    forward = ["y = x * scale"]
    assert found == {
        "AddingScale": Formulas(forward, ["dscale = mean(dy * x, rows)", "dx = dy * scale"], names),
        "SummingScale": Formulas(forward, ["dscale = sum(dy * x, rows)", "dx = dy * scale"], names),
        "Forgetful": Formulas(forward, ["dscale = sum(dy * x, rows)", "dx = dy"], names),
        "CarefulScale": Formulas(forward, ["dscale = sum(dy * x, rows)", "dx = dy * scale"], names),
        "LogCoshLoss": Formulas(
            [
                "error = y - target",
                "size = abs(error)",
                "total = sum(size + log1p(exp(-2 * size)) - log(2))",
                "L = total / N",
            ],
            ["dy = dL * tanh(error) / N"],
            {"N": 4},
        ),
    }


@pytest.mark.parametrize(("cases", "least"), [(RIGHT, 24), (WRONG, 75)], ids=["right", "wrong"])
def test_what_is_read_of_the_gallery_is_what_it_computes(cases, least):
    read = 0
    for case in cases:
        recipe = Recipe(case.build, case.inputs, case.sizes, case.options, case.call_differs)
        points = [point for point in recipe.points(0, 4) if all(x.size for x in point.inputs)]
        found = [formulas_from_source(point.brick, point.inputs) for point in points]
        for point, formulas in zip(points, found, strict=True):
            if formulas is not None:
                assert_true(point.brick, point.inputs, formulas)
        read += any(found)
    assert read >= least


@every_brick()
@given(data=st.data())
def test_what_is_read_of_the_library_is_what_it_computes(kind, data):
    brick, inputs = data.draw(cases_of(kind))
    found = formulas_from_source(brick, inputs)
    if found is not None:
        assert_true(brick, inputs, found)


def test_some_bricks_of_the_library_can_be_read():
    assert formulas_from_source(legonet.Sigmoid(), [X]) == Formulas(["y = sigmoid(x)"], ["dx = dy * y * (1.0 - y)"])
    assert formulas_from_source(MSELoss(), [X, X + 1]) is not None
