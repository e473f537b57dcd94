"""MDL110."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.source.python import Deed
from assaymark.core.subject import Layer
from assaymark.model.huggingface.views import RepositoryAct


@check(
    "MDL110", layer=Layer.MODEL, severity=Severity.HIGH, since="0.1", refs=("CWE:94", "CWE:829", "ATLAS:AML.T0010.003")
)
def repository_code_acts_in_use(act: RepositoryAct) -> Iterator[Hit]:
    """Code that a loader imports can start programs, run data as code, unpickle, delete files or hide what it calls.

    Why: It does so when the model is made or called, with the rights of whoever serves it.
    Fix: Read the lines named here before you load it with `trust_remote_code=True`; ask the author for a version
        without them (`torch.load(..., weights_only=True)`, safetensors, no `eval`).
    """
    said_elsewhere = act.mild or (act.on_import and act.deed in _ALWAYS and not act.hidden)
    if not said_elsewhere and (act.hidden or act.deed in (*_ALWAYS, Deed.DELETION)):
        yield Hit(
            f"{act.name} {act.deed.value} {act.when}",
            line=act.line,
            symbol=f"{act.within} {act.name}",
            excerpt=act.excerpt,
        )


_ALWAYS = (Deed.PROCESS, Deed.EXECUTION, Deed.UNPICKLING, Deed.NATIVE)
"""MDL101 speaks of these where they run on import."""
