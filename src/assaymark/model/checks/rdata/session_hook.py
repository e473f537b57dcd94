"""MDL184."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.rdata.serialized import RView


@check("MDL184", layer=Layer.MODEL, severity=Severity.HIGH, since="0.1", refs=("CWE:94", "ATLAS:AML.T0011.000"))
def session_hook(r: RView) -> Iterator[Hit]:
    """An R workspace defines a function that R calls by itself.

    Why: R loads `.RData` from the folder it is started in and calls `.First`; `.Last` is called when it quits. Nobody has
    to use the model for it to run.
    Fix: Do not start R in this folder. Take the objects you need with `load(file, envir = new.env())` in a container and
    save them anew with `saveRDS`.
    """
    for deed in r.of("hook"):
        yield Hit(f"the workspace defines {deed.name}, which {deed.does}", offset=deed.offset, symbol=deed.name)
