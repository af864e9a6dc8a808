"""The numbers that a brick's code speaks of."""

import math
from functools import partial

import numpy as np
import pytest

from legonet import Brick, GradientError, Linear, Sequential
from legonet.interop import from_functions, from_object
from legonet.testing import check_brick
from legonet.testing.inputs import LANDMARKS, Floats, draw_floats
from legonet.testing.landmarks import MOST, landmarks

LIMIT = 12.5
TABLE = np.arange(100.0)


def capped(x):
    return np.minimum(x, 31.0)


class Cap(Brick):
    edge = 17.0

    def __init__(self, limit):
        self.limit = limit

    def forward(self, x):
        return np.minimum(x, self.limit), x

    def backward(self, dy, x):
        return dy * (x < self.limit)


class Speaking(Cap):
    def forward(self, x):
        return capped(np.where(x > LIMIT, x + 3, (lambda z: z * 0.25)(x))), x


def test_attributes_constants_globals_and_helpers_are_found():
    assert {0.25, 3.0, 12.5, 17.0, 31.0, 2.5} <= set(landmarks(Speaking(2.5)))


def test_bricks_inside_a_container_are_looked_into():
    assert 2.5 in landmarks(Sequential(Linear(2, 2), Cap(2.5)))


def test_adapted_functions_and_objects_are_looked_into():
    steep = 7.5
    pair = from_functions(lambda x: x * steep, lambda dy, x: dy * np.where(x > 21.0, 1, steep))
    assert {7.5, 21.0} <= set(landmarks(pair))
    assert 4.25 in landmarks(from_functions(partial(np.multiply, 4.25), lambda dy, x: dy * 4.25))

    class Own:
        alpha = 0.125

        def forward(self, x):
            self.x = x
            return x * 33.0

        def backward(self, dy):
            return dy * 33.0

    assert {0.125, 33.0} <= set(landmarks(from_object(Own())))


def test_what_is_no_place_for_an_input_is_left_out():
    class Odd(Cap):
        def __init__(self):
            self.limit = math.inf
            self.other = [math.nan, 0.0, 1e9, True]
            self.itself = self

    assert landmarks(Odd()) == [17.0]
    assert len(landmarks(Cap([float(number) for number in range(1, 100)]))) == MOST


def test_inputs_stand_at_the_numbers_of_the_brick_and_on_either_side():
    values = draw_floats(Floats("(n, m)"), (50, 40), LANDMARKS, np.random.default_rng(0), [23.0])
    assert (values == 23).any()
    assert (values == -23).any()
    assert (values == 0).any()
    assert ((values > 23) & (values < 40)).any()
    assert ((values > 10) & (values < 23)).any()


@pytest.mark.parametrize("threshold", [0.0137, 23.7, 444.25])
def test_a_mistake_beyond_an_unusual_threshold_is_found(threshold):
    class Bent(Brick):
        def forward(self, x):
            return np.where(x > threshold, 3 * x - 2 * threshold, x), x

        def backward(self, dy, x):
            return np.where(x > threshold, 2.0, 1.0) * dy

    with pytest.raises(GradientError):
        check_brick(Bent(), "(batch, n)")
