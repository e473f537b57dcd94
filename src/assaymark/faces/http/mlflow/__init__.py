"""The registry for clients of MLflow: `MLFLOW_TRACKING_URI` is this server, a registered model is `PROJECT~MODEL`.

Runs and their artifacts are staging: `model-versions/create` freezes them into a draft, which waits for its publisher's
seal. Aliases and stages that are channels do not move here (docs/clients.md).
"""

from assaymark.faces.http.mlflow import artifacts, experiments, logged, registered, rest, runs, versions

capabilities = (
    experiments.routes, runs.routes, logged.routes, registered.routes, versions.routes, artifacts.routes, rest.routes,
)  # fmt: skip
"""The last one takes what no other does."""
