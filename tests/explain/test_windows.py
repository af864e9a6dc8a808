"""What a window sees, entry by entry: written out it comes to the number of the brick, and nothing else is in it."""

import ast
import re
from typing import Any

import numpy as np
import pytest

from explain.test_formulas import EPS, computed
from legonet import Array, AvgPool2d, Brick, Conv1d, Conv2d, ConvTranspose2d, GlobalAvgPool2d, MaxPool2d
from legonet.explain.bind import bind
from legonet.explain.evaluate import Calculator
from legonet.explain.language import Statement, call_of, read
from legonet.formulas import Formulas
from strategies import normal

IMAGES, SEQUENCES = normal(2, 4, 4, 5), normal(2, 7, 4)
TIES = np.random.default_rng(0).integers(0, 2, (2, 2, 5, 4)).astype(float)
"""Images in which most patches have several largest pixels."""

WINDOWS: dict[str, tuple[Brick[Any], Array]] = {
    "conv": (Conv2d(4, 2, 3, rng=0), IMAGES),
    "conv with padding": (Conv2d(4, 2, 3, padding=(1, 2), rng=0), IMAGES),
    "conv with a stride": (Conv2d(4, 2, (3, 2), stride=(2, 3), bias=False, rng=0), IMAGES),
    "conv with dilation": (Conv2d(4, 2, 2, dilation=(2, 3), rng=0), IMAGES),
    "conv with all of them": (Conv2d(4, 6, 3, stride=2, padding=2, dilation=2, groups=2, rng=0), IMAGES),
    "conv of one output a group": (Conv2d(4, 2, 2, groups=2, rng=0), IMAGES),
    "conv of one input a group": (Conv2d(4, 8, 2, groups=4, rng=0), IMAGES),
    "depthwise": (Conv2d(4, 4, 3, groups=4, padding=1, rng=0), IMAGES),
    "conv of sequences": (Conv1d(4, 2, 3, stride=2, padding=1, groups=2, rng=0), SEQUENCES),
    "depthwise of sequences": (Conv1d(4, 4, 3, dilation=2, groups=4, rng=0), SEQUENCES),
    "transpose": (ConvTranspose2d(4, 2, 2, rng=0), IMAGES),
    "transpose with all of it": (
        ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, dilation=2, groups=2, rng=0),
        IMAGES,
    ),
    "depthwise transpose": (ConvTranspose2d(4, 4, 3, stride=(3, 1), groups=4, rng=0), IMAGES),
    "max": (MaxPool2d(2), IMAGES),
    "max of ties": (MaxPool2d((2, 3)), TIES),
    "max of ties in tiles with padding": (MaxPool2d((2, 3), padding=1), TIES),
    "max of ties in patches that overlap": (MaxPool2d(3, stride=2, padding=1), TIES),
    "max of ties with gaps": (MaxPool2d((1, 2), stride=3), TIES),
    "max of single pixels": (MaxPool2d(1), TIES),
    "average": (AvgPool2d(2), IMAGES),
    "average of patches that overlap": (AvgPool2d((3, 2), stride=(1, 3), padding=1), IMAGES),
    "average in tiles with padding": (AvgPool2d(3, padding=1), IMAGES),
    "average of single pixels": (AvgPool2d(1), IMAGES),
    "average of all": (GlobalAvgPool2d(), IMAGES),
}


def known(window: str) -> tuple[Calculator, list[Statement], dict[str, Any]]:
    """Return the formulas of a window, what computes them, and the numbers of the brick."""
    brick, x = WINDOWS[window]
    bound, operands, results = computed(brick, (x,), seed=2)
    calculator, statements = Calculator(operands), bound.forward + bound.backward
    calculator.run(statements, {name: np.shape(result) for name, result in results.items()})
    return calculator, statements, {**calculator.operands, **results}


def entries_of(value: Array, count: int) -> list[tuple[int, ...]]:
    """Return some places of an array, not more than a number of them."""
    places = [*np.ndindex(np.shape(value))]
    return [places[number] for number in np.random.default_rng(0).permutation(len(places))[:count]]


def by_hand(node: ast.expr, operands: dict[str, Any]) -> float:
    """Compute what is written out, by Python itself."""
    functions = {
        "rest": lambda count, value: value,
        "max": lambda *args: max(arg for arg in args if arg is not ...),
        "argmax": lambda *args: args.index(max(args)),
    }
    code = compile(ast.fix_missing_locations(ast.Expression(node)), "entry", "eval")
    return float(eval(code, functions | operands))  # noqa: S307


