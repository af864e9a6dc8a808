import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from legonet import Parameter, RMSProp
from strategies import assert_close


def moved(optimizer, weight, gradients):
    found = []
    for g in gradients:
        weight.grad += g
        optimizer.step()
        found.append(float(weight.value[0]))
    return found


def test_two_steps_worked_by_hand():
    # v = 3/4 · 4² = 12, then 1/4 · 12 + 3/4 · 11² = 93.75.
    weight = Parameter(np.array([1.0]))
    found = moved(RMSProp([weight], lr=2.0, rho=0.25, eps=1.0), weight, [4.0, 11.0])
    first = 1.0 - 2.0 * 4.0 / (np.sqrt(12.0) + 1.0)
    assert_close(found, [first, first - 2.0 * 11.0 / (np.sqrt(93.75) + 1.0)], 1e-14)


def test_without_memory_it_goes_by_the_sign():
    weight = Parameter(np.array([0.0]))
    assert_close(moved(RMSProp([weight], lr=1.0, rho=0.0), weight, [5.0, -0.1, 7.0]), [-1.0, 0.0, -1.0], 1e-6)


def test_momentum_adds_the_quotients_up():
    weight = Parameter(np.array([0.0]))
    found = moved(RMSProp([weight], lr=1.0, rho=0.0, eps=1e-20, momentum=0.5), weight, [1.0, 1.0, 0.0])
    assert found == [-1.0, -2.5, -3.25]


def test_weight_decay_is_part_of_the_gradient():
    weight = Parameter(np.array([8.0]))
    assert moved(RMSProp([weight], lr=1.0, rho=0.0, eps=2.0, weight_decay=0.25), weight, [0.0]) == [7.5]


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=20), st.sampled_from([0.0, 0.6]))
def test_the_formulas_one_number_at_a_time(gradients, momentum):
    theta, v, b, wanted = 0.7, 0.0, 0.0, []
    for gradient in gradients:
        g = gradient + 0.3 * theta
        v = 0.8 * v + 0.2 * g**2
        b = momentum * b + g / (v**0.5 + 1e-6)
        theta -= 0.05 * b
        wanted.append(theta)
    weight = Parameter(np.array([0.7]))
    rmsprop = RMSProp([weight], lr=0.05, rho=0.8, eps=1e-6, momentum=momentum, weight_decay=0.3)
    assert_close(moved(rmsprop, weight, gradients), wanted, 1e-10)
