"""Training: from bricks, data and an optimizer to a network that has learned."""

from .backpropagation import Backpropagated, backpropagate

__all__ = ["Backpropagated", "backpropagate"]
