"""VEX of a registry: how each of its versions stands to one cause, by the graph and by the bills of materials that are stored."""

import json
from collections.abc import Collection, Iterator
from typing import Any

import sqlalchemy as sa

from assaymark.bom import formats, graph_walk, vex
from assaymark.bom.document import Bom
from assaymark.bom.vex import Said, Stand
from assaymark.core import bom
from assaymark.core.errors import AssayError, OverBudget
from assaymark.core.graph import EdgeKind, NodeKind
from assaymark.registry import containment, listed, tables, versions
from assaymark.registry.containment import Asked
from assaymark.registry.holding import covers
from assaymark.registry.work import Work

MOST = 50_000
"""Versions of one document."""
_LAYER = {NodeKind.LIBRARY: {NodeKind.LIBRARY, NodeKind.ENVIRONMENT}}
"""Kinds of causes whose absence a bill of materials can prove, and the components that it has to have."""


def document(work: Work, asked: Asked, form: str, author: str) -> dict[str, Any]:
    """The document in `openvex` or `cyclonedx`, of every version in the scope that is sealed and not deleted."""
    said = sorted(_said(work, asked))
    write = vex.openvex if form == "openvex" else vex.cyclonedx
    return write(asked.what, said, work.at, author)


def _said(work: Work, asked: Asked) -> Iterator[Said]:
    known = containment.closure(work, asked)
    sure = [node for node, is_sure in known.seeds.items() if is_sure]
    surely = (
        known.hits
        if len(sure) == len(known.seeds)
        else (work.graph.affected(work.connection, sure) if work.graph else {})
    )
    kinds = {one.kind for one in graph_walk.described(work.connection, known.seeds)}
    wanted = sa.select(tables.versions.c.id).where(
        tables.versions.c.digest.is_not(None), tables.versions.c.state != "tombstone"
    )
    ids = list(work.connection.execute(wanted.limit(MOST + 1)).scalars())
    if len(ids) > MOST:
        raise OverBudget(f"more than {MOST:,} versions", step="one project at a time: --project")
    for row in containment.rows_of(work.connection, ids):
        if not covers(asked.scope, containment.name_of(row)):
            continue
        if row.id in surely:
            action = "It is quarantined: do not load it." if row.state in {"quarantined", "revoked"} else (
                "Do not load it; stop it with: assay registry quarantine --affected-by."
            )  # fmt: skip
            yield Said(row.title, row.digest, Stand.AFFECTED, "", action)
        elif row.id in known.hits:
            why = "It may be affected: a version of what it needs cannot be read or is not known."
            yield Said(row.title, row.digest, Stand.UNDER_INVESTIGATION, why)
        elif _is_proven(work, row, kinds):
            why = "A verified bill of materials that knows all of its libraries does not name it."
            yield Said(row.title, row.digest, Stand.NOT_AFFECTED, why)
        else:
            why = "No bill of materials proves that it is absent."
            yield Said(row.title, row.digest, Stand.UNDER_INVESTIGATION, why)


def _is_proven(work: Work, row: Any, kinds: Collection[NodeKind]) -> bool:
    """Whether a stored bill of materials that counts shows that nothing of these kinds was left out.

    It lists libraries that are locked, has no gap of them or of the model's origin, the model was made from no other one and
    runs in no image: those would bring their own.
    """
    if not kinds or not set(kinds) <= _LAYER.keys():
        return False
    try:
        known = listed.signers(work.trust, row.project, work.at)
        given = [one for one in versions.evidence_of(work, row.id) if one.statement.predicate_type in bom.TYPES]
        trusted = [one for one in given if one.evidence.signers & known.keys()]
        documents = [formats.read(json.dumps(dict(one.statement.predicate)).encode(), "bom") for one in trusted]
    except AssayError:
        return False
    return bool(documents) and all(_is_whole(one) for one in documents)


def _is_whole(said: Bom) -> bool:
    kinds = {component.ref: component.kind for component in said.components}
    own = {NodeKind.LIBRARY, NodeKind.ENVIRONMENT}
    if "assaymark" not in dict(said.tools) or not own <= set(kinds.values()) or NodeKind.IMAGE in kinds.values():
        return False  # in an image, who knows what is installed
    if any(link.kind is EdgeKind.DESCENDANT_OF for link in said.relations):
        return False
    return not any(
        gap.what in {"libraries", "descendantOf"} or kinds.get(gap.ref) in own or gap.what.startswith("line ")
        for gap in said.gaps
    )
