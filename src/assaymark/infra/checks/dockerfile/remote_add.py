"""INF006: aDD fetches something remote without a checksum."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.infra.dockerfile import Added


@check("INF006", layer=Layer.INFRA, severity=Severity.MEDIUM, since="0.1", refs=("CWE:494", "ATLAS:AML.T0010"))
def remote_add(added: Added) -> Iterator[Hit]:
    """ADD fetches something remote without a checksum.

    Why: Whoever controls the address, or answers for it, decides what is in the image; no check notices a change.
    Fix: `ADD --checksum=sha256:<64 characters> https://…`, or for a repository the full commit: `ADD https://host/repo.git#<commit>`.
    """
    if not added.fixed:
        yield Hit(f"ADD {added.url} without a checksum", line=added.line, symbol=added.url, excerpt=added.excerpt)
