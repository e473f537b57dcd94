"""The one table that clients of the Hugging Face hub need: which drafts they write to."""

import sqlalchemy as sa

from assaymark.registry.tables import metadata

drafts = sa.Table(
    "hub_drafts",
    metadata,
    sa.Column("version", sa.ForeignKey("versions.id"), primary_key=True),
    sa.Column("branch", sa.String(64), nullable=False),  # as the client names it: `main`, or the version's own name
)
