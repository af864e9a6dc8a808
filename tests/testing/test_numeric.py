import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from legonet import DtypeError, LegonetError
from legonet.testing import numeric_gradient
from strategies import LAYOUTS, assert_close, fingerprint, normal, normals


@given(st.integers(0, 3).flatmap(lambda axes: normals(axes=axes)))
def test_of_a_sum_of_products_it_is_the_factors_for_any_shape(array):
    factors = np.cos(np.arange(array.size, dtype=float)).reshape(array.shape)
    assert_close([numeric_gradient(lambda: float(np.sum(factors * array)), array)], [factors], 1e-9)


@pytest.mark.parametrize("size", [1e-8, 1.0, 1e3, 1e8])
def test_it_is_exact_to_nine_digits_for_small_and_for_large_entries(size):
    array = size * np.array([1.0, -2.0, 3.0])
    gradient = numeric_gradient(lambda: float(np.sum((array / size) ** 2)) * size, array)
    assert_close([gradient], [2 * array / size], 1e-9 if size >= 1 else 1e-2)


def test_curves_of_every_order_cost_few_digits():
    array = normal(4)
    gradient = numeric_gradient(lambda: float(np.sum(np.exp(array))), array)
    assert_close([gradient], [np.exp(array)], 1e-9)


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "read-only"])
def test_entries_are_put_back_bit_for_bit_in_any_layout(layout):
    array = LAYOUTS[layout](0.1 * normal(3, 2))
    before = fingerprint(array)
    gradient = numeric_gradient(lambda: float(np.sum(array**2)), array)
    assert fingerprint(array) == before
    assert_close([gradient], [2 * array], 1e-9)


def test_along_a_straight_line_it_is_exact_to_the_last_bit():
    array = np.array([0.1, 1e3 / 3, -1e9 / 7])
    assert numeric_gradient(lambda: float(array[0]), array).tolist() == [1.0, 0.0, 0.0]
    assert numeric_gradient(lambda: float(array[1]), array).tolist() == [0.0, 1.0, 0.0]
    assert numeric_gradient(lambda: float(array[2]), array).tolist() == [0.0, 0.0, 1.0]


def test_entries_are_put_back_after_an_error():
    array, calls = np.array([0.1, 0.2]), []

    def fail_at_last():
        calls.append(array.tolist())
        if len(calls) == 4:
            raise KeyError
        return 0.0

    with pytest.raises(KeyError):
        numeric_gradient(fail_at_last, array)
    assert array.tolist() == [0.1, 0.2]


def test_one_entry_moves_at_a_time_by_the_same_step_to_both_sides():
    array, seen = np.array([0.5, 100.0]), []
    numeric_gradient(lambda: seen.append(array - [0.5, 100.0]) or 0.0, array)
    step = np.finfo(float).eps ** (1 / 3)
    assert_close(seen, [[step, 0.0], [-step, 0.0], [0.0, 100 * step], [0.0, -100 * step]], 1e-12)


def test_an_entry_that_is_not_a_number_has_no_derivative():
    array = np.array([np.nan, 1.0])
    with np.errstate(invalid="ignore"):
        gradient = numeric_gradient(lambda: float(np.sum(array)), array)
    assert np.isnan(gradient).all()


@pytest.mark.parametrize("array", [np.zeros(2, np.float32), np.zeros(2, int), [1.0, 2.0], 1.0], ids=repr)
def test_only_a_float64_array_can_be_varied(array):
    with pytest.raises(DtypeError, match="numeric_gradient needs array"):
        numeric_gradient(lambda: 0.0, array)


def test_an_array_that_cannot_be_written_cannot_be_varied():
    with pytest.raises(LegonetError, match="numeric_gradient needs array"):
        numeric_gradient(lambda: 0.0, LAYOUTS["read-only"](normal(2)))
