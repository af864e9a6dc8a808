"""Run the gallery of right and wrong bricks through other gradient checkers and write docs/comparison.md.

``python docs/comparison.py`` needs a clone, and beside legonet: PyTorch, JAX, Hypothesis.
"""

import argparse
import copy
import platform
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch
from jax.test_util import check_grads
from torch.autograd.function import once_differentiable
from torch.autograd.gradcheck import GradcheckError, gradcheck

import legonet
from legonet import GradientError
from legonet.testing import Integers, check_brick
from legonet.testing.compare import Tally
from legonet.testing.contracts import upstream
from legonet.testing.examine import examine
from legonet.testing.inputs import Refused, as_spec, draw_floats, draw_integers, names_of_axes, shape_of
from legonet.testing.points import Point, from_generator
from legonet.testing.probe import Fault, drop_targets, flat, like
from legonet.testing.recipe import Recipe

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from gallery.cases import Case  # noqa: E402
from gallery.collection import all_cases  # noqa: E402

PAGE = ROOT / "docs" / "comparison.md"
SEEDS = 5
POINTS = 60

BLAMED, PASSED, CRASHED = "blamed", "passed", "crashed"


# -- a brick as the others take it -------------------------------------------------------------------------------------


class Pure:
    """A brick as a function of its float inputs and its parameters."""

    def __init__(self, point: Point) -> None:
        rng = np.random.default_rng(point.seed)
        self.probe = point.probe()
        self.backward_raised = False
        y, _ = self.probe.again().forward()
        drop_targets(self.probe, y, upstream(y, rng))
        self.several = isinstance(y, tuple)
        self.arrays = [variable.array.copy() for variable in self.probe.variables]

    def forward(self, arrays: list[Any]) -> tuple[Any, tuple[Any, Any, list[Any]]]:
        """Return the outputs, a tuple of arrays, and what backward needs. Random bricks draw the same numbers."""
        probe = self.probe
        inputs = dict(zip(probe.names, probe.inputs, strict=True)) | self._place(arrays)
        probe.rewind()
        y, cache = probe.brick.forward(*inputs.values())
        return tuple(np.array(part) for part in (y if self.several else (y,))), (y, cache, arrays)

    def _place(self, arrays: list[Any]) -> dict[str, Any]:
        """Give the parameters their values; return the inputs by name."""
        inputs = {}
        for variable, array in zip(self.probe.variables, arrays, strict=True):
            if variable.parameter is None:
                inputs[variable.name] = array
            else:
                variable.parameter.value = array
        return inputs

    def backward(self, dys: list[Any], kept: tuple[Any, Any, list[Any]]) -> list[Any]:
        """Return the gradient by each array, or None."""
        y, cache, arrays = kept
        self._place(arrays)
        self.probe.zero_grad()
        try:
            result = self.probe.brick.backward(like(y, flat(tuple(dys))), cache)
        except Exception:
            self.backward_raised = True
            raise
        given = dict(zip(self.probe.names, self.probe.by_inputs(result), strict=True))
        return [given[v.name] if v.parameter is None else v.parameter.grad for v in self.probe.variables]


class TorchBrick(torch.autograd.Function):
    """A brick as a torch.autograd.Function that works on NumPy arrays."""

    @staticmethod
    def forward(ctx: Any, pure: Pure, *tensors: torch.Tensor) -> Any:
        outputs, ctx.kept = pure.forward([tensor.detach().numpy() for tensor in tensors])
        ctx.pure = pure
        outputs = tuple(torch.from_numpy(np.atleast_1d(y)).reshape(y.shape) for y in outputs)
        return outputs if pure.several else outputs[0]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *dys: torch.Tensor) -> Any:
        gradients = ctx.pure.backward([dy.numpy() for dy in dys], ctx.kept)
        return None, *(None if g is None else torch.from_numpy(np.array(g)) for g in gradients)


def torch_check(point: Point, fast: bool) -> str:
    pure = Pure(point)
    tensors = [torch.empty(array.shape, dtype=torch.float64).copy_(torch.from_numpy(array)) for array in pure.arrays]
    for tensor in tensors:
        tensor.requires_grad_()
    torch.manual_seed(0)
    try:
        gradcheck(lambda *given: TorchBrick.apply(pure, *given), tensors, fast_mode=fast)
    except GradcheckError:
        return BLAMED
    except Exception as error:
        return BLAMED if pure.backward_raised or "invalid gradient" in str(error) else crashed(error)
    return PASSED


