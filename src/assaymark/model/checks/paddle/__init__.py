"""Checks of Paddle programs and parameters."""
