"""A Thinc model as a brick."""

from typing import Any

import numpy as np

from legonet.arrays import Array, brief
from legonet.brick import Brick
from legonet.errors import OptionError
from legonet.interop.adapter import Adapter, import_library


def from_thinc(model: Any) -> Brick[Any]:
    """Make a brick of a Thinc model, with the parameters of all the models in it.

    Parameters
    ----------
    model : thinc.api.Model
        Initialized, of NumPy arrays in and out. The model itself is used, not a copy;
        `legonet.testing.check_brick` makes one.

    Returns
    -------
    Brick
        Its parameters are called after their models, such as ``"linear.W"``, numbered if a name comes twice. It is
        called with ``is_train=True``.

    Raises
    ------
    OptionError
        If `model` is no Thinc model, or not initialized.
    LegonetError
        If Thinc is not installed.

    Notes
    -----
    Thinc is made for float32, and its parameters start as that. Most of its layers compute in float64 if they are
    fed with it and their parameters are of it, as in a check; a few cast to float32, and the outputs and
    gradients of the brick are in what dtype they give. The model gets C-contiguous, writeable arrays only, as its
    compiled parts need them. Dropout draws the same numbers in every forward.

    Examples
    --------
    >>> import numpy as np
    >>> from thinc.api import Linear  # doctest: +SKIP
    >>> from legonet.interop import from_thinc
    >>> from legonet.testing import check_brick
    >>> x = np.random.default_rng(0).normal(size=(4, 3))
    >>> check_brick(from_thinc(Linear(nO=2, nI=3).initialize()), x)  # doctest: +SKIP
    """
    thinc = import_library("from_thinc", "thinc.api")
    if not isinstance(model, thinc.Model):
        raise OptionError(f"from_thinc needs a thinc.api.Model, but got {brief(model)}")
    places: dict[str, tuple[int, str]] = {}
    for number, node in enumerate(model.walk()):
        for name in node.param_names:
            if node.has_param(name) is None:
                hint = "call model.initialize(X=..., Y=...) first"
                raise OptionError(f"from_thinc needs an initialized model, but {node.name} has no {name} yet: {hint}")
            if node.has_param(name):
                key = f"{node.name}.{name}"
                places[f"{number}.{key}" if key in places else key] = (number, name)
    return _Thinc(model, places)


class _Thinc(Adapter):
    def __init__(self, model: Any, places: dict[str, tuple[int, str]]) -> None:
        self._model, self._places = model, places
        nodes = list(model.walk())
        arrays = {key: nodes[number].get_param(name) for key, (number, name) in places.items()}
        super().__init__(f"from_thinc({brief(model.name, 60)})", arrays)

    def forward(self, *inputs: Array) -> tuple[Any, Any]:
        """Return y, and for `backward` the callback that Thinc gives beside it."""
        nodes = list(self._model.walk())
        for key, (number, name) in self._places.items():
            nodes[number].set_param(name, self._parameters[key].value.copy())
        with self.random_numbers() as state:
            y, back = self._model(*map(_plain, inputs), is_train=True)
        return y, (back, state)

    def backward(self, dy: Any, cache: Any) -> Any:
        """Add the gradients of the parameters and return that of the input."""
        back, state = cache
        nodes = list(self._model.walk())
        for key, (number, name) in self._places.items():
            nodes[number].set_grad(name, np.zeros_like(self._parameters[key].value))
        with self.random_numbers(state[0]):
            dx = back(_plain(dy))
        for key, (number, name) in self._places.items():
            self.add(key, nodes[number].get_grad(name))
        return dx


def _plain(x: Array) -> Array:
    """Return an array as Thinc wants it, itself if possible."""
    return np.require(x, requirements=["C", "W"])