def jax_check(point: Point) -> str:
    pure = Pure(point)
    kept: list[Any] = []  # a cache may hold anything; JAX is given its number alone

    @jax.custom_vjp
    def function(*arrays: Any) -> Any:
        return forward(*arrays)[0]

    def forward(*arrays: Any) -> Any:
        outputs, one = pure.forward([np.array(x) for x in arrays])
        kept.append(one)
        outputs = tuple(jnp.asarray(y) for y in outputs)
        return outputs if pure.several else outputs[0], len(kept) - 1

    def backward(number: Any, dy: Any) -> Any:
        dys = [np.array(one) for one in (dy if pure.several else (dy,))]
        gradients = pure.backward(dys, kept[int(number)])
        found = tuple(
            jnp.zeros(x.shape, x.dtype) if g is None else jnp.asarray(np.array(g, x.dtype))
            for g, x in zip(gradients, pure.arrays, strict=True)
        )
        pure.backward_raised |= any(g.shape != x.shape for g, x in zip(found, pure.arrays, strict=True))
        return found

    function.defvjp(forward, backward)
    try:
        check_grads(function, pure.arrays, order=1, modes=["rev"])
    except AssertionError:
        return BLAMED
    except Exception as error:
        return BLAMED if pure.backward_raised else crashed(error)
    return PASSED


class GivenPoint(Point):
    """A point with inputs as a user gives them."""


def legonet_check(point: Point) -> str:
    def check() -> None:
        if isinstance(point, GivenPoint):
            options = {"constants": point.constants, "call_differs": point.call_differs}
            check_brick(copy.deepcopy(point.brick), *point.inputs, rng=point.seed, **options)
        else:
            examine(point, Tally())

    return legonet_verdict(check)


def legonet_shapes_check(point: Point, case: Case) -> str:
    """Give legonet the same brick, but instead of its inputs what they are: shapes and legal values."""
    names = set(names_of_axes([as_spec(given) for given in case.inputs])) - {"...", "batch"}
    sizes = {name: size for name, size in point.sizes.items() if name in names}
    if "batch" in case.sizes:
        sizes["batch"] = case.sizes["batch"]
    options = {"rng": point.seed, "sizes": sizes, "call_differs": point.call_differs}
    if not case.inputs:
        return legonet_check(point)
    return legonet_verdict(lambda: check_brick(copy.deepcopy(point.brick), *case.inputs, **options))


def legonet_verdict(check: Callable[[], Any]) -> str:
    try:
        check()
    except (Fault, GradientError):
        return BLAMED
    except Refused:
        return PASSED
    except Exception as error:
        return crashed(error)
    return PASSED


CRASHES: Counter[str] = Counter()


def crashed(error: Exception) -> str:
    CRASHES[f"{type(error).__name__}: {str(error).strip().splitlines()[0][:100] if str(error) else ''}"] += 1
    return CRASHED


CHECKERS: dict[str, Callable[[Point], str]] = {
    "torch.autograd.gradcheck": lambda point: torch_check(point, fast=False),
    "the same, fast_mode=True": lambda point: torch_check(point, fast=True),
    "jax.test_util.check_grads": jax_check,
    "legonet": legonet_check,
}

SHAPES = "legonet, given the shapes alone"


# -- points ------------------------------------------------------------------------------------------------------------


def recipe_of(case: Case) -> Recipe:
    return Recipe(case.build, case.inputs, case.sizes, case.options, case.call_differs)


def legal_point(point: Point) -> bool:
    """Return whether forward has a finite value there, and there is something to differentiate."""
    try:
        y, _ = point.probe().forward()
        return bool(np.isfinite(flat(y)).all()) and bool(Pure(point).arrays)
    except Exception:
        return False


def usual_sizes(recipe: Recipe, rng: np.random.Generator) -> dict[str, Any]:
    """Draw sizes of 2 to 4, and 3 rows, where those are legal."""
    draw = from_generator(rng)
    plain = {"batch": 3} if recipe.sizes.get("batch") is None else {}
    for _ in range(200):
        sizes = recipe.point(draw, "typical").sizes | plain
        if all(np.min(size, initial=2) >= 2 for size in sizes.values()):
            return sizes
    return sizes


