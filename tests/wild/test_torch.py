"""PyTorch: its own functions pass, and wrong autograd functions are found."""

from functools import partial

import numpy as np
import pytest

from legonet import GradientError, OptionError
from legonet.interop import from_torch
from legonet.testing import check_brick

torch = pytest.importorskip("torch")
nn, F = torch.nn, torch.nn.functional

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 3))
IMAGES = RNG.normal(size=(2, 2, 4, 4))
SEQUENCES = RNG.normal(size=(2, 3, 4))
CLASSES = np.array([0, 1, 2, 1])


class Only(nn.Module):
    """The first of the outputs of a module."""

    def __init__(self, module, **options):
        super().__init__()
        self.module, self.options = module, options

    def forward(self, *inputs):
        return self.module(*inputs, **self.options)[0]


RIGHT = {
    "Linear": (nn.Linear(3, 2), X),
    "Bilinear": (nn.Bilinear(3, 3, 2), X, X[::-1].copy()),
    "GELU": (nn.GELU(), X),
    "GELU, tanh": (nn.GELU(approximate="tanh"), X),
    "ReLU": (nn.ReLU(), X),
    "ReLU at 0": (nn.ReLU(), np.array([[0.0, 1.0, -1.0]])),
    "Softplus": (nn.Softplus(beta=2), X),
    "PReLU": (nn.PReLU(), X),
    "softmax": (partial(torch.softmax, dim=1), X),
    "log_softmax": (partial(F.log_softmax, dim=1), X),
    "logsumexp": (partial(torch.logsumexp, dim=1), X),
    "LayerNorm": (nn.LayerNorm(3), X),
    "BatchNorm1d": (nn.BatchNorm1d(3), X),
    "BatchNorm1d, eval": (nn.BatchNorm1d(3).eval(), X),
    "GroupNorm": (nn.GroupNorm(2, 2), IMAGES),
    "Conv2d": (nn.Conv2d(2, 3, 3, stride=2, padding=1), IMAGES),
    "ConvTranspose2d": (nn.ConvTranspose2d(2, 2, 2, stride=2), IMAGES),
    "MaxPool2d": (nn.MaxPool2d(3, stride=1), IMAGES),
    "AvgPool2d": (nn.AvgPool2d(2), IMAGES),
    "Embedding": (nn.Embedding(5, 3), np.array([0, 1, 1, 4])),
    "MultiheadAttention": (Only(nn.MultiheadAttention(4, 2, batch_first=True)), *[SEQUENCES] * 3),
    "LSTM": (Only(nn.LSTM(4, 2, batch_first=True)), SEQUENCES),
    "GRU": (Only(nn.GRU(4, 2, batch_first=True)), SEQUENCES),
    "Dropout": (nn.Dropout(0.5), X),
    "cross_entropy": (F.cross_entropy, X, CLASSES),
    "cross_entropy, smoothed": (partial(F.cross_entropy, label_smoothing=0.1), X, CLASSES),
    "mse_loss": (F.mse_loss, X, X[::-1].copy()),
    "huber_loss": (F.huber_loss, X, X[::-1].copy()),
    "binary_cross_entropy_with_logits": (F.binary_cross_entropy_with_logits, X, (X > 0).astype(float)),
    "max, ties": (torch.amax, np.ones((2, 3))),
    "norm": (torch.linalg.norm, X),
    "cumprod": (partial(torch.cumprod, dim=1), X),
    "inv": (torch.linalg.inv, X[:3] + 3 * np.eye(3)),
    "several outputs": (partial(torch.var_mean, dim=1), X),
    "a network": (nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)), X),
}


@pytest.mark.parametrize(("function", "inputs"), [(f, x) for f, *x in RIGHT.values()], ids=RIGHT)
def test_pytorchs_own_pass(function, inputs):
    torch.manual_seed(0)
    check_brick(from_torch(function), *inputs)


class Square(torch.autograd.Function):
    factor = 2

    @classmethod
    def forward(cls, ctx, x):
        ctx.save_for_backward(x)
        return x**2

    @classmethod
    def backward(cls, ctx, dy):
        (x,) = ctx.saved_tensors
        return cls.factor * dy * x


class Half(Square):
    factor = 1


class NoGradient(Square):
    @classmethod
    def backward(cls, ctx, dy):
        return None


class WritesIntoUpstream(Square):
    @classmethod
    def backward(cls, ctx, dy):
        (x,) = ctx.saved_tensors
        return dy.mul_(2 * x)


class WritesIntoInput(Square):
    @classmethod
    def forward(cls, ctx, x):
        ctx.save_for_backward(x.clone())
        y = x**2
        x.data.zero_()
        return y


class DrawsAnew(Square):
    @classmethod
    def forward(cls, ctx, x):
        return x * (torch.rand(x.shape) < 0.5)

    @classmethod
    def backward(cls, ctx, dy):
        return dy * (torch.rand(dy.shape) < 0.5)


class Scale(nn.Module):
    """A module whose own function forgets to sum over the batch."""

    class Function(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, s):
            ctx.save_for_backward(x, s)
            return x * s

        @staticmethod
        def backward(ctx, dy):
            x, s = ctx.saved_tensors
            return dy * s, (dy * x)[0]

    def __init__(self):
        super().__init__()
        self.s = nn.Parameter(torch.ones(3))

    def forward(self, x):
        return self.Function.apply(x, self.s)


def test_a_right_autograd_function_passes():
    check_brick(from_torch(Square), X)


@pytest.mark.parametrize("wrong", [Half, NoGradient, WritesIntoUpstream, WritesIntoInput, DrawsAnew, Scale()])
def test_wrong_autograd_functions_are_found(wrong):
    with pytest.raises(GradientError):
        check_brick(from_torch(wrong), X)


def test_a_module_and_the_random_numbers_stay_as_they_are():
    module = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2), nn.Dropout(0.5))
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    state = torch.get_rng_state()
    check_brick(from_torch(module), X)
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())
    assert {tensor.dtype for tensor in module.parameters()} == {torch.float32}


def test_names_and_dtypes():
    brick = from_torch(nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)))
    assert [name for name, _ in brick.named_parameters()] == ["0.weight", "0.bias", "1.weight", "1.bias"]
    y, cache = brick.forward(X.astype(np.float32))
    assert y.dtype == brick.backward(y, cache).dtype == np.float32
    for parameter in brick.parameters():
        parameter.value = parameter.value.astype(np.float64)
    assert brick(X).dtype == np.float64
    assert type(from_torch(F.mse_loss)(X, X)) is float


def test_parameters_that_do_not_learn_are_left_out():
    linear = nn.Linear(3, 2)
    linear.bias.requires_grad_(False)
    brick = from_torch(linear)
    assert [name for name, _ in brick.named_parameters()] == ["weight"]
    check_brick(brick, X)


def test_reprs_are_short():
    assert repr(from_torch(nn.Softplus(beta=1))) == "from_torch(Softplus(beta=1, threshold=20.0))"
    assert repr(from_torch(nn.Sequential(nn.Linear(3, 2)))) == "from_torch(Sequential)"
    assert repr(from_torch(Square)) == "from_torch(Square)"
    assert repr(from_torch(partial(torch.softmax, dim=1))) == "from_torch(softmax(dim=1))"
    assert repr(from_torch(lambda x: x, name="identity")) == "identity"


def test_misuse_is_refused():
    with pytest.raises(OptionError, match="needs function as a function, but function is 3"):
        from_torch(3)
    with pytest.raises(OptionError, match="needs a tensor as output, but it returned None"):
        from_torch(lambda x: None).forward(X)
