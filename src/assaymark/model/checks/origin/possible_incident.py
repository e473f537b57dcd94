"""MDL245."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.origin.incidents import Match
from assaymark.model.origin.views import Incidents


@check("MDL245", layer=Layer.MODEL, severity=Severity.MEDIUM, since="0.1", refs=("CWE:1395", "OWASP-LLM:LLM03"))
def possible_incident(found: Incidents) -> Iterator[Hit]:
    """An advisory may speak of this model, or speaks of something less than severe.

    Why: It matched by a name alone, which others may have too, or it names these bytes and calls it less than high.
    Fix: Read the advisory and compare the digests or the revision that it means.
    """
    for one in found.incidents:
        if one.match is Match.EXACT and one.advisory.severity >= Severity.HIGH:
            continue
        how = "names" if one.match is Match.EXACT else "possibly speaks of"
        record = one.advisory
        yield Hit(
            f"{record.id} ({record.severity.word}) {how} the {one.thing.role}, by {one.by}: {record.summary}",
            symbol=record.id,
        )
