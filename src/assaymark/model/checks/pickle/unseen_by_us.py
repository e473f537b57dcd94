"""MDL009."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.crosscheck import CrossCheck


@check(
    "MDL009",
    layer=Layer.MODEL,
    severity=Severity.CRITICAL,
    since="0.1",
    refs=("CWE:502", "CWE:436", "ATLAS:AML.T0011.000"),
)
def pickle_is_read_otherwise_by_python(found: CrossCheck) -> Iterator[Hit]:
    """Python's own unpickler does with a pickle what our reading of it did not see.

    Why: Every pickle is read twice: by us, and by Python's unpickler in a locked-down process where all that it imports
    is a dummy. A file on which the two differ is made to be seen otherwise by scanners than by loaders.
    Fix: Do not load it. If a library wrote it, report it: then our reading is wrong.
    """
    for name in found.unseen:
        yield Hit(f"the unpickler asks for {name}, which our reading did not see", symbol=name, excerpt=name)
    for offset, how in found.elsewhere:
        yield Hit(f"the unpickler {how}", offset=offset, symbol="read otherwise")
