import mpmath
import numpy as np
import pytest
from hypothesis import strategies as st

from legonet import ShapeError, Softmax
from legonet.testing import brick_test
from strategies import LAYOUTS, assert_close, both_passes, normal, normals

softmax = Softmax()

EQUIVALENT = {
    "Softmax.backward: np.asarray(y * (dy - wide_sum(dy * y)[..., np.newaxis]), y.dtype)"
    " → y * (dy - wide_sum(dy * y)[..., np.newaxis])": "it tells apart float16 alone, which has a test of its own",
    "Softmax.backward: y → dy (3)": "y and dy have the same dtype",
}


@st.composite
def cases(draw, dtype=np.float64):
    x = draw(normals(dtype, draw(st.integers(2, 3))))
    return Softmax(), (x * dtype(draw(st.sampled_from([1, 1, 30]))),)


test_its_derivative = brick_test(Softmax, "(batch, ..., classes)", independent_rows=True)


def test_the_numbers_worked_by_hand():
    y, cache = softmax.forward(np.log([[1.0, 3.0], [2.0, 2.0]]))
    np.testing.assert_allclose(y, [[0.25, 0.75], [0.5, 0.5]], rtol=1e-15)
    dx = softmax.backward(np.array([[4.0, 0.0], [1.0, 1.0]]), cache)
    np.testing.assert_allclose(dx, [[0.75, -0.75], [0.0, 0.0]], rtol=1e-15)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("classes", [1, 2, 10, 32, 33, 100])
@pytest.mark.parametrize("scale", [1, 5, 30])
def test_shares_are_exact_to_a_few_digits_of_the_last_place_and_sum_to_1(dtype, classes, scale):
    x = (scale * normal(5, classes)).astype(dtype)
    y = softmax(x)
    with mpmath.workdps(40):
        for row, shares in zip(x.tolist(), y.tolist(), strict=True):
            e = [mpmath.exp(entry) for entry in row]
            total = sum(e)
            true = [float(entry / total) for entry in e]
            tiny = float(np.finfo(dtype).smallest_subnormal)
            # The shift x - m is rounded: an error of half an ulp of its size, relative to y.
            tolerance = (4 + max(abs(entry - max(row)) for entry in row) / 2) * float(np.finfo(dtype).eps)
            np.testing.assert_allclose(shares, true, rtol=tolerance, atol=tiny)
    np.testing.assert_allclose(y.sum(axis=-1, dtype=float), 1, rtol=10 * float(np.finfo(dtype).eps))


def test_the_largest_numbers_ties_and_masked_entries_have_their_shares():
    x = np.array(
        [[1e308, -1e308, 1e308], [-1e308, -1e308, -np.inf], [0.0, -np.inf, -np.inf], [1e308, 0.0, -np.inf]],
    )
    wanted = [[0.5, 0.0, 0.5], [0.5, 0.5, 0.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]
    y, cache = softmax.forward(x)
    assert y.tolist() == wanted
    dx = softmax.backward(np.full((4, 3), 7.0), cache)
    assert dx.tolist() == np.zeros((4, 3)).tolist()


@pytest.mark.parametrize("row", [[-np.inf, -np.inf], [np.inf, 0.0], [np.inf, np.inf], [np.nan, 0.0]])
def test_a_row_without_a_softmax_is_not_a_number_and_leaves_the_others_alone(row):
    y = softmax(np.array([row, [0.0, 0.0]]))
    assert np.isnan(y[0]).all()
    assert y[1].tolist() == [0.5, 0.5]


def test_the_cache_is_the_output_itself():
    y, cache = softmax.forward(normal(2, 3))
    assert cache is y


def test_the_upstream_gradients_of_float16_may_sum_to_more_than_it_can_hold():
    y = softmax(np.zeros((1, 70000), np.float16))  # of rounded shares, which sum to 1.0014
    dx = softmax.backward(np.full_like(y, 65504.0), y)
    assert dx.dtype == np.float16
    np.testing.assert_allclose(dx, 65504 / 70000 * (1 - y.sum(dtype=float)), atol=1e-4)


@pytest.mark.parametrize("shape", [(3,), ()])
def test_x_without_rows_is_refused(shape):
    with pytest.raises(ShapeError, match=r"Softmax\(\) needs x of shape \(batch, ..., classes\), but x has shape"):
        softmax.forward(np.zeros(shape))


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("classes", [4, 40])
def test_the_layout_in_memory_changes_nothing(classes, layout):
    x, dy = normal(5, classes, seed=1), normal(5, classes, seed=2)
    assert_close(both_passes(softmax, (layout(x),), layout(dy)), both_passes(softmax, (x,), dy), 1e-14)


@pytest.mark.parametrize("classes", [3, 32, 33, 50])
def test_each_row_along_the_last_axis_stands_for_itself(classes):
    x = normal(2, 3, classes)
    y = softmax(x)
    for place in np.ndindex(2, 3):
        np.testing.assert_allclose(y[place], softmax(x[place][None])[0], rtol=1e-14)
