"""The first tables: of the registry, its people, its facades and its ledger."""

import sqlalchemy as sa
from alembic.operations import Operations


def upgrade(op: Operations) -> None:  # noqa: PLR0915 - a statement for each table
    """From an empty database."""
    op.create_table(
        "containments",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=128), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.String(length=20), nullable=False),
        sa.Column("lifted_at", sa.String(length=20), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_containments")),
    )
    op.create_index(op.f("ix_containments_lifted_at"), "containments", ["lifted_at"], unique=False)
    op.create_table(
        "graph_boms",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("blob", sa.String(length=64), nullable=False),
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("signers", sa.Text(), nullable=False),
        sa.Column("added_by", sa.String(length=128), nullable=False),
        sa.Column("at", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_graph_boms")),
        sa.UniqueConstraint("digest", name=op.f("uq_graph_boms_digest")),
    )
    op.create_table(
        "mlflow_artifacts",
        sa.Column("area", sa.String(length=40), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("area", "path", name=op.f("pk_mlflow_artifacts")),
    )
    op.create_table(
        "mlflow_values",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(length=60), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("key", sa.String(length=250), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("step", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mlflow_values")),
    )
    op.create_index(op.f("ix_mlflow_values_owner"), "mlflow_values", ["owner"], unique=False)
    op.create_table(
        "oci_uploads",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("project", sa.String(length=64), nullable=False),
        sa.Column("model", sa.String(length=64), nullable=False),
        sa.Column("account", sa.String(length=128), nullable=False),
        sa.Column("size", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("pieces", sa.Integer(), server_default="0", nullable=False),
        sa.Column("at", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oci_uploads")),
    )
    op.create_index(op.f("ix_oci_uploads_account"), "oci_uploads", ["account"], unique=False)
    op.create_index(op.f("ix_oci_uploads_at"), "oci_uploads", ["at"], unique=False)
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("project", sa.String(length=64), nullable=False),
        sa.Column("at", sa.String(length=20), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_at", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    op.create_index(op.f("ix_outbox_next_at"), "outbox", ["next_at"], unique=False)
    op.create_table(
        "policies",
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_policies")),
    )
    op.create_table(
        "projects",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("quota", sa.BigInteger(), nullable=True),
        sa.Column("made_at", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_projects")),
    )
    op.create_table(
        "trust_roots",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_trust_roots")),
    )
    op.create_table(
        "users",
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("person", sa.String(length=128), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("disabled_at", sa.String(length=20), nullable=True),
        sa.Column("made_at", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_users")),
    )
    op.create_index(op.f("ix_users_person"), "users", ["person"], unique=False)
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("user", sa.String(length=128), nullable=False),
        sa.Column("label", sa.String(length=100), nullable=False),
        sa.Column("verbs", sa.String(length=200), nullable=False),
        sa.Column("project", sa.String(length=64), nullable=True),
        sa.Column("made_at", sa.String(length=20), nullable=False),
        sa.Column("expires", sa.String(length=20), nullable=False),
        sa.Column("last_used", sa.String(length=20), nullable=True),
        sa.Column("revoked_at", sa.String(length=20), nullable=True),
        sa.ForeignKeyConstraint(["user"], ["users.name"], name=op.f("fk_api_tokens_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint("sha256", name=op.f("uq_api_tokens_sha256")),
    )
    op.create_index(op.f("ix_api_tokens_user"), "api_tokens", ["user"], unique=False)
    op.create_table(
        "mlflow_experiments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=500), nullable=False),
        sa.Column("stage", sa.String(length=16), server_default="active", nullable=False),
        sa.Column("made_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["project"], ["projects.name"], name=op.f("fk_mlflow_experiments_project")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mlflow_experiments")),
        sa.UniqueConstraint("name", name=op.f("uq_mlflow_experiments_name")),
    )
    op.create_index(op.f("ix_mlflow_experiments_project"), "mlflow_experiments", ["project"], unique=False)
    op.create_table(
        "models",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("card", sa.Text(), server_default="", nullable=False),
        sa.Column("deleted_at", sa.String(length=20), nullable=True),
        sa.Column("made_at", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(["project"], ["projects.name"], name=op.f("fk_models_project")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_models")),
        sa.UniqueConstraint("project", "name", name=op.f("uq_models_project_name")),
    )
    op.create_table(
        "oci_pieces",
        sa.Column("upload", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["upload"], ["oci_uploads.id"], name=op.f("fk_oci_pieces_upload")),
        sa.PrimaryKeyConstraint("upload", "number", name=op.f("pk_oci_pieces")),
    )
    op.create_table(
        "role_bindings",
        sa.Column("user", sa.String(length=128), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("scope", sa.String(length=200), nullable=False),
        sa.Column("given_by", sa.String(length=128), nullable=False),
        sa.Column("made_at", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(["user"], ["users.name"], name=op.f("fk_role_bindings_user")),
        sa.PrimaryKeyConstraint("user", "role", "scope", name=op.f("pk_role_bindings")),
    )
    op.create_table(
        "uploads",
        sa.Column("project", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["project"], ["projects.name"], name=op.f("fk_uploads_project")),
        sa.PrimaryKeyConstraint("project", "sha256", name=op.f("pk_uploads")),
    )
    op.create_table(
        "webhooks",
        sa.Column("id", sa.String(length=20), nullable=False),
        sa.Column("project", sa.String(length=64), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("events", sa.Text(), nullable=False),
        sa.Column("secret", sa.String(length=64), nullable=False),
        sa.Column("made_by", sa.String(length=128), nullable=False),
        sa.Column("made_at", sa.String(length=20), nullable=False),
        sa.Column("delivered_at", sa.String(length=20), nullable=True),
        sa.Column("disabled_at", sa.String(length=20), nullable=True),
        sa.Column("why", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["project"], ["projects.name"], name=op.f("fk_webhooks_project")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
    )
    op.create_index(op.f("ix_webhooks_project"), "webhooks", ["project"], unique=False)
    op.create_table(
        "mlflow_logged_models",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("experiment", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=500), nullable=False),
        sa.Column("run", sa.String(length=40), nullable=True),
        sa.Column("kind", sa.String(length=500), server_default="", nullable=False),
        sa.Column("status", sa.String(length=40), nullable=False),
        sa.Column("made_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["experiment"], ["mlflow_experiments.id"], name=op.f("fk_mlflow_logged_models_experiment")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mlflow_logged_models")),
    )
    op.create_index(op.f("ix_mlflow_logged_models_experiment"), "mlflow_logged_models", ["experiment"], unique=False)
    op.create_table(
        "mlflow_runs",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("experiment", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=500), nullable=False),
        sa.Column("person", sa.String(length=128), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("stage", sa.String(length=16), server_default="active", nullable=False),
        sa.Column("start_ms", sa.BigInteger(), nullable=False),
        sa.Column("end_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["experiment"], ["mlflow_experiments.id"], name=op.f("fk_mlflow_runs_experiment")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mlflow_runs")),
    )
    op.create_index(op.f("ix_mlflow_runs_experiment"), "mlflow_runs", ["experiment"], unique=False)
    op.create_table(
        "versions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("model", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("revision", sa.Integer(), server_default="0", nullable=False),
        sa.Column("digest", sa.String(length=100), nullable=True),
        sa.Column("manifest", sa.String(length=64), nullable=True),
        sa.Column("size", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("files", sa.Integer(), server_default="0", nullable=False),
        sa.Column("publisher", sa.String(length=128), nullable=False),
        sa.Column("made_at", sa.String(length=20), nullable=False),
        sa.Column("since", sa.String(length=20), nullable=False),
        sa.Column("freed_at", sa.String(length=20), nullable=True),
        sa.ForeignKeyConstraint(["model"], ["models.id"], name=op.f("fk_versions_model")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_versions")),
        sa.UniqueConstraint("model", "name", name=op.f("uq_versions_model_name")),
    )
    op.create_index(op.f("ix_versions_digest"), "versions", ["digest"], unique=False)
    op.create_index("ix_versions_model_id", "versions", ["model", "id"], unique=False)
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("webhook", sa.String(length=20), nullable=False),
        sa.Column("message", sa.String(length=40), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_at", sa.String(length=20), nullable=False),
        sa.Column("dead_at", sa.String(length=20), nullable=True),
        sa.ForeignKeyConstraint(["webhook"], ["webhooks.id"], name=op.f("fk_webhook_deliveries_webhook")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_deliveries")),
    )
    op.create_index(op.f("ix_webhook_deliveries_next_at"), "webhook_deliveries", ["next_at"], unique=False)
    op.create_index(op.f("ix_webhook_deliveries_webhook"), "webhook_deliveries", ["webhook"], unique=False)
    op.create_table(
        "contained_versions",
        sa.Column("containment", sa.String(length=32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("quarantine", sa.String(length=71), nullable=False),
        sa.ForeignKeyConstraint(["containment"], ["containments.id"], name=op.f("fk_contained_versions_containment")),
        sa.ForeignKeyConstraint(["version"], ["versions.id"], name=op.f("fk_contained_versions_version")),
        sa.PrimaryKeyConstraint("containment", "version", name=op.f("pk_contained_versions")),
    )
    op.create_index(op.f("ix_contained_versions_version"), "contained_versions", ["version"], unique=False)
    op.create_table(
        "deployments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("environment", sa.String(length=64), nullable=False),
        sa.Column("since", sa.String(length=20), nullable=False),
        sa.Column("until", sa.String(length=20), nullable=True),
        sa.Column("reported_by", sa.String(length=128), nullable=False),
        sa.ForeignKeyConstraint(["version"], ["versions.id"], name=op.f("fk_deployments_version")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deployments")),
    )
    op.create_index("ix_deployments_environment_name", "deployments", ["environment", "name"], unique=False)
    op.create_index(op.f("ix_deployments_version"), "deployments", ["version"], unique=False)
    op.create_table(
        "graph_gaps",
        sa.Column("document", sa.String(length=100), nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["version"], ["versions.id"], name=op.f("fk_graph_gaps_version")),
        sa.PrimaryKeyConstraint("document", name=op.f("pk_graph_gaps")),
    )
    op.create_index(op.f("ix_graph_gaps_version"), "graph_gaps", ["version"], unique=False)
    op.create_table(
        "hub_drafts",
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("branch", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["version"], ["versions.id"], name=op.f("fk_hub_drafts_version")),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_hub_drafts")),
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("lease_until", sa.String(length=20), nullable=True),
        sa.ForeignKeyConstraint(["version"], ["versions.id"], name=op.f("fk_jobs_version")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        sa.UniqueConstraint("kind", "version", name=op.f("uq_jobs_kind_version")),
    )
    op.create_index("ix_jobs_state_lease_until", "jobs", ["state", "lease_until"], unique=False)
    op.create_table(
        "lineage",
        sa.Column("child", sa.Integer(), nullable=False),
        sa.Column("parent", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["child"], ["versions.id"], name=op.f("fk_lineage_child")),
        sa.ForeignKeyConstraint(["parent"], ["versions.id"], name=op.f("fk_lineage_parent")),
        sa.PrimaryKeyConstraint("child", "parent", "kind", name=op.f("pk_lineage")),
    )
    op.create_index(op.f("ix_lineage_parent"), "lineage", ["parent"], unique=False)
    op.create_table(
        "mlflow_aliases",
        sa.Column("model", sa.Integer(), nullable=False),
        sa.Column("alias", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["model"], ["models.id"], name=op.f("fk_mlflow_aliases_model")),
        sa.ForeignKeyConstraint(["version"], ["versions.id"], name=op.f("fk_mlflow_aliases_version")),
        sa.PrimaryKeyConstraint("model", "alias", name=op.f("pk_mlflow_aliases")),
    )
    op.create_table(
        "mlflow_sources",
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("area", sa.String(length=40), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("run", sa.String(length=40), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["version"], ["versions.id"], name=op.f("fk_mlflow_sources_version")),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_mlflow_sources")),
    )
    op.create_index(op.f("ix_mlflow_sources_area"), "mlflow_sources", ["area"], unique=False)
    op.create_table(
        "oci_artifacts",
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["version"], ["versions.id"], name=op.f("fk_oci_artifacts_version")),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_oci_artifacts")),
    )
    op.create_index(op.f("ix_oci_artifacts_digest"), "oci_artifacts", ["digest"], unique=False)
    op.create_table(
        "oci_pushed",
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("config", sa.String(length=64), nullable=False),
        sa.Column("config_document", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["version"], ["versions.id"], name=op.f("fk_oci_pushed_version")),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_oci_pushed")),
    )
    op.create_index(op.f("ix_oci_pushed_config"), "oci_pushed", ["config"], unique=False)
    op.create_index(op.f("ix_oci_pushed_digest"), "oci_pushed", ["digest"], unique=False)
    op.create_table(
        "requests",
        sa.Column("nonce", sa.String(length=32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(length=64), nullable=False),
        sa.Column("counter", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("revision", sa.Integer(), server_default="0", nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("requester", sa.String(length=128), nullable=False),
        sa.Column("break_glass", sa.Boolean(), nullable=False),
        sa.Column("expires", sa.String(length=20), nullable=False),
        sa.Column("at", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(["version"], ["versions.id"], name=op.f("fk_requests_version")),
        sa.PrimaryKeyConstraint("nonce", name=op.f("pk_requests")),
    )
    op.create_index(op.f("ix_requests_at"), "requests", ["at"], unique=False)
    op.create_index("ix_requests_state_expires", "requests", ["state", "expires"], unique=False)
    op.create_index(op.f("ix_requests_version"), "requests", ["version"], unique=False)
    op.create_table(
        "version_files",
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["version"], ["versions.id"], name=op.f("fk_version_files_version")),
        sa.PrimaryKeyConstraint("version", "path", name=op.f("pk_version_files")),
    )
    op.create_index(op.f("ix_version_files_sha256"), "version_files", ["sha256"], unique=False)
    op.create_table(
        "version_tags",
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=250), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["version"], ["versions.id"], name=op.f("fk_version_tags_version")),
        sa.PrimaryKeyConstraint("version", "key", name=op.f("pk_version_tags")),
    )
    op.create_table(
        "channels",
        sa.Column("model", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("counter", sa.Integer(), nullable=False),
        sa.Column("request", sa.String(length=32), nullable=False),
        sa.Column("ticket", sa.BigInteger(), nullable=False),
        sa.Column("review_due", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.ForeignKeyConstraint(["model"], ["models.id"], name=op.f("fk_channels_model")),
        sa.ForeignKeyConstraint(["request"], ["requests.nonce"], name=op.f("fk_channels_request")),
        sa.PrimaryKeyConstraint("model", "name", name=op.f("pk_channels")),
    )
    op.create_table(
        "envelopes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("predicate_type", sa.String(length=200), nullable=False),
        sa.Column("request", sa.String(length=32), nullable=True),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("at", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(["request"], ["requests.nonce"], name=op.f("fk_envelopes_request")),
        sa.ForeignKeyConstraint(["version"], ["versions.id"], name=op.f("fk_envelopes_version")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_envelopes")),
        sa.UniqueConstraint("version", "digest", name=op.f("uq_envelopes_version_digest")),
    )
    op.create_index(op.f("ix_envelopes_request"), "envelopes", ["request"], unique=False)
    op.create_table(
        "oci_referrers",
        sa.Column("envelope", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("blob", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["envelope"], ["envelopes.id"], name=op.f("fk_oci_referrers_envelope")),
        sa.ForeignKeyConstraint(["version"], ["versions.id"], name=op.f("fk_oci_referrers_version")),
        sa.PrimaryKeyConstraint("envelope", name=op.f("pk_oci_referrers")),
    )
    op.create_index(op.f("ix_oci_referrers_blob"), "oci_referrers", ["blob"], unique=False)
    op.create_index(op.f("ix_oci_referrers_digest"), "oci_referrers", ["digest"], unique=False)
    op.create_index(op.f("ix_oci_referrers_version"), "oci_referrers", ["version"], unique=False)
    op.create_table(
        "ledger_checkpoints",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.Column("cosigned", sa.Integer(), server_default="0", nullable=False),
        sa.Column("at", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_ledger_checkpoints")),
    )
    op.create_table(
        "ledger_leaves",
        sa.Column("ticket", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("index", sa.BigInteger(), nullable=True),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("ticket", name=op.f("pk_ledger_leaves")),
        sa.UniqueConstraint("index", name=op.f("uq_ledger_leaves_index")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_ledger_leaves_pending",
        "ledger_leaves",
        ["ticket"],
        unique=False,
        sqlite_where=sa.text('"index" IS NULL'),
        postgresql_where=sa.text('"index" IS NULL'),
    )
    op.create_table(
        "ledger_nodes",
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("level", "index", name=op.f("pk_ledger_nodes")),
    )
    op.create_table(
        "graph_aliases",
        sa.Column("alias", sa.Text(), nullable=False),
        sa.Column("node", sa.Integer(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("alias", "node", name=op.f("pk_graph_aliases")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_graph_aliases_node"), "graph_aliases", ["node"], unique=False)
    op.create_table(
        "graph_documents",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("subject", sa.Integer(), nullable=False),
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("origin", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_graph_documents")),
        sa.UniqueConstraint("digest", name=op.f("uq_graph_documents_digest")),
    )
    op.create_index("ix_graph_documents_series_at", "graph_documents", ["series", "at"], unique=False)
    op.create_index(op.f("ix_graph_documents_subject"), "graph_documents", ["subject"], unique=False)
    op.create_table(
        "graph_edges",
        sa.Column("source", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("origin", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("target", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("valid_from", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("valid_to", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("source", "origin", "target", "kind", "valid_from", name=op.f("pk_graph_edges")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_graph_edges_target", "graph_edges", ["target", "valid_to", "source", "kind", "valid_from"], unique=False
    )
    op.create_table(
        "graph_log",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("rows", sa.LargeBinary(), nullable=False),
        sa.Column("chain", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_graph_log")),
    )
    op.create_table(
        "graph_nodes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("purl", sa.Text(), nullable=False),
        sa.Column("said", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_graph_nodes")),
        sa.UniqueConstraint("key", name=op.f("uq_graph_nodes_key")),
    )
    op.create_index("ix_graph_nodes_name", "graph_nodes", ["name", "kind"], unique=False)
    op.create_table(
        "graph_packages",
        sa.Column("package", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("node", sa.Integer(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("package", "version", "node", name=op.f("pk_graph_packages")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "graph_sources",
        sa.Column("origin", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("source", sa.Integer(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("origin", "source", name=op.f("pk_graph_sources")),
        sqlite_with_rowid=False,
    )
