import inspect
import platform
import subprocess
import sys

import numpy as np
import pytest

from legonet import DtypeError, LegonetError, RangeError, ShapeError, check_array
from legonet.arrays import ROWS, brief, check_indices, check_probabilities, classes_first, ones, quiet, rows
from strategies import assert_close, normal

ZEROS = np.zeros((7, 4))


@pytest.mark.parametrize(
    ("shape", "needed"),
    [
        ((7, 4), (7, 4)),
        ((7, 4), ("batch", 4)),
        ((7, 4), ("batch", "features")),
        ((7, 4), (7, "features")),
        ((7, 4), (7, ...)),
        ((7, 4), ("batch", ...)),
        ((7, 4), ("batch", 4, ...)),
        ((7, 4, 2, 2), ("batch", 4, ...)),
        ((7,), ("batch",)),
        ((), ()),
        ((), (...,)),
        ((7, 4), (...,)),
        ((0, 4), ("batch", 4)),
        ((7, 0), ("batch", 0)),
        ((7,), ROWS),
        ((7, 4, 2), ROWS),
    ],
)
def test_a_fitting_shape_passes(shape, needed):
    assert check_array("it", "x", np.zeros(shape), needed) is None


@pytest.mark.parametrize(
    ("shape", "needed", "message"),
    [
        ((7, 4), ("batch", 5), "it needs x of shape (batch, 5), but x has shape (7, 4)"),
        ((7,), (), "it needs x of shape (), but x has shape (7,)"),
        ((7, 4), (8, 4), "it needs x of shape (8, 4), but x has shape (7, 4)"),
        ((7, 4), (8, "features"), "it needs x of shape (8, features), but x has shape (7, 4)"),
        ((7, 4), ("batch",), "it needs x of shape (batch,), but x has shape (7, 4)"),
        ((7,), ("batch", 4), "it needs x of shape (batch, 4), but x has shape (7,)"),
        ((7,), ("batch", 1), "it needs x of shape (batch, 1), but x has shape (7,): pass x.reshape(-1, 1)"),
        ((7,), (7, 1), "it needs x of shape (7, 1), but x has shape (7,): pass x.reshape(-1, 1)"),
        ((7, 4), ("batch", 4, 1), "it needs x of shape (batch, 4, 1), but x has shape (7, 4)"),
        ((7, 1), ("batch",), "it needs x of shape (batch,), but x has shape (7, 1): pass x.reshape(-1)"),
        ((), ROWS, "it needs x of shape (batch, ...), but x has shape ()"),
        ((7,), ("batch", 4, ...), "it needs x of shape (batch, 4, ...), but x has shape (7,)"),
        ((7, 5, 2), ("batch", 4, ...), "it needs x of shape (batch, 4, ...), but x has shape (7, 5, 2)"),
        ((7, 4), (), "it needs x of shape (), but x has shape (7, 4)"),
    ],
)
def test_another_shape_is_refused_with_both_shapes_and_a_hint_if_there_is_one(shape, needed, message):
    with pytest.raises(ShapeError) as caught:
        check_array("it", "x", np.zeros(shape), needed)
    assert str(caught.value) == message


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble, ">f8"])
def test_any_floats_pass_when_no_dtype_is_asked_for(dtype):
    assert check_array("it", "x", np.zeros((2, 2), dtype)) is None


@pytest.mark.parametrize("dtype", [np.float32, "f4", np.dtype("f4"), np.int64])
def test_the_dtype_asked_for_passes(dtype):
    assert check_array("it", "x", np.zeros((2, 2), dtype), dtype=dtype) is None


