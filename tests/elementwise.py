"""What every elementwise brick is tested for: a test file derives one class from `ElementwiseTests`, and pytest runs it.

``class TestELU(ElementwiseTests): ...`` states the brick, its exact function and slope, and its ends.
"""

import inspect
from typing import Any, ClassVar

import numpy as np
import pytest

from legonet import Array, Brick
from strategies import LAYOUTS, normal
from ulp import EVERY_FLOAT16, WORST_POINTS, absolute_error, error_in_ulp, float16_error_in_ulp, points

FLOAT64 = pytest.mark.parametrize("x", [WORST_POINTS, points(np.float64)], ids=["worst points", "all exponents"])


def finite_points(dtype: Any) -> Array:
    """Return numbers of all exponents, or every finite float16."""
    return points(dtype) if dtype != np.float16 else EVERY_FLOAT16[np.isfinite(EVERY_FLOAT16)]


def unsilenced_passes(brick: Brick[Any], x: Array) -> tuple[Array, Array]:
    """Return y and the slope, without what keeps NumPy's warnings silent in both passes."""
    y, cache = inspect.unwrap(type(brick).forward)(brick, x)
    return y, inspect.unwrap(type(brick).backward)(brick, np.ones_like(y), cache)


class ElementwiseTests:
    """The tests that elementwise bricks have in common."""

    brick: ClassVar[Brick[Any]]
    ends: ClassVar[tuple[float, float]]
    """What y is at -infinity and at infinity."""
    slope_ends: ClassVar[tuple[float, float]]
    """The same of the slope."""
    prints: ClassVar[str]

    @staticmethod
    def exact(x: Any) -> Any:
        """Return the true y of an mpmath number."""
        raise NotImplementedError

    @staticmethod
    def exact_slope(x: Any) -> Any:
        """Return the true slope."""
        raise NotImplementedError

    def slope(self, x: Array) -> Array:
        y, cache = self.brick.forward(x)
        return self.brick.backward(np.ones_like(y), cache)

    @FLOAT64
    def test_values_are_within_2_ulp_of_the_truth(self, x):
        assert error_in_ulp(self.brick, self.exact, x) <= 2

    @FLOAT64
    def test_slopes_are_within_4_ulp_of_the_truth(self, x):
        assert error_in_ulp(self.slope, self.exact_slope, x) <= 4

    def test_float32_values_and_slopes_are_within_4_ulp_of_the_truth(self):
        assert error_in_ulp(self.brick, self.exact, points(np.float32)) <= 4
        assert error_in_ulp(self.slope, self.exact_slope, points(np.float32)) <= 4

    def test_every_float16_value_is_within_2_ulp_of_the_truth_and_every_slope_within_4(self):
        assert float16_error_in_ulp(self.brick) <= 2
        assert float16_error_in_ulp(self.slope) <= 4

    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
    def test_no_finite_number_gives_a_warning(self, dtype):
        x = finite_points(dtype)
        y, dx = unsilenced_passes(self.brick, x)
        assert y.dtype == dx.dtype == dtype
        assert np.isfinite(y).all()
        assert np.isfinite(dx).all()

    def test_not_a_number_stays_one_and_infinity_gives_the_ends(self):
        x = np.array([np.nan, -np.inf, np.inf])
        np.testing.assert_array_equal(self.brick(x), [np.nan, *self.ends])
        np.testing.assert_array_equal(self.slope(x), [np.nan, *self.slope_ends])

    def test_not_a_number_comes_from_nothing_else_in_every_float16(self):
        with np.errstate(invalid="ignore"):  # half of the NaNs are signaling ones, which only raw bits can make
            y, dx = self.brick(EVERY_FLOAT16), self.slope(EVERY_FLOAT16)
        np.testing.assert_array_equal(np.isnan(y), np.isnan(EVERY_FLOAT16))
        np.testing.assert_array_equal(np.isnan(dx), np.isnan(EVERY_FLOAT16))

    @pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
    def test_the_layout_in_memory_changes_nothing(self, layout):
        x, dy = normal(5, 4, seed=1), normal(5, 4, seed=2)
        y, cache = self.brick.forward(layout(x))
        np.testing.assert_allclose(y, self.brick(x), rtol=1e-15)
        dx = self.brick.backward(layout(dy), layout(cache))
        np.testing.assert_allclose(dx, dy * self.slope(x), rtol=1e-15)

    def test_a_batch_may_be_empty(self):
        y, cache = self.brick.forward(np.zeros((0, 3)))
        assert y.shape == self.brick.backward(y, cache).shape == (0, 3)

    def test_it_prints_as_it_is_written(self):
        assert repr(self.brick) == self.prints


class OutputSlopeTests(ElementwiseTests):
    """The same for a brick whose slope is written from its output, exact to one eps of 1, not relative to itself."""

    @FLOAT64
    def test_slopes_are_within_4_ulp_of_the_truth(self, x):
        pytest.skip("it is written from the output")

    @FLOAT64
    def test_the_slope_is_within_one_eps_of_the_truth(self, x):
        assert absolute_error(self.slope, self.exact_slope, x) <= 1

    def test_the_cache_is_the_output_itself(self):
        y, cache = self.brick.forward(normal(2, 3))
        assert cache is y
