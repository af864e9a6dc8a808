"""What every brick promises. A new public brick has ``cases`` in its own test file and no test here."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    other_numbers,
    parts,
    public_bricks,
    seeds,
)


def name(kind):
    return kind.__name__


every_brick = every_brick()
any_case = st.data()


@every_brick
@given(data=any_case, seed=seeds)
def test_its_gradients_are_the_derivatives(kind, data, seed):
    brick, inputs = data.draw(cases_of(kind))
    check_brick(brick, *inputs, rng=seed, call_differs=call_differs(kind))


@every_brick
@given(data=any_case, dtype=float_dtypes)
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


@every_brick
@given(data=any_case)
def test_it_prints_on_one_line_with_its_name_first(kind, data):
    brick, _ = data.draw(cases_of(kind))
    assert repr(brick).startswith(f"{kind.__name__}(")
    assert "\n" not in repr(brick)
