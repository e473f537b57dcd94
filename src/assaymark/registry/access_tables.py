"""Tables of people and their tokens. Nothing in them opens a door by itself: tokens are stored as sha256."""

import sqlalchemy as sa

from assaymark.registry.tables import metadata

users = sa.Table(
    "users",
    metadata,
    sa.Column("name", sa.String(128), primary_key=True),
    sa.Column("person", sa.String(128), nullable=False, index=True),  # name of the person's first account
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("disabled_at", sa.String(20)),
    sa.Column("made_at", sa.String(20), nullable=False),
)

bindings = sa.Table(
    "role_bindings",
    metadata,
    sa.Column("user", sa.ForeignKey("users.name"), primary_key=True),
    sa.Column("role", sa.String(16), primary_key=True),
    sa.Column("scope", sa.String(200), primary_key=True),
    sa.Column("given_by", sa.String(128), nullable=False),
    sa.Column("made_at", sa.String(20), nullable=False),
)

tokens = sa.Table(
    "api_tokens",
    metadata,
    sa.Column("id", sa.String(16), primary_key=True),
    sa.Column("sha256", sa.String(64), nullable=False, unique=True),
    sa.Column("user", sa.ForeignKey("users.name"), nullable=False, index=True),
    sa.Column("label", sa.String(100), nullable=False),
    sa.Column("verbs", sa.String(200), nullable=False),  # joined by spaces
    sa.Column("project", sa.String(64)),
    sa.Column("made_at", sa.String(20), nullable=False),
    sa.Column("expires", sa.String(20), nullable=False),
    sa.Column("last_used", sa.String(20)),  # to the hour
    sa.Column("revoked_at", sa.String(20)),
)
