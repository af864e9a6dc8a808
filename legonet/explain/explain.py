"""Run one real training step, or several, and note every term of them."""

import copy
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from legonet.arrays import brief
from legonet.brick import Brick
from legonet.checks import check_flag, check_integer
from legonet.errors import OptionError
from legonet.optimizers.optimizer import Optimizer
from legonet.parameter import Parameter
from legonet.testing.probe import input_names, undisturbed
from legonet.training import backpropagate

from .badges import Objective, give_badges
from .build import Builder
from .explanation import Explanation
from .record import Call, Recorder, copied
from .trace import Step
from .twins import give_twins


def explain(
    net: Brick[Any],
    loss: Brick[Any],
    x: npt.NDArray[Any] | tuple[Any, ...],
    target: npt.NDArray[Any],
    *,
    regularizers: Iterable[Brick[Any]] = (),
    optimizer: Optimizer | None = None,
    steps: int = 1,
    check: bool = True,
) -> Explanation:
    """Return the worked mathematics of a training step: every formula with its numbers and its result.

    The step is run on copies, so the network, its gradients and the optimizer stay as they are. A network that fails
    half-way is explained up to the brick that failed.

    Parameters
    ----------
    net : Brick
        The network.
    loss : Brick
        The loss, such as `MSELoss`.
    x : numpy.ndarray or tuple of numpy.ndarray
        The inputs, batch first; a tuple for a network that takes several.
    target : numpy.ndarray
        What the outputs should be.
    regularizers : iterable of Brick, optional
        Penalties, such as `L2Regularizer`.
    optimizer : Optimizer, optional
        Updates the parameters; without one, there is no update to explain.
    steps : int, optional
        How many steps, each with the same data.
    check : bool, optional
        Whether each parameter's gradient is compared with finite differences.

    Returns
    -------
    Explanation
        Prints as text, shows itself in notebooks, and makes pages and LaTeX.

    Raises
    ------
    OptionError
        If one of these is something else.

    Examples
    --------
    >>> import numpy as np
    >>> from legonet import Linear, MSELoss, SGD
    >>> from legonet.explain import explain
    >>> net = Linear(1, 1, weight=np.array([[2.0]]), bias=False)
    >>> sgd = SGD(net.parameters(), lr=0.1)
    >>> explanation = explain(net, MSELoss(), np.array([[1.0]]), np.array([[5.0]]), optimizer=sgd)
    >>> explanation["dL/dW1"].value
    array([[-3.]])
    """
    penalties = _check(net, loss, x, regularizers, optimizer)
    steps = check_integer("explain", "steps", steps, at_least=1)
    if steps > 1 and optimizer is None:
        raise OptionError(f"explain needs an optimizer for more than one step, but steps is {steps}")
    check = check_flag("explain", "check", check)
    own = [*net.parameters(), *loss.parameters()]
    try:
        net, loss, penalties, optimizer = copy.deepcopy((net, loss, penalties, optimizer))
    except Exception as error:
        told = f"explain works on copies, but copy.deepcopy fails: {type(error).__name__}: {brief(str(error), 120)}"
        raise OptionError(told) from error
    if {id(parameter) for parameter in own} & {id(parameter) for parameter in (*net.parameters(), *loss.parameters())}:
        raise OptionError("explain works on copies, but a copy of the network has the same parameters")
    x, target = copied(x), copied(target)  # a brick may write into them
    found = []
    with undisturbed():
        for number in range(1, steps + 1):
            found.append(_one_step(number, net, loss, x, target, penalties, optimizer, check))
            if found[-1].failure is not None:
                break
    return Explanation(tuple(found))


def _check(net: Any, loss: Any, x: Any, regularizers: Any, optimizer: Any) -> list[Brick[Any]]:
    for name, brick in (("net", net), ("loss", loss)):
        if not isinstance(brick, Brick):
            raise OptionError(f"explain needs {name} as a Brick, but {name} is {brief(brick, 80)}")
    if not isinstance(regularizers, Iterable) or isinstance(regularizers, Brick):
        raise OptionError(f"explain needs regularizers as a list of bricks, but it is {brief(regularizers, 80)}")
    penalties = list(regularizers)
    for penalty in penalties:
        if not isinstance(penalty, Brick):
            raise OptionError(f"explain needs regularizers as a list of bricks, but one is {brief(penalty, 80)}")
    if optimizer is not None and not isinstance(optimizer, Optimizer):
        raise OptionError(f"explain needs optimizer as an Optimizer, but it is {brief(optimizer, 80)}")
    if isinstance(x, tuple) and not x:
        raise OptionError("explain needs x as an array, or several in a tuple, but x is ()")
    parameters = (*net.parameters(), *loss.parameters())
    if optimizer is not None and not any(_moves(optimizer, parameter) for parameter in parameters):
        raise OptionError("explain needs an optimizer of the network's parameters, but it has none of them")
    return penalties


