"""MDL085: CRC and size against content."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.archive import Mismatch


@check(
    "MDL085",
    layer=Layer.MODEL,
    severity=Severity.MEDIUM,
    holds=True,
    since="0.1",
    refs=("CWE:354", "CVE:CVE-2025-10156"),
)
def content_mismatch(member: Mismatch) -> Iterator[Hit]:
    """The content of a member is not what its header declares.

    Why: It was damaged or changed after it was packed. PyTorch loads it all the same, while tools that check the CRC
    stop before they look at it.
    Fix: Fetch the archive again and compare its digest with the publisher's; `unzip -t FILE` shows every such member.
    """
    message = f"{member.field} of {member.name!r}: declared {member.declared}, content has {member.actual}"
    yield Hit(message, offset=member.offset, symbol=f"{member.name} {member.field}")
