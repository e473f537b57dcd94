"""MDL102."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.huggingface.views import CodeReference


@check(
    "MDL102", layer=Layer.MODEL, severity=Severity.HIGH, since="0.1", refs=("CWE:829", "CWE:494", "ATLAS:AML.T0010.003")
)
def configuration_names_foreign_code(reference: CodeReference) -> Iterator[Hit]:
    """A configuration takes its code from another repository.

    Why: Nothing in this folder, nor its digest, says what that code is. Its owner can change it after your review.
    Fix: Copy the file here, read it, and name it without `owner/name--`: `"AutoModel": "modeling_x.XModel"`. Until then
        pin it when loading: `code_revision="<commit>"`.
    """
    if reference.repository:
        yield Hit(
            f"{reference.key} has the loader import code of {reference.repository[:100]}: {reference.named[:200]}",
            line=reference.line,
            symbol=f"{reference.key}: {reference.named[:200]}",
        )
