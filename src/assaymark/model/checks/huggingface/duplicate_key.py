"""MDL109."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.huggingface.views import DuplicateKey


@check("MDL109", layer=Layer.MODEL, severity=Severity.MEDIUM, holds=True, since="0.1", refs=("CWE:436",))
def key_stands_twice(duplicate: DuplicateKey) -> Iterator[Hit]:
    """A configuration gives one key two values.

    Why: Python takes the last, other parsers the first or none: a reviewer and a loader read different settings.
    Fix: Keep one of the two lines and write the file again with `json.dump`.
    """
    yield Hit(
        f"{duplicate.key} is first {duplicate.first}, then {duplicate.last}", line=duplicate.line, symbol=duplicate.key
    )
