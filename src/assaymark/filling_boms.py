"""Bills of materials of what no version here is (datasets, bases, vendors' models), taken into the graph."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from assaymark.core.digest import sha256
from assaymark.core.envelope import Envelope, Verifier
from assaymark.core.errors import Conflict, Malformed, Untrusted, UsageError
from assaymark.filling import opened
from assaymark.registrar import Registrar
from assaymark.registry.graph_tables import boms, gaps
from assaymark.registry.work import EVENT, Work

_LONGEST = 200


def add(
    registrar: Registrar, document: bytes, series: str = "", keys: Sequence[Verifier] = (), actor: str = ""
) -> dict[str, Any]:
    """Take a document, or one in an envelope that one of the keys, else one of the trust root, signed.

    A plain document is taken as what nobody signed, and is marked so. A later one of the series, by the same signers, ends
    what it does not repeat. Raises Untrusted, Malformed, Conflict.
    """
    if len(series) > _LONGEST or not series.isprintable():
        raise UsageError(f"{series[:40]!r} is no name of a series", step=f"at most {_LONGEST} characters")
    with registrar.look() as work:
        digest, signers = _looked_at(work, document, keys)
    opened(document)  # what cannot be read is refused, and nothing of it kept
    blob, _ = registrar.store.put(document)
    said = " ".join(sorted(signers))
    with registrar.work() as work:
        if work.connection.execute(sa.select(boms.c.id).where(boms.c.digest == digest)).first() is not None:
            raise Conflict(f"{digest} is here already")
        values = {"digest": digest, "blob": blob, "series": series, "signers": said, "added_by": actor, "at": work.at}
        made = boms.insert().values(**values).returning(boms.c.id)
        number = int(work.connection.execute(made).scalar_one())
        work.append({
            "schema": EVENT, "type": "bom", "at": work.at, "actor": actor, "digest": digest, "series": series,
            "signers": sorted(signers),
        })  # fmt: skip
        work.learn("bom", number)
        gap = work.connection.execute(sa.select(gaps.c.why).where(gaps.c.document == f"bom:{digest}")).scalar()
    return {"bom": digest, "series": series, "signed_by": said or "nobody", **({"gap": gap} if gap else {})}


def _looked_at(work: Work, document: bytes, keys: Sequence[Verifier]) -> tuple[str, frozenset[str]]:
    """The digest of what is said, and who signed it."""
    try:
        envelope = Envelope.from_json(document)
    except Malformed:
        if keys:
            raise Untrusted("this is no envelope, so no key signed it", step="leave --key out, or sign it") from None
        return str(sha256(document)), frozenset()
    from assaymark.bom.signed import opened as signed

    trusted = list(keys) or ([key.verifier for key in work.root.keys.values()] if work.root else [])
    signed(document, trusted)
    return str(sha256(envelope.payload)), frozenset(envelope.signers({key.keyid: key for key in trusted}))
