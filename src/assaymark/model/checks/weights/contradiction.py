"""MDL220."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.weights.views import Declarations


@check("MDL220", layer=Layer.MODEL, severity=Severity.LOW, since="0.1", refs=("CWE:1284",))
def declaration_contradicts_tensors(declared: Declarations) -> Iterator[Hit]:
    """What is declared of the tensors is not what they are.

    Why: Loaders size their buffers, choose types and initialise what is missing by the declaration; a file that was exchanged
    or edited after it was made shows here first.
    Fix: Fetch all files of one revision again. If you are the producer, write them with one `save_pretrained` call.
    """
    for said in declared.contradictions:
        yield Hit(f"{said.what} is declared as {said.declared}, there are {said.actual}", symbol=said.what)
