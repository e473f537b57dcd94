"""Checks of plaintext credentials in pipelines, settings and scripts."""