def terms_of(node: ast.expr) -> list[ast.expr]:
    """Return the terms of a sum, a mean or a maximum."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        node = node.left
    if isinstance(node, ast.Call) and call_of(node) == "max":
        return [arg for arg in node.args if not isinstance(arg, ast.Constant) or arg.value is not ...]
    terms: list[ast.expr] = []
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        terms.insert(0, node.right)
        node = node.left
    return [node, *terms]


@pytest.mark.parametrize("most", [4, 1000])
@pytest.mark.parametrize("window", WINDOWS)
def test_every_entry_written_out_comes_to_the_number_of_the_brick(window: str, most: int) -> None:
    calculator, statements, numbers = known(window)
    for statement in statements:
        value = numbers[statement.target]
        errors = np.broadcast_to(calculator.errors[statement.target], value.shape)
        for entry in entries_of(value, 100):
            apart = calculator.take_apart(statement, entry, value.shape, most)
            assert abs(by_hand(apart, numbers) - value[entry]) <= 8 * EPS * errors[entry], (str(statement), entry)


@pytest.mark.parametrize("window", WINDOWS)
def test_what_is_not_shown_is_counted_and_added_up(window: str) -> None:
    calculator, statements, numbers = known(window)
    for statement in statements:
        if call_of(statement.formula) in ("max", "argmax"):
            continue
        for entry in entries_of(numbers[statement.target], 30):
            shape = numbers[statement.target].shape
            every = terms_of(calculator.take_apart(statement, entry, shape, 1000))
            some = terms_of(calculator.take_apart(statement, entry, shape, 4))
            shown = [*map(ast.unparse, some)]
            rests = [term for term in some if call_of(term) == "rest"]
            hidden = [term for term in every if ast.unparse(term) not in shown]
            assert len(rests) == bool(hidden)
            assert len(some) - len(rests) + len(hidden) == len(every)
            for rest in rests:
                count, value = map(ast.literal_eval, rest.args)  # type: ignore[attr-defined]
                alone = [by_hand(term, numbers) for term in hidden]
                assert count == len(hidden) > 1
                assert abs(value - sum(alone)) <= 100 * EPS * sum(map(abs, alone))


@pytest.mark.parametrize("window", WINDOWS)
def test_nothing_that_is_outside_is_written_down(window: str) -> None:
    calculator, statements, numbers = known(window)
    for statement in statements:
        if call_of(statement.formula) == "argmax":
            continue  # where the cells are counted through
        for entry in entries_of(numbers[statement.target], 30):
            terms = terms_of(calculator.take_apart(statement, entry, numbers[statement.target].shape))
            assert len(terms) == 1 or not any(isinstance(term, ast.Constant) for term in terms)


HAND = {
    "the corner of a padded image": (
        Conv2d(1, 1, 3, padding=1, rng=0),
        "z",
        (0, 0, 0, 0),
        "x[0, 0, 0, 0] * W[0, 1, 1, 0] + x[0, 0, 0, 1] * W[0, 1, 2, 0] + x[0, 0, 1, 0] * W[0, 2, 1, 0]"
        " + x[0, 0, 1, 1] * W[0, 2, 2, 0] + b[0]",
    ),
    "a pixel that one place sees": (
        Conv2d(1, 1, 2, stride=2, rng=0),
        "dx",
        (0, 0, 3, 2),
        "dz[0, 0, 1, 1] * W[0, 1, 0, 0]",
    ),
    "a pixel that no place sees": (Conv2d(1, 1, 1, stride=2, rng=0), "dx", (0, 0, 1, 0), "0"),
    "a cell that only the last places have in the image": (
        Conv2d(1, 1, (1, 4), padding=(0, 3), rng=0),
        "dW",
        (0, 0, 0, 0),
        "x[0, 0, 0, 0] * dz[0, 0, 0, 3] + x[0, 0, 0, 1] * dz[0, 0, 0, 4] + x[0, 0, 0, 2] * dz[0, 0, 0, 5]",
    ),
    "the second group": (
        Conv2d(4, 2, 1, groups=2, rng=0),
        "z",
        (0, 1, 0, 0),
        "x[0, 2, 0, 0] * W[0, 0, 0, 1] + x[0, 3, 0, 0] * W[1, 0, 0, 1] + b[1]",
    ),
    "the end that a stride paints alone": (
        ConvTranspose2d(1, 1, 1, stride=2, output_padding=1, rng=0),
        "z",
        (0, 0, 1, 1),
        "b[0]",
    ),
    "the largest at the edge": (MaxPool2d(2, padding=1), "y", (0, 0, 0, 1), "max(x[0, 0, 0, 1], x[0, 0, 0, 2])"),
    "the pixel that is asked whether it is the largest": (
        MaxPool2d(2),
        "dx",
        (0, 0, 1, 2),
        "dy[0, 0, 0, 1] * (k[0, 0, 0, 1] == 2)",
    ),
    "the mean at the edge": (AvgPool2d(2, padding=1), "y", (0, 0, 0, 0), "x[0, 0, 0, 0] / 4"),
    "a pixel beyond the last tile": (AvgPool2d(2), "dx", (0, 0, 0, 4), "0"),
}


@pytest.mark.parametrize("what", HAND)
def test_an_entry_reads_as_if_written_by_hand(what: str) -> None:
    brick, target, entry, written = HAND[what]
    channels = getattr(brick, "inputs", 1)
    x = normal(1, channels, 1 if "last places" in what else 4, 3 if "last places" in what else 5)
    bound, operands, results = computed(brick, (x,), seed=2)
    calculator, statements = Calculator(operands), bound.forward + bound.backward
    shapes = {name: np.shape(result) for name, result in results.items()}
    calculator.run(statements, shapes)
    (statement,) = [statement for statement in statements if statement.target == target]
    assert ast.unparse(calculator.take_apart(statement, entry, shapes[target])) == written


def test_of_equal_pixels_the_first_one_has_the_gradient() -> None:
    pool = MaxPool2d(2)
    bound, operands, results = computed(pool, (np.zeros((1, 1, 2, 2)),), seed=2)
    calculator = Calculator(operands)
    calculator.run(bound.forward + bound.backward, {name: np.shape(result) for name, result in results.items()})
    assert calculator.operands["k"].tolist() == [[[[0.0]]]]
    assert calculator.operands["dx"].ravel().tolist() == [float(operands["dy"][0, 0, 0, 0]), 0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    "x", [np.full((1, 1, 4, 5), -np.inf), np.where(TIES > 0, np.nan, TIES), np.where(TIES > 0, -np.inf, np.nan)]
)
@pytest.mark.parametrize("window", [window for window in WINDOWS if window.startswith("max")])
def test_the_gradient_goes_where_the_brick_has_it_also_in_what_is_not_finite(window: str, x: Array) -> None:
    brick, _ = WINDOWS[window]
    bound, operands, results = computed(brick, (x,), seed=2)
    calculator = Calculator(operands | {"y": results["y"]})
    calculator.run(bound.backward, {name: np.shape(result) for name, result in results.items()})
    np.testing.assert_allclose(calculator.operands["dx"], results["dx"], rtol=1e-14, atol=0)


def stated(brick: Brick[Any]) -> Formulas:
    bound = bind(brick, (IMAGES,), brick(IMAGES))
    assert bound is not None
    return Formulas([*map(str, bound.forward)], [*map(str, bound.backward)])


def test_a_plain_convolution_reads_as_in_the_textbook() -> None:
    assert stated(Conv2d(4, 2, 3)) == Formulas(
        ["z[n, o, i, j] = sum(x[n, c, i + u, j + v] * W[c, u, v, o], c, u, v) + b[o]"],
        [
            "dW[c, u, v, o] = sum(x[n, c, i + u, j + v] * dz[n, o, i, j], n, i, j)",
            "db[o] = sum(dz[n, o, i, j], n, i, j)",
            "dx[n, c, h, w] = sum(dz[n, o, h - u, w - v] * W[c, u, v, o], o, u, v)",
        ],
    )
    assert stated(Conv2d(4, 4, 3, groups=4, bias=False)) == Formulas(
        ["z[n, o, i, j] = sum(x[n, o, i + u, j + v] * W[0, u, v, o], u, v)"],
        [
            "dW[c, u, v, o] = sum(x[n, o, i + u, j + v] * dz[n, o, i, j], n, i, j)",
            "dx[n, c, h, w] = sum(dz[n, c, h - u, w - v] * W[0, u, v, c], u, v)",
        ],
    )


@pytest.mark.parametrize("window", WINDOWS)
def test_no_factor_of_one_and_no_zero_to_add_is_in_a_formula(window: str) -> None:
    brick, x = WINDOWS[window]
    bound = bind(brick, (x,), brick(x))
    assert bound is not None
    for statement in bound.forward + bound.backward:
        needless = re.search(r"\b1 \*|\* 1\b|[/%] 1\b|[+-] 0\b|\b0 [+*]", str(statement))
        assert not needless, str(statement)


def test_a_sum_of_nothing_but_zeros_from_the_data_is_written_out() -> None:
    known = {"x": np.zeros((1, 9)), "W": np.zeros((9, 1))}
    apart = Calculator(known).take_apart(read("y[n, k] = sum(x[n, i] * W[i, k], i)"), (0, 0), (1, 1), most=4)
    assert ast.unparse(apart) == "x[0, 0] * W[0, 0] + x[0, 1] * W[1, 0] + rest(6, 0.0) + x[0, 8] * W[8, 0]"


def test_a_long_mean_says_what_the_rest_comes_to_and_a_long_maximum_has_the_largest() -> None:
    calculator = Calculator({"x": np.array([[3.0, 1.0, 2.0, 4.0, 9.0, 0.0, 5.0, 6.0]])})
    written = {
        name: ast.unparse(calculator.take_apart(read(f"y[n] = {name}(x[n, i], i)"), (0,), (1,), most=3))
        for name in ("mean", "max", "min")
    }
    assert written == {
        "mean": "(x[0, 0] + rest(6, 21.0) + x[0, 7]) / 8",
        "max": "max(x[0, 0], x[0, 1], x[0, 4], ...)",
        "min": "min(x[0, 0], x[0, 1], x[0, 5], ...)",
    }


def test_the_cost_is_known_before() -> None:
    conv = Conv2d(4, 2, 3, rng=0)
    y, cache = conv.forward(IMAGES)
    bound = bind(conv, (IMAGES,), y, cache=cache)
    assert bound is not None
    assert Calculator(bound.values).cost(bound.forward[0], y.shape) == y.size * 4 * 3 * 3
