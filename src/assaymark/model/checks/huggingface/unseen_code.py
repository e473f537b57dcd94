"""MDL116."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.huggingface.views import UnseenCode


@check(
    "MDL116",
    layer=Layer.MODEL,
    severity=Severity.MEDIUM,
    holds=True,
    since="0.1",
    refs=("CWE:829", "CWE:494", "ATLAS:AML.T0010.003"),
)
def code_loads_code_unseen(unseen: UnseenCode) -> Iterator[Hit]:
    """Code is loaded from where it cannot be looked at.

    Why: Another repository, a native module or a file that is found at run time: nothing of it is covered by this look.
    Fix: Copy the code here and import it by its name, or pin it (`code_revision="<commit>"`, `owner/name@<commit>`) and scan
        that commit of it.
    """
    if not unseen.pinned:
        at = f" at {unseen.revision}" if unseen.revision else ""
        yield Hit(f"{unseen.what}: {unseen.where}{at}", line=unseen.line, symbol=f"{unseen.what}: {unseen.where}")
