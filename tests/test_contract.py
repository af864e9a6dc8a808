"""What every brick promises. A new public brick needs an entry in ``strategies.CASES`` and no test of its own here."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from legonet.testing import check_brick
from strategies import (
    CASES,
    assert_close,
    fingerprint,
    float_dtypes,
    freeze,
    gradients,
    like,
    normal,
    public_bricks,
    seeds,
)

every_brick = pytest.mark.parametrize("kind", public_bricks(), ids=lambda kind: kind.__name__)
any_case = st.data()


def both_passes(brick, inputs, dy=None):
    y, cache = brick.forward(*inputs)
    dx = brick.backward(like(y) if dy is None else dy, cache)
    return [y, *([] if dx is None else [dx]), *gradients(brick)]


def test_every_public_brick_has_its_entry():
    assert set(CASES) == set(public_bricks())


@every_brick
@given(data=any_case, seed=seeds)
def test_its_gradients_are_the_derivatives(kind, data, seed):
    brick, inputs = data.draw(CASES[kind]())
    check_brick(brick, *inputs, rng=seed)


@every_brick
@given(data=any_case, dtype=float_dtypes)
def test_what_goes_in_as_a_dtype_comes_out_as_it(kind, data, dtype):
    brick, inputs = data.draw(CASES[kind](dtype))
    y, *others = both_passes(brick, inputs)
    assert type(y) is float or y.dtype == dtype
    assert {array.dtype for array in others} <= {np.dtype(dtype)}
    assert {parameter.value.dtype for parameter in brick.parameters()} <= {np.dtype(dtype)}


@every_brick
@given(data=any_case)
def test_gradients_have_the_shapes_of_what_they_are_by(kind, data):
    brick, inputs = data.draw(CASES[kind]())
    found = both_passes(brick, inputs)[1:]
    wanted = [*inputs[:1], *(parameter.value for parameter in brick.parameters())]
    assert [array.shape for array in found] == [array.shape for array in wanted]


@every_brick
@given(data=any_case)
def test_it_writes_into_nothing_that_it_was_handed_or_has_handed_out(kind, data):
    brick, inputs = data.draw(CASES[kind]())
    values = [parameter.value for parameter in brick.parameters()]
    y, cache = brick.forward(*inputs)
    dy = like(y)
    before = fingerprint(*inputs, *values, dy, y, cache)
    freeze(*inputs, *values, dy, y, cache)
    brick.backward(dy, cache)
    brick.backward_parameters(dy, cache)
    brick(*inputs)
    assert fingerprint(*inputs, *values, dy, y, cache) == before


@every_brick
@given(data=any_case)
def test_called_it_gives_the_output_of_forward(kind, data):
    brick, inputs = data.draw(CASES[kind]())
    assert_close([brick(*inputs)], [brick.forward(*inputs)[0]], 0)


@every_brick
@given(data=any_case)
def test_backward_parameters_adds_what_backward_adds(kind, data):
    brick, inputs = data.draw(CASES[kind]())
    y, cache = brick.forward(*inputs)
    brick.backward(like(y), cache)
    wanted = gradients(brick)
    assert brick.backward_parameters(like(y), cache) is None
    assert_close(gradients(brick), wanted, 0)


@every_brick
@given(data=any_case, seed=seeds)
def test_backward_is_linear_in_the_upstream_gradient(kind, data, seed):
    brick, inputs = data.draw(CASES[kind]())
    y = brick(*inputs)
    one, other = like(y, seed), like(y, seed + 1)
    sums = [2 * a - 3 * b for a, b in zip(*(both_passes(brick, inputs, dy)[1:] for dy in (one, other)), strict=True)]
    assert_close(both_passes(brick, inputs, 2 * one - 3 * other)[1:], sums, 1e-10)


@every_brick
@given(data=any_case)
def test_two_backward_passes_add_up(kind, data):
    brick, inputs = data.draw(CASES[kind]())
    y, cache = brick.forward(*inputs)
    brick.backward(like(y), cache)
    wanted = [2 * gradient for gradient in gradients(brick)]
    brick.backward(like(y), cache)
    brick.backward(like(y), cache)
    assert_close(gradients(brick), wanted)


@every_brick
@given(data=any_case)
def test_it_remembers_nothing_of_a_pass(kind, data):
    brick, inputs = data.draw(CASES[kind]())
    state = {name: id(value) for name, value in vars(brick).items()}
    wanted = both_passes(brick, inputs)
    y, cache = brick.forward(*inputs)
    others = tuple(normal(*array.shape, seed=9, dtype=array.dtype) for array in inputs)
    brick.forward(*others)
    brick(*others)
    dx = brick.backward(like(y), cache)
    assert_close([y, *([] if dx is None else [dx]), *gradients(brick)], wanted, 0)
    assert {name: id(value) for name, value in vars(brick).items()} == state


@every_brick
@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda brick: pickle.loads(pickle.dumps(brick))])  # noqa: S301
@given(data=any_case)
def test_a_copy_does_the_same_and_shares_nothing(duplicate, kind, data):
    brick, inputs = data.draw(CASES[kind]())
    other = duplicate(brick)
    assert repr(other) == repr(brick)
    assert_close(both_passes(other, inputs), both_passes(brick, inputs), 0)
    for mine, its in zip(brick.parameters(), other.parameters(), strict=True):
        assert not np.shares_memory(mine.value, its.value)
        assert not np.shares_memory(mine.grad, its.grad)


@every_brick
@given(data=any_case, seed=seeds)
def test_rows_do_not_know_of_each_other(kind, data, seed):
    brick, inputs = data.draw(CASES[kind]())
    y = brick(*inputs)
    order = np.random.default_rng(seed).permutation(len(inputs[0]) if inputs else 0)
    shuffled = brick(*(array[order] for array in inputs))
    assert_close([shuffled], [y[order] if isinstance(y, np.ndarray) else y])


@every_brick
@given(data=any_case)
def test_it_prints_on_one_line_with_its_name_first(kind, data):
    brick, _ = data.draw(CASES[kind]())
    assert repr(brick).startswith(f"{kind.__name__}(")
    assert "\n" not in repr(brick)