def typical_point(case: Case, seed: int) -> Point | None:
    """Make one point as people check by hand: a new brick, an input of usual shape, normal numbers."""
    recipe, rng = recipe_of(case), np.random.default_rng(seed)
    for _ in range(20):
        try:
            sizes = usual_sizes(recipe, rng)
            options = {name: legal[rng.integers(len(legal))] for name, legal in recipe.options.items()}
            point = recipe.point_at(sizes, options, from_generator(rng), "typical", seed)
            point.brick = recipe.build(**recipe._given(sizes, options, np.random.default_rng(seed)))
        except Refused:
            continue
        point = GivenPoint(**vars(point))
        point.inputs = [
            draw_integers(spec, shape_of(spec, sizes), sizes, rng)
            if isinstance(spec, Integers)
            else np.asarray(draw_floats(spec, shape_of(spec, sizes), "typical", rng))
            for spec in recipe.specs
        ]
        if legal_point(point):
            return point
    return None


def stressed_points(case: Case, count: int) -> Iterator[Point]:
    yield from filter(legal_point, recipe_of(case).points(0, count))


# -- the two ways ------------------------------------------------------------------------------------------------------


def run(cases: list[Case], what: str, points: int) -> dict[str, dict[str, Any]]:
    """Return for each checker the verdicts of all cases: "typical" counts runs, "stressed" has one for each case."""
    found: dict[str, dict[str, Any]] = {
        name: {"typical": Counter(), "stressed": [], "crashes": 0, "checks": 0, "seconds": 0.0}
        for name in (*CHECKERS, SHAPES)
    }

    def check(name: str, point: Point, case: Case) -> str:
        start = time.perf_counter()
        verdict = legonet_shapes_check(point, case) if name == SHAPES else CHECKERS[name](point)
        found[name]["seconds"] += time.perf_counter() - start
        found[name]["checks"] += 1
        found[name]["crashes"] += verdict == CRASHED
        return verdict

    start = time.perf_counter()
    for number, case in enumerate(cases, 1):
        print(f"{what} {number}/{len(cases)} {case.name} ({time.perf_counter() - start:.0f} s)", flush=True)
        typical = [point for seed in range(SEEDS) if (point := typical_point(case, seed))]
        stressed = list(stressed_points(case, points))
        for name, its in found.items():
            if name == SHAPES:
                its["typical"].update(check(name, point, case) for point in typical[:1])
                continue
            its["typical"].update(check(name, point, case) for point in typical)
            verdicts = (check(name, point, case) for point in stressed)
            its["stressed"].append(next((v for v in verdicts if v == BLAMED), PASSED))
    return found


# -- the page ----------------------------------------------------------------------------------------------------------


def percent(count: int, total: int) -> str:
    """Return a share; 0 % and 100 % stand for none and all, never for nearly so."""
    share = 100 * count / max(total, 1)
    rounded = f"{share:.0f}"
    return f"{share:.1f} %" if rounded in ("0", "100") and count not in (0, total) else f"{rounded} %"


def share(verdicts: Counter[str]) -> str:
    return percent(verdicts[BLAMED], verdicts.total())


def ever(verdicts: list[str]) -> str:
    count = verdicts.count(BLAMED)
    return f"{percent(count, len(verdicts))} ({count} of {len(verdicts)})" if verdicts else ""


def table(wrong: dict[str, dict[str, Any]], right: dict[str, dict[str, Any]]) -> str:
    lines = [
        "| checker | typical: wrong found | typical: right blamed | stressed: wrong found | stressed: right blamed |",
        "|---|---|---|---|---|",
    ]
    for name in (*CHECKERS, SHAPES):
        cells = [share(wrong[name]["typical"]), share(right[name]["typical"])]
        cells += [ever(wrong[name]["stressed"]), ever(right[name]["stressed"])]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def crashes(wrong: dict[str, dict[str, Any]], right: dict[str, dict[str, Any]]) -> str:
    each = []
    for name in (*CHECKERS, SHAPES):
        count, checks = (wrong[name][what] + right[name][what] for what in ("crashes", "checks"))
        each += [f"{name} in {count} of {checks:,} checks"] if count else []
    return "; ".join(each) or "there was none"


def never_found(wrong: dict[str, dict[str, Any]], cases: list[Case]) -> str:
    """Return the causes of the wrong bricks that no other checker finds at any point."""
    others = [its["stressed"] for name, its in wrong.items() if name not in ("legonet", SHAPES)]
    causes = Counter(case.cause for case, *verdicts in zip(cases, *others, strict=True) if BLAMED not in verdicts)
    return ", ".join(f"{cause.replace('_', ' ')} ({count})" for cause, count in causes.most_common())


