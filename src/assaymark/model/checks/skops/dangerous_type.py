"""MDL177."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.skops.schema import SkopsView


@check(
    "MDL177",
    layer=Layer.MODEL,
    severity=Severity.CRITICAL,
    since="0.1",
    refs=("CWE:502", "ATLAS:AML.T0011.000", "OWASP-LLM:LLM03"),
)
def dangerous_type(schema: SkopsView) -> Iterator[Hit]:
    """A skops file names something dangerous to import.

    Why: `skops.io.load` imports the classes and functions that the schema names and calls them with what the file holds.
    This name runs commands or code, or reaches the network or the file system; one `trusted=` too many lets it.
    Fix: Do not load it, and trust none of its types. Ask the producer for a file of scikit-learn estimators only.
    """
    for deed in schema.of("dangerous"):
        yield Hit(f"{deed.target} ({deed.loader}) {deed.does}", symbol=deed.target, excerpt=deed.loader)
