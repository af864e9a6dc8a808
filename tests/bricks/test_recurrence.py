"""What goes for RNN, LSTM and GRU alike."""

import inspect
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from legonet import GRU, LSTM, RNN, DtypeError, OptionError, ShapeError
from legonet.initializers import normal as normal_numbers
from strategies import assert_close, both_passes, fingerprint, gradients, like, normal, seeds

BLOCKS = {RNN: 1, LSTM: 4, GRU: 3}
every_kind = pytest.mark.parametrize("kind", BLOCKS, ids=lambda kind: kind.__name__)


def mask_of(*lengths, time):
    return np.arange(time) < np.array(lengths)[:, np.newaxis]


@every_kind
def test_the_parameters_have_names_and_shapes(kind):
    brick, blocks = kind(2, 3), BLOCKS[kind]
    shapes = {name: parameter.value.shape for name, parameter in brick.named_parameters()}
    assert shapes == {"input_weight": (2, 3 * blocks), "hidden_weight": (3, 3 * blocks), "bias": (3 * blocks,)}


@every_kind
def test_each_block_is_drawn_by_itself(kind):
    brick = kind(100, 50, rng=0)
    for U in np.split(brick.hidden_weight.value, BLOCKS[kind], axis=1):
        assert_close([U.T @ U], [np.eye(50)])
    bound = np.sqrt(6 / 150)
    for W in np.split(brick.input_weight.value, BLOCKS[kind], axis=1):
        assert 0.99 * bound < np.abs(W).max() <= bound


@every_kind
def test_numbers_may_be_given_and_are_copied(kind):
    blocks = BLOCKS[kind]
    given = {"input_weight": normal(2, 3 * blocks), "hidden_weight": normal(3, 3 * blocks), "bias": normal(3 * blocks)}
    brick = kind(2, 3, **given)
    for name, value in given.items():
        assert_close([getattr(brick, name).value], [value], 0)
        assert not np.shares_memory(getattr(brick, name).value, value)


@every_kind
def test_the_same_seed_gives_the_same_numbers_and_a_generator_goes_on(kind):
    rng = np.random.default_rng(7)
    first, second, third = kind(2, 3, rng=7), kind(2, 3, rng=rng), kind(2, 3, rng=rng)
    assert fingerprint(first.parameters()) == fingerprint(second.parameters())
    assert fingerprint(third.input_weight) != fingerprint(second.input_weight)


@every_kind
@given(seed=seeds, lengths=st.lists(st.integers(0, 4), min_size=1, max_size=4))
def test_a_sequence_with_padding_is_treated_like_the_sequence_alone(kind, seed, lengths):
    rng = np.random.default_rng(seed)
    brick, time = kind(2, 3, bias=normal_numbers, rng=rng), 4
    x, dy = rng.normal(size=(len(lengths), time, 2)), rng.normal(size=(len(lengths), time, 3))
    y, cache = brick.forward(x, mask_of(*lengths, time=time))
    dx, found = brick.backward(dy, cache), gradients(brick)
    wanted = [np.zeros_like(gradient) for gradient in found]
    for number, length in enumerate(lengths):
        alone, own_cache = brick.forward(x[number : number + 1, :length])
        own_dy = dy[number : number + 1, :length].copy()
        if length:
            assert_close([y[number, :length], y[number, length:]], [alone[0], alone[0, -1:].repeat(4 - length, axis=0)])
            own_dy[0, -1] += dy[number, length:].sum(axis=0)
        own_dx = brick.backward(own_dy, own_cache)
        assert_close([dx[number, :length]], own_dx)
        assert not dx[number, length:].any()
        wanted = [total + own for total, own in zip(wanted, gradients(brick), strict=True)]
    assert_close(found, wanted)


@every_kind
def test_where_the_mask_is_false_the_state_is_repeated_to_the_last_bit(kind):
    brick, x = kind(2, 3, bias=normal_numbers, rng=0), normal(1, 4, 2)
    y = brick(x, np.array([[False, True, False, True]]))
    assert not y[0, 0].any()
    assert np.array_equal(y[0, 2], y[0, 1])
    assert_close([y[:, 1], y[:, 3]], brick(x[:, 1::2]).swapaxes(0, 1))


@every_kind
def test_a_mask_of_nothing_but_true_changes_nothing(kind):
    brick, x = kind(2, 3, rng=0), normal(4, 5, 2)
    assert_close(both_passes(brick, (x, np.full((4, 5), True))), both_passes(brick, (x,)), 0)


@every_kind
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e308])
def test_what_stands_at_padding_does_not_matter(kind, value):
    brick, x, mask = kind(2, 3, rng=0), normal(2, 4, 2), mask_of(2, 4, time=4)
    wanted = both_passes(brick, (x, mask))
    x[0, 2:] = value
    assert_close(both_passes(brick, (x, mask)), wanted, 0)


@every_kind
def test_not_a_number_goes_on_from_its_step_and_down_from_there(kind):
    brick, x = kind(2, 3, rng=0), normal(2, 4, 2)
    x[0, 2] = np.nan
    y, cache = brick.forward(x)
    assert np.isfinite(y[0, :2]).all()
    assert np.isnan(y[0, 2:]).all()
    assert np.isfinite(y[1]).all()
    dx = brick.backward(np.ones_like(y), cache)
    assert np.isnan(dx[0]).all()
    assert np.isfinite(dx[1]).all()
    assert all(np.isnan(gradient).any() for gradient in gradients(brick))


