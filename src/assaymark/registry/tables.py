"""Tables of the registry. Same in SQLite and PostgreSQL; moments are RFC 3339 texts in UTC, digests are texts.

Rows are an index of what is signed and logged: a row that was edited by hand changes what this server says, never what
a verifier accepts.
"""

import sqlalchemy as sa

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

projects = sa.Table(
    "projects",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("quota", sa.BigInteger),  # logical bytes; None is no limit
    sa.Column("made_at", sa.String(20), nullable=False),
)

models = sa.Table(
    "models",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("project", sa.ForeignKey("projects.name"), nullable=False),
    sa.Column("name", sa.String(64), nullable=False),
    sa.Column("card", sa.Text, nullable=False, server_default=""),
    sa.Column("deleted_at", sa.String(20)),  # a tombstone: the name stays taken
    sa.Column("made_at", sa.String(20), nullable=False),
    sa.UniqueConstraint("project", "name"),
)

versions = sa.Table(
    "versions",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("model", sa.ForeignKey("models.id"), nullable=False),
    sa.Column("name", sa.String(64), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("revision", sa.Integer, nullable=False, server_default="0"),
    sa.Column("digest", sa.String(100), index=True),
    sa.Column("manifest", sa.String(64)),  # sha256 of the manifest's document, a blob
    sa.Column("size", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("files", sa.Integer, nullable=False, server_default="0"),
    sa.Column("publisher", sa.String(128), nullable=False),
    sa.Column("made_at", sa.String(20), nullable=False),
    sa.Column("since", sa.String(20), nullable=False),  # when it came into its state, or a draft got files
    sa.Column("freed_at", sa.String(20)),  # when its bytes were let go (registry.keeping)
    sa.UniqueConstraint("model", "name"),
    sa.Index("ix_versions_model_id", "model", "id"),  # the newest first
)

roots = sa.Table(
    "trust_roots",
    metadata,
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("document", sa.Text, nullable=False),  # DSSE in JSON
)

policies = sa.Table(
    "policies",
    metadata,
    sa.Column("digest", sa.String(71), primary_key=True),
    sa.Column("document", sa.Text, nullable=False),  # RFC 8785
)

files = sa.Table(
    "version_files",
    metadata,
    sa.Column("version", sa.ForeignKey("versions.id"), primary_key=True),
    sa.Column("path", sa.Text, primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False, index=True),
)

uploads = sa.Table(
    "uploads",
    metadata,
    sa.Column("project", sa.ForeignKey("projects.name"), primary_key=True),
    sa.Column("sha256", sa.String(64), primary_key=True),  # who named it here had the content
)

tags = sa.Table(
    "version_tags",
    metadata,
    sa.Column("version", sa.ForeignKey("versions.id"), primary_key=True),
    sa.Column("key", sa.String(250), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

lineage = sa.Table(
    "lineage",
    metadata,
    sa.Column("child", sa.ForeignKey("versions.id"), primary_key=True),
    sa.Column("parent", sa.ForeignKey("versions.id"), primary_key=True, index=True),
    sa.Column("kind", sa.String(32), primary_key=True),
)

envelopes = sa.Table(
    "envelopes",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("digest", sa.String(71), nullable=False),  # of the payload
    sa.Column("version", sa.ForeignKey("versions.id"), nullable=False),
    sa.Column("predicate_type", sa.String(200), nullable=False),
    sa.Column("request", sa.ForeignKey("requests.nonce"), index=True),
    sa.Column("document", sa.Text, nullable=False),  # DSSE in JSON
    sa.Column("at", sa.String(20), nullable=False),
    sa.UniqueConstraint("version", "digest"),  # evidence may be about the bytes of several versions
)

requests = sa.Table(
    "requests",
    metadata,
    sa.Column("nonce", sa.String(32), primary_key=True),
    sa.Column("version", sa.ForeignKey("versions.id"), nullable=False, index=True),
    sa.Column("channel", sa.String(64), nullable=False),
    sa.Column("counter", sa.Integer, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("revision", sa.Integer, nullable=False, server_default="0"),
    sa.Column("digest", sa.String(71), nullable=False),
    sa.Column("requester", sa.String(128), nullable=False),
    sa.Column("break_glass", sa.Boolean, nullable=False),
    sa.Column("expires", sa.String(20), nullable=False),
    sa.Column("at", sa.String(20), nullable=False, index=True),
    sa.Index("ix_requests_state_expires", "state", "expires"),
)

channels = sa.Table(
    "channels",
    metadata,
    sa.Column("model", sa.ForeignKey("models.id"), primary_key=True),
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("counter", sa.Integer, nullable=False),
    sa.Column("request", sa.ForeignKey("requests.nonce"), nullable=False),
    sa.Column("ticket", sa.BigInteger, nullable=False),  # of the ledger's leaf
    sa.Column("review_due", sa.Boolean, nullable=False, server_default=sa.false()),  # after break-glass
)

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("event", sa.Text, nullable=False),
    sa.Column("project", sa.String(64), nullable=False),
    sa.Column("at", sa.String(20), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("next_at", sa.String(20), nullable=False, index=True),
)

jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("version", sa.ForeignKey("versions.id"), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("error", sa.Text),
    sa.Column("lease_until", sa.String(20)),
    sa.UniqueConstraint("kind", "version"),
    sa.Index("ix_jobs_state_lease_until", "state", "lease_until"),
)

containments = sa.Table(
    "containments",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("what", sa.Text, nullable=False),  # a selector of the graph
    sa.Column("record", sa.Text, nullable=False),  # the advisory as it was then, "" where `what` is none
    sa.Column("scope", sa.Text, nullable=False),  # JSON list of scopes in which it holds
    sa.Column("by", sa.String(128), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", sa.String(20), nullable=False),
    sa.Column("lifted_at", sa.String(20), index=True),
)

contained = sa.Table(
    "contained_versions",
    metadata,
    sa.Column("containment", sa.ForeignKey("containments.id"), primary_key=True),
    sa.Column("version", sa.ForeignKey("versions.id"), primary_key=True, index=True),
    sa.Column("quarantine", sa.String(71), nullable=False),  # digest of the statement that stopped it
)
