"""Containers: bricks made of bricks."""

from .sequential import Sequential

__all__ = ["Sequential"]
