"""MDL244."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.origin.incidents import Match
from assaymark.model.origin.views import Incidents


@check("MDL244", layer=Layer.MODEL, severity=Severity.HIGH, since="0.1", refs=("CWE:1395", "OWASP-LLM:LLM03"))
def known_incident(found: Incidents) -> Iterator[Hit]:
    """An advisory names these very bytes, or this revision.

    Why: It matched by a digest or by a commit: the record speaks of this model, its base or a file of it, and not of a namesake.
    Fix: Do what the advisory says; until then do not load the model, and quarantine what was made from it.
    """
    for one in found.incidents:
        if one.match is Match.EXACT and one.advisory.severity >= Severity.HIGH:
            record = one.advisory
            yield Hit(
                f"{record.id} ({record.severity.word}) names the {one.thing.role}, by {one.by}: {record.summary}",
                symbol=record.id,
            )
