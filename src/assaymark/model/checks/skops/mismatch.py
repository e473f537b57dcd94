"""MDL179."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.skops.schema import SkopsView


@check(
    "MDL179",
    layer=Layer.MODEL,
    severity=Severity.CRITICAL,
    since="0.1",
    refs=("CWE:502", "CWE:843", "CVE:CVE-2025-54412", "CVE:CVE-2025-54413"),
)
def mismatch(schema: SkopsView) -> Iterator[Hit]:
    """A node of a skops file does something else than it says.

    Why: The user is shown one type and asked to trust it, the loader calls another one: how CVE-2025-54412 and
    CVE-2025-54413 run code in skops before 0.12 although no untrusted type is shown. skops writes no such node.
    Fix: Do not load it. Upgrade skops to 0.12 or later wherever files of strangers are loaded.
    """
    for deed in schema.of("mismatch"):
        yield Hit(f"{deed.target} ({deed.loader}) {deed.does}", symbol=deed.target, excerpt=deed.loader)