PAGE_TEXT = """# Comparison

How many wrong derivatives does a gradient checker find, and how many right ones does it blame? The whole gallery,
{wrong} bricks with a known fault and {right} that are right but tricky (kinks, ties, jumps, saturation, extreme
scales), goes through

- **torch.autograd.gradcheck**, with a `torch.autograd.Function` whose two methods call the brick: slow, as is the
  default, and fast;
- **jax.test_util.check_grads**, with a `jax.custom_vjp` function whose two passes call the brick, in 64 bits, with
  `order=1, modes=["rev"]`;
- **legonet**: `check_brick`.

Each has its own default step sizes and tolerances, and is given float64 numbers. The parameters are handed to the
others as further inputs, so that their gradients are checked as well; random bricks draw the same numbers in each
forward pass.

{table}

*Typical* is how people check by hand: a brick as it is built, and one input of usual shape (3 rows, other axes of 2
to 4 where that is legal) with normal numbers. The share is one of runs; there are {seeds} seeds for each brick.
The last row is the way that legonet recommends, the same brick with `"(batch, in)"` in the place of an array, for one
seed.

*Stressed* is {points} points for each brick, the same ones for all checkers: all sizes and options, zeros, ties, tiny
and huge numbers, parameters away from their initial values. They are drawn by legonet, from one seed. The share is one
of bricks, ever found wrong or ever blamed; beside it the number of bricks.

So one input hides much from every checker, ours as well. Many inputs show most faults to all of them; but a
checker with a fixed step and a fixed tolerance then blames right bricks at kinks, ties and extreme scales.

## What the numbers do not say

- The gallery is our own and was made along with our checker. Each of its faults is one that people make, but how
  often each is in it was our choice: another collection will give other shares. Nor was the gallery unseen: the
  checker was improved while it grew. A few missed or blamed bricks more or less come with another seed.
- PyTorch and JAX compare numbers, and do not claim more. That a gradient is overwritten instead of added to, or shares
  its memory with another array, is out of their scope by design; and a gradient that keeps a broadcast axis is no
  fault to PyTorch, which sums it. Wrong bricks that none of them complains about
  at any point, by cause: {never}.
- Any complaint about a wrong brick counts as found, also one that the right brick would get as well, for a kink or a
  huge number.
- Nobody hands inputs of all kinds to `gradcheck` and believes each complaint. The stressed columns only show that
  more inputs alone are no way out.
- An error raised by `backward`, or a gradient of a shape that the library refuses, counts as found. Any other error
  counts as neither: {crashes}. Points where `forward` raises or is not finite are left out for all.

PyTorch {torch}, JAX {jax}, NumPy {numpy}, Python {python}, legonet {legonet}. One command runs it all and writes this
page, in about {minutes} minutes, from a clone in which legonet, PyTorch, JAX and Hypothesis are installed:

```sh
python docs/comparison.py
```
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=POINTS, help="stressed points for each brick")
    parser.add_argument("--every", type=int, default=1, help="take every n-th brick only, and do not write the page")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    torch.set_num_threads(1)
    jax.config.update("jax_enable_x64", True)
    start = time.perf_counter()
    wrong_cases, right_cases = (cases[:: arguments.every] for cases in all_cases())
    wrong, right = run(wrong_cases, "wrong", arguments.points), run(right_cases, "right", arguments.points)
    minutes = max(round((time.perf_counter() - start) / 60), 1)
    for name in (*CHECKERS, SHAPES):
        seconds = wrong[name]["seconds"] + right[name]["seconds"]
        print(f"{name}: {seconds:.0f} s, {wrong[name]['checks'] + right[name]['checks']:,} checks")
        found, blamed = zip(wrong_cases, wrong[name]["stressed"]), zip(right_cases, right[name]["stressed"])  # noqa: B905
        print("  missed:", *[case.name for case, verdict in found if verdict != BLAMED])
        print("  blamed:", *[case.name for case, verdict in blamed if verdict == BLAMED])
    print("crashes:", *CRASHES.most_common(20), sep="\n  ")
    print(table(wrong, right))
    text = PAGE_TEXT.format(
        wrong=len(wrong_cases),
        right=len(right_cases),
        table=table(wrong, right),
        seeds=SEEDS,
        points=arguments.points,
        never=never_found(wrong, wrong_cases) or "none",
        crashes=crashes(wrong, right),
        torch=torch.__version__.partition("+")[0],
        jax=jax.__version__,
        numpy=np.__version__,
        python=platform.python_version(),
        legonet=legonet.__version__,
        minutes=minutes,
    )
    if arguments.every == 1:
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
