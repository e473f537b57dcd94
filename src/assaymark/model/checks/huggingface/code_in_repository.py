"""MDL100."""

from collections.abc import Iterator

from assaymark.core.check import check
from assaymark.core.finding import Hit, Severity
from assaymark.core.subject import Layer
from assaymark.model.huggingface.views import CodeReference


@check(
    "MDL100",
    layer=Layer.MODEL,
    severity=Severity.MEDIUM,
    holds=True,
    since="0.1",
    refs=("CWE:829", "ATLAS:AML.T0010.003"),
)
def configuration_names_code(reference: CodeReference) -> Iterator[Hit]:
    """A configuration names Python code of this repository for the loader to import.

    Why: With `trust_remote_code=True` the library imports it with your rights. What it does was read here as far as
    names tell; only a person can say whether it should.
    Fix: Read the file and pin the revision you read (`revision="<commit>"`), or use a class that the library brings and
        delete the key. Accept it with a reasoned, expiring ignore.
    """
    if reference.repository:
        return
    if reference.fault:
        said = f"{reference.file}, which cannot be read: {reference.fault}"
    elif reference.file:
        said = f"{reference.file}, which {', '.join(reference.does) or 'does nothing that a known name gives away'}"
    else:
        said = f"{reference.named}, which is not in this folder"
    yield Hit(
        f"{reference.key} has the loader import {said}",
        line=reference.line,
        symbol=f"{reference.key}: {reference.named}",
    )
