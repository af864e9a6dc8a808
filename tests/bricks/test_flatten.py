import numpy as np
import pytest

from legonet import Flatten, Linear, Sequential, ShapeError
from legonet.testing import brick_test
from strategies import elementwise_cases, normal

cases = elementwise_cases(Flatten)

test_its_derivative = brick_test(Flatten, "(batch, ...)", independent_rows=True)


def test_the_numbers_worked_by_hand():
    y, cache = Flatten().forward(np.arange(12.0).reshape(2, 3, 2))
    assert y.tolist() == [[0.0, 1.0, 2.0, 3.0, 4.0, 5.0], [6.0, 7.0, 8.0, 9.0, 10.0, 11.0]]
    dx = Flatten().backward(np.arange(12.0).reshape(2, 6) * 10, cache)
    assert dx.tolist() == [[[0.0, 10.0], [20.0, 30.0], [40.0, 50.0]], [[60.0, 70.0], [80.0, 90.0], [100.0, 110.0]]]


@pytest.mark.parametrize(
    ("shape", "flat"),
    [((4,), (4, 1)), ((4, 3), (4, 3)), ((0, 2, 3), (0, 6)), ((2, 0, 3), (2, 0)), ((2, 3, 1, 2), (2, 6))],
)
def test_any_number_of_axes_becomes_two(shape, flat):
    y, cache = Flatten().forward(np.zeros(shape))
    assert y.shape == flat
    assert Flatten().backward(np.zeros(flat), cache).shape == shape


def test_nothing_is_copied_where_that_can_be():
    x, dy = normal(3, 2, 4), normal(3, 8)
    y, cache = Flatten().forward(x)
    assert np.shares_memory(y, x)
    assert np.shares_memory(Flatten().backward(dy, cache), dy)


def test_a_dense_layer_follows():
    net = Sequential(Flatten(), Linear(8, 2, rng=0))
    y, cache = net.forward(normal(3, 2, 4))
    assert net.backward(np.ones_like(y), cache).shape == (3, 2, 4)


def test_an_upstream_gradient_of_another_shape_is_refused():
    with pytest.raises(ShapeError, match=r"Flatten\(\) needs dy of shape \(3, 8\), but dy has shape \(3, 2, 4\)"):
        Flatten().backward(normal(3, 2, 4), Flatten().forward(normal(3, 2, 4))[1])


def test_the_cache_holds_no_numbers():
    x = normal(2, 3, 4)
    assert Flatten().forward(x)[1] == (x.shape, x.dtype)
