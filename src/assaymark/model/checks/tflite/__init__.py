"""Checks of TFLite models."""
