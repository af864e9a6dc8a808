"""What every brick promises. A new public brick has ``cases`` in its own test file and no test here."""

import copy
import inspect
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import legonet
from legonet import (
    LSTM,
    Brick,
    Conv1d,
    Graph,
    LayerNorm,
    Linear,
    MultiHeadAttention,
    Multiply,
    Parameter,
    SinusoidalPositions,
    Softmax,
    Tanh,
    TransformerBlock,
)
from legonet.testing import check_brick
from strategies import (
    assert_close,
    both_passes,
    call_differs,
    cases_of,
    differentiated,
    every_brick,
    fingerprint,
    float_dtypes,
    freeze,
    gradients,
    like,
    mixes_rows,
    normal,
    other_numbers,
    parts,
    public_bricks,
    seeds,
)


def name(kind):
    return kind.__name__


def all_but_numbers(value):
    """Note down what a brick is made of: options, bricks inside, and the shape and dtype of its arrays."""
    if isinstance(value, Brick):
        return type(value), all_but_numbers(vars(value))
    if isinstance(value, Parameter):
        return all_but_numbers(value.value)
    if isinstance(value, np.ndarray):
        return value.shape, value.dtype
    if isinstance(value, dict):
        return {name: all_but_numbers(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [all_but_numbers(part) for part in value]
    return type(value) if isinstance(value, np.random.Generator) else value


every_brick = every_brick()
any_case = st.data()


@every_brick
@given(data=any_case, seed=seeds)
def test_its_gradients_are_the_derivatives(kind, data, seed):
    brick, inputs = data.draw(cases_of(kind))
    check_brick(brick, *inputs, rng=seed, call_differs=call_differs(kind))


@every_brick
@given(data=any_case, dtype=float_dtypes | st.just(np.longdouble))
def test_what_goes_in_as_a_dtype_comes_out_as_it(kind, data, dtype):
    brick, inputs = data.draw(cases_of(kind, dtype))
    for array in both_passes(brick, inputs):
        assert type(array) is float or array.dtype == dtype
    assert {parameter.value.dtype for parameter in brick.parameters()} <= {np.dtype(dtype)}


@every_brick
@given(data=any_case)
def test_gradients_have_the_shapes_of_what_they_are_by(kind, data):
    brick, inputs = data.draw(cases_of(kind))
    y, cache = brick.forward(*inputs)
    found = [*parts(brick.backward(like(y), cache)), *gradients(brick)]
    wanted = [*differentiated(inputs, y), *(parameter.value for parameter in brick.parameters())]
    assert [array.shape for array in found] == [array.shape for array in wanted]


@every_brick
@given(data=any_case)
def test_it_writes_into_nothing_that_it_was_handed_or_has_handed_out(kind, data):
    brick, inputs = data.draw(cases_of(kind))
    values = [parameter.value for parameter in brick.parameters()]
    y, cache = brick.forward(*inputs)
    dy = like(y)
    before = fingerprint(*inputs, *values, dy, y, cache)
    freeze(*inputs, *values, dy, y, cache)
    brick.backward(dy, cache)
    brick.backward_parameters(dy, cache)
    brick(*inputs)
    assert fingerprint(*inputs, *values, dy, y, cache) == before


@pytest.mark.parametrize("kind", [kind for kind in public_bricks() if not call_differs(kind)], ids=name)
@given(data=any_case)
def test_called_it_gives_the_output_of_forward(kind, data):
    brick, inputs = data.draw(cases_of(kind))
    assert_close(parts(brick(*inputs)), parts(brick.forward(*inputs)[0]), 0)


@every_brick
@given(data=any_case)
def test_backward_parameters_adds_what_backward_adds(kind, data):
    brick, inputs = data.draw(cases_of(kind))
    y, cache = brick.forward(*inputs)
    brick.backward(like(y), cache)
    wanted = gradients(brick)
    assert brick.backward_parameters(like(y), cache) is None
    assert_close(gradients(brick), wanted, 0)


@every_brick
@given(data=any_case, seed=seeds)
def test_backward_is_linear_in_the_upstream_gradient(kind, data, seed):
    brick, inputs = data.draw(cases_of(kind))
    y, cache = brick.forward(*inputs)
    one, other = parts(like(y, seed)), parts(like(y, seed + 100))

    def backward(dy):
        dx = brick.backward(tuple(dy) if isinstance(y, tuple) else dy[0], cache)
        return [*parts(dx), *gradients(brick)]

    sums = [2 * a - 3 * b for a, b in zip(backward(one), backward(other), strict=True)]
    assert_close(backward([2 * a - 3 * b for a, b in zip(one, other, strict=True)]), sums, 1e-10)


@every_brick
@given(data=any_case)
def test_two_backward_passes_add_up(kind, data):
    brick, inputs = data.draw(cases_of(kind))
    y, cache = brick.forward(*inputs)
    brick.backward(like(y), cache)
    wanted = [2 * gradient for gradient in gradients(brick)]
    brick.backward(like(y), cache)
    brick.backward(like(y), cache)
    assert_close(gradients(brick), wanted)


@every_brick
@given(data=any_case)
def test_it_remembers_nothing_of_a_pass(kind, data):
    brick, inputs = data.draw(cases_of(kind))
    state = {name: id(value) for name, value in vars(brick).items()}
    wanted = both_passes(brick, inputs)
    y, cache = brick.forward(*inputs)
    brick.forward(*other_numbers(inputs))
    brick(*other_numbers(inputs))
    dx = brick.backward(like(y), cache)
    assert_close([*parts(y), *parts(dx), *gradients(brick)], wanted, 0)
    assert {name: id(value) for name, value in vars(brick).items()} == state


@every_brick
@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda brick: pickle.loads(pickle.dumps(brick))])  # noqa: S301
@given(data=any_case)
def test_a_copy_does_the_same_and_shares_nothing(duplicate, kind, data):
    brick, inputs = data.draw(cases_of(kind))
    other = duplicate(brick)
    assert repr(other) == repr(brick)
    assert_close(both_passes(other, inputs), both_passes(brick, inputs), 0)
    for mine, its in zip(brick.parameters(), other.parameters(), strict=True):
        assert not np.shares_memory(mine.value, its.value)
        assert not np.shares_memory(mine.grad, its.grad)


