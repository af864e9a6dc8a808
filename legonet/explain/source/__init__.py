"""The formulas that the source of a brick states."""

from .passes import formulas_from_source

__all__ = ["formulas_from_source"]
