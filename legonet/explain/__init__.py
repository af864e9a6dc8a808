"""The worked mathematics of a training step."""
