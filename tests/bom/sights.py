"""A Sight over files in memory, as `assay bom build` makes it over a folder."""

import hashlib
import time
from collections.abc import Mapping

from assaymark.bom.build import libraries
from assaymark.bom.build.draft import Draft, Sight
from assaymark.bom.build.infra import gather as infra
from assaymark.bom.build.tooling import gather as tooling
from assaymark.bom.document import Bom, Component, Status
from assaymark.core.budget import Budget, Limits
from assaymark.core.graph import EdgeKind, NodeKind
from assaymark.storage.spool import FileSpool
from tests.conftest import MemoryTree


def sight(contents: Mapping[str, bytes | str], name: str = "model") -> Sight:
    data = {path: text.encode() if isinstance(text, str) else text for path, text in contents.items()}
    digests = {path: hashlib.sha256(content).hexdigest() for path, content in data.items()}
    budget = Budget(Limits(seconds=60), monotonic=time.monotonic, spool=FileSpool)
    return Sight(MemoryTree(data), digests, name, "", budget)


def built(contents: Mapping[str, bytes | str], name: str = "model") -> Bom:
    """The BOM of the three gatherers, for a folder that is one model."""
    seen, draft = sight(contents, name), Draft()
    root = draft.component(NodeKind.MODEL, f"model:{name}")
    root.say("name", name, Status.OBSERVED)
    draft.subject = root.ref
    for gatherer in (libraries, infra, tooling):
        gatherer.gather(seen, draft)
    return draft.finished(())


def edges(bom: Bom, kind: EdgeKind) -> set[tuple[str, str]]:
    return {(r.source, r.target) for r in bom.relations if r.kind is kind}


def libraries_of(bom: Bom) -> dict[str, Component]:
    return {c.ref: c for c in bom.components if c.kind is NodeKind.LIBRARY}


def gaps(bom: Bom) -> set[tuple[str, str]]:
    return {(gap.ref, gap.what) for gap in bom.gaps}