@pytest.mark.parametrize(
    ("dtype", "needed", "message"),
    [
        (int, None, "x of a floating-point dtype, but x has dtype int64: pass x.astype(numpy.float64)"),
        (bool, None, "x of a floating-point dtype, but x has dtype bool: pass x.astype(numpy.float64)"),
        (complex, None, "x of a floating-point dtype, but x has dtype complex128: it must hold real numbers"),
        (object, None, "x of a floating-point dtype, but x has dtype object: it must hold real numbers"),
        ("U1", None, "x of a floating-point dtype, but x has dtype <U1: it must hold real numbers"),
        ("M8[s]", None, "x of a floating-point dtype, but x has dtype datetime64[s]: it must hold real numbers"),
        (np.float64, np.float32, "x of dtype float32, but x has dtype float64: pass x.astype(numpy.float32)"),
        (">f8", np.float64, "x of dtype float64, but x has dtype >f8: pass x.astype(numpy.float64)"),
        (np.float64, np.int64, "x of dtype int64, but x has dtype float64: pass x.astype(numpy.int64)"),
    ],
)
def test_other_numbers_are_refused_with_both_dtypes_and_a_hint(dtype, needed, message):
    with pytest.raises(DtypeError) as caught:
        check_array("it", "x", np.zeros((2, 2), dtype), dtype=needed)
    assert str(caught.value) == f"it needs {message}"


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ([1.0], "list"),
        ((1.0,), "tuple"),
        (None, "NoneType"),
        (1.0, "float"),
        (np.float64(1.0), "float64"),
        ("ab", "str"),
    ],
)
def test_what_is_no_array_is_refused_with_the_way_to_make_it_one(value, kind):
    with pytest.raises(DtypeError) as caught:
        check_array("it", "x", value, dtype=np.float32)
    hint = ": pass numpy.asarray(x, dtype=numpy.float32)" if isinstance(value, list | tuple) else ""
    assert str(caught.value) == f"it needs x as a NumPy array, but x is a {kind}{hint}"


@pytest.mark.parametrize("kind", [np.ma.MaskedArray, np.matrix, type("Mine", (np.ndarray,), {})])
def test_an_array_with_a_meaning_of_its_own_is_refused(kind):
    with pytest.raises(DtypeError, match=f"it needs x as a plain NumPy array, but x is a {kind.__name__}"):
        check_array("it", "x", ZEROS.view(kind))


def test_a_memory_mapped_array_is_a_plain_one():
    assert check_array("it", "x", ZEROS.view(np.memmap), ("batch", 4)) is None


def test_the_first_thing_wrong_is_named_the_kind_before_the_shape():
    with pytest.raises(DtypeError):
        check_array("it", "x", np.zeros(3, int), ("batch", 4))


def test_a_long_message_is_cut():
    who, name = "brick " * 100, "x"
    for bad in (np.zeros((1,) * 60), np.zeros(2, [(f"field{n}", int) for n in range(100)])):
        with pytest.raises((ShapeError, DtypeError)) as caught:
            check_array(who, name, bad, tuple(range(100)))
        assert len(str(caught.value)) <= 300


def test_who_may_be_anything_that_prints():
    with pytest.raises(ShapeError, match=r"^\[1, 2\] needs"):
        check_array([1, 2], "x", np.zeros(()))


def difference(left, right):
    """Subtract."""
    return left - right


INFINITE = np.array([np.inf])


def test_quiet_silences_a_function_and_nothing_around_it():
    assert np.isnan(quiet(difference)(INFINITE, INFINITE))
    with pytest.raises(FloatingPointError):
        difference(INFINITE, INFINITE)


def test_quiet_is_silent_about_overflow_but_not_about_a_division_by_zero():
    assert quiet(lambda a: a * a)(np.array([1e200])) == np.inf
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        quiet(lambda a, b: a / b)(np.ones(1), np.zeros(1))


def test_quiet_leaves_the_settings_as_they_were_even_after_an_error():
    before = np.geterr()

    @quiet
    def fail(a):
        np.seterr(all="warn")
        raise KeyError(a)

    with pytest.raises(KeyError):
        fail(1)
    assert np.geterr() == before


def test_quiet_functions_may_call_each_other():
    outer = quiet(lambda a, b, c: quiet(difference)(a, b) * c)
    assert np.isnan(outer(INFINITE, INFINITE, 0.0))


class Method:
    """Its arguments have the very names that a wrapper might choose for its own."""

    @quiet
    def call(self, a, b=2):
        return self, a, b


