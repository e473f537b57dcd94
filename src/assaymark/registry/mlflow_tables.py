"""Tables of what MLflow clients bring along: experiments, runs, logged models, and artifacts before they are registered.

Nothing of it is signed or logged. What is registered becomes a version like any other; its alias is one only where no
policy protects that name.
"""

import sqlalchemy as sa

from assaymark.registry.tables import metadata

experiments = sa.Table(
    "mlflow_experiments",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("project", sa.ForeignKey("projects.name"), nullable=False, index=True),
    sa.Column("name", sa.String(500), nullable=False, unique=True),  # PROJECT/…
    sa.Column("stage", sa.String(16), nullable=False, server_default="active"),
    sa.Column("made_ms", sa.BigInteger, nullable=False),
)

runs = sa.Table(
    "mlflow_runs",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("experiment", sa.ForeignKey("mlflow_experiments.id"), nullable=False, index=True),
    sa.Column("name", sa.String(500), nullable=False),
    sa.Column("person", sa.String(128), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("stage", sa.String(16), nullable=False, server_default="active"),
    sa.Column("start_ms", sa.BigInteger, nullable=False),
    sa.Column("end_ms", sa.BigInteger),
)

logged_models = sa.Table(
    "mlflow_logged_models",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("experiment", sa.ForeignKey("mlflow_experiments.id"), nullable=False, index=True),
    sa.Column("name", sa.String(500), nullable=False),
    sa.Column("run", sa.String(40)),
    sa.Column("kind", sa.String(500), nullable=False, server_default=""),
    sa.Column("status", sa.String(40), nullable=False),
    sa.Column("made_ms", sa.BigInteger, nullable=False),
)

values = sa.Table(
    "mlflow_values",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("owner", sa.String(60), nullable=False, index=True),  # `run:…`, `experiment:…`, `logged:…`, `model:…`
    sa.Column("kind", sa.String(8), nullable=False),  # `param`, `tag`, `metric`, `text`
    sa.Column("key", sa.String(250), nullable=False),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("at_ms", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("step", sa.BigInteger, nullable=False, server_default="0"),
)

artifacts = sa.Table(
    "mlflow_artifacts",
    metadata,
    sa.Column("area", sa.String(40), primary_key=True),  # of a run or a logged model
    sa.Column("path", sa.Text, primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
)

sources = sa.Table(
    "mlflow_sources",
    metadata,
    sa.Column("version", sa.ForeignKey("versions.id"), primary_key=True),
    sa.Column("area", sa.String(40), nullable=False, index=True),
    sa.Column("prefix", sa.Text, nullable=False),  # what lies below it is frozen
    sa.Column("run", sa.String(40), nullable=False, server_default=""),
)

aliases = sa.Table(
    "mlflow_aliases",
    metadata,
    sa.Column("model", sa.ForeignKey("models.id"), primary_key=True),
    sa.Column("alias", sa.String(64), primary_key=True),
    sa.Column("version", sa.ForeignKey("versions.id"), nullable=False),
)
