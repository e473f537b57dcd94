"""DAT008."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.data.scripts import DatasetScript


@check(
    "DAT008", layer=Layer.DATA, severity=Severity.HIGH, since="0.1", refs=("CWE:94", "CWE:494", "ATLAS:AML.T0010.002")
)
def dataset_script_does_harm(script: DatasetScript) -> Iterator[Hit]:
    """A dataset's loading script starts programs, runs data as code, or fetches past the library's own download.

    Why: A loading script yields rows. Nothing of that needs a process, `eval`, a pickle or a connection of its own, and
    what comes over plain http or ftp may be changed on its way.
    Fix: Do not load it. Read the lines named here; if the data is needed, convert it in a sandbox without network.
    """
    for act in script.acts:
        when = " on import" if act.on_import else ""
        yield Hit(f"{act.name} {act.deed.value}{when}", line=act.line, symbol=act.name, excerpt=act.excerpt)
    for address in script.plain:
        yield Hit(f"fetches {address} without TLS", symbol=address)
