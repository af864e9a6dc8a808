import mpmath
import numpy as np
import pytest

from elementwise import SlopeFromInputTests
from legonet import ELU, OptionError
from legonet.testing import brick_test
from strategies import elementwise_cases

cases = elementwise_cases(ELU, alpha=[1.0, 0.5])

EQUIVALENT = {
    "ELU.backward: 0.0 → 1.0 (2)": "above 0 it is multiplied by 0",
    "ELU.backward: x > 0.0 → x >= 0.0": "at 0, where it makes a difference, either slope is right",
}

test_its_derivative = brick_test(ELU, "(batch, ...)", options={"alpha": [1.0, 0.5, 2.0]}, independent_rows=True)


class TestELU(SlopeFromInputTests):
    brick = ELU()
    ends, slope_ends = (-1.0, np.inf), (0.0, 1.0)
    slope_ulp = 2

    @staticmethod
    def exact(x):
        return x if x > 0 else mpmath.expm1(x)

    @staticmethod
    def exact_slope(x):
        return mpmath.mpf(1) if x > 0 else mpmath.exp(x)


def test_the_numbers_worked_by_hand():
    y, cache = ELU(alpha=2.0).forward(np.array([[3.0, -np.log(2)], [0.0, -np.log(4)]]))
    np.testing.assert_allclose(y, [[3.0, -1.0], [0.0, -1.5]], rtol=1e-15)
    dx = ELU(alpha=2.0).backward(np.array([[2.0, 3.0], [4.0, -5.0]]), cache)
    np.testing.assert_allclose(dx, [[2.0, 3.0], [8.0, -2.5]], rtol=1e-15)


@pytest.mark.parametrize("alpha", [0, -0.1, np.inf, "1", None, True])
def test_an_alpha_that_is_none_is_refused(alpha):
    with pytest.raises(OptionError, match="ELU needs alpha as a finite number > 0, but alpha is"):
        ELU(alpha=alpha)


def test_it_prints_as_it_is_written():
    assert repr(ELU()) == "ELU(alpha=1)"
