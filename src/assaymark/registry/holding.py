"""What standing containments hold back: versions that came after, and come from what was contained (registry.containment).

A version that a containment stopped has its own quarantine; this is about the others. They can be published and scanned, and are
neither asked for, approved, promoted nor handed out until two security people lift the containment.
"""

import json
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from assaymark.core.errors import Conflict, NotFound
from assaymark.registry import tables
from assaymark.registry.access import Scope
from assaymark.registry.names import VersionName
from assaymark.registry.work import Work

_containments, _contained = tables.containments, tables.contained


def require_free(work: Work, row: Any, name: VersionName) -> None:
    """Raise Conflict where a standing containment holds the version. `row`: of the version."""
    found = holding(work, row, name)
    if found is not None:
        step = f"two security people lift it: assay registry lift --containment {found.id}"
        why = f"{name} is held by containment {found.id} of {found.at}: it is affected by {found.what[:300]}"
        raise Conflict(why, step=step)


def holding(work: Work, row: Any, name: VersionName) -> Any:
    """The first containment that stands, covers the version, did not stop it itself, and whose subject went into it; or None."""
    own = sa.select(_contained.c.version).where(
        _contained.c.containment == _containments.c.id, _contained.c.version == row.id
    )
    wanted = sa.select(_containments).where(_containments.c.lifted_at.is_(None), ~own.exists())
    came: frozenset[int] | None = None
    for one in work.connection.execute(wanted.order_by(_containments.c.at, _containments.c.id)).all():
        if row.digest is None or not covers(json.loads(one.scope), name):
            continue
        if work.graph is None:
            raise Conflict(f"containment {one.id} stands, and nobody can say whether it is about {name}")
        if came is None:
            came = work.graph.ancestry(work.connection, row.digest, str(name))
        try:
            seeds = work.graph.seeds(work.connection, one.what, one.record)
        except NotFound:  # the graph was emptied: nothing in it says that this version is affected
            continue
        if not came.isdisjoint(seeds):
            return one
    return None


def covers(scope: Iterable[str], name: VersionName) -> bool:
    """Whether one of the scopes (`*`, `project`, `project/model`) holds the version."""
    own = Scope(name.model.project, name.model.model)
    return any(Scope.parse(text).covers(own) for text in scope)
