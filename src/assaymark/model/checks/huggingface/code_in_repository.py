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
    """A model folder names Python code of its own for the loader to import.

    Why: The loader imports it with your rights. What it does was followed through its calls and its data; whether a
    stranger's program should run is for a person to say, and a file that is not here was not seen at all.
    Fix: Read the files and pin the revision you read (`revision="<commit>"`), or use a class that the library brings and
        delete the key. Accept it with a reasoned, expiring ignore.
    """
    if reference.repository or (reference.key in _USUAL and reference.file and not reference.fault):
        return
    if reference.fault:
        said = f"{reference.file}, which cannot be read whole: {reference.fault}"
    elif reference.file:
        found = ", ".join(reference.does) or "does nothing that its calls or its data give away"
        said = f"{reference.file}, which {found} ({reference.files} files read; runs {reference.flag})"
    else:
        said = f"{reference.named[:200]}, which is not in this folder"
    yield Hit(
        f"{reference.key} has the loader import {said}",
        line=reference.line,
        symbol=f"{reference.key}: {reference.named[:200]}",
    )


_USUAL = frozenset(
    {"app_file", "handler.py", "__init__.py", "custom.py", "conftest.py", "sitecustomize.py", "usercustomize.py"}
)
"""An application, a service's handler and a spaCy package are programs openly: judged by what they do."""
