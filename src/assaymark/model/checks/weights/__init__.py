"""Checks of weights and of the texts beside them."""
