"""Gradients that are wrong for some sizes only."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from .case import Case
from .guesses import Guess
from .placement import WINDOW, looks_like_window

Sizes = dict[str, Any]
Rule = tuple[str, tuple[str, ...], Callable[..., bool]]


def special_sizes(case: Case) -> Iterator[Guess]:
    """Wrong if a size is 1, or two differ or are equal, or for a number of axes."""
    yield from _ruled(case, _special_rules)


def some_sizes(case: Case) -> Iterator[Guess]:
    """Wrong if a size is above or below something."""
    yield from _ruled(case, _rules)


def _ruled(case: Case, rules: Callable[[Sizes], Iterator[Rule]]) -> Iterator[Guess]:
    if case.redraw is None or not case.right:
        return
    table = [(view.point.sizes, True) for view in case.wrong] + [(view.point.sizes, False) for view in case.right]
    table += list(_one_at_a_time(case))
    wrong = [sizes for sizes, is_wrong in table if is_wrong]
    right = [sizes for sizes, is_wrong in table if not is_wrong]
    if len(wrong) < 3 or len(right) < 3:
        return
    for text, names, rule in rules(wrong[0]):
        holds = all(rule(sizes) for sizes in (case.point.sizes, *wrong))
        if holds and not any(rule(sizes) for sizes in right):
            case.varied.append(f"sizes one at a time: wrong if {text}")
            cause = (
                "window"
                if any(WINDOW.search(part) for part in names) or (">" in text and looks_like_window(case))
                else "batch_mixed"
                if text == "batch > 1"
                else "shape"
            )
            yield Guess(cause, f"{case.label} is wrong only if {text}, and right for other sizes", cause == "shape")
            return


def _one_at_a_time(case: Case) -> Iterator[tuple[Sizes, bool]]:
    for name, present in case.point.sizes.items():
        if not isinstance(present, int):
            for several in ((2,), (3,), (2, 3), (3, 2, 2)):
                view = case.view(case.plain({name: several}, 600))
                if view is not None and case.label in view.variables and view.columns[case.label].size:
                    yield view.point.sizes, view.wrong(case.label)
            continue
        for size in (1, 2, 3, 4):
            if size == present:
                continue
            view = case.view(case.plain({name: size}, 600 + size))
            if view is not None and case.label in view.variables and view.columns[case.label].size:
                yield view.point.sizes, view.wrong(case.label)


def _special_rules(sizes: Sizes) -> Iterator[Rule]:
    names = [name for name, size in sizes.items() if isinstance(size, int)]
    for name in names:
        yield f"{name} is 1", (name,), lambda s, n=name: s[n] == 1
        yield f"{name} is even", (name,), lambda s, n=name: s[n] % 2 == 0
        yield f"{name} is odd", (name,), lambda s, n=name: s[n] % 2 == 1
    for one, two in itertools.combinations(names, 2):
        yield f"{one} and {two} differ", (one, two), lambda s, a=one, b=two: s[a] != s[b]
        yield f"{one} and {two} are equal", (one, two), lambda s, a=one, b=two: s[a] == s[b]
    if "..." in sizes:
        for count in (1, 2, 3):
            yield f"there are {count} axes in ...", ("...",), lambda s, k=count: len(s["..."]) == k
            yield f"there are more than {count} axes in ...", ("...",), lambda s, k=count: len(s["..."]) > k
    if len(names) > 1:
        yield "a size is 1", tuple(names), lambda s: any(s[n] == 1 for n in names)
        yield "the sizes differ", tuple(names), lambda s: len({s[n] for n in names}) > 1


def _rules(sizes: Sizes) -> Iterator[Rule]:
    names = [name for name, size in sizes.items() if isinstance(size, int)]
    for name in names:
        for least in (1, 2, 3):
            yield f"{name} > {least}", (name,), lambda s, n=name, k=least: s[n] > k
        yield f"{name} is 2", (name,), lambda s, n=name: s[n] == 2
    for one, two in itertools.permutations(names, 2):
        yield f"{one} is less than {two}", (one, two), lambda s, a=one, b=two: s[a] < s[b]
