"""A brick at a point: a private copy, its inputs by name, its random generators set back."""

from types import SimpleNamespace

import numpy as np
import pytest

from legonet import Linear, Sequential
from legonet.testing.probe import Fault, Probe, by_inputs, flat, generators_in, input_names, like
from strategies import fingerprint, normal
from testing.bricks import Affine, Dropout, Product, Square, Table


def test_inputs_go_by_the_names_of_forward():
    assert input_names(Product(), 2) == ["left", "right"]
    assert input_names(Square(), 1) == ["x"]
    assert input_names(Sequential(), 1) == ["x"]


def test_without_names_they_are_numbered():
    assert input_names(SimpleNamespace(forward=lambda *x: x), 1) == ["x"]
    assert input_names(SimpleNamespace(forward=lambda x, *more: x), 3) == ["x0", "x1", "x2"]
    assert input_names(SimpleNamespace(forward=min), 2) == ["x0", "x1"]


def test_generators_are_found_wherever_they_are():
    brick = Sequential(Dropout(), Sequential(Dropout()), Linear(2, 2, rng=0))
    assert len(list(generators_in(brick))) == 2
    assert len(list(generators_in({"a": [np.random.RandomState(0)], "b": (np.random.default_rng(),)}))) == 2


def test_the_same_numbers_are_drawn_in_each_forward():
    probe = Probe(Dropout(), [np.ones((4, 4))])
    one, other = probe.outputs(), probe.outputs()
    np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(probe.again().outputs(), one)


def test_a_probe_computes_in_float64_and_leaves_the_brick_alone():
    brick, x = Linear(2, 3, rng=0, dtype=np.float32), normal(4, 2, dtype=np.float32)
    brick.weight.grad += 1
    before = fingerprint(x, *brick.parameters())
    probe = Probe(brick, [x])
    gradients = probe.gradients(np.ones(12))
    assert {name: gradient.dtype for name, gradient in gradients.items()} == dict.fromkeys(
        ["dx", "weight.grad", "bias.grad"], np.float64
    )
    assert probe.again(np.float32).outputs().dtype == np.float64
    assert fingerprint(x, *brick.parameters()) == before


def test_what_is_varied_are_float_inputs_and_parameters():
    assert [v.label for v in Probe(Affine(), [normal(2, 3)]).variables] == ["dx", "scale.grad", "shift.grad"]
    assert [v.label for v in Probe(Product(), [normal(2), normal(2)], ["right"]).variables] == ["dleft"]
    assert [v.label for v in Probe(Table(), [np.array([0])]).variables] == ["rows.grad"]


def test_gradients_are_those_of_the_first_inputs_or_of_all_floats():
    floats, whole = np.zeros(2), np.zeros(2, dtype=int)
    assert by_inputs(1, [floats, floats]) == [1, None]
    assert by_inputs((1, 2), [floats, floats]) == [1, 2]
    assert by_inputs(1, [whole, floats]) == [None, 1]
    assert by_inputs((None, 1), [whole, floats]) == [None, 1]
    assert by_inputs((1, 2), [whole, floats, floats]) == [None, 1, 2]
    assert by_inputs(1, [floats, floats], ["mask", "x"], ["mask"]) == [None, 1]
    assert by_inputs(None, []) == []
    with pytest.raises(Fault, match="backward returns 2 gradients, but forward has 1 inputs"):
        by_inputs((1, 2), [floats])


def test_an_upstream_gradient_has_the_form_of_the_output():
    y = (np.zeros((2, 2), np.float32), 1.0, np.zeros(0))
    dy = like(y, np.arange(5.0))
    assert [np.shape(part) for part in dy] == [(2, 2), (), (0,)]
    assert dy[0].dtype == np.float32
    np.testing.assert_array_equal(flat(dy), np.arange(5.0))
    assert like(np.float64(3), np.ones(1)) == 1.0