def test_quiet_takes_arguments_by_place_or_name_whatever_they_are_called():
    method = Method()
    assert quiet(lambda c: c)(1) == 1
    assert quiet(difference)(5, 3) == quiet(difference)(5, right=3) == 2
    assert method.call(1) == (method, 1, 2)
    assert method.call(1, 3) == method.call(1, b=3) == method.call(b=3, a=1) == (method, 1, 3)


def test_quiet_takes_any_number_of_arguments():
    total = quiet(lambda *numbers, start=0.0: sum(numbers, start=start))
    for count in range(1, 7):
        assert total(*range(count)) == sum(range(count))
    assert total(1, 2, 3, 4, 5, start=10) == 25
    assert np.isnan(total(INFINITE, -INFINITE, INFINITE, -INFINITE))


def test_quiet_takes_none_as_an_argument():
    assert quiet(lambda a, b, c: (a, b, c))(None, None, None) == (None, None, None)


def test_quiet_keeps_name_docstring_and_signature():
    silent = quiet(difference)
    assert (silent.__name__, silent.__doc__) == ("difference", "Subtract.")
    assert str(inspect.signature(silent)) == "(left, right)"


@pytest.mark.parametrize("arguments", [(), (1,), (1, 2, 3), (1, 2, 3, 4)], ids=len)
def test_quiet_with_a_wrong_number_of_arguments_is_a_type_error(arguments):
    with pytest.raises(TypeError):
        quiet(difference)(*arguments)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("size", [0, 1, 5])
def test_ones_are_ones_made_once_and_cannot_be_written(size, dtype):
    vector = ones(size, np.dtype(dtype))
    assert vector.tolist() == [1.0] * size
    assert vector.dtype == dtype
    assert not vector.flags.writeable
    assert ones(size, np.dtype(dtype)) is vector


def test_brief_cuts_long_texts_to_the_width():
    assert brief("abc") == "abc"
    assert brief([1, 2]) == "[1, 2]"
    assert brief("x" * 50) == "x" * 50
    assert brief("x" * 51) == "x" * 47 + "..."
    assert brief("abcdefgh", 6) == "abc..."


@pytest.mark.parametrize("shape", [(2, 5), (2, 3, 5), (0, 3, 4, 5)])
def test_axes_in_the_middle_may_be_any(shape):
    check_array("it", "x", np.zeros(shape), ("batch", ..., 5))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((5,), "it needs x of shape (batch, ..., 5), but x has shape (5,)"),
        ((2, 4), "it needs x of shape (batch, 5), but x has shape (2, 4)"),
        ((2, 3, 4), "it needs x of shape (batch, ..., 5), but x has shape (2, 3, 4)"),
    ],
)
def test_axes_in_the_middle_are_named_in_the_message_where_there_are_any(shape, message):
    with pytest.raises(ShapeError) as caught:
        check_array("it", "x", np.zeros(shape), ("batch", ..., 5))
    assert str(caught.value) == message


@pytest.mark.parametrize("dtype", [np.int8, np.uint64, np.intp])
def test_whole_numbers_below_the_bound_pass_as_indices(dtype):
    check_indices("it", "x", np.array([[0, 4], [2, 2]], dtype), ("batch", "time"), 5)
    check_indices("it", "x", np.zeros((0, 3), dtype), ("batch", "time"), 0)


@pytest.mark.parametrize(
    ("array", "error", "message"),
    [
        (np.array([0, 5]), RangeError, "it needs x from 0 to 4, but x[1] is 5"),
        (np.array([0, -1]), RangeError, "it needs x from 0 to 4, but x[1] is -1"),
        (
            np.array([0.0]),
            DtypeError,
            "it needs x of whole numbers, but x has dtype float64: pass x.astype(numpy.intp)",
        ),
        (np.array([True]), DtypeError, "it needs x of whole numbers, but x has dtype bool: pass x.astype(numpy.intp)"),
        ([1, 2], DtypeError, "it needs x as a NumPy array, but x is a list: pass numpy.asarray(x, dtype=numpy.int64)"),
        (np.array([[1]]), ShapeError, "it needs x of shape (batch,), but x has shape (1, 1)"),
        (np.ma.array([1]), DtypeError, "it needs x as a plain NumPy array, but x is a MaskedArray: pass a plain array"),
    ],
    ids=str,
)
def test_other_indices_are_refused(array, error, message):
    with pytest.raises(error) as caught:
        check_indices("it", "x", array, ("batch",), 5)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("dtype", ["i1", "i2", "i8", ">i4", "u1", "u8"])