@every_brick
@given(data=any_case, seed=seeds)
def test_rows_do_not_know_of_each_other(kind, data, seed):
    brick, inputs = data.draw(cases_of(kind))
    y = parts(brick(*inputs))
    order = np.random.default_rng(seed).permutation(len(inputs[0]) if inputs else 0)
    shuffled = parts(brick(*(array[order] for array in inputs)))
    assert_close(shuffled, [part[order] if isinstance(part, np.ndarray) else part for part in y])
    for row in order:
        alone = parts(brick(*(array[row : row + 1] for array in inputs)))
        arrays = [place for place, part in enumerate(y) if isinstance(part, np.ndarray)]
        assert_close([alone[place] for place in arrays], [y[place][row : row + 1] for place in arrays])


@pytest.mark.parametrize("kind", [kind for kind in public_bricks() if not mixes_rows(kind)], ids=name)
@given(data=any_case, bad=st.sampled_from([np.nan, np.inf]))
def test_what_is_not_finite_spoils_its_row_and_no_other(kind, data, bad):
    brick, inputs = data.draw(cases_of(kind))
    y = brick.forward(*inputs)[0]
    learned = differentiated(inputs, y)
    rows = len(inputs[0]) if learned else 0
    row = data.draw(st.integers(0, max(0, rows - 1)))

    def spoiled(array):
        array = array.copy()
        array[row : row + 1] = bad
        return array

    def other_rows(spoil):
        dy = parts(like(y))
        dy = [spoil(part) if isinstance(part, np.ndarray) else part for part in dy]
        given = [spoil(x) if any(x is each for each in learned) else x for x in inputs]
        found = both_passes(brick, given, tuple(dy) if isinstance(y, tuple) else dy[0])
        found = [array for array in found[: len(dy) + len(learned)] if np.ndim(array)]
        return [np.delete(array, row, axis=0) for array in found if rows]

    assert_close(other_rows(spoiled), other_rows(np.copy))


@every_brick
@given(data=any_case)
def test_no_rows_give_no_rows_no_gradient_and_the_loss_0(kind, data):
    brick, inputs = data.draw(cases_of(kind))
    for arrays in [inputs, [x[:0] for x in inputs]] if inputs else []:
        y, cache = brick.forward(*arrays)
        gradients(brick)
        dx = parts(brick.backward(like(y), cache))
        if isinstance(y, float) and not arrays[0].size:
            assert y == 0.0
        if not len(arrays[0]):
            assert not any(map(len, [part for part in [*parts(y), *dx] if np.ndim(part)]))
            assert [part.shape for part in dx] == [x.shape for x in differentiated(arrays, y)]
            assert not any(gradient.any() for gradient in gradients(brick))


@every_brick
@given(data=any_case)
def test_it_prints_on_one_line_as_the_code_that_makes_it(kind, data):
    brick, _ = data.draw(cases_of(kind))
    written = repr(brick)
    assert "\n" not in written
    assert written.startswith(f"{kind.__name__}(")
    if not inspect.signature(kind).parameters:
        assert written == f"{kind.__name__}()"
    if " parameter" not in written:  # those of a regularizer are only counted
        other = eval(written, {**vars(np), **vars(legonet)})  # noqa: S307 (its own words)
        assert repr(other) == written
        assert all_but_numbers(other) == all_but_numbers(brick)


THREADED = {
    "Linear": Linear(4, 3, rng=0),
    "Softmax": Softmax(),
    "LayerNorm": LayerNorm(4),
    "SinusoidalPositions": SinusoidalPositions(),
    "Conv1d": Conv1d(4, 3, 2, padding=1, rng=0),
    "LSTM": LSTM(4, 3, rng=0),
    "MultiHeadAttention": MultiHeadAttention(4, 2, causal=True, rng=0),
    "TransformerBlock": TransformerBlock(4, 2, 5, rng=0),
    "Graph": Graph(inputs=["x"], nodes={"h": (Tanh(), "x"), "y": (Multiply(), "h", "x")}, outputs=["y"]),
}


@pytest.mark.parametrize("brick", THREADED.values(), ids=THREADED)
def test_four_threads_get_what_one_gets(brick):
    inputs = [normal(size, size + 1, 4, seed=size) for size in range(1, 5)]

    def passes(x):
        found = []
        for _ in range(20):
            y, cache = brick.forward(x)
            found += [y, brick.backward(like(y), cache), brick(x)]
        return found

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            threaded = list(pool.map(passes, inputs))
    finally:
        sys.setswitchinterval(interval)
    for found, x in zip(threaded, inputs, strict=True):
        assert_close(found, passes(x), 0)
