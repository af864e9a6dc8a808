import copy

import numpy as np
import pytest

from legonet import OptionError, Parameter, ShapeError
from legonet.optimizers import FlatParameters
from strategies import assert_close, normal


def two():
    return [Parameter(np.array([[1.0, 2.0], [3.0, 4.0]])), Parameter(np.array([5.0]))]


def test_values_and_gradients_lie_end_to_end_in_the_order_given():
    parameters = two()
    parameters[1].grad += 7.0
    [(theta, g, _)] = FlatParameters("it", parameters).vectors()
    assert theta.tolist() == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert g.tolist() == [0.0, 0.0, 0.0, 0.0, 7.0]


def test_what_is_written_on_one_side_is_read_on_the_other():
    parameters = two()
    [(theta, g, _)] = FlatParameters("it", parameters).vectors()
    theta[1:] *= 10.0
    parameters[0].grad[1, 0] += 3.0
    parameters[1].value += 1.0
    assert parameters[0].value.tolist() == [[1.0, 20.0], [30.0, 40.0]]
    assert g.tolist() == [0.0, 0.0, 3.0, 0.0, 0.0]
    assert theta[4] == 51.0


def test_nothing_is_copied_as_long_as_nothing_was_replaced():
    flat = FlatParameters("it", two())
    [first], [second] = flat.vectors(), flat.vectors()
    assert first[0] is second[0]
    assert first[1] is second[1]


@pytest.mark.parametrize("attribute", ["value", "grad"])
def test_an_array_that_was_replaced_is_taken_in_again(attribute):
    parameters = two()
    flat = FlatParameters("it", parameters)
    mine = np.full((2, 2), 9.0)
    setattr(parameters[0], attribute, mine)
    [vectors] = flat.vectors()
    vector = vectors[attribute == "grad"]
    assert vector[:4].tolist() == [9.0] * 4
    vector += 1.0
    assert getattr(parameters[0], attribute).tolist() == [[10.0] * 2] * 2
    assert mine.tolist() == [[9.0] * 2] * 2


def test_a_deep_copy_is_linked_to_the_copied_parameters():
    parameters, flat = copy.deepcopy((some := two(), FlatParameters("it", some)))
    [(theta, g, _)] = flat.vectors()
    theta += 1.0
    parameters[0].grad += 2.0
    assert parameters[0].value.tolist() == [[2.0, 3.0], [4.0, 5.0]]
    assert g.tolist() == [2.0, 2.0, 2.0, 2.0, 0.0]
    assert some[0].value.tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_each_dtype_has_vectors_of_its_own_in_the_order_of_their_first_parameters():
    dtypes = [np.float32, np.float64, np.float32, np.float16]
    parameters = [Parameter(normal(2, seed=seed, dtype=dtype)) for seed, dtype in enumerate(dtypes)]
    vectors = FlatParameters("it", parameters).vectors()
    assert (
        [theta.dtype for theta, _, _ in vectors]
        == [g.dtype for _, g, _ in vectors]
        == [np.float32, np.float64, np.float16]
    )
    assert_close([vectors[0][0]], [np.concatenate([parameters[0].value, parameters[2].value])], 0)


def test_numbers_alone_and_arrays_of_nothing_keep_their_shapes():
    parameters = [Parameter(np.array(2.0)), Parameter(np.zeros((0, 3))), Parameter(np.array([1.0]))]
    [(theta, _, _)] = FlatParameters("it", parameters).vectors()
    theta += 1.0
    assert [parameter.value.shape for parameter in parameters] == [(), (0, 3), (1,)]
    assert [parameter.grad.shape for parameter in parameters] == [(), (0, 3), (1,)]
    assert float(parameters[0].value) == 3.0


def test_an_array_of_another_shape_is_refused_by_the_name_of_its_parameter():
    parameters = two()
    flat = FlatParameters("it", parameters)
    parameters[0].grad = np.zeros((4, 1))
    with pytest.raises(ShapeError, match=r"Parameter\(shape=\(2, 2\), dtype=float64\) needs grad of shape \(2, 2\)"):
        flat.vectors()


def test_the_message_about_bad_parameters_starts_with_who_asks():
    with pytest.raises(OptionError, match=r"^Adam needs at least one parameter"):
        FlatParameters("Adam", [])
