"""Compare the gradients of a step with finite differences, number by number."""

from typing import Any

from .trace import Step, Term


def give_badges(step: Step, parameters: dict[int, Term], before: Any, now: Any, inputs: Any, target: Any) -> None:
    """Give each parameter's gradient its badge."""
