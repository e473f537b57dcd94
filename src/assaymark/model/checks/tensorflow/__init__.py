"""Checks of TensorFlow graphs and checkpoints."""
