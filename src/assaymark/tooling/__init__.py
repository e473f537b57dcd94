"""The tooling layer: notebooks, pipelines and trackers around a model."""
