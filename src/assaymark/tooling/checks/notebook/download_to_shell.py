"""TLG002."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.tooling.notebook import UnseenCode


@check("TLG002", layer=Layer.TOOLING, severity=Severity.HIGH, since="0.1", refs=("CWE:494", "CWE:829"))
def notebook_runs_a_download(code: UnseenCode) -> Iterator[Hit]:
    """A notebook cell runs a script straight from the network.

    Why: Whoever holds the address, or the way to it, decides at that moment what runs with the notebook's rights.
    Fix: Download to a file, compare its sha256 with a value kept in the notebook, then run it: `!curl -fsSLo i.sh URL
        && echo "SHA256  i.sh" | sha256sum -c && sh i.sh`. Better: bake the tool into the environment.
    """
    yield Hit(f"cell {code.cell} {code.does}", line=code.line, symbol=code.excerpt[:200], excerpt=code.excerpt)
