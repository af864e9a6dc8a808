import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from legonet import SGD, DtypeError, Linear, OptionError, Parameter, ShapeError
from legonet.optimizers import MovingAverage
from strategies import assert_close, fingerprint, normal

series = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=20)
decays = st.sampled_from([0.0, 0.5, 0.9, 0.999])


def follow(values, **options):
    weight = Parameter(np.array([7.0]))
    average = MovingAverage([weight], **options)
    for value in values:
        weight.value[:] = value
        average.update()
    return weight, average


@given(series, decays)
def test_it_is_the_mean_in_which_each_weighs_decay_times_the_next(values, decay):
    weights = decay ** np.arange(len(values))[::-1]
    _, average = follow(values, decay=decay)
    assert_close(average.values, [[np.average(values, weights=weights)]], 1e-9)
    assert average.updates == len(values)


@given(series, decays)
def test_without_correction_it_begins_with_the_parameters_as_they_were(values, decay):
    wanted = 7.0
    for value in values:
        wanted = decay * wanted + (1 - decay) * value
    assert_close(follow(values, decay=decay, correction=False)[1].values, [[wanted]], 1e-9)


def test_the_first_update_and_a_decay_of_zero_are_the_numbers_bit_by_bit():
    assert follow([0.1])[1].values[0][0] == 0.1
    assert follow([0.7, 0.1], decay=0.0, correction=False)[1].values[0][0] == 0.1


def test_before_an_update_it_is_what_the_parameters_were():
    weight, average = follow([])
    weight.value += 1.0
    with average.applied():
        assert weight.value.tolist() == [7.0]
    assert weight.value.tolist() == [8.0]


def test_the_averages_are_in_place_within_and_the_numbers_come_back_bit_by_bit():
    linear = Linear(2, 3, rng=0)
    average = MovingAverage(linear.parameters(), decay=0.5)
    for number in range(3):
        linear.weight.value += number
        average.update()
    array, view, before = linear.weight.value, linear.weight.value[0], fingerprint(*linear.parameters())
    with average.applied():
        assert_close([linear.weight.value, linear.bias.value], average.values, 0)
        assert_close([view], [average.values[0][0]], 0)
        assert linear.weight.value is array
    assert linear.weight.value is array
    assert fingerprint(*linear.parameters()) == before


def test_they_come_back_after_an_exception():
    weight, average = follow([1.0, 5.0], decay=0.5)

    def fail():
        raise RuntimeError

    with pytest.raises(RuntimeError), average.applied():
        fail()
    assert weight.value.tolist() == [5.0]
    average.update()


def test_within_it_may_be_put_in_place_again_but_not_updated():
    weight, average = follow([1.0, 5.0], decay=0.5)
    with average.applied():
        with average.applied():
            pass
        inside = weight.value.tolist()
        with pytest.raises(OptionError, match="update needs the parameters, but the averages are in their place"):
            average.update()
    assert inside == average.values[0].tolist() != [5.0]
    assert weight.value.tolist() == [5.0]
    assert average.updates == 2


def test_an_optimizer_goes_on_as_if_nothing_had_been():
    found = []
    for look in (False, True):
        linear = Linear(2, 3, rng=0)
        sgd, average = SGD(linear.parameters(), lr=0.1, momentum=0.9), MovingAverage(linear.parameters())
        for seed in range(5):
            linear.weight.grad += normal(2, 3, seed=seed)
            sgd.step()
            average.update()
            if look:
                with average.applied():
                    linear(np.ones((1, 2)))
        found.append(fingerprint(*linear.parameters()))
    assert found[0] == found[1]


def test_float16_is_averaged_in_float32_where_small_changes_add_up():
    weight = Parameter(np.array([1.0], np.float16))
    average = MovingAverage([weight], decay=0.999, correction=False)
    weight.value[:] = 1.01
    for _ in range(1000):
        average.update()
    wanted = float(weight.value[0]) + (1.0 - float(weight.value[0])) * 0.999**1000
    assert average.values[0].dtype == np.float32
    assert_close(average.values, [[wanted]], 1e-6)
    with average.applied():
        assert weight.value.dtype == np.float16


def test_what_is_not_finite_goes_through_without_a_warning():
    _, average = follow([np.inf, -np.inf, np.nan])
    assert np.isnan(average.values[0]).all()
    assert np.isinf(follow([1e308, 1.0, np.inf])[1].values[0]).all()


def through_pickle(value):
    return pickle.loads(pickle.dumps(value))  # noqa: S301 (its own dump)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, through_pickle])
def test_a_copy_goes_on_alone(duplicate):
    weight, average = follow([1.0, 2.0])
    copied_weight, copied = duplicate((weight, average))
    for one, other in ((copied_weight, copied), (weight, average)):
        one.value += 3.0
        other.update()
    assert copied.values[0].tolist() == average.values[0].tolist()
    weight.value += 1.0
    average.update()
    assert copied.values[0].tolist() != average.values[0].tolist()
    assert copied.updates == 3


@pytest.mark.parametrize("bad", [np.zeros(2), np.array(1.0), [1.0], np.zeros(1, int)], ids=repr)
def test_a_value_that_was_replaced_must_fit(bad):
    weight, average = follow([1.0])
    weight.value = bad
    with pytest.raises((ShapeError, DtypeError), match=r"Parameter.* needs value "):
        average.update()
    with pytest.raises((ShapeError, DtypeError), match=r"Parameter.* needs value "), average.applied():
        pass
    assert average.updates == 1
    weight.value = np.array([3.0])
    average.update()
    with average.applied():
        assert 1.0 < weight.value[0] < 3.0


def test_parameters_without_axes_or_numbers_are_taken():
    parameters = [Parameter(np.array(2.0)), Parameter(np.zeros((0, 3)))]
    average = MovingAverage(parameters)
    average.update()
    with average.applied():
        assert float(parameters[0].value) == 2.0


@pytest.mark.parametrize("correction", ["no", 0, None, [False]])
def test_a_correction_that_is_neither_true_nor_false_is_refused(correction):
    with pytest.raises(OptionError, match=r"^MovingAverage needs correction as True or False, but correction is "):
        MovingAverage([Parameter(np.zeros(1))], correction=correction)


def test_it_prints_its_options():
    assert repr(follow([])[1]) == "MovingAverage(1 parameter, decay=0.999, correction=True)"
