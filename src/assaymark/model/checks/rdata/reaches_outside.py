"""MDL185."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.rdata.serialized import RView


@check("MDL185", layer=Layer.MODEL, severity=Severity.HIGH, since="0.1", refs=("CWE:73", "CWE:502"))
def reaches_outside(r: RView) -> Iterator[Hit]:
    """An R object reaches files of the machine while it is read.

    Why: Reading the object maps a file that it names into memory, or loads a package from a folder of its choice: local
    data is disclosed or code runs before anybody uses the object. `saveRDS` writes neither of honest data.
    Fix: Do not read it. Ask the producer for the object saved anew on a machine without such paths.
    """
    for deed in r.of("mmap", "package"):
        yield Hit(f"{deed.name} {deed.does}", offset=deed.offset, symbol=deed.name)
