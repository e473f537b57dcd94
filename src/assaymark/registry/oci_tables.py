"""Tables of the OCI facade: uploads under way, manifests that were pushed, and the digests under which things are shown."""

import sqlalchemy as sa

from assaymark.registry.tables import metadata

uploads = sa.Table(
    "oci_uploads",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("project", sa.String(64), nullable=False),
    sa.Column("model", sa.String(64), nullable=False),
    sa.Column("account", sa.String(128), nullable=False, index=True),
    sa.Column("size", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("pieces", sa.Integer, nullable=False, server_default="0"),
    sa.Column("at", sa.String(20), nullable=False, index=True),
)

pieces = sa.Table(
    "oci_pieces",
    metadata,
    sa.Column("upload", sa.ForeignKey("oci_uploads.id"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("sha256", sa.String(64), nullable=False),  # a blob of the store, swept when nothing names it
    sa.Column("size", sa.BigInteger, nullable=False),
)

pushed = sa.Table(
    "oci_pushed",
    metadata,
    sa.Column("version", sa.ForeignKey("versions.id"), primary_key=True),
    sa.Column("digest", sa.String(64), nullable=False, index=True),
    sa.Column("document", sa.LargeBinary, nullable=False),
    sa.Column("config", sa.String(64), nullable=False, index=True),
    sa.Column("config_document", sa.LargeBinary, nullable=False),
)

artifacts = sa.Table(
    "oci_artifacts",
    metadata,
    sa.Column("version", sa.ForeignKey("versions.id"), primary_key=True),
    sa.Column("digest", sa.String(64), nullable=False, index=True),  # of the manifest that is made of the version
    sa.Column("size", sa.Integer, nullable=False),
)

referrers = sa.Table(
    "oci_referrers",
    metadata,
    sa.Column("envelope", sa.ForeignKey("envelopes.id"), primary_key=True),
    sa.Column("version", sa.ForeignKey("versions.id"), nullable=False, index=True),
    sa.Column("digest", sa.String(64), nullable=False, index=True),  # of the manifest that is made of the envelope
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("blob", sa.String(64), nullable=False, index=True),  # of the envelope's own bytes
)
