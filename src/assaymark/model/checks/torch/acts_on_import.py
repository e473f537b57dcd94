"""MDL134."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.source.python_deeds import Deed
from assaymark.core.subject import Layer
from assaymark.model.torch.views import BundledAct


@check(
    "MDL134",
    layer=Layer.MODEL,
    severity=Severity.CRITICAL,
    since="0.1",
    refs=("CWE:94", "CWE:829", "ATLAS:AML.T0010.003"),
)
def bundled_code_acts_on_import(act: BundledAct) -> Iterator[Hit]:
    """Code in a model archive starts programs, runs data as code, unpickles or dials out as soon as it is imported.

    Why: The loader of the archive imports it before a single weight is read. A handler or a model class needs none of that to
        be defined.
    Fix: Do not load the archive, and do not serve it. Report it to its host and look where it was loaded.
    """
    if act.on_import and act.deed in _ACTS:
        message = f"{act.name} {act.deed.value} when this code of the {act.bundle} is imported"
        yield Hit(message, line=act.line, symbol=act.name, excerpt=act.excerpt)


_ACTS = (Deed.PROCESS, Deed.EXECUTION, Deed.UNPICKLING, Deed.NATIVE, Deed.NETWORK)
