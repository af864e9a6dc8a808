import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from legonet import Adam, AdamW, Parameter
from strategies import assert_close, normal


def moved(optimizer, weight, gradients):
    found = []
    for g in gradients:
        weight.grad += g
        optimizer.step()
        found.append(float(weight.value[0]))
    return found


def test_two_steps_worked_by_hand():
    # m = 2, 3.5; v = 3, 7.5; corrected by 1/2, 3/4 and by 3/4, 15/16: the roots are 2 and √8.
    weight = Parameter(np.array([10.0]))
    found = moved(Adam([weight], lr=1.0, beta1=0.5, beta2=0.25, eps=2.0), weight, [2.0, 5.0])
    first = 10.0 - 2.0 / (2.0 + 2.0)
    m, v = (0.5 * 1.0 + 0.5 * 5.0) / 0.75, (0.25 * 3.0 + 0.75 * 25.0) / (15 / 16)
    assert_close(found, [first, first - m / (np.sqrt(v) + 2.0)], 1e-14)
    assert first == 9.5


def test_weight_decay_is_part_of_the_gradient():
    weight = Parameter(np.array([8.0]))
    assert moved(Adam([weight], lr=1.0, eps=2.0, weight_decay=0.25), weight, [0.0]) == [7.5]


def test_of_adamw_it_is_not_but_a_part_of_the_rate():
    weight = Parameter(np.array([8.0]))
    assert_close(moved(AdamW([weight], lr=0.5, eps=2.0, weight_decay=0.25), weight, [2.0]), [8.0 - 1.0 - 0.25], 1e-14)


@given(st.floats(1e-3, 1e3), st.integers(1, 30))
def test_the_same_gradient_again_and_again_makes_the_same_step_again(g, steps):
    weight = Parameter(np.array([0.0]))
    found = moved(Adam([weight], lr=0.5, eps=1e-20), weight, [g] * steps)
    assert_close(found, -0.5 * np.arange(1, steps + 1), 1e-12)


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=20), st.sampled_from([Adam, AdamW]))
def test_the_formulas_of_the_paper_one_number_at_a_time(gradients, kind):
    theta, m, v, wanted = 0.7, 0.0, 0.0, []
    for t, g in enumerate(gradients, 1):
        m = 0.8 * m + 0.2 * g
        v = 0.9 * v + 0.1 * g**2
        m_hat, v_hat = m / (1 - 0.8**t), v / (1 - 0.9**t)
        theta -= 0.05 * (m_hat / (v_hat**0.5 + 1e-6) + (0.3 * theta if kind is AdamW else 0.0))
        wanted.append(theta)
    weight = Parameter(np.array([0.7]))
    optimizer = kind([weight], lr=0.05, beta1=0.8, beta2=0.9, eps=1e-6, weight_decay=0.3 * (kind is AdamW))
    assert_close(moved(optimizer, weight, gradients), wanted, 1e-11)


def test_the_corrections_of_float32_have_the_digits_of_float64():
    # 1 - 0.9999999 is 1e-7 in float64, but 1.19e-7 in float32.
    weight = Parameter(np.zeros(1, np.float32))
    found = moved(Adam([weight], lr=1.0, beta2=0.9999999), weight, [1.0] * 3)
    assert_close(found, [-1.0, -2.0, -3.0], 1e-6)


def test_without_decay_adamw_is_adam():
    one, other = Parameter(normal(3)), Parameter(normal(3))
    adam, adamw = Adam([one]), AdamW([other], weight_decay=0.0)
    for seed in range(5):
        one.grad += normal(3, seed=seed)
        other.grad += normal(3, seed=seed)
        adam.step()
        adamw.step()
    assert one.value.tolist() == other.value.tolist()


def test_a_rate_that_changes_acts_at_once():
    weight = Parameter(np.array([0.0]))
    adam = Adam([weight], lr=1.0)
    moved(adam, weight, [3.0])
    adam.lr = 0.25
    assert_close(moved(adam, weight, [3.0]), [-1.25], 1e-7)
