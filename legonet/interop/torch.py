"""A PyTorch module or function as a brick."""

from collections.abc import Callable
from typing import Any

import numpy as np

from legonet.arrays import Array, brief
from legonet.brick import Brick
from legonet.errors import OptionError
from legonet.interop.adapter import Adapter, check_callable, import_library, name_of, one_or_all


def from_torch(function: Callable[..., Any], *, name: str | None = None) -> Brick[Any]:
    """Make a brick of a PyTorch module, an autograd function, or any function of tensors.

    Its gradients come from ``torch.autograd``, and so from the ``backward`` methods and formulas of what is adapted.

    Parameters
    ----------
    function : torch.nn.Module, subclass of torch.autograd.Function, or callable
        Takes tensors and returns a tensor of any shape, or a tuple of them; one of no axes becomes a float, as for a
        loss. Options are bound with `functools.partial` or a lambda. The parameters of a module that require a
        gradient become the parameters of the brick, under their dotted names.
    name : str, optional
        What ``repr`` and reports call the brick. By default the name of `function`.

    Returns
    -------
    Brick
        It computes on the CPU. A module stays as it is: the brick has copies of its parameters and buffers, and
        casts them to the dtype that its own parameters, or else its inputs, have. So all is computed in float64 if
        it is fed with float64.

    Raises
    ------
    OptionError
        If `function` cannot be called; in the passes, if what it returns is no tensor.
    LegonetError
        If PyTorch is not installed.

    Notes
    -----
    Integer inputs have no gradient; neither has an input, or a parameter, for which autograd gives None. Random
    numbers are drawn from PyTorch's generator with a fixed seed in every forward, and the generator is put back.

    Examples
    --------
    >>> import numpy as np
    >>> import torch  # doctest: +SKIP
    >>> from legonet.interop import from_torch
    >>> from legonet.testing import check_brick
    >>> x = np.random.default_rng(0).normal(size=(4, 3))
    >>> check_brick(from_torch(torch.nn.Linear(3, 2)), x)  # doctest: +SKIP
    >>> check_brick(from_torch(torch.nn.functional.gelu), x)  # doctest: +SKIP
    """
    torch = import_library("from_torch", "torch")
    check_callable("from_torch", "function", function)
    if isinstance(function, type) and issubclass(function, torch.nn.Module):
        raise OptionError(f"from_torch needs a module, but got the class {function.__name__}: make one first")
    return _Torch(torch, function, name)


class _Torch(Adapter):
    def __init__(self, torch: Any, function: Any, name: str | None) -> None:
        self._function: Any = function
        self._is_module = isinstance(function, torch.nn.Module)
        learning: dict[str, Any] = {}
        self._fixed: dict[str, Any] = {}
        if self._is_module:
            for key, tensor in (*function.named_parameters(), *function.named_buffers()):
                (learning if tensor.requires_grad else self._fixed)[key] = tensor.detach().cpu()
        elif isinstance(function, type) and issubclass(function, torch.autograd.Function):
            self._function = function.apply  # type: ignore[attr-defined]
        text = repr(function) if self._is_module else name_of(function)
        text = type(function).__name__ if "\n" in text else brief(text, 60)
        super().__init__(name or f"from_torch({text})", {key: tensor.numpy() for key, tensor in learning.items()})

    def forward(self, *inputs: Array) -> tuple[Any, Any]:
        """Return y, and the tensors for `backward`."""
        torch = import_library("from_torch", "torch")
        given = [_tensor(torch, x) for x in inputs]
        learning = {name: _tensor(torch, value) for name, value in self.values().items()}
        y, before, state = self._run(torch, given, learning)
        if not all(tensor.is_contiguous() for tensor in given) and not torch.equal(before, state):
            # Random numbers are filled in in the order of the memory, and so would be another mask.
            given = [_tensor(torch, x.copy(order="C")) for x in inputs]
            y, _, state = self._run(torch, given, learning)
        parts = y if isinstance(y, tuple) else (y,)
        for part in parts:
            if not isinstance(part, torch.Tensor):
                raise OptionError(f"{brief(self, 80)} needs a tensor as output, but it returned {brief(part)}")
        outputs = [part.detach().numpy().copy() if part.ndim else part.item() for part in parts]
        return tuple(outputs) if isinstance(y, tuple) else outputs[0], (given, learning, parts, state)

    def _run(self, torch: Any, given: list[Any], learning: dict[str, Any]) -> tuple[Any, Any, Any]:
        """Return the output, and the state of the random numbers before and after."""
        dtypes = [tensor.dtype for tensor in (*learning.values(), *given) if tensor.requires_grad]
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            torch.manual_seed(0)
            before = torch.get_rng_state()
            if self._is_module:
                fixed = {
                    name: tensor.to(dtypes[0] if dtypes and tensor.is_floating_point() else tensor.dtype, copy=True)
                    for name, tensor in self._fixed.items()
                }
                y = torch.func.functional_call(self._function, {**learning, **fixed}, tuple(given))
            else:
                y = self._function(*given)
            return y, before, torch.get_rng_state()

    def backward(self, dy: Any, cache: Any) -> Any:
        """Add the gradients of the parameters and return those of the inputs, all by autograd."""
        torch = import_library("from_torch", "torch")
        given, learning, parts, state = cache
        upstream = [
            _tensor(torch, np.asarray(piece, dtype=part.detach().numpy().dtype)).detach()
            for piece, part in zip(dy if isinstance(dy, tuple) else (dy,), parts, strict=True)
        ]
        outputs = [(part, piece) for part, piece in zip(parts, upstream, strict=True) if part.requires_grad]
        wanted = [tensor for tensor in (*given, *learning.values()) if tensor.requires_grad]
        found: dict[int, Any] = {}
        if outputs and wanted:
            ys, dys = zip(*outputs, strict=True)
            with torch.random.fork_rng(devices=[]):
                torch.set_rng_state(state)
                gradients = torch.autograd.grad(ys, wanted, dys, retain_graph=True, allow_unused=True)
            found = {id(tensor): gradient for tensor, gradient in zip(wanted, gradients, strict=True)}

        def gradient_of(tensor: Any) -> Any:
            gradient = found.get(id(tensor))
            return None if gradient is None else gradient.detach().numpy().copy()

        for name, tensor in learning.items():
            self.add(name, gradient_of(tensor))
        return one_or_all([gradient_of(tensor) for tensor in given])


def _tensor(torch: Any, x: Array) -> Any:
    """Return a tensor, of the same memory if PyTorch can take it, that gets a gradient if it holds floats."""
    shareable = x.flags.writeable and all(stride >= 0 for stride in x.strides)
    tensor = torch.from_numpy(x if shareable else x.copy(order="K"))
    return tensor.requires_grad_(x.dtype.kind == "f")