def _moves(optimizer: Optimizer, parameter: Parameter) -> bool:
    try:
        optimizer.state(parameter)
    except OptionError:
        return False
    return True


def _one_step(
    number: int,
    net: Brick[Any],
    loss: Brick[Any],
    x: Any,
    target: Any,
    penalties: list[Brick[Any]],
    optimizer: Optimizer | None,
    check: bool,
) -> Step:
    inputs = x if isinstance(x, tuple) else (x,)
    before = copy.deepcopy((net, loss, penalties))
    for brick in (net, loss, *penalties):
        for parameter in brick.parameters():
            parameter.zero_grad()
    step = Step(number)
    rows = len(inputs[0]) if np.ndim(inputs[0]) else 0
    builder = Builder(step, rows, loss="E" if penalties else "L")
    _give(builder, net, inputs, target)
    given = copied((*inputs, target))
    named = {"net": net, "loss": loss} | {f"regularizers[{k}]": penalty for k, penalty in enumerate(penalties)}
    recorder, failure = Recorder(named), None
    with recorder.listening():
        try:
            backpropagate(net, loss, x, target, regularizers=penalties)
        except Exception as error:
            failure = error
    give_twins(before[0], given[:-1], recorder.calls)
    _build(builder, recorder, penalties)
    if failure is not None:
        call = recorder.failed
        if call is None:
            raise failure
        root = call.place.partition("[")[0].partition(".")[0]
        phase = "backward" if recorder.failed_backward else "forward" if root == "net" else "loss"
        builder.fail(call, phase, failure)
        return step
    if check:
        now = Objective(net, loss, penalties)
        give_badges(step, Objective(*before), [*now.named_parameters()], builder.parameters, given)
    if optimizer is not None:
        _update(builder, optimizer, net, loss)
    return step


def _give(builder: Builder, net: Brick[Any], inputs: Sequence[Any], target: Any) -> None:
    names = input_names(net, len(inputs)) if len(inputs) > 1 else ["x"]
    for name, value in zip(names, inputs, strict=True):
        if isinstance(value, np.ndarray):
            builder.give(name, value, "data")
    if isinstance(target, np.ndarray | int | float):
        builder.give("t", target, "target")


def _build(builder: Builder, recorder: Recorder, penalties: list[Brick[Any]]) -> None:
    """Add the terms of all calls."""
    step = builder.step
    builder.containers = [call for call in recorder.calls if call.inside]
    for call in recorder.calls[:1]:
        builder.data(call)
    for call in recorder.finished:
        if call.inside:
            builder.container(call, step.forward)
        else:
            root = call.place.partition("[")[0].partition(".")[0]
            phase = step.forward if root == "net" else step.loss
            role = {"net": "activation", "loss": "loss"}.get(root, "penalty")
            builder.forward(call, phase, role)
    if penalties:
        builder.total_loss(sum(term.value for term in step.loss if term.role == "penalty"))
    for call in recorder.backwards:
        if not call.inside:
            builder.backward(call, step.backward)
    builder.finish_backward(step.backward)


def _update(builder: Builder, optimizer: Optimizer, net: Brick[Any], loss: Brick[Any]) -> None:
    """Make the optimizer's step and add its terms."""
    every = [p for p in (*net.parameters(), *loss.parameters()) if id(p) in builder.parameters and _moves(optimizer, p)]
    formulas = [optimizer.formulas(parameter) for parameter in every]
    before = [optimizer.state(parameter) for parameter in every]
    try:
        optimizer.step()
    except Exception as error:
        call = Call(optimizer, "optimizer", (), (), {})  # type: ignore[arg-type]
        builder.fail(call, "update", error)
        return
    for parameter, stated, state in zip(every, formulas, before, strict=True):
        builder.update(optimizer, parameter, stated, state, optimizer.state(parameter), builder.step.update)
