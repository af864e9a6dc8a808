"""The check from the command line: what is printed, and whether it succeeded."""

import subprocess
import sys

import pytest

from legonet.testing.__main__ import load, main

BRICKS = """
import numpy as np
from legonet import Brick, Linear, Parameter

class Scale(Brick):
    def __init__(self, features, power=1, label="a"):
        self.scale = Parameter(np.ones(features))
        self.power = power
    def forward(self, x):
        return x * self.scale.value, x
    def backward(self, dy, x):
        self.scale.grad += (dy * x).sum(axis=0)
        return dy * self.scale.value * self.power

class Wrong(Scale):
    def backward(self, dy, x):
        self.scale.grad += (dy * x).sum(axis=0)
        return 2 * dy * self.scale.value

class Image(Brick):
    def forward(self, x):
        batch, channels, height, width = x.shape
        return x**2, x
    def backward(self, dy, x):
        return 2 * dy * x

class Product(Brick):
    def forward(self, left, right):
        return left * right, (left, right)
    def backward(self, dy, cache):
        return dy * cache[1], dy * cache[0]

class Ridge(Brick):
    def __init__(self, rows):
        self.weight = Parameter(np.ones(rows))
    def forward(self):
        return float(self.weight.value @ self.weight.value), None
    def backward(self, dloss, cache):
        self.weight.grad += 2 * dloss * self.weight.value

class Picky(Brick):
    def forward(self, x):
        raise ValueError("no")
    def backward(self, dy, x):
        return dy

class Blind(Brick):
    def forward(self, x):
        return x + 1e15, None
    def backward(self, dy, cache):
        return 50 * dy

class Called(Scale):
    def __call__(self, x):
        return x

class Box:
    ready = Linear(2, 3, rng=0)

ready = Linear(2, 3, rng=0)
number = 3
def build(n, rng):
    return Linear(n, 2, rng=rng)
def other():
    return 3
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    path = tmp_path / "my_bricks.py"
    path.write_text(BRICKS, encoding="utf-8")
    yield str(path)
    sys.modules.pop("my_bricks", None)


def run(capsys, *arguments):
    code = main(["--points", "30", *arguments])
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.parametrize(
    ("target", "arguments", "first"),
    [
        ("Scale", ["(batch, features)"], "Scale(): "),
        ("Scale", ["(batch, features)", "--option", "power=1", "--size", "features=2,3"], "Scale(): "),
        ("Scale", ["(batch, features)", "--size", "features=1..3", "--seed", "3"], "Scale(): "),
        ("ready", ["(batch, 2)"], "Linear(2, 3): "),
        ("Box.ready", ["(batch, 2)"], "Linear(2, 3): "),
        ("build", ["(batch, n)"], "Linear("),
        ("Product", ["(n,)", "(n,)"], "Product(): "),
        ("Called", ["(batch, features)", "--call-differs"], "Called(): "),
    ],
)
def test_a_right_brick_prints_its_report_and_succeeds(capsys, file, target, arguments, first):
    code, out, err = run(capsys, f"{file}:{target}", *arguments)
    assert (code, err) == (0, "")
    assert out.startswith(first)
    assert "derivatives are right, at " in out
    assert "inputs taken as" not in out


@pytest.mark.parametrize(
    ("target", "taken"),
    [
        ("Scale", "(batch, features)"),
        ("Image", "(batch, channels, height, width)"),
        ("Product", "(batch, n), (batch, n)"),
        ("build", "(batch, n)"),
    ],
)
def test_inputs_are_guessed_and_it_says_which(capsys, file, target, taken):
    code, out, _ = run(capsys, f"{file}:{target}")
    assert code == 0
    assert out.endswith(f"# inputs taken as {taken}\n")


def test_a_brick_without_inputs_needs_no_guess(capsys, file):
    code, out, _ = run(capsys, f"{file}:Ridge")
    assert code == 0
    assert "inputs taken as" not in out


def test_a_wrong_brick_prints_the_error_and_fails(capsys, file):
    code, out, err = run(capsys, f"{file}:Wrong", "(batch, features)")
    assert (code, err) == (1, "")
    assert out.startswith("Wrong(): backward gives dx[0, 0] = ")
    assert "brick = Wrong(features=1)" in out
    assert "from my_bricks import Wrong" in out


def test_an_option_that_is_wrong_is_found(capsys, file):
    code, out, _ = run(capsys, f"{file}:Scale", "(batch, features)", "--option", "power=1,2", "--option", "label=a,b")
    assert code == 1
    assert "power=2, label='" in out


@pytest.mark.parametrize(("target", "code"), [("Wrong", 1), ("Scale", 0)])
def test_the_short_form_is_one_line(capsys, file, target, code):
    found, out, _ = run(capsys, f"{file}:{target}", "--short")
    assert found == code
    assert out.count("\n") == 1


def test_what_rounding_hides_is_no_success(capsys, file):
    code, out, _ = run(capsys, f"{file}:Blind", "(1,)", "--points", "1")
    assert code == 1
    assert "not verified" in out


def test_a_module_is_found_by_its_name(capsys):
    code, out, _ = run(capsys, "legonet.bricks.linear:Linear", "(batch, in_features)", "--option", "bias=True,False")
    assert code == 0
    assert out.startswith("Linear(")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{file}"], "the target needs the form file.py:Name or module:Name"),
        (["{file}:"], "the target needs the form"),
        ([":Scale"], "the target needs the form"),
        (["nowhere.py:Scale"], "there is no file nowhere.py"),
        (["no_such_module:Scale"], "ModuleNotFoundError: No module named 'no_such_module'"),
        (["{file}:Scales"], "has no Scales; it defines Scale, Wrong, Image"),
        (["legonet:Scales"], "legonet has no Scales"),
        (["{file}:number"], "number is no brick and builds none: it is of type int"),
        (["{file}:other"], "other builds no Brick, but something of type int"),
        (["{file}:other", "(n,)"], "other builds no Brick, but something of type int"),
        (["{file}:Scale", "(batch"], "axes are names and numbers"),
        (["{file}:Scale", "--size", "features"], "needs the form name=value, but it is 'features'"),
        (["{file}:Scale", "--size", "features=a"], "sizes are whole numbers such as 1,2,3 or a range such as 1..4"),
        (["{file}:Scale", "--size", "features=1..b"], "or a range such as 1..4, not '1..b'"),
        (["{file}:Scale", "(batch, features)", "--option", "depth=1"], "Scale has no argument 'depth'"),
        (["{file}:Picky"], "none of the usual shapes fits Picky; state yours after the target"),
        (["{file}:ready"], "none of the usual shapes fits"),
        (["{file}:Picky", "(n,)"], "Picky takes none of the inputs that were drawn: forward raises ValueError: no"),
    ],
)
def test_what_cannot_be_understood_is_told_in_a_line(capsys, file, arguments, message):
    code, out, err = run(capsys, *(argument.format(file=file) for argument in arguments))
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_an_error_in_the_users_file_is_told(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    path = tmp_path / "broken_bricks.py"
    path.write_text("1 / 0", encoding="utf-8")
    code, _, err = run(capsys, f"{path}:Scale")
    assert code == 2
    assert err == f"{path} cannot be imported: ZeroDivisionError: division by zero (broken_bricks.py, line 1)\n"


def test_a_check_that_the_users_file_makes_itself_may_fail(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    path = tmp_path / "checking_bricks.py"
    path.write_text("from legonet import GradientError\nraise GradientError('wrong')", encoding="utf-8")
    assert run(capsys, f"{path}:Scale") == (1, "wrong\n", "")


def test_a_file_may_import_its_neighbours(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "neighbour_of_bricks.py").write_text("size = 7", encoding="utf-8")
    (tmp_path / "bricks_with_neighbour.py").write_text("from neighbour_of_bricks import size", encoding="utf-8")
    assert load(f"{tmp_path / 'bricks_with_neighbour.py'}:size") == 7


def test_a_program_that_ends_itself_is_no_right_brick(capsys, tmp_path):
    path = tmp_path / "ending.py"
    path.write_text(
        "import sys\n"
        "from legonet import Brick\n"
        "class Ends(Brick):\n"
        "    def forward(self, x):\n"
        "        sys.exit(0)\n"
        "    def backward(self, dy, x):\n"
        "        return dy\n"
    )
    code, out, err = run(capsys, f"{path}:Ends", "(batch, n)")
    assert (code, out) == (2, "")
    assert err == f"the code in {path}:Ends ends the program: sys.exit(0)\n"


def test_a_guess_that_backward_takes_as_well_comes_first(capsys, tmp_path):
    path = tmp_path / "triangles.py"
    path.write_text(
        "from legonet import Brick\n"
        "class Product(Brick):\n"
        "    def forward(self, x):\n"
        "        return x @ x.swapaxes(-1, -2), x\n"
        "    def backward(self, dy, x):\n"
        "        return (dy + dy.swapaxes(-1, -2)) @ x\n"
    )
    code, out, _ = run(capsys, f"{path}:Product")
    assert code == 0
    assert "# inputs taken as (batch, n)" in out


@pytest.mark.parametrize(("name", "code"), [("Scale", 0), ("Wrong", 1)])
def test_a_reader_who_stops_early_does_not_change_the_exit_code(file, name, code):
    command = f'"{sys.executable}" -m legonet.testing "{file}:{name}" | true; exit ${{PIPESTATUS[0]}}'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)  # noqa: S603, S607
    assert (done.returncode, done.stderr) == (code, "")


def test_an_option_that_never_builds_is_told(capsys, tmp_path):
    path = tmp_path / "named.py"
    path.write_text(
        "from legonet import Brick\n"
        "class Named(Brick):\n"
        "    def __init__(self, kind):\n"
        "        self.factor = {'twice': 2, 'once': 1}[kind]\n"
        "    def forward(self, x):\n"
        "        return self.factor * x, None\n"
        "    def backward(self, dy, cache):\n"
        "        return self.factor * dy\n"
    )
    code, _, err = run(capsys, f"{path}:Named", "(batch, n)", "--option", "kind=once,thrice")
    assert code == 2
    assert "Named cannot be built with kind='thrice': Named raises KeyError" in err
    assert run(capsys, f"{path}:Named", "(batch, n)", "--option", "kind='once','twice'")[0] == 0
    code, _, err = run(capsys, f"{path}:Named", "(batch, n)")
    assert "sizes were drawn for kind; state other values as options" in err


def test_a_loss_of_scores_and_classes_is_guessed(capsys, tmp_path):
    path = tmp_path / "losses.py"
    path.write_text(
        "import numpy as np\n"
        "from legonet import Brick\n"
        "class Score(Brick):\n"
        "    def forward(self, z, label):\n"
        "        return float((z[np.arange(len(z)), label] ** 2).sum()), (z, label)\n"
        "    def backward(self, dloss, cache):\n"
        "        z, label = cache\n"
        "        dz = np.zeros_like(z)\n"
        "        dz[np.arange(len(z)), label] = 2 * dloss * z[np.arange(len(z)), label]\n"
        "        return dz\n"
    )
    code, out, err = run(capsys, f"{path}:Score")
    assert (code, err) == (0, "")
    assert "# inputs taken as (batch, n), (batch,) < n" in out


def test_a_home_made_class_is_told_how_to_be_checked(capsys, tmp_path):
    path = tmp_path / "home.py"
    path.write_text("class Own:\n    def forward(self, x): ...\n    def backward(self, dy): ...\n")
    code, _, err = run(capsys, f"{path}:Own")
    assert code == 2
    assert "make one, as in brick = legonet.interop.from_object(Own()), and name that" in err


def test_help_and_a_missing_target_end_it(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    assert "python -m legonet.testing" in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2


@pytest.mark.parametrize(("name", "code"), [("Scale", 0), ("Wrong", 1)])
def test_it_runs_as_a_program(file, name, code):
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "legonet.testing", f"{file}:{name}", "--short"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (code, "")
    assert done.stdout.startswith(f"{name}(): ")


def test_a_guess_that_only_fits_by_broadcasting_is_none(capsys, tmp_path):
    path = tmp_path / "products.py"
    path.write_text(
        "import numpy as np\n"
        "from legonet import Brick\n"
        "class Weighted(Brick):\n"
        "    def forward(self, x):\n"
        "        return x * np.array([1.0, 2.0]), x\n"
        "    def backward(self, dy, x):\n"
        "        return dy * np.array([1.0, 2.0])\n"
    )
    code, _, err = run(capsys, f"{path}:Weighted")
    assert code == 2
    assert 'none of the usual shapes fits Weighted; state yours after the target. Tried: "(batch, n)", ' in err
    assert "Last: " in err
    assert run(capsys, f"{path}:Weighted", "(batch, 2)")[0] == 0
