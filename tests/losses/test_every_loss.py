"""What holds for every loss."""

import numpy as np
import pytest

from legonet import DtypeError, OptionError, RangeError, losses

LOSSES = [getattr(losses, name)() for name in losses.__all__]
every_loss = pytest.mark.parametrize("loss", LOSSES, ids=repr)


def example(dtype=np.float64):
    rng = np.random.default_rng(0)
    return rng.normal(size=(4, 3)).astype(dtype), rng.dirichlet(np.ones(3), 4).astype(dtype)


@every_loss
@pytest.mark.parametrize("dloss", ["1", None, [1.0], np.ones(4), True], ids=repr)
def test_an_upstream_gradient_that_is_no_number_is_refused(loss, dloss):
    cache = loss.forward(*example())[1]
    with pytest.raises(OptionError, match="needs dloss as a number, but dloss is"):
        loss.backward(dloss, cache)


@every_loss
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("dloss", [3.0, 3, np.float64(3.0), np.float32(3.0)], ids=repr)
def test_the_gradient_has_the_dtype_of_y_whatever_number_dloss_is(loss, dtype, dloss):
    value, cache = loss.forward(*example(dtype))
    dy = loss.backward(dloss, cache)
    assert type(value) is float
    assert dy.dtype == dtype
    np.testing.assert_allclose(dy, 3 * loss.backward(1.0, cache), rtol=4 * np.finfo(dtype).eps)


@every_loss
def test_it_sums_over_the_outputs_and_averages_over_the_rows(loss):
    y, target = example()
    twice = loss(np.vstack([y, y]), np.vstack([target, target]))
    assert twice == pytest.approx(loss(y, target), rel=1e-14)


@every_loss
@pytest.mark.parametrize("bad", [[[1.0]], None, 1.0, "ab", np.ma.ones((4, 3)), np.ones((4, 3), complex)])
def test_what_is_no_plain_array_is_refused(loss, bad):
    y, target = example()
    with pytest.raises(DtypeError, match=" needs y "):
        loss.forward(bad, target)
    with pytest.raises(DtypeError, match=" needs target "):
        loss.forward(y, bad)


@every_loss
def test_a_target_of_another_dtype_is_refused(loss):
    y, target = example()
    with pytest.raises(DtypeError, match=r"needs target of dtype float64, but target has dtype float32: pass target\."):
        loss.forward(y, target.astype(np.float32))


@pytest.mark.parametrize("kind", [losses.BinaryCrossEntropyLoss, losses.CrossEntropyLoss, losses.KLDivergenceLoss])
def test_percents_for_probabilities_are_refused(kind):
    y, target = example()
    with pytest.raises(RangeError, match=r"needs target from 0 to 1, but target\[0, 0\] is"):
        kind().forward(y, target * 100)
