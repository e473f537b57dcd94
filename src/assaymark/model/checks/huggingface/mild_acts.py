"""MDL112."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.huggingface.views import RepositoryAct


@check("MDL112", layer=Layer.MODEL, severity=Severity.LOW, since="0.1", refs=("CWE:502",))
def repository_code_reads_or_deletes_files(act: RepositoryAct) -> Iterator[Hit]:
    """Code that a loader imports reads pickled tensors, or deletes files that its caller names.

    Why: `torch.load` refuses code by default only since torch 2.6; before that the file it reads may run any.
    Fix: Write `torch.load(path, weights_only=True)`, or keep the tensors as safetensors.
    """
    if act.mild:
        yield Hit(
            f"{act.name} {act.deed.value} {act.when}",
            line=act.line,
            symbol=f"{act.within} {act.name}",
            excerpt=act.excerpt,
        )
