"""The data layer: what a dataset would run, and what it would do to whoever opens it."""
