import copy
import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from legonet import SGD, OptionError, Parameter
from legonet.optimizers import (
    Constant,
    CosineDecay,
    ExponentialDecay,
    LinearDecay,
    OneCycle,
    ReduceOnPlateau,
    Schedule,
    StepDecay,
    WarmUp,
)
from strategies import assert_close

SCHEDULES = [
    Constant(0.5),
    StepDecay(30, factor=0.5),
    ExponentialDecay(0.99),
    LinearDecay(100, end=0.1),
    CosineDecay(100, end=0.1),
    WarmUp(10, start=0.25),
    OneCycle(100, rise=0.25, start=0.1, end=0.01),
    WarmUp(10) * CosineDecay(100),
    WarmUp(10).then(StepDecay(5), at=10),
    0.5 * (WarmUp(10) * Constant(2)).then(LinearDecay(5) * 3, at=10.5),
]
every_schedule = pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
steps = st.one_of(st.integers(0, 200), st.floats(0, 200), st.sampled_from([0, 5e-324, 1e300, 10**9]))


@every_schedule
@given(steps)
def test_a_factor_is_a_finite_number_from_0_on(schedule, step):
    assert type(schedule(step)) is float
    assert 0 <= schedule(step) < math.inf


@every_schedule
@pytest.mark.parametrize("step", [-1, -1e-9, math.nan, math.inf, None, "3", True, np.zeros(2)])
def test_a_bad_step_is_refused(schedule, step):
    with pytest.raises(OptionError, match=r" needs step as a finite number >= 0, but step is "):
        schedule(step)


@every_schedule
def test_it_prints_as_it_is_written_and_can_be_copied(schedule):
    twin = eval(repr(schedule))  # noqa: S307 (its own words)
    for other in (twin, copy.deepcopy(schedule), pickle.loads(pickle.dumps(schedule))):  # noqa: S301 (its own dump)
        assert repr(other) == repr(schedule)
        assert [other(step) for step in range(200)] == [schedule(step) for step in range(200)]


@pytest.mark.parametrize(
    ("schedule", "wanted"),
    [
        (Constant(0.5), {0: 0.5, 7: 0.5}),
        (StepDecay(3), {0: 1, 2: 1, 2.9: 1, 3: 0.1, 5: 0.1, 6: 0.01}),
        (StepDecay(0.5, factor=0.5), {0: 1, 0.4: 1, 0.5: 0.5, 1: 0.25}),
        (ExponentialDecay(0.25), {0: 1, 0.5: 0.5, 1: 0.25, 2: 0.0625}),
        (LinearDecay(4, end=0.5), {0: 1, 1: 0.875, 2: 0.75, 4: 0.5, 5: 0.5}),
        (CosineDecay(6, end=0.5), {0: 1, 2: 0.875, 3: 0.75, 4: 0.625, 6: 0.5, 99: 0.5}),
        (WarmUp(4), {0: 0, 1: 0.25, 4: 1, 5: 1}),
        (WarmUp(4, start=0.5), {0: 0.5, 1: 0.625, 4: 1, 5: 1}),
        (OneCycle(11, rise=5 / 11, start=0.5, end=0.1), {0: 0.5, 2: 0.75, 4: 1, 7: 0.55, 10: 0.1, 11: 0.1}),
        (OneCycle(2, rise=0.1, start=0.5, end=0.1), {0: 1, 1: 0.1, 2: 0.1}),
        (OneCycle(1), {0: 1}),
        (WarmUp(2) * LinearDecay(4), {0: 0, 1: 0.375, 2: 0.5, 4: 0}),
        (2 * LinearDecay(4) * 3, {0: 6, 1: 4.5}),
        (np.float64(2) * LinearDecay(4) * np.float32(3), {0: 6, 1: 4.5}),
        (WarmUp(4).then(LinearDecay(2), at=2), {0: 0, 1: 0.25, 1.5: 0.375, 2: 1, 3: 0.5, 4: 0}),
        (Constant(3).then(Constant(2), at=0).then(Constant(1), at=5), {0: 2, 4: 2, 5: 1}),
        (Constant(3).then(LinearDecay(4).then(Constant(9), at=2), at=2), {1: 3, 2: 1, 3: 0.75, 4: 9}),
    ],
    ids=repr,
)
def test_factors_worked_by_hand(schedule, wanted):
    assert_close([schedule(step) for step in wanted], wanted.values(), 1e-14)


@given(st.integers(1, 300), st.floats(0.001, 0.999))
def test_one_cycle_rises_once_and_falls_once(steps, rise):
    values = [OneCycle(steps, rise=rise)(step) for step in range(steps + 3)]
    top = values.index(max(values))
    assert values == [*sorted(values[:top]), *sorted(values[top:], reverse=True)]
    assert values[-1] == (4e-6 if steps > 1 else 1.0)


def test_a_subclass_states_its_formula_and_composes():
    class Inverse(Schedule):
        def scale(self, step):
            return 1 / (1 + step)

    assert (0.5 * Inverse() * Inverse()).then(Inverse(), at=3)(1) == 0.125
    assert repr(WarmUp(3) * Inverse()).startswith("WarmUp(3, start=0) * <")


def test_an_optimizer_takes_the_rates_to_their_end():
    sgd, schedule = SGD([Parameter(np.zeros(1))], lr=0.1), 0.1 * WarmUp(2) * LinearDecay(4)
    rates = []
    for step in range(5):
        sgd.lr = schedule(step)
        rates.append(sgd.lr)
        sgd.step()
    assert_close(rates, [0.0, 0.0375, 0.05, 0.025, 0.0])


