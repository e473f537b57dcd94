"""Tables of outgoing webhooks: who is told of a project's events, and what is still to be told."""

import sqlalchemy as sa

from assaymark.registry.tables import metadata

webhooks = sa.Table(
    "webhooks",
    metadata,
    sa.Column("id", sa.String(20), primary_key=True),
    sa.Column("project", sa.ForeignKey("projects.name"), nullable=False, index=True),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("events", sa.Text, nullable=False),  # joined by spaces; empty: all
    sa.Column("secret", sa.String(64), nullable=False),  # HMAC needs it as it is
    sa.Column("made_by", sa.String(128), nullable=False),
    sa.Column("made_at", sa.String(20), nullable=False),
    sa.Column("delivered_at", sa.String(20)),
    sa.Column("disabled_at", sa.String(20)),
    sa.Column("why", sa.Text),  # of the newest failure
)

deliveries = sa.Table(
    "webhook_deliveries",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("webhook", sa.ForeignKey("webhooks.id"), nullable=False, index=True),
    sa.Column("message", sa.String(40), nullable=False),  # the same at every attempt
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("next_at", sa.String(20), nullable=False, index=True),
    sa.Column("dead_at", sa.String(20)),  # after the last attempt
)
