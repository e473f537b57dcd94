"""MDL135."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.source.python_deeds import Deed
from assaymark.core.subject import Layer
from assaymark.model.torch.views import BundledAct


@check(
    "MDL135", layer=Layer.MODEL, severity=Severity.HIGH, since="0.1", refs=("CWE:94", "CWE:829", "ATLAS:AML.T0010.003")
)
def bundled_code_acts_in_use(act: BundledAct) -> Iterator[Hit]:
    """Code in a model archive can start programs, run data as code, delete files or hide what it calls.

    Why: It does so when the model is made or asked, with the rights of whoever serves it.
    Fix: Read the lines named here before you serve it; ask the author for a version without them.
    """
    if act.hidden or (act.deed in _IN_USE and not (act.on_import and act.deed in _SAID_ELSEWHERE)):
        place = f"in {act.within}" if act.within else "in the file"
        message = f"{act.name} {act.deed.value} {place}, code of a {act.bundle}"
        yield Hit(message, line=act.line, symbol=f"{act.within} {act.name}", excerpt=act.excerpt)


_SAID_ELSEWHERE = (Deed.PROCESS, Deed.EXECUTION, Deed.UNPICKLING, Deed.NATIVE)
"""MDL134 speaks of these where they run on import."""
_IN_USE = (Deed.PROCESS, Deed.EXECUTION, Deed.NATIVE, Deed.DELETION)