@pytest.mark.parametrize("other", [None, "2", True, [1], -1.0, math.nan, WarmUp])
def test_only_schedules_and_numbers_from_0_on_are_multiplied(other):
    for multiply in (lambda: WarmUp(3) * other, lambda: other * WarmUp(3)):
        with pytest.raises(OptionError, match=r"Constant needs value as a finite number >= 0, but value is "):
            multiply()


@pytest.mark.parametrize("other", [None, 1.0, "x", WarmUp])
def test_only_a_schedule_follows(other):
    with pytest.raises(OptionError, match=r"WarmUp\(3, start=0\) needs a Schedule that follows, but it is "):
        WarmUp(3).then(other, at=3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Constant(-1), "Constant needs value "),
        (lambda: StepDecay(0), "StepDecay needs every as a finite number > 0"),
        (lambda: StepDecay(1, factor=1.5), "StepDecay needs factor as a finite number > 0 and <= 1"),
        (lambda: StepDecay(1, factor=0), "StepDecay needs factor "),
        (lambda: ExponentialDecay(1.5), "ExponentialDecay needs factor "),
        (lambda: LinearDecay(0), "LinearDecay needs steps "),
        (lambda: LinearDecay(1, end=-1), "LinearDecay needs end "),
        (lambda: CosineDecay(math.nan), "CosineDecay needs steps "),
        (lambda: CosineDecay(1, end=None), "CosineDecay needs end "),
        (lambda: WarmUp(-1), "WarmUp needs steps "),
        (lambda: WarmUp(1, start="0"), "WarmUp needs start "),
        (lambda: OneCycle(0), "OneCycle needs steps as a whole number >= 1, but steps is 0"),
        (lambda: OneCycle(2.5), "OneCycle needs steps as a whole number"),
        (lambda: OneCycle(5, rise=1), "OneCycle needs rise as a finite number > 0 and < 1"),
        (lambda: OneCycle(5, start=-1), "OneCycle needs start "),
        (lambda: OneCycle(5, end=math.inf), "OneCycle needs end "),
        (lambda: WarmUp(3).then(WarmUp(3), at=-1), r"WarmUp\(3, start=0\) needs at as a finite number >= 0"),
        (lambda: ReduceOnPlateau(factor=1), "ReduceOnPlateau needs factor as a finite number > 0 and < 1"),
        (lambda: ReduceOnPlateau(patience=-1), "ReduceOnPlateau needs patience "),
        (lambda: ReduceOnPlateau(threshold=1), "ReduceOnPlateau needs threshold "),
        (lambda: ReduceOnPlateau(cooldown=0.5), "ReduceOnPlateau needs cooldown "),
        (lambda: ReduceOnPlateau(lowest=2), "ReduceOnPlateau needs lowest "),
        (lambda: ReduceOnPlateau()(None), "ReduceOnPlateau needs loss as a number"),
    ],
)
def test_a_bad_option_is_refused(make, message):
    with pytest.raises(OptionError, match=f"^{message}"):
        make()


def factors(losses, **options):
    plateau = ReduceOnPlateau(factor=0.5, **options)
    return [plateau(loss) for loss in losses]


def test_a_plateau_lowers_the_factor_when_patience_ends():
    assert factors([3, 2, 2, 2, 2, 2], patience=1) == [1, 1, 1, 0.5, 0.5, 0.25]
    assert factors([3, 3, 3], patience=0) == [1, 0.5, 0.25]
    assert factors([3, 2, 3, 1.9, 3, 1.8], patience=1) == [1] * 6


def test_a_small_gain_is_none():
    assert factors([100, 99.5, 98], patience=0, threshold=0.01) == [1, 0.5, 0.5]
    assert factors([-100, -100.5, -102], patience=0, threshold=0.01) == [1, 0.5, 0.5]
    assert factors([0, 0, -1e-300], patience=0, threshold=0.01) == [1, 0.5, 0.5]


def test_after_a_fall_it_waits():
    assert factors([1] * 8, patience=0, cooldown=2) == [1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125]


def test_it_falls_to_the_lowest():
    assert factors([1] * 5, patience=0, lowest=0.3) == [1, 0.5, 0.3, 0.3, 0.3]


def test_nan_and_infinity_are_no_better_and_do_not_spoil_the_best():
    assert factors([math.inf, math.nan, 5.0, math.nan, 4.0], patience=0) == [0.5, 0.25, 0.25, 0.125, 0.125]
    assert factors([math.inf, 1e308, 1e307], patience=0) == [0.5, 0.5, 0.5]
    assert factors([-math.inf, -math.inf], patience=0) == [1, 0.5]


def test_its_copy_remembers():
    plateau = ReduceOnPlateau(factor=0.5, patience=2, cooldown=1)
    for loss in (3.0, 3.0, 3.0):
        plateau(loss)
    for twin in (copy.deepcopy(plateau), pickle.loads(pickle.dumps(plateau))):  # noqa: S301 (its own dump)
        assert twin.best == 3.0
        assert twin.scale == 1.0
        assert twin(3.0) == 0.5
    assert plateau.scale == 1.0
    assert repr(plateau) == "ReduceOnPlateau(factor=0.5, patience=2, threshold=0.0001, cooldown=1, lowest=0)"