@every_kind
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_largest_numbers_give_no_warning(kind, dtype):
    most = np.finfo(dtype).max / 10
    numbers = {"input_weight": np.eye(2, 2 * BLOCKS[kind], dtype=dtype), "bias": np.zeros(2 * BLOCKS[kind], dtype)}
    brick = kind(2, 2, **numbers, rng=0, dtype=dtype)
    x = np.array([[[most, -most], [-most, most], [1.0, 0.0]]], dtype)
    with np.errstate(under="ignore"):
        y, cache = inspect.unwrap(kind.forward)(brick, x)
        dx = inspect.unwrap(kind.backward)(brick, np.ones_like(y), cache)
    assert np.isfinite(y).all()
    assert np.isfinite(dx).all()


@every_kind
@pytest.mark.parametrize("shape", [(0, 3, 2), (3, 0, 2), (0, 0, 2), (3, 4, 0), (1, 1, 1)])
@pytest.mark.parametrize("hidden", [0, 1, 3])
def test_any_size_may_be_0_or_1(kind, shape, hidden):
    brick = kind(shape[2], hidden, rng=0)
    for inputs in ((normal(*shape),), (normal(*shape), np.full(shape[:2], True))):
        y, cache = brick.forward(*inputs)
        assert y.shape == (*shape[:2], hidden)
        assert brick.backward(like(y), cache).shape == shape


@every_kind
def test_what_is_no_sequence_is_refused(kind):
    brick, name = kind(2, 3), kind.__name__
    for x in (normal(4, 2), normal(4, 5, 3), normal(1, 4, 5, 2)):
        with pytest.raises(ShapeError, match=rf"{name}\(2, 3\) needs x of shape \(batch, time, 2\), but x has shape"):
            brick(x)
    with pytest.raises(DtypeError, match=rf"{name}\(2, 3\) needs x of dtype float64, but x has dtype float32"):
        brick(normal(4, 5, 2, dtype=np.float32))


@every_kind
def test_what_is_no_mask_is_refused(kind):
    brick, name, x = kind(2, 3), kind.__name__, normal(4, 5, 2)
    for mask in (np.full((4, 1), True), np.full((5, 4), True), np.full(4, True), np.full((4, 5, 2), True)):
        with pytest.raises(ShapeError, match=rf"{name}\(2, 3\) needs mask of shape \(4, 5\), but mask has shape"):
            brick.forward(x, mask)
    for mask in (np.ones((4, 5)), np.ones((4, 5), int)):
        with pytest.raises(DtypeError, match=rf"{name}\(2, 3\) needs mask of dtype bool, but mask has dtype"):
            brick(x, mask)
    with pytest.raises(DtypeError, match=rf"{name}\(2, 3\) needs mask as a NumPy array, but mask is a list"):
        brick(x, [[True] * 5] * 4)


@every_kind
def test_another_upstream_gradient_is_refused_and_nothing_is_added(kind):
    brick, name = kind(2, 3), kind.__name__
    _, cache = brick.forward(normal(4, 5, 2))
    for dy in (normal(4, 3), normal(4, 5, 1), normal(5, 4, 3)):
        for call in (brick.backward, brick.backward_parameters):
            with pytest.raises(ShapeError, match=rf"{name}\(2, 3\) needs dy of shape \(4, 5, 3\), but dy has shape"):
                call(dy, cache)
    assert not any(gradient.any() for gradient in gradients(brick))


@every_kind
def test_backward_parameters_leaves_the_gradient_by_the_inputs_out(kind):
    brick, x = kind(2, 3, rng=0), normal(4, 5, 2)
    y, cache = brick.forward(x)
    brick.input_weight = SimpleNamespace(grad=np.zeros_like(brick.input_weight.grad))
    brick.backward_parameters(y, cache)  # without W, by which dL/dx would be made
    assert brick.input_weight.grad.any()
    with pytest.raises(AttributeError):
        brick.backward(y, cache)


@every_kind
@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        ((-1, 2), {}, OptionError, "needs in_features as a whole number >= 0, but in_features is -1"),
        ((2, 1.5), {}, OptionError, "needs hidden as a whole number >= 0, but hidden is 1.5"),
        ((2, 3), {"dtype": int}, OptionError, "needs dtype"),
        ((2, 3), {"rng": "seed"}, OptionError, "needs rng"),
        ((2, 3), {"input_weight": "glorot"}, DtypeError, "needs input_weight as a function"),
        ((2, 3), {"hidden_weight": None}, DtypeError, "needs hidden_weight as a function"),
        ((2, 3), {"bias": False}, DtypeError, "needs bias as a function"),
        ((2, 3), {"input_weight": normal(3, 2)}, ShapeError, r"needs input_weight of shape \(2, "),
        ((2, 3), {"hidden_weight": normal(3, 2)}, ShapeError, r"needs hidden_weight of shape \(3, "),
        ((2, 3), {"bias": normal(2)}, ShapeError, "needs bias of shape"),
        (
            (2, 3),
            {"hidden_weight": lambda rng, shape: normal(2, 2)},
            ShapeError,
            r"needs hidden_weight of shape \(3, 3\)",
        ),
    ],
)
def test_a_bad_option_is_refused(kind, arguments, options, error, words):
    with pytest.raises(error, match=f"{kind.__name__} {words}"):
        kind(*arguments, **options)


@every_kind
def test_it_prints_as_it_is_written(kind):
    assert repr(kind(2, 3)) == f"{kind.__name__}(2, 3)"
    assert repr(kind(2, 3, dtype=np.float32)) == f"{kind.__name__}(2, 3, dtype=float32)"
