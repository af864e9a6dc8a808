"""What every elementwise brick is tested for.

A test file derives a class from one of those below, states the brick, what it computes and how exact it is, and pytest
runs the tests that the class inherits.
"""

import inspect
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest

from legonet import Array, Brick
from strategies import LAYOUTS, normal
from ulp import EVERY_FLOAT16, WORST_POINTS, absolute_error, error_in_ulp, float16_error_in_ulp, points

in_float64 = pytest.mark.parametrize("x", [WORST_POINTS, points(np.float64)], ids=["worst points", "all exponents"])


class ElementwiseTests:
    """The tests of any elementwise brick, but for the exactness of its slope."""

    brick: ClassVar[Brick[Any]]
    ends: ClassVar[tuple[float, float]]
    """y at -infinity and at infinity."""
    slope_ends: ClassVar[tuple[float, float]]
    slope_at_nan: ClassVar[float] = np.nan
    """Of a brick with two pieces one of their slopes will do: y is NaN, and so is what comes back as dy."""
    value_ulp: ClassVar[float] = 2
    """The largest error in units of the last place, for float64 and float16."""
    float32_ulp: ClassVar[float] = 4
    layout_tolerance: ClassVar[float] = 1e-15
    """Vectorised loops may round otherwise than those for single numbers."""

    exact: ClassVar[Callable[[Any], Any]]
    """The true y of an mpmath number, a static method."""
    exact_slope: ClassVar[Callable[[Any], Any]]
    """The true slope there, a static method."""

    def slope(self, x: Array) -> Array:
        y, cache = self.brick.forward(x)
        return self.brick.backward(np.ones_like(y), cache)

    @in_float64
    def test_values_are_within_a_few_ulp_of_the_truth(self, x):
        assert error_in_ulp(self.brick, self.exact, x) <= self.value_ulp

    def test_float32_values_are_within_a_few_ulp_of_the_truth(self):
        assert error_in_ulp(self.brick, self.exact, points(np.float32)) <= self.float32_ulp

    def test_every_float16_value_is_within_a_few_ulp_of_the_truth(self):
        assert float16_error_in_ulp(self.brick) <= self.value_ulp

    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
    def test_no_finite_number_gives_a_warning(self, dtype):
        """Both passes are run without what keeps NumPy silent; the tests let it raise."""
        finite = points(dtype) if dtype != np.float16 else EVERY_FLOAT16[np.isfinite(EVERY_FLOAT16)]
        kind = type(self.brick)
        y, cache = inspect.unwrap(kind.forward)(self.brick, finite)
        dx = inspect.unwrap(kind.backward)(self.brick, np.ones_like(y), cache)
        assert y.dtype == dx.dtype == dtype
        assert np.isfinite(y).all()
        assert np.isfinite(dx).all()

    def test_not_a_number_stays_one_and_infinity_gives_the_ends(self):
        x = np.array([np.nan, -np.inf, np.inf])
        np.testing.assert_array_equal(self.brick(x), [np.nan, *self.ends])
        np.testing.assert_array_equal(self.slope(x), [self.slope_at_nan, *self.slope_ends])

    def test_not_a_number_comes_from_nothing_else_in_every_float16(self):
        with np.errstate(invalid="ignore"):  # half of the NaNs are signaling ones, which only raw bits can make
            y, dx = self.brick(EVERY_FLOAT16), self.slope(EVERY_FLOAT16)
        np.testing.assert_array_equal(np.isnan(y), np.isnan(EVERY_FLOAT16))
        slope_is_nan = np.isnan(EVERY_FLOAT16) & np.isnan(self.slope_at_nan)
        np.testing.assert_array_equal(np.isnan(dx), slope_is_nan)

    @pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
    def test_the_layout_in_memory_changes_nothing(self, layout):
        x, dy = normal(5, 4, seed=1), normal(5, 4, seed=2)
        y, cache = self.brick.forward(layout(x))
        np.testing.assert_allclose(y, self.brick(x), rtol=self.layout_tolerance)
        dx = self.brick.backward(layout(dy), layout(cache))
        np.testing.assert_allclose(dx, dy * self.slope(x), rtol=self.layout_tolerance)

    def test_it_takes_the_other_byte_order_and_gives_the_native_one(self):
        x, dy = normal(4, 3), normal(4, 3, seed=1)
        y, cache = self.brick.forward(x.astype(x.dtype.newbyteorder()))
        dx = self.brick.backward(dy, cache)
        assert y.dtype == dx.dtype == np.float64
        np.testing.assert_allclose(y, self.brick(x), rtol=1e-15)
        np.testing.assert_allclose(dx, dy * self.slope(x), rtol=1e-15)

    def test_its_values_and_slopes_do_not_depend_on_the_number_of_axes(self):
        x = normal(2, 3, 2, 2)
        np.testing.assert_allclose(self.brick(x), self.brick(x.ravel()).reshape(x.shape), rtol=1e-15)
        np.testing.assert_allclose(self.slope(x), self.slope(x.ravel()).reshape(x.shape), rtol=1e-15)


class SlopeFromInputTests(ElementwiseTests):
    """The tests of a brick whose slope keeps its digits wherever it is small."""

    slope_ulp: ClassVar[float] = 4

    @in_float64
    def test_slopes_are_within_a_few_ulp_of_the_truth(self, x):
        assert error_in_ulp(self.slope, self.exact_slope, x) <= self.slope_ulp

    def test_float32_slopes_are_within_a_few_ulp_of_the_truth(self):
        assert error_in_ulp(self.slope, self.exact_slope, points(np.float32)) <= self.float32_ulp

    def test_every_float16_slope_is_within_a_few_ulp_of_the_truth(self):
        assert float16_error_in_ulp(self.slope) <= self.slope_ulp


class SlopeFromOutputTests(ElementwiseTests):
    """The tests of a brick whose slope is written from its output, as in the textbook: exact to one eps of 1."""

    @in_float64
    def test_the_slope_is_within_one_eps_of_the_truth(self, x):
        assert absolute_error(self.slope, self.exact_slope, x) <= 1

    def test_the_cache_is_the_output_itself(self):
        y, cache = self.brick.forward(normal(2, 3))
        assert cache is y
