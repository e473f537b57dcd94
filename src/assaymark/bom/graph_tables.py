"""Tables of the graph. Same in SQLite and PostgreSQL.

There may be tens of millions of edges, so they are numbers only: nodes by id, kinds by the lists below, moments as seconds
since 1970. An edge is held by its origin, which is a series of documents: what one of the series says, a later one of it
ends, and nobody else's word does. Origin 0 is nobody's and never ends: what bytes contain, and what a name stands for.

Edges have no foreign keys: one function writes them (bom.graph), and to check ten million rows twice is time for nothing.
"""

import sqlalchemy as sa

from assaymark.core.graph import EdgeKind, NodeKind

EDGE_KINDS = tuple(EdgeKind)
"""The number of a kind is its place here: kinds are appended to the enumeration and never reordered."""
NODE_KINDS = tuple(NodeKind)
EDGE_NUMBER = {kind: number for number, kind in enumerate(EDGE_KINDS)}
NODE_NUMBER = {kind: number for number, kind in enumerate(NODE_KINDS)}
FOREVER = 0xFFFFFFFF
"""As `until` in the log and in arrays; NULL in the tables."""
NOBODY = 0
"""The origin of what holds whoever says it."""

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

nodes = sa.Table(
    "graph_nodes",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("key", sa.Text, nullable=False, unique=True),
    sa.Column("kind", sa.SmallInteger, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("purl", sa.Text, nullable=False),
    sa.Column("said", sa.BigInteger, nullable=False),  # of the last statement on it: the same one again costs nothing
    sa.Index("ix_graph_nodes_name", "name", "kind"),
)

aliases = sa.Table(
    "graph_aliases",
    metadata,
    sa.Column("alias", sa.Text, primary_key=True),
    sa.Column("node", sa.Integer, primary_key=True, autoincrement=False, index=True),
    sqlite_with_rowid=False,
)

packages = sa.Table(
    "graph_packages",
    metadata,
    sa.Column("package", sa.Text, primary_key=True),  # purl without version, qualifiers and subpath
    sa.Column("version", sa.Text, primary_key=True),  # "" where it is not known
    sa.Column("node", sa.Integer, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

documents = sa.Table(
    "graph_documents",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False, unique=True),
    sa.Column("subject", sa.Integer, nullable=False, index=True),
    sa.Column("series", sa.Text, nullable=False),
    sa.Column("origin", sa.Integer, nullable=False),  # id of the first document of its series
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("ended_at", sa.BigInteger),
    sa.Index("ix_graph_documents_series_at", "series", "at"),
)

edges = sa.Table(
    "graph_edges",
    metadata,
    sa.Column("source", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("origin", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("target", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("valid_from", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("valid_to", sa.BigInteger),  # NULL: it holds
    sa.Index("ix_graph_edges_target", "target", "valid_to", "source", "kind", "valid_from"),
    sqlite_with_rowid=False,
)

sources = sa.Table(
    "graph_sources",
    metadata,
    sa.Column("origin", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("source", sa.Integer, primary_key=True, autoincrement=False),  # it has said edges of this one
    sqlite_with_rowid=False,
)

log = sa.Table(
    "graph_log",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("rows", sa.LargeBinary, nullable=False),  # what changed, as bom.graph_log packs it
    sa.Column("chain", sa.String(64), nullable=False),  # sha256 over the chain before and the rows
)
