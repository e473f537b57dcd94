"""Names in the graph that look like one that is not there."""

import difflib

import sqlalchemy as sa

from assaymark.bom.graph_purls import canonical, split
from assaymark.bom.graph_tables import nodes, packages
from assaymark.core.graph import NodeKind

_SHOWN = 5
_LOOKED_AT = 20_000
"""Names of which the nearest are sought."""


def near(connection: sa.Connection, what: str) -> list[str]:
    """A few, the nearest first: other versions of the package where there are some, else names that are spelt alike."""
    text = what.strip()[:200]
    if text.startswith("pkg:"):
        return _packages(connection, text)
    word, colon, name = text.partition(":")
    kinds = {str(kind) for kind in NodeKind} | {"dataset", "base", "publisher", "vendor", "supplier"}
    name = name.strip() if colon and word.lower() in kinds else text
    return _alike(connection, nodes.c.name, name)


def _packages(connection: sa.Connection, text: str) -> list[str]:
    package, version = split(canonical(text) or text)
    held = sa.select(packages.c.version).where(packages.c.package == package).distinct()
    found = connection.execute(held.order_by(packages.c.version.desc()).limit(_SHOWN)).scalars().all()
    if found and version:
        return [f"{package}@{one}" if one else package for one in found]
    return _alike(connection, packages.c.package, package)


def _alike(connection: sa.Connection, column: sa.ColumnElement[str], name: str) -> list[str]:
    head = name.rpartition("/")[0] + "/" if name.startswith("pkg:") else ""
    start = name[: len(head) + 1]
    if not start:
        return []
    rows = sa.select(column).where(column >= start, column < start + "\U0010ffff").distinct().limit(_LOOKED_AT)
    begins = connection.execute(rows).scalars().all()
    holds = sa.select(column).where(column.contains(name[len(head) :], autoescape=True)).distinct().limit(_SHOWN)
    found = difflib.get_close_matches(name, begins, n=_SHOWN, cutoff=0.6)
    found += [other for other in connection.execute(holds).scalars() if other not in found]
    return found[:_SHOWN]
