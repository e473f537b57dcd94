"""MDL101."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.source.python import Deed
from assaymark.core.subject import Layer
from assaymark.model.huggingface.views import RepositoryAct


@check(
    "MDL101",
    layer=Layer.MODEL,
    severity=Severity.CRITICAL,
    since="0.1",
    refs=("CWE:94", "CWE:829", "ATLAS:AML.T0010.003"),
)
def repository_code_acts_on_import(act: RepositoryAct) -> Iterator[Hit]:
    """Code that a loader imports starts programs, runs data as code, unpickles or dials out as soon as it is imported.

    Why: A model class needs none of that to be defined. It runs before a single weight is read.
    Fix: Do not load it with `trust_remote_code=True`. Report the repository to the hub and look where it was loaded.
    """
    if act.on_import and act.deed in _ACTS:
        yield Hit(
            f"{act.name} {act.deed.value} when the file is imported",
            line=act.line,
            symbol=act.name,
            excerpt=act.excerpt,
        )


_ACTS = (Deed.PROCESS, Deed.EXECUTION, Deed.UNPICKLING, Deed.NATIVE, Deed.NETWORK)
