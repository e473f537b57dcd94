"""Tables of what the graph is filled from beside evidence: deployments, and bills of materials of things that nobody published here.

`graph_gaps` says which documents the graph could not take, and why.
"""

import sqlalchemy as sa

from assaymark.registry.tables import metadata

deployments = sa.Table(
    "deployments",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("version", sa.ForeignKey("versions.id"), nullable=False, index=True),
    sa.Column("name", sa.String(128), nullable=False),
    sa.Column("environment", sa.String(64), nullable=False),
    sa.Column("since", sa.String(20), nullable=False),
    sa.Column("until", sa.String(20)),  # NULL: it runs
    sa.Column("reported_by", sa.String(128), nullable=False),
    sa.Index("ix_deployments_environment_name", "environment", "name"),
)

boms = sa.Table(
    "graph_boms",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("digest", sa.String(71), nullable=False, unique=True),  # of the payload, else of the document
    sa.Column("blob", sa.String(64), nullable=False),  # as it was given
    sa.Column("series", sa.Text, nullable=False),
    sa.Column(
        "signers", sa.Text, nullable=False
    ),  # ids of the keys that were verified, by spaces; empty: nobody signed
    sa.Column("added_by", sa.String(128), nullable=False),
    sa.Column("at", sa.String(20), nullable=False),
)

gaps = sa.Table(
    "graph_gaps",
    metadata,
    sa.Column("document", sa.String(100), primary_key=True),
    sa.Column("version", sa.ForeignKey("versions.id"), index=True),
    sa.Column("why", sa.Text, nullable=False),
)