def test_an_index_at_either_end_of_its_dtype_is_refused(dtype):
    ends = np.iinfo(dtype)
    for bad in {ends.max, ends.min} - {0}:
        with pytest.raises(RangeError, match=rf"it needs x from 0 to 4, but x\[1\] is {bad}"):
            check_indices("it", "x", np.array([4, bad, 0], dtype), ("batch",), 5)


@pytest.mark.parametrize("bad", [-5e-324, 1 + 2**-52, -np.inf, np.inf])
def test_what_is_no_probability_is_refused_and_not_a_number_passes(bad):
    legal = np.array([[0.0, 1.0, np.nan], [5e-324, -0.0, 0.5]])
    check_probabilities("it", "x", legal, ("batch", 3))
    check_probabilities("it", "x", legal[:0])
    with pytest.raises(RangeError) as caught:
        check_probabilities("it", "x", np.where(legal == 0.5, bad, legal), ("batch", 3))
    assert str(caught.value) == f"it needs x from 0 to 1, but x[1, 2] is {bad}"


@pytest.mark.parametrize("classes", [0, 1, 31, 32, 40])
def test_classes_first_is_the_transpose_and_leaves_its_argument_alone(classes):
    x = normal(3, classes)
    np.testing.assert_array_equal(classes_first(x), x.T)


def test_without_a_legal_number_none_is_taken():
    with pytest.raises(RangeError, match=r"it needs no x at all, but x\[0\] is 0"):
        check_indices("it", "x", np.array([0]), ("batch",), 0)


@pytest.mark.parametrize("shape", [(2, 3), (2, 5, 3), (0, 4, 3), (2, 4, 0)])
def test_rows_are_a_matrix_of_the_last_axis(shape):
    array = normal(*shape)
    assert_close([rows(array)], [array.reshape(int(np.prod(shape[:-1])), shape[-1])], 0)


FAULTS = """
import resource
import numpy as np
from legonet import Conv2d, CrossEntropyLoss, Flatten, Linear, MaxPool2d, ReLU, SGD, Sequential
from legonet.training import backpropagate

first, second = (Conv2d(*channels, 3, padding=1, dtype="f4") for channels in ((1, 16), (16, 32)))
last = Linear(32 * 7 * 7, 10, dtype="f4")
net = Sequential(first, ReLU(), MaxPool2d(2), second, ReLU(), MaxPool2d(2), Flatten(), last)
sgd, x, target = SGD(net.parameters(), lr=0.1), np.zeros((32, 1, 28, 28), "f4"), np.zeros(32, int)
for number in range(20):
    if number == 10:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    backpropagate(net, CrossEntropyLoss(), x, target)
    sgd.step()
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 10)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is about the GNU C library")
def test_freed_memory_is_used_again_and_not_fetched_page_by_page():
    done = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True)  # noqa: S603
    assert float(done.stdout) < 500  # faults in a step: 1, or else some 2,000


@pytest.mark.parametrize(
    ("array", "shape", "dtype", "hint"),
    [
        (np.zeros((5, 1)), (5,), np.float64, "pass x.reshape(-1)"),
        (np.zeros((4, 2, 6, 6)), ("batch", ..., 72), np.float64, "put a Flatten() in front of it"),
        (np.array([2, 3]), (2, 3), np.bool_, "of lengths, numpy.arange(3) < x[:, None] makes one"),
        (
            (np.zeros(2), np.zeros(2)),
            ("batch", 2),
            np.float64,
            "it holds 2 arrays, as of a network with several",
        ),
    ],
    ids=["a column", "an image", "lengths", "several outputs"],
)
def test_a_usual_slip_gets_the_hint_that_mends_it(array, shape, dtype, hint):
    with pytest.raises(LegonetError) as caught:
        check_array("it", "x", array, shape, dtype)
    assert hint in str(caught.value)
