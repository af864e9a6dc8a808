import mpmath
import numpy as np
import pytest
from hypothesis import strategies as st

from legonet import LogSoftmax, ShapeError
from legonet.testing import brick_test
from strategies import LAYOUTS, assert_close, both_passes, normal, normals

log_softmax = LogSoftmax()

EQUIVALENT = {
    "LogSoftmax.backward: np.asarray(dy - np.exp(y) * wide_sum(dy)[..., np.newaxis], y.dtype)"
    " → dy - np.exp(y) * wide_sum(dy)[..., np.newaxis]": "it tells apart float16 alone, which has a test of its own",
    "LogSoftmax.backward: y → dy (2)": "y and dy have the same dtype",
}


@st.composite
def cases(draw, dtype=np.float64):
    x = draw(normals(dtype, draw(st.integers(2, 3))))
    return LogSoftmax(), (x * dtype(draw(st.sampled_from([1, 1, 30]))),)


test_its_derivative = brick_test(LogSoftmax, "(batch, ..., classes)", independent_rows=True)


def test_the_numbers_worked_by_hand():
    y, cache = log_softmax.forward(np.log([[1.0, 3.0], [2.0, 2.0]]))
    np.testing.assert_allclose(np.exp(y), [[0.25, 0.75], [0.5, 0.5]], rtol=1e-15)
    dx = log_softmax.backward(np.array([[4.0, 0.0], [1.0, 3.0]]), cache)
    np.testing.assert_allclose(dx, [[3.0, -3.0], [-1.0, 1.0]], rtol=1e-14)


@pytest.mark.parametrize("distance", [1.0, 37.0, 40.0, 600.0, 745.0])
def test_a_share_that_rounds_to_1_still_has_its_logarithm(distance):
    y = log_softmax(np.array([[0.0, -distance]]))
    with mpmath.workdps(400):
        wanted = [float(-mpmath.log1p(mpmath.exp(-distance))), float(-distance - mpmath.log1p(mpmath.exp(-distance)))]
    np.testing.assert_allclose(y, [wanted], rtol=1e-15, atol=5e-324)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("classes", [1, 2, 10, 32, 33, 100])
@pytest.mark.parametrize("scale", [1, 5, 30])
def test_logarithms_are_exact_to_a_few_digits_of_the_last_place(dtype, classes, scale):
    x = (scale * normal(5, classes)).astype(dtype)
    y = log_softmax(x)
    with mpmath.workdps(40):
        for row, logarithms in zip(x.tolist(), y.tolist(), strict=True):
            true = [float(-mpmath.log(sum(mpmath.exp(other - entry) for other in row))) for entry in row]
            eps = float(np.finfo(dtype).eps)
            spread = max(row) - min(row)
            np.testing.assert_allclose(logarithms, true, rtol=4 * eps, atol=spread * eps / 2)


def test_the_largest_numbers_ties_and_masked_entries_have_their_logarithms():
    x = np.array([[1e308, 1e308], [-1e308, -np.inf], [0.0, -np.inf], [1e307, 0.0], [5.0, 5.0]])
    half = -np.log(2)
    wanted = [[half, half], [0.0, -np.inf], [0.0, -np.inf], [0.0, -1e307], [half, half]]
    np.testing.assert_allclose(log_softmax(x), wanted, rtol=1e-15)


def test_masked_entries_take_no_part_in_the_gradient():
    x, dy = np.array([[1.0, -np.inf, 3.0]]), np.array([[2.0, 0.0, 5.0]])
    dx = log_softmax.backward(dy, log_softmax(x))
    np.testing.assert_allclose(dx[:, ::2], log_softmax.backward(dy[:, ::2], log_softmax(x[:, ::2])), rtol=1e-15)
    assert dx[0, 1] == 0.0


@pytest.mark.parametrize("row", [[-np.inf, -np.inf], [np.inf, 0.0], [np.inf, np.inf], [np.nan, 0.0]])
def test_a_row_without_a_softmax_is_not_a_number_and_leaves_the_others_alone(row):
    y = log_softmax(np.array([row, [0.0, 0.0]]))
    assert np.isnan(y[0]).all()
    assert np.exp(y[1]).tolist() == [0.5, 0.5]


def test_the_cache_is_the_output_itself():
    y, cache = log_softmax.forward(normal(2, 3))
    assert cache is y


def test_the_upstream_gradients_of_very_many_classes_of_float16_may_sum_to_more_than_it_can_hold():
    y, cache = log_softmax.forward(np.zeros((2, 70000), np.float16))
    dx = log_softmax.backward(np.ones_like(y), cache)
    assert dx.dtype == np.float16
    np.testing.assert_allclose(dx, 0.0, atol=5e-3)  # Σ e^y of rounded y is 1 to three digits


@pytest.mark.parametrize("shape", [(3,), ()])
def test_x_without_rows_is_refused(shape):
    with pytest.raises(ShapeError, match=r"LogSoftmax\(\) needs x of shape \(batch, ..., classes\), but x has shape"):
        log_softmax.forward(np.zeros(shape))


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("classes", [4, 40])
def test_the_layout_in_memory_changes_nothing(classes, layout):
    x, dy = normal(5, classes, seed=1), normal(5, classes, seed=2)
    assert_close(both_passes(log_softmax, (layout(x),), layout(dy)), both_passes(log_softmax, (x,), dy), 1e-14)


@pytest.mark.parametrize("classes", [3, 32, 33, 50])
def test_each_row_along_the_last_axis_stands_for_itself(classes):
    x = normal(2, 3, classes)
    y = log_softmax(x)
    for place in np.ndindex(2, 3):
        np.testing.assert_allclose(y[place], log_softmax(x[place][None])[0], rtol=1e-14)
