"""A signed bill of materials, opened: who does not trust one of its signers does not see it."""

import json
from collections.abc import Sequence

from assaymark.bom.compare.matching import digests_of
from assaymark.bom.document import Bom
from assaymark.bom.formats import read
from assaymark.core.bom import TYPES
from assaymark.core.envelope import Envelope, Verifier
from assaymark.core.errors import Untrusted
from assaymark.core.evidence import read_statement

_STEP = "sign it about the model that it is of: assay bom sign BOM --model PATH --key KEY"


def opened(data: bytes, keys: Sequence[Verifier]) -> Bom:
    """The document in an envelope that one of the keys signed; raises Untrusted, Malformed.

    The signature has to be about the thing that the document is about: a statement on something else vouches for nothing here.
    """
    envelope = Envelope.from_json(data)
    envelope.verify(keys)
    said = read_statement(envelope)
    if said.predicate_type not in TYPES:
        raise Untrusted(
            f"{said.predicate_type!r:.100} is no bill of materials", step=f"known are {', '.join(sorted(TYPES))}"
        )
    bom = read(json.dumps(said.predicate, ensure_ascii=False).encode(), "signed document")
    subject = bom.by_ref.get(bom.subject)
    known = (
        {digest.rpartition(":")[2] for values in digests_of(subject).values() for digest in values}
        if subject
        else set()
    )
    if not any(str(one.digest).rpartition(":")[2] in known for one in said.subjects):
        raise Untrusted("it is signed about something else than the document is about", step=_STEP)
    return bom
